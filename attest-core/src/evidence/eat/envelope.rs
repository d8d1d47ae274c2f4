//! What is around a claims set: header, payload, signature; and JWS compact serialization (RFC 7515, section 7.1).

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::error::{Error, cut};
use super::{Algorithm, Format};
use crate::Limits;
use crate::evidence::cmw::media_type;
use crate::evidence::json;

/// How a CWT was tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tagging {
    /// Tag 61 around tag 18 (RFC 8392, section 6).
    Cwt,
    /// No CBOR.
    Json,
    /// Tag 18.
    Sign1,
    /// None: what it is was said outside.
    Untagged,
}

/// A token taken apart.
pub(crate) struct Envelope<'a> {
    pub(crate) format: Format,
    pub(crate) tagging: Tagging,
    pub(crate) algorithm: Algorithm,
    /// What the signature covers.
    pub(crate) signed: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) payload: Cow<'a, [u8]>,
    /// Where the payload begins in the token; of a JWT, where its base64url does.
    pub(crate) payload_offset: usize,
    /// Whether the token brings a key or a certificate. Neither is ever used.
    pub(crate) carries_key: bool,
}

/// `typ` and `cty` of a JWT that is a token of claims. RFC 7515, 4.1.9: without a slash, `application/` is meant; case does not count.
const TYPES: [&str; 3] = ["application/jwt", "application/eat+jwt", "application/eat-ucs+json"];
const CONTENT_TYPES: [&str; 2] = ["application/json", "application/eat-ucs+json"];
const KEYS: [&str; 6] = ["jku", "jwk", "x5c", "x5t", "x5t#S256", "x5u"];

/// Takes a compact JWS apart. Nothing in it is believed.
pub(crate) fn open_jws<'a>(token: &'a str, limits: &Limits) -> Result<Envelope<'a>, Error> {
    let form = |offset| Error::FormUnexpected { offset };
    let (signed, signature) = token.rsplit_once('.').ok_or(form(0))?;
    let (header, payload) = signed.split_once('.').ok_or(form(0))?;
    let payload_offset = header.len().saturating_add(1);
    if payload.contains('.') {
        return Err(form(payload_offset));
    }
    let header =
        json::parse(&base64url(header, 0)?, limits).map_err(|error| Error::Json { offset: 0, error })?;
    let header = header.as_object().ok_or(form(0))?;
    // A46: no extension is understood here, so none may be critical (RFC 7515, 4.1.11).
    if let Some(crit) = header.get("crit") {
        return Err(Error::CritUnknown { parameter: cut(&crit.to_string(), 64) });
    }
    check_type(header, "typ", &TYPES)?;
    check_type(header, "cty", &CONTENT_TYPES)?;
    let alg = header.get("alg").ok_or(Error::AlgorithmMissing)?;
    let alg = alg.as_str().ok_or(Error::HeaderMalformed { parameter: "alg", detail: "is not text" })?;
    Ok(Envelope {
        format: Format::Jwt,
        tagging: Tagging::Json,
        algorithm: Algorithm::from_jose(alg),
        signed: signed.as_bytes().to_vec(),
        signature: base64url(signature, signed.len().saturating_add(1))?,
        payload: base64url(payload, payload_offset)?.into(),
        payload_offset,
        carries_key: KEYS.iter().any(|name| header.contains_key(*name)),
    })
}

fn check_type(
    header: &serde_json::Map<String, serde_json::Value>,
    parameter: &'static str,
    known: &[&str],
) -> Result<(), Error> {
    let Some(value) = header.get(parameter) else { return Ok(()) };
    let text = value.as_str().ok_or(Error::HeaderMalformed { parameter, detail: "is not text" })?;
    let full = if text.contains('/') { media_type(text) } else { media_type(&format!("application/{text}")) };
    if known.contains(&full.as_str()) {
        Ok(())
    } else {
        Err(Error::ContentTypeUnexpected { got: cut(text, 64) })
    }
}

/// Unpadded base64url with no bits to spare (RFC 7515, section 2).
pub(super) fn base64url(text: &str, offset: usize) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Base64Malformed { offset })
}
