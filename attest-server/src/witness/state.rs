//! What a witness remembers, and its answers.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::{KeyType, SignedNote, VerifierKey};
use attest_core::audit::tree::{Hash, TreeHead};
use attest_core::audit::witness::{AddCheckpoint, LastCosigned, Refusal, decide};
use attest_core::{Limits, Timestamp};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::disk::{self, Disk};
use crate::file;
use crate::log::NoteKey;

const STATE: &str = "state.json";
const KEY: &str = "witness.key";
/// A line for each log, of at most some 400 bytes.
const STATE_BYTES: u64 = 16 << 20;

/// A witness with what it signed last of each log.
pub struct Witness {
    key: NoteKey,
    logs: BTreeMap<String, LogIdentity>,
    memory: Mutex<Memory>,
    _lock: File,
}

struct Memory {
    disk: Disk,
    last: BTreeMap<String, LastCosigned>,
    /// A write failed in a way that nobody knows what is on the disk.
    failed: bool,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    origin: String,
    size: u64,
    root: String,
    time: u64,
}

/// What an asker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status (C2SP tlog-witness, add-checkpoint).
    pub status: u16,
    /// The answer's media type.
    pub content_type: &'static str,
    /// Cosignatures, the last size that was signed, or a word on what is wrong.
    pub body: String,
}

impl Answer {
    fn refused(status: u16, why: impl ToString) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: format!("{}\n", why.to_string()) }
    }
}

impl Witness {
    /// Makes a witness: a key of this name and an empty memory, in a folder that has none.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn make(folder: &Path, name: &str) -> Result<VerifierKey, Error> {
        let _lock = disk::lock(folder)?.ok_or_else(|| Error::Locked(folder.display().to_string()))?;
        if folder.join(STATE).exists() || folder.join(KEY).exists() {
            return Err(Error::Exists(folder.display().to_string()));
        }
        let key = NoteKey::make(&folder.join(KEY), name)?.verifier(KeyType::CosignatureV1)?;
        let mut disk = Disk::open(folder)?;
        disk.put(STATE, b"[]")?;
        disk.settle()?;
        Ok(key)
    }

    /// Opens a witness that was made, for these logs.
    ///
    /// # Errors
    /// See [`Error`]: without its memory a witness does not sign.
    pub fn open(folder: &Path, logs: &[String]) -> Result<Self, Error> {
        let lost = |why: String| Error::State(folder.join(STATE).display().to_string(), why);
        let mut known = BTreeMap::new();
        for text in logs {
            let key = VerifierKey::parse(text).map_err(|error| Error::LogKey(text.clone(), error))?;
            let log = LogIdentity::new(key).map_err(|error| Error::Log(text.clone(), error))?;
            if known.insert(log.origin().to_owned(), log).is_some() {
                return Err(Error::LogRepeated(text.clone()));
            }
        }
        if !folder.is_dir() {
            return Err(lost("there is no such folder".to_owned()));
        }
        let lock = disk::lock(folder)?.ok_or_else(|| Error::Locked(folder.display().to_string()))?;
        let key = NoteKey::open(&folder.join(KEY))?;
        let text = file::read(&folder.join(STATE), STATE_BYTES).map_err(|error| lost(error.to_string()))?;
        let stored: Vec<Stored> = serde_json::from_slice(&text).map_err(|error| lost(error.to_string()))?;
        let mut last = BTreeMap::new();
        for Stored { origin, size, root, time } in stored {
            let root = Hash::from_base64(&root).ok_or_else(|| lost(format!("the root of {origin}")))?;
            let head = TreeHead { size, root };
            if last.insert(origin.clone(), LastCosigned { head, time: Timestamp::from_unix(time) }).is_some()
            {
                return Err(lost(format!("{origin} stands there twice")));
            }
        }
        let memory = Mutex::new(Memory { disk: Disk::open(folder)?, last, failed: false });
        Ok(Self { key, logs: known, memory, _lock: lock })
    }

    /// The key that its cosignatures verify with.
    ///
    /// # Errors
    /// None that was opened has one.
    pub fn verifier(&self) -> Result<VerifierKey, Error> {
        Ok(self.key.verifier(KeyType::CosignatureV1)?)
    }

    /// Answers a request to sign a checkpoint (C2SP tlog-witness, add-checkpoint).
    #[must_use]
    pub fn add_checkpoint(&self, body: &[u8], now: Timestamp) -> Answer {
        self.answer(body, now).unwrap_or_else(|refused| refused)
    }

    fn answer(&self, body: &[u8], now: Timestamp) -> Result<Answer, Answer> {
        let limits = &Limits::DEFAULT;
        let request = AddCheckpoint::parse(body, limits).map_err(|error| Answer::refused(400, error))?;
        let note = SignedNote::parse(request.note, limits).map_err(|error| Answer::refused(400, error))?;
        let said = Checkpoint::parse(note.text(), limits).map_err(|error| Answer::refused(400, error))?;
        let log = self.logs.get(said.origin()).ok_or_else(|| Answer::refused(404, "no such log"))?;
        // What was read of it so far says only which key to ask.
        let new = SignedCheckpoint::verify(request.note, log, limits)
            .map_err(|error| Answer::refused(403, error))?;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.sign(&self.key, log.origin(), &request, new, now)
    }
}

