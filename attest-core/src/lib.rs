//! Did this device boot what we signed for?
#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::string_slice,
        reason = "tests build and break bytes by hand; an overflow there is a failed test"
    )
)]

pub mod appraise;
pub mod authenticate;
mod der;
pub mod digest;
pub mod evidence;
pub mod limits;
pub mod reader;
pub mod reference;
pub mod result;
#[cfg(test)]
pub(crate) mod testing;
pub mod time;

pub use digest::{Digest, HashAlg};
pub use limits::Limits;
pub use time::Timestamp;
