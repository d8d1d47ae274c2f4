//! COSE_Sign1 (RFC 9052, section 4.2) as CWT carries it (RFC 8392, section 7).

use coset::{ProtectedHeader, SignatureContext, sig_structure_data};

use super::envelope::{Envelope, Tagging};
use super::error::{Error, cut};
use super::{Algorithm, Format};
use crate::Limits;
use crate::evidence::cbor::{self, Integers, Key, Value};

/// The CBOR tag of a CWT (RFC 8392, section 6).
pub(super) const TAG_CWT: u64 = 61;
/// The CBOR tag of COSE_Sign1 (RFC 9052, section 2).
const TAG_SIGN1: u64 = 18;
/// Structures of RFC 9052, section 2, that are recognised to be refused.
const OTHER_KINDS: [(u64, &str); 5] =
    [(16, "COSE_Encrypt0"), (17, "COSE_Mac0"), (96, "COSE_Encrypt"), (97, "COSE_Mac"), (98, "COSE_Sign")];

const ALG: i128 = 1;
const CRIT: i128 = 2;
const CONTENT_TYPE: i128 = 3;
const KID: i128 = 4;
/// RFC 9596.
const TYP: i128 = 16;
/// x5bag, x5chain, x5t, x5u (RFC 9360, section 2).
const X5: core::ops::RangeInclusive<i128> = 32..=35;
/// Header parameters that are understood, and so may be critical.
const UNDERSTOOD: [i128; 5] = [ALG, CRIT, CONTENT_TYPE, KID, TYP];

/// CoAP content formats of claims sets (RFC 8392, 9.3; RFC 9782, 6): application/cwt, application/eat+cwt, application/eat-ucs+cbor;
/// and application/cbor.
const CONTENT_FORMATS: [i128; 4] = [60, 61, 263, 267];
const MEDIA_TYPES: [&str; 5] = [
    "application/cbor",
    "application/cwt",
    "application/eat+cwt",
    "application/eat-ucs+cbor",
    "application/psa-attestation-token",
];

/// Takes a COSE_Sign1 apart. Nothing in it is believed.
pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Envelope<'a>, Error> {
    let (tagging, message) = match cbor::parse(bytes, limits)? {
        Value::Tag(TAG_CWT, inner) => match *inner {
            Value::Tag(TAG_SIGN1, message) => (Tagging::Cwt, *message),
            Value::Tag(tag, _) => return Err(kind(tag)),
            _ => return Err(Error::FormUnexpected { offset: 2 }),
        },
        Value::Tag(TAG_SIGN1, message) => (Tagging::Sign1, *message),
        Value::Tag(tag, _) => return Err(kind(tag)),
        message => (Tagging::Untagged, message),
    };
    let Value::Array(parts) = message else { return Err(Error::FormUnexpected { offset: 0 }) };
    let [Value::Bytes(protected), Value::Map(unprotected), payload, Value::Bytes(signature)] =
        parts.as_slice()
    else {
        return Err(Error::FormUnexpected { offset: 0 });
    };
    let payload = match payload {
        Value::Bytes(payload) => *payload,
        Value::Null => return Err(Error::PayloadDetached),
        _ => return Err(Error::FormUnexpected { offset: 0 }),
    };
    let header = header(protected, bytes, limits)?;
    let algorithm = check_header(&header, unprotected)?;
    let brings_key =
        |(key, _): &(Key<'_>, Value<'_>)| matches!(key, Key::Integer(label) if X5.contains(label));
    let carries_key = unprotected.iter().chain(&header).any(brings_key);
    let original = ProtectedHeader { original_data: Some(protected.to_vec()), ..ProtectedHeader::default() };
    Ok(Envelope {
        format: Format::Cwt,
        tagging,
        algorithm,
        // The bytes as they were sent: what is verified is what was read.
        signed: sig_structure_data(SignatureContext::CoseSign1, original, None, &[], payload),
        signature: signature.to_vec(),
        payload_offset: offset_in(bytes, payload),
        payload: payload.into(),
        carries_key,
    })
}

fn kind(tag: u64) -> Error {
    match OTHER_KINDS.iter().find(|(number, _)| *number == tag) {
        Some((_, kind)) => Error::CoseKindUnsupported { kind },
        None => Error::FormUnexpected { offset: 0 },
    }
}

