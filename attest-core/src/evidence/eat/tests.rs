use ciborium::Value;
use proptest::prelude::*;

use super::*;
use crate::Limits;
use crate::evidence::{cbor, json};
use crate::testing::tokens::*;

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
    assert_eq!(parse(&named.bytes()).unwrap().algorithm, Algorithm::Other("ES256".into()));
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
fn psa_claims_of_three_profiles() {
    let tfm = cwt(&map(psa_claims())).unwrap();
    let psa = tfm.claims().psa().unwrap();
    assert_eq!(
        (psa.profile, psa.client_id, psa.lifecycle, psa.lifecycle_claim),
        (PsaProfile::Tfm, -5, Lifecycle::Secured, 0x3001)
    );
    assert_eq!(psa.components.len(), 2);
    assert_eq!(psa.components[0].kind.as_deref(), Some("BL"));
    assert_eq!(tfm.claims().bootseed.as_ref().map(Vec::len), Some(8));
    assert_eq!(tfm.claims().shown()["psa-software-components"][1]["measurement-type"], "PRoT");
    let old = cwt(&map(old_psa_claims())).unwrap();
    assert_eq!(old.claims().profile.name(), Some("PSA_IOT_PROFILE_1"));
    assert_eq!(old.claims().nonce.as_deref(), Some(&NONCE[..]));
    // The first profile may leave its name out.
    assert!(cwt(&with(old_psa_claims(), -75_000, None)).unwrap().claims().psa().is_some());
    let mut draft = psa_claims();
    draft.retain(|(label, _)| *label != 268);
    draft.push((2397, bytes([5; 32])));
    let draft = cwt(&with(draft, 265, Some(text("http://arm.com/psa/2.0.0")))).unwrap();
    assert_eq!(draft.claims().bootseed.as_deref(), Some(&[5; 32][..]));
}

#[test]
fn psa_claims_that_must_be_there() {
    let missing = |claims: Vec<(i64, Value)>, label| match cwt(&with(claims, label, None)).unwrap_err() {
        Error::ClaimMissing { claim, .. } => claim,
        other => panic!("{label}: {other}"),
    };
    for (label, claim) in [
        (256, "psa-instance-id"),
        (2394, "psa-client-id"),
        (2395, "psa-security-lifecycle"),
        (2396, "psa-implementation-id"),
        (2399, "psa-software-components"),
    ] {
        assert_eq!(missing(psa_claims(), label), claim);
    }
    for (label, claim) in [
        (-75_001, "psa-client-id"),
        (-75_002, "psa-security-lifecycle"),
        (-75_003, "psa-implementation-id"),
        (-75_004, "psa-boot-seed"),
        (-75_006, "psa-software-components"),
        (-75_009, "psa-instance-id"),
    ] {
        assert_eq!(missing(old_psa_claims(), label), claim);
    }
    for label in [268, 2398, 2400] {
        assert!(cwt(&with(psa_claims(), label, None)).is_ok(), "{label}");
    }
}

#[test]
fn psa_claims_that_must_be_absent() {
    let foreign =
        |claims: Vec<(i64, Value)>, label, value| match cwt(&with(claims, label, Some(value))).unwrap_err() {
            Error::ClaimForeign { key, .. } => key,
            other => panic!("{label}: {other}"),
        };
    for (label, value) in [
        (2397, bytes([1; 32])),
        (-75_004, bytes([1; 32])),
        (-75_008, bytes(NONCE)),
        (-75_000, text("PSA_IOT_PROFILE_1")),
    ] {
        assert_eq!(foreign(psa_claims(), label, value), label);
    }
    for (label, value) in
        [(10, bytes(NONCE)), (256, bytes([1; 33])), (2399, Value::Array(vec![])), (268, bytes([1; 8]))]
    {
        assert_eq!(foreign(old_psa_claims(), label, value), label);
    }
    let draft = with(psa_claims(), 265, Some(text("http://arm.com/psa/2.0.0")));
    assert!(matches!(cwt(&draft), Err(Error::ClaimForeign { key: 268, .. })));
    let both = with(old_psa_claims(), -75_007, Some(int(1)));
    assert!(matches!(cwt(&both), Err(Error::ClaimMalformed { claim: "psa-no-sw-measurements", .. })));
    let nothing = [with(old_psa_claims(), -75_006, None)];
    let Value::Map(mut entries) = nothing[0].clone() else { panic!() };
    entries.push((int(-75_007), int(1)));
    assert!(cwt(&Value::Map(entries.clone())).unwrap().claims().psa().unwrap().components.is_empty());
    entries.last_mut().unwrap().1 = int(2);
    assert!(cwt(&Value::Map(entries)).is_err());
}

