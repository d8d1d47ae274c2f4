mod keys;

use ciborium::Value;

use super::*;
use crate::Limits;
use crate::testing::tokens::*;

const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

fn challenge() -> Challenge {
    Challenge::offline(Nonce::given(&NONCE).unwrap())
}

fn authenticate(bytes: &[u8], key: &TokenKey) -> Result<AuthenticToken, Error> {
    let token = Token::parse(bytes, &Limits::DEFAULT)?;
    AuthenticToken::authenticate(token, key, challenge(), NOW)
}

fn cwt(claims: &Value) -> Result<AuthenticToken, Error> {
    authenticate(&Sign1::new(claims).bytes(), &Signer::P256.key())
}

fn jwt(payload: &str) -> Result<AuthenticToken, Error> {
    let token = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, payload);
    authenticate(token.as_bytes(), &Signer::P256.key())
}

fn vouched(bytes: &[u8]) -> Result<TokenKey, key::Error> {
    TokenKey::vouched(bytes, &Limits::DEFAULT)
}

#[test]
fn each_algorithm_with_its_key_in_both_encodings() {
    let payload = format!(r#"{{"eat_nonce":"{}"}}"#, base64url(NONCE));
    for (signer, alg, number) in ALGORITHMS {
        let token = Sign1::of((signer, alg, number), &map(plain_claims())).bytes();
        let proven = authenticate(&token, &signer.key()).unwrap();
        assert_eq!((proven.algorithm().name(), proven.nonce().as_bytes()), (alg, &NONCE[..]));
        let token = jws(signer, alg, &format!(r#"{{"alg":"{alg}"}}"#), &payload);
        assert_eq!(authenticate(token.as_bytes(), &signer.key()).unwrap().algorithm().name(), alg);
    }
}

/// One of several keys is found by trying, and the question is the same.
#[test]
fn a45_a_token_by_any_of_these_keys_and_by_no_other() {
    let token = || Token::parse(&Sign1::new(&map(plain_claims())).bytes(), &Limits::DEFAULT).unwrap();
    let by_any =
        |keys: &[TokenKey], challenge| AuthenticToken::authenticate_by_any(token(), keys, challenge, NOW);
    let (own, other) = (Signer::P256.key(), Signer::P384.key());
    let proven = by_any(&[other.clone(), own.clone()], challenge()).unwrap();
    assert_eq!(*proven.key_identity(), own.identity());
    assert_eq!(by_any(&[other, Signer::Ed25519.key()], challenge()).unwrap_err(), Error::KeyMissing);
    let (nonce, before) = (Nonce::given(&NONCE).unwrap(), Timestamp::from_unix(NOW.unix() - 1));
    let expired = Challenge::issued(nonce, crate::evidence::tpm::PcrSelection::default(), before);
    assert!(matches!(by_any(std::slice::from_ref(&own), expired).unwrap_err(), Error::Nonce(_)), "A14");
    let foreign = Challenge::offline(Nonce::given(&[1; 32]).unwrap());
    assert!(matches!(by_any(&[own], foreign).unwrap_err(), Error::Nonce(_)), "A48");
}

/// Each algorithm's check is one: the last byte of the signature decides, and so does the message.
#[test]
fn a45_a_forged_signature_of_each_algorithm() {
    for of in ALGORITHMS {
        let mut forged = Sign1::of(of, &map(plain_claims())).bytes();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(authenticate(&forged, &of.0.key()).unwrap_err(), Error::SignatureInvalid, "{}", of.1);
        let good = Sign1::of(of, &map(plain_claims())).bytes();
        let other = Sign1::of(of, &with(plain_claims(), 6, Some(int(1)))).bytes();
        let token = Token::parse(&good, &Limits::DEFAULT).unwrap();
        let signature = Token::parse(&other, &Limits::DEFAULT).unwrap().signature;
        let swapped = Token { signature, ..token };
        let error = AuthenticToken::authenticate(swapped, &of.0.key(), challenge(), NOW).unwrap_err();
        assert_eq!(error, Error::SignatureInvalid, "{}", of.1);
    }
}

#[test]
fn every_fact_about_a_key_or_token_has_its_code() {
    let all = [
        (key::Error::AlgorithmUnsupported { alg: "x".into() }, "key_algorithm_unsupported"),
        (key::Error::Malformed { detail: "x" }, "key_malformed"),
        (key::Error::PointUnsupported, "key_point_unsupported"),
        (key::Error::RsaWeak { bytes: 1 }, "key_rsa_weak"),
        (key::Error::Symmetric, "key_symmetric"),
        (key::Error::TooLong { len: 2, limit: 1 }, "key_too_long"),
        (key::Error::Unsupported, "key_unsupported"),
        (key::Error::UseUnexpected, "key_use_unexpected"),
    ];
    for (error, code) in all {
        assert_eq!(error.code(), code);
    }
    let wrapped = Remark::Wrapped { wrappers: "cmw, bundle".into() };
    assert!(wrapped.detail().contains("cmw, bundle"));
    assert!(Remark::KeyIgnored.detail().contains("counts for nothing"));
    assert!(Remark::TagUnexpected.detail().contains("18, or 61 and 18"));
    let codes = [Remark::KeyIgnored, Remark::TagUnexpected, wrapped].map(|remark| remark.code());
    assert_eq!(codes, ["token_key_ignored", "token_tag_unexpected", "token_wrapped"]);
}

#[test]
fn a48_exactly_our_nonce() {
    let other = |nonce: Option<Value>| cwt(&with(plain_claims(), 10, nonce)).unwrap_err();
    assert_eq!(other(None), Error::Nonce(challenge::Error::NonceMissing));
    assert_eq!(other(Some(bytes([0x5b; 32]))), Error::Nonce(challenge::Error::NonceMismatch));
    let wrong = |got| Error::Nonce(challenge::Error::NonceWrongLength { expected: 32, got });
    assert_eq!(other(Some(bytes(&NONCE[..31]))), wrong(31));
    assert_eq!(other(Some(bytes([&NONCE[..], &[0]].concat()))), wrong(33));
    assert_eq!(jwt("{}").unwrap_err(), Error::Nonce(challenge::Error::NonceMissing));
    assert_eq!(
        jwt(&format!(r#"{{"eat_nonce":"{}"}}"#, base64url([1; 32]))).unwrap_err(),
        Error::Nonce(challenge::Error::NonceMismatch)
    );
    // The claim of another profile is not the nonce.
    let legacy = with(plain_claims(), 10, None);
    let Value::Map(mut entries) = legacy else { panic!() };
    entries.push((text("eat_nonce"), bytes(NONCE)));
    assert_eq!(cwt(&Value::Map(entries)).unwrap_err(), Error::Nonce(challenge::Error::NonceMissing));
}

#[test]
fn a14_an_expired_challenge_takes_no_token() {
    let token = Token::parse(&Sign1::new(&map(plain_claims())).bytes(), &Limits::DEFAULT).unwrap();
    let nonce = Nonce::given(&NONCE).unwrap();
    let expired = Timestamp::from_unix(NOW.unix() - 1);
    let challenge = Challenge::issued(nonce, crate::evidence::tpm::PcrSelection::default(), expired);
    let error = AuthenticToken::authenticate(token, &Signer::P256.key(), challenge, NOW).unwrap_err();
    assert_eq!(error, Error::Nonce(challenge::Error::NonceExpired { expired, now: NOW }));
}

#[test]
fn a49_times_are_held_against_now() {
    let now = i64::try_from(NOW.unix()).unwrap();
    let at = |times: &[(i64, i64)]| {
        let claims = plain_claims().into_iter().chain(times.iter().map(|(label, at)| (*label, int(*at))));
        cwt(&map(claims)).map(|_| ())
    };
    let time = |at: i64| Timestamp::from_unix(at.try_into().unwrap());
    assert_eq!(at(&[(4, now + 1), (5, now), (6, now)]), Ok(()));
    assert_eq!(at(&[(4, now)]), Err(Error::Expired { expired: time(now), now: NOW }));
    // Clocks may differ for the beginning, not for the end.
    for label in [5, 6] {
        assert_eq!(at(&[(label, now + 60)]), Ok(()));
        assert_eq!(at(&[(label, now + 61)]), Err(Error::NotYetValid { from: time(now + 61), now: NOW }));
        assert_eq!(at(&[(label, now + 30), (4, now + 30)]), Err(Error::TimesContradict));
    }
    let submod = map([(4, int(now - 1))]);
    let claims = with(plain_claims(), 266, Some(Value::Map(vec![(text("os"), submod)])));
    assert!(matches!(cwt(&claims), Err(Error::Expired { .. })));
}

#[test]
fn the_profile_of_rfc_9783_is_signed_with_ecdsa() {
    for (signer, alg, number) in ALGORITHMS {
        let proven =
            authenticate(&Sign1::of((signer, alg, number), &map(psa_claims())).bytes(), &signer.key());
        if alg.starts_with("ES") {
            assert_eq!(proven.unwrap().remarks(), []);
        } else {
            assert!(matches!(proven, Err(Error::AlgorithmNotOfProfile { .. })), "{alg}");
        }
    }
    let cwt = Sign1 { tags: &[61, 18], ..Sign1::new(&map(psa_claims())) };
    assert_eq!(authenticate(&cwt.bytes(), &Signer::P256.key()).unwrap().remarks(), [Remark::TagUnexpected]);
}

#[test]
fn a52_every_changed_byte_is_refused() {
    let good = Sign1::new(&map(psa_claims())).bytes();
    let key = Signer::P256.key();
    assert!(authenticate(&good, &key).is_ok());
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        // The tag and the empty header are covered by nothing; what they are not, they are refused for.
        assert!(authenticate(&bytes, &key).is_err(), "byte {at}");
    }
    let payload = format!(r#"{{"eat_nonce":"{}"}}"#, base64url(NONCE));
    let good = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, &payload).into_bytes();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        assert!(authenticate(&bytes, &key).is_err(), "byte {at}");
    }
}

/// Ed25519 vectors of Wycheproof, kept outside of the project: tokens, statements and notes are signed so.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn a45_wycheproof_ed25519() {
    let shared = std::env::var_os("ATTEST_SHARED")
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let path =
        std::path::Path::new(&shared).join("corpus/all/C2SP__wycheproof/testvectors_v1/ed25519_test.json");
    let Ok(vectors) = std::fs::read(&path) else {
        eprintln!("SKIPPED: no vectors at {}; set ATTEST_SHARED", path.display());
        return;
    };
    let vectors: serde_json::Value = serde_json::from_slice(&vectors).unwrap();
    let hex_of = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
    let (mut wrong, mut total) = (Vec::new(), 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = vouched(group["publicKeyPem"].as_str().unwrap().as_bytes()).unwrap();
        for test in group["tests"].as_array().unwrap() {
            total += 1;
            let (message, signature) = (hex_of(&test["msg"]), hex_of(&test["sig"]));
            if key.verifies(&Algorithm::EdDsa, &message, &signature) != (test["result"] == "valid") {
                wrong.push(format!("{} {}", test["tcId"], test["comment"]));
            }
        }
    }
    println!("wycheproof Ed25519: {} of {total}", total - wrong.len());
    assert_eq!(vectors["numberOfTests"], total);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// JWS vectors of Wycheproof, kept outside of the project: without them the test says so and passes. What they sign is no claims set, so they
/// are held against envelope, key and signature alone.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn a45_wycheproof_json_web_signatures() {
    let shared = std::env::var_os("ATTEST_SHARED")
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let path = std::path::Path::new(&shared)
        .join("corpus/all/C2SP__wycheproof/testvectors_v1/json_web_signature_test.json");
    let Ok(vectors) = std::fs::read(&path) else {
        eprintln!("SKIPPED: no vectors at {}; set ATTEST_SHARED", path.display());
        return;
    };
    let vectors: serde_json::Value = serde_json::from_slice(&vectors).unwrap();
    let (mut wrong, mut total) = (Vec::new(), 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let public = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        let key = vouched(public.to_string().as_bytes());
        let alg = public["alg"].as_str().unwrap_or_default();
        // MACs and RSASSA-PKCS1-v1_5 are refused whatever they say; `ES521` is no algorithm.
        let is_refused = ["HS", "RS", "ES521"].iter().any(|refused| alg.starts_with(refused));
        for test in group["tests"].as_array().unwrap() {
            total += 1;
            let token = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            let opened = crate::evidence::eat::open_jws(&token, &Limits::DEFAULT);
            let verifies = match (&key, &opened) {
                (Ok(key), Ok(jws)) => {
                    key.allows(&jws.algorithm) && key.verifies(&jws.algorithm, &jws.signed, &jws.signature)
                }
                _ => false,
            };
            // RFC 7520's figure 20 says PS384, and the key beside it here says that it is for PS256.
            let is_refused = is_refused || test["comment"] == "Figure20";
            if verifies != (test["result"] == "valid" && !is_refused) {
                wrong.push(format!("{} {} {verifies} {:?}", group["comment"], test["comment"], key));
            }
        }
    }
    println!("wycheproof JWS: {} of {total}", total - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