/// The entries of the protected header; an empty one may be written as no bytes at all (RFC 9052, section 3).
fn header<'a>(
    protected: &'a [u8],
    token: &[u8],
    limits: &Limits,
) -> Result<Vec<(Key<'a>, Value<'a>)>, Error> {
    if protected.is_empty() {
        return Ok(Vec::new());
    }
    match cbor::parse_at(protected, offset_in(token, protected), limits, Integers::Minimal)? {
        Value::Map(entries) => Ok(entries),
        _ => Err(Error::HeaderMalformed { parameter: "protected", detail: "is not a map" }),
    }
}

type Entries<'a> = [(Key<'a>, Value<'a>)];

fn get<'h, 'a>(entries: &'h Entries<'a>, label: i128) -> Option<&'h Value<'a>> {
    entries.iter().find_map(|(key, value)| (*key == Key::Integer(label)).then_some(value))
}

/// A45: the algorithm counts only from the protected header. A46: nothing critical is passed over, no parameter is said twice.
fn check_header(protected: &Entries<'_>, unprotected: &Entries<'_>) -> Result<Algorithm, Error> {
    if unprotected.iter().any(|(key, _)| protected.iter().any(|(other, _)| key == other)) {
        let detail = "stands in the protected and in the unprotected header";
        return Err(Error::HeaderMalformed { parameter: "of both headers", detail });
    }
    if get(unprotected, CRIT).is_some() {
        return Err(Error::CritUnknown { parameter: "crit is not protected".into() });
    }
    if let Some(crit) = get(protected, CRIT) {
        check_crit(crit, protected)?;
    }
    for (label, what) in [(CONTENT_TYPE, "content type"), (TYP, "typ")] {
        // Also where nobody signed it: it may make the token be refused, never be accepted.
        if let Some(value) = get(protected, label).or_else(|| get(unprotected, label)) {
            check_type(value, what)?;
        }
    }
    match get(protected, ALG) {
        Some(Value::Integer(number)) => Ok(Algorithm::from_cose(*number)),
        // No algorithm here goes by a name in COSE (IANA "COSE Algorithms"): the words keep `ES256` from looking like the key's own.
        Some(Value::Text(name)) => Ok(Algorithm::Other(format!("{} by name, not by number", cut(name, 64)))),
        Some(_) => Err(Error::HeaderMalformed { parameter: "alg", detail: "is neither an integer nor text" }),
        None => Err(Error::AlgorithmMissing),
    }
}

/// RFC 9052, section 3.1: labels that must be understood and must stand in the protected header; at least one.
fn check_crit(crit: &Value<'_>, protected: &Entries<'_>) -> Result<(), Error> {
    let unknown = |parameter: String| Err(Error::CritUnknown { parameter });
    let Value::Array(labels) = crit else { return unknown("crit is not an array".into()) };
    if labels.is_empty() {
        return unknown("crit is empty".into());
    }
    for label in labels {
        match label {
            Value::Integer(label) if UNDERSTOOD.contains(label) && get(protected, *label).is_some() => {}
            Value::Integer(label) => return unknown(label.to_string()),
            Value::Text(label) => return unknown(cut(label, 64)),
            _ => return unknown("a label that is none".into()),
        }
    }
    Ok(())
}

/// Something else that the same key signed, a CoRIM or a CMW, must not pass as a token.
fn check_type(value: &Value<'_>, parameter: &'static str) -> Result<(), Error> {
    let unexpected = |got: String| Err(Error::ContentTypeUnexpected { got });
    match value {
        Value::Integer(format) if CONTENT_FORMATS.contains(format) => Ok(()),
        Value::Integer(format) => unexpected(format.to_string()),
        Value::Text(text) => {
            if MEDIA_TYPES.contains(&crate::evidence::cmw::media_type(text).as_str()) {
                Ok(())
            } else {
                unexpected(cut(text, 64))
            }
        }
        _ => Err(Error::HeaderMalformed { parameter, detail: "is neither an integer nor text" }),
    }
}

/// Where `part`, which was read out of `whole`, begins in it.
pub(super) fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

/// Whether bytes begin with one of the tags of a CBOR token.
pub(super) fn is_tagged(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0xd0..=0xd2 | 0xd8..=0xda))
}
