#![expect(clippy::disallowed_methods, reason = "the tests sign, and signing needs randomness")]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    appraise::{Severity, Status},
    result::{
        Ear, Sign, SignError,
        claims::{Claim, Label, head},
        ear::tests::{NONCE, NOW, context, good, refused, subject},
        key::jwks,
        sign::sig_structure,
    },
};

struct Signer {
    pair: EcdsaKeyPair,
    public: VerifyingKey,
}

impl Signer {
    fn new() -> Self {
        let rng = SystemRandom::new();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(alg, &rng).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(alg, document.as_ref(), &rng).unwrap();
        let public = VerifyingKey::from_point(pair.public_key().as_ref()).unwrap();
        Self { pair, public }
    }

    /// A JWT with any header and payload, and a genuine signature.
    fn jwt(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.sign_es256(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A COSE_Sign1 with any headers and payload, and a genuine signature.
    fn cwt(&self, protected: &[u8], unprotected: &[u8], payload: &[u8]) -> Vec<u8> {
        let signature = self.sign_es256(&sig_structure(protected, payload)).unwrap();
        let mut token = vec![0xd2, 0x84];
        token.extend(Claim::Bytes(protected.to_vec()).to_cbor());
        token.extend_from_slice(unprotected);
        token.extend(Claim::Bytes(payload.to_vec()).to_cbor());
        token.extend(Claim::Bytes(signature.to_vec()).to_cbor());
        token
    }

    fn header(&self) -> Json {
        json!({"alg": "ES256", "kid": self.public.id(), "typ": "eat+jwt"})
    }

    fn protected(&self, alg: i64, more: Option<(i64, Claim)>) -> Vec<u8> {
        let mut entries = vec![
            (Label::new("alg", 1), Claim::Integer(alg)),
            (Label::new("kid", 4), Claim::Bytes(self.public.id().as_bytes().to_vec())),
            (Label::new("typ", 16), Claim::text("application/eat+cwt")),
        ];
        entries.extend(more.map(|(number, claim)| (Label::new("more", number), claim)));
        Claim::Map(entries).to_cbor()
    }

    fn verifier(&self) -> EarVerifier {
        EarVerifier::from_jwks(&jwks([&self.public]).to_string()).unwrap()
    }

    fn check(&self, token: &str) -> Result<AcceptedEar, Error> {
        self.verifier().verify_jwt(token, Timestamp::from_unix(NOW), &Expectations::default())
    }

    fn check_cwt(&self, token: &[u8]) -> Result<AcceptedEar, Error> {
        self.verifier().verify_cwt(token, Timestamp::from_unix(NOW), &Expectations::default())
    }

    /// The good claims with one change, genuinely signed.
    fn check_claims(&self, change: impl FnOnce(&mut Json)) -> Result<AcceptedEar, Error> {
        let mut claims = Ear::new(&good(), &context()).to_json();
        change(&mut claims);
        self.check(&self.jwt(&self.header().to_string(), &claims.to_string()))
    }
}

impl Sign for Signer {
    fn public_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign_es256(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).unwrap();
        Ok(signature.as_ref().try_into().unwrap())
    }
}

fn good_ear() -> Ear {
    Ear::new(&good(), &context())
}

#[test]
fn both_forms_of_a_good_result_are_accepted_and_say_the_same() {
    let signer = Signer::new();
    let jwt = signer.check(&good_ear().to_jwt(&signer).unwrap()).unwrap();
    let cwt = signer.check_cwt(&good_ear().to_cwt(&signer).unwrap()).unwrap();
    assert_eq!(jwt, cwt);
    assert_eq!(jwt.nonce(), Some(&NONCE[..]));
    assert_eq!(jwt.confirmation(), Some(&subject()));
    assert_eq!(jwt.boot().trust_vector(), &good().boot.trust_vector);
    assert_eq!(jwt.runtime().status(), Status::None);
    assert_eq!((jwt.golden().source.as_str(), jwt.golden().tier.as_deref()), ("release", Some("production")));
    assert_eq!((jwt.issued_at().unix(), jwt.expires().unix()), (NOW, NOW + 300));
    assert!(!jwt.development() && jwt.family() == "debian-laptop");
    let affirming = jwt.into_affirming().unwrap();
    assert_eq!(affirming.device(), "dev-0123456789abcdef0123456789abcdef");
    assert_eq!(affirming.ear(), &cwt);
}

#[test]
fn a_refused_device_is_accepted_as_a_result_and_never_as_permission() {
    let signer = Signer::new();
    let ear = Ear::new(&refused(), &context());
    let jwt = signer.check(&ear.to_jwt(&signer).unwrap()).unwrap();
    assert_eq!(Ok(jwt.clone()), signer.check_cwt(&ear.to_cwt(&signer).unwrap()));
    let refused = jwt.into_affirming().unwrap_err();
    assert_eq!(refused.status(), Status::Contraindicated);
    let first = &refused.boot().reasons()[0];
    assert_eq!(
        (first.code.as_str(), first.severity, first.pcr),
        ("golden_mismatch", Severity::Refuse, Some(4))
    );
    assert_eq!(first.component.as_deref(), Some("kernel"));
}

#[test]
fn permission_needs_a_device_and_a_judged_boot() {
    let signer = Signer::new();
    assert!(
        signer
            .check_claims(|c| drop(c.as_object_mut().unwrap().remove("sub")))
            .unwrap()
            .into_affirming()
            .is_err()
    );
    for status in ["none", "warning"] {
        let ear = signer.check_claims(|c| {
            c["ear_status"] = json!(status);
            c["submods"]["boot"]["ear_status"] = json!(status);
        });
        assert!(ear.unwrap().into_affirming().is_err(), "{status}");
    }
}

#[test]
fn a45_none_and_other_algorithms_are_refused() {
    let signer = Signer::new();
    let payload = good_ear().to_json().to_string();
    for alg in ["none", "None", "HS256", "ES384", "RS256", "PS256", "EdDSA", "es256", ""] {
        let mut header = signer.header();
        header["alg"] = json!(alg);
        assert_eq!(
            signer.check(&signer.jwt(&header.to_string(), &payload)),
            Err(Error::AlgorithmUnexpected),
            "{alg}"
        );
    }
    let header = json!({"kid": signer.public.id(), "typ": "eat+jwt"}).to_string();
    assert_eq!(signer.check(&signer.jwt(&header, &payload)), Err(Error::AlgorithmUnexpected));
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(signer.header().to_string()),
        URL_SAFE_NO_PAD.encode(&payload)
    );
    assert_eq!(signer.check(&unsigned), Err(Error::SignatureInvalid));
}

