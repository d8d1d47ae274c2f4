//! `attest release show`.

use clap::Args;

use super::Desk;
use super::words::Change;
use crate::cli::{Exit, Failure, Output};

/// Flags of `show`.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// The request's id, or as many of its first digits as no other begins with
    id: String,
}

impl Show {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let id = known.find(&self.id)?;
        let change = Change::read(&mut known, id)?;
        if out.wants_json() {
            out.json(&change.to_json());
        } else {
            change.tell(out);
        }
        Ok(Exit::Good)
    }
}
