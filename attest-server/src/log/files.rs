//! Reading a log's folder, while somebody writes it or not.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use attest_core::audit::tile::{Level, Tile, TileReader, WIDTH};
use attest_core::release::ObjectId;

use super::Error;

/// The published checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The newest checkpoint of the log's own.
pub(super) const HEAD: &str = "head";
/// What entries name.
pub(super) const OBJECTS: &str = "object";

/// A log's folder to read.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Files {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The published checkpoint, if there is one yet.
    pub(crate) fn checkpoint(&self, most: usize) -> io::Result<Option<Vec<u8>>> {
        self.read(CHECKPOINT, most)
    }

    /// The log's own newest checkpoint.
    pub(super) fn head(&self, most: usize) -> io::Result<Option<Vec<u8>>> {
        self.read(HEAD, most)
    }

    /// A tile's bytes. The full tile of its place stands for a narrower one that is gone.
    pub(crate) fn tile(&self, tile: &Tile) -> io::Result<Option<Vec<u8>>> {
        let own = self.read(&tile.to_string(), tile.max_bytes())?;
        if own.is_some() || tile.is_full() {
            return Ok(own);
        }
        let full = tile.index().checked_add(1).and_then(|next| next.checked_mul(WIDTH.into()));
        let full = full.and_then(|size| {
            let level = match tile.level() {
                Level::Entries => 0,
                Level::Hashes(level) => level,
            };
            let leaves = 1_u64.checked_shl(u32::from(level).checked_mul(8)?)?;
            Tile::of_tree(tile.level(), tile.index(), size.checked_mul(leaves)?)
        });
        match full.filter(Tile::is_full) {
            Some(full) => self.read(&full.to_string(), full.max_bytes()),
            None => Ok(None),
        }
    }

    /// The object with this id, hashed again.
    pub(crate) fn object(&self, id: &ObjectId, most: usize) -> Result<Option<Vec<u8>>, Error> {
        let path = object_path(id);
        let bytes = self.read(&path, most)?;
        match &bytes {
            Some(found) if ObjectId::of(found) != *id => Err(Error::ObjectDamaged { path }),
            _ => Ok(bytes),
        }
    }

    /// Whether there is an object of this id. What is in it is not looked at.
    pub(crate) fn has(&self, id: &ObjectId) -> bool {
        self.root.join(object_path(id)).is_file()
    }

    /// A file of at most so many bytes.
    fn read(&self, path: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let path = self.root.join(path);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(crate::disk::at(&path, error)),
        };
        let bound = u64::try_from(most).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        file.take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| crate::disk::at(&path, e))?;
        if bytes.len() > most {
            let problem = format!("{}: more than {most} bytes", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(Some(bytes))
    }
}

/// Where the object with this id is.
pub(super) fn object_path(id: &ObjectId) -> String {
    format!("{OBJECTS}/{}", hex::encode(id.as_bytes()))
}

impl TileReader for Files {
    type Error = Error;

    fn read(&mut self, tile: &Tile) -> Result<Vec<u8>, Error> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("{tile}: it is missing"));
        Ok(self.tile(tile)?.ok_or_else(missing)?)
    }
}
