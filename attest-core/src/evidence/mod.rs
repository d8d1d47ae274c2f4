//! Bytes → structure. What comes out of here is well-formed and within limits; nothing in it is believed yet.

pub mod cbor;
pub mod ima_log;
pub mod json;
pub mod severity;
pub mod tcg_event;
pub mod tcg_log;
pub mod text;
pub mod tpm;

pub use severity::Severity;
