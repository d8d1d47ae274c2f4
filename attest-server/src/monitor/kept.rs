//! What a monitor remembers, by itself: people list it and close things, and no log is read for that.

use std::path::{Path, PathBuf};

use attest_core::Timestamp;
use attest_core::release::ObjectId;

use super::Error;
use super::book::Alert;
use super::state::{self, State};
use crate::disk::{self, Disk};

/// What was kept in a folder.
pub(crate) struct Kept {
    folder: PathBuf,
    authority: Option<ObjectId>,
    state: State,
}

impl Kept {
    /// Reads it. A monitor may be at work meanwhile: its file is whole or not there. Where an authority is named it must be that one's.
    pub(crate) fn read(folder: &Path, authority: Option<ObjectId>) -> Result<Self, Error> {
        let state = State::kept(folder, authority)?;
        Ok(Self { folder: folder.to_owned(), authority, state })
    }

    /// What is open, and not closed by people.
    pub(crate) fn open_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.state.book.open()
    }

    /// Closes what people have seen to; nothing if there is no such thing. Not while a monitor is at work, which would forget it.
    pub(crate) fn acknowledge(self, id: &str, now: Timestamp) -> Result<Option<Alert>, Error> {
        let _lock = disk::lock(&self.folder)?.ok_or_else(|| Error::Locked(self.folder.clone()))?;
        // It may have been written since.
        let mut state = State::kept(&self.folder, self.authority)?;
        let closed = state.book.acknowledge(id, now);
        if closed.is_some() {
            let mut disk = Disk::open(&self.folder)?;
            disk.put(state::FILE, &state.write()?)?;
            disk.settle()?;
        }
        Ok(closed)
    }
}
