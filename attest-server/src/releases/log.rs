//! The leaves and objects of a log, and what they come to under a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::Limits;
use attest_core::audit::checkpoint::{Checkpoint, SignedCheckpoint};
use attest_core::audit::tile::{self, Level, Tile, WIDTH};
use attest_core::audit::tree::Frontier;
use attest_core::audit::witness::WitnessedCheckpoint;
use attest_core::release::ObjectId;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object;
use attest_core::release::policy::Policy;
use attest_core::release::view::{self, LogView};

use super::Error;
use super::source::Source;
use crate::store::ReleaseMark;

/// Leaves and objects that are kept in memory, in bytes.
const MOST_BYTES: usize = 2 << 30;
/// What an entry or an object takes besides its bytes.
const OVERHEAD: usize = 64;

/// What was read of a log.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) objects: BTreeMap<ObjectId, Vec<u8>>,
    /// Bundles and reviews that could not be had. A release is refused or lapses without them; nothing else does.
    pub(crate) missing: BTreeSet<ObjectId>,
    /// The one of them that was asked for last, unless all were.
    failed: Option<ObjectId>,
    bytes: usize,
    /// Entries and bytes that a view was made of; the rest counts for nothing yet.
    viewed: (usize, usize),
    /// What the rest brought, to go with it.
    brought: Vec<ObjectId>,
    missed: Vec<ObjectId>,
}

/// A checkpoint that nobody verified, and what is read for it. Reading may be broken off at any time, and gone on with.
pub(crate) struct Reading {
    pub(crate) note: Vec<u8>,
    size: u64,
    /// In the place of what is kept, which may be of another history than what is served.
    anew: Option<Log>,
}

impl Reading {
    /// A size that fills the memory is refused before anything is read: anybody can claim it.
    pub(crate) fn new(note: Vec<u8>) -> Result<Self, Error> {
        let size = Checkpoint::unverified(&note, &Limits::DEFAULT)?.head().size;
        if usize::try_from(size).is_ok_and(|size| size <= MOST_BYTES / OVERHEAD) {
            Ok(Self { note, size, anew: None })
        } else {
            Err(Error::TooLarge { most: MOST_BYTES })
        }
    }
}

impl Log {
    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Reads on until there are as many leaves as the checkpoint says, with what they name.
    pub(crate) async fn read(&mut self, reading: &mut Reading, source: &Source) -> Result<(), Error> {
        let log = reading.anew.as_mut().unwrap_or(&mut *self);
        let read = log.read_to(reading.size, source).await;
        read.inspect_err(|_| log.cut())
    }

    async fn read_to(&mut self, size: u64, source: &Source) -> Result<(), Error> {
        while self.size() < size {
            let width = u64::from(WIDTH);
            let index = self.size() / width;
            let Some(tile) = Tile::of_tree(Level::Entries, index, size) else { break };
            let bundle = source.tile(tile).await?;
            let entries = tile::parse_entries(&tile, &bundle)
                .map_err(|error| Error::Tile { path: tile.to_string(), error })?;
            let known = usize::try_from(self.size() % width).unwrap_or(0);
            for entry in entries.into_iter().skip(known) {
                self.read_named(entry, source).await?;
                self.count(entry.len())?;
                self.entries.push(entry.to_vec());
            }
        }
        Ok(())
    }

    /// What does not count is cut off again, and leaves nothing behind.
    fn cut(&mut self) {
        self.entries.truncate(self.viewed.0);
        self.bytes = self.viewed.1;
        for id in self.brought.drain(..) {
            self.objects.remove(&id);
        }
        for id in self.missed.drain(..) {
            self.missing.remove(&id);
        }
    }

    /// What is at hand stays.
    fn settle(&mut self) {
        self.viewed = (self.entries.len(), self.bytes);
        self.brought.clear();
        self.missed.clear();
    }

    /// The view under this checkpoint, which goes on from what was seen before; as far as what is served leads there.
    pub(crate) async fn advance(
        &mut self,
        source: &Source,
        authority: ObjectId,
        note: &[u8],
        mark: Option<&ReleaseMark>,
    ) -> Result<LogView, Error> {
        let mut reading = Reading::new(note.to_vec())?;
        loop {
            self.read(&mut reading, source).await?;
            if let Some(view) = self.view_of(&mut reading, authority, mark).await? {
                return Ok(view);
            }
        }
    }

