//! The tree's hashes.

use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::digest::HashAlg;

/// SHA-256 of a leaf, of an inner node, or of the empty tree (RFC 9162, section 2.1.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; Self::SIZE]);

impl Hash {
    /// Its length in bytes.
    pub const SIZE: usize = 32;

    /// The hash with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// The root of the tree without leaves: the hash of no bytes.
    #[must_use]
    pub fn of_empty_tree() -> Self {
        Self::of(&[&[]])
    }

    /// The hash of an entry as a leaf: of 0x00 and the entry's bytes. No entry hashes as an inner node does.
    #[must_use]
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self::of(&[&[0x00], entry])
    }

    /// The hash over two subtrees: of 0x01, left, right.
    #[must_use]
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let mut message = [0x01; 1 + 2 * Self::SIZE];
        let [_, halves @ ..] = &mut message;
        for (half, hash) in halves.chunks_exact_mut(Self::SIZE).zip([left, right]) {
            half.copy_from_slice(&hash.0);
        }
        Self::of(&[&message])
    }

    /// The hash in standard base64 (RFC 4648, section 4), as checkpoints write it; no other text decodes to the same hash.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        // Longer text would be decoded before its length is known.
        (text.len() == 44).then(|| STANDARD.decode(text).ok()?.try_into().ok().map(Self)).flatten()
    }

    /// The hash in standard base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    fn of(parts: &[&[u8]]) -> Self {
        let digest = HashAlg::Sha256.hash(parts);
        Self(digest.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// Lower-case hexadecimal.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A state of a log: so many leaves, and the root over them. Whose word it is stands in the type around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl TreeHead {
    /// The state before the first entry.
    #[must_use]
    pub fn empty() -> Self {
        Self { size: 0, root: Hash::of_empty_tree() }
    }
}
