//! The log as the signer knows it: every leaf, replayed, and never another history than the one it saw before.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use attest_core::Limits;
use attest_core::audit::tree::Frontier;
use attest_core::release::assemble::Said;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::view::{self, LogView};
use attest_core::release::{ObjectId, object};
use serde::{Deserialize, Serialize};

use super::{Authority, Error};
use crate::disk::Disk;

/// The largest tree that was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    size: u64,
    root: String,
}

/// Leaves and objects, and what was seen of them before.
pub(super) struct Replica {
    pin: ObjectId,
    disk: Disk,
    seen: Option<Seen>,
    leaves: Vec<Vec<u8>>,
    objects: BTreeMap<ObjectId, Vec<u8>>,
    /// Bytes of both.
    held: usize,
}

/// A service that lies about its log's size does not fill the memory: a million leaves are some 300 MB, and golden values of a family are
/// megabytes a release.
const MOST_BYTES: usize = 2 << 30;

const FOLDER: &str = "log";
const SEEN: &str = "seen.json";

impl Replica {
    pub(super) fn open(root: &Path, pin: ObjectId) -> Result<Self, Error> {
        let disk = Disk::open(&root.join(FOLDER))?;
        let path = disk.root().join(SEEN);
        let seen = match fs::read(&path) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|_| Error::Journal(path))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { pin, disk, seen, leaves: Vec::new(), objects: BTreeMap::new(), held: 0 })
    }

    /// Asks for what is new, and replays all of it.
    pub(super) fn refresh(
        &mut self,
        authority: &mut impl Authority,
        limits: &Limits,
    ) -> Result<LogView, Error> {
        let checkpoint = authority.checkpoint()?;
        let size = size_said(&checkpoint).ok_or(Error::Withheld("the checkpoint's size".to_owned()))?;
        if let Some(seen) = self.seen.as_ref().filter(|seen| size < seen.size) {
            return Err(Error::LogBackwards { got: size, seen: seen.size });
        }
        let len = |leaves: &Vec<Vec<u8>>| u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        while len(&self.leaves) < size {
            let more = authority.leaves(len(&self.leaves))?;
            if more.is_empty() {
                return Err(Error::Withheld(format!("leaf {}", self.leaves.len())));
            }
            self.hold(more.iter().map(Vec::len).sum())?;
            self.leaves.extend(more);
        }
        let view = self.replay(authority, &checkpoint, size, limits);
        if view.is_err() {
            // A service that gave wrong leaves is asked for all of them again.
            self.held = self.held.saturating_sub(self.leaves.iter().map(Vec::len).sum());
            self.leaves.clear();
        }
        let view = view?;
        self.remember(&view)?;
        Ok(view)
    }

    fn replay(
        &mut self,
        authority: &mut impl Authority,
        checkpoint: &[u8],
        size: u64,
        limits: &Limits,
    ) -> Result<LogView, Error> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        loop {
            let entries = self.leaves.iter().take(size).map(Vec::as_slice);
            match LogView::replay(self.pin, entries, &self.objects, checkpoint, limits) {
                Ok(view) => return self.is_the_same_log(limits).map(|()| view),
                // Each turn brings one object, or ends it.
                Err(view::Error::ObjectMissing { id, .. }) => self.need(authority, &id)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A68: what was seen before is the beginning of it.
    fn is_the_same_log(&self, limits: &Limits) -> Result<(), Error> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let size = usize::try_from(seen.size).unwrap_or(usize::MAX);
        let forked = || Error::LogForked { seen: seen.size };
        let before = self.leaves.get(..size).ok_or_else(forked)?;
        let appended =
            Frontier::new().append(before.iter().map(Vec::as_slice), limits).map_err(view::Error::from)?;
        if appended.head.root.to_string() == seen.root { Ok(()) } else { Err(forked()) }
    }

    fn remember(&mut self, view: &LogView) -> Result<(), Error> {
        let seen = Seen { size: view.head().size, root: view.head().root.to_string() };
        if self.seen.as_ref().is_none_or(|before| before.size < seen.size) {
            self.disk.put(SEEN, &serde_json::to_vec(&seen).map_err(std::io::Error::other)?)?;
            self.disk.settle()?;
            self.seen = Some(seen);
        }
        Ok(())
    }

    /// Has the object at hand.
    pub(super) fn need(&mut self, authority: &mut impl Authority, id: &ObjectId) -> Result<(), Error> {
        if self.want(authority, id)? { Ok(()) } else { Err(Error::Withheld(id.to_string())) }
    }

    /// Has the object at hand, if the service has it: by its bytes, not by its word.
    pub(super) fn want(&mut self, authority: &mut impl Authority, id: &ObjectId) -> Result<bool, Error> {
        if self.objects.contains_key(id) {
            return Ok(true);
        }
        match authority.object(id)?.filter(|bytes| ObjectId::of(bytes) == *id) {
            Some(bytes) => {
                self.hold(bytes.len())?;
                self.objects.insert(*id, bytes);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        self.held = self.held.saturating_add(bytes);
        if self.held > MOST_BYTES { Err(Error::TooMuch { most: MOST_BYTES }) } else { Ok(()) }
    }

    pub(super) const fn objects(&self) -> &BTreeMap<ObjectId, Vec<u8>> {
        &self.objects
    }

    /// What was said about each request below the witnessed checkpoint.
    pub(super) fn said(&self, view: &LogView, limits: &Limits) -> Said {
        Said::of(self.entries(view), limits)
    }

    /// How many attempts stand in the log for a request, below the witnessed checkpoint.
    pub(super) fn attempts(&self, view: &LogView, id: &ObjectId, limits: &Limits) -> u32 {
        let is_one = |entry: &&[u8]| {
            let leaf = object::read::<Leaf>(entry, limits);
            matches!(leaf, Ok(Leaf { event: Event::Attempted { request }, .. }) if request == *id)
        };
        u32::try_from(self.entries(view).filter(is_one).count()).unwrap_or(u32::MAX)
    }

    fn entries(&self, view: &LogView) -> impl Iterator<Item = &[u8]> {
        let size = usize::try_from(view.head().size).unwrap_or(usize::MAX);
        self.leaves.iter().take(size).map(Vec::as_slice)
    }
}

/// What the checkpoint says of its size, before anybody's signature is checked: how much to ask for.
fn size_said(note: &[u8]) -> Option<u64> {
    core::str::from_utf8(note).ok()?.lines().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::Unreached;
    use super::*;

    /// A service that has no end of leaves.
    struct Endless;

    impl Authority for Endless {
        fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached> {
            Ok(b"log.example\n18446744073709551615\n".to_vec())
        }

        fn leaves(&mut self, _: u64) -> Result<Vec<Vec<u8>>, Unreached> {
            Ok(vec![vec![0; MOST_BYTES / 64]])
        }

        fn object(&mut self, _: &ObjectId) -> Result<Option<Vec<u8>>, Unreached> {
            Ok(None)
        }

        fn attempt(&mut self, _: &ObjectId, _: u32) -> Result<(), Unreached> {
            Ok(())
        }

        fn signed(&mut self, _: &ObjectId, _: &[Vec<u8>]) -> Result<(), Unreached> {
            Ok(())
        }
    }

    #[test]
    fn a47_a_log_that_does_not_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut replica = Replica::open(folder.path(), ObjectId::of(b"")).unwrap();
        let refused = replica.refresh(&mut Endless, &Limits::DEFAULT).unwrap_err();
        assert_eq!(refused.code(), "signer_too_much");
    }
}