    /// The view of what was read. Nothing where what is kept may be of another history than what is served: all of it is to be read again, and
    /// what is kept stays until then.
    pub(crate) async fn view_of(
        &mut self,
        reading: &mut Reading,
        authority: ObjectId,
        mark: Option<&ReleaseMark>,
    ) -> Result<Option<LogView>, Error> {
        let is_known = self.viewed.0 > 0 && reading.anew.is_none();
        let log = reading.anew.as_mut().unwrap_or(&mut *self);
        let (note, size, mark) = (reading.note.clone(), reading.size, mark.cloned());
        let view = log.apart(move |log| log.view(authority, &note, size, mark.as_ref())).await?;
        if view.is_err() {
            log.cut();
        } else {
            log.settle();
        }
        match (view, reading.anew.take()) {
            (Err(Error::View(view::Error::RootMismatch { .. })), _) if is_known => {
                reading.anew = Some(Self::default());
                Ok(None)
            }
            (Ok(view), Some(anew)) => {
                *self = anew;
                Ok(Some(view))
            }
            (view, _) => view.map(Some),
        }
    }

    /// Works on the log away from the network threads. After a panic nothing of it is known any more.
    pub(crate) async fn apart<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Self) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let mut log = std::mem::take(self);
        let worked = tokio::task::spawn_blocking(move || {
            let done = work(&mut log);
            (log, done)
        });
        let (log, done) = worked.await.map_err(|_| Error::Panicked)?;
        *self = log;
        Ok(done)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(OVERHEAD);
        if self.bytes > MOST_BYTES { Err(Error::TooLarge { most: MOST_BYTES }) } else { Ok(()) }
    }

    /// What a leaf names that decides about releases. What cannot be had is missed when the leaf is replayed.
    async fn read_named(&mut self, entry: &[u8], source: &Source) -> Result<(), Error> {
        // There is no view with a leaf that is none: nothing behind it is read.
        let index = self.size();
        let leaf: Leaf = object::read(entry, &Limits::DEFAULT)
            .map_err(|error| Error::View(view::Error::Leaf { index, error }))?;
        while let Some(id) = view::missing(&leaf.event, &self.objects, &Limits::DEFAULT) {
            if !self.keep(id, source).await? {
                break;
            }
        }
        if let Event::Published { bundle: id, .. } | Event::Reviewed { review: id, .. } = leaf.event
            && !self.keep(id, source).await?
            && self.missing.insert(id)
        {
            self.missed.push(id);
        }
        Ok(())
    }

    /// Whether the object is at hand now.
    async fn keep(&mut self, id: ObjectId, source: &Source) -> Result<bool, Error> {
        if self.objects.contains_key(&id) {
            return Ok(true);
        }
        let Some(bytes) = source.object(id, Limits::DEFAULT.release_bundle_bytes).await? else {
            return Ok(false);
        };
        self.count(bytes.len())?;
        self.objects.insert(id, bytes);
        self.brought.push(id);
        Ok(true)
    }

    /// Asks again for what could not be had, beginning behind the one that failed last, so that one of them does not stand before the others.
    pub(crate) async fn read_missing(&mut self, source: &Source) -> Result<(), Error> {
        let (mut ids, first): (Vec<_>, Vec<_>) = self.missing.iter().partition(|id| Some(**id) > self.failed);
        ids.extend(first);
        for id in ids {
            self.failed = Some(id);
            if self.keep(id, source).await? {
                self.missing.remove(&id);
                self.settle();
            }
        }
        self.failed = None;
        Ok(())
    }

    /// How far the log was seen by this view of it.
    pub(crate) fn mark(&self, view: &LogView, is_forked: bool) -> ReleaseMark {
        ReleaseMark {
            size: view.head().size,
            root: view.head().root.as_bytes().to_vec(),
            seen_at: view.time(),
            is_forked,
            policy: view.policy().and_then(|policy| self.objects.get(&policy.id())).cloned(),
        }
    }

    /// The view under this checkpoint of so many leaves, which goes on from what was seen before.
    fn view(
        &self,
        authority: ObjectId,
        note: &[u8],
        size: u64,
        mark: Option<&ReleaseMark>,
    ) -> Result<LogView, Error> {
        let entries =
            self.entries.get(..usize::try_from(size).unwrap_or(usize::MAX)).unwrap_or(&self.entries);
        let limits = &Limits::DEFAULT;
        let view = LogView::replay(authority, entries.iter().map(Vec::as_slice), &self.objects, note, limits);
        let view = match (view, mark) {
            // Its witnesses signed another tree of leaves that are known.
            (Err(view::Error::RootMismatch { .. }), Some(mark)) if size <= mark.size && self.is_of(mark) => {
                return Err(other_history(size, mark, note));
            }
            (view, _) => view?,
        };
        let Some(mark) = mark else { return Ok(view) };
        if view.head().size < mark.size {
            return Err(Error::RolledBack { got: view.head().size, known: mark.size });
        }
        if !self.is_of(mark) {
            return Err(other_history(view.head().size, mark, note));
        }
        if view.time() < mark.seen_at {
            return Err(Error::Older { got: view.time(), known: mark.seen_at });
        }
        if let Some(next) = usize::try_from(mark.size).ok().and_then(|size| entries.get(size)) {
            view::not_antedated(mark.size, next, mark.seen_at, limits)?;
        }
        Ok(view)
    }

    /// Whether these leaves go on from the tree that was seen.
    fn is_of(&self, mark: &ReleaseMark) -> bool {
        let seen = usize::try_from(mark.size).ok().and_then(|size| self.entries.get(..size));
        let head = seen
            .and_then(|seen| Frontier::new().append(seen.iter().map(Vec::as_slice), &Limits::DEFAULT).ok());
        head.is_some_and(|appended| appended.head.root.as_bytes().as_slice() == mark.root)
    }
}

