//! `attest golden build`.

use std::fs;
use std::path::PathBuf;

use attest_core::reference::corim::{Validity, profile};
use attest_core::{Limits, Timestamp};
use clap::Args;
use serde_json::json;

use crate::cli::verify::read_document;
use crate::cli::{Exit, Failure, Output};

/// Flags of `build`.
#[derive(Args, Debug)]
pub(super) struct Build {
    /// The golden document: text, or a CoRIM to make another edition of
    file: PathBuf,
    /// Where to write the CoRIM
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The edition: a later one of the same family has a larger number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    tag_version: u64,
    /// The last second in which it counts, since 1970; always without it
    #[arg(long, value_name = "SECONDS")]
    not_after: Option<u64>,
    /// The first second in which it counts, since 1970
    #[arg(long, value_name = "SECONDS", requires = "not_after")]
    not_before: Option<u64>,
}

impl Build {
    pub(super) fn run(self, limits: &Limits, out: &mut Output) -> Result<Exit, Failure> {
        let document = read_document(&self.file, limits)?;
        let not_before = self.not_before.map(Timestamp::from_unix);
        let validity = self.not_after.map(|at| Validity { not_before, not_after: Timestamp::from_unix(at) });
        if let Some(Validity { not_before: Some(from), not_after }) = validity
            && from > not_after
        {
            return Err(Failure::usage(
                "validity_reversed",
                format!("valid until {not_after}, but only from {from}"),
            ));
        }
        let edition = profile::Edition { tag_version: self.tag_version, validity };
        let bytes = profile::write(document.golden(), &edition).map_err(|e| Failure::usage(e.code(), e))?;
        fs::write(&self.out, &bytes)
            .map_err(|e| Failure::usage("file_unwritable", format!("{}: {e}", self.out.display())))?;
        let family = &document.golden().family;
        if out.wants_json() {
            let path = self.out.display().to_string();
            out.json(&json!({ "family": family, "out": path, "bytes": bytes.len(), "signed": false }));
        } else {
            let path = self.out.display();
            out.line(format!(
                "{path}: an unsigned CoRIM of {} bytes; whoever uses it vouches for it",
                bytes.len()
            ));
        }
        Ok(Exit::Good)
    }
}

#[cfg(test)]
#[path = "build/tests.rs"]
mod tests;
