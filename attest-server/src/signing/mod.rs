//! The signer: a program of its own that asks the release service what is quorate, believes nothing of it, and has an HSM sign it.
//!
//! *What it promises:* it signs for a request only after it replayed the whole log under the pinned policy and found the request quorate; only after
//! an attempt stands in the log, under a checkpoint that witnesses signed; and exactly the bytes that the request lists, in the form of the
//! key's purpose, about what the request releases. What it did is on its own disk before and after each step, so that after a crash
//! it signs the same bytes, asks the HSM again only under a new attempt where nobody knows whether it had signed, and hands in one result.
//!
//! *Who is trusted:* the pinned policy, its witnesses and the HSM. The service can withhold, and no more.

mod config;
mod error;
mod floors;
mod journal;
mod keys;
mod remote;
mod replica;
mod turn;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use attest_core::release::ObjectId;
use attest_core::{Limits, Timestamp};

pub use self::config::{ConfigError, SignerConfig};
pub use self::error::{Error, Unreached};
use self::floors::Reached;
pub use self::journal::Entry;
use self::journal::Journal;
pub use self::keys::Looked;
pub use self::remote::Remote;
use self::replica::Replica;
pub use self::turn::Report;
use crate::disk;
use crate::hsm::Holder;
pub use crate::remote::Names;

/// The release service, as the signer asks it. Nothing that it answers is believed before it was checked.
pub trait Authority {
    /// The newest checkpoint that witnesses signed.
    ///
    /// # Errors
    /// [`Unreached`].
    fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached>;

    /// Leaves from this one on, some of them.
    ///
    /// # Errors
    /// [`Unreached`].
    fn leaves(&mut self, first: u64) -> Result<Vec<Vec<u8>>, Unreached>;

    /// An object; nothing if the service has none of this id.
    ///
    /// # Errors
    /// [`Unreached`].
    fn object(&mut self, id: &ObjectId) -> Result<Option<Vec<u8>>, Unreached>;

    /// Has an attempt written down; the same one again is the same. True if this very call wrote it, and nobody before it.
    ///
    /// # Errors
    /// [`Unreached`].
    fn attempt(&mut self, request: &ObjectId, number: u32) -> Result<bool, Unreached>;

    /// Hands in what was signed; the same again is the same.
    ///
    /// # Errors
    /// [`Unreached`].
    fn signed(&mut self, request: &ObjectId, signatures: &[Vec<u8>]) -> Result<(), Unreached>;
}

/// The signer.
pub struct Signing<A> {
    authority: A,
    holder: Box<dyn Holder>,
    replica: Replica,
    journal: Journal,
    /// Attempts that this very run had written. It alone knows that nothing was asked under them: what is on the disk may be a copy of what another
    /// run went on from.
    own: BTreeMap<ObjectId, u32>,
    /// The last second of each request that was looked at, so that those which are over are not asked for again.
    not_after: BTreeMap<ObjectId, Timestamp>,
    reached: Reached,
    images: Option<PathBuf>,
    limits: Limits,
    // Held until the process ends.
    _lock: File,
}

impl<A: Authority> Signing<A> {
    /// Opens what the signer remembers in this folder, and begins with nothing where there is none: the log says what was attempted.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(
        folder: &Path,
        pin: ObjectId,
        authority: A,
        holder: Box<dyn Holder>,
        images: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let lock = disk::lock(folder)?.ok_or_else(|| Error::Locked(folder.to_owned()))?;
        let limits = Limits::DEFAULT;
        let replica = Replica::open(folder, pin)?;
        let journal = Journal::open(folder)?;
        let (own, not_after) = (BTreeMap::new(), BTreeMap::new());
        let reached = Reached::default();
        Ok(Self { authority, holder, replica, journal, own, not_after, reached, images, limits, _lock: lock })
    }

    /// Bytes of the log, and of what it names, that are in memory.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.replica.held()
    }

    /// What is remembered about a request.
    #[must_use]
    pub fn remembered(&self, request: &ObjectId) -> Option<&Entry> {
        self.journal.entry(request)
    }
}
