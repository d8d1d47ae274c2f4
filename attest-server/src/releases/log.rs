//! The leaves and objects of a log, and what they come to under a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::Limits;
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::audit::tile::{self, Level, Tile, WIDTH};
use attest_core::audit::tree::Frontier;
use attest_core::release::ObjectId;
use attest_core::release::leaf::{Event, Leaf};
use attest_core::release::object;
use attest_core::release::view::{self, LogView};

use super::Error;
use super::source::Source;
use crate::store::ReleaseMark;

/// Leaves and objects that are kept in memory, in bytes.
const MOST_BYTES: usize = 2 << 30;

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
}

impl Log {
    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Reads on until there are so many leaves, with what they name.
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
                self.count(entry.len())?;
                self.read_named(entry, source).await?;
                self.entries.push(entry.to_vec());
            }
        }
        Ok(())
    }

    /// What does not count is cut off again.
    fn cut_to(&mut self, size: u64) {
        self.entries.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    }

    /// The view under this checkpoint, which goes on from what was seen before; as far as what is served leads there. What does not count leaves
    /// nothing behind.
    pub(crate) async fn advance(
        &mut self,
        source: &Source,
        authority: ObjectId,
        note: &[u8],
        mark: Option<&ReleaseMark>,
    ) -> Result<LogView, Error> {
        let (known, size) = (self.size(), Checkpoint::unverified(note, &Limits::DEFAULT)?.head().size);
        let mut view = self.view_to(source, authority, note, size, mark).await;
        if matches!(view, Err(Error::View(view::Error::RootMismatch { .. }))) && known > 0 {
            // What is kept may be of another history than what is served: all of it is read again, and what is kept stays until then.
            let kept = std::mem::take(self);
            view = self.view_to(source, authority, note, size, mark).await;
            if view.is_err() {
                *self = kept;
            }
        }
        if view.is_err() {
            self.cut_to(known);
        }
        view
    }

    async fn view_to(
        &mut self,
        source: &Source,
        authority: ObjectId,
        note: &[u8],
        size: u64,
        mark: Option<&ReleaseMark>,
    ) -> Result<LogView, Error> {
        self.read_to(size, source).await?;
        let (note, mark) = (note.to_vec(), mark.cloned());
        self.apart(move |log| log.view(authority, &note, size, mark.as_ref())).await?
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
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES { Err(Error::TooLarge { most: MOST_BYTES }) } else { Ok(()) }
    }

    /// What a leaf names that decides about releases. What cannot be had is missed when the leaf is replayed.
    async fn read_named(&mut self, entry: &[u8], source: &Source) -> Result<(), Error> {
        // A leaf that is none refuses the view.
        let Ok(leaf) = object::read::<Leaf>(entry, &Limits::DEFAULT) else { return Ok(()) };
        while let Some(id) = view::missing(&leaf.event, &self.objects, &Limits::DEFAULT) {
            if !self.keep(id, source).await? {
                break;
            }
        }
        if let Event::Published { bundle: id, .. } | Event::Reviewed { review: id, .. } = leaf.event
            && !self.keep(id, source).await?
        {
            self.missing.insert(id);
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
            }
        }
        self.failed = None;
        Ok(())
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
                return Err(Error::Forked { size, known: mark.size });
            }
            (view, _) => view?,
        };
        let Some(mark) = mark else { return Ok(view) };
        if view.head().size < mark.size {
            return Err(Error::RolledBack { got: view.head().size, known: mark.size });
        }
        if !self.is_of(mark) {
            return Err(Error::Forked { size: view.head().size, known: mark.size });
        }
        if view.time() < mark.seen_at {
            return Err(Error::Older { got: view.time(), known: mark.seen_at });
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
