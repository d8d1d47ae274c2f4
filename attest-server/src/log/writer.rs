//! The one writer of a log's folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};
use attest_core::audit::note::KeyType;
use attest_core::audit::tile::{ProvenTiles, Tile};
use attest_core::audit::tree::{self, TreeHead};
use attest_core::release::ObjectId;

use super::files::{CHECKPOINT, Files, HEAD, OBJECTS, object_path};
use super::replay::Growth;
use super::{Error, NoteKey};
use crate::disk::{self, Disk, at};

/// Writes a log. There is one at a time, by a lock on the folder.
pub struct Writer {
    disk: Disk,
    files: Files,
    key: NoteKey,
    identity: LogIdentity,
    limits: Limits,
    growth: Growth,
    /// The log's own newest checkpoint.
    signed: SignedCheckpoint,
    /// The size of the published tree.
    published: u64,
    failed: bool,
    /// Held, and let go with the process, however it ends.
    _lock: File,
}

impl Writer {
    /// Opens a log's folder, or makes one, and shows every entry in it.
    ///
    /// # Errors
    /// See [`Error`]: a folder that contradicts itself, that another process writes, or that is another key's.
    pub fn open(
        root: &Path,
        key: NoteKey,
        limits: &Limits,
        each: impl FnMut(u64, &[u8]),
    ) -> Result<Self, Error> {
        let verifier = key.verifier(KeyType::Ed25519).map_err(|error| io::Error::other(error.to_string()))?;
        let identity = LogIdentity::new(verifier).map_err(|error| of_file(HEAD, error))?;
        let lock = disk::lock(root)?.ok_or_else(|| Error::Locked(root.display().to_string()))?;
        let mut disk = Disk::open(root)?;
        let files = Files::new(root);
        let signed = match files.head(limits.note_bytes)? {
            Some(note) => {
                SignedCheckpoint::verify(&note, &identity, limits).map_err(|error| of_file(HEAD, error))?
            }
            None => begin(&mut disk, &key, &identity, limits)?,
        };
        let head = *signed.head();
        let growth = Growth::replay(&files, head.size, limits, each)?;
        if growth.head() != head {
            return Err(Error::HeadContradicts { size: head.size });
        }
        let published = match files.checkpoint(limits.note_bytes)? {
            Some(note) => check_published(&note, &identity, &head, &files, limits)?,
            None => 0,
        };
        drop_unfinished(&mut disk, head.size)?;
        Ok(Self {
            disk,
            files,
            key,
            identity,
            limits: *limits,
            growth,
            signed,
            published,
            failed: false,
            _lock: lock,
        })
    }

    /// The tree with all that is written.
    #[must_use]
    pub fn head(&self) -> &TreeHead {
        self.signed.head()
    }

    /// The log's own newest checkpoint, which nobody witnessed yet.
    #[must_use]
    pub const fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// Which log it is.
    #[must_use]
    pub const fn identity(&self) -> &LogIdentity {
        &self.identity
    }

    /// Keeps an object, which the next [`append`](Self::append) makes durable.
    ///
    /// # Errors
    /// [`Error::Io`]: nothing is kept. [`Error::ObjectDamaged`].
    pub fn keep(&mut self, object: &[u8]) -> Result<ObjectId, Error> {
        let id = ObjectId::of(object);
        if self.files.object(&id, object.len())?.is_none() {
            self.disk.put(&object_path(&id), object)?;
        }
        Ok(id)
    }

