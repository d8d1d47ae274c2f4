//! `attest serve`.

use clap::Args;

use super::{Exit, Failure, Output};

/// Run the verifier.
#[derive(Args, Debug)]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(self, _out: &mut Output) -> Result<Exit, Failure> {
        Err(Failure::not_available_yet("serve"))
    }
}
