//! What is around a token: conceptual message wrappers (RFC 9999) and detached EAT bundles (RFC 9711, section 5).
//!
//! A wrapper is packing. It proves nothing, it names no key, and it must hold exactly one token.

use serde_json::Value as Json;

use super::cose;
use super::envelope::base64url;
use super::error::Error;
use crate::Limits;
use crate::evidence::cbor::{self, Key, Value};
use crate::evidence::cmw::{self, Cmw};
use crate::evidence::json;

/// Tag of an unprotected claims set (RFC 9781, section 2).
const TAG_UCCS: u64 = 601;
/// Tag of a detached EAT bundle (RFC 9711, section 5).
const TAG_BUNDLE: u64 = 602;
const UNSIGNED: Error = Error::CoseKindUnsupported { kind: "claims set that nobody signed" };
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
pub(in crate::evidence) enum Form {
    Any,
    Bundle,
    Cwt,
    Jwt,
}

impl Form {
    /// By the media type, or the content format that stands for it; what a type says of a profile is said again in the token, signed.
    pub(in crate::evidence) fn of(kind: &cmw::Type) -> Result<Self, Error> {
        match kind.media().as_deref() {
            Some("application/cwt" | "application/eat+cwt" | "application/psa-attestation-token") => {
                Ok(Self::Cwt)
            }
            Some("application/jwt" | "application/eat+jwt") => Ok(Self::Jwt),
            Some("application/eat-bun+cbor" | "application/eat-bun+json") => Ok(Self::Bundle),
            _ => Err(Error::WrapperTypeUnexpected { got: kind.to_string() }),
        }
    }
}

/// Takes every wrapper off of what some wrapper says to be of this form. Each is longer than what it holds, so the limit of a token's bytes
/// holds for all.
pub(super) fn unwrap(bytes: &[u8], form: Form, limits: &Limits) -> Result<Unwrapped, Error> {
    let mut out = Unwrapped::of(bytes.to_vec(), form);
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
            json_layer(value, limits).map(Some)
        }
        Some(_) => Ok(None),
    }
}

fn cbor_layer(value: &Value<'_>, form: Form, limits: &Limits) -> Result<Option<Layer>, Error> {
    match value {
        Value::Tag(TAG_UCCS, _) => Err(UNSIGNED),
        Value::Tag(TAG_BUNDLE, bundle) => cbor_bundle(bundle, limits).map(Some),
        Value::Array(parts)
            if matches!(form, Form::Any | Form::Bundle) && matches!(parts.as_slice(), [_, Value::Map(_)]) =>
        {
            cbor_bundle(value, limits).map(Some)
        }
        _ if cmw::is_cbor(value) => single(cmw::of_cbor(value, limits)?).map(Some),
        // Four parts: a COSE structure without its tag.
        _ => Ok(None),
    }
}

fn json_layer(value: Json, limits: &Limits) -> Result<Layer, Error> {
    if let Json::Array(parts) = &value
        && let [main @ Json::Array(_), Json::Object(sets)] = parts.as_slice()
    {
        return json_bundle(main, sets);
    }
    single(cmw::of_json(value, limits)?)
}

/// The one message of a wrapper, which is a token.
fn single(cmw: Cmw<'_>) -> Result<Layer, Error> {
    let name = if cmw.collections.is_empty() { "cmw" } else { "cmw collection" };
    let types = cmw.messages.iter().take(TYPES_TOLD).map(|message| message.kind.to_string()).collect();
    let count = cmw.messages.len();
    let mut messages = cmw.messages.into_iter();
    let (Some(message), None) = (messages.next(), messages.next()) else {
        return Err(Error::WrapperNotSingle { count, types });
    };
    let form = Form::of(&message.kind)?;
    Ok(Layer { name, bytes: message.content.into_owned(), form, detached: Vec::new() })
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
