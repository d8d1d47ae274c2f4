//! What the signer did, on its own disk before anybody hears of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use attest_core::release::ObjectId;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::disk::Disk;

/// What is remembered about one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The request's id.
    request: String,
    /// The attempt that is made; each is a leaf of the log.
    pub attempt: u32,
    /// Whether the HSM was asked under it, or may have been: it serves for one question.
    pub used: bool,
    /// The place in the request's list for which the HSM was asked, without an answer that is known.
    pub asked: Option<usize>,
    /// What the HSM answered, base64, for each thing to sign.
    signatures: Vec<Option<String>>,
    /// Whether the service has them.
    pub handed_in: bool,
}

impl Entry {
    /// A request with so many things to sign, for which nothing was done.
    pub(super) fn new(request: &ObjectId, things: usize) -> Self {
        let signatures = vec![None; things];
        Self {
            request: request.to_string(),
            attempt: 0,
            used: false,
            asked: None,
            signatures,
            handed_in: false,
        }
    }

    /// The signature in this place.
    #[must_use]
    pub fn signature(&self, at: usize) -> Option<Vec<u8>> {
        STANDARD.decode(self.signatures.get(at)?.as_ref()?).ok()
    }

    /// All signatures, once there are all.
    #[must_use]
    pub fn signatures(&self) -> Option<Vec<Vec<u8>>> {
        (0..self.signatures.len()).map(|at| self.signature(at)).collect()
    }

    pub(super) fn keep(&mut self, at: usize, signature: &[u8]) {
        if let Some(slot) = self.signatures.get_mut(at) {
            *slot = Some(STANDARD.encode(signature));
        }
    }
}

/// All that is remembered.
pub(super) struct Journal {
    disk: Disk,
    entries: BTreeMap<ObjectId, Entry>,
}

const FOLDER: &str = "journal";
const USED: &str = "used";

impl Journal {
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let disk = Disk::open(&root.join(FOLDER))?;
        let mut entries = BTreeMap::new();
        for file in fs::read_dir(disk.root())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let (id, entry) = read(&path)?;
                entries.insert(id, entry);
            }
        }
        Ok(Self { disk, entries })
    }

    pub(super) fn entry(&self, request: &ObjectId) -> Option<&Entry> {
        self.entries.get(request)
    }

    /// How often the HSM was asked without an answer that is known.
    pub(super) fn unsure(&self) -> u64 {
        let unsure = self.entries.values().filter(|entry| entry.asked.is_some()).count();
        u64::try_from(unsure).unwrap_or(u64::MAX)
    }

    /// It is on the disk when this returns.
    pub(super) fn write(&mut self, request: &ObjectId, entry: &Entry) -> Result<(), Error> {
        let text = serde_json::to_vec(entry).map_err(std::io::Error::other)?;
        self.disk.put(&format!("{}.json", hex::encode(request.as_bytes())), &text)?;
        self.disk.settle()?;
        self.entries.insert(*request, entry.clone());
        Ok(())
    }

    /// How often the HSM's keys had been used when that was asked last; nothing before the first time.
    pub(super) fn used(&self) -> Result<Option<u64>, Error> {
        let path = self.disk.root().join(USED);
        match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| Error::Journal(path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn set_used(&mut self, used: u64) -> Result<(), Error> {
        self.disk.put(USED, used.to_string().as_bytes())?;
        Ok(self.disk.settle()?)
    }
}

/// What cannot be read is not passed over: it may say that the HSM was asked.
fn read(path: &PathBuf) -> Result<(ObjectId, Entry), Error> {
    let lost = || Error::Journal(path.clone());
    let entry: Entry = serde_json::from_slice(&fs::read(path)?).map_err(|_| lost())?;
    let id = ObjectId::from_text(&entry.request).ok_or_else(lost)?;
    let is_named = path.file_stem().is_some_and(|stem| stem == hex::encode(id.as_bytes()).as_str());
    let is_whole =
        (0..entry.signatures.len()).all(|at| entry.signatures[at].is_none() || entry.signature(at).is_some());
    if is_named && is_whole { Ok((id, entry)) } else { Err(lost()) }
}