/// A68: only those whose word the log carried where it was seen prove for good that it has two histories. Who stole keys that a policy has
/// retired since could else make everyone refuse the log forever.
fn other_history(size: u64, mark: &ReleaseMark, note: &[u8]) -> Error {
    let known = mark.size;
    if mark.policy.as_deref().is_none_or(|policy| is_word_of(policy, note)) {
        Error::Forked { size, known }
    } else {
        Error::FormerKeys { size, known }
    }
}

/// Whether the log and the witnesses of this policy signed it. Of a policy that cannot be read nobody knows.
fn is_word_of(policy: &[u8], note: &[u8]) -> bool {
    let limits = &Limits::DEFAULT;
    let Ok(policy) = Policy::parse(policy, limits) else { return true };
    let Ok((log, quorum)) = policy.document().log.read(limits) else { return true };
    let signed = SignedCheckpoint::verify(note, &log, limits);
    signed.is_ok_and(|signed| WitnessedCheckpoint::verify(signed, &quorum).is_ok())
}

#[cfg(test)]
mod tests {
    use attest_core::Timestamp;

    use super::*;

    /// A folder with these entries, and what its checkpoint claims, which nobody signed.
    fn served(folder: &std::path::Path, entries: &[Vec<u8>], claimed: u64) -> (Source, Vec<u8>) {
        let tile = Tile::of_tree(Level::Entries, 0, claimed).unwrap();
        let path = folder.join(tile.to_string());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, tile::render_entries(entries.iter().map(Vec::as_slice)).unwrap()).unwrap();
        let (root, signature) = ("A".repeat(43), "A".repeat(91));
        let note = format!("log.example\n{claimed}\n{root}=\n\n— log.example {signature}=\n");
        (Source::folder(folder), note.into_bytes())
    }

    async fn refused(log: &mut Log, source: &Source, note: &[u8]) -> Error {
        log.advance(source, ObjectId::of(b"pinned"), note, None).await.unwrap_err()
    }

    fn leaf(event: Event) -> Vec<u8> {
        object::write(&Leaf::new(Timestamp::from_unix(1), event)).unwrap()
    }

    #[tokio::test]
    async fn a47_a_size_that_anybody_claims_fills_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let (source, note) = served(folder.path(), &vec![leaf(denied()); 256], 1 << 40);
        let error = refused(&mut Log::default(), &source, &note).await;
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }

    #[tokio::test]
    async fn a47_entries_of_nothing_are_no_leaves() {
        let folder = tempfile::tempdir().unwrap();
        // Of the second tile nothing is there: it is not asked for.
        let (source, note) = served(folder.path(), &vec![Vec::new(); 256], 512);
        let error = refused(&mut Log::default(), &source, &note).await;
        assert!(matches!(error, Error::View(view::Error::Leaf { index: 0, .. })), "{error}");
    }

    fn denied() -> Event {
        Event::Denied { object: ObjectId::of(b"it"), because: "role_missing".try_into().unwrap() }
    }

    #[tokio::test]
    async fn a47_what_does_not_count_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("object");
        std::fs::create_dir_all(&objects).unwrap();
        let policy = ObjectId::of(b"a policy");
        std::fs::write(objects.join(hex::encode(policy.as_bytes())), b"a policy").unwrap();
        let entries = [
            leaf(Event::Policy { policy, successions: Vec::new() }),
            leaf(Event::Published { request: policy, bundle: ObjectId::of(b"nobody has it") }),
        ];
        let (source, note) = served(folder.path(), &entries, 2);
        let mut log = Log::default();
        let mut reading = Reading::new(note.clone()).unwrap();
        log.read(&mut reading, &source).await.unwrap();
        let least = entries.iter().map(Vec::len).sum::<usize>() + b"a policy".len() + 3 * OVERHEAD;
        assert_eq!((log.bytes, log.objects.len(), log.missing.len()), (least, 1, 1));
        let error = refused(&mut log, &source, &note).await;
        assert!(matches!(error, Error::View(view::Error::FirstLeaf { .. })), "{error}");
        assert_eq!((log.bytes, log.objects.len(), log.missing.len(), log.size()), (0, 0, 0, 0));
    }
}
