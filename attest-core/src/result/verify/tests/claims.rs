//! Claims under a good signature that do not count: nonces, times, profiles, marks, and a status better than its parts.

use super::*;

#[test]
fn a48_the_nonce_is_one_byte_string_or_not_there() {
    let signer = Signer::new();
    let malformed = Err(Error::ClaimMalformed { claim: "eat_nonce" });
    for nonce in [json!(["AAAA"]), json!(7), json!("not base64!"), json!("AAA="), json!(null)] {
        assert_eq!(signer.check_claims(|c| c["eat_nonce"] = nonce.clone()), malformed, "{nonce}");
    }
    let token = good_ear().to_jwt(&signer).unwrap();
    let with = |nonce| {
        let expectations = Expectations { nonce: Some(nonce), ..Expectations::default() };
        signer.verifier().verify_jwt(&token, Timestamp::from_unix(NOW), &expectations)
    };
    assert!(with(&NONCE[..]).is_ok());
    assert_eq!(with(&NONCE[..31]), Err(Error::NonceUnexpected));
    assert_eq!(with(&[0; 32]), Err(Error::NonceUnexpected));
    assert_eq!(with(&[]), Err(Error::NonceUnexpected));
    let none = Ear::new(
        &{
            let mut v = refused();
            v.proven = None;
            v
        },
        &context(),
    )
    .to_jwt(&signer)
    .unwrap();
    let expectations = Expectations { nonce: Some(&NONCE), ..Expectations::default() };
    let got = signer.verifier().verify_jwt(&none, Timestamp::from_unix(NOW), &expectations);
    assert_eq!(got, Err(Error::NonceUnexpected));
}

#[test]
fn a49_times_missing_or_beyond_reason_are_refused() {
    let signer = Signer::new();
    for claim in ["exp", "iat"] {
        let missing = signer.check_claims(|c| drop(c.as_object_mut().unwrap().remove(claim)));
        assert_eq!(missing, Err(Error::ClaimMissing { claim }));
        for value in [json!(-1), json!(1.5), json!(1e300), json!("1790000000"), json!(null), json!([1])] {
            assert_eq!(
                signer.check_claims(|c| c[claim] = value.clone()),
                Err(Error::ClaimMalformed { claim }),
                "{value}"
            );
        }
    }
    assert_eq!(signer.check_claims(|c| c["exp"] = json!(u64::MAX)), Err(Error::LifetimeUnexpected));
    assert_eq!(signer.check_claims(|c| c["exp"] = json!(NOW + 86_401)), Err(Error::LifetimeUnexpected));
    assert_eq!(signer.check_claims(|c| c["exp"] = json!(NOW)), Err(Error::LifetimeUnexpected));
    assert!(signer.check_claims(|c| c["exp"] = json!(NOW + 86_400)).is_ok());
    let from = |seconds| Err(Error::NotYetValid { from: Timestamp::from_unix(NOW + seconds) });
    assert_eq!(signer.check_claims(|c| c["iat"] = json!(NOW + 61)), from(61));
    assert_eq!(signer.check_claims(|c| c["nbf"] = json!(NOW + 61)), from(61));
    assert!(signer.check_claims(|c| c["iat"] = json!(NOW + 60)).is_ok());
    assert_eq!(signer.check_claims(|c| c["nbf"] = json!("x")), Err(Error::ClaimMalformed { claim: "nbf" }));
}

#[test]
fn a49_an_expired_result_is_refused_without_grace() {
    let signer = Signer::new();
    let (jwt, cwt) = (good_ear().to_jwt(&signer).unwrap(), good_ear().to_cwt(&signer).unwrap());
    let at = |now| {
        let now = Timestamp::from_unix(now);
        let any = Expectations::default();
        (signer.verifier().verify_jwt(&jwt, now, &any), signer.verifier().verify_cwt(&cwt, now, &any))
    };
    assert!(matches!(at(NOW + 299), (Ok(_), Ok(_))));
    let expired = Error::Expired { expired: Timestamp::from_unix(NOW + 300) };
    assert_eq!(at(NOW + 300), (Err(expired.clone()), Err(expired)));
}

