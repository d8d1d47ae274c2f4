//! Why bytes are no wrapper as it is read here.

use crate::evidence::{cbor, json};

/// Why bytes are no wrapper as it is read here. `label` are the names that lead to the place, empty where it is not in a collection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Characters outside the unpadded base64url alphabet, padding, or bits that encode nothing.
    #[error("{}not unpadded base64url", at(label))]
    Base64Malformed {
        /// Where.
        label: String,
    },
    /// Not strict CBOR.
    #[error("{}{error}", at(label))]
    Cbor {
        /// Where.
        label: String,
        /// What is wrong.
        error: cbor::Error,
    },
    /// Neither CBOR nor JSON of a wrapper.
    #[error("{}neither a record, nor a tag, nor a collection", at(label))]
    FormUnexpected {
        /// Where.
        label: String,
    },
    /// By its indicator the message is no evidence.
    #[error("{}the indicator {bits} does not say evidence (bit 2)", at(label))]
    IndicatorForeign {
        /// Where.
        label: String,
        /// What it says.
        bits: u32,
    },
    /// Not strict JSON.
    #[error("{}{error}", at(label))]
    Json {
        /// Where.
        label: String,
        /// What is wrong.
        error: json::Error,
    },
    /// Not put together as RFC 9999 says.
    #[error("{}{detail}", at(label))]
    Malformed {
        /// Where.
        label: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// A wrapper that is signed as a whole.
    #[error(
        "{}{media}: signed wrappers are not read, every message in one has a signature of its own",
        at(label)
    )]
    Signed {
        /// Where.
        label: String,
        /// Its media type.
        media: String,
    },
    /// Wrappers in wrappers, more than [`Limits::wrappers`](crate::Limits::wrappers).
    #[error("more than {limit} wrappers in each other")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// More messages than [`Limits::wrapped_messages`](crate::Limits::wrapped_messages).
    #[error("more than {limit} messages")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Base64Malformed { .. } => "wrapper_base64_malformed",
            Self::Cbor { error, .. } => error.code(),
            Self::FormUnexpected { .. } => "wrapper_form_unexpected",
            Self::IndicatorForeign { .. } => "wrapper_indicator_foreign",
            Self::Json { error, .. } => error.code(),
            Self::Malformed { .. } => "wrapper_malformed",
            Self::Signed { .. } => "wrapper_signed",
            Self::TooDeep { .. } => "wrapper_too_deep",
            Self::TooMany { .. } => "wrapper_too_many",
        }
    }
}

fn at(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("message {label:?}: ") }
}
