//! Entries that are golden in whole, by the digest that extended the register: none of their fields need be read.

use super::slots::Slots;
use crate::authenticate::DataDigest;
use crate::digest::HashAlg;
use crate::evidence::ima_log::{Plain, file_data};
use crate::reference::golden::ImaFile;

/// The digests that kernels extend for the golden files, one table a template: a list has but one of them for nearly all its entries.
///
/// The template's name is in no digest, and other templates may come whose data looks the same: only under these names it is a file's.
#[derive(Clone, Debug, Default)]
pub(super) struct WholeEntries {
    ng: Table,
    sig: Table,
}

#[derive(Clone, Debug, Default)]
struct Table {
    slots: Slots,
    /// SHA-256 of an entry's data, by the file's place in the document.
    digests: Vec<[u8; 32]>,
}

/// A digest is as uniform as a hash can be, and nobody chooses it.
fn hash(digest: &[u8; 32]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl WholeEntries {
    /// `counts` says of which files the content at that path is golden.
    pub(super) fn new(files: &[ImaFile], counts: impl Fn(&ImaFile) -> bool) -> Self {
        let table = || Table { slots: Slots::for_as_many_as(files.len()), digests: Vec::new() };
        let (mut ng, mut sig) = (table(), table());
        for (place, file) in (0_u32..).zip(files) {
            // What the data of a Merkle tree's digest looks like, these templates do not say.
            let data = file_data(&file.path, &file.digest).filter(|_| !file.verity && counts(file));
            for (table, data) in
                [&mut ng, &mut sig].into_iter().zip(data.map_or([None, None], |data| data.map(Some)))
            {
                let digest =
                    data.and_then(|data| HashAlg::Sha256.hash(&[&data]).as_bytes().first_chunk().copied());
                table.digests.push(digest.unwrap_or_default());
                if let Some(digest) = digest {
                    table.slots.put(hash(&digest), place);
                }
            }
        }
        Self { ng, sig }
    }

    /// For each of these digests the place of the golden file. Step by step for all of them, so that the memory that one waits for comes
    /// while the others are on their way. `first` is scratch.
    pub(super) fn find(
        &self,
        digests: &[Option<DataDigest<'_>>],
        first: &mut Vec<Option<u32>>,
        places: &mut Vec<Option<u32>>,
    ) {
        first.clear();
        first.extend(digests.iter().map(|digest| self.candidates(digest.as_ref()?).next()));
        places.clear();
        places.extend(digests.iter().zip(first).map(|(digest, first)| {
            let digest = digest.as_ref()?;
            let is = |place: &u32| self.table(digest).digest(*place) == Some(digest.sha256);
            // The first is nearly always the one.
            first.filter(is).or_else(|| self.candidates(digest).find(is))
        }));
    }

    fn candidates(&self, digest: &DataDigest<'_>) -> impl Iterator<Item = u32> + '_ {
        self.table(digest).slots.candidates(hash(digest.sha256))
    }

    const fn table(&self, digest: &DataDigest<'_>) -> &Table {
        match digest.template {
            Plain::Ng => &self.ng,
            Plain::Sig => &self.sig,
        }
    }
}

impl Table {
    fn digest(&self, place: u32) -> Option<&[u8; 32]> {
        self.digests.get(usize::try_from(place).ok()?)
    }
}
