//! COSE and JWS around the claims, and how strictly both are read.

use super::*;

#[test]
fn the_three_ways_to_tag_a_cwt() {
    for (tags, tagging) in [(&[18][..], Tagging::Sign1), (&[61, 18], Tagging::Cwt), (&[], Tagging::Untagged)]
    {
        let token = parse(&Sign1 { tags, ..Sign1::new(&map(plain_claims())) }.bytes()).unwrap();
        assert_eq!((token.tagging, token.format()), (tagging, Format::Cwt));
        assert_eq!(token.claims().nonce.as_deref(), Some(&NONCE[..]));
    }
}

#[test]
fn a45_macs_and_encryption_are_no_signatures() {
    let kinds =
        [(16, "COSE_Encrypt0"), (17, "COSE_Mac0"), (96, "COSE_Encrypt"), (97, "COSE_Mac"), (98, "COSE_Sign")];
    for (tag, kind) in kinds {
        for wrapped in [false, true] {
            let inner =
                Value::Tag(tag, Box::new(Value::Array(vec![bytes([]), map([]), bytes([]), bytes([])])));
            let value = if wrapped { Value::Tag(61, Box::new(inner)) } else { inner };
            assert_eq!(parse(&encode(&value)).unwrap_err(), Error::CoseKindUnsupported { kind });
        }
    }
    let unsigned = Value::Tag(601, Box::new(map(plain_claims())));
    assert!(matches!(parse(&encode(&unsigned)), Err(Error::CoseKindUnsupported { .. })));
}

