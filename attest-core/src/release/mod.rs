//! Who vouches for golden values: people's statements and builders' provenance, each in its cryptographic envelope, about objects that have
//! one encoding and one name.
//!
//! An envelope proves which key signed which bytes, and for what. Whose key that is, and what it may say, is the policy's matter.

pub mod approvals;
pub mod assemble;
#[cfg(test)]
pub mod bench;
#[cfg(all(feature = "bench", not(test)))]
#[doc(hidden)]
#[expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a benchmark is made as tests are")]
pub mod bench;
pub mod built;
pub mod bundle;
pub mod catalogue;
pub mod choice;
pub mod delivery;
pub mod dsse;
pub mod evaluate;
pub mod family;
pub mod form;
pub mod key;
pub mod leaf;
pub mod name;
pub mod object;
pub mod policy;
pub mod provenance;
pub mod quorum;
pub mod request;
pub mod speaker;
pub mod ssh;
pub mod statement;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(all(feature = "bench", not(test)))]
#[expect(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark uses some of what tests do"
)]
pub(crate) mod testing;
pub mod view;
pub mod watch;

pub use key::CanonicalKey;
pub use name::{Name, Words};
pub use object::ObjectId;
pub use policy::Policy;
pub use provenance::{Provenance, ProvenanceRule};
pub use quorum::Quorum;
pub use request::Request;
