//! What is around a token: conceptual message wrappers (RFC 9999) and detached EAT bundles (RFC 9711, section 5).
//!
//! A wrapper is packing. It proves nothing, it names no key, and it must hold exactly one token.

use serde_json::Value as Json;

use super::cose;
use super::envelope::{base64url, media_type};
use super::error::{Error, cut};
use crate::Limits;
use crate::evidence::cbor::{self, Key, Value};
use crate::evidence::json;

/// Tag of an unprotected claims set (RFC 9781, section 2).
const TAG_UCCS: u64 = 601;
/// Tag of a detached EAT bundle (RFC 9711, section 5).
const TAG_BUNDLE: u64 = 602;
const UNSIGNED: Error = Error::CoseKindUnsupported { kind: "claims set that nobody signed" };
/// The first and last tag that the TN() transform makes of a content format (RFC 9277, appendix B).
const TAG_CMW: core::ops::RangeInclusive<u64> = 1_668_546_817..=1_668_612_095;
/// The name that is no label in a collection (RFC 9999, section 3.3).
const COLLECTION_TYPE: &str = "__cmwc_t";

/// So many messages are named where one is asked for.
const TYPES_TOLD: usize = 4;

/// A token out of its wrappers.
pub(super) struct Unwrapped {
    /// The token's own bytes.
    pub(super) token: Vec<u8>,
    /// What it must be, if a wrapper says so.
    pub(super) form: Form,
    /// Claims sets beside it, by name: not signed, but perhaps digested by the token.
    pub(super) detached: Vec<(String, Vec<u8>)>,
    /// The wrappers' names, outermost first.
    pub(super) wrappers: Vec<&'static str>,
}

impl Unwrapped {
    const fn of(token: Vec<u8>, form: Form) -> Self {
        Self { token, form, detached: Vec::new(), wrappers: Vec::new() }
    }
}

impl From<Layer> for Unwrapped {
    fn from(layer: Layer) -> Self {
        Self { token: layer.bytes, form: layer.form, detached: layer.detached, wrappers: vec![layer.name] }
    }
}

/// What a wrapper says that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Any,
    Bundle,
    Cwt,
    Jwt,
}

/// Takes every wrapper off. Each is longer than what it holds, so the limit of a token's bytes holds for all.
pub(super) fn unwrap(bytes: &[u8], limits: &Limits) -> Result<Unwrapped, Error> {
    let mut out = Unwrapped::of(bytes.to_vec(), Form::Any);
    while let Some(inner) = layer(&out.token, out.form, limits)? {
        // A bundle holds a signed token, and no second set of claims beside it.
        if inner.name == "bundle" && out.wrappers.contains(&"bundle") {
            return Err(malformed("a bundle in a bundle"));
        }
        out.wrappers.push(inner.name);
        if out.wrappers.len() > limits.wrappers {
            return Err(Error::WrapperTooDeep { limit: limits.wrappers });
        }
        out.detached.extend(inner.detached);
        (out.token, out.form) = (inner.bytes, inner.form);
    }
    if out.form == Form::Bundle {
        return Err(malformed("the type says that it is a bundle, and it is none"));
    }
    Ok(out)
}

/// One wrapper taken off.
struct Layer {
    name: &'static str,
    bytes: Vec<u8>,
    form: Form,
    detached: Vec<(String, Vec<u8>)>,
}

impl Layer {
    fn new(name: &'static str, (bytes, form): (Vec<u8>, Form)) -> Self {
        Self { name, bytes, form, detached: Vec::new() }
    }
}

/// The outermost wrapper, told by the first byte (RFC 9999, section 3.4); `None` if there is none.
fn layer(bytes: &[u8], form: Form, limits: &Limits) -> Result<Option<Layer>, Error> {
    match bytes.first() {
        None => Err(Error::FormUnexpected { offset: 0 }),
        // A COSE_Sign1 without tags begins like a record. Arrays that are none are looked at here.
        Some(0x80..=0x9b | 0xa0..=0xbb | 0xc0..=0xdb) => {
            cbor_layer(&cbor::parse(bytes, limits)?, form, limits)
        }
        Some(b'[' | b'{') => {
            let value = json::parse(bytes, limits).map_err(|error| Error::Json { offset: 0, error })?;
            json_layer(&value).map(Some)
        }
        Some(_) => Ok(None),
    }
}

