//! Submodules, and what is wrapped around a token: detached bundles and conceptual message wrappers.

use super::*;

#[test]
fn submodules_are_claims_tokens_or_digests() {
    let nested = Sign1::new(&map(plain_claims())).bytes();
    let submods = Value::Map(vec![
        (text("os"), map([(270, text("Acme OS"))])),
        (text("se"), bytes(&nested)),
        (text("jwt"), text("[\"JWT\",\"a.b.c\"]")),
        (text("far"), Value::Array(vec![int(-16), bytes([1; 32])])),
    ]);
    let token = cwt(&with(plain_claims(), 266, Some(submods))).unwrap();
    let kinds: Vec<_> = token.submods().iter().map(|s| &s.kind).collect();
    assert_eq!(kinds[0].claims().unwrap().swname.as_deref(), Some("Acme OS"));
    assert!(matches!(kinds[1], SubmoduleKind::Token(Ok(_))));
    assert!(matches!(kinds[2], SubmoduleKind::Token(Err(_))));
    assert!(matches!(kinds[3], SubmoduleKind::Detached { claims: None, .. }));
    let refused =
        |value| cwt(&with(plain_claims(), 266, Some(Value::Map(vec![(text("x"), value)])))).is_err();
    assert!(refused(int(1)) && refused(bytes([1])) && refused(text("x")));
    assert!(refused(Value::Array(vec![int(-14), bytes([1; 20])])), "SHA-1");
    assert!(refused(Value::Array(vec![int(-16), bytes([1; 31])])));
}

