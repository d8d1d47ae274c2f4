//! `attest verify`.

use clap::Args;

use super::{Exit, Failure, Output};

/// Judge a device's evidence by a golden document, offline.
#[derive(Args, Debug)]
pub(super) struct Verify {}

impl Verify {
    pub(super) fn run(self, _out: &mut Output) -> Result<Exit, Failure> {
        Err(Failure::not_available_yet("verify"))
    }
}
