//! Golden files and signers, ready for look-up. Made once for a reference set: a device's list is looked up a hundred thousand times.

mod slots;
mod whole;

use slots::Slots;
use whole::WholeEntries;

use super::golden::{ImaFile, ImaGolden, ImaSigner};
use crate::authenticate::DataDigest;
use crate::authenticate::file_signature::{KeyId, SignerKey};
use crate::digest::Digest;
use crate::evidence::ima_log::BOOT_AGGREGATE;

/// The files of a golden document by digest and by path, and its signers' keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileIndex {
    /// What almost every entry of a good list is.
    whole: WholeEntries,
    /// The files by content and path together.
    here: Slots,
    /// The first file of each content.
    by_content: Slots,
    /// The document's files where they are compared, without a step to the document.
    files: Vec<File>,
    /// The files' paths, one after the other.
    paths: Vec<u8>,
    /// By place among the files: whether its path is a required one.
    is_required: Vec<bool>,
    /// The places of the files that are required.
    required: Vec<u32>,
    /// Whether a file is known by a digest that is too weak to judge by.
    has_weak: bool,
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

impl File {
    /// A digest of the bytes says nothing of the Merkle tree over them, and the other way round.
    fn has_content_of(&self, asked: &Asked<'_>) -> bool {
        self.digest == asked.digest && self.verity == asked.verity
    }
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
    /// A hash of the content alone, which is as uniform as the digest.
    fn content_hash(&self) -> u64 {
        first_bytes(&self.digest)
    }

    /// A hash of content and path.
    fn hash(&self) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(ODD).rotate_left(29);
        let (words, rest) = self.path.as_chunks::<8>();
        let hash = words.iter().fold(self.content_hash(), |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(1, |sum: u64, byte| sum.wrapping_shl(8) | u64::from(*byte));
        mix(hash, rest)
    }
}

/// Entries that are looked up together.
#[derive(Debug, Default)]
pub(crate) struct Batch<'e> {
    /// The digests of their data, where they are known.
    pub(crate) digests: Vec<Option<DataDigest<'e>>>,
    /// What each of them says.
    pub(crate) asked: Vec<Option<Asked<'e>>>,
    /// What [`FileIndex::in_whole`] or [`FileIndex::here`] found.
    pub(crate) places: Vec<Option<u32>>,
    first: Vec<Option<u32>>,
    same: Vec<bool>,
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

fn first_bytes(digest: &Digest) -> u64 {
    digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl FileIndex {
    /// `is_superseded` says which digests count no more, whatever the document has beside it.
    pub(crate) fn new(golden: &ImaGolden, is_superseded: impl Fn(&Digest) -> bool) -> Self {
        let files = &golden.files;
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
        let counts = |file: &ImaFile| !is_superseded(&file.digest) && file.path.as_bytes() != BOOT_AGGREGATE;
        let places = (0_u32..).zip(files);
        let mut index = Self {
            whole: WholeEntries::new(files, counts),
            here: Slots::for_as_many_as(files.len()),
            by_content: Slots::for_as_many_as(files.len()),
            files: Vec::new(),
            paths: Vec::new(),
            is_required,
            required: places.filter_map(|(place, file)| file.required.then_some(place)).collect(),
            has_weak: files.iter().any(|file| file.digest.alg().strength() == 0),
            signers,
        };
        index.fill(files, counts);
        index
    }

    /// `counts` says of which files the content at that path is golden.
    fn fill(&mut self, files: &[ImaFile], counts: impl Fn(&ImaFile) -> bool) {
        for (place, file) in (0_u32..).zip(files) {
            let asked = Asked { path: file.path.as_bytes(), digest: file.digest, verity: file.verity };
            // No document is long enough to be cut here (`Limits::golden_bytes`).
            let cut = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
            let (path_at, path_len) = (cut(self.paths.len()), cut(asked.path.len()));
            self.files.push(File { digest: asked.digest, verity: asked.verity, path_at, path_len });
            self.paths.extend(asked.path);
            if counts(file) {
                self.here.put(asked.hash(), place);
            }
            if self.with_content(&asked).is_none() {
                self.by_content.put(asked.content_hash(), place);
            }
        }
    }

    /// For each of these: the place of the golden file whose entry it is in whole, as its digest says.
    pub(crate) fn in_whole(&self, batch: &mut Batch<'_>) {
        self.whole.find(&batch.digests, &mut batch.first, &mut batch.places);
    }

    /// For each of these: the place of the golden file with this content at this path, if there is one. Step by step for all of them, so
    /// that the memory that one waits for comes while the others are on their way.
    pub(crate) fn here(&self, batch: &mut Batch<'_>) {
        let Batch { asked, places, same, .. } = batch;
        places.clear();
        places.extend(asked.iter().map(|asked| self.here.candidates(asked.as_ref()?.hash()).next()));
        same.clear();
        same.extend(asked.iter().zip(&*places).map(|(asked, place)| {
            let file = place.and_then(|place| self.file(place));
            file.zip(asked.as_ref()).is_some_and(|(file, asked)| file.digest == asked.digest)
        }));
        for ((asked, place), same) in asked.iter().zip(places).zip(same) {
            let (Some(asked), Some(first)) = (asked, *place) else { continue };
            if !(*same && self.is(first, asked)) {
                // Another file has the same hash.
                *place = self.here.candidates(asked.hash()).find(|place| self.is(*place, asked));
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
        self.file(place).is_some_and(|file| file.has_content_of(asked) && path(file) == Some(asked.path))
    }

    /// The first path at which this content is golden, whatever the entry's own.
    pub(crate) fn elsewhere<'g>(&self, golden: &'g ImaGolden, asked: &Asked<'_>) -> Option<&'g ImaFile> {
        golden.files.get(usize::try_from(self.with_content(asked)?).ok()?)
    }

    /// The place of the first file with this content.
    fn with_content(&self, asked: &Asked<'_>) -> Option<u32> {
        let mut candidates = self.by_content.candidates(asked.content_hash());
        candidates.find(|place| self.file(*place).is_some_and(|file| file.has_content_of(asked)))
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

    /// The files that are required, each with the place of the first file at its path.
    pub(crate) fn all_required<'g>(&self, golden: &'g ImaGolden) -> impl Iterator<Item = (u32, &'g ImaFile)> {
        let file = |place: u32| golden.files.get(usize::try_from(place).ok()?);
        self.required.iter().filter_map(move |place| Some((self.required(golden, *place)?, file(*place)?)))
    }

    /// Whether a file is known by a digest that is too weak to judge by.
    pub(crate) const fn has_weak(&self) -> bool {
        self.has_weak
    }

    /// The signers, in the order of the document.
    pub(crate) fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

#[cfg(test)]
mod tests;
