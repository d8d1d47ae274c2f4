//! `attest eventlog`.

use clap::Args;

use super::{Exit, Failure, Output};

/// Parse and replay a TCG event log.
#[derive(Args, Debug)]
pub(super) struct Eventlog {
    /// The log.
    file: std::path::PathBuf,
}

impl Eventlog {
    pub(super) fn run(self, _out: &mut Output) -> Result<Exit, Failure> {
        Err(Failure::not_available_yet("eventlog"))
    }
}
