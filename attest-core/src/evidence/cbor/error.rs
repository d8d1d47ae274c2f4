//! Why bytes are not CBOR as it is read here.

use crate::reader::Truncated;

/// Why the bytes are not CBOR as it is read here. Every offset is in bytes from the start of the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key at this offset stands in its map already.
    #[error("offset {offset}: this key stands in its map already")]
    DuplicateKey {
        /// Where the second one begins.
        offset: usize,
    },
    /// A string, array or map without a length, or a stray "break".
    #[error("offset {offset}: indefinite length")]
    IndefiniteLength {
        /// Where it begins.
        offset: usize,
    },
    /// A key that is no integer, text or byte string.
    #[error("offset {offset}: a key that is neither an integer nor a string")]
    KeyTypeUnexpected {
        /// Where it begins.
        offset: usize,
    },
    /// More bytes than the value needs.
    #[error("offset {offset}: not the shortest encoding")]
    NotMinimal {
        /// Where it begins.
        offset: usize,
    },
    /// An encoding that RFC 8949 reserves or calls not well-formed.
    #[error("offset {offset}: reserved encoding")]
    ReservedEncoding {
        /// Where it begins.
        offset: usize,
    },
    /// A text string that is not UTF-8.
    #[error("offset {offset}: text is not UTF-8")]
    TextNotUtf8 {
        /// Where its content begins.
        offset: usize,
    },
    /// Nested deeper than [`Limits::nesting`](super::Limits::nesting).
    #[error("offset {offset}: nested deeper than {limit}")]
    TooDeep {
        /// Where the item too deep begins.
        offset: usize,
        /// The bound.
        limit: usize,
    },
    /// More items than [`Limits::items`](super::Limits::items).
    #[error("offset {offset}: more than {limit} items")]
    TooManyItems {
        /// Where the bound was passed.
        offset: usize,
        /// The bound.
        limit: usize,
    },
    /// Bytes after the end of the item.
    #[error("{left} bytes after the end at offset {offset}")]
    TrailingBytes {
        /// Where the item ended.
        offset: usize,
        /// How many follow.
        left: usize,
    },
    /// The input ends inside an item, or an item claims more than there is.
    #[error(transparent)]
    Truncated(#[from] Truncated),
}

impl Error {
    /// Where, in bytes from the start of the input.
    #[must_use]
    pub const fn offset(&self) -> usize {
        match self {
            Self::DuplicateKey { offset }
            | Self::IndefiniteLength { offset }
            | Self::KeyTypeUnexpected { offset }
            | Self::NotMinimal { offset }
            | Self::ReservedEncoding { offset }
            | Self::TextNotUtf8 { offset }
            | Self::TooDeep { offset, .. }
            | Self::TooManyItems { offset, .. }
            | Self::TrailingBytes { offset, .. }
            | Self::Truncated(Truncated { offset, .. }) => *offset,
        }
    }

    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateKey { .. } => "cbor_duplicate_key",
            Self::IndefiniteLength { .. } => "cbor_indefinite_length",
            Self::KeyTypeUnexpected { .. } => "cbor_key_type_unexpected",
            Self::NotMinimal { .. } => "cbor_not_minimal",
            Self::ReservedEncoding { .. } => "cbor_reserved_encoding",
            Self::TextNotUtf8 { .. } => "cbor_text_not_utf8",
            Self::TooDeep { .. } => "cbor_too_deep",
            Self::TooManyItems { .. } => "cbor_too_many_items",
            Self::TrailingBytes { .. } => "cbor_trailing_bytes",
            Self::Truncated(_) => "cbor_truncated",
        }
    }
}