    /// Appends entries: all of them, with the objects kept before, are on the disk when this returns, or none of them is in the log.
    /// Returns the first one's index.
    ///
    /// # Errors
    /// [`Error`]. After [`Error::Failed`] nothing more is written by this writer.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<u64, Error> {
        if self.failed {
            return Err(Error::Failed);
        }
        if entries.is_empty() {
            return Ok(self.head().size);
        }
        let mut growth = self.growth.clone();
        let (appended, tiles) = growth.append(entries, &self.limits)?;
        let signed = self.sign(appended.head)?;
        let put = tiles.iter().try_for_each(|(tile, bytes)| self.disk.put(&tile.to_string(), bytes));
        if let Err(error) = put {
            self.take_back(&tiles);
            return Err(error.into());
        }
        // What a disk holds whose flush failed is not known, and a second flush that succeeds says nothing about it.
        self.disk.settle().inspect_err(|_| self.failed = true)?;
        if let Err(error) = self.disk.put(HEAD, signed.note().as_bytes()) {
            self.take_back(&tiles);
            return Err(error.into());
        }
        self.disk.settle().inspect_err(|_| self.failed = true)?;
        (self.growth, self.signed) = (growth, signed);
        for (tile, _) in tiles.iter().filter(|(tile, _)| tile.is_full()) {
            // Narrower ones of its place are not needed any more.
            let _ = fs::remove_dir_all(self.disk.root().join(format!("{tile}.p")));
        }
        Ok(appended.first)
    }

    /// Publishes a checkpoint of this log, which witnesses have signed by now. An older one than is published changes nothing.
    ///
    /// # Errors
    /// [`Error`].
    pub fn publish(&mut self, note: &str) -> Result<(), Error> {
        let size =
            check_published(note.as_bytes(), &self.identity, self.signed.head(), &self.files, &self.limits)?;
        if size < self.published {
            return Ok(());
        }
        self.disk.put(CHECKPOINT, note.as_bytes())?;
        self.disk.settle()?;
        self.published = size;
        Ok(())
    }

    fn sign(&self, head: TreeHead) -> Result<SignedCheckpoint, Error> {
        sign(&self.key, &self.identity, head, &self.limits)
    }

    /// Nothing of a batch that was not written stays: wider tiles would be taken for those of a later tree.
    fn take_back(&mut self, tiles: &[(Tile, Vec<u8>)]) {
        for (tile, _) in tiles {
            let path = self.disk.root().join(tile.to_string());
            if let Err(error) = self.disk.remove(&path) {
                tracing::error!(%error, "a tile of an append that failed cannot be removed");
                self.failed = true;
            }
        }
    }
}

fn of_file(file: &'static str, error: attest_core::audit::checkpoint::Error) -> Error {
    Error::Checkpoint { file, error }
}

fn sign(
    key: &NoteKey,
    identity: &LogIdentity,
    head: TreeHead,
    limits: &Limits,
) -> Result<SignedCheckpoint, Error> {
    let checkpoint = Checkpoint::new(identity.origin(), head, limits);
    let note =
        checkpoint.and_then(|checkpoint| checkpoint.sign(key)).map_err(|error| of_file(HEAD, error))?;
    SignedCheckpoint::verify(note.as_bytes(), identity, limits).map_err(|error| of_file(HEAD, error))
}

/// A log without leaves, in a folder that has none.
fn begin(
    disk: &mut Disk,
    key: &NoteKey,
    identity: &LogIdentity,
    limits: &Limits,
) -> Result<SignedCheckpoint, Error> {
    for what in ["tile", CHECKPOINT, OBJECTS] {
        if disk.root().join(what).exists() {
            return Err(Error::HeadMissing {
                what: if what == CHECKPOINT { "a checkpoint" } else { "files" },
            });
        }
    }
    let signed = sign(key, identity, TreeHead::empty(), limits)?;
    disk.put(HEAD, signed.note().as_bytes())?;
    disk.settle()?;
    Ok(signed)
}

/// The size of a checkpoint that is this log's, of a tree that the folder's tree continues.
fn check_published(
    note: &[u8],
    identity: &LogIdentity,
    head: &TreeHead,
    files: &Files,
    limits: &Limits,
) -> Result<u64, Error> {
    let signed =
        SignedCheckpoint::verify(note, identity, limits).map_err(|error| of_file(CHECKPOINT, error))?;
    let published = *signed.head();
    let contradicts = Error::CheckpointContradicts { size: published.size };
    if published.size > head.size {
        return Err(contradicts);
    }
    let mut tiles = ProvenTiles::open(head, files.clone())?;
    if tree::root(published.size, &mut tiles)? == published.root {
        Ok(published.size)
    } else {
        Err(contradicts)
    }
}

/// Removes the tiles of an append that did not come to its head, and narrow ones of full tiles.
fn drop_unfinished(disk: &mut Disk, size: u64) -> Result<(), Error> {
    let mut folders = vec![disk.root().join("tile")];
    let mut unfinished: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        let listed = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listed => listed.map_err(|error| at(&folder, error))?,
        };
        for file in listed {
            let path = file.map_err(|error| at(&folder, error))?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // A file of another name was put there by somebody else, and is not served.
            let name = path.strip_prefix(disk.root()).ok().and_then(Path::to_str).unwrap_or_default();
            let Ok(tile) = Tile::parse(name, &Limits::DEFAULT) else { continue };
            let of_tree = Tile::of_tree(tile.level(), tile.index(), size);
            let is_superseded = !tile.is_full() && of_tree.is_some_and(|tile| tile.is_full());
            if !tile.is_in(size) || is_superseded {
                unfinished.push(path);
            }
        }
    }
    if !unfinished.is_empty() {
        tracing::info!(tiles = unfinished.len(), "what an append left behind is dropped");
    }
    unfinished.iter().try_for_each(|path| disk.remove(path))?;
    disk.settle()?;
    Ok(())
}
