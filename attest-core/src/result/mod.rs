//! Verdict → a signed statement that anyone can check with the public key alone.
//!
//! [`ear`] makes an Entity Attestation Result from a verdict, [`sign`] turns it into a JWT or a CWT, [`verify`] is the other end: what an
//! access system embeds.

mod claims;
pub mod ear;
pub mod key;
pub mod sign;
pub mod verify;

pub use ear::{Ear, ResultContext, VerifierId};
pub use key::{PublicKey, VerifyingKey};
pub use sign::{Sign, SignError};
pub use verify::{AcceptedEar, AffirmingEar, EarVerifier, Expectations};
