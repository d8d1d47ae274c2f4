//! Why bytes are not a token as it is read here.

use crate::evidence::{cbor, cmw, json};

/// Why bytes are not a token as it is read here. Offsets are bytes from the start of what was given; behind a wrapper, from the start of what
/// it wraps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The protected header names no algorithm.
    #[error("the protected header names no algorithm")]
    AlgorithmMissing,
    /// Characters outside the unpadded base64url alphabet, padding, or bits that encode nothing.
    #[error("offset {offset}: not unpadded base64url")]
    Base64Malformed {
        /// Where the part begins.
        offset: usize,
    },
    /// Not strict CBOR.
    #[error(transparent)]
    Cbor(#[from] cbor::Error),
    /// A claim that belongs to another PSA profile than the token's.
    #[error("{claim} (key {key}) does not belong to the profile {profile}")]
    ClaimForeign {
        /// Its name.
        claim: &'static str,
        /// Its key.
        key: i64,
        /// The token's profile.
        profile: &'static str,
    },
    /// A claim's length is outside what its specification says.
    #[error("{claim} has {got} bytes, not {expected}")]
    ClaimLength {
        /// Its name.
        claim: &'static str,
        /// Its length in bytes.
        got: usize,
        /// What it may be, in words.
        expected: &'static str,
    },
    /// A claim has another type or value than its specification says.
    #[error("{claim} is not {expected}")]
    ClaimMalformed {
        /// Its name.
        claim: &'static str,
        /// What it may be, in words.
        expected: &'static str,
    },
    /// A claim is missing that the profile demands.
    #[error("{claim} is missing, the profile {profile} demands it")]
    ClaimMissing {
        /// Its name.
        claim: &'static str,
        /// The token's profile.
        profile: &'static str,
    },
    /// The header says that the payload is something else than a claims set.
    #[error("the header says that the payload is `{got}`, not a claims set")]
    ContentTypeUnexpected {
        /// What it says, cut after 64 characters.
        got: String,
    },
    /// COSE that is no COSE_Sign1: a MAC or encryption, which no public key can verify, or several signatures.
    #[error("a {kind}, not a COSE_Sign1")]
    CoseKindUnsupported {
        /// Which structure of RFC 9052.
        kind: &'static str,
    },
    /// A header parameter is critical and not understood here, or `crit` is malformed.
    #[error("the header marks a parameter as critical that is not understood: {parameter}")]
    CritUnknown {
        /// Which, or what is wrong.
        parameter: String,
    },
    /// A detached claims set beside a bundle is not the one whose digest the token holds.
    #[error("the detached claims set `{name}` is not the one whose digest the token holds")]
    DetachedDigestMismatch {
        /// Its name.
        name: String,
    },
    /// A detached claims set whose digest the token does not hold: nobody signed it.
    #[error("the token holds no digest of the detached claims set `{name}`")]
    DetachedUnexpected {
        /// Its name.
        name: String,
    },
    /// Not a token, nor a wrapper around one.
    #[error("offset {offset}: neither a COSE_Sign1, a compact JWS, nor a wrapper around one")]
    FormUnexpected {
        /// Where the bytes stop being one.
        offset: usize,
    },
    /// A header parameter stands in the protected and in the unprotected header, or is malformed.
    #[error("header parameter {parameter}: {detail}")]
    HeaderMalformed {
        /// Which.
        parameter: &'static str,
        /// What is wrong.
        detail: &'static str,
    },
    /// Not strict JSON.
    #[error("in the part at offset {offset}: {error}")]
    Json {
        /// Where the part begins that holds it.
        offset: usize,
        /// What is wrong, by line and column of the decoded part.
        error: json::Error,
    },
    /// Tokens in tokens, deeper than [`Limits::nested_depth`](crate::Limits::nested_depth).
    #[error("tokens in tokens, more than {limit} deep")]
    NestedTooDeep {
        /// The bound.
        limit: usize,
    },
    /// More nested tokens than [`Limits::nested_tokens`](crate::Limits::nested_tokens).
    #[error("more than {limit} nested tokens")]
    NestedTooMany {
        /// The bound.
        limit: usize,
    },
    /// The nonce has a length that EAT or the profile does not allow.
    #[error("the nonce has {got} bytes, not {expected}")]
    NonceLength {
        /// Its length in bytes.
        got: usize,
        /// What it may be, in words.
        expected: &'static str,
    },
    /// The nonce is neither a byte string (CBOR) nor unpadded base64url (JSON).
    #[error("the nonce is neither a byte string nor unpadded base64url")]
    NonceMalformed,
    /// Several nonces: which question does the token answer?
    #[error("the nonce is a list of {count}, and must be one value")]
    NonceNotSingle {
        /// How many.
        count: usize,
    },
    /// What is signed is not a claims set.
    #[error("offset {offset}: what is signed is not a claims set")]
    NotClaims {
        /// Where the payload begins.
        offset: usize,
    },
    /// The payload is not in the token.
    #[error("the token does not hold its payload")]
    PayloadDetached,
    /// A PSA token is CBOR (RFC 9783, 5.1.1).
    #[error("the profile {profile} is for CBOR")]
    ProfileNotJson {
        /// The profile.
        profile: &'static str,
    },
    /// A profile that is not known here: what its claims mean is not known either.
    #[error("the profile `{profile}` is not known here")]
    ProfileUnknown {
        /// The profile, cut after 128 characters.
        profile: String,
    },
    /// More submodules than [`Limits::submodules`](crate::Limits::submodules).
    #[error("more than {limit} submodules")]
    SubmodulesTooMany {
        /// The bound.
        limit: usize,
    },
    /// A time before 1970, after the year 9999, with fractions, or an end before its beginning.
    #[error("{claim}: {detail}")]
    TimeMalformed {
        /// `exp`, `nbf` or `iat`.
        claim: &'static str,
        /// What is wrong.
        detail: &'static str,
    },
    /// More bytes than a token may have.
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// A CMW, bundle or collection that is not put together as its specification says.
    #[error("offset {offset}: {detail}")]
    WrapperMalformed {
        /// Where.
        offset: usize,
        /// What is wrong.
        detail: &'static str,
    },
    /// A collection of several messages where one token is asked for, or of none.
    #[error(
        "a collection of {count} messages{}, where one token is asked for: a TPM's quote and logs with their tokens are read as evidence, as a collection of all of it",
        listed(types)
    )]
    WrapperNotSingle {
        /// How many.
        count: usize,
        /// What the first ones say that they are, each cut after 64 characters.
        types: Vec<String>,
    },
    /// Wrappers around wrappers, more than [`Limits::wrappers`](crate::Limits::wrappers).
    #[error("more than {limit} wrappers")]
    WrapperTooDeep {
        /// The bound.
        limit: usize,
    },
    /// A CMW around something else than a token.
    #[error("the wrapper holds `{got}`, not a token")]
    WrapperTypeUnexpected {
        /// The media type or content format, cut after 64 characters.
        got: String,
    },
}