fn cbor_layer(value: &Value<'_>, form: Form, limits: &Limits) -> Result<Option<Layer>, Error> {
    match value {
        Value::Tag(TAG_UCCS, _) => Err(UNSIGNED),
        Value::Tag(TAG_BUNDLE, bundle) => cbor_bundle(bundle, limits).map(Some),
        Value::Tag(tag, message) if TAG_CMW.contains(tag) => {
            let Value::Bytes(message) = **message else {
                return Err(malformed("a CMW tag around something else than a byte string"));
            };
            Ok(Some(Layer::new("cmw", (message.to_vec(), content_format(content_format_of(*tag))?))))
        }
        Value::Array(parts) => match parts.as_slice() {
            [_, Value::Map(_)] if matches!(form, Form::Any | Form::Bundle) => {
                cbor_bundle(value, limits).map(Some)
            }
            [kind, Value::Bytes(message)] | [kind, Value::Bytes(message), Value::Integer(_)] => {
                record_indicator(parts.get(2).and_then(Value::as_integer))?;
                let form = match kind {
                    Value::Integer(format) => content_format(*format)?,
                    Value::Text(text) => media(text)?,
                    _ => return Err(malformed("a CMW's type is neither a number nor text")),
                };
                Ok(Some(Layer::new("cmw", (message.to_vec(), form))))
            }
            // Four parts: a COSE structure without its tag.
            _ => Ok(None),
        },
        Value::Map(entries) => {
            let messages = entries.iter().filter(|(key, _)| *key != Key::Text(COLLECTION_TYPE));
            let messages: Vec<_> = messages.map(|(_, message)| message).collect();
            if !messages
                .iter()
                .all(|message| matches!(message, Value::Array(_) | Value::Map(_) | Value::Tag(..)))
            {
                return Err(malformed("a CBOR map that is no collection of messages: nobody signed it"));
            }
            let [message] = messages.as_slice() else {
                let types = messages.iter().take(TYPES_TOLD).map(|message| match message {
                    Value::Array(parts) => match parts.first() {
                        Some(Value::Text(kind)) => cut(kind, 64),
                        Some(Value::Integer(format)) => format!("content format {format}"),
                        _ => "an array".to_owned(),
                    },
                    Value::Tag(tag, _) => format!("tag {tag}"),
                    _ => "a collection".to_owned(),
                });
                return Err(Error::WrapperNotSingle { count: messages.len(), types: types.collect() });
            };
            match cbor_layer(message, Form::Any, limits)? {
                Some(layer) if layer.name != "bundle" => Ok(Some(Layer { name: "cmw collection", ..layer })),
                _ => Err(malformed("a collection of something else than messages")),
            }
        }
        _ => Ok(None),
    }
}

/// CBOR: the token as bytes, or as text a JSON selector (RFC 9711, 4.2.18.3).
fn cbor_bundle(value: &Value<'_>, limits: &Limits) -> Result<Layer, Error> {
    let Value::Array(parts) = value else { return Err(malformed("a bundle is an array")) };
    let [main, Value::Map(sets)] = parts.as_slice() else {
        return Err(malformed("a bundle is a token and a map of claims sets"));
    };
    let main = match main {
        Value::Bytes(token) => (token.to_vec(), Form::Cwt),
        Value::Text(text) => {
            let value = json::parse(text.as_bytes(), limits);
            selector(&value.map_err(|error| Error::Json { offset: 0, error })?)?
        }
        _ => return Err(malformed("a bundle's token is neither bytes nor text")),
    };
    let sets = sets.iter().map(|(name, set)| match (name, set) {
        (Key::Text(name), Value::Bytes(set)) => Ok(((*name).to_owned(), set.to_vec())),
        _ => Err(malformed("a detached claims set is bytes under a text name")),
    });
    bundle(main, sets.collect::<Result<_, _>>()?)
}

