//! Why bytes are not a CoRIM.

use crate::HashAlg;
use crate::evidence::cbor;

/// Why bytes are not a CoRIM as it is read here. Every offset is in bytes from the start of the whole input, also for what stands in
/// byte strings inside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not strict CBOR.
    #[error(transparent)]
    Cbor(#[from] cbor::Error),
    /// The same hash algorithm twice in one list of digests, also under two names: which one counts could be chosen.
    #[error("offset {offset}: two digests by {alg} in one list")]
    DigestAlgorithmTwice {
        /// Where the second one begins.
        offset: usize,
        /// The algorithm.
        alg: String,
    },
    /// A digest that is not as long as its algorithm's.
    #[error("offset {offset}: a {alg} digest of {got} bytes")]
    DigestLength {
        /// Where the digest begins.
        offset: usize,
        /// Its algorithm.
        alg: HashAlg,
        /// Its length in bytes.
        got: usize,
    },
    /// An array or map that must hold something.
    #[error("offset {offset}: {what} is empty")]
    Empty {
        /// Where it begins.
        offset: usize,
        /// What it is.
        what: &'static str,
    },
    /// A field that must be there.
    #[error("offset {offset}: {map} has no {field}")]
    FieldMissing {
        /// Where the map begins.
        offset: usize,
        /// The map.
        map: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field where the specification leaves no room for one.
    #[error("offset {offset}: {map} has a field {label}, which is not known")]
    FieldUnknown {
        /// Where the key begins.
        offset: usize,
        /// The map.
        map: &'static str,
        /// The key.
        label: String,
    },
    /// A mask that is not as long as its value.
    #[error("offset {offset}: a mask of {mask} bytes for a value of {value}")]
    MaskLength {
        /// Where the raw value begins.
        offset: usize,
        /// Length of the value in bytes.
        value: usize,
        /// Length of the mask in bytes.
        mask: usize,
    },
    /// The signed form where the unsigned one is read.
    #[error("the CoRIM is signed: its signer's public key is wanted, to check the signature first")]
    Signed,
    /// Longer than the limit.
    #[error("{got} bytes, at most {limit}")]
    TooLarge {
        /// Length in bytes.
        got: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// More tags than the limit.
    #[error("{got} tags, at most {limit}")]
    TooManyTags {
        /// How many there are.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// Something else than the specification has here.
    #[error("offset {offset}: {what} is not {expected}")]
    TypeUnexpected {
        /// Where it begins.
        offset: usize,
        /// What it should be a part of.
        what: &'static str,
        /// What may stand here.
        expected: &'static str,
    },
    /// A period that ends before it begins.
    #[error("offset {offset}: valid until {until}, but only from {from}")]
    ValidityReversed {
        /// Where it begins.
        offset: usize,
        /// `not-before`, seconds since 1970.
        from: u64,
        /// `not-after`, seconds since 1970.
        until: u64,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cbor(error) => error.code(),
            Self::DigestAlgorithmTwice { .. } => "corim_digest_algorithm_twice",
            Self::DigestLength { .. } => "corim_digest_length",
            Self::Empty { .. } => "corim_empty",
            Self::FieldMissing { .. } => "corim_field_missing",
            Self::FieldUnknown { .. } => "corim_field_unknown",
            Self::MaskLength { .. } => "corim_mask_length",
            Self::Signed => "corim_signed",
            Self::TooLarge { .. } => "corim_too_large",
            Self::TooManyTags { .. } => "corim_too_many_tags",
            Self::TypeUnexpected { .. } => "corim_type_unexpected",
            Self::ValidityReversed { .. } => "corim_validity_reversed",
        }
    }

    /// Where in the input, in bytes, if the error has a place.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        match self {
            Self::Cbor(error) => Some(error.offset()),
            Self::DigestAlgorithmTwice { offset, .. }
            | Self::DigestLength { offset, .. }
            | Self::Empty { offset, .. }
            | Self::FieldMissing { offset, .. }
            | Self::FieldUnknown { offset, .. }
            | Self::MaskLength { offset, .. }
            | Self::TypeUnexpected { offset, .. }
            | Self::ValidityReversed { offset, .. } => Some(*offset),
            Self::Signed | Self::TooLarge { .. } | Self::TooManyTags { .. } => None,
        }
    }
}
