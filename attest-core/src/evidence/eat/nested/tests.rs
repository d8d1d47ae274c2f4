use ciborium::Value;

use crate::Limits;
use crate::evidence::cbor;
use crate::evidence::eat::{Error, Format, SubmoduleKind, Token};
use crate::testing::tokens::*;

const ES256: &str = r#"{"alg":"ES256"}"#;

/// A token whose submodule `se` is this.
fn around(submodule: Value) -> Vec<u8> {
    let submods = Value::Map(vec![(text("se"), submodule)]);
    Sign1::new(&with(plain_claims(), 266, Some(submods))).bytes()
}

fn jwt_around(submodule: &str) -> String {
    jws(Signer::P256, "ES256", ES256, &format!(r#"{{"submods":{{"se":{submodule}}}}}"#))
}

fn parse(bytes: &[u8]) -> Result<Token, Error> {
    Token::parse(bytes, &Limits::DEFAULT)
}

/// What stands at `se`: a token, or why it is none.
fn nested(bytes: &[u8]) -> Result<Token, Error> {
    match &parse(bytes)?.submods()[0].kind {
        SubmoduleKind::Token(read) => read.clone().map(|token| *token),
        other => panic!("{other:?}"),
    }
}

fn named(name: &str) -> Value {
    map(plain_claims().into_iter().chain([(270, text(name))]))
}

fn swname(token: &Token) -> &str {
    token.claims().swname.as_deref().unwrap()
}

/// A bundle whose token holds the digest of claims with this name at `audio`.
fn bundle(name: &str) -> Value {
    let set = encode(&map([(270, text(name))]));
    let digest = crate::HashAlg::Sha256.hash(&[&set]);
    let submods = Value::Map(vec![(text("audio"), Value::Array(vec![int(-16), bytes(digest.as_bytes())]))]);
    let main = Sign1::new(&with(plain_claims(), 266, Some(submods))).bytes();
    Value::Tag(602, Box::new(Value::Array(vec![bytes(main), Value::Map(vec![(text("audio"), bytes(set))])])))
}

#[test]
fn every_form_of_a_nested_token_is_read() {
    let cwt = Sign1::new(&named("SE")).bytes();
    let jwt = jws(Signer::P256, "ES256", ES256, r#"{"swname":"SE"}"#);
    let in_cbor = format!(r#"["CBOR","{}"]"#, base64url(&cwt));
    let in_jwt = format!(r#"["JWT","{jwt}"]"#);
    for (bytes, format) in [
        (around(bytes(&cwt)), Format::Cwt),
        (around(text(&in_cbor)), Format::Cwt),
        (around(text(&in_jwt)), Format::Jwt),
        (jwt_around(&in_cbor).into_bytes(), Format::Cwt),
        (jwt_around(&in_jwt).into_bytes(), Format::Jwt),
    ] {
        let token = nested(&bytes).unwrap();
        assert_eq!((swname(&token), token.format()), ("SE", format));
    }
}

#[test]
fn a_nested_bundle_brings_its_detached_claims() {
    let tagged = encode(&bundle("Audio OS"));
    let selected = format!(r#"["CBOR","{}"]"#, base64url(&tagged));
    for bytes in [around(bytes(&tagged)), around(text(&selected)), jwt_around(&selected).into_bytes()] {
        let token = nested(&bytes).unwrap();
        let audio = token.submods()[0].kind.claims().unwrap();
        assert_eq!(audio.swname.as_deref(), Some("Audio OS"));
    }
    // The same in JSON: the digest is of the text inside the base64url.
    let set = r#"{"swname":"Audio OS"}"#;
    let digest = crate::HashAlg::Sha256.hash(&[set.as_bytes()]);
    let claims =
        format!(r#"{{"submods":{{"audio":["DIGEST",["SHA-256","{}"]]}}}}"#, base64url(digest.as_bytes()));
    let main = jws(Signer::P256, "ES256", ES256, &claims);
    let in_json = format!(r#"["BUNDLE",[["JWT","{main}"],{{"audio":"{}"}}]]"#, base64url(set));
    for bytes in [around(text(&in_json)), jwt_around(&in_json).into_bytes()] {
        let token = nested(&bytes).unwrap();
        assert_eq!(token.submods()[0].kind.claims().unwrap().swname.as_deref(), Some("Audio OS"));
    }
}

#[test]
fn a_nested_bundle_with_other_claims_is_not_read() {
    let Value::Tag(602, value) = bundle("Audio OS") else { panic!() };
    let Value::Array(mut parts) = *value else { panic!() };
    parts[1] = Value::Map(vec![(text("audio"), bytes(encode(&map([(270, text("Other"))]))))]);
    let forged = encode(&Value::Tag(602, Box::new(Value::Array(parts))));
    let mismatch = Error::DetachedDigestMismatch { name: "audio".into() };
    assert_eq!(nested(&around(bytes(forged))).unwrap_err(), mismatch);
}

/// What cannot be told to be a token, RFC 9711 does not allow there; what is told to be one and is none stays unproven, for its reason.
#[test]
fn what_is_no_nested_token_is_refused() {
    let untagged = Sign1 { tags: &[], ..Sign1::new(&named("SE")) }.bytes();
    let malformed = Error::ClaimMalformed { claim: "submods", expected: "claims, a token or a digest each" };
    let digest = format!(r#"["DIGEST",["SHA-256","{}"]]"#, base64url([1; 32]));
    for bytes in [
        around(bytes(&untagged)),
        around(text("a.b.c")),
        around(text(&digest)),
        around(text(r#"["JWT","a.b.c","d"]"#)),
        around(text(r#"["UCCS","a.b.c"]"#)),
        jwt_around(r#"["JWT",["a.b.c"]]"#).into_bytes(),
        jwt_around(r#"["BUNDLE",["a.b.c"]]"#).into_bytes(),
        jwt_around(r#""a.b.c""#).into_bytes(),
    ] {
        assert_eq!(parse(&bytes).unwrap_err(), malformed);
    }
    let claims = encode(&Value::Tag(601, Box::new(named("SE"))));
    let mac = encode(&Value::Tag(17, Box::new(named("SE"))));
    let in_wrapper = [&[0xda, 0x63, 0x74, 0x02, 0x00][..], &encode(&bytes(&untagged))].concat();
    let kind = |bytes: Vec<u8>| nested(&around(Value::Bytes(bytes))).unwrap_err();
    let unsigned = Error::CoseKindUnsupported { kind: "claims set that nobody signed" };
    assert_eq!(kind(claims), unsigned);
    assert_eq!(kind(mac), Error::CoseKindUnsupported { kind: "COSE_Mac0" });
    assert_eq!(kind(in_wrapper), Error::FormUnexpected { offset: 0 });
    let twice = Value::Tag(602, Box::new(Value::Array(vec![bytes(encode(&bundle("x"))), map([])])));
    assert!(matches!(kind(encode(&twice)), Error::WrapperMalformed { .. }));
    let selected = |selector: &str| nested(jwt_around(selector).as_bytes()).unwrap_err();
    assert_eq!(selected(r#"["JWT","a.b.c"]"#), Error::Base64Malformed { offset: 0 });
    assert_eq!(selected(r#"["CBOR","not base64url"]"#), Error::Base64Malformed { offset: 0 });
    let ending = cbor::Error::TrailingBytes { offset: 0, left: 0 }.code();
    let after = [Sign1::new(&named("SE")).bytes(), vec![0]].concat();
    assert_eq!(kind(after).code(), ending);
}

/// `inner` in so many tokens.
fn nest(inner: Vec<u8>, depth: usize) -> Vec<u8> {
    (0..depth).fold(inner, |inner, _| around(bytes(inner)))
}

#[test]
fn a47_tokens_in_tokens_are_bounded() {
    let Limits { nested_depth, nested_tokens, .. } = Limits::DEFAULT;
    let inner = || Sign1::new(&named("SE")).bytes();
    assert!(parse(&nest(inner(), nested_depth)).is_ok());
    let too_deep = Error::NestedTooDeep { limit: nested_depth };
    assert_eq!(parse(&nest(inner(), nested_depth + 1)).unwrap_err(), too_deep);
    let beside = |count: usize| {
        let submods = (0..count).map(|at| (text(&at.to_string()), bytes(inner()))).collect();
        parse(&Sign1::new(&with(plain_claims(), 266, Some(Value::Map(submods)))).bytes())
    };
    assert!(beside(nested_tokens).is_ok());
    let too_many = Error::NestedTooMany { limit: nested_tokens };
    assert_eq!(beside(nested_tokens + 1).unwrap_err(), too_many);
    // Counted over all levels, not for each.
    let pair = |inner: Vec<u8>| {
        let submods = Value::Map(vec![(text("a"), bytes(&inner)), (text("b"), bytes(&inner))]);
        Sign1::new(&with(plain_claims(), 266, Some(submods))).bytes()
    };
    assert_eq!(parse(&pair(pair(pair(inner())))).unwrap_err(), too_many);
}

#[test]
fn a47_submodules_are_bounded() {
    let limit = Limits::DEFAULT.submodules;
    let of = |count: usize| {
        let submods = (0..count).map(|at| (text(&at.to_string()), map([(70_000, 1.into())]))).collect();
        Sign1::new(&with(plain_claims(), 266, Some(Value::Map(submods)))).bytes()
    };
    let too_many = Err(Error::SubmodulesTooMany { limit });
    assert!(parse(&of(limit)).is_ok());
    assert_eq!(parse(&of(limit + 1)).map(drop), too_many);
    // Counted over all levels: the token in which they are is one more.
    assert!(parse(&around(bytes(of(limit - 1)))).is_ok());
    assert_eq!(parse(&around(bytes(of(limit)))).map(drop), too_many);
}
