//! `attest audit`.

mod exported;
mod go_on;
pub(super) mod verify;

use std::path::PathBuf;

use attest_core::audit::note::KeyType;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Exit, Failure, Output};
use crate::log::NoteKey;

/// Look at a log of releases, and make the key of one.
#[derive(Args, Debug)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Continue(go_on::Continue),
    NewKey(NewKey),
    Verify(verify::Verify),
}

/// Make a log's key, in a new file that only its owner can read, and print what policies and witnesses name it by.
#[derive(Args, Debug)]
struct NewKey {
    /// The log's origin: where it is fetched, without the scheme, as `log.example.org/releases`.
    #[arg(long)]
    name: String,
    /// The key's file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Audit {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::Continue(command) => command.run(out),
            Command::NewKey(command) => command.run(out),
            Command::Verify(command) => command.run(out),
        }
    }
}

impl NewKey {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let made = NoteKey::make(&self.out, &self.name);
        let made = made.map_err(|error| Failure::usage("log_key_not_made", error))?;
        let key =
            made.verifier(KeyType::Ed25519).map_err(|error| Failure::fault("log_key_not_made", error))?;
        if out.wants_json() {
            out.json(&json!({ "key": key.to_string() }));
        } else {
            out.line(key);
        }
        Ok(Exit::Good)
    }
}
