//! Claims as people read them: by name, byte strings in hexadecimal, the same from CBOR as from JSON.

use serde_json::{Map, Value as Json, json};

use super::claims::{Claims, label};
use super::psa;
use crate::evidence::cbor::{Key, Value as Cbor};
use crate::evidence::node::{Label, Node};

/// Registered claims of EAT, CWT and JWT with both spellings (IANA "CBOR Web Token (CWT) Claims").
const KNOWN: [&Label; 29] = [
    &label::ISS,
    &label::SUB,
    &Label::new("aud", 3),
    &label::EXP,
    &label::NBF,
    &label::IAT,
    &Label::new("cti", 7),
    &Label::new("cnf", 8),
    &label::NONCE,
    &label::UEID,
    &label::SUEIDS,
    &label::OEMID,
    &label::HWMODEL,
    &label::HWVERSION,
    &label::UPTIME,
    &label::OEMBOOT,
    &label::DBGSTAT,
    &label::LOCATION,
    &label::PROFILE,
    &label::SUBMODS,
    &label::BOOTCOUNT,
    &label::BOOTSEED,
    &label::DLOAS,
    &label::SWNAME,
    &label::SWVERSION,
    &label::MANIFESTS,
    &label::MEASUREMENTS,
    &label::MEASRES,
    &label::INTUSE,
];
/// Claims that are byte strings, and so base64url in JSON.
const BYTES: [&Label; 5] = [&label::NONCE, &label::UEID, &label::OEMID, &label::HWMODEL, &label::BOOTSEED];

/// Keys of a software component.
const COMPONENT: [(i128, &str); 5] = [
    (1, "measurement-type"),
    (2, "measurement-value"),
    (4, "version"),
    (5, "signer-id"),
    (6, "measurement-desc"),
];

pub(super) fn claims(node: Node<'_>) -> Map<String, Json> {
    match node {
        Node::Json(Json::Object(members)) => members.iter().map(from_json).collect(),
        Node::Cbor(Cbor::Map(entries)) => entries.iter().map(from_cbor).collect(),
        _ => Map::new(),
    }
}

fn from_json((name, value): (&String, &Json)) -> (String, Json) {
    let is_bytes = BYTES.iter().any(|label| label.name() == name);
    let bytes = Node::Json(value).bytes().filter(|_| is_bytes);
    (name.clone(), bytes.map_or_else(|| value.clone(), |bytes| json!(hex::encode(bytes))))
}

fn from_cbor((key, value): &(Key<'_>, Cbor<'_>)) -> (String, Json) {
    let name = match key {
        Key::Integer(number) => name(*number).map_or_else(|| number.to_string(), str::to_owned),
        Key::Text(text) => (*text).to_owned(),
        Key::Bytes(bytes) => hex::encode(bytes),
    };
    let shown = match (name.as_str(), value) {
        ("psa-software-components", Cbor::Array(all)) => all.iter().map(component).collect(),
        ("submods", Cbor::Map(all)) => {
            let one = |(key, value): &(Key<'_>, Cbor<'_>)| {
                let (name, _) = from_cbor(&(*key, Cbor::Null));
                let shown = match value {
                    Cbor::Map(_) => Json::Object(claims(Node::Cbor(value))),
                    other => plain(other),
                };
                (name, shown)
            };
            Json::Object(all.iter().map(one).collect())
        }
        _ => plain(value),
    };
    (name, shown)
}

fn name(number: i128) -> Option<&'static str> {
    let all = KNOWN.iter().chain(&psa::OLD_KEYS).chain(&psa::NEW_KEYS);
    all.copied().find(|label| label.number().map(i128::from) == Some(number)).map(|label| label.known_name())
}

fn component(component: &Cbor<'_>) -> Json {
    let Cbor::Map(entries) = component else { return plain(component) };
    let one = |(key, value): &(Key<'_>, Cbor<'_>)| {
        let known = COMPONENT.iter().find(|(number, _)| *key == Key::Integer(*number)).map(|(_, name)| *name);
        (known.map_or_else(|| from_cbor(&(*key, Cbor::Null)).0, str::to_owned), plain(value))
    };
    Json::Object(entries.iter().map(one).collect())
}

/// Any CBOR. Numbers beyond JSON's become text.
fn plain(value: &Cbor<'_>) -> Json {
    match value {
        Cbor::Array(items) => items.iter().map(plain).collect(),
        Cbor::Bool(value) => json!(value),
        Cbor::Bytes(bytes) => json!(hex::encode(bytes)),
        Cbor::Float { width: 8, bits } => json!(f64::from_bits(*bits)),
        Cbor::Float { bits, .. } => json!(format!("float {bits:x}")),
        Cbor::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => json!(number),
            (_, Ok(number)) => json!(number),
            _ => json!(number.to_string()),
        },
        Cbor::Map(entries) => {
            let one = |(key, value): &(Key<'_>, Cbor<'_>)| {
                let key = match key {
                    Key::Integer(number) => number.to_string(),
                    Key::Text(text) => (*text).to_owned(),
                    Key::Bytes(bytes) => hex::encode(bytes),
                };
                (key, plain(value))
            };
            Json::Object(entries.iter().map(one).collect())
        }
        Cbor::Null | Cbor::Simple(_) => Json::Null,
        Cbor::Tag(tag, value) => json!({ "tag": tag, "value": plain(value) }),
        Cbor::Text(text) => json!(text),
    }
}

/// What a token says of its debug status and use, by name instead of number.
pub(super) fn rename(claims: &Claims, shown: &mut Map<String, Json>) {
    let names = [
        (&label::DBGSTAT, claims.dbgstat.map(super::DebugStatus::name)),
        (&label::INTUSE, claims.intuse.map(super::IntendedUse::name)),
    ];
    for (label, name) in names {
        if let Some(name) = name {
            shown.insert(label.name().to_owned(), json!(name));
        }
    }
}
