//! What people sign with: keys and signatures of OpenSSH (`ssh-keygen -Y sign`, ssh-agent, FIDO tokens).
//!
//! The wire format is read by a parser of our own, strictly; `ssh-keygen` is held against it in the tests. Where the two differ, this one
//! refuses and ssh-keygen accepts: other encodings of the same thing, unsigned bytes around it, a touch that did not happen.

pub mod attestation;
pub mod key;
pub mod signature;
#[cfg(test)]
mod tests;
pub mod wire;

pub use key::PublicKey;
pub use signature::{Flags, Presence, Signature, VerifiedSignature};