impl Memory {
    /// Decides, remembers and signs. Whoever calls this holds the lock from the reading of what was signed last to the writing of what is
    /// signed now.
    fn sign(
        &mut self,
        key: &NoteKey,
        origin: &str,
        request: &AddCheckpoint<'_>,
        new: SignedCheckpoint,
        now: Timestamp,
    ) -> Result<Answer, Answer> {
        if self.failed {
            return Err(Answer::refused(500, "what was signed last is not known"));
        }
        let last = self.last.get(origin).copied().unwrap_or_else(LastCosigned::never);
        let said = new.note().to_owned();
        let cosignable = decide(&last, request.old, &request.proof, new, now).map_err(|refusal| {
            let conflicts = matches!(refusal, Refusal::Forked { .. } | Refusal::ProofInvalid(_));
            if conflicts {
                tracing::error!(origin, %refusal, last = ?last.head, said, "a log does not continue what was signed");
            } else {
                tracing::info!(origin, %refusal, "not signed");
            }
            refused(&refusal)
        })?;
        self.remember(origin, cosignable.remember())?;
        let line = cosignable.cosign(key.name(), key).map_err(|error| {
            tracing::error!(%error, "the witness's key does not sign");
            Answer::refused(500, "not signed")
        })?;
        tracing::info!(origin, size = self.last.get(origin).map(|last| last.head.size), "signed");
        Ok(Answer { status: 200, content_type: "text/plain; charset=utf-8", body: line })
    }

    /// On the disk when this returns.
    fn remember(&mut self, origin: &str, now: LastCosigned) -> Result<(), Answer> {
        let mut last = self.last.clone();
        last.insert(origin.to_owned(), now);
        let stored = last.iter().map(|(origin, LastCosigned { head, time })| Stored {
            origin: origin.clone(),
            size: head.size,
            root: head.root.to_base64(),
            time: time.unix(),
        });
        let text = serde_json::to_vec(&stored.collect::<Vec<_>>()).map_err(std::io::Error::other);
        let written = text.and_then(|text| self.disk.put(STATE, &text)).and_then(|()| self.disk.settle());
        written.map_err(|error| {
            // It may be there or not, so nothing more is signed until the disk is read again.
            self.failed = true;
            tracing::error!(%error, "what is to be signed cannot be remembered");
            Answer::refused(500, "not signed: it could not be remembered")
        })?;
        self.last = last;
        Ok(())
    }
}

fn refused(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::OldSizeMismatch { last, .. } => Answer {
            status: refusal.http_status(),
            content_type: "text/x.tlog.size",
            body: format!("{last}\n"),
        },
        refusal => Answer::refused(refusal.http_status(), refusal),
    }
}
