//! DSSE, the envelope of build provenance (secure-systems-lab/dsse, Protocol and Envelope 1.0): what a key signed, and what kind of thing it is.
//!
//! JSON is read strictly: no name twice, nothing after the end. Fields that the specification does not know are passed over, as it demands; no
//! signature covers the envelope, so nothing in it but payload, type and signatures can count. `keyid` is a hint that nobody signed, and is not
//! read. Base64 comes in the standard or the URL-safe alphabet, padded or not.

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

use super::CanonicalKey;
use crate::Limits;
use crate::evidence::json;

#[cfg(test)]
mod tests;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, ANY_PADDING);
const BASE64URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, ANY_PADDING);

/// Why bytes are not a DSSE envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field is not base64.
    #[error("`{field}` is not base64")]
    Base64Malformed {
        /// Which.
        field: &'static str,
    },
    /// A required field is missing or of another type.
    #[error("`{field}` is missing or of another type")]
    FieldUnexpected {
        /// Which.
        field: &'static str,
    },
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// No signature.
    #[error("nobody signed it")]
    NoSignature,
    /// More than [`Limits::provenance_signatures`].
    #[error("{count} signatures, more than {limit}")]
    TooManySignatures {
        /// How many there are.
        count: usize,
        /// The bound.
        limit: usize,
    },
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Base64Malformed { .. } => "dsse_base64_malformed",
            Self::FieldUnexpected { .. } => "dsse_field_unexpected",
            Self::Json(error) => error.code(),
            Self::NoSignature => "dsse_no_signature",
            Self::TooManySignatures { .. } => "dsse_too_many_signatures",
        }
    }
}

/// An envelope, well-formed and not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Envelope {
    /// Reads an envelope in JSON, which is all of the bytes.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let envelope = json::parse(bytes, &json_limits(limits))?;
        let payload = base64(&envelope, "payload")?;
        let payload_type = text(&envelope, "payloadType")?.to_owned();
        let signatures = envelope.get("signatures").and_then(Value::as_array);
        let signatures = signatures.ok_or(Error::FieldUnexpected { field: "signatures" })?;
        let (count, limit) = (signatures.len(), limits.provenance_signatures);
        if count > limit {
            return Err(Error::TooManySignatures { count, limit });
        }
        if count == 0 {
            return Err(Error::NoSignature);
        }
        let signatures = signatures.iter().map(|one| base64(one, "sig")).collect::<Result<_, _>>()?;
        Ok(Self { payload_type, payload, signatures })
    }

    /// What it says the payload is. Nothing is proven yet.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload. Nothing is proven yet.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether one of the signatures is this key's over payload and type: Ed25519, or ECDSA in DER with the hash that fits the curve. A key
    /// that signed twice signed.
    #[must_use]
    pub fn is_signed_by(&self, key: &CanonicalKey) -> bool {
        let signed = pre_authentication_encoding(&self.payload_type, &self.payload);
        self.signatures.iter().any(|signature| key.verifies_der(&signed, signature))
    }
}

/// PAE (DSSE Protocol, "Signature Definition"): what is signed.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Provenance is larger than a token.
pub(super) const fn json_limits(limits: &Limits) -> Limits {
    Limits { token_bytes: limits.provenance_bytes, ..*limits }
}

fn text<'v>(value: &'v Value, field: &'static str) -> Result<&'v str, Error> {
    value.get(field).and_then(Value::as_str).ok_or(Error::FieldUnexpected { field })
}

fn base64(value: &Value, field: &'static str) -> Result<Vec<u8>, Error> {
    let text = text(value, field)?;
    let engine = if text.contains(['-', '_']) { BASE64URL } else { BASE64 };
    engine.decode(text).map_err(|_| Error::Base64Malformed { field })
}
