use super::*;

fn decode(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

/// The base point (RFC 8032, section 5.1), which is a good key.
const BASE: &str = "5866666666666666666666666666666666666666666666666666666666666666";

fn p256_point() -> Vec<u8> {
    // The generator (SEC 2, section 2.4.2).
    decode(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    )
}

#[test]
fn a61_ed25519_keys_have_one_encoding() {
    // y = p + 3 is the point with y = 3.
    let mut bytes = [0xff; 32];
    bytes[0] = 0xf0;
    for last in [0x7f, 0xff] {
        bytes[31] = last;
        assert_eq!(CanonicalKey::ed25519(&bytes), Err(Error::Ed25519NotCanonical));
    }
    // p - 1 is reduced; it is of small order.
    (bytes[0], bytes[31]) = (0xec, 0x7f);
    assert_eq!(CanonicalKey::ed25519(&bytes), Err(Error::Ed25519SmallOrder));
    (bytes[0], bytes[31]) = (0xeb, 0x7f);
    assert!(CanonicalKey::ed25519(&bytes).is_ok());
    assert!(CanonicalKey::ed25519(&decode(BASE)).is_ok());
    assert_eq!(CanonicalKey::ed25519(&[9; 31]), Err(Error::Ed25519Length { len: 31 }));
}

#[test]
fn a61_points_are_uncompressed_and_on_the_curve() {
    let point = p256_point();
    assert!(CanonicalKey::ecdsa(Curve::P256, &point).is_ok());
    let mut compressed = point[..33].to_vec();
    compressed[0] = 3;
    assert_eq!(CanonicalKey::ecdsa(Curve::P256, &compressed), Err(Error::PointNotUncompressed));
    // Hybrid (SEC 1, older editions): the same length, 6 or 7 before it.
    for first in [0, 2, 3, 5, 6, 7] {
        let hybrid = [&[first], &point[1..]].concat();
        assert_eq!(CanonicalKey::ecdsa(Curve::P256, &hybrid), Err(Error::PointNotUncompressed));
    }
    assert_eq!(CanonicalKey::ecdsa(Curve::P384, &point), Err(Error::PointNotUncompressed));
    assert_eq!(CanonicalKey::ecdsa(Curve::P256, &[0]), Err(Error::PointNotUncompressed));
    for at in [1, 32, 33, 64] {
        let mut off = point.clone();
        off[at] ^= 1;
        assert_eq!(CanonicalKey::ecdsa(Curve::P256, &off), Err(Error::PointNotOnCurve), "{at}");
    }
    for (curve, bytes) in [(Curve::P384, 97), (Curve::P521, 133)] {
        let mut off = vec![1; bytes];
        off[0] = 4;
        assert_eq!(CanonicalKey::ecdsa(curve, &off), Err(Error::PointNotOnCurve));
    }
}

#[test]
fn a61_the_same_point_in_der_pem_and_as_bytes_is_one_key() {
    for key in [
        CanonicalKey::ed25519(&decode(BASE)).unwrap(),
        CanonicalKey::ecdsa(Curve::P256, &p256_point()).unwrap(),
    ] {
        let der = key.spki_der();
        assert_eq!(CanonicalKey::from_spki_der(&der), Ok(key.clone()));
        let base64 = STANDARD.encode(&der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\r\n{base64}\r\n-----END PUBLIC KEY-----\r\n");
        assert_eq!(CanonicalKey::from_pem(&pem, &Limits::DEFAULT), Ok(key.clone()));
        assert_eq!(key.sha256(), HashAlg::Sha256.hash(&[&der]));
        assert!(format!("{key:?}").ends_with(&format!("{})", key.sha256())));
        // What follows, or stands before, is no part of a key.
        assert!(CanonicalKey::from_spki_der(&[&der[..], &[0]].concat()).is_err());
        assert_eq!(CanonicalKey::from_spki_der(&der[1..]), Err(Error::SpkiUnexpected));
        for two in [format!("{pem}{pem}"), pem.replace("PUBLIC", "PRIVATE"), pem.replace("==", "")] {
            assert!(CanonicalKey::from_pem(&two, &Limits::DEFAULT).is_err() || two == pem, "{two}");
        }
    }
    let key = CanonicalKey::ed25519(&decode(BASE)).unwrap();
    let base64 = STANDARD.encode(key.spki_der());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    let limits = Limits { public_key_bytes: pem.len(), ..Limits::DEFAULT };
    assert_eq!(CanonicalKey::from_pem(&pem, &limits), Ok(key));
    let too_long = Error::TooLong { len: pem.len() + 1, limit: pem.len() };
    assert_eq!(CanonicalKey::from_pem(&format!("{pem}\n"), &limits), Err(too_long));
    let long = "-".repeat(9_000);
    let too_long = Error::TooLong { len: 9_000, limit: 8_192 };
    assert_eq!(CanonicalKey::from_pem(&long, &Limits::DEFAULT), Err(too_long));
}

#[test]
fn genuine_spki_of_each_kind_is_read() {
    let genuine = |pk8: &[u8]| {
        use ring::signature::KeyPair as _;
        let with = &r::ECDSA_P384_SHA384_FIXED_SIGNING;
        r::EcdsaKeyPair::from_pkcs8(with, pk8, &crate::testing::random())
            .unwrap()
            .public_key()
            .as_ref()
            .to_vec()
    };
    let point = genuine(crate::testing::fixture!("keys/p384.pk8"));
    let key = CanonicalKey::ecdsa(Curve::P384, &point).unwrap();
    assert_eq!(CanonicalKey::from_spki_der(&key.spki_der()), Ok(key));
    // The generator of P-521, and the SubjectPublicKeyInfo that openssl writes of it.
    let pem = crate::testing::fixture!("ssh/ecdsa-p521.pem");
    let key = CanonicalKey::from_pem(core::str::from_utf8(pem).unwrap(), &Limits::DEFAULT).unwrap();
    assert_eq!(key.curve(), Some(Curve::P521));
    assert_eq!(CanonicalKey::from_spki_der(&key.spki_der()), Ok(key));
}

#[test]
fn numbers_are_no_longer_than_the_field() {
    assert_eq!(fixed(&[1; 33], &[1], Curve::P256), None);
    assert_eq!(fixed(&[1], &[1; 33], Curve::P256), None);
}

#[test]
fn signatures_in_der_are_strict() {
    use crate::testing::fixture;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    let pair = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        fixture!("keys/p256.pk8"),
        &crate::testing::random(),
    )
    .unwrap();
    let key = CanonicalKey::ecdsa(Curve::P256, pair.public_key().as_ref()).unwrap();
    let raw = pair.sign(&crate::testing::random(), b"message").unwrap();
    let (r, s) = raw.as_ref().split_at(32);
    let (r, s) = (der::unsigned(r), der::unsigned(s));
    let good = der::tlv(der::SEQUENCE, &[&r[..], &s].concat());
    assert!(key.verifies_der(b"message", &good));
    assert!(!key.verifies_der(b"massage", &good));
    assert!(!key.verifies_der(b"message", raw.as_ref()), "r ‖ s is not DER");
    for bad in [
        [&good[..], &[0]].concat(),
        der::tlv(der::SEQUENCE, &[&r[..], &s, &s].concat()),
        der::tlv(der::SEQUENCE, &r),
        der::tlv(der::SEQUENCE, &[&r[..], &der::tlv(der::INTEGER, &[&[0, 0], &s[2..]].concat())].concat()),
    ] {
        assert!(!key.verifies_der(b"message", &bad), "{bad:02x?}");
    }
}
