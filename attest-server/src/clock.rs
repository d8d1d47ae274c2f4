//! The clock: the only place that asks for the time.

use std::time::{SystemTime, UNIX_EPOCH};

pub use attest_core::Timestamp;

/// Now. A clock set before 1970 reads as 1970: everything has expired then, or nothing was issued yet.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()))
}
