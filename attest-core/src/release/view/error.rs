//! Why there is no view of a log, and which leaves of one do not count.

use super::ObjectId;
use crate::Timestamp;
use crate::audit::{checkpoint, tree, witness};
use crate::release::object;

/// Why there is no view.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A leaf that is older than what was there before it.
    #[error("leaf {index} is from {at}, and witnesses saw the leaves before it at {seen_at}", at = .at.utc(), seen_at = .seen_at.utc())]
    Antedated {
        /// Which.
        index: u64,
        /// Its time.
        at: Timestamp,
        /// Theirs.
        seen_at: Timestamp,
    },
    /// The log did not say this.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// The first leaf is not the policy that is pinned.
    #[error("leaf 0 is not the pinned policy {pinned}")]
    FirstLeaf {
        /// What is pinned.
        pinned: ObjectId,
    },
    /// A leaf that is none.
    #[error("leaf {index}: {error}")]
    Leaf {
        /// Which.
        index: u64,
        /// Why.
        error: object::Error,
    },
    /// An object that may have counted is withheld.
    #[error("leaf {index}: the object {id} is not at hand")]
    ObjectMissing {
        /// Where it is named.
        index: u64,
        /// Which.
        id: ObjectId,
    },
    /// A revocation that was handed in does not count.
    #[error("the revocation does not count: {because}")]
    NotHeld {
        /// Why: the stable code.
        because: &'static str,
    },
    /// The leaves are not those of the checkpoint.
    #[error("the {leaves} leaves do not lead to the checkpoint's root over {size}")]
    RootMismatch {
        /// How many there are.
        leaves: u64,
        /// How many there should be.
        size: u64,
    },
    /// A leaf from before the one before it.
    #[error("leaf {index} is from {at}, and the one before it is later", at = .at.utc())]
    TimeBackwards {
        /// Which.
        index: u64,
        /// Its time.
        at: Timestamp,
    },
    /// A leaf from after its witnesses' time.
    #[error("leaf {index} is from {at}, and its witnesses saw it at {witnessed}", at = .at.utc(), witnessed = .witnessed.utc())]
    TimeAhead {
        /// Which.
        index: u64,
        /// Its time.
        at: Timestamp,
        /// Theirs.
        witnessed: Timestamp,
    },
    /// More leaves than are read.
    #[error(transparent)]
    Tree(#[from] tree::Error),
    /// Too few watched.
    #[error(transparent)]
    Witness(#[from] witness::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Antedated { .. } => "view_leaf_antedated",
            Self::Checkpoint(error) => error.code(),
            Self::FirstLeaf { .. } => "view_first_leaf",
            Self::Leaf { error, .. } => error.code(),
            Self::NotHeld { because } => because,
            Self::ObjectMissing { .. } => "view_object_missing",
            Self::RootMismatch { .. } => "view_root_mismatch",
            Self::TimeAhead { .. } => "view_time_ahead",
            Self::TimeBackwards { .. } => "view_time_backwards",
            Self::Tree(error) => error.code(),
            Self::Witness(error) => error.code(),
        }
    }
}

/// A leaf that names what does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Which leaf.
    pub index: u64,
    /// Why: a stable code.
    pub because: &'static str,
}
