//! Golden files and signers, ready for look-up. Made once for a reference set: a device's list is looked up a hundred thousand times.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::golden::{ImaFile, ImaGolden, ImaSigner};
use crate::authenticate::file_signature::{KeyId, SignerKey};
use crate::digest::Digest;

/// The files of a golden document by digest and by path, and its signers' keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileIndex {
    /// The files by content and path together: what almost every entry of a good list asks for. A power of two of slots, at most half
    /// of them in use, each with the upper half of a hash and a place among `files`.
    slots: Vec<Option<(u32, u32)>>,
    /// The document's files where they are compared, without a step to the document.
    files: Vec<File>,
    /// The files' paths, one after the other.
    paths: Vec<u8>,
    /// Places among the document's files, ascending by digest, then path.
    order: Vec<u32>,
    /// Where in `order` the digests begin that have these first eight bytes.
    first: HashMap<u64, u32, BuildHasherDefault<FirstBytes>>,
    /// By place among the files: whether its path is a required one.
    is_required: Vec<bool>,
    /// By place among the signers.
    signers: Vec<Signer>,
}

/// A golden file.
#[derive(Clone, Copy, Debug)]
struct File {
    digest: Digest,
    verity: bool,
    path_at: u32,
    path_len: u32,
}

/// What an entry of a list says about a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'e> {
    pub(crate) path: &'e [u8],
    pub(crate) digest: Digest,
    /// Whether it is the digest of the file's Merkle tree.
    pub(crate) verity: bool,
}

impl Asked<'_> {
    /// A hash of all of it. Golden files alone stand in the slots, so nobody who chooses paths can make them crowd.
    fn hash(&self) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(ODD).rotate_left(29);
        let (words, rest) = self.path.as_chunks::<8>();
        let hash =
            words.iter().fold(first_bytes(&self.digest), |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(1, |sum: u64, byte| sum.wrapping_shl(8) | u64::from(*byte));
        mix(hash, rest)
    }
}

/// Entries that are looked up together.
#[derive(Debug, Default)]
pub(crate) struct Batch<'e> {
    /// What each of them says.
    pub(crate) asked: Vec<Option<Asked<'e>>>,
    /// What [`FileIndex::here`] found.
    pub(crate) places: Vec<Option<u32>>,
    same: Vec<bool>,
}

fn upper(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
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
        let signers = golden.signers.iter().map(signer).collect();
        let mut index = Self {
            slots: Vec::new(),
            files: Vec::new(),
            paths: Vec::new(),
            order,
            first,
            is_required,
            signers,
        };
        index.fill(files);
        index
    }

    fn fill(&mut self, files: &[ImaFile]) {
        self.slots = vec![None; files.len().saturating_mul(2).next_power_of_two().max(2)];
        for (place, file) in (0_u32..).zip(files) {
            let asked = Asked { path: file.path.as_bytes(), digest: file.digest, verity: file.verity };
            // No document is long enough to be cut here (`Limits::golden_bytes`).
            let cut = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
            let (path_at, path_len) = (cut(self.paths.len()), cut(asked.path.len()));
            self.files.push(File { digest: asked.digest, verity: asked.verity, path_at, path_len });
            self.paths.extend(asked.path);
            let hash = asked.hash();
            let free = self.from(hash).find(|at| self.slots.get(*at).is_some_and(Option::is_none));
            if let Some(slot) = free.and_then(|at| self.slots.get_mut(at)) {
                *slot = Some((upper(hash), place));
            }
        }
    }

    /// The slots in the order in which they are looked at.
    fn from(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let last = self.slots.len().saturating_sub(1);
        let start = usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default() & last;
        (0..=last).map(move |step| start.wrapping_add(step) & last)
    }

    /// The files with this hash.
    fn candidates(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let used = self.from(hash).map_while(|at| self.slots.get(at).copied().flatten());
        used.filter(move |(half, _)| *half == upper(hash)).map(|(_, place)| place)
    }

    /// For each of these: the place of the golden file with this content at this path, if there is one. Step by step for all of them, so
    /// that the memory that one waits for comes while the others are on their way.
    pub(crate) fn here(&self, batch: &mut Batch<'_>) {
        let Batch { asked, places, same } = batch;
        places.clear();
        places.extend(asked.iter().map(|asked| self.candidates(asked.as_ref()?.hash()).next()));
        same.clear();
        same.extend(asked.iter().zip(&*places).map(|(asked, place)| {
            let file = place.and_then(|place| self.file(place));
            file.zip(asked.as_ref()).is_some_and(|(file, asked)| file.digest == asked.digest)
        }));
        for ((asked, place), same) in asked.iter().zip(places).zip(same) {
            let (Some(asked), Some(first)) = (asked, *place) else { continue };
            if !(*same && self.is(first, asked)) {
                // Another file has the same hash.
                *place = self.candidates(asked.hash()).find(|place| self.is(*place, asked));
            }
        }
    }

    fn file(&self, place: u32) -> Option<&File> {
        self.files.get(usize::try_from(place).ok()?)
    }

    fn is(&self, place: u32, asked: &Asked<'_>) -> bool {
        let path = |file: &File| {
            let from = usize::try_from(file.path_at).ok()?;
            self.paths.get(from..from.checked_add(usize::try_from(file.path_len).ok()?)?)
        };
        self.file(place).is_some_and(|file| {
            file.digest == asked.digest && file.verity == asked.verity && path(file) == Some(asked.path)
        })
    }

    /// Another path at which this content is golden.
    pub(crate) fn elsewhere<'g>(&self, golden: &'g ImaGolden, asked: &Asked<'_>) -> Option<&'g ImaFile> {
        let at = self.first.get(&first_bytes(&asked.digest))?;
        let candidates = self.order.get(usize::try_from(*at).ok()?..).unwrap_or_default();
        let files = candidates.iter().map_while(|place| golden.files.get(usize::try_from(*place).ok()?));
        let mut files = files.take_while(|file| first_bytes(&file.digest) == first_bytes(&asked.digest));
        files.find(|file| file.digest == asked.digest && file.verity == asked.verity)
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

#[cfg(test)]
mod tests;
