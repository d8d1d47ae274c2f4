use ciborium::Value;
use proptest::prelude::*;

use super::*;
use crate::Limits;
use crate::evidence::{cbor, json};
use crate::testing::tokens::*;

mod envelope;
mod psa;
mod wrappers;

fn parse(bytes: &[u8]) -> Result<Token, Error> {
    Token::parse(bytes, &Limits::DEFAULT)
}

fn cwt(claims: &Value) -> Result<Token, Error> {
    parse(&Sign1::new(claims).bytes())
}

fn jwt(payload: &str) -> Result<Token, Error> {
    parse(jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, payload).as_bytes())
}

fn header(header: &str) -> Error {
    parse(jws(Signer::P256, "ES256", header, "{}").as_bytes()).unwrap_err()
}

fn protected(entries: impl IntoIterator<Item = (i64, Value)>) -> Error {
    let sign1 = Sign1 { protected: encode(&map(entries)), ..Sign1::new(&map(plain_claims())) };
    parse(&sign1.bytes()).unwrap_err()
}

#[test]
fn a48_a_nonce_is_one_and_of_bytes() {
    let plain = |value| with(plain_claims(), 10, Some(value));
    let all = Value::Array(vec![bytes(NONCE), bytes(NONCE)]);
    assert_eq!(cwt(&plain(all)).unwrap_err(), Error::NonceNotSingle { count: 2 });
    assert_eq!(
        cwt(&plain(Value::Array(vec![bytes(NONCE)]))).unwrap_err(),
        Error::NonceNotSingle { count: 1 }
    );
    assert_eq!(cwt(&plain(text("a nonce"))).unwrap_err(), Error::NonceMalformed);
    assert_eq!(cwt(&plain(bytes([7; 7]))).unwrap_err(), Error::NonceLength { got: 7, expected: "8 to 64" });
    assert_eq!(cwt(&plain(bytes([7; 65]))).unwrap_err(), Error::NonceLength { got: 65, expected: "8 to 64" });
    assert_eq!(
        jwt(r#"{"eat_nonce":["AAAAAAAAAAA","AAAAAAAAAAA"]}"#).unwrap_err(),
        Error::NonceNotSingle { count: 2 }
    );
    assert_eq!(jwt(r#"{"eat_nonce":7}"#).unwrap_err(), Error::NonceMalformed);
    let psa = with(psa_claims(), 10, Some(bytes([7; 33])));
    assert_eq!(cwt(&psa).unwrap_err(), Error::NonceLength { got: 33, expected: "32, 48 or 64" });
    assert!(cwt(&with(psa_claims(), 10, Some(bytes([7; 64])))).is_ok());
}

#[test]
fn a49_times_are_whole_seconds_of_this_era() {
    let detail = "not a whole number of seconds since 1970";
    for (label, claim) in [(4, "exp"), (5, "nbf"), (6, "iat")] {
        let bad = |value| cwt(&with(plain_claims(), label, Some(value))).unwrap_err();
        assert_eq!(bad(int(-1)), Error::TimeMalformed { claim, detail });
        assert_eq!(bad(Value::Float(1e9)), Error::TimeMalformed { claim, detail });
        assert_eq!(bad(Value::Tag(1, Box::new(int(1)))), Error::TimeMalformed { claim, detail });
        let late = Error::TimeMalformed { claim, detail: "after the year 9999" };
        assert_eq!(bad(int(253_402_300_800)), late);
        assert!(cwt(&with(plain_claims(), label, Some(int(253_402_300_799)))).is_ok(), "the last second");
        assert_eq!(bad(int(i64::MAX)), late);
        for json in ["1.5", "-1", "null", "\"1\"", "1e300"] {
            let error = jwt(&format!(r#"{{"{claim}":{json}}}"#)).unwrap_err();
            assert!(matches!(error, Error::TimeMalformed { .. } | Error::Json { .. }), "{json}: {error}");
        }
    }
}

#[test]
fn a49_an_unknown_profile_is_refused() {
    let named = |profile: Value| cwt(&with(plain_claims(), 265, Some(profile))).unwrap_err();
    let unknown = |profile: &str| Error::ProfileUnknown { profile: profile.into() };
    for profile in
        ["tag:ietf.org,2026:rats/ear#04", "tag:arm.com,2023:cca_platform#1.0.0", "", "PSA_IOT_PROFILE_1"]
    {
        assert_eq!(named(text(profile)), unknown(profile));
    }
    // An object identifier.
    assert_eq!(named(bytes([0x2a, 3])), unknown("2a03"));
    assert!(matches!(named(int(1)), Error::ClaimMalformed { claim: "eat_profile", .. }));
    assert_eq!(cwt(&map([(-75_000, text("PSA_IOT_PROFILE_2"))])).unwrap_err(), unknown("PSA_IOT_PROFILE_2"));
    assert_eq!(jwt(r#"{"eat_profile":"1.2.3"}"#).unwrap_err(), unknown("1.2.3"));
    let psa = jwt(r#"{"eat_profile":"tag:psacertified.org,2023:psa#tfm"}"#).unwrap_err();
    assert_eq!(psa, Error::ProfileNotJson { profile: PsaProfile::Tfm.name() });
}

#[test]
fn what_is_signed_must_be_claims() {
    // A CoRIM (tag 501), text, an array: signed by the same key perhaps, and no token.
    for payload in [encode(&Value::Tag(501, Box::new(map([])))), encode(&text("hello")), vec![0x80]] {
        let sign1 = Sign1 { payload, ..Sign1::new(&map([])) };
        assert_eq!(parse(&sign1.bytes()).unwrap_err(), Error::NotClaims { offset: 8 });
    }
    let content = |value| protected([(1, int(-7)), (3, value)]);
    let unexpected = |got: &str| Error::ContentTypeUnexpected { got: got.into() };
    assert_eq!(content(text("application/rim+cbor")), unexpected("application/rim+cbor"));
    assert_eq!(content(text("application/cmw+cbor")), unexpected("application/cmw+cbor"));
    assert_eq!(content(int(18)), unexpected("18"));
    assert_eq!(protected([(1, int(-7)), (16, text("application/kb+cwt"))]), unexpected("application/kb+cwt"));
    for (label, value) in [(3, int(263)), (3, text("application/eat+cwt; eat_profile=\"x\"")), (16, int(61))]
    {
        let good = Sign1 {
            protected: encode(&map([(1, int(-7)), (label, value)])),
            ..Sign1::new(&map(plain_claims()))
        };
        assert!(parse(&good.bytes()).is_ok());
    }
    assert_eq!(header(r#"{"alg":"ES256","typ":"dpop+jwt"}"#), unexpected("dpop+jwt"));
    assert_eq!(header(r#"{"alg":"ES256","cty":"JWT"}"#), unexpected("JWT"));
    assert!(parse(jws(Signer::P256, "ES256", r#"{"alg":"ES256","typ":"eat+JWT"}"#, "{}").as_bytes()).is_ok());
    assert!(matches!(jwt("[]").unwrap_err(), Error::NotClaims { .. }));
    let mut parts = vec![bytes([0xa1, 1, 0x26]), map([]), Value::Null, bytes([0; 64])];
    assert_eq!(
        parse(&encode(&Value::Tag(18, Box::new(Value::Array(parts.clone()))))).unwrap_err(),
        Error::PayloadDetached
    );
    parts.pop();
    let short = Value::Tag(18, Box::new(Value::Array(parts)));
    assert!(matches!(parse(&encode(&short)), Err(Error::FormUnexpected { .. })));
}

#[test]
fn eat_claims_are_read_alike_from_both_encodings() {
    let swid = [0xa1, 0, 0x63, 1, 2, 3];
    let cbor = cwt(&map([
        (10, bytes(NONCE)),
        (256, bytes([1; 17])),
        (257, Value::Map(vec![(text("imei"), bytes([3; 15]))])),
        (258, bytes([0x89, 0x45, 0xad])),
        (259, bytes([9; 4])),
        (260, Value::Array(vec![text("1.4"), int(1)])),
        (261, int(77)),
        (262, Value::Bool(true)),
        (263, int(3)),
        (267, int(12)),
        (268, bytes([8; 16])),
        (270, text("Acme")),
        (271, Value::Array(vec![text("3.1.4")])),
        (273, Value::Array(vec![Value::Array(vec![int(258), bytes(swid)])])),
        (
            274,
            Value::Array(vec![Value::Array(vec![
                text("Trustus"),
                Value::Array(vec![Value::Array(vec![text("all"), int(1)])]),
            ])]),
        ),
        (275, int(3)),
        (6, int(1_700_000_000)),
    ]))
    .unwrap();
    let json = jwt(&format!(
        r#"{{"eat_nonce":"{}","ueid":"{}","sueids":{{"imei":"{}"}},"oemid":"iUWt","hwmodel":"{}","hwversion":["1.4",1],
        "uptime":77,"oemboot":true,"dbgstat":"disabled-permanently","bootcount":12,"bootseed":"{}","swname":"Acme",
        "swversion":["3.1.4"],"measurements":[[258,"{}"]],"measres":[["Trustus",[["all","success"]]]],
        "intuse":"provisioning","iat":1700000000}}"#,
        base64url(NONCE),
        base64url([1; 17]),
        base64url([3; 15]),
        base64url([9; 4]),
        base64url([8; 16]),
        base64url(swid),
    ))
    .unwrap();
    let (mut cbor, mut json) = (cbor.claims().clone(), json.claims().clone());
    for (name, _) in core::mem::take(&mut cbor.shown) {
        assert!(json.shown.contains_key(&name), "{name}");
    }
    json.shown.clear();
    assert_eq!(cbor, json);
    assert_eq!(cbor.dbgstat, Some(DebugStatus::DisabledPermanently));
    assert_eq!(cbor.measurements, [Measured { content_format: 258, body: swid.to_vec() }]);
}

#[test]
fn a_malformed_claim_is_named() {
    let bad = |label, value| cwt(&with(plain_claims(), label, Some(value))).unwrap_err();
    for (label, claim, value) in [
        (256, "ueid", text("x")),
        (257, "sueids", Value::Map(vec![(text("a"), int(1))])),
        (257, "sueids", map([(1, bytes([1; 16]))])),
        (258, "oemid", bytes([1; 4])),
        (260, "hwversion", Value::Array(vec![])),
        (260, "hwversion", Value::Array(vec![text("1"), int(1), int(2)])),
        (261, "uptime", int(-1)),
        (262, "oemboot", int(1)),
        (263, "dbgstat", int(5)),
        (267, "bootcount", text("1")),
        (270, "swname", int(1)),
        (272, "manifests", Value::Array(vec![])),
        (273, "measurements", Value::Array(vec![Value::Array(vec![int(65_536), bytes([])])])),
        (
            274,
            "measres",
            Value::Array(vec![Value::Array(vec![
                text("a"),
                Value::Array(vec![Value::Array(vec![text("b"), int(9)])]),
            ])]),
        ),
        (275, "intuse", int(0)),
        (1, "iss", int(1)),
        (2, "sub", int(1)),
        (266, "submods", map([])),
        (266, "submods", map([(1, map([]))])),
    ] {
        let error = bad(label, value);
        assert!(
            matches!(&error, Error::ClaimMalformed { claim: named, .. } if *named == claim),
            "{claim}: {error}"
        );
    }
    for got in [6, 34] {
        let error = bad(257, Value::Map(vec![(text("imei"), bytes(vec![1; got]))]));
        assert_eq!(error, Error::ClaimLength { claim: "sueids", got, expected: "7 to 33" });
    }
    for (label, claim, got) in
        [(256, "ueid", 6), (256, "ueid", 34), (259, "hwmodel", 33), (268, "bootseed", 65)]
    {
        let error = bad(label, bytes(vec![1; got]));
        assert!(
            matches!(error, Error::ClaimLength { claim: named, got: len, .. } if named == claim && len == got)
        );
    }
}

#[test]
fn claims_that_nobody_knows_are_shown_and_not_judged() {
    let shown =
        |value| cwt(&with(psa_claims(), 99_999, Some(value))).unwrap().claims().shown()["99999"].clone();
    assert_eq!(shown(bytes([0xab])), "ab");
    assert_eq!((shown(int(-7)), shown(Value::Integer(u64::MAX.into()))), ((-7).into(), u64::MAX.into()));
    let token = cwt(&with(plain_claims(), 263, Some(int(3)))).unwrap();
    assert_eq!(token.claims().shown()["dbgstat"], token.claims().dbgstat.unwrap().name());
}

/// Submodules by their own claims' names, and byte strings alike from both encodings.
#[test]
fn claims_are_shown_by_name() {
    let part = Value::Map(vec![(int(263), int(3)), (int(259), bytes([0xab; 2]))]);
    let submods =
        Value::Map(vec![(text("tee"), part), (text("se"), Value::Array(vec![int(-16), bytes([1; 32])]))]);
    let token = cwt(&with(plain_claims(), 266, Some(submods))).unwrap();
    let shown = serde_json::Value::Object(token.claims().shown().clone());
    assert_eq!(shown["eat_nonce"], hex::encode(NONCE));
    assert_eq!(shown["submods"]["tee"]["hwmodel"], "abab");
    assert_eq!(shown["submods"]["tee"]["dbgstat"], 3);
    assert_eq!(shown["submods"]["se"], serde_json::json!([-16, "01".repeat(32)]));
    let more = r#""hwmodel":"q6s","oemid":"q6ur","swname":"q6s""#;
    let token = jwt(&format!(r#"{{"eat_nonce":"{}",{more}}}"#, base64url(NONCE))).unwrap();
    let shown = token.claims().shown();
    assert_eq!((&shown["eat_nonce"], &shown["hwmodel"]), (&hex::encode(NONCE).into(), &"abab".into()));
    assert_eq!(shown["oemid"], "ababab", "as a golden document has it");
    assert_eq!(shown["swname"], "q6s", "that it could be base64url makes no text bytes");
}

#[test]
fn a51_a_token_of_the_largest_size_is_read() {
    let bytes = Sign1::new(&map(plain_claims())).bytes();
    let limited = |token_bytes| {
        let token = Token::parse(&bytes, &Limits { token_bytes, ..Limits::DEFAULT });
        token.map(|token| token.format().name())
    };
    assert_eq!(limited(bytes.len()), Ok("cwt"));
    let error = Error::TooLong { len: bytes.len(), limit: bytes.len() - 1 };
    assert_eq!(limited(bytes.len() - 1), Err(error));
    assert_eq!(jwt("{}").unwrap().format().name(), "jwt");
}

/// Each is small, and costs memory of its own.
#[test]
fn a51_a_token_of_too_many_items() {
    let empty = |count| map([(10, bytes(NONCE)), (70_000, Value::Array(vec![Value::Map(vec![]); count]))]);
    let most = Limits::DEFAULT.token_items - 5;
    assert!(cwt(&empty(most)).is_ok());
    assert_eq!(cwt(&empty(most + 1)).unwrap_err().code(), "cbor_too_many_items");
    let empty =
        |count| format!(r#"{{"eat_nonce":"{}","a":[{}]}}"#, base64url(NONCE), vec!["{}"; count].join(","));
    assert!(jwt(&empty(most)).is_ok());
    assert_eq!(jwt(&empty(most + 1)).unwrap_err().code(), "json_too_many_items");
}

#[test]
fn errors_about_a_place_say_where_it_is() {
    let cbor = cbor::Error::DuplicateKey { offset: 7 };
    assert_eq!(Error::from(cbor).offset(), Some(7));
    assert_eq!(Error::Base64Malformed { offset: 9 }.offset(), Some(9));
    assert_eq!(Error::FormUnexpected { offset: 5 }.offset(), Some(5));
    assert_eq!(Error::NonceMalformed.offset(), None);
}

#[test]
fn every_code_about_the_nonce_begins_with_nonce() {
    let all = [
        Error::NonceLength { got: 1, expected: "" },
        Error::NonceMalformed,
        Error::NonceNotSingle { count: 2 },
    ];
    assert!(all.iter().all(|error| error.code().starts_with("nonce_")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_a_token_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    /// Truncated, or one byte changed: an error, or a token. Never a panic.
    #[test]
    fn a52_a_changed_token_is_a_token_or_an_error(at in 0_usize..400, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = Sign1::new(&map(psa_claims())).bytes();
        let at = at % bytes.len();
        if cut {
            bytes.truncate(at);
            prop_assert!(parse(&bytes).is_err());
        } else {
            bytes[at] = byte;
            let _ = parse(&bytes);
        }
    }
}

#[test]
fn intended_uses_are_named_as_in_json() {
    use super::IntendedUse as Use;
    let all = [Use::Generic, Use::Registration, Use::Provisioning, Use::Csr, Use::ProofOfPossession];
    assert_eq!(all.map(Use::name), ["generic", "registration", "provisioning", "csr", "pop"]);
}
