//! The log as the signer knows it: every leaf, replayed, and never another history than the one it saw before.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use attest_core::audit::checkpoint::Checkpoint;
use attest_core::audit::tree::Frontier;
use attest_core::release::assemble::Said;
use attest_core::release::catalogue::Floors;
use attest_core::release::leaf::Leaf;
use attest_core::release::view::{self, LogView};
use attest_core::release::{ObjectId, object};
use attest_core::{Limits, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Authority, Error};
use crate::disk::Disk;

/// The largest tree that was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    size: u64,
    root: String,
    /// When witnesses signed it last, in seconds.
    #[serde(default)]
    seen_at: u64,
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
    /// What the request that is looked at brought along.
    brought: Brought,
    known: Option<Arc<Known>>,
}

/// Objects that are let go after the request that brought them; what replays need stays.
#[derive(Debug, Default)]
struct Brought {
    is_looking: bool,
    ids: Vec<ObjectId>,
    bytes: usize,
}

/// What the log comes to under one checkpoint.
#[derive(Debug)]
pub(super) struct Known {
    note: Vec<u8>,
    pub(super) view: LogView,
    /// What was said about each request, below the checkpoint.
    pub(super) said: Said,
    /// What families have reached, once that was asked and every bundle was at hand.
    pub(super) floors: OnceLock<Floors>,
}

