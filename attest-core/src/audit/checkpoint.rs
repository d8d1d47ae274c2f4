//! Checkpoints: a log's word about how many entries it has and what they are (C2SP tlog-checkpoint).
//!
//! The text is the log's origin, the tree's size, its root hash, and lines that mean nothing here. A [`Checkpoint`] is such a text, read and
//! not believed. A [`SignedCheckpoint`] is one that the log's own key signed: what the log says, to us. Whether it says the same to others is
//! what [`witness`](super::witness) is for.

use core::fmt;

use super::note::{self, KeyType, SignEd25519, Signature, SignedNote, VerifierKey};
use super::tree::{Hash, TreeHead};
use crate::Limits;

/// Why a text is no checkpoint, or a checkpoint not that log's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No leaves, and another root than that of the empty tree.
    #[error("a tree without leaves has another root")]
    EmptyRootMismatch,
    /// An extension line that is empty or has a control character.
    #[error("an extension line is empty or has a control character")]
    ExtensionMalformed,
    /// A log signs with a key of type 0x01.
    #[error("the key {key} is not one that logs sign with")]
    KeyTypeUnexpected {
        /// The key, as its verifier key text.
        key: String,
    },
    /// Fewer than three lines, an empty one, or no newline at the end.
    #[error("line {line} is missing or empty, or does not end")]
    LineMissing {
        /// Which line, from 1.
        line: usize,
    },
    /// Not a signed note, or not signed by the log's key.
    #[error(transparent)]
    Note(#[from] note::Error),
    /// An origin that is empty or has a control character.
    #[error("an origin that is empty or has a control character")]
    OriginMalformed,
    /// A checkpoint of another log.
    #[error("a checkpoint of {got:?}, where one of {expected:?} is wanted")]
    OriginMismatch {
        /// The log that was asked for.
        expected: String,
        /// What the checkpoint says.
        got: String,
    },
    /// The third line is not 32 bytes in standard base64.
    #[error("the root hash is not 32 bytes in base64")]
    RootMalformed,
    /// The second line is not a number in its one decimal form.
    #[error("the tree size is not a number without leading zeros")]
    SizeMalformed,
    /// More leaves than a log may have.
    #[error("{got} leaves, more than {limit}")]
    TooManyLeaves {
        /// How many the checkpoint says.
        got: u64,
        /// The bound.
        limit: u64,
    },
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmptyRootMismatch => "checkpoint_empty_root_mismatch",
            Self::ExtensionMalformed => "checkpoint_extension_malformed",
            Self::KeyTypeUnexpected { .. } => "checkpoint_key_type_unexpected",
            Self::LineMissing { .. } => "checkpoint_line_missing",
            Self::Note(error) => error.code(),
            Self::OriginMalformed => "checkpoint_origin_malformed",
            Self::OriginMismatch { .. } => "checkpoint_origin_mismatch",
            Self::RootMalformed => "checkpoint_root_malformed",
            Self::SizeMalformed => "checkpoint_size_malformed",
            Self::TooManyLeaves { .. } => "checkpoint_too_many_leaves",
        }
    }
}

