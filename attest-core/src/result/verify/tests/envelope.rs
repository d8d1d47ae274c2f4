//! Envelopes that do not count: algorithms, keys, parameters, and what follows.

use super::*;

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
