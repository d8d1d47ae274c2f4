//! Bytes → structure. What comes out of here is well-formed and within limits; nothing in it is believed yet.

pub mod bundle;
pub mod cbor;
pub mod cel;
pub mod cmw;
pub mod collection;
pub mod eat;
mod extend;
pub mod ima_log;
pub mod json;
pub(crate) mod node;
pub mod pcr_values;
pub mod severity;
pub mod tcg_event;
pub mod tcg_log;
pub mod text;
pub mod tpm;
pub mod userspace_log;

pub use bundle::{Bundle, Evidence, FirmwareLog};
pub use collection::Collection;
pub use extend::{Extend, Told};
pub use pcr_values::PcrValues;
pub use severity::Severity;
pub use userspace_log::UserspaceLog;
