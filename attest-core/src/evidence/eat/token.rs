//! One token, parsed.

use super::Algorithm;
use super::claims::Claims;
use super::envelope::Tagging;
use super::error::Error;
use super::nested::Nesting;
use super::submods::{self, Submodule};
use super::wrapper::{self, Form, Unwrapped};
use crate::Limits;
use crate::evidence::cbor::{self, Integers, Value};
use crate::evidence::json;
use crate::evidence::node::Node;

/// The encoding of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CBOR in COSE_Sign1.
    Cwt,
    /// JSON in a compact JWS.
    Jwt,
}

impl Format {
    /// `cwt` or `jwt`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cwt => "cwt",
            Self::Jwt => "jwt",
        }
    }
}

/// A token that is well-formed and as its profile says, and not believed: nobody has looked at its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub(crate) format: Format,
    pub(crate) tagging: Tagging,
    pub(crate) algorithm: Algorithm,
    /// What the signature covers.
    pub(crate) signed: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) claims: Claims,
    pub(crate) carries_key: bool,
    pub(crate) wrappers: Vec<&'static str>,
}

impl Token {
    /// Reads one token, in any of the forms of [this module](super). White space around text is no part of it.
    ///
    /// # Errors
    /// [`Error`], with the offset where there is one.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::parse_as(bytes, Form::Any, limits)
    }

    /// The same of what a wrapper says to be of this form.
    pub(in crate::evidence) fn parse_as(bytes: &[u8], form: Form, limits: &Limits) -> Result<Self, Error> {
        if bytes.len() > limits.token_bytes {
            return Err(Error::TooLong { len: bytes.len(), limit: limits.token_bytes });
        }
        let limits = &Limits { items: limits.items.min(limits.token_items), ..*limits };
        let text = bytes.trim_ascii();
        let is_text = text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        let unwrapped = wrapper::unwrap(if is_text { text } else { bytes }, form, limits)?;
        Self::read(&unwrapped, &mut Nesting::of(limits))
    }

    /// Reads a token that is out of its wrappers.
    pub(super) fn read(unwrapped: &Unwrapped, nesting: &mut Nesting<'_>) -> Result<Self, Error> {
        let limits = nesting.limits;
        let envelope = wrapper::open(unwrapped, limits)?;
        let at = envelope.payload_offset;
        let mut claims = match envelope.format {
            Format::Cwt => cwt_claims(&envelope.payload, at, nesting)?,
            Format::Jwt => {
                let value = json::parse(&envelope.payload, limits);
                let value = value.map_err(|error| Error::Json { offset: at, error })?;
                if !value.is_object() {
                    return Err(Error::NotClaims { offset: at });
                }
                Claims::parse(Node::Json(&value), nesting)?
            }
        };
        submods::attach(&mut claims, &unwrapped.detached, nesting)?;
        Ok(Self {
            format: envelope.format,
            tagging: envelope.tagging,
            algorithm: envelope.algorithm,
            signed: envelope.signed,
            signature: envelope.signature,
            claims,
            carries_key: envelope.carries_key,
            wrappers: unwrapped.wrappers.clone(),
        })
    }

    /// CWT or JWT.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// What the protected header says about the signature.
    #[must_use]
    pub const fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// What the token claims. Nobody has proven it.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The parts of the device that have claims of their own.
    #[must_use]
    pub fn submods(&self) -> &[Submodule] {
        self.claims.submods()
    }
}

/// Claims in CBOR. Integers may be longer than needed only where the profile says so (A46): the PSA ones, whose attesters may be too
/// small to encode otherwise (RFC 9783, 5.1.1).
pub(super) fn cwt_claims(payload: &[u8], offset: usize, nesting: &mut Nesting<'_>) -> Result<Claims, Error> {
    match cbor::parse_at(payload, offset, nesting.limits, Integers::Minimal) {
        Ok(value) => claims_of(&value, offset, nesting),
        Err(strict @ cbor::Error::NotMinimal { .. }) => {
            let value = cbor::parse_at(payload, offset, nesting.limits, Integers::AnyWidth)?;
            let claims = claims_of(&value, offset, nesting)?;
            if claims.psa().is_some() { Ok(claims) } else { Err(strict.into()) }
        }
        Err(error) => Err(error.into()),
    }
}

fn claims_of(value: &Value<'_>, offset: usize, nesting: &mut Nesting<'_>) -> Result<Claims, Error> {
    match value {
        Value::Map(_) => Claims::parse(Node::Cbor(value), nesting),
        _ => Err(Error::NotClaims { offset }),
    }
}
