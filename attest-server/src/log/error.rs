//! Why a folder is not opened, or an entry not written.

use std::io;

use attest_core::audit::{checkpoint, note, tile, tree};

/// What is wrong with a log's folder, or was with an append.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `head` or `checkpoint` is not what this log's key signed.
    #[error("{file}: {error}")]
    Checkpoint {
        /// Which.
        file: &'static str,
        /// What is wrong with it.
        error: checkpoint::Error,
    },
    /// The published checkpoint is not of this tree.
    #[error(
        "checkpoint: its {size} leaves have another root than the entries in this folder, or are more than these"
    )]
    CheckpointContradicts {
        /// Its leaves.
        size: u64,
    },
    /// An earlier append failed in a way that nobody knows what is on the disk. Only a new start looks.
    #[error("an append failed before, and what is on the disk is not known: start again")]
    Failed,
    /// There are tiles or a published checkpoint, and no `head`.
    #[error("head: it is missing, but there are {what}")]
    HeadMissing {
        /// What there is.
        what: &'static str,
    },
    /// The entries are not those that `head` is over.
    #[error("head: its {size} leaves have another root than the entries in this folder")]
    HeadContradicts {
        /// Its leaves.
        size: u64,
    },
    /// The folder cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another process writes this log.
    #[error("{0}: another process writes this log")]
    Locked(String),
    /// A file that is not what its digest says, or no file at all.
    #[error("{path}: it is not what its name says")]
    ObjectDamaged {
        /// Which.
        path: String,
    },
    /// The key does not sign.
    #[error(transparent)]
    Sign(#[from] note::Error),
    /// A file that cannot be an entry bundle or a tile of this tree.
    #[error("{path}: {error}")]
    Tile {
        /// Which.
        path: String,
        /// Why.
        error: tile::Error,
    },
    /// A tile that the tree has, with other hashes or entries.
    #[error("{path}: it is not what the log's entries give")]
    TileContradicts {
        /// Which.
        path: String,
    },
    /// More leaves, or a longer entry, than a log may have.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// Tiles read back do not lead to the head.
    #[error(transparent)]
    Tiles(#[from] tile::Error),
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint { error, .. } => error.code(),
            Self::CheckpointContradicts { .. } => "log_checkpoint_contradicts",
            Self::Failed => "log_failed",
            Self::HeadContradicts { .. } => "log_head_contradicts",
            Self::HeadMissing { .. } => "log_head_missing",
            Self::Io(_) => "log_io",
            Self::Locked(_) => "log_locked",
            Self::ObjectDamaged { .. } => "log_object_damaged",
            Self::Sign(error) => error.code(),
            Self::Tile { error, .. } | Self::Tiles(error) => error.code(),
            Self::TileContradicts { .. } => "log_tile_contradicts",
            Self::Tree(error) => error.code(),
        }
    }
}
