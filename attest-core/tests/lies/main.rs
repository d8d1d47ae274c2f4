//! An appraisal cannot be lied to: a good device, one function for each lie, and what the verdict must say about it.
//!
//! The device writes its logs and quotes by itself and shares no code with the parsers, so a misread specification cannot pass its
//! own test. A test is named for the lie; which check it holds, and that it fails without that check, is told in `docs/lies.md`.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test builds and breaks bytes by hand, and a panic in it is a failed test"
)]

mod banks;
mod bytes;
mod clock;
mod device;
mod explained;
mod golden;
mod ima;
mod ima_files;
mod ima_list;
mod ima_outside;
mod ima_paths;
mod ima_resume;
mod ima_told;
mod judge;
mod log;
mod named;
mod overlays;
mod placed;
mod reasons;
mod rule_documents;
mod rule_values;
mod rules;
mod sample;
mod sequence;
mod untold;
mod userspace;
mod variants;
mod weak_keys;