/// A service that lies about its log's size does not fill the memory: a million leaves are some 300 MB, and golden values of a family are
/// megabytes a release.
const MOST_BYTES: usize = 2 << 30;
/// What a leaf takes besides its bytes.
const OVERHEAD: usize = 64;
/// What one request may bring: a bundle, and artifacts that are signed as they are. Whoever asks for more keeps nobody else waiting.
const MOST_OF_REQUEST: usize = 256 << 20;

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
        let (leaves, objects, brought) = (Vec::new(), BTreeMap::new(), Brought::default());
        Ok(Self { pin, disk, seen, leaves, objects, held: 0, brought, known: None })
    }

    /// Asks for what is new, and replays all of it if something is.
    pub(super) fn refresh(
        &mut self,
        authority: &mut impl Authority,
        limits: &Limits,
    ) -> Result<Arc<Known>, Error> {
        let checkpoint = authority.checkpoint()?;
        if let Some(known) = self.known.as_ref().filter(|known| known.note == checkpoint) {
            return Ok(Arc::clone(known));
        }
        let size = Checkpoint::unverified(&checkpoint, limits).map_err(view::Error::from)?.head().size;
        if let Some(seen) = self.seen.as_ref().filter(|seen| size < seen.size) {
            return Err(Error::LogBackwards { got: size, seen: seen.size });
        }
        // Anybody can claim a size, and leaves of no bytes fill the memory, too.
        if usize::try_from(size).is_ok_and(|size| size > MOST_BYTES / OVERHEAD) {
            return Err(Error::TooMuch { most: MOST_BYTES });
        }
        let len = |leaves: &Vec<Vec<u8>>| u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        while len(&self.leaves) < size {
            let more = authority.leaves(len(&self.leaves))?;
            if more.is_empty() {
                return Err(Error::Withheld(format!("leaf {}", self.leaves.len())));
            }
            let held = bytes(&more);
            self.hold(held)?;
            if let Err(error) = more.iter().try_for_each(|entry| self.needed(authority, entry, limits)) {
                self.held = self.held.saturating_sub(held);
                return Err(error);
            }
            self.leaves.extend(more);
        }
        let view = self.replay(&checkpoint, size, limits);
        if view.is_err() {
            // A service that gave wrong leaves is asked for all of them again.
            self.held = self.held.saturating_sub(bytes(&self.leaves));
            self.leaves.clear();
        }
        let view = view?;
        self.remember(&view)?;
        let entries = self.leaves.iter().take(usize::try_from(size).unwrap_or(usize::MAX));
        let said = Said::of(entries.map(Vec::as_slice), limits);
        let known = Arc::new(Known { note: checkpoint, view, said, floors: OnceLock::new() });
        self.known = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Has at hand what a leaf's replay asks for. A leaf that is none refuses the view.
    fn needed(&mut self, authority: &mut impl Authority, entry: &[u8], limits: &Limits) -> Result<(), Error> {
        let Ok(Leaf { event, .. }) = object::read::<Leaf>(entry, limits) else { return Ok(()) };
        while let Some(id) = view::missing(&event, &self.objects, limits) {
            self.need(authority, &id)?;
        }
        Ok(())
    }

    fn replay(&self, checkpoint: &[u8], size: u64, limits: &Limits) -> Result<LogView, Error> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let entries = self.leaves.iter().take(size).map(Vec::as_slice);
        let view = LogView::replay(self.pin, entries, &self.objects, checkpoint, limits)?;
        self.is_the_same_log(view.time(), limits).map(|()| view)
    }

    /// A68: what was seen before is the beginning of it, and witnesses signed it no earlier.
    fn is_the_same_log(&self, time: Timestamp, limits: &Limits) -> Result<(), Error> {
        let Some(seen) = &self.seen else { return Ok(()) };
        let size = usize::try_from(seen.size).unwrap_or(usize::MAX);
        let forked = || Error::LogForked { seen: seen.size };
        let before = self.leaves.get(..size).ok_or_else(forked)?;
        let appended =
            Frontier::new().append(before.iter().map(Vec::as_slice), limits).map_err(view::Error::from)?;
        if appended.head.root.to_string() == seen.root { Ok(()) } else { Err(forked()) }?;
        if let Some(next) = self.leaves.get(size) {
            view::not_antedated(seen.size, next, Timestamp::from_unix(seen.seen_at), limits)?;
        }
        // By an older checkpoint of the same leaves the time of a request would not be over yet.
        let seen_at = Timestamp::from_unix(seen.seen_at);
        if time < seen_at { Err(Error::LogOlder { got: time, seen: seen_at }) } else { Ok(()) }
    }

    fn remember(&mut self, view: &LogView) -> Result<(), Error> {
        let seen_at = view.time().unix();
        let seen = Seen { size: view.head().size, root: view.head().root.to_string(), seen_at };
        let is_more = |before: &Seen| (before.size, before.seen_at) < (seen.size, seen.seen_at);
        if self.seen.as_ref().is_none_or(is_more) {
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
                self.bring(id, bytes.len())?;
                self.objects.insert(*id, bytes);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        let held = self.held.saturating_add(bytes);
        if held > MOST_BYTES {
            return Err(Error::TooMuch { most: MOST_BYTES });
        }
        self.held = held;
        Ok(())
    }

    fn bring(&mut self, id: &ObjectId, bytes: usize) -> Result<(), Error> {
        if !self.brought.is_looking {
            return self.hold(bytes);
        }
        let brought = self.brought.bytes.saturating_add(bytes);
        if brought > MOST_OF_REQUEST {
            return Err(Error::RequestTooLarge { most: MOST_OF_REQUEST });
        }
        self.hold(bytes)?;
        self.brought.bytes = brought;
        self.brought.ids.push(*id);
        Ok(())
    }

    /// One request is looked at now: what it brings is let go after it.
    pub(super) fn look(&mut self) {
        self.let_go();
        self.brought.is_looking = true;
    }

    pub(super) fn let_go(&mut self) {
        let brought = std::mem::take(&mut self.brought);
        for id in &brought.ids {
            self.objects.remove(id);
        }
        self.held = self.held.saturating_sub(brought.bytes);
    }

    pub(super) const fn held(&self) -> usize {
        self.held
    }

    pub(super) const fn objects(&self) -> &BTreeMap<ObjectId, Vec<u8>> {
        &self.objects
    }
}

