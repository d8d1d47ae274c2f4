//! Golden files and signers, ready for look-up. Made once for a reference set: a device's list is looked up a hundred thousand times.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::golden::{ImaFile, ImaGolden, ImaSigner};
use crate::authenticate::file_signature::{KeyId, SignerKey};
use crate::digest::Digest;

/// The files of a golden document by digest and by path, and its signers' keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileIndex {
    /// Places among the document's files, ascending by digest, then path.
    order: Vec<u32>,
    /// Where in `order` the digests begin that have these first eight bytes.
    first: HashMap<u64, u32, BuildHasherDefault<FirstBytes>>,
    /// By place among the files: whether its path is a required one.
    is_required: Vec<bool>,
    /// By place among the signers.
    signers: Vec<Signer>,
}

/// A signer, as signatures name it.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) keyid: KeyId,
    /// The key; `None` where the document has its digest alone.
    pub(crate) key: Option<SignerKey>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub(crate) sha256: Digest,
}

/// What the document says about a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known<'g> {
    /// It is golden at this path: the file's place in the document.
    Here(u32),
    /// It is golden, and only at another path.
    Elsewhere(&'g ImaFile),
    /// It is not golden.
    Nowhere,
}

/// Digests are uniform already, and only golden ones are kept, which no attacker chooses: their first bytes are hash enough.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.iter().rev() {
            self.0 = self.0.wrapping_shl(8) | u64::from(*chunk);
        }
    }

    fn write_u64(&mut self, first: u64) {
        self.0 = first;
    }
}

fn first_bytes(digest: &Digest) -> u64 {
    digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl FileIndex {
    pub(crate) fn new(golden: &ImaGolden) -> Self {
        let files = &golden.files;
        let file = |place: u32| usize::try_from(place).ok().and_then(|at| files.get(at));
        let mut order: Vec<u32> = (0..u32::try_from(files.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by_cached_key(|place| {
            file(*place).map(|file| (first_bytes(&file.digest), file.digest, *place))
        });
        let mut first = HashMap::with_capacity_and_hasher(order.len(), BuildHasherDefault::default());
        for (at, place) in order.iter().enumerate() {
            if let (Some(file), Ok(at)) = (file(*place), u32::try_from(at)) {
                first.entry(first_bytes(&file.digest)).or_insert(at);
            }
        }
        let mut is_required = Vec::with_capacity(files.len());
        for same_path in files.chunk_by(|one, other| one.path == other.path) {
            let required = same_path.iter().any(|file| file.required);
            is_required.extend(same_path.iter().map(|_| required));
        }
        let signer = |signer: &ImaSigner| {
            let key = signer.public_key();
            Signer { keyid: signer.keyid, key, sha256: signer.key.sha256() }
        };
        Self { order, first, is_required, signers: golden.signers.iter().map(signer).collect() }
    }

    /// What the document says about a file of this content at this path.
    pub(crate) fn look_up<'g>(
        &self,
        golden: &'g ImaGolden,
        path: &[u8],
        digest: &Digest,
        verity: bool,
    ) -> Known<'g> {
        let Some(at) = self.first.get(&first_bytes(digest)) else { return Known::Nowhere };
        let candidates = self.order.get(usize::try_from(*at).unwrap_or(usize::MAX)..).unwrap_or_default();
        let mut known = Known::Nowhere;
        for place in candidates {
            let file = usize::try_from(*place).ok().and_then(|at| golden.files.get(at));
            let Some(file) = file.filter(|file| first_bytes(&file.digest) == first_bytes(digest)) else {
                break;
            };
            if file.digest != *digest || file.verity != verity {
                continue;
            }
            if file.path.as_bytes() == path {
                return Known::Here(*place);
            }
            if known == Known::Nowhere {
                known = Known::Elsewhere(file);
            }
        }
        known
    }

    /// The golden files at this path, whatever their content.
    pub(crate) fn at_path<'g>(golden: &'g ImaGolden, path: &[u8]) -> &'g [ImaFile] {
        // The document's files are in the order of their paths.
        let from = golden.files.partition_point(|file| file.path.as_bytes() < path);
        let rest = golden.files.get(from..).unwrap_or_default();
        let len = rest.partition_point(|file| file.path.as_bytes() == path);
        rest.get(..len).unwrap_or_default()
    }

    /// If the file's path is required: the place of the first file at it.
    pub(crate) fn required(&self, golden: &ImaGolden, place: u32) -> Option<u32> {
        let at = usize::try_from(place).ok()?;
        let is_required = *self.is_required.get(at)?;
        let path = golden.files.get(at).filter(|_| is_required)?.path.as_bytes();
        u32::try_from(golden.files.partition_point(|file| file.path.as_bytes() < path)).ok()
    }

    /// The signers, in the order of the document.
    pub(crate) fn signers(&self) -> &[Signer] {
        &self.signers
    }
}