#[test]
fn a_detached_digest_is_of_any_of_the_three_hashes() {
    use crate::HashAlg::{Sha256, Sha384, Sha512};
    for (number, name, alg) in [(-16, "SHA-256", Sha256), (-43, "SHA-384", Sha384), (-44, "SHA-512", Sha512)]
    {
        let digest = vec![1; alg.size()];
        let detached = SubmoduleKind::Detached { alg, digest: digest.clone(), claims: None };
        let submods = Value::Map(vec![(text("far"), Value::Array(vec![int(number), bytes(&digest)]))]);
        let token = cwt(&with(plain_claims(), 266, Some(submods))).unwrap();
        assert_eq!(token.submods()[0].kind, detached);
        let digest = base64url(&digest);
        let token = jwt(&format!(r#"{{"submods":{{"far":["DIGEST",["{name}","{digest}"]]}}}}"#)).unwrap();
        assert_eq!(token.submods()[0].kind, detached);
    }
}

fn bundle(set: &Value, name: &str) -> Value {
    let digest = crate::HashAlg::Sha256.hash(&[&encode(set)]);
    let submods = Value::Map(vec![(text("audio"), Value::Array(vec![int(-16), bytes(digest.as_bytes())]))]);
    let main = Sign1::new(&with(plain_claims(), 266, Some(submods))).bytes();
    let sets = Value::Map(vec![(text(name), bytes(encode(set)))]);
    Value::Array(vec![bytes(main), sets])
}

#[test]
fn a_detached_bundle_is_one_token_and_what_it_digests() {
    let set = map([(270, text("Audio OS"))]);
    for tagged in [false, true] {
        let value = bundle(&set, "audio");
        let value = if tagged { Value::Tag(602, Box::new(value)) } else { value };
        let token = parse(&encode(&value)).unwrap();
        let claims = token.submods()[0].kind.claims().unwrap();
        assert_eq!(claims.swname.as_deref(), Some("Audio OS"));
        assert_eq!(token.wrappers, ["bundle"]);
    }
    // The token may stand in a selector, and all of it in JSON.
    let Value::Array(parts) = bundle(&set, "audio") else { panic!() };
    let [Value::Bytes(main), sets] = parts.as_slice() else { panic!() };
    let selector = format!(r#"["CBOR","{}"]"#, base64url(main));
    let in_text = encode(&Value::Array(vec![text(&selector), sets.clone()]));
    let in_json = format!(r#"[{selector},{{"audio":"{}"}}]"#, base64url(encode(&set)));
    for bundled in [&in_text[..], in_json.as_bytes()] {
        let token = parse(bundled).unwrap();
        assert_eq!(token.submods()[0].kind.claims().unwrap().swname.as_deref(), Some("Audio OS"));
    }
    // A bundle holds a token, and no bundle; and what is called a CWT is none.
    let inner = encode(&Value::Tag(602, Box::new(bundle(&set, "audio"))));
    let nested = parse(&encode(&Value::Array(vec![bytes(inner), sets.clone()])));
    assert!(matches!(nested, Err(Error::WrapperMalformed { .. })), "{nested:?}");
    let called_cwt = Value::Array(vec![int(263), bytes(encode(&bundle(&set, "audio")))]);
    assert!(parse(&encode(&called_cwt)).is_err());
    let collected_json = format!(r#"{{"a":{in_json}}}"#);
    assert!(matches!(parse(collected_json.as_bytes()), Err(Error::WrapperMalformed { .. })));
    let collected = Value::Map(vec![(int(1), bundle(&set, "audio"))]);
    assert!(matches!(parse(&encode(&collected)), Err(Error::WrapperMalformed { .. })));
    let unexpected = Error::DetachedUnexpected { name: "video".into() };
    assert_eq!(parse(&encode(&bundle(&set, "video"))).unwrap_err(), unexpected);
    let Value::Array(mut parts) = bundle(&set, "audio") else { panic!() };
    parts[1] = Value::Map(vec![(text("audio"), bytes(encode(&map([(270, text("Other OS"))]))))]);
    let mismatch = Error::DetachedDigestMismatch { name: "audio".into() };
    assert_eq!(parse(&encode(&Value::Array(parts.clone()))).unwrap_err(), mismatch);
    parts[1] = map([]);
    assert!(matches!(parse(&encode(&Value::Array(parts))), Err(Error::WrapperMalformed { .. })));
}

#[test]
fn a_cmw_is_one_token_and_its_type() {
    let cwt = Sign1::new(&map(plain_claims())).bytes();
    let untagged = Sign1 { tags: &[], ..Sign1::new(&map(plain_claims())) }.bytes();
    let record = |kind: Value, message: &[u8]| Value::Array(vec![kind, bytes(message)]);
    let text_type = text("application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"");
    for value in [
        record(int(263), &cwt),
        record(text_type, &untagged),
        Value::Array(vec![int(61), bytes(&cwt), int(4)]),
        // TN(263) of RFC 9277.
        Value::Tag(1_668_546_817 + 264, Box::new(bytes(&cwt))),
        Value::Map(vec![
            (text("__cmwc_t"), text("tag:example.com,2026:x")),
            (int(1), record(int(263), &cwt)),
        ]),
    ] {
        let token = parse(&encode(&value)).unwrap_or_else(|error| panic!("{value:?}: {error}"));
        assert!(!token.wrappers.is_empty());
    }
    let collection = Value::Map(vec![(int(1), record(int(263), &cwt))]);
    assert_eq!(parse(&encode(&collection)).unwrap().wrappers, ["cmw collection"]);
    let jwt = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, "{}");
    let json = format!(r#"["application/eat+jwt","{}"]"#, base64url(&jwt));
    assert_eq!(parse(json.as_bytes()).unwrap().format(), Format::Jwt);
    assert_eq!(parse(format!(r#"{{"a":{json}}}"#).as_bytes()).unwrap().wrappers, ["cmw collection"]);
    let negative = json.replace("\"]", "\",-4]");
    assert!(matches!(parse(negative.as_bytes()), Err(Error::WrapperMalformed { .. })), "{negative}");
    let kind = |value: &Value| parse(&encode(value)).unwrap_err();
    assert!(matches!(kind(&record(int(9999), &cwt)), Error::WrapperTypeUnexpected { .. }));
    assert!(matches!(kind(&record(text("application/rim+cose"), &cwt)), Error::WrapperTypeUnexpected { .. }));
    assert!(matches!(kind(&record(int(264), &cwt)), Error::WrapperMalformed { .. }), "a CWT called a JWT");
    assert!(matches!(kind(&record(int(265), &cwt)), Error::WrapperMalformed { .. }), "no bundle");
    // Indicators: evidence must be among them, and 0 is none.
    assert!(matches!(
        kind(&Value::Array(vec![int(263), bytes(&cwt), int(8)])),
        Error::WrapperTypeUnexpected { .. }
    ));
    assert!(matches!(
        kind(&Value::Array(vec![int(263), bytes(&cwt), int(0)])),
        Error::WrapperMalformed { .. }
    ));
    let two = Value::Map(vec![(int(1), record(int(263), &cwt)), (int(2), record(int(263), &cwt))]);
    let types = vec!["content format 263".to_owned(); 2];
    assert_eq!(kind(&two), Error::WrapperNotSingle { count: 2, types });
    let wrapped = |times| (0..times).fold(cwt.clone(), |inner, _| encode(&record(int(263), &inner)));
    assert_eq!(parse(&wrapped(4)).unwrap().wrappers.len(), 4);
    assert_eq!(parse(&wrapped(5)).unwrap_err(), Error::WrapperTooDeep { limit: 4 });
}

/// TPM evidence and a token in one collection: the token comes alone, and the words say what stands in its way.
#[test]
fn a_collection_of_more_than_a_token_is_refused_by_what_it_holds() {
    let cwt = Sign1::new(&map(plain_claims())).bytes();
    let record = |kind: &str, message: &[u8]| Value::Array(vec![text(kind), bytes(message)]);
    let quote = record("application/vnd.example.tpm-quote", b"\xffTCG");
    let entries =
        |entries: Vec<(i64, Value)>| Value::Map(entries.into_iter().map(|(k, v)| (int(k), v)).collect());
    let both = entries(vec![(1, record("application/eat+cwt", &cwt)), (2, quote.clone())]);
    let error = parse(&encode(&both)).unwrap_err();
    let types = ["application/eat+cwt", "application/vnd.example.tpm-quote"].map(str::to_owned);
    assert_eq!(error, Error::WrapperNotSingle { count: 2, types: types.to_vec() });
    let words = error.to_string();
    assert!(words.contains("2 messages (application/eat+cwt, application/vnd.example.tpm-quote)"), "{words}");
    assert!(words.contains("a TPM's quote and logs with their tokens are read as evidence"), "{words}");
    // What is not told by a text, and no more than the first four.
    let long = "x".repeat(100);
    let many = entries(vec![
        (1, entries(vec![(1, quote.clone())])),
        (2, Value::Tag(1_668_546_817, Box::new(bytes([])))),
        (3, Value::Array(vec![int(9), bytes([])])),
        (4, record(&long, &[])),
        (5, quote),
    ]);
    let types = ["application/vnd.example.tpm-quote", "content format 0", "content format 9", &long[..64]];
    let types = types.map(str::to_owned).to_vec();
    assert_eq!(parse(&encode(&many)).unwrap_err(), Error::WrapperNotSingle { count: 5, types });
    let json = |text: &str| parse(text.as_bytes()).unwrap_err();
    let types = ["application/eat+jwt", "x"].map(str::to_owned).to_vec();
    let several = r#"{"a":["application/eat+jwt","AA"],"c":{"d":["x","AA"]}}"#;
    assert_eq!(json(several), Error::WrapperNotSingle { count: 2, types });
    assert_eq!(json("{}"), Error::WrapperNotSingle { count: 0, types: Vec::new() });
    assert!(json("{}").to_string().contains("a collection of 0 messages, where"));
}

/// The mistakes that people make with tokens in JSON have words of their own.
#[test]
fn an_object_that_is_no_collection_is_told_what_it_lacks() {
    let detail = |bytes: &[u8]| match parse(bytes).unwrap_err() {
        Error::WrapperMalformed { detail, .. } => detail,
        other => panic!("{other}"),
    };
    for claims in
        [r#"{"eat_nonce":"AAAAAAAAAAA","ueid":"AQ"}"#, r#"{"iss":"x"}"#, r#"{"a":["x","AA"],"b":1}"#]
    {
        assert!(detail(claims.as_bytes()).contains("nobody signed it"), "{claims}");
    }
    let flattened = r#"{"payload":"e30","protected":"e30","signature":"AA"}"#;
    let general = r#"{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"}]}"#;
    for jws in [flattened, general] {
        assert!(detail(jws.as_bytes()).contains("JSON serialization"), "{jws}");
    }
    let claims = Value::Map(vec![(int(10), bytes([7; 8])), (int(256), bytes([1; 17]))]);
    assert!(detail(&encode(&claims)).contains("nobody signed it"));
}

/// What a wrapper says of its message is held against it, and a type is known by its whole name.
#[test]
fn a_wrapper_is_held_to_its_word() {
    let cwt = Sign1::new(&map(plain_claims())).bytes();
    let jwt = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, "{}");
    let record = |kind: &str, message: &[u8]| encode(&Value::Array(vec![text(kind), bytes(message)]));
    let malformed = |bytes: &[u8]| matches!(parse(bytes), Err(Error::WrapperMalformed { .. }));
    assert!(parse(&record("application/eat+jwt", jwt.as_bytes())).is_ok());
    assert!(malformed(&record("application/eat+cwt", jwt.as_bytes())), "a JWT called a CWT");
    assert!(malformed(&record("application/eat+jwt", &cwt)), "a CWT called a JWT");
    assert!(
        malformed(&record("application/eat-bun+json", jwt.as_bytes()))
            && malformed(&record("application/eat-bun+cbor", &cwt))
    );
    // The one tag in 256 that stands for no content format (RFC 9277, appendix B).
    let none = Value::Tag(1_668_546_817 + 255, Box::new(bytes(&cwt)));
    let unexpected = Error::WrapperTypeUnexpected { got: "content format -1".to_owned() };
    assert_eq!(parse(&encode(&none)), Err(unexpected));
    let bundle = |kind: &str| format!(r#"[["{kind}","{}"],{{"a":"e30"}}]"#, base64url(&cwt));
    assert!(malformed(bundle("CWT").as_bytes()));
    assert!(matches!(parse(bundle("CBOR").as_bytes()), Err(Error::DetachedUnexpected { .. })));
}
