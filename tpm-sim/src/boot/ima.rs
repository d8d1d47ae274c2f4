//! A writer of IMA measurement lists, template `ima-ng`.

use crate::bank::{Bank, Digests};
use crate::device::{Device, Error};

/// The PCR that the kernel extends by default.
const IMA_PCR: u32 = 10;
const TEMPLATE: &str = "ima-ng";

/// One entry: a file and the digest of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImaEntry {
    /// The PCR it is extended into.
    pub pcr: u32,
    /// The file's path, or `boot_aggregate`.
    pub path: String,
    /// The hash of `digest`.
    pub algorithm: Bank,
    /// The file's digest.
    pub digest: Vec<u8>,
}

/// An IMA list that can still be edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImaList {
    shown: Option<Vec<u8>>,
    /// In order.
    pub entries: Vec<ImaEntry>,
}

/// Where the parts of an entry stand, in bytes from the list's begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImaPlaces {
    /// Its PCR index, with which it begins.
    pub pcr: usize,
    /// The size of the template's name.
    pub name_size: usize,
    /// The size of the template data.
    pub data_size: usize,
    /// The first byte after it.
    pub end: usize,
}

impl ImaEntry {
    /// An entry with a given digest.
    #[must_use]
    pub fn new(path: &str, algorithm: Bank, digest: Vec<u8>) -> ImaEntry {
        ImaEntry { pcr: IMA_PCR, path: path.to_owned(), algorithm, digest }
    }

    /// The entry of a file's content.
    #[must_use]
    pub fn file(path: &str, content: &[u8]) -> ImaEntry {
        ImaEntry::new(path, Bank::Sha256, Bank::Sha256.hash(&[content]))
    }

    /// The template data: `d-ng` (length, algorithm, colon, NUL, digest) and `n-ng` (length, path, NUL).
    fn template_data(&self) -> Vec<u8> {
        let digest = [self.algorithm.name().as_bytes(), b":\0", &self.digest].concat();
        let name = [self.path.as_bytes(), b"\0"].concat();
        [length(&digest).as_slice(), &digest, &length(&name), &name].concat()
    }

    /// The digests that a PCR is extended with: each bank's own hash of the template data, as kernels since 5.8 do where they have that
    /// hash built in.
    #[must_use]
    pub fn digests(&self, banks: &[Bank]) -> Digests {
        let data = self.template_data();
        banks.iter().map(|&bank| (bank, bank.hash(&[&data]))).collect()
    }
}

impl ImaList {
    /// Shows these bytes in the place of those that the entries give.
    pub fn show(&mut self, bytes: Vec<u8>) {
        self.shown = Some(bytes);
    }

    /// Where the entries stand in the list's bytes.
    #[must_use]
    pub fn places(&self) -> Vec<ImaPlaces> {
        let mut end = 0;
        let place = |entry: &ImaEntry| {
            let (pcr, name_size) = (end, end + 4 + Bank::Sha1.size());
            let data_size = name_size + 4 + TEMPLATE.len();
            end = data_size + 4 + entry.template_data().len();
            ImaPlaces { pcr, name_size, data_size, end }
        };
        self.entries.iter().map(place).collect()
    }

    /// Appends an entry.
    pub fn push(&mut self, entry: ImaEntry) {
        self.entries.push(entry);
    }

    /// Extends every entry into the TPM.
    ///
    /// # Errors
    /// The TPM refuses.
    pub fn extend(&self, device: &mut Device, banks: &[Bank]) -> Result<(), Error> {
        self.entries.iter().try_for_each(|entry| device.extend(entry.pcr, &entry.digests(banks)))
    }

    /// The list as `binary_runtime_measurements` shows it: PCR, SHA-1 template digest, template name, template data.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(shown) = &self.shown {
            return shown.clone();
        }
        let mut out = Vec::new();
        for entry in &self.entries {
            let data = entry.template_data();
            out.extend(entry.pcr.to_le_bytes());
            out.extend(Bank::Sha1.hash(&[&data]));
            out.extend(length(TEMPLATE.as_bytes()));
            out.extend(TEMPLATE.as_bytes());
            out.extend(length(&data));
            out.extend(data);
        }
        out
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}
