mod unknown;

use std::collections::BTreeMap;

use super::*;
use crate::release::{Name, Words};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    format: String,
    number: u64,
    id: ObjectId,
    blob: Blob,
    #[serde(with = "moment")]
    at: Timestamp,
    names: BTreeMap<Name, Words>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maybe: Option<u8>,
}

impl Object for Sample {
    const FORMAT: &'static str = "sample/1";
}

fn sample() -> Sample {
    let words = |words: &str| Words::try_from(words).unwrap();
    let name = |name: &str| Name::try_from(name).unwrap();
    Sample {
        format: "sample/1".to_owned(),
        number: 300,
        id: ObjectId::of(b""),
        blob: Blob(vec![1, 2, 3]),
        at: Timestamp::from_unix(1_795_331_384),
        names: [(name("longer"), words("one")), (name("b"), words("two"))].into(),
        maybe: None,
    }
}

type Entries = Vec<(Value, Value)>;

fn parse(bytes: &[u8]) -> Result<Sample, Error> {
    read(bytes, &Limits::DEFAULT)
}

/// The sample's entries, changed, in the order that comes out.
fn written(change: impl FnOnce(&mut Entries)) -> Vec<u8> {
    let mut value: Value = ciborium::from_reader(write(&sample()).unwrap().as_slice()).unwrap();
    change(value.as_map_mut().unwrap());
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).unwrap();
    bytes
}

#[test]
fn an_object_has_one_encoding() {
    let bytes = write(&sample()).unwrap();
    assert_eq!(parse(&bytes), Ok(sample()));
    assert_eq!(write(&parse(&bytes).unwrap()).unwrap(), bytes);
    let keys: Vec<String> = {
        let value: Value = ciborium::from_reader(bytes.as_slice()).unwrap();
        value.as_map().unwrap().iter().map(|(key, _)| key.as_text().unwrap().to_owned()).collect()
    };
    assert_eq!(
        keys,
        ["at", "id", "blob", "names", "format", "number"],
        "shorter keys first, then by their bytes"
    );
}

#[test]
fn a46_every_other_encoding_is_refused() {
    let good = write(&sample()).unwrap();
    assert_eq!(written(|_| {}), good);
    let order = written(|entries| entries.reverse());
    assert_eq!(parse(&order), Err(Error::NotDeterministic { offset: 1 }));
    let null = written(|entries| entries.insert(4, (Value::from("maybe"), Value::Null)));
    assert!(matches!(parse(&null), Err(Error::NotDeterministic { .. })), "absent is absent");
    let mut trailing = good.clone();
    trailing.push(0);
    assert!(matches!(parse(&trailing), Err(Error::Cbor(cbor::Error::TrailingBytes { .. }))));
    let twice = written(|entries| entries.push(entries[5].clone()));
    assert!(matches!(parse(&twice), Err(Error::Cbor(cbor::Error::DuplicateKey { .. }))));
    let tagged = written(|entries| entries[5].1 = Value::Tag(1, Box::new(Value::from(300))));
    assert!(parse(&tagged).is_err());
}

#[test]
fn fields_are_known_and_of_their_type() {
    let shape = |change: &dyn Fn(&mut Entries)| match parse(&written(change)) {
        Err(Error::Shape { detail }) => detail,
        other => panic!("{other:?}"),
    };
    let unknown = |entries: &mut Entries| entries.push((Value::from("unknown"), Value::from(1)));
    assert!(shape(&unknown).contains("unknown field `unknown`"));
    assert!(shape(&|entries| drop(entries.remove(5))).contains("missing field `number`"));
    assert_eq!(shape(&|entries| drop(entries.remove(4))), "the key `format` is missing");
    assert_eq!(shape(&|entries| entries[1].1 = Value::Bytes(vec![0; 31])), "expected 32 bytes");
    assert_eq!(
        shape(&|entries| entries[2].1 = Value::from(7)),
        "invalid type: integer `7`, expected byte buffer"
    );
    assert_ne!(shape(&|entries| entries[5].1 = Value::from(-1)), "", "a number below zero");
    assert!(shape(&|entries| entries[0].1 = Value::from(253_402_300_800_u64)).contains("expected a time"));
    let other = written(|entries| entries[4].1 = Value::from("sample/2"));
    assert_eq!(parse(&other), Err(Error::Format { expected: "sample/1", got: "sample/2".to_owned() }));
}

#[test]
fn a52_no_changed_byte_gives_the_same_object() {
    let good = write(&sample()).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            if let Ok(object) = parse(&changed) {
                assert!(object != sample() && write(&object).unwrap() == changed, "byte {at} bit {bit}");
            }
        }
        assert!(parse(&good[..at]).is_err());
    }
}

#[test]
fn an_object_that_does_not_fit_is_not_read() {
    let limits = Limits { release_object_bytes: 10, ..Limits::DEFAULT };
    let bytes = write(&sample()).unwrap();
    let error = Error::TooLarge { bytes: bytes.len(), most: 10 };
    assert_eq!(read::<Sample>(&bytes, &limits), Err(error));
    let most = bytes.len();
    let with = |most| Limits { release_object_bytes: most, ..Limits::DEFAULT };
    assert_eq!(read::<Sample>(&bytes, &with(most)), Ok(sample()));
    let error = Error::TooLarge { bytes: most, most: most - 1 };
    assert_eq!(read::<Sample>(&bytes, &with(most - 1)), Err(error));
}

#[test]
fn what_is_debugged_says_which_bytes() {
    let id = ObjectId::of(b"");
    assert_eq!(format!("{id:?}"), id.to_string());
    assert_eq!(format!("{:?}", Blob(vec![1, 0xab])), "01ab (2 bytes)");
}

#[test]
fn names_of_objects_have_one_text() {
    let id = ObjectId::of(b"");
    let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!((id.to_string().as_str(), ObjectId::from_text(text)), (text, Some(id)));
    for lie in [&text.to_uppercase(), &text.replace('e', "E"), &text[7..], &text[..70], "sha256:"] {
        assert_eq!(ObjectId::from_text(lie), None, "{lie}");
    }
}

#[test]
fn people_read_and_write_the_same_as_text() {
    let text = toml::to_string(&sample()).unwrap();
    assert!(text.contains("at = \"2026-11-22T07:09:44Z\"") && text.contains("blob = \"AQID\""));
    assert_eq!(toml::from_str::<Sample>(&text).unwrap(), sample());
}
