//! Why a boot was refused: changes planted into the logs of real boots, one at a time, two at a time, and in the log itself.
//!
//! An editor of its own takes a real log apart, changes events and computes their digests anew, so that the log replays and the quote is
//! good. What each change must be called is written beside it, by thought and not by record.
#![allow(
    dead_code,
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

mod boot;
#[path = "../lies/device.rs"]
mod device;
mod edits;
mod hostile;
#[path = "../lies/judge.rs"]
mod judge;
mod log;
mod pairs;
mod single;