fn json_layer(value: &Json) -> Result<Layer, Error> {
    match value {
        Json::Array(parts) => match parts.as_slice() {
            [main @ Json::Array(_), Json::Object(sets)] => json_bundle(main, sets),
            [Json::String(kind), Json::String(message)]
            | [Json::String(kind), Json::String(message), Json::Number(_)] => {
                if let Some(indicator) = parts.get(2) {
                    record_indicator(Some(indicator.as_u64().map_or(-1, i128::from)))?;
                }
                Ok(Layer::new("cmw", (base64url(message, 0)?, media(kind)?)))
            }
            _ => Err(malformed("a JSON array that is neither a CMW nor a bundle")),
        },
        Json::Object(members) => {
            let messages: Vec<_> =
                members.iter().filter(|(name, _)| *name != COLLECTION_TYPE).map(|(_, m)| m).collect();
            let is_jws = members.contains_key("payload")
                && (members.contains_key("signature") || members.contains_key("signatures"));
            if is_jws {
                let detail =
                    "a JWS in its JSON serialization: a token is in the compact one (RFC 7519, section 1)";
                return Err(malformed(detail));
            }
            if !messages.iter().all(|message| matches!(message, Json::Array(_) | Json::Object(_))) {
                let detail = "a JSON object that is no collection of messages: nobody signed it, and a token is a compact JWS or a COSE_Sign1";
                return Err(malformed(detail));
            }
            let [message] = messages.as_slice() else {
                let types = messages.iter().take(TYPES_TOLD).map(|message| {
                    let kind = message.as_array().map(|parts| parts.first().and_then(Json::as_str));
                    match kind {
                        Some(Some(kind)) => cut(kind, 64),
                        Some(None) => "an array".to_owned(),
                        None => "a collection".to_owned(),
                    }
                });
                return Err(Error::WrapperNotSingle { count: messages.len(), types: types.collect() });
            };
            match json_layer(message)? {
                layer if layer.name != "bundle" => Ok(Layer { name: "cmw collection", ..layer }),
                _ => Err(malformed("a collection of something else than messages")),
            }
        }
        _ => Err(Error::FormUnexpected { offset: 0 }),
    }
}

fn json_bundle(main: &Json, sets: &serde_json::Map<String, Json>) -> Result<Layer, Error> {
    let sets = sets.iter().map(|(name, set)| {
        let set = set.as_str().ok_or(malformed("a detached claims set is no text"))?;
        Ok((name.clone(), base64url(set, 0)?))
    });
    bundle(selector(main)?, sets.collect::<Result<_, Error>>()?)
}

/// A token or bundle in CBOR that stands in another token: nothing but its tag tells which (RFC 9711, 4.2.18.3). No CMW is among the choices.
pub(super) fn tagged(bytes: &[u8], limits: &Limits) -> Result<Unwrapped, Error> {
    match cbor::parse(bytes, limits)? {
        Value::Tag(TAG_BUNDLE, bundle) => Ok(cbor_bundle(&bundle, limits)?.into()),
        Value::Tag(TAG_UCCS, _) => Err(UNSIGNED),
        _ => Ok(Unwrapped::of(bytes.to_vec(), Form::Cwt)),
    }
}

/// A token or bundle that a JSON selector names in another token (RFC 9711, 4.2.18.3); `None` if it is none.
pub(super) fn selected(selector: &Json, limits: &Limits) -> Option<Result<Unwrapped, Error>> {
    match selector.as_array()?.as_slice() {
        [Json::String(kind), Json::String(token)] => match kind.as_str() {
            "JWT" => Some(Ok(Unwrapped::of(token.as_bytes().to_vec(), Form::Jwt))),
            "CBOR" => Some(base64url(token, 0).and_then(|token| tagged(&token, limits))),
            _ => None,
        },
        [Json::String(kind), Json::Array(parts)] if kind == "BUNDLE" => match parts.as_slice() {
            [main, Json::Object(sets)] => Some(json_bundle(main, sets).map(Unwrapped::from)),
            _ => None,
        },
        _ => None,
    }
}

