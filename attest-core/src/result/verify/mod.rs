//! Checking a result with the verifier's public key alone: what an access system embeds.
//!
//! The order is envelope, signature, claims, expectations. Nothing of a token is believed, and little of it is looked at, before its
//! signature is checked. There is one way to verify and no fallback.
//!
//! ```
//! use attest_core::{Timestamp, result::{EarVerifier, Expectations}};
//! # fn f(jwks: &str, token: &str, now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = EarVerifier::from_jwks(jwks)?;
//! let expectations = Expectations { audience: Some("vpn"), ..Expectations::default() };
//! let ear = verifier.verify_jwt(token, now, &expectations)?;
//! match ear.into_affirming() {
//!     Ok(ear) => println!("let {} in", ear.device()),
//!     Err(ear) => println!("refuse: {:?}", ear.boot().reasons()),
//! }
//! # Ok(()) }
//! ```

mod accepted;
mod envelope;

pub use accepted::{AcceptedEar, AffirmingEar, Golden, TokenPart, TokenReason};

use super::key::{self, VerifyingKey};
use crate::{
    Limits, Timestamp,
    evidence::{cbor, json},
};

/// How far the clocks of issuer and checker may be apart, in seconds. It is granted to `iat` and `nbf` only: a result that has expired
/// has expired.
pub const SKEW_SECONDS: u64 = 60;

/// The longest life a result may claim, in seconds: a day.
pub const LIFETIME_MAX_SECONDS: u64 = 86_400;

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `alg` is missing, or not the key's: ES256.
    #[error("the token's algorithm is not the key's, ES256")]
    AlgorithmUnexpected,
    /// The token is for someone else, or for someone, and the checker did not say who it is.
    #[error("the token is for another audience")]
    AudienceUnexpected,
    /// Base64url with padding, with stray bits, or with other characters.
    #[error("part {part} of the token is not unpadded base64url")]
    Base64Malformed {
        /// Counted from 0.
        part: usize,
    },
    /// Not strict CBOR.
    #[error(transparent)]
    Cbor(#[from] cbor::Error),
    /// A claim has another type or value than this profile says.
    #[error("the claim {claim} is malformed")]
    ClaimMalformed {
        /// Its JSON name.
        claim: &'static str,
    },
    /// A claim is missing that every result has.
    #[error("the claim {claim} is missing")]
    ClaimMissing {
        /// Its JSON name.
        claim: &'static str,
    },
    /// `crit` is there: it names extensions, and none is understood.
    #[error("the token names critical extensions")]
    CritUnexpected,
    /// The result was made in development mode or with golden values that nobody released.
    #[error("the result is marked as made in development")]
    Development,
    /// The token is about another device, or about none.
    #[error("the token is about another device")]
    DeviceUnexpected,
    /// The result has expired.
    #[error("expired at {expired}")]
    Expired {
        /// `exp`.
        expired: Timestamp,
    },
    /// A result about another device family.
    #[error("the token is about another device family")]
    FamilyUnexpected,
    /// Not the shape of a compact JWS or of a tagged COSE_Sign1.
    #[error("not a compact JWS or tagged COSE_Sign1")]
    FormUnexpected,
    /// A header parameter that no result has.
    #[error("an unexpected header parameter")]
    HeaderUnexpected,
    /// `iss` is not the expected one.
    #[error("the token is by another issuer")]
    IssuerUnexpected,
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// No key with this id.
    #[error("no key has the token's key id")]
    KeyUnknown,
    /// `exp` is not after `iat`, or more than [`LIFETIME_MAX_SECONDS`] after it.
    #[error("the token's lifetime is not between 1 and {LIFETIME_MAX_SECONDS} seconds")]
    LifetimeUnexpected,
    /// The nonce is not the expected one, or there is none.
    #[error("the token has another nonce or none")]
    NonceUnexpected,
    /// `iat` or `nbf` is in the future.
    #[error("not valid before {from}")]
    NotYetValid {
        /// When it becomes valid.
        from: Timestamp,
    },
    /// Another profile than [`PROFILE`](super::ear::PROFILE).
    #[error("the token has another profile")]
    ProfileUnexpected,
    /// The signature is not the key's.
    #[error("the signature does not verify")]
    SignatureInvalid,
    /// The status of the whole is better than that of a part.
    #[error("the status is better than that of a part")]
    StatusInconsistent,
    /// Longer than [`Limits::token_bytes`].
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// `typ` is not that of an EAT: some other token of the same key.
    #[error("the token's type is not an EAT")]
    TypeUnexpected,
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnexpected => "token_algorithm_unexpected",
            Self::AudienceUnexpected => "token_audience_unexpected",
            Self::Base64Malformed { .. } => "token_base64_malformed",
            Self::Cbor(error) => error.code(),
            Self::ClaimMalformed { .. } => "token_claim_malformed",
            Self::ClaimMissing { .. } => "token_claim_missing",
            Self::CritUnexpected => "token_crit_unexpected",
            Self::Development => "token_development",
            Self::DeviceUnexpected => "token_device_unexpected",
            Self::Expired { .. } => "token_expired",
            Self::FamilyUnexpected => "token_family_unexpected",
            Self::FormUnexpected => "token_form_unexpected",
            Self::HeaderUnexpected => "token_header_unexpected",
            Self::IssuerUnexpected => "token_issuer_unexpected",
            Self::Json(error) => error.code(),
            Self::KeyUnknown => "token_key_unknown",
            Self::LifetimeUnexpected => "token_lifetime_unexpected",
            Self::NonceUnexpected => "nonce_unexpected",
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::ProfileUnexpected => "profile_unknown",
            Self::SignatureInvalid => "token_signature_invalid",
            Self::StatusInconsistent => "token_status_inconsistent",
            Self::TooLong { .. } => "token_too_long",
            Self::TypeUnexpected => "token_type_unexpected",
        }
    }
}

