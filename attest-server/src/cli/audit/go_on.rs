//! `attest audit continue`: a log goes on under a new name or key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::view::{self, Ledger};
use attest_core::release::{ObjectId, object};
use clap::Args;
use serde_json::json;

use super::super::{Exit, Failure, Output, input};
use super::verify::{Reader, Unread, entries, objects};
use crate::clock;
use crate::log::{self, NoteKey, Writer};
use crate::releases::Source;

const LIMITS: &Limits = &Limits::DEFAULT;

/// Bring a log that no server writes any more into a new folder, under the key that the next policy names, with the succession to that policy
/// as its next leaf. The policy says in `log.continues` from how many leaves, and from which root.
#[derive(Args, Debug)]
pub(super) struct Continue {
    /// The old log's folder, or a copy of it.
    #[arg(long)]
    from: PathBuf,
    /// The new folder.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The new log's key, as `attest audit new-key` made it.
    #[arg(long, value_name = "FILE")]
    log_key: PathBuf,
    /// The policy that names the new log.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// A root member's statement; of both policies' root quorums.
    #[arg(long = "statement", value_name = "FILE", required = true)]
    statements: Vec<PathBuf>,
    /// The first policy, `sha256:` and 64 digits, as you have it from people and not from the log.
    #[arg(long)]
    policy_pin: String,
}

impl Continue {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let pin = ObjectId::from_text(&self.policy_pin)
            .ok_or_else(|| Failure::usage("usage", "--policy-pin: expected sha256: and 64 digits"))?;
        let reader = Reader::new(Source::folder(&self.from))?;
        let note = reader.checkpoint().map_err(Unread::failure)?;
        self.is_all_published(&note)?;
        let mut entries = entries(&reader, &note)?;
        let mut known = objects(&reader, &entries)?;
        let handed_in = self.handed_in()?;
        let event = Event::Policy {
            policy: ObjectId::of(&handed_in[0]),
            successions: handed_in[1..].iter().map(|bytes| ObjectId::of(bytes)).collect(),
        };
        known.extend(handed_in.iter().map(|bytes| (ObjectId::of(bytes), bytes.clone())));
        let new = succeed(pin, &entries, event, &known)?;
        entries.push(new);
        let head = self.write(&entries, &handed_in)?;
        let size = head.head().size;
        if out.wants_json() {
            let root = head.head().root.to_base64();
            out.json(&json!({ "log": head.log().key().to_string(), "size": size, "root": root }));
        } else {
            out.line(format!("{size} leaves in {}, by {}", self.out.display(), head.log().key()));
            out.line("witnesses have not seen it yet: start them and the server with this key and folder");
        }
        Ok(Exit::Good)
    }

    /// What no witness saw would be lost, and somebody was told that it is written down.
    fn is_all_published(&self, note: &[u8]) -> Result<(), Failure> {
        let head = input::read_file(&self.from.join("head"), LIMITS.note_bytes)?;
        let size = |note: &[u8]| {
            let read = Checkpoint::unverified(note, LIMITS);
            read.map(|read| read.head().size).map_err(|error| Failure::malformed(error.code(), error))
        };
        let (written, published) = (size(&head)?, size(note)?);
        if written == published {
            return Ok(());
        }
        let detail = format!(
            "{written} leaves are written, and witnesses saw {published}: let them see all of it first"
        );
        Err(Failure::malformed("log_not_published", detail))
    }

    /// The policy, and the statements behind it.
    fn handed_in(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let files = core::iter::once(&self.policy).chain(&self.statements);
        files.map(|path| input::read_file(path, LIMITS.release_object_bytes)).collect()
    }

    /// All of it, under the new key. What is there already is another log.
    fn write(
        &self,
        entries: &[Vec<u8>],
        handed_in: &[Vec<u8>],
    ) -> Result<attest_core::audit::checkpoint::SignedCheckpoint, Failure> {
        let failed = |error: log::Error| Failure::fault(error.code(), error);
        let key = NoteKey::open(&self.log_key).map_err(|error| Failure::usage("log_key_unusable", error))?;
        let mut writer = Writer::open(&self.out, key, LIMITS, |_, _| {}).map_err(failed)?;
        if writer.head().size > 0 {
            return Err(Failure::usage(
                "log_not_empty",
                format!("{} has leaves already", self.out.display()),
            ));
        }
        for bytes in handed_in {
            writer.keep(bytes).map_err(failed)?;
        }
        keep_objects(&self.from, &mut writer)?;
        writer.append(entries).map_err(failed)?;
        Ok(writer.signed().clone())
    }
}

/// The leaf of the succession, if it counts behind these.
fn succeed(
    pin: ObjectId,
    entries: &[Vec<u8>],
    event: Event,
    known: &BTreeMap<ObjectId, Vec<u8>>,
) -> Result<Vec<u8>, Failure> {
    let refused = |error: view::Error| Failure::malformed(error.code(), error);
    let mut ledger = Ledger::new(pin);
    entries.iter().try_for_each(|entry| ledger.write(entry, known, LIMITS)).map_err(refused)?;
    let index = ledger.size();
    let at = clock::now().max(ledger.last_at());
    let leaf = object::write(&Leaf::new(at, event)).map_err(|error| Failure::fault(error.code(), error))?;
    ledger.write(&leaf, known, LIMITS).map_err(refused)?;
    match ledger.passed_over().last().filter(|passed| passed.index == index) {
        Some(passed) => {
            Err(Failure::malformed(passed.because, "the succession does not count behind these leaves"))
        }
        None => Ok(leaf),
    }
}

/// Everything that the leaves name, hashed again.
fn keep_objects(from: &Path, writer: &mut Writer) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| Failure::usage("log_unreadable", error);
    for file in std::fs::read_dir(from.join("object")).map_err(unreadable)? {
        let file = file.map_err(unreadable)?;
        let bytes = input::read_file(&file.path(), LIMITS.release_bundle_bytes)?;
        let name = hex::encode(ObjectId::of(&bytes).as_bytes());
        if file.file_name().to_str() != Some(&name) {
            let detail = format!("{} is not what its name says", file.path().display());
            return Err(Failure::malformed("object_damaged", detail));
        }
        writer.keep(&bytes).map_err(|error| Failure::fault(error.code(), error))?;
    }
    Ok(())
}