#[test]
fn a49_another_profile_or_type_is_refused() {
    let signer = Signer::new();
    let profile = "tag:github.com,2023:veraison/ear";
    assert_eq!(signer.check_claims(|c| c["eat_profile"] = json!(profile)), Err(Error::ProfileUnexpected));
    for typ in [json!("JWT"), json!("at+jwt"), json!(null)] {
        let mut header = signer.header();
        header["typ"] = typ;
        let token = signer.jwt(&header.to_string(), &good_ear().to_json().to_string());
        assert_eq!(signer.check(&token), Err(Error::TypeUnexpected));
    }
    let protected = Claim::Map(vec![
        (Label::new("alg", 1), Claim::Integer(-7)),
        (Label::new("kid", 4), Claim::Bytes(signer.public.id().as_bytes().to_vec())),
    ]);
    let token = signer.cwt(&protected.to_cbor(), &[0xa0], &good_ear().claims().to_cbor());
    assert_eq!(signer.check_cwt(&token), Err(Error::TypeUnexpected));
}

#[test]
fn a_development_mark_is_refused_unless_asked_for() {
    let signer = Signer::new();
    let mut verdict = good();
    verdict.golden.source = "development";
    let token = Ear::new(&verdict, &context()).to_jwt(&signer).unwrap();
    assert_eq!(signer.check(&token), Err(Error::Development));
    let expectations = Expectations { accept_development: true, ..Expectations::default() };
    let ear = signer.verifier().verify_jwt(&token, Timestamp::from_unix(NOW), &expectations).unwrap();
    assert!(ear.development());
    let missing = signer.check_claims(|c| drop(c.as_object_mut().unwrap().remove("attest_development")));
    assert_eq!(missing, Err(Error::ClaimMissing { claim: "attest_development" }));
}

#[test]
fn what_is_expected_must_be_there() {
    let signer = Signer::new();
    let mut context = context();
    context.audience = Some("vpn".into());
    let token = Ear::new(&good(), &context).to_jwt(&signer).unwrap();
    let check =
        |e: Expectations<'_>| signer.verifier().verify_jwt(&token, Timestamp::from_unix(NOW), &e).map(drop);
    let vpn = Expectations { audience: Some("vpn"), ..Expectations::default() };
    assert_eq!(check(vpn), Ok(()));
    assert_eq!(check(Expectations { audience: Some("wlan"), ..vpn }), Err(Error::AudienceUnexpected));
    assert_eq!(check(Expectations { audience: None, ..vpn }), Err(Error::AudienceUnexpected));
    assert_eq!(check(Expectations { device: Some("dev-0"), ..vpn }), Err(Error::DeviceUnexpected));
    assert_eq!(check(Expectations { family: Some("server"), ..vpn }), Err(Error::FamilyUnexpected));
    assert_eq!(
        check(Expectations { issuer: Some("https://x.example"), ..vpn }),
        Err(Error::IssuerUnexpected)
    );
    let all = Expectations {
        device: Some("dev-0123456789abcdef0123456789abcdef"),
        family: Some("debian-laptop"),
        issuer: Some("https://attest.example"),
        nonce: Some(&NONCE),
        ..vpn
    };
    assert_eq!(check(all), Ok(()));
    let plain = good_ear().to_jwt(&signer).unwrap();
    let got = signer.verifier().verify_jwt(&plain, Timestamp::from_unix(NOW), &vpn);
    assert_eq!(got, Err(Error::AudienceUnexpected));
}

#[test]
fn a_status_better_than_a_part_is_refused() {
    let signer = Signer::new();
    for part in ["boot", "runtime"] {
        let got = signer.check_claims(|c| c["submods"][part]["ear_status"] = json!("contraindicated"));
        assert_eq!(got, Err(Error::StatusInconsistent), "{part}");
        let missing = signer.check_claims(|c| drop(c["submods"].as_object_mut().unwrap().remove(part)));
        assert_eq!(missing, Err(Error::ClaimMissing { claim: part }));
    }
    for status in [json!("Affirming"), json!(2), json!(true), json!(null)] {
        let got = signer.check_claims(|c| c["ear_status"] = status.clone());
        assert_eq!(got, Err(Error::ClaimMalformed { claim: "ear_status" }), "{status}");
    }
    assert_eq!(
        signer.check_claims(|c| c["submods"]["boot"]["ear_trustworthiness_vector"]["hardware"] = json!(128)),
        Err(Error::ClaimMalformed { claim: "ear_trustworthiness_vector" })
    );
    assert_eq!(
        signer.check_claims(|c| c["cnf"] = json!({"jwk": {"kty": "oct", "k": "AAAA"}})),
        Err(Error::ClaimMalformed { claim: "cnf" })
    );
}
