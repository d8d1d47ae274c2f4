//! Who vouches for golden values: people's statements and builders' provenance, each in its cryptographic envelope, about objects that have
//! one encoding and one name.
//!
//! An envelope proves which key signed which bytes, and for what. Whose key that is, and what it may say, is the policy's matter.

pub mod approvals;
pub mod assemble;
#[cfg(any(test, feature = "bench"))]
#[doc(hidden)]
pub mod bench;
pub mod built;
pub mod bundle;
pub mod catalogue;
pub mod choice;
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
#[expect(dead_code, reason = "a benchmark uses some of what tests do")]
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
