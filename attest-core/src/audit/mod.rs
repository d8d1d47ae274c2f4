//! The append-only log in which releases are written down: its tree, its formats, and what makes one of its states believed.
//!
//! Nothing here knows what an entry means. The formats are those of other people's logs, so that other people's tools read ours: the
//! Merkle tree of RFC 9162 (the same as that of RFC 6962), and of C2SP the signed note, checkpoints, cosignatures and tiles.
//!
//! | module | what |
//! |---|---|
//! | [`note`] | signed text: keys, signatures |
//! | [`tree`] | leaf and node hashes, proofs made and verified, a tree that grows |

pub mod note;
pub mod tree;

#[cfg(test)]
pub(crate) mod testing;