/// A checkpoint's text, read and not believed. There is exactly one text for each: reading and writing undo each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines, which nobody can audit (C2SP tlog-checkpoint, Note text).
    ///
    /// # Errors
    /// [`Error::OriginMalformed`], [`Error::TooManyLeaves`], [`Error::EmptyRootMismatch`].
    pub fn new(origin: &str, head: TreeHead, limits: &Limits) -> Result<Self, Error> {
        Self { origin: origin.to_owned(), head, extensions: Vec::new() }.checked(limits)
    }

    /// Reads a note's text.
    ///
    /// # Errors
    /// [`Error`]: a text that is not exactly a checkpoint.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Error> {
        let mut lines = text.split_inclusive('\n').zip(1..).map(|(line, number)| {
            line.strip_suffix('\n').filter(|line| !line.is_empty()).ok_or(Error::LineMissing { line: number })
        });
        let mut next = |line| lines.next().unwrap_or(Err(Error::LineMissing { line }));
        let origin = next(1)?.to_owned();
        let size = decimal(next(2)?).ok_or(Error::SizeMalformed)?;
        let root = Hash::from_base64(next(3)?).ok_or(Error::RootMalformed)?;
        let extensions = lines.map(|line| line.map(ToOwned::to_owned)).collect::<Result<_, _>>()?;
        Self { origin, head: TreeHead { size, root }, extensions }.checked(limits)
    }

    /// What a note says whose signatures nobody has checked yet: how much there is to read.
    ///
    /// # Errors
    /// [`Error`]: not a note of exactly a checkpoint.
    pub fn unverified(note: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::parse(SignedNote::parse(note, limits)?.text(), limits)
    }

    /// Every checkpoint has passed here.
    fn checked(self, limits: &Limits) -> Result<Self, Error> {
        let is_line = |line: &str| !line.is_empty() && !line.bytes().any(|byte| byte < 0x20);
        if !is_line(&self.origin) {
            return Err(Error::OriginMalformed);
        }
        if !self.extensions.iter().all(|line| is_line(line)) {
            return Err(Error::ExtensionMalformed);
        }
        if self.head.size > limits.log_leaves {
            return Err(Error::TooManyLeaves { got: self.head.size, limit: limits.log_leaves });
        }
        if self.head.size == 0 && self.head.root != Hash::of_empty_tree() {
            return Err(Error::EmptyRootMismatch);
        }
        Ok(self)
    }

    /// Which log it says to be of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The tree's size and root.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// Lines behind the root hash. Witnesses say nothing about them.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The checkpoint as a note, signed with the log's key under its origin as the key's name.
    ///
    /// # Errors
    /// [`Error::Note`].
    pub fn sign(&self, signer: &dyn SignEd25519) -> Result<String, Error> {
        Ok(note::sign(&self.to_string(), &self.origin, signer)?)
    }
}

/// The checkpoint's text: each line with its newline.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.head.size, self.head.root.to_base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number in its one decimal form.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let is_shortest = text == "0" || !text.starts_with('0');
    (is_shortest && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Which log: the origin in its checkpoints, and the key that signs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    origin: String,
    key: VerifierKey,
}

impl LogIdentity {
    /// The log whose origin is its key's name (C2SP tlog-checkpoint, Signatures: it SHOULD be).
    ///
    /// # Errors
    /// [`Error::KeyTypeUnexpected`].
    pub fn new(key: VerifierKey) -> Result<Self, Error> {
        let origin = key.name().to_owned();
        Self::with_origin(&origin, key)
    }

    /// A log whose origin is not its key's name; older logs have such.
    ///
    /// # Errors
    /// [`Error::KeyTypeUnexpected`].
    pub fn with_origin(origin: &str, key: VerifierKey) -> Result<Self, Error> {
        if key.key_type() != KeyType::Ed25519 {
            return Err(Error::KeyTypeUnexpected { key: key.to_string() });
        }
        Ok(Self { origin: origin.to_owned(), key })
    }

    /// The origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }
}

/// What a log says: its key signed this checkpoint. It may say something else to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    log: LogIdentity,
    note: String,
    signatures: Vec<Signature>,
}

impl SignedCheckpoint {
    /// The only maker: the bytes are a note, the log's key signed it, and it is a checkpoint of this log. Its text is not read before the
    /// signature is checked.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify(bytes: &[u8], log: &LogIdentity, limits: &Limits) -> Result<Self, Error> {
        let note = SignedNote::parse(bytes, limits)?;
        note.verify(&log.key)?;
        let checkpoint = Checkpoint::parse(note.text(), limits)?;
        if checkpoint.origin != log.origin {
            return Err(Error::OriginMismatch { expected: log.origin.clone(), got: checkpoint.origin });
        }
        let text = note.note().to_owned();
        Ok(Self { checkpoint, log: log.clone(), note: text, signatures: note.into_signatures() })
    }

    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The tree's size and root.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.checkpoint.head
    }

    /// Which log said it.
    #[must_use]
    pub const fn log(&self) -> &LogIdentity {
        &self.log
    }

    /// The whole note as it was read, with every signature line.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The signature lines, those of unknown keys among them.
    pub(super) fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

#[cfg(test)]
mod tests;