/// JSON-Selector (RFC 9711, 4.2.18.3): what stands in for CBOR's tags.
fn selector(value: &Json) -> Result<(Vec<u8>, Form), Error> {
    let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
    match parts {
        [Json::String(kind), Json::String(token)] if kind == "JWT" => {
            Ok((token.as_bytes().to_vec(), Form::Jwt))
        }
        [Json::String(kind), Json::String(token)] if kind == "CBOR" => Ok((base64url(token, 0)?, Form::Cwt)),
        _ => Err(malformed("a nested token is [\"JWT\", text] or [\"CBOR\", text]")),
    }
}

fn bundle((bytes, form): (Vec<u8>, Form), detached: Vec<(String, Vec<u8>)>) -> Result<Layer, Error> {
    if detached.is_empty() {
        return Err(malformed("a bundle without detached claims sets"));
    }
    Ok(Layer { name: "bundle", bytes, form, detached })
}

/// The indicator: 1 to 2^32 - 1, and evidence must be among what it says (bit 2; RFC 9999, section 3.1).
fn record_indicator(indicator: Option<i128>) -> Result<(), Error> {
    match indicator {
        None => Ok(()),
        Some(bits) if (1..=i128::from(u32::MAX)).contains(&bits) && bits & 4 != 0 => Ok(()),
        Some(bits) if (1..=i128::from(u32::MAX)).contains(&bits) => {
            Err(Error::WrapperTypeUnexpected { got: format!("indicator {bits}") })
        }
        Some(_) => Err(malformed("a CMW's indicator is not between 1 and 2^32 - 1")),
    }
}

/// CoAP content formats of tokens (RFC 9782): application/cwt, and of EAT +cwt, +jwt, the bundles in CBOR and JSON.
fn content_format(number: i128) -> Result<Form, Error> {
    match number {
        61 | 263 => Ok(Form::Cwt),
        264 => Ok(Form::Jwt),
        265 | 266 => Ok(Form::Bundle),
        other => Err(Error::WrapperTypeUnexpected { got: other.to_string() }),
    }
}

/// The same by media type; what it says of a profile is said again in the token, signed.
fn media(text: &str) -> Result<Form, Error> {
    match media_type(text).as_str() {
        "application/cwt" | "application/eat+cwt" | "application/psa-attestation-token" => Ok(Form::Cwt),
        "application/jwt" | "application/eat+jwt" => Ok(Form::Jwt),
        "application/eat-bun+cbor" | "application/eat-bun+json" => Ok(Form::Bundle),
        _ => Err(Error::WrapperTypeUnexpected { got: cut(text, 64) }),
    }
}

/// The content format of a tag, TN() backwards: 255 formats in every 256 tags (RFC 9277, appendix B).
fn content_format_of(tag: u64) -> i128 {
    let n = tag.saturating_sub(*TAG_CMW.start());
    match (n.div_euclid(256), n.rem_euclid(256)) {
        (_, 255) => -1,
        (block, place) => i128::from(block).saturating_mul(255).saturating_add(i128::from(place)),
    }
}

const fn malformed(detail: &'static str) -> Error {
    Error::WrapperMalformed { offset: 0, detail }
}

/// Whether bytes begin as CBOR of a COSE structure does: a tag, or an array.
pub(super) fn begins_as_cose(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x80..=0x9b | 0xc0..=0xdb)) || bytes.starts_with(&[0xd8, 61])
}

/// Takes the one token apart that is left.
pub(super) fn open<'a>(
    unwrapped: &'a Unwrapped,
    limits: &Limits,
) -> Result<super::envelope::Envelope<'a>, Error> {
    let token = unwrapped.token.as_slice();
    let is_cose = begins_as_cose(token);
    match unwrapped.form {
        Form::Cwt if !is_cose => Err(malformed("the type says that it is a CWT, and it is none")),
        Form::Jwt if is_cose => Err(malformed("the type says that it is a JWT, and it is none")),
        _ if is_cose => cose::open(token, limits),
        _ => {
            let bad = |error: core::str::Utf8Error| Error::FormUnexpected { offset: error.valid_up_to() };
            super::envelope::open_jws(core::str::from_utf8(token).map_err(bad)?, limits)
        }
    }
}