#[test]
fn psa_lengths_and_ranges() {
    let bad = |label, value| cwt(&with(psa_claims(), label, Some(value))).unwrap_err().code();
    let component = |entries: Vec<(i64, Value)>| Value::Array(vec![map(entries)]);
    for (label, value, code) in [
        (256, bytes([2; 33]), "claim_malformed"),
        (256, bytes([1; 32]), "claim_length"),
        (2394, int(0), "claim_malformed"),
        (2394, int(1 << 31), "claim_malformed"),
        (2394, int(-(1 << 31) - 1), "claim_malformed"),
        (2395, int(0x3100), "claim_malformed"),
        (2395, int(0x7000), "claim_malformed"),
        (2395, int(-1), "claim_malformed"),
        (2396, bytes([1; 31]), "claim_length"),
        (2396, bytes([1; 33]), "claim_length"),
        (268, bytes([1; 7]), "claim_length"),
        (268, bytes([1; 33]), "claim_length"),
        (2398, text("0604565272829"), "claim_malformed"),
        (2398, text("0604565272829-1001"), "claim_malformed"),
        (2398, text("060456527282x-10010"), "claim_malformed"),
        (2400, text(""), "claim_malformed"),
        (2399, Value::Array(vec![]), "claim_malformed"),
        (2399, component(vec![(5, bytes([4; 32]))]), "claim_missing"),
        (2399, component(vec![(2, bytes([4; 32]))]), "claim_missing"),
        (2399, component(vec![(2, bytes([4; 31])), (5, bytes([4; 32]))]), "claim_length"),
        (2399, component(vec![(2, bytes([4; 32])), (5, bytes([4; 20]))]), "claim_length"),
        (2399, component(vec![(1, int(1)), (2, bytes([4; 32])), (5, bytes([4; 32]))]), "claim_malformed"),
    ] {
        assert_eq!(bad(label, value.clone()), code, "{label}: {value:?}");
    }
    for (label, value) in
        [(2394, int(i64::from(i32::MIN))), (2395, int(0x60ff)), (2395, int(0)), (2396, bytes([0; 32]))]
    {
        assert!(cwt(&with(psa_claims(), label, Some(value))).is_ok());
    }
    let short = with(old_psa_claims(), -75_004, Some(bytes([1; 31])));
    assert!(matches!(cwt(&short), Err(Error::ClaimLength { claim: "psa-boot-seed", .. })));
    assert!(cwt(&with(old_psa_claims(), -75_005, Some(text("123")))).is_err());
}

#[test]
fn claims_that_nobody_knows_are_shown_and_not_judged() {
    let token = cwt(&with(psa_claims(), 99_999, Some(bytes([0xab])))).unwrap();
    assert_eq!(token.claims().shown()["99999"], "ab");
}

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
    assert_eq!(kinds[1], &SubmoduleKind::Token { form: "cwt" });
    assert_eq!(kinds[2], &SubmoduleKind::Token { form: "jwt" });
    assert!(matches!(kinds[3], SubmoduleKind::Detached { claims: None, .. }));
    let refused =
        |value| cwt(&with(plain_claims(), 266, Some(Value::Map(vec![(text("x"), value)])))).is_err();
    assert!(refused(int(1)) && refused(bytes([1])) && refused(text("x")));
    assert!(refused(Value::Array(vec![int(-14), bytes([1; 20])])), "SHA-1");
    assert!(refused(Value::Array(vec![int(-16), bytes([1; 31])])));
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
    let jwt = jws(Signer::P256, "ES256", r#"{"alg":"ES256"}"#, "{}");
    let json = format!(r#"["application/eat+jwt","{}"]"#, base64url(&jwt));
    assert_eq!(parse(json.as_bytes()).unwrap().format(), Format::Jwt);
    assert_eq!(parse(format!(r#"{{"a":{json}}}"#).as_bytes()).unwrap().wrappers, ["cmw collection"]);
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
    assert_eq!(kind(&two), Error::WrapperNotSingle { count: 2 });
    let deep = (0..5).fold(cwt.clone(), |inner, _| encode(&record(int(263), &inner)));
    assert_eq!(parse(&deep).unwrap_err(), Error::WrapperTooDeep { limit: 4 });
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
