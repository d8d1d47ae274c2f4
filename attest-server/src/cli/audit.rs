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
        let made = made.map_err(|error| {
            Failure::usage("log_key_not_made", format!("--out {error}; expected a new file"))
        })?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a57_a_key_is_not_written_over_and_the_flag_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.key");
        std::fs::write(&file, b"a key").unwrap();
        let made = NewKey { name: "log.example/releases".to_owned(), out: file.clone() };
        let told = made.run(&mut Output::to_writer(true, Box::new(std::io::sink()))).unwrap_err().to_line();
        assert!(told.starts_with(&format!("--out {}: ", file.display())), "{told}");
        assert!(told.ends_with("expected a new file [log_key_not_made]"), "{told}");
        assert_eq!(std::fs::read(&file).unwrap(), b"a key");
    }

    #[test]
    fn who_names_no_log_is_told_of_both_ways() {
        #[derive(clap::Parser)]
        struct Wrapper {
            #[command(flatten)]
            _verify: verify::Verify,
        }
        let parse = |more: &[&str]| {
            let args = ["verify", "--policy-pin", "sha256:00"].iter().chain(more);
            <Wrapper as clap::Parser>::try_parse_from(args).map(|_| ()).map_err(|error| error.to_string())
        };
        let told = parse(&[]).unwrap_err();
        assert!(told.contains("--folder") && told.contains("--url"), "{told}");
        assert!(parse(&["--url", "https://log.example", "--folder", "log"]).is_err());
        assert_eq!(parse(&["--folder", "log"]), Ok(()));
    }
}
