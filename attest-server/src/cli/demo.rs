//! `attest demo`.

use clap::Args;

use super::{Exit, Failure, Output};

/// Devices enrol and attest in this terminal, good ones and liars.
#[derive(Args, Debug)]
pub(super) struct Demo {}

impl Demo {
    pub(super) fn run(self, _out: &mut Output) -> Result<Exit, Failure> {
        Err(Failure::not_available_yet("demo"))
    }
}
