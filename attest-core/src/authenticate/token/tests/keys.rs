//! Which keys may sign a token, and by which algorithm.

use super::*;

#[test]
fn a45_the_algorithm_is_the_keys_and_not_the_tokens_choice() {
    let payload = format!(r#"{{"eat_nonce":"{}"}}"#, base64url(NONCE));
    for (signer, alg, number) in ALGORITHMS {
        for other in [Signer::P256, Signer::P384, Signer::P521, Signer::Ed25519, Signer::Rsa] {
            if other == signer {
                continue;
            }
            let token = Sign1::of((signer, alg, number), &map(plain_claims())).bytes();
            let fitting: Vec<_> = ALGORITHMS.iter().filter(|of| of.0 == other).map(|of| of.1).collect();
            let Err(Error::AlgorithmMismatch { expected, got }) = authenticate(&token, &other.key()) else {
                panic!("{alg} {other:?}");
            };
            assert!(fitting.iter().all(|name| expected.contains(name)), "{expected}");
            assert_eq!(got, alg);
        }
        // Its own key, and every other name above the signature.
        for name in ["none", "HS256", "RS256", "ES256K", "Ed448"] {
            let token = jws(signer, alg, &format!(r#"{{"alg":"{name}"}}"#), &payload);
            let error = authenticate(token.as_bytes(), &signer.key()).unwrap_err();
            assert!(matches!(&error, Error::AlgorithmMismatch { got, .. } if got == name), "{error}");
        }
    }
    // RSASSA-PKCS1-v1_5 by a key that may sign with PSS.
    let token = Sign1::of((Signer::Rsa, "RS256", -257), &map(plain_claims())).bytes();
    let error = authenticate(&token, &Signer::Rsa.key()).unwrap_err();
    assert!(matches!(error, Error::AlgorithmMismatch { got, .. } if got == "RS256"));
    // One hash's name over another hash's signature.
    let token = Sign1::of((Signer::Rsa, "PS256", -38), &map(plain_claims())).bytes();
    assert_eq!(authenticate(&token, &Signer::Rsa.key()).unwrap_err(), Error::SignatureInvalid);
}

#[test]
fn a45_a_key_that_names_its_algorithm_signs_with_no_other() {
    let jwk = |alg: &str| {
        let key = Signer::P256.cose_key();
        let key = crate::evidence::cbor::parse(&key, &Limits::DEFAULT).unwrap();
        let part = |label| base64url(key.get(label).unwrap().as_bytes().unwrap());
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"{alg}}}"#, part(-2), part(-3))
    };
    assert!(vouched(jwk(r#","alg":"ES256""#).as_bytes()).is_ok());
    for alg in ["ES384", "RS256", "HS256", "none"] {
        let error = vouched(jwk(&format!(r#","alg":"{alg}""#)).as_bytes()).unwrap_err();
        assert_eq!(error, key::Error::AlgorithmUnsupported { alg: alg.into() });
    }
    let rsa = map([(1, int(3)), (3, int(-38)), (-1, bytes(rsa_modulus())), (-2, bytes([1, 0, 1]))]);
    let rsa = vouched(&encode(&rsa)).unwrap();
    let token = |alg, number| Sign1::of((Signer::Rsa, alg, number), &map(plain_claims())).bytes();
    assert!(authenticate(&token("PS384", -38), &rsa).is_ok());
    assert!(matches!(authenticate(&token("PS256", -37), &rsa), Err(Error::AlgorithmMismatch { .. })));
}

/// For points of small order anyone can sign; with a second encoding one key would be two.
#[test]
fn a61_an_ed25519_key_of_a_token_is_somebodys_in_its_one_encoding() {
    let identity: [u8; 32] = core::array::from_fn(|at| u8::from(at == 0));
    let mut twin: [u8; 32] = core::array::from_fn(|at| if at == 31 { 0x7f } else { 0xff });
    twin[0] = 0xed + 3;
    for weak in [identity, twin] {
        let cose = encode(&map([(1, int(1)), (-1, int(6)), (-2, bytes(weak))]));
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url(weak));
        // SubjectPublicKeyInfo (RFC 8410, section 4).
        let spki = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &weak].concat();
        let spki = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, spki);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
        for key in [&cose[..], jwk.as_bytes(), pem.as_bytes()] {
            assert_eq!(vouched(key), Err(key::Error::PointUnsupported), "{weak:02x?}");
        }
    }
}

fn rsa_modulus() -> Vec<u8> {
    let key = Signer::Rsa.cose_key();
    let key = crate::evidence::cbor::parse(&key, &Limits::DEFAULT).unwrap();
    key.get(-1).unwrap().as_bytes().unwrap().to_vec()
}

#[test]
fn a45_a_symmetric_or_misused_key_is_none() {
    assert_eq!(vouched(br#"{"kty":"oct","k":"AAAA"}"#), Err(key::Error::Symmetric));
    assert_eq!(vouched(&encode(&map([(1, int(4)), (-1, bytes([1; 32]))]))), Err(key::Error::Symmetric));
    let enc = br#"{"kty":"EC","use":"enc","crv":"P-256"}"#;
    assert_eq!(vouched(enc), Err(key::Error::UseUnexpected));
    let wrap = br#"{"kty":"EC","key_ops":["wrapKey"],"crv":"P-256"}"#;
    assert_eq!(vouched(wrap), Err(key::Error::UseUnexpected));
    let ops = map([(1, int(2)), (4, Value::Array(vec![int(9)]))]);
    assert_eq!(vouched(&encode(&ops)), Err(key::Error::UseUnexpected));
    assert_eq!(vouched(br#"{"kty":"EC","crv":"secp256k1"}"#), Err(key::Error::Unsupported));
    assert_eq!(vouched(br#"{"kty":"OKP","crv":"Ed448","x":""}"#), Err(key::Error::Unsupported));
    let compressed = map([(1, int(2)), (-1, int(1)), (-2, bytes([1; 32])), (-3, Value::Bool(true))]);
    assert_eq!(vouched(&encode(&compressed)), Err(key::Error::PointUnsupported));
    let short = map([(1, int(2)), (-1, int(1)), (-2, bytes([1; 31])), (-3, bytes([1; 32]))]);
    assert_eq!(vouched(&encode(&short)), Err(key::Error::PointUnsupported));
    let short = map([(1, int(2)), (-1, int(1)), (-2, bytes([1; 32])), (-3, bytes([1; 33]))]);
    assert_eq!(vouched(&encode(&short)), Err(key::Error::PointUnsupported));
    let off_curve = map([(1, int(2)), (-1, int(3)), (-2, bytes([1; 66])), (-3, bytes([1; 66]))]);
    assert_eq!(vouched(&encode(&off_curve)), Err(key::Error::PointUnsupported));
    for (n, e) in [(vec![0xff; 128], vec![1, 0, 1]), (rsa_modulus(), vec![3]), (rsa_modulus(), vec![1, 0, 0])]
    {
        let weak = map([(1, int(3)), (-1, bytes(&n)), (-2, bytes(e))]);
        assert_eq!(vouched(&encode(&weak)), Err(key::Error::RsaWeak { bytes: n.len() }));
    }
    assert!(matches!(vouched(b""), Err(key::Error::Malformed { .. })));
    assert!(matches!(vouched(&[b' '; 9_000]), Err(key::Error::TooLong { .. })));
    assert!(matches!(vouched(br#"{"kty":"EC","kty":"oct"}"#), Err(key::Error::Malformed { .. })));
    let malformed = |bytes: &[u8]| match vouched(bytes) {
        Err(key::Error::Malformed { detail }) => detail,
        other => panic!("{other:?}"),
    };
    assert!(malformed(br#"{"keys":[]}"#).contains("which one"));
    assert!(malformed(br#"{"crv":"P-256"}"#).contains("no `kty`"));
    // As many bytes as a key may have are read.
    let key = Signer::Rsa.cose_key();
    let limited = |public_key_bytes| TokenKey::vouched(&key, &Limits { public_key_bytes, ..Limits::DEFAULT });
    assert!(limited(key.len()).is_ok());
    assert_eq!(limited(key.len() - 1), Err(key::Error::TooLong { len: key.len(), limit: key.len() - 1 }));
}

#[test]
fn one_key_in_every_form_is_one_key() {
    let pem = crate::testing::fixture!("boots/sb-grub/ak-ecc.pem");
    let key = vouched(pem).unwrap();
    let text = core::str::from_utf8(pem).unwrap();
    assert!(matches!(vouched(format!("{text}{text}").as_bytes()), Err(key::Error::Malformed { .. })));
    let private = text.replace("PUBLIC KEY", "PRIVATE KEY");
    assert!(matches!(vouched(private.as_bytes()), Err(key::Error::Malformed { .. })));
    assert_eq!(key.identity(), vouched(pem).unwrap().identity());
    for signer in [Signer::P256, Signer::P384, Signer::P521, Signer::Ed25519, Signer::Rsa] {
        assert_ne!(signer.key().identity(), key.identity());
    }
}

/// A SubjectPublicKeyInfo by hand, as PEM and as DER, beside the COSE_Key with the same numbers.
#[test]
fn a_subject_public_key_of_each_kind_is_the_key_it_says() {
    use crate::der::{BIT_STRING, NULL, OID, SEQUENCE, tlv, unsigned};
    use base64::Engine as _;
    let number = |signer: Signer, label: i128| {
        let key = signer.cose_key();
        let key = crate::evidence::cbor::parse(&key, &Limits::DEFAULT).unwrap();
        key.get(label).unwrap().as_bytes().unwrap().to_vec()
    };
    let spki = |algorithm: &[Vec<u8>], key: &[u8]| {
        let key = tlv(BIT_STRING, &[&[0], key].concat());
        tlv(SEQUENCE, &[tlv(SEQUENCE, &algorithm.concat()), key].concat())
    };
    let oid = |hexadecimal: &str| tlv(OID, &hex::decode(hexadecimal).unwrap());
    let ec = |signer: Signer, curve: &str| {
        let point = [&[4][..], &number(signer, -2), &number(signer, -3)].concat();
        (signer, spki(&[oid("2a8648ce3d0201"), oid(curve)], &point))
    };
    let rsa_key = tlv(SEQUENCE, &[unsigned(&number(Signer::Rsa, -1)), unsigned(&[1, 0, 1])].concat());
    let rsa = |null: &[u8]| spki(&[oid("2a864886f70d010101"), tlv(NULL, null)], &rsa_key);
    let all = [
        ec(Signer::P256, "2a8648ce3d030107"),
        ec(Signer::P384, "2b81040022"),
        ec(Signer::P521, "2b81040023"),
        (Signer::Ed25519, spki(&[oid("2b6570")], &number(Signer::Ed25519, -2))),
        (Signer::Rsa, rsa(&[])),
    ];
    for (signer, der) in all {
        let text = base64::engine::general_purpose::STANDARD.encode(&der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        for form in [&der[..], pem.as_bytes()] {
            assert_eq!(vouched(form).unwrap().identity(), signer.key().identity(), "{signer:?}");
        }
    }
    assert!(matches!(vouched(&rsa(&[0])), Err(key::Error::Malformed { .. })), "NULL with something in it");
}

#[test]
fn a45_the_token_brings_no_key_of_its_own() {
    // x5chain (33) in either header, and jwk: shown, and nothing else. The key stays the caller's.
    let chain = Sign1 { unprotected: map([(33, bytes([0x30; 64]))]), ..Sign1::new(&map(plain_claims())) };
    let proven = authenticate(&chain.bytes(), &Signer::P256.key()).unwrap();
    assert_eq!(proven.remarks(), [Remark::KeyIgnored]);
    let other =
        authenticate(&chain.bytes(), &vouched(crate::testing::fixture!("boots/sb-grub/ak-ecc.pem")).unwrap());
    assert_eq!(other.unwrap_err(), Error::SignatureInvalid);
    let header = r#"{"alg":"ES256","kid":"the-right-one","jwk":{"kty":"EC"}}"#;
    let payload = format!(r#"{{"eat_nonce":"{}"}}"#, base64url(NONCE));
    let token = jws(Signer::P256, "ES256", header, &payload);
    assert_eq!(authenticate(token.as_bytes(), &Signer::P256.key()).unwrap().remarks(), [Remark::KeyIgnored]);
}
