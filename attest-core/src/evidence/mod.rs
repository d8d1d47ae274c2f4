//! Bytes → structure. What comes out of here is well-formed and within limits; nothing in it is believed yet.

pub mod bundle;
pub mod cbor;
pub mod eat;
pub mod ima_log;
pub mod json;
pub(crate) mod node;
pub mod pcr_values;
pub mod severity;
pub mod tcg_event;
pub mod tcg_log;
pub mod text;
pub mod tpm;

pub use bundle::{Bundle, Evidence, FirmwareLog};
pub use pcr_values::PcrValues;
pub use severity::Severity;
