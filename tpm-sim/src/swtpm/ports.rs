//! Pairs of free ports: the TCTI expects the control channel at exactly the port after the data channel's.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use super::Error;

/// Below the range from which the system takes ports for outgoing connections, so that nobody takes ours between the look and the use.
const FIRST: u16 = 12_000;
const PAIRS: u16 = 9_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// The first of two adjacent ports that are free now. Another process may still be faster; starting swtpm then fails and is tried again.
pub(super) fn free_pair() -> Result<u16, Error> {
    // Processes start at different places, so that they rarely meet.
    let offset = u16::try_from(std::process::id().wrapping_mul(131) % u32::from(PAIRS)).unwrap_or(0);
    for _ in 0..PAIRS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % PAIRS;
        let port = FIRST + 2 * ((offset + step) % PAIRS);
        let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free(port) && free(port + 1) {
            return Ok(port);
        }
    }
    Err(Error::NoPorts)
}
