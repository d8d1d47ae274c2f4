//! Who vouches for golden values: people's statements and builders' provenance, each in its cryptographic envelope.
//!
//! An envelope proves which key signed which bytes, and for what. Whose key that is, and what it may say, is the policy's matter.

pub mod dsse;
pub mod key;
pub mod provenance;
pub mod ssh;

pub use key::CanonicalKey;
pub use provenance::{Provenance, ProvenanceRule};
