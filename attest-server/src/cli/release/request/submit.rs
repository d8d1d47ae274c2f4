//! `attest release submit`: hands in what `request --out` wrote.

use std::path::PathBuf;

use attest_core::Limits;
use attest_core::release::ObjectId;
use clap::Args;
use serde_json::json;

use super::ARTIFACT_BYTES;
use crate::cli::release::Desk;
use crate::cli::{Exit, Failure, Output, Style, input};

/// Flags of `submit`.
#[derive(Args, Debug)]
pub(in crate::cli::release) struct Submit {
    /// What `request --out` wrote
    folder: PathBuf,
}

impl Submit {
    pub(in crate::cli::release) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let most = Limits::DEFAULT.release_object_bytes;
        let request = input::read_file(&self.folder.join("request.cbor"), most)?;
        let submission = input::read_file(&self.folder.join("submission.cbor"), most)?;
        let unreadable = |error: std::io::Error| Failure::usage("file_unreadable", error);
        let mut objects = Vec::new();
        for entry in std::fs::read_dir(self.folder.join("objects")).map_err(unreadable)? {
            objects.push(input::read_file(&entry.map_err(unreadable)?.path(), ARTIFACT_BYTES)?);
        }
        let id = ObjectId::of(&request);
        let at = desk.remote()?.submit(submission, request, objects)?;
        if out.wants_json() {
            out.json(&json!({ "request": id, "index": at.index, "already": at.already }));
        } else {
            let id = out.paint(Style::Strong, id);
            out.line(format!("asked for {id} at index {} of the log", at.index));
        }
        Ok(Exit::Good)
    }
}
