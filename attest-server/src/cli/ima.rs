//! `attest ima`.

use clap::Args;

use super::{Exit, Failure, Output};

/// Parse and replay an IMA list.
#[derive(Args, Debug)]
pub(super) struct Ima {
    /// The log.
    file: std::path::PathBuf,
}

impl Ima {
    pub(super) fn run(self, _out: &mut Output) -> Result<Exit, Failure> {
        Err(Failure::not_available_yet("ima"))
    }
}
