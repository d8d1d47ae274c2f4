use super::*;

// RFC 7517, A.1: the example EC key; its point is the one in RFC 7515, A.3 too.
const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

fn jwk() -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"}}"#)
}

fn rsa_der(n: &[u8], e: &[u8]) -> Vec<u8> {
    let wrap = |tag: u8, content: &[u8]| {
        let mut out = vec![tag];
        match content.len() {
            len @ 0..=127 => out.push(len as u8),
            len @ 128..=255 => out.extend([0x81, len as u8]),
            len => out.extend([0x82, (len >> 8) as u8, len as u8]),
        }
        out.extend_from_slice(content);
        out
    };
    let numbers = [wrap(2, &[&[0], n].concat()), wrap(2, e)].concat();
    let bits = [vec![0], wrap(0x30, &numbers)].concat();
    let algorithm = hex::decode("300d06092a864886f70d0101010500").unwrap();
    wrap(0x30, &[algorithm, wrap(3, &bits)].concat())
}

#[test]
fn a_key_survives_every_form() {
    let key = VerifyingKey::from_jwk(&jwk()).unwrap();
    assert_eq!(VerifyingKey::from_spki_der(&key.spki_der()), Ok(key.clone()));
    assert_eq!(VerifyingKey::from_point(key.point()), Ok(key.clone()));
    assert_eq!(VerifyingKey::from_jwk(&key.jwk().to_string()), Ok(key.clone()));
    assert_eq!(VerifyingKey::from_jwks(&jwks([&key]).to_string()), Ok(vec![key.clone()]));
    let public = PublicKey::from_spki_der(&key.spki_der()).unwrap();
    assert_eq!(PublicKey::from(&key), public);
    let cose = public.cose_key();
    let cbor = crate::evidence::cbor::parse(&cose, &Limits::DEFAULT).unwrap();
    assert_eq!(PublicKey::from_node(Node::Cbor(&cbor)), Some(public));
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638() {
    // RFC 7638, 3.1.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst\
             n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9\
             1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = serde_json::json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
    let key = PublicKey::from_node(Node::Json(&jwk)).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(key.thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let n = URL_SAFE_NO_PAD.decode(n).unwrap();
    assert_eq!(PublicKey::from_spki_der(&rsa_der(&n, &[1, 0, 1])), Ok(key));
}

#[test]
fn a45_a_key_of_another_curve_is_no_verifying_key() {
    let p384 = hex::decode(
        "3076301006072a8648ce3d020106052b8104002203620004".to_owned() + &"11".repeat(48) + &"22".repeat(48),
    )
    .unwrap();
    assert!(PublicKey::from_spki_der(&p384).is_ok());
    assert_eq!(VerifyingKey::from_spki_der(&p384), Err(Error::SpkiUnexpected));
    let ed25519 = hex::decode("302a300506032b6570032100".to_owned() + &"33".repeat(32)).unwrap();
    assert_eq!(PublicKey::from_spki_der(&ed25519).unwrap().jwk()["crv"], "Ed25519");
    assert_eq!(VerifyingKey::from_spki_der(&ed25519), Err(Error::SpkiUnexpected));
    for (from, to) in
        [("P-256", "P-384"), ("\"EC\"", "\"oct\""), ("}", ",\"alg\":\"HS256\"}"), ("}", ",\"use\":\"enc\"}")]
    {
        assert_eq!(VerifyingKey::from_jwk(&jwk().replacen(from, to, 1)), Err(Error::JwkUnexpected), "{to}");
    }
}

#[test]
fn a_compressed_or_cut_point_is_refused() {
    let key = VerifyingKey::from_jwk(&jwk()).unwrap();
    let mut point = *key.point();
    point[0] = 2;
    assert_eq!(VerifyingKey::from_point(&point), Err(Error::SpkiUnexpected));
    assert_eq!(VerifyingKey::from_point(&key.point()[..64]), Err(Error::SpkiUnexpected));
    let der = key.spki_der();
    for end in 0..der.len() {
        assert!(PublicKey::from_spki_der(&der[..end]).is_err(), "{end}");
    }
    assert!(PublicKey::from_spki_der(&[der, vec![0]].concat()).is_err());
}

#[test]
fn a_weak_rsa_key_is_refused() {
    let modulus = |bytes: usize| [vec![0xff; bytes - 1], vec![0xfd]].concat();
    assert!(PublicKey::from_spki_der(&rsa_der(&modulus(256), &[1, 0, 1])).is_ok());
    assert!(PublicKey::from_spki_der(&rsa_der(&modulus(512), &[1, 0, 1])).is_ok());
    let weak =
        |n: &[u8], e: &[u8]| matches!(PublicKey::from_spki_der(&rsa_der(n, e)), Err(Error::RsaWeak { .. }));
    assert!(weak(&modulus(128), &[1, 0, 1]));
    assert!(weak(&modulus(513), &[1, 0, 1]));
    assert!(weak(&modulus(256), &[3]));
    assert!(weak(&modulus(256), &[1, 0, 0]));
    assert!(weak(&[vec![0xff; 255], vec![0xfe]].concat(), &[1, 0, 1]));
}

#[test]
fn rsa_der_has_one_encoding() {
    let good = rsa_der(&[vec![0xff; 255], vec![0xfd]].concat(), &[1, 0, 1]);
    for end in 0..good.len() {
        assert!(PublicKey::from_spki_der(&good[..end]).is_err(), "{end}");
    }
    assert!(PublicKey::from_spki_der(&[good.clone(), vec![0]].concat()).is_err());
    // The outer length in three bytes where two do.
    let mut long = good;
    long.splice(1..4, [0x83, 0, 1, 34]);
    assert!(PublicKey::from_spki_der(&long).is_err());
    // A modulus with a needless zero in front.
    assert!(PublicKey::from_spki_der(&rsa_der(&[vec![0], vec![0xff; 256]].concat(), &[1, 0, 1])).is_err());
}

#[test]
fn a46_a_jwk_with_a_name_twice_is_refused() {
    let twice = jwk().replacen("{", r#"{"kty":"EC","#, 1);
    assert!(matches!(VerifyingKey::from_jwk(&twice), Err(Error::Json(_))));
}