impl Error {
    /// The stable code. Everything about the nonce begins with `nonce_`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMissing => "token_algorithm_missing",
            Self::Base64Malformed { .. } => "token_base64_malformed",
            Self::Cbor(error) => error.code(),
            Self::ClaimForeign { .. } => "claim_foreign",
            Self::ClaimLength { .. } => "claim_length",
            Self::ClaimMalformed { .. } => "claim_malformed",
            Self::ClaimMissing { .. } => "claim_missing",
            Self::ContentTypeUnexpected { .. } => "token_content_type_unexpected",
            Self::CoseKindUnsupported { .. } => "cose_kind_unsupported",
            Self::CritUnknown { .. } => "token_crit_unknown",
            Self::DetachedDigestMismatch { .. } => "detached_digest_mismatch",
            Self::DetachedUnexpected { .. } => "detached_unexpected",
            Self::FormUnexpected { .. } => "token_form_unexpected",
            Self::HeaderMalformed { .. } => "token_header_malformed",
            Self::Json { error, .. } => error.code(),
            Self::NestedTooDeep { .. } => "token_nested_too_deep",
            Self::NestedTooMany { .. } => "token_nested_too_many",
            Self::NonceLength { .. } => "nonce_length",
            Self::NonceMalformed => "nonce_malformed",
            Self::NonceNotSingle { .. } => "nonce_not_single",
            Self::NotClaims { .. } => "token_not_claims",
            Self::PayloadDetached => "token_payload_detached",
            Self::ProfileNotJson { .. } => "profile_not_json",
            Self::ProfileUnknown { .. } => "profile_unknown",
            Self::SubmodulesTooMany { .. } => "token_submodules_too_many",
            Self::TimeMalformed { .. } => "token_time_malformed",
            Self::TooLong { .. } => "token_too_long",
            Self::WrapperMalformed { .. } => "wrapper_malformed",
            Self::WrapperNotSingle { .. } => "wrapper_not_single",
            Self::WrapperTooDeep { .. } => "wrapper_too_deep",
            Self::WrapperTypeUnexpected { .. } => "wrapper_type_unexpected",
        }
    }

    /// Where in the bytes, if it is about a place.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        match self {
            Self::Cbor(error) => Some(error.offset()),
            Self::Base64Malformed { offset }
            | Self::FormUnexpected { offset }
            | Self::Json { offset, .. }
            | Self::NotClaims { offset }
            | Self::WrapperMalformed { offset, .. } => Some(*offset),
            _ => None,
        }
    }
}

impl From<cmw::Error> for Error {
    fn from(error: cmw::Error) -> Self {
        match error {
            cmw::Error::Base64Malformed { .. } => Self::Base64Malformed { offset: 0 },
            cmw::Error::Cbor { error, .. } => Self::Cbor(error),
            cmw::Error::FormUnexpected { .. } => Self::FormUnexpected { offset: 0 },
            cmw::Error::IndicatorForeign { bits, .. } => {
                Self::WrapperTypeUnexpected { got: format!("indicator {bits}") }
            }
            cmw::Error::Json { error, .. } => Self::Json { offset: 0, error },
            cmw::Error::Malformed { detail, .. } => Self::WrapperMalformed { offset: 0, detail },
            cmw::Error::Signed { media, .. } => Self::WrapperTypeUnexpected { got: media },
            cmw::Error::TooDeep { limit } => Self::WrapperTooDeep { limit },
            cmw::Error::TooMany { limit } => {
                Self::WrapperNotSingle { count: limit.saturating_add(1), types: Vec::new() }
            }
        }
    }
}

fn listed(types: &[String]) -> String {
    if types.is_empty() { String::new() } else { format!(" ({})", types.join(", ")) }
}

pub(super) use crate::evidence::text::cut;
