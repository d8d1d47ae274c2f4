//! `attest golden`.

use clap::Args;

use super::{Exit, Failure, Output};

/// Learn, show, compare and check golden documents.
#[derive(Args, Debug)]
pub(super) struct Golden {}

impl Golden {
    pub(super) fn run(self, _out: &mut Output) -> Result<Exit, Failure> {
        Err(Failure::not_available_yet("golden"))
    }
}
