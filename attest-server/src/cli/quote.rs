//! `attest quote`.

use clap::Args;

use super::{Exit, Failure, Output};

/// Is a quote authentic, and do the logs explain it?
#[derive(Args, Debug)]
pub(super) struct Quote {}

impl Quote {
    pub(super) fn run(self, _out: &mut Output) -> Result<Exit, Failure> {
        Err(Failure::not_available_yet("quote"))
    }
}