/// What the checker knows about the token it waits for. What is `None` is not asked, except for the audience.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectations<'a> {
    /// Who the checker is. A token with an audience is refused unless it is this one (RFC 7519, 4.1.3); a token without one is refused
    /// if the checker names itself.
    pub audience: Option<&'a str>,
    /// The device's id.
    pub device: Option<&'a str>,
    /// The device's family.
    pub family: Option<&'a str>,
    /// The verifier's address, `iss`.
    pub issuer: Option<&'a str>,
    /// The nonce in the signed evidence.
    pub nonce: Option<&'a [u8]>,
    /// Accept results that are marked as made in development. Never in production.
    pub accept_development: bool,
}

/// Verifies results of those who hold these keys.
#[derive(Clone, Debug)]
pub struct EarVerifier {
    keys: Vec<VerifyingKey>,
    limits: Limits,
}

impl EarVerifier {
    /// A verifier that trusts this one key.
    #[must_use]
    pub fn new(key: VerifyingKey) -> Self {
        Self { keys: vec![key], limits: Limits::DEFAULT }
    }

    /// A verifier that trusts every ES256 key of a JWK Set.
    ///
    /// # Errors
    /// See [`VerifyingKey::from_jwks`].
    pub fn from_jwks(text: &str) -> Result<Self, key::Error> {
        Ok(Self { keys: VerifyingKey::from_jwks(text)?, limits: Limits::DEFAULT })
    }

    /// Verifies a result in JWT form.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn verify_jwt(
        &self,
        token: &str,
        now: Timestamp,
        expectations: &Expectations<'_>,
    ) -> Result<AcceptedEar, Error> {
        self.bounded(token.len())?;
        let payload = envelope::open_jwt(token, self)?;
        let claims = json::parse(&payload, &self.limits)?;
        accepted::accept(super::claims::Node::Json(&claims), now, expectations)
    }

    /// Verifies a result in CWT form.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn verify_cwt(
        &self,
        token: &[u8],
        now: Timestamp,
        expectations: &Expectations<'_>,
    ) -> Result<AcceptedEar, Error> {
        self.bounded(token.len())?;
        let payload = envelope::open_cwt(token, self)?;
        let claims = cbor::parse(payload, &self.limits)?;
        accepted::accept(super::claims::Node::Cbor(&claims), now, expectations)
    }

    fn bounded(&self, len: usize) -> Result<(), Error> {
        let limit = self.limits.token_bytes;
        if len > limit { Err(Error::TooLong { len, limit }) } else { Ok(()) }
    }

    fn key(&self, id: &[u8]) -> Result<&VerifyingKey, Error> {
        self.keys.iter().find(|key| key.id().as_bytes() == id).ok_or(Error::KeyUnknown)
    }
}

#[cfg(test)]
mod tests;
