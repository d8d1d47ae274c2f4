//! The Merkle tree over the log's entries: RFC 9162, section 2.1, with SHA-256; the same tree as that of RFC 6962, section 2.1.
//!
//! A tree is known by its [`TreeHead`]: how many leaves, and the root over them. [`verify_inclusion`] and [`verify_consistency`] hold a
//! proof against heads; [`inclusion_proof`] and [`consistency_proof`] make one from stored [`Node`]s; a [`Frontier`] grows the tree and
//! says what to store. The verifiers allocate nothing and do as many hashes as the proof has nodes, once its length is the only one that
//! these sizes have.

mod frontier;
mod hash;
mod node;
mod prove;
mod verify;

pub use frontier::{Appended, Frontier};
pub use hash::{Hash, TreeHead};
pub use node::Node;
pub use prove::{HashReader, consistency_nodes, consistency_proof, inclusion_nodes, inclusion_proof, root};
pub use verify::{verify_consistency, verify_inclusion};

/// Why a proof proves nothing, or a tree does not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The newer tree has fewer leaves than the older one.
    #[error("a tree of {new} leaves does not continue one of {old}")]
    Backwards {
        /// Leaves of the tree that was to be continued.
        old: u64,
        /// Leaves of the other.
        new: u64,
    },
    /// There is no leaf of this index in the tree.
    #[error("no leaf {index} in a tree of {size} leaves")]
    IndexBeyondTree {
        /// The leaf's index, from 0.
        index: u64,
        /// The tree's leaves.
        size: u64,
    },
    /// The proof leads to another root for the newer tree, or two trees of one size have two roots.
    #[error("the proof does not lead to the newer tree's root")]
    NewRootMismatch,
    /// The proof leads to another root for the older tree, or the older tree is empty and its root is not that of the empty tree.
    #[error("the proof does not lead to the older tree's root")]
    OldRootMismatch,
    /// Trees and leaves of these sizes have proofs of one length, and this is another.
    #[error("a proof of {got} hashes, where {expected} are needed")]
    ProofLength {
        /// How many hashes the proof must have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// The leaf and its proof, or the stored hashes, lead to another root.
    #[error("the hashes do not lead to the tree's root")]
    RootMismatch,
    /// More leaves than a log may have.
    #[error("more than {limit} leaves")]
    TooManyLeaves {
        /// The bound.
        limit: u64,
    },
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Backwards { .. } => "tree_backwards",
            Self::IndexBeyondTree { .. } => "tree_index_beyond",
            Self::NewRootMismatch => "tree_new_root_mismatch",
            Self::OldRootMismatch => "tree_old_root_mismatch",
            Self::ProofLength { .. } => "tree_proof_length",
            Self::RootMismatch => "tree_root_mismatch",
            Self::TooManyLeaves { .. } => "tree_too_many_leaves",
        }
    }
}

#[cfg(test)]
mod tests;