#[test]
fn a45_hmac_with_the_public_key_as_secret_is_refused() {
    let signer = Signer::new();
    for secret in [
        signer.public.spki_der(),
        signer.public.point().to_vec(),
        signer.public.jwk().to_string().into_bytes(),
    ] {
        let mut header = signer.header();
        header["alg"] = json!("HS256");
        let payload = good_ear().to_json().to_string();
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_eq!(signer.check(&token), Err(Error::AlgorithmUnexpected));
    }
}

#[test]
fn a45_a_signature_on_another_curve_is_refused() {
    let signer = Signer::new();
    let rng = SystemRandom::new();
    let alg = &ECDSA_P384_SHA384_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(alg, &rng).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(alg, document.as_ref(), &rng).unwrap();
    let token = signer.jwt(&signer.header().to_string(), &good_ear().to_json().to_string());
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = pair.sign(&rng, signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_eq!(signer.check(&token), Err(Error::SignatureInvalid));
}

#[test]
fn a45_alg_counts_only_in_the_protected_header() {
    let signer = Signer::new();
    let payload = good_ear().claims().to_cbor();
    let kid = (Label::new("kid", 4), Claim::Bytes(signer.public.id().as_bytes().to_vec()));
    let typ = (Label::new("typ", 16), Claim::text("application/eat+cwt"));
    let protected = Claim::Map(vec![kid, typ]).to_cbor();
    let token = signer.cwt(&protected, &[0xa1, 0x01, 0x26], &payload);
    assert_eq!(signer.check_cwt(&token), Err(Error::AlgorithmUnexpected));
    for alg in [-35, -8, -37, 5, 0, -19] {
        let token = signer.cwt(&signer.protected(alg, None), &[0xa0], &payload);
        assert_eq!(signer.check_cwt(&token), Err(Error::AlgorithmUnexpected), "{alg}");
    }
    // Even the right one must not stand in the unprotected header as well.
    let token = signer.cwt(&signer.protected(-7, None), &[0xa1, 0x01, 0x26], &payload);
    assert_eq!(signer.check_cwt(&token), Err(Error::HeaderUnexpected));
    assert!(signer.check_cwt(&signer.cwt(&signer.protected(-7, None), &[0xa0], &payload)).is_ok());
}

#[test]
fn a45_a_token_does_not_bring_its_own_key() {
    let (signer, thief) = (Signer::new(), Signer::new());
    let payload = good_ear().to_json().to_string();
    for (name, value) in [
        ("jwk", thief.public.jwk()),
        ("jku", json!("https://thief.example/jwks.json")),
        ("x5c", json!(["AAAA"])),
        ("b64", json!(false)),
    ] {
        let mut header = signer.header();
        header[name] = value;
        assert_eq!(
            signer.check(&thief.jwt(&header.to_string(), &payload)),
            Err(Error::HeaderUnexpected),
            "{name}"
        );
    }
    assert_eq!(signer.check(&thief.jwt(&thief.header().to_string(), &payload)), Err(Error::KeyUnknown));
    assert_eq!(
        signer.check(&thief.jwt(&signer.header().to_string(), &payload)),
        Err(Error::SignatureInvalid)
    );
    let cwt = Ear::new(&good(), &context()).to_cwt(&thief).unwrap();
    assert_eq!(signer.check_cwt(&cwt), Err(Error::KeyUnknown));
    let cwt = thief.cwt(&signer.protected(-7, None), &[0xa0], &good_ear().claims().to_cbor());
    assert_eq!(signer.check_cwt(&cwt), Err(Error::SignatureInvalid));
}

#[test]
fn a46_crit_is_refused() {
    let signer = Signer::new();
    let mut header = signer.header();
    header["crit"] = json!(["exp"]);
    let token = signer.jwt(&header.to_string(), &good_ear().to_json().to_string());
    assert_eq!(signer.check(&token), Err(Error::CritUnexpected));
    let crit = Claim::Array(vec![Claim::Integer(1)]);
    let token = signer.cwt(&signer.protected(-7, Some((2, crit))), &[0xa0], &good_ear().claims().to_cbor());
    assert_eq!(signer.check_cwt(&token), Err(Error::CritUnexpected));
}

#[test]
fn a46_a_claim_or_parameter_twice_is_refused() {
    let signer = Signer::new();
    let payload = good_ear().to_json().to_string();
    let twice = payload.replacen('{', r#"{"ear_status":"contraindicated","#, 1);
    let token = signer.jwt(&signer.header().to_string(), &twice);
    assert_eq!(signer.check(&token).map_err(|e| e.code()), Err("json_duplicate_name"));
    let header = signer.header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    assert_eq!(
        signer.check(&signer.jwt(&header, &payload)).map_err(|e| e.code()),
        Err("json_duplicate_name")
    );

    let mut payload = good_ear().claims().to_cbor();
    // One entry more in the map: 1000 (ear_status) once more, at the end.
    payload[0] += 1;
    payload.extend([0x19, 0x03, 0xe8, 0x18, 0x60]);
    let token = signer.cwt(&signer.protected(-7, None), &[0xa0], &payload);
    assert_eq!(signer.check_cwt(&token).map_err(|e| e.code()), Err("cbor_duplicate_key"));
}

#[test]
fn a46_bytes_after_the_token_or_its_parts_are_refused() {
    let signer = Signer::new();
    let mut cwt = good_ear().to_cwt(&signer).unwrap();
    cwt.push(0);
    assert_eq!(signer.check_cwt(&cwt).map_err(|e| e.code()), Err("cbor_trailing_bytes"));
    let mut payload = good_ear().claims().to_cbor();
    payload.push(0);
    let token = signer.cwt(&signer.protected(-7, None), &[0xa0], &payload);
    assert_eq!(signer.check_cwt(&token).map_err(|e| e.code()), Err("cbor_trailing_bytes"));
    let jwt = good_ear().to_jwt(&signer).unwrap();
    for tail in [".", "=", " ", ".x"] {
        assert!(signer.check(&format!("{jwt}{tail}")).is_err(), "{tail:?}");
    }
    assert!(signer.check(&format!(" {jwt}")).is_err());
}

#[test]
fn a47_a_huge_token_is_not_read() {
    let signer = Signer::new();
    let limit = Limits::DEFAULT.token_bytes;
    let too_long = Error::TooLong { len: limit + 1, limit };
    assert_eq!(signer.check(&"a".repeat(limit + 1)), Err(too_long.clone()));
    assert_eq!(signer.check_cwt(&vec![0x81; limit + 1]), Err(too_long));
    let mut token = Vec::new();
    head(&mut token, 4, u64::from(u32::MAX));
    assert_eq!(signer.check_cwt(&token).map_err(|e| e.code()), Err("cbor_truncated"));
}

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

#[test]
fn a52_every_truncated_prefix_and_every_changed_byte_is_refused() {
    let signer = Signer::new();
    let (jwt, cwt) = (good_ear().to_jwt(&signer).unwrap(), good_ear().to_cwt(&signer).unwrap());
    for end in 0..jwt.len() {
        assert!(signer.check(&jwt[..end]).is_err(), "JWT cut at {end}");
    }
    for end in 0..cwt.len() {
        assert!(signer.check_cwt(&cwt[..end]).is_err(), "CWT cut at {end}");
    }
    for at in 0..cwt.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = cwt.clone();
            changed[at] ^= flip;
            assert!(signer.check_cwt(&changed).is_err(), "CWT byte {at} ^ {flip:#x}");
        }
    }
    for at in 0..jwt.len() {
        let mut changed = jwt.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(signer.check(core::str::from_utf8(&changed).unwrap()).is_err(), "JWT byte {at}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let signer = Signer::new();
        prop_assert!(signer.check_cwt(&bytes).is_err());
        prop_assert!(signer.check(&String::from_utf8_lossy(&bytes)).is_err());
    }

    /// Claims of any shape under a good signature: accepted or refused, and never a permission better than the claims say.
    #[test]
    fn arbitrary_signed_claims_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let signer = Signer::new();
        let token = signer.cwt(&signer.protected(-7, None), &[0xa0], &bytes);
        prop_assert!(signer.check_cwt(&token).is_err());
    }
}
