//! Why a log is not followed further than it was.

use std::io;

use attest_core::Timestamp;
use attest_core::audit::{checkpoint, tile};
use attest_core::release::{Name, delivery, view};

use crate::store;

/// What is wrong with the log, or with a revocation that was handed in. What was known before stays in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the log serves as its checkpoint is none.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] checkpoint::Error),
    /// The log has no checkpoint yet.
    #[error("the log has no checkpoint that witnesses signed")]
    CheckpointMissing,
    /// Two histories were witnessed.
    #[error(
        "two histories of this log were witnessed: one with {known} leaves that was followed, and one with {size}"
    )]
    Forked {
        /// The leaves of the other one.
        size: u64,
        /// The leaves of what was followed.
        known: u64,
    },
    /// Another history, by the word of those whom the policy that is followed asks no longer.
    #[error(
        "the log shows a history of {size} leaves that is not the one of {known} that was followed; keys signed it that the log's policy has retired: \
         whoever has them writes nothing that counts, and whoever serves it is to be asked why"
    )]
    FormerKeys {
        /// The leaves of the other one.
        size: u64,
        /// The leaves of what was followed.
        known: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A revocation that is none, or comes with another request.
    #[error("the revocation: {0}")]
    Delivery(#[from] delivery::Error),
    /// Witnessed before what is known.
    #[error("the log's checkpoint is from {got}, and one from {known} is known", got = .got.utc(), known = .known.utc())]
    Older {
        /// The witnesses' time.
        got: Timestamp,
        /// That of the newest one.
        known: Timestamp,
    },
    /// A worker panicked.
    #[error("a worker panicked")]
    Panicked,
    /// It is about a request that nobody knows.
    #[error(
        "the revocation is about a request that is not known here, and the request's own bytes did not come with it"
    )]
    RequestUnknown,
    /// As many of somebody's revocations are held as may be.
    #[error("{most} revocations of `{by}` are held here that the log does not have, and no more are")]
    RevocationsFull {
        /// Whose.
        by: Name,
        /// How many are held.
        most: usize,
    },
    /// Leaves are gone.
    #[error("the log has {got} leaves, and had {known}")]
    RolledBack {
        /// How many it has.
        got: u64,
        /// How many it had.
        known: u64,
    },
    /// Its witnesses know more of it than there is.
    #[error(
        "as many of the log's witnesses as are needed have signed {last} leaves, and there are {size}: it was set back"
    )]
    SetBack {
        /// How many they have signed.
        last: u64,
        /// How many it has.
        size: u64,
    },
    /// It is still read.
    #[error("the log is read for {seconds} seconds, and that goes on")]
    Slow {
        /// For how long.
        seconds: u64,
    },
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A tile is not what it should be.
    #[error("{path}: {error}")]
    Tile {
        /// Which.
        path: String,
        /// Why.
        error: tile::Error,
    },
    /// A tile is not there.
    #[error("{path}: it is missing")]
    TileMissing {
        /// Which.
        path: String,
    },
    /// More than is kept.
    #[error("the log and its objects have more than {most} bytes")]
    TooLarge {
        /// How many are kept.
        most: usize,
    },
    /// The log cannot be replayed.
    #[error(transparent)]
    View(#[from] view::Error),
}

impl Error {
    /// The stable code, by which an alert is known.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Checkpoint(error) => error.code(),
            Self::CheckpointMissing => "releases_checkpoint_missing",
            Self::Forked { .. } => "releases_log_forked",
            Self::FormerKeys { .. } => "releases_log_of_former_keys",
            Self::Io(_) => "releases_log_unreachable",
            Self::Delivery(error) => error.code(),
            Self::Older { .. } => "releases_log_older",
            Self::Panicked => "releases_worker_panicked",
            Self::RequestUnknown => "releases_request_unknown",
            Self::RevocationsFull { .. } => "releases_revocations_full",
            Self::RolledBack { .. } => "releases_log_rolled_back",
            Self::SetBack { .. } => "releases_log_set_back",
            Self::Slow { .. } => "releases_log_slow",
            Self::Stopped => "releases_stopped",
            Self::Store(_) => "store_failed",
            Self::Tile { error, .. } => error.code(),
            Self::TileMissing { .. } => "releases_tile_missing",
            Self::TooLarge { .. } => "releases_too_large",
            Self::View(error) => error.code(),
        }
    }
}
