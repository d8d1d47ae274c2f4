use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;
use crate::testing::provenance::{Key, envelope_of};

const TYPE: &str = "http://example.com/HelloWorld";

fn parse(envelope: &Value) -> Result<Envelope, Error> {
    Envelope::parse(envelope.to_string().as_bytes(), &Limits::DEFAULT)
}

#[test]
fn the_encoding_is_that_of_the_specification() {
    // DSSE Protocol, "Test Vectors".
    let encoded = pre_authentication_encoding(TYPE, b"hello world");
    assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    // Lengths are of bytes.
    assert_eq!(
        pre_authentication_encoding("\u{e9}", "\u{e9}".as_bytes()),
        "DSSEv1 2 \u{e9} 2 \u{e9}".as_bytes()
    );
    assert_eq!(pre_authentication_encoding("", b""), b"DSSEv1 0  0 ");
}

#[test]
fn the_specifications_own_signature_is_over_this_encoding() {
    // DSSE Protocol, "Test Vectors": r ‖ s, which its reference implementation writes; builders write DER, and that alone is read.
    let x = "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238";
    let y = "0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74";
    let point = hex::decode(format!("04{x}{y}")).unwrap();
    let key = CanonicalKey::ecdsa(crate::release::key::Curve::P256, &point).unwrap();
    let sig = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==";
    assert!(key.verifies(&pre_authentication_encoding(TYPE, b"hello world"), &STANDARD.decode(sig).unwrap()));
    let envelope =
        json!({ "payload": "aGVsbG8gd29ybGQ=", "payloadType": TYPE, "signatures": [{ "sig": sig }] });
    assert!(!parse(&envelope).unwrap().is_signed_by(&key));
}

#[test]
fn what_each_kind_of_key_signs_is_verified() {
    for key in [Key::ed25519(1), Key::p256(), Key::p384()] {
        let envelope = parse(&envelope_of(TYPE, b"payload", &[&key])).unwrap();
        assert_eq!((envelope.payload_type(), envelope.payload()), (TYPE, &b"payload"[..]));
        assert!(envelope.is_signed_by(&key.public()));
        assert!(!envelope.is_signed_by(&Key::ed25519(2).public()));
    }
}

#[test]
fn a45_type_and_payload_are_what_was_signed() {
    let key = Key::ed25519(1);
    let good = envelope_of(TYPE, b"payload", &[&key]);
    for (field, value) in [
        ("payloadType", json!("http://example.com/HelloWorl")),
        ("payloadType", json!("")),
        ("payload", json!(STANDARD.encode("payloaD"))),
        ("payload", json!("")),
    ] {
        let mut told = good.clone();
        told[field] = value;
        assert!(!parse(&told).unwrap().is_signed_by(&key.public()), "{told}");
    }
    // The border between type and payload moved.
    let mut moved = good;
    moved["payloadType"] = json!(format!("{TYPE} 7"));
    assert!(!parse(&moved).unwrap().is_signed_by(&key.public()));
}

#[test]
fn base64_in_both_alphabets_padded_or_not() {
    let key = Key::ed25519(1);
    let payload = [0xfb, 0xff, 0xbf, 0x01];
    let good = envelope_of(TYPE, &payload, &[&key]);
    let signature = STANDARD.decode(good["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    for engine in [STANDARD, URL_SAFE, URL_SAFE_NO_PAD] {
        let mut other = good.clone();
        other["payload"] = json!(engine.encode(payload));
        other["signatures"][0]["sig"] = json!(engine.encode(&signature));
        assert!(parse(&other).unwrap().is_signed_by(&key.public()));
    }
    for bad in ["+/8=", "+_8=", "AB==", "A", "AAA\n", "AAA ", "===="] {
        let mut told = good.clone();
        told["payload"] = json!(bad);
        let parsed = parse(&told);
        assert_eq!(parsed.is_ok(), bad == "+/8=", "{bad}");
        if bad != "+/8=" {
            assert_eq!(parsed, Err(Error::Base64Malformed { field: "payload" }), "{bad}");
            told["payload"] = json!("");
            told["signatures"][0]["sig"] = json!(bad);
            assert_eq!(parse(&told), Err(Error::Base64Malformed { field: "sig" }), "{bad}");
        }
    }
}

#[test]
fn required_fields_are_there() {
    let good = envelope_of(TYPE, b"payload", &[&Key::ed25519(1)]);
    for field in ["payload", "payloadType", "signatures"] {
        for value in [None, Some(json!(1)), Some(Value::Null)] {
            let mut told = good.clone();
            match value {
                Some(value) => told[field] = value,
                None => drop(told.as_object_mut().unwrap().remove(field)),
            }
            assert_eq!(parse(&told), Err(Error::FieldUnexpected { field }));
        }
    }
    let mut told = good.clone();
    told["signatures"] = json!([]);
    assert_eq!(parse(&told), Err(Error::NoSignature));
    for one in [json!({}), json!("AAAA"), json!({ "sig": 1 })] {
        told["signatures"] = json!([one]);
        assert_eq!(parse(&told), Err(Error::FieldUnexpected { field: "sig" }));
    }
    // The specification's consumers pass over what they do not know; here nobody signs it.
    told = good;
    told["signatures"][0]["cert"] = json!("-----BEGIN CERTIFICATE-----");
    told["more"] = json!(1);
    assert!(parse(&told).is_ok());
}

#[test]
fn a46_a_name_twice() {
    let key = Key::ed25519(1);
    let good = envelope_of(TYPE, b"payload", &[&key]).to_string();
    let twice = good.replacen('{', r#"{"payload":"","#, 1);
    let error = Envelope::parse(twice.as_bytes(), &Limits::DEFAULT).unwrap_err();
    assert_eq!(error, Error::Json(json::Error::DuplicateName { name: "payload".into() }));
    let more = format!("{good}{{}}");
    assert!(matches!(Envelope::parse(more.as_bytes(), &Limits::DEFAULT), Err(Error::Json(_))));
}

#[test]
fn a47_too_long_and_too_many_signatures() {
    let limits = Limits::DEFAULT;
    let limit = limits.provenance_bytes;
    let long = vec![b' '; limit + 1];
    let error = Envelope::parse(&long, &limits).unwrap_err();
    assert_eq!(error, Error::Json(json::Error::TooLong { len: limit + 1, limit }));
    let mut envelope = envelope_of(TYPE, &vec![b' '; limits.token_bytes * 2], &[&Key::ed25519(1)]);
    assert!(parse(&envelope).is_ok(), "provenance is longer than a token");
    let one = envelope["signatures"][0].clone();
    envelope["signatures"] = json!(vec![one.clone(); 16]);
    assert!(parse(&envelope).is_ok());
    envelope["signatures"] = json!(vec![one; 17]);
    assert_eq!(parse(&envelope), Err(Error::TooManySignatures { count: 17, limit: 16 }));
}

#[test]
fn every_code_is_its_own_and_stable() {
    let json = json::Error::TooLong { len: 2, limit: 1 };
    for (error, code) in [
        (Error::Base64Malformed { field: "sig" }, "dsse_base64_malformed"),
        (Error::FieldUnexpected { field: "sig" }, "dsse_field_unexpected"),
        (Error::Json(json.clone()), json.code()),
        (Error::NoSignature, "dsse_no_signature"),
        (Error::TooManySignatures { count: 2, limit: 1 }, "dsse_too_many_signatures"),
    ] {
        assert_eq!(error.code(), code, "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused(bytes: Vec<u8>) {
        proptest::prop_assert!(Envelope::parse(&bytes, &Limits::DEFAULT).is_err());
    }
}
