//! Where the log and what it names are read from: the authority's server, or a copy of the log on this machine. Neither is believed: the leaves are
//! held against the checkpoint that witnesses signed, and every object against its id.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::reference::corim::SignedCorim;
use attest_core::release::ObjectId;
use attest_core::release::bundle::{Bundle, signature_list};
use attest_core::release::object::{self, Blob};

use super::remote::Remote;
use crate::cli::Failure;
use crate::cli::audit::verify::{self as log, Reader, Unread};
use crate::releases;

const LIMITS: &Limits = &Limits::DEFAULT;

/// One of the two.
pub(super) enum Source {
    Folder(Box<Folder>),
    Server(Box<Remote>),
}

/// A log's folder or a copy of it, or what `attest release export` wrote.
pub(super) struct Folder {
    path: PathBuf,
    reader: Reader,
    /// The leaves of an export, a file each.
    leaves: Option<PathBuf>,
    /// What the bundles of an export hold, by its own ids.
    unpacked: BTreeMap<ObjectId, Vec<u8>>,
}

impl Source {
    pub(super) fn server(remote: Remote) -> Self {
        Self::Server(Box::new(remote))
    }

    /// A copy. Whether there is a log in it at all is told in words about folders.
    pub(super) fn folder(path: &Path) -> Result<Self, Failure> {
        log::is_log(path)?;
        let leaves = Some(path.join("leaves")).filter(|leaves| leaves.is_dir());
        let reader = Reader::new(releases::Source::folder(path))?;
        let mut folder = Folder { path: path.to_owned(), reader, leaves, unpacked: BTreeMap::new() };
        if folder.leaves.is_some() {
            let own = path.join("bundle.cbor");
            if own.is_file() {
                let bundle = crate::cli::input::read_file(&own, LIMITS.release_bundle_bytes)?;
                folder.unpack(&bundle);
            }
        }
        Ok(Self::Folder(Box::new(folder)))
    }

    /// Whether what is read is how the log is now, as far as a server tells. A copy is how it was.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// The newest checkpoint that enough witnesses signed.
    pub(super) fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Folder(folder) => folder.reader.checkpoint().map_err(Unread::failure),
            Self::Server(remote) => remote.checkpoint(),
        }
    }

    /// The leaves that this checkpoint says there are. Whether they are its own, and whether anybody signed it, the replay says.
    pub(super) fn entries(&self, checkpoint: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        match self {
            Self::Folder(folder) => match &folder.leaves {
                Some(leaves) => log::exported(leaves, log::size(checkpoint)?, LIMITS),
                None => log::entries(&folder.reader, checkpoint),
            },
            Self::Server(remote) => {
                let said = Checkpoint::unverified(checkpoint, LIMITS)
                    .map_err(|error| Failure::malformed(error.code(), error))?;
                let mut entries = remote.leaves(0)?;
                // The log may have grown meanwhile, and then there are leaves that nobody witnessed.
                entries.truncate(usize::try_from(said.head().size).unwrap_or(usize::MAX));
                Ok(entries)
            }
        }
    }

    /// The bytes with this id, if they are there; other bytes in their place are none.
    pub(super) fn object(&self, id: ObjectId) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Folder(folder) => folder.object(id),
            Self::Server(remote) => remote.object(&id),
        }
    }

    /// What was published, as the view names it: an export has the rest of a release in its bundle alone.
    pub(super) fn published(&mut self, bundles: &[ObjectId]) -> Result<(), Failure> {
        let Self::Folder(folder) = self else { return Ok(()) };
        if folder.leaves.is_some() {
            for id in bundles {
                if let Some(bundle) = folder.object(*id)? {
                    folder.unpack(&bundle);
                }
            }
        }
        Ok(())
    }
}

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn is_export(&self) -> bool {
        self.leaves.is_some()
    }

    fn object(&self, id: ObjectId) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(bytes) = self.unpacked.get(&id) {
            return Ok(Some(bytes.clone()));
        }
        self.reader.object(id, LIMITS.release_bundle_bytes).map_err(Unread::failure)
    }

    /// Everything in a bundle, each by the id that its own bytes have: so it is what is asked for, or nobody asks for it.
    fn unpack(&mut self, bundle: &[u8]) {
        let Ok(bundle) = object::read::<Bundle>(bundle, LIMITS) else { return };
        let corim = bundle.corim.as_ref().and_then(|corim| SignedCorim::parse(&corim.0, LIMITS).ok());
        let signatures = bundle.signatures.iter().map(|made| &made.signature.0);
        let list = signature_list(signatures.clone().map(Vec::as_slice));
        let signed = bundle.signatures.iter().filter_map(|made| made.signed.as_ref());
        let said = bundle.approvals.iter().chain(&bundle.companions).chain(&bundle.provenance).chain(signed);
        let said = [&bundle.request, &bundle.submission].into_iter().chain(said).map(|Blob(bytes)| bytes);
        let all =
            said.chain(signatures).cloned().chain(corim.map(|corim| corim.to_be_signed())).chain([list]);
        self.unpacked.extend(all.map(|bytes| (ObjectId::of(&bytes), bytes)));
    }
}