#[test]
fn a45_the_algorithm_counts_from_the_protected_header_alone() {
    let claims = map(plain_claims());
    let unprotected =
        Sign1 { protected: Vec::new(), unprotected: map([(1, int(-7))]), ..Sign1::new(&claims) };
    assert_eq!(parse(&unprotected.bytes()).unwrap_err(), Error::AlgorithmMissing);
    let both = Sign1 { unprotected: map([(1, int(-37))]), ..Sign1::new(&claims) };
    assert!(matches!(parse(&both.bytes()), Err(Error::HeaderMalformed { .. })));
    assert!(matches!(protected([(1, bytes([7]))]), Error::HeaderMalformed { parameter: "alg", .. }));
    let named = Sign1 { protected: encode(&map([(1, text("ES256"))])), ..Sign1::new(&claims) };
    assert_eq!(
        parse(&named.bytes()).unwrap().algorithm,
        Algorithm::Other("ES256 by name, not by number".into())
    );
    assert_eq!(header("{}"), Error::AlgorithmMissing);
    assert!(matches!(header(r#"{"alg":-7}"#), Error::HeaderMalformed { .. }));
    for alg in ["none", "None", "HS256", "RS256", "ES256K", "es256"] {
        let token =
            parse(jws(Signer::P256, "ES256", &format!(r#"{{"alg":"{alg}"}}"#), "{}").as_bytes()).unwrap();
        assert_eq!(token.algorithm, Algorithm::Other(alg.into()));
    }
}

#[test]
fn a46_crit_is_never_passed_over() {
    let unknown = |parameter: &str| Error::CritUnknown { parameter: parameter.into() };
    let crit = |labels: Vec<Value>| protected([(1, int(-7)), (2, Value::Array(labels))]);
    assert_eq!(crit(vec![int(1), int(99)]), unknown("99"));
    assert_eq!(crit(vec![text("reserved")]), unknown("reserved"));
    assert_eq!(crit(Vec::new()), unknown("crit is empty"));
    // Known, but not there.
    assert_eq!(crit(vec![int(4)]), unknown("4"));
    assert_eq!(protected([(1, int(-7)), (2, int(1))]), unknown("crit is not an array"));
    let claims = map(plain_claims());
    let crit = Value::Array(vec![int(1)]);
    let outside = Sign1 { unprotected: map([(2, crit.clone())]), ..Sign1::new(&claims) };
    assert_eq!(parse(&outside.bytes()).unwrap_err(), unknown("crit is not protected"));
    let understood = Sign1 { protected: encode(&map([(1, int(-7)), (2, crit)])), ..Sign1::new(&claims) };
    assert!(parse(&understood.bytes()).is_ok());
    assert_eq!(header(r#"{"alg":"ES256","crit":["b64"],"b64":false}"#), unknown(r#"["b64"]"#));
    assert_eq!(header(r#"{"alg":"ES256","crit":[]}"#), unknown("[]"));
}

#[test]
fn a46_one_claim_is_said_once_in_either_encoding() {
    // 10 as one byte, and as two.
    let nonce = |head: &str| format!("{head}5820{}", hex::encode(NONCE));
    let twice = |heads: [&str; 2]| {
        let payload = hex::decode(format!("a2{}{}", nonce(heads[0]), nonce(heads[1]))).unwrap();
        parse(&Sign1 { payload, ..Sign1::new(&map([])) }.bytes()).unwrap_err()
    };
    // d2 84 43a10126 a0 5848: the payload begins at offset 9, the second key 36 bytes later.
    assert_eq!(twice(["0a", "0a"]), Error::Cbor(cbor::Error::DuplicateKey { offset: 9 + 36 }));
    assert_eq!(twice(["0a", "180a"]), Error::Cbor(cbor::Error::DuplicateKey { offset: 9 + 36 }));
    let name = json::Error::DuplicateName { name: "exp".into() };
    let offset = base64url(r#"{"alg":"ES256"}"#).len() + 1;
    assert_eq!(jwt(r#"{"exp":1,"exp":2}"#).unwrap_err(), Error::Json { offset, error: name.clone() });
    assert_eq!(jwt(r#"{"exp":1,"\u0065xp":2}"#).unwrap_err(), Error::Json { offset, error: name });
    let name = json::Error::DuplicateName { name: "alg".into() };
    assert_eq!(header(r#"{"alg":"ES256","alg":"none"}"#), Error::Json { offset: 0, error: name });
    // The header is CBOR too, and read as strictly.
    let sign1 = Sign1 { protected: vec![0xa2, 1, 0x26, 1, 0x26], ..Sign1::new(&map([])) };
    let at = Error::Cbor(cbor::Error::DuplicateKey { offset: 6 });
    assert_eq!(parse(&sign1.bytes()).unwrap_err(), at);
}

/// Claims with every integer and length in its longest form.
fn long_forms(value: &Value) -> Vec<u8> {
    fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
        out.push(major << 5 | 27);
        out.extend(argument.to_be_bytes());
    }
    let mut out = Vec::new();
    match value {
        Value::Integer(number) => {
            let number = i128::from(*number);
            head(
                &mut out,
                u8::from(number < 0),
                u64::try_from(if number < 0 { !number } else { number }).unwrap(),
            );
        }
        Value::Bytes(bytes) => {
            head(&mut out, 2, bytes.len() as u64);
            out.extend(bytes);
        }
        Value::Text(text) => {
            head(&mut out, 3, text.len() as u64);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(&mut out, 4, items.len() as u64);
            items.iter().for_each(|item| out.extend(long_forms(item)));
        }
        Value::Map(entries) => {
            head(&mut out, 5, entries.len() as u64);
            entries.iter().for_each(|(key, value)| out.extend([long_forms(key), long_forms(value)].concat()));
        }
        other => panic!("{other:?}"),
    }
    out
}

#[test]
fn a46_long_integers_only_where_the_profile_says_so() {
    let signed = |claims: &Value| parse(&Sign1 { payload: long_forms(claims), ..Sign1::new(claims) }.bytes());
    for claims in [psa_claims(), old_psa_claims()] {
        assert_eq!(signed(&map(claims.clone())).unwrap().claims(), cwt(&map(claims)).unwrap().claims());
    }
    let refused = signed(&map(plain_claims())).unwrap_err();
    assert!(matches!(refused, Error::Cbor(cbor::Error::NotMinimal { .. })), "{refused}");
    // Nowhere in the envelope.
    let sign1 = Sign1 { protected: vec![0xa1, 0x18, 1, 0x26], ..Sign1::new(&map(psa_claims())) };
    assert!(matches!(parse(&sign1.bytes()), Err(Error::Cbor(cbor::Error::NotMinimal { .. }))));
}

#[test]
fn a46_nothing_follows() {
    let claims = map(plain_claims());
    let good = Sign1::new(&claims).bytes();
    let after = [&good[..], &[0]].concat();
    let error = cbor::Error::TrailingBytes { offset: good.len(), left: 1 };
    assert_eq!(parse(&after).unwrap_err(), Error::Cbor(error));
    let payload = [encode(&claims), vec![0xf6]].concat();
    let inside = Sign1 { payload, ..Sign1::new(&claims) };
    assert!(matches!(parse(&inside.bytes()), Err(Error::Cbor(cbor::Error::TrailingBytes { .. }))));
    let token = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, "{}");
    assert!(parse(format!("{token}\n").as_bytes()).is_ok());
    assert!(matches!(parse(format!("{token}.e30").as_bytes()), Err(Error::FormUnexpected { .. })));
    for bad in [format!("{token}="), format!("{token} ."), token.replace('.', "..")] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a46_base64url_has_one_spelling() {
    let token = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, "{}");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let offset = signed.len() + 1;
    assert_eq!(
        parse(format!("{signed}.{signature}==").as_bytes()).unwrap_err(),
        Error::Base64Malformed { offset }
    );
    // The last character of 64 bytes has four bits to spare.
    let (head, last) = signature.split_at(signature.len() - 1);
    let stray = char::from(last.as_bytes()[0] + 1);
    let error = parse(format!("{signed}.{head}{stray}").as_bytes()).unwrap_err();
    assert_eq!(error, Error::Base64Malformed { offset });
    assert_eq!(jwt(r#"{"eat_nonce":"AAAAAAAAAAAAAAAAAAAAAA=="}"#).unwrap_err(), Error::NonceMalformed);
    assert_eq!(jwt(r#"{"eat_nonce":"AAAAAAAAAAA+AAAAAAAAAA"}"#).unwrap_err(), Error::NonceMalformed);
}

#[test]
fn a47_nothing_sized_by_a_claim_alone() {
    let limits = Limits::DEFAULT;
    let deep = Sign1 { payload: vec![0x81; 60_000], ..Sign1::new(&map([])) };
    assert!(matches!(parse(&deep.bytes()), Err(Error::Cbor(cbor::Error::TooDeep { .. }))));
    let huge = Sign1 { payload: vec![0x5a, 0xff, 0xff, 0xff, 0xff], ..Sign1::new(&map([])) };
    assert!(matches!(parse(&huge.bytes()), Err(Error::Cbor(cbor::Error::Truncated(_)))));
    let many = vec![0; limits.token_bytes + 1];
    let error = Error::TooLong { len: many.len(), limit: limits.token_bytes };
    assert_eq!(parse(&many).unwrap_err(), error);
    for open in ["[", "{\"a\":", "[\"application/eat+cwt\","] {
        let text = open.repeat(60_000 / open.len());
        assert!(parse(text.as_bytes()).is_err());
    }
    let dots = ".".repeat(60_000);
    assert!(matches!(parse(dots.as_bytes()), Err(Error::FormUnexpected { .. })));
}
