//! The append-only log in which releases are written down: its tree, its formats, and what makes one of its states believed.
//!
//! Nothing here knows what an entry means. The formats are those of other people's logs, so that other people's tools read ours: the
//! Merkle tree of RFC 9162 (the same as that of RFC 6962), and of C2SP the signed note, checkpoints, cosignatures and tiles.
//!
//! | module | what |
//! |---|---|
//! | [`tree`] | leaf and node hashes, proofs made and verified, a tree that grows |
//! | [`note`] | signed text: keys, signatures |
//! | [`checkpoint`] | what a log says: how many entries, and the root over them |
//! | [`witness`] | what others say about that, a quorum of them, and when; what a witness does |
//! | [`proof`] | one entry's place in a witnessed tree, as a file |
//! | [`tile`] | the files that a log serves, and reading them from whoever has them |
//!
//! ```text
//! bytes → note::SignedNote → checkpoint::SignedCheckpoint → witness::WitnessedCheckpoint → proof::LoggedEntry, tile::ProvenTiles
//!         not believed       that log's key signed it       so many others saw the same             this entry is in it
//! ```

pub mod checkpoint;
mod lines;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod witness;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(all(feature = "bench", not(test)))]
#[expect(dead_code, clippy::panic, clippy::unwrap_used, reason = "a benchmark uses some of what tests do")]
pub(crate) mod testing;