/// What leaves take.
fn bytes(leaves: &[Vec<u8>]) -> usize {
    leaves.iter().map(|leaf| leaf.len().saturating_add(OVERHEAD)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::Unreached;
    use super::*;

    /// A service that has no end of leaves.
    struct Endless {
        claims: u64,
        gives: usize,
    }

    impl Authority for Endless {
        fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached> {
            let (root, signature) = ("A".repeat(43), "A".repeat(91));
            let text = format!("log.example\n{}\n{root}=\n\n— log.example {signature}=\n", self.claims);
            Ok(text.into_bytes())
        }

        fn leaves(&mut self, _: u64) -> Result<Vec<Vec<u8>>, Unreached> {
            Ok(vec![vec![0; self.gives]])
        }

        fn object(&mut self, _: &ObjectId) -> Result<Option<Vec<u8>>, Unreached> {
            Ok(None)
        }

        fn attempt(&mut self, _: &ObjectId, _: u32) -> Result<bool, Unreached> {
            Ok(true)
        }

        fn signed(&mut self, _: &ObjectId, _: &[Vec<u8>]) -> Result<(), Unreached> {
            Ok(())
        }
    }

    /// A service that has one size of objects.
    struct Objects(Vec<Vec<u8>>);

    impl Authority for Objects {
        fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached> {
            Err(Unreached(String::new()))
        }

        fn leaves(&mut self, _: u64) -> Result<Vec<Vec<u8>>, Unreached> {
            Ok(Vec::new())
        }

        fn object(&mut self, id: &ObjectId) -> Result<Option<Vec<u8>>, Unreached> {
            Ok(self.0.iter().find(|object| ObjectId::of(object) == *id).cloned())
        }

        fn attempt(&mut self, _: &ObjectId, _: u32) -> Result<bool, Unreached> {
            Ok(true)
        }

        fn signed(&mut self, _: &ObjectId, _: &[Vec<u8>]) -> Result<(), Unreached> {
            Ok(())
        }
    }

    #[test]
    fn a47_what_a_request_brings_is_let_go_and_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut replica = Replica::open(folder.path(), ObjectId::of(b"")).unwrap();
        let stays = b"of a replay".to_vec();
        let half = MOST_OF_REQUEST / 2;
        let ids = |objects: &[Vec<u8>]| objects.iter().map(|o| ObjectId::of(o)).collect::<Vec<_>>();
        let mut service = Objects(vec![stays.clone(), vec![0; half], vec![0; half - 1], vec![0; 2]]);
        let all = ids(&service.0);
        assert!(replica.want(&mut service, &all[0]).unwrap());
        for _ in 0..9 {
            replica.look();
            for id in &all[..3] {
                assert!(replica.want(&mut service, id).unwrap());
            }
            assert_eq!(replica.want(&mut service, &all[3]).unwrap_err().code(), "signer_request_too_large");
        }
        replica.let_go();
        assert_eq!((replica.held, replica.objects.len()), (stays.len(), 1));
        assert!(replica.objects.contains_key(&all[0]));
    }

    #[test]
    fn a47_what_is_not_held_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut replica = Replica::open(folder.path(), ObjectId::of(b"")).unwrap();
        replica.hold(MOST_BYTES - 1).unwrap();
        for _ in 0..3 {
            assert_eq!(replica.hold(2).unwrap_err().code(), "signer_too_much");
        }
        replica.hold(1).unwrap();
    }

    #[test]
    fn a47_a_log_that_does_not_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut replica = Replica::open(folder.path(), ObjectId::of(b"")).unwrap();
        let mut refused = |claims, gives| {
            let mut service = Endless { claims, gives };
            replica.refresh(&mut service, &Limits::DEFAULT).unwrap_err().code()
        };
        assert_eq!(refused(1 << 40, 0), "signer_too_much", "leaves of no bytes");
        assert_eq!(refused(1 << 24, MOST_BYTES / 64), "signer_too_much");
        assert_eq!(bytes(&[Vec::new(), vec![0]]), 2 * OVERHEAD + 1);
    }
}
