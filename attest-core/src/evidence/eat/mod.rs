//! Entity Attestation Tokens (RFC 9711): CWT in COSE_Sign1 and JWT in a compact JWS, with the PSA profiles (RFC 9783), detached bundles and
//! conceptual message wrappers (CMW, RFC 9999) around them.
//!
//! What comes out of here is well-formed, within limits and as its profile says, and not believed:
//! [`AuthenticToken`](crate::authenticate::AuthenticToken) is. The strict readers of [`cbor`](super::cbor) and [`json`](super::json) go over
//! every byte first.
//!
//! | form | read as |
//! |---|---|
//! | COSE_Sign1, tagged 18, or 61 and 18, or untagged | CWT |
//! | three parts of base64url | JWT |
//! | tag 602, or an array of a token and a map | detached EAT bundle (RFC 9711, section 5) |
//! | array of type, value and indicator; map or object of such; tag from 1668546817 | CMW (RFC 9999, section 3) |
//! | a token in `submods` of another | the same, tagged, or a JSON selector (RFC 9711, section 4.2.18.3) |
//! | COSE_Mac0, COSE_Encrypt0, … | refused: a public key does not vouch for them |

mod algorithm;
mod claims;
mod cose;
mod envelope;
mod error;
mod nested;
mod psa;
mod shown;
mod submods;
#[cfg(test)]
mod tests;
mod token;
mod wrapper;

pub use algorithm::Algorithm;
pub use claims::{
    Claims, DebugStatus, IntendedUse, Measured, Measurement, MeasurementResult, OemId, Profile, Version,
};
pub use envelope::Tagging;
#[cfg(test)]
pub(crate) use envelope::open_jws;
pub use error::Error;
pub use psa::{Component, Lifecycle, Psa, PsaProfile};
pub use submods::{Submodule, SubmoduleKind};
pub use token::{Format, Token};
pub(in crate::evidence) use wrapper::Form;
