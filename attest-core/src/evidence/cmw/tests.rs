//! Wrappers in CBOR and JSON, whatever they hold.

use super::super::cbor::Key;
use super::super::cbor::encode;
use super::*;

fn int(number: i128) -> Value<'static> {
    Value::Integer(number)
}

fn record<'a>(kind: Value<'a>, content: &'a [u8]) -> Value<'a> {
    Value::Array(vec![kind, Value::Bytes(content)])
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text)
}

fn map<'a>(entries: Vec<(Key<'a>, Value<'a>)>) -> Value<'a> {
    Value::Map(entries)
}

fn taken(bytes: &[u8]) -> Result<Vec<(String, String, Vec<u8>)>, Error> {
    let cmw = read(bytes, &Limits::DEFAULT)?;
    let told = |message: Message<'_>| (message.label, message.kind.to_string(), message.content.into_owned());
    Ok(cmw.messages.into_iter().map(told).collect())
}

fn one(label: &str, kind: &str, content: &[u8]) -> (String, String, Vec<u8>) {
    (label.to_owned(), kind.to_owned(), content.to_vec())
}

fn base64url(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_message_alone_has_no_label() {
    let tag = |number, content| encode(&Value::Tag(number, Box::new(Value::Bytes(content))));
    let with_indicator = |bits| encode(&Value::Array(vec![int(263), Value::Bytes(b"x"), int(bits)]));
    let format = |number: i128| Ok(vec![one("", &format!("content format {number}"), b"x")]);
    assert_eq!(taken(&encode(&record(int(263), b"x"))), format(263));
    assert_eq!(taken(&with_indicator(4)), format(263));
    assert_eq!(taken(&with_indicator(15)), format(263));
    // TN() (RFC 9277, appendix B): 255 formats in 256 tags.
    for (number, tag_number) in
        [(0, TAG_FIRST), (254, TAG_FIRST + 254), (255, TAG_FIRST + 256), (65_024, TAG_LAST)]
    {
        assert_eq!(taken(&tag(tag_number, b"x")), format(number), "{tag_number}");
    }
    assert_eq!(taken(&tag(TAG_FIRST + 255, b"x")), format(-1), "a tag that stands for nothing");
    assert_eq!(taken(br#"["a/b; c=d","eA"]"#), Ok(vec![one("", "a/b; c=d", b"x")]));
    assert_eq!(taken(br#"["a/b","eA",6]"#), Ok(vec![one("", "a/b", b"x")]));
    let collections = |bytes: &[u8]| read(bytes, &Limits::DEFAULT).unwrap().collections;
    assert_eq!(collections(br#"["a/b","eA"]"#), []);
}

#[test]
fn a_collection_is_its_messages_under_their_labels() {
    let inner =
        map(vec![(Key::Text("__cmwc_t"), text("urn:y")), (Key::Text("b"), record(text("k/b"), b"2"))]);
    let tagged = Value::Tag(TAG_FIRST + 274, Box::new(map(vec![(Key::Integer(-7), record(int(1), b"3"))])));
    let oid = Value::Tag(111, Box::new(Value::Bytes(&[1])));
    let json_inside = br#"{"j":["k/j","NQ"]}"#;
    let in_bytes =
        encode(&map(vec![(Key::Text("__cmwc_t"), oid), (Key::Text("d"), record(text("k/d"), b"4"))]));
    let outer = encode(&map(vec![
        (Key::Text("a"), record(text("k/a"), b"1")),
        (Key::Integer(9), inner),
        (Key::Text("t"), tagged),
        (Key::Text("c"), record(text("Application/CMW+cbor; x=y"), &in_bytes)),
        (Key::Text("f"), Value::Tag(TAG_FIRST + 276, Box::new(Value::Bytes(json_inside)))),
    ]));
    // In the order of the bytes, in which keys are sorted.
    let all = vec![
        one("9/b", "k/b", b"2"),
        one("a", "k/a", b"1"),
        one("c/d", "k/d", b"4"),
        one("f/j", "k/j", b"5"),
        one("t/-7", "content format 1", b"3"),
    ];
    assert_eq!(taken(&outer).unwrap(), all);
    let types = [None, Some("urn:y"), Some("an object identifier"), None, None];
    assert_eq!(read(&outer, &Limits::DEFAULT).unwrap().collections, types.map(|t| t.map(str::to_owned)));
    // The same within JSON, and back.
    let json = format!(
        r#"{{"__cmwc_t":"urn:z","x":["application/cmw+cbor","{}"],"y":{{"z":["k/z","Ng"]}}}}"#,
        base64url(&outer)
    );
    let within: Vec<_> =
        all.into_iter().map(|(label, kind, content)| (format!("x/{label}"), kind, content)).collect();
    // A collection in a message in a collection in a message in a collection.
    assert_eq!(taken(json.as_bytes()), Err(Error::TooDeep { limit: 4 }));
    let limits = Limits { wrappers: 5, ..Limits::DEFAULT };
    let cmw = read(json.as_bytes(), &limits).unwrap();
    let told =
        |message: &Message<'_>| (message.label.clone(), message.kind.to_string(), message.content.to_vec());
    let expected = [within, vec![one("y/z", "k/z", b"6")]].concat();
    assert_eq!(cmw.messages.iter().map(told).collect::<Vec<_>>(), expected);
    let types = [Some("urn:z"), None, Some("urn:y"), Some("an object identifier"), None, None, None];
    assert_eq!(cmw.collections, types.map(|t| t.map(str::to_owned)));
}

#[test]
fn what_is_not_put_together_as_the_specification_says_is_told_with_its_place() {
    let malformed = |bytes: &[u8]| match taken(bytes).unwrap_err() {
        Error::Malformed { label, detail } => (label, detail),
        other => panic!("{other:?}"),
    };
    let under = |value| encode(&map(vec![(Key::Text("a"), value)]));
    let x = Value::Bytes(b"x");
    let no_message = "a CBOR map that is no collection of messages: nobody signed it";
    for (value, expected) in [
        (Value::Array(vec![]), "an array that is no type with its bytes"),
        (Value::Array(vec![int(1), text("x")]), "an array that is no type with its bytes"),
        (Value::Array(vec![x.clone(), x.clone()]), "a CMW's type is neither a number nor text"),
        (
            Value::Array(vec![int(1), x.clone(), text("4")]),
            "behind a CMW's bytes stands something else than its indicator",
        ),
        (
            Value::Array(vec![int(1), x.clone(), int(4), int(4)]),
            "behind a CMW's bytes stands something else than its indicator",
        ),
        (Value::Array(vec![int(1), x.clone(), int(0)]), "a CMW's indicator is not between 1 and 2^32 - 1"),
        (Value::Array(vec![int(1), x.clone(), int(-4)]), "a CMW's indicator is not between 1 and 2^32 - 1"),
        (
            Value::Array(vec![int(1), x.clone(), int(1 << 32)]),
            "a CMW's indicator is not between 1 and 2^32 - 1",
        ),
        (Value::Tag(TAG_FIRST, Box::new(int(1))), "a CMW tag around something else than a byte string"),
        (Value::Tag(TAG_FIRST, Box::new(map(vec![]))), "a CMW tag around something else than a byte string"),
        (Value::Tag(18, Box::new(x.clone())), "a collection of something else than messages"),
        (Value::Tag(TAG_FIRST - 1, Box::new(x.clone())), "a collection of something else than messages"),
        (Value::Tag(TAG_LAST + 1, Box::new(x.clone())), "a collection of something else than messages"),
        (map(vec![(Key::Text("b"), int(1))]), no_message),
        (map(vec![(Key::Bytes(b"b"), record(int(1), b"x"))]), "a label is neither a number nor text"),
        (
            map(vec![(Key::Text("__cmwc_t"), int(1))]),
            "a collection's type is neither a URI nor an object identifier",
        ),
    ] {
        assert_eq!(malformed(&under(value.clone())), ("a".to_owned(), expected), "{value:?}");
    }
    for (value, expected) in [
        (r#"[]"#, "a JSON array that is neither a CMW nor a bundle"),
        (r#"["k/x"]"#, "a JSON array that is neither a CMW nor a bundle"),
        (r#"["k/x","eA",4,4]"#, "a JSON array that is neither a CMW nor a bundle"),
        (r#"[263,"eA"]"#, "a JSON array that is neither a CMW nor a bundle"),
        (r#"["k/x","eA","4"]"#, "behind a CMW's text stands something else than its indicator"),
        (r#"["k/x","eA",0]"#, "a CMW's indicator is not between 1 and 2^32 - 1"),
        (r#"["k/x","eA",4.5]"#, "a CMW's indicator is not between 1 and 2^32 - 1"),
        (r#"{"__cmwc_t":1}"#, "a collection's type is no text"),
    ] {
        let under = format!(r#"{{"a":{value}}}"#);
        assert_eq!(malformed(under.as_bytes()), ("a".to_owned(), expected), "{value}");
    }
    let a = "a".to_owned();
    assert_eq!(taken(br#"{"a":["k/x","eA="]}"#), Err(Error::Base64Malformed { label: a.clone() }));
    assert_eq!(taken(br#"{"a":["k/x","eA",8]}"#), Err(Error::IndicatorForeign { label: a.clone(), bits: 8 }));
    let foreign = under(Value::Array(vec![int(1), x, int(3)]));
    assert_eq!(taken(&foreign), Err(Error::IndicatorForeign { label: a.clone(), bits: 3 }));
    for (media, kind) in
        [("application/cmw+cose", int(274)), ("application/cmw+jws", text("application/cmw+jws"))]
    {
        let signed = Error::Signed { label: a.clone(), media: media.to_owned() };
        assert_eq!(taken(&under(record(kind, b"x"))), Err(signed));
    }
    assert_eq!(taken(b""), Err(Error::FormUnexpected { label: String::new() }));
    assert_eq!(taken(b"eyJ"), Err(Error::FormUnexpected { label: String::new() }));
    let inside = under(record(text("application/cmw+json"), b"eyJ"));
    assert_eq!(taken(&inside), Err(Error::FormUnexpected { label: a }));
    assert_eq!(taken(b"{").unwrap_err().code(), "json_syntax");
    assert_eq!(taken(&[0xa1]).unwrap_err().code(), "cbor_truncated");
}

#[test]
fn a46_one_label_is_one_message() {
    let twice = map(vec![(Key::Text("a"), record(int(1), b"x")), (Key::Text("a"), record(int(1), b"y"))]);
    assert_eq!(taken(&encode(&twice)).unwrap_err().code(), "cbor_duplicate_key");
    let json = br#"{"a":["k/x","eA"],"a":["k/x","eQ"]}"#;
    assert_eq!(taken(json).unwrap_err().code(), "json_duplicate_name");
}

#[test]
fn a47_wrappers_in_wrappers_and_messages_are_bounded() {
    let limits = Limits::DEFAULT;
    let too_deep = Err(Error::TooDeep { limit: limits.wrappers });
    let deep =
        |levels| (0..levels).fold(r#"["k/x","eA"]"#.to_owned(), |inner, _| format!(r#"{{"a":{inner}}}"#));
    assert_eq!(taken(deep(4).as_bytes()).unwrap(), [one("a/a/a/a", "k/x", b"x")]);
    assert_eq!(taken(deep(5).as_bytes()), too_deep);
    let cbor =
        |levels| (0..levels).fold(record(int(1), b"x"), |inner, _| map(vec![(Key::Integer(0), inner)]));
    assert_eq!(taken(&encode(&cbor(4))).unwrap().len(), 1);
    assert_eq!(taken(&encode(&cbor(5))), too_deep);
    let packed = |levels| {
        (0..levels).fold(encode(&record(int(1), b"x")), |inner, _| encode(&record(int(273), &inner)))
    };
    assert_eq!(taken(&packed(4)).unwrap().len(), 1);
    assert_eq!(taken(&packed(5)), too_deep);
    let many = |count| {
        let all: Vec<_> = (0..count).map(|at| format!(r#""{at}":["k/x","eA"]"#)).collect();
        format!("{{{}}}", all.join(","))
    };
    assert_eq!(taken(many(limits.wrapped_messages).as_bytes()).unwrap().len(), limits.wrapped_messages);
    let too_many = Err(Error::TooMany { limit: limits.wrapped_messages });
    assert_eq!(taken(many(limits.wrapped_messages + 1).as_bytes()), too_many);
    // Packed in one another, too.
    let packed =
        |count| format!(r#"{{"a":["application/cmw+json","{}"]}}"#, base64url(many(count).as_bytes()));
    assert_eq!(taken(packed(limits.wrapped_messages).as_bytes()).unwrap().len(), limits.wrapped_messages);
    assert_eq!(taken(packed(limits.wrapped_messages + 1).as_bytes()), too_many);
}

/// Longer than what is decoded at a time, and at each of its edges.
#[test]
fn a46_base64url_has_one_spelling_at_any_length() {
    for len in [0, 1, 2, 3, 4, 3_071, 3_072, 3_073, 3_074, 6_144, 10_000] {
        let content: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
        let text = base64url(&content);
        let json = |text: &str| format!(r#"["k/x","{text}"]"#);
        assert_eq!(taken(json(&text).as_bytes()), Ok(vec![one("", "k/x", &content)]), "{len}");
        let malformed = Err(Error::Base64Malformed { label: String::new() });
        assert_eq!(taken(json(&format!("{text}=")).as_bytes()), malformed, "{len}");
        for at in [0, 4_094, 4_095, 4_096, 4_097, text.len().saturating_sub(1)] {
            if at < text.len() {
                let mut wrong = text.clone().into_bytes();
                wrong[at] = b'+';
                assert_eq!(
                    taken(json(&String::from_utf8(wrong).unwrap()).as_bytes()),
                    malformed,
                    "{len} {at}"
                );
            }
        }
        if len % 3 != 0 {
            // Bits behind the last byte.
            let mut spare = text.into_bytes();
            let last = spare.last_mut().unwrap();
            *last = if *last == b'z' { b'0' } else { *last + 1 };
            assert_eq!(taken(json(&String::from_utf8(spare).unwrap()).as_bytes()), malformed, "{len}");
        }
    }
}

#[test]
fn errors_are_told_with_their_labels() {
    let error = Error::Malformed { label: "a/\u{1b}[2J".to_owned(), detail: "is none" };
    assert_eq!(error.to_string(), r#"message "a/\u{1b}[2J": is none"#);
    let error = Error::Base64Malformed { label: String::new() };
    assert_eq!(
        (error.to_string().as_str(), error.code()),
        ("not unpadded base64url", "wrapper_base64_malformed")
    );
    let long = "x".repeat(100);
    let json = format!(r#"{{"{long}":["k/x","!"]}}"#);
    assert_eq!(taken(json.as_bytes()), Err(Error::Base64Malformed { label: long[..64].to_owned() }));
    assert_eq!(Type::Media(long.clone()).to_string(), long[..64]);
}

/// A label says nothing of the form: only both members together are those of a JWS.
#[test]
fn labels_that_a_jws_has_too_are_labels() {
    for label in ["payload", "signature", "signatures"] {
        let bytes = format!(r#"{{"{label}":["a/b","eA"]}}"#);
        assert_eq!(taken(bytes.as_bytes()), Ok(vec![one(label, "a/b", b"x")]));
    }
    for signature in ["signature", "signatures"] {
        let bytes = format!(r#"{{"payload":["a/b","eA"],"{signature}":["a/b","eA"]}}"#);
        let error = taken(bytes.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("JSON serialization"), "{error}");
    }
}
