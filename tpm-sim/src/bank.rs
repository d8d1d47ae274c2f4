//! PCR banks: the hash algorithms a TPM keeps its PCRs in.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// A PCR bank, ordered by strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bank {
    /// TPM_ALG_SHA1, 20 bytes.
    Sha1,
    /// TPM_ALG_SHA256, 32 bytes.
    Sha256,
    /// TPM_ALG_SHA384, 48 bytes.
    Sha384,
    /// TPM_ALG_SHA512, 64 bytes.
    Sha512,
}

impl Bank {
    /// Every bank the simulator knows, weakest first.
    pub const ALL: [Bank; 4] = [Bank::Sha1, Bank::Sha256, Bank::Sha384, Bank::Sha512];

    /// The algorithm's TPM_ALG_ID.
    #[must_use]
    pub fn alg_id(self) -> u16 {
        match self {
            Bank::Sha1 => 0x0004,
            Bank::Sha256 => 0x000b,
            Bank::Sha384 => 0x000c,
            Bank::Sha512 => 0x000d,
        }
    }

    /// The bank of a TPM_ALG_ID, if the simulator knows it.
    #[must_use]
    pub fn from_alg_id(id: u16) -> Option<Bank> {
        Bank::ALL.into_iter().find(|bank| bank.alg_id() == id)
    }

    /// Bytes in a digest of this bank.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Bank::Sha1 => 20,
            Bank::Sha256 => 32,
            Bank::Sha384 => 48,
            Bank::Sha512 => 64,
        }
    }

    /// The bank's name as command lines and JSON write it: `sha256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Bank::Sha1 => "sha1",
            Bank::Sha256 => "sha256",
            Bank::Sha384 => "sha384",
            Bank::Sha512 => "sha512",
        }
    }

    /// The digest of the parts, concatenated.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        fn run<D: sha1::Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut hasher = D::new();
            parts.iter().for_each(|part| hasher.update(part));
            hasher.finalize().to_vec()
        }
        match self {
            Bank::Sha1 => run::<Sha1>(parts),
            Bank::Sha256 => run::<Sha256>(parts),
            Bank::Sha384 => run::<Sha384>(parts),
            Bank::Sha512 => run::<Sha512>(parts),
        }
    }
}

impl fmt::Display for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Bank {
    type Err = String;

    fn from_str(name: &str) -> Result<Bank, String> {
        Bank::ALL
            .into_iter()
            .find(|bank| bank.name() == name)
            .ok_or_else(|| format!("no PCR bank is called {name:?}"))
    }
}

/// One digest per bank, as a measurement is extended.
pub type Digests = BTreeMap<Bank, Vec<u8>>;

/// PCR values: bank, then index, then value.
pub type PcrValues = BTreeMap<Bank, BTreeMap<u32, Vec<u8>>>;

/// PCR values as the command line takes them: `{"sha256":{"0":"…"}}`.
#[must_use]
pub fn pcrs_json(values: &PcrValues) -> serde_json::Value {
    let banks = values.iter().map(|(bank, pcrs)| {
        let pcrs = pcrs.iter().map(|(pcr, value)| (pcr.to_string(), hex::encode(value).into()));
        (bank.name().to_owned(), serde_json::Value::Object(pcrs.collect()))
    });
    serde_json::Value::Object(banks.collect())
}

/// The PCRs a quote covers, per bank, in the order in which the banks were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(Vec<(Bank, u32)>);

impl Selection {
    /// The same PCRs in each of the banks.
    #[must_use]
    pub fn new(banks: &[Bank], pcrs: impl IntoIterator<Item = u32>) -> Selection {
        let mask = pcrs.into_iter().fold(0, |mask, pcr| mask | 1 << pcr);
        Selection(banks.iter().map(|&bank| (bank, mask)).collect())
    }

    /// Adds one bank with its 24-bit mask of PCRs.
    pub fn push(&mut self, bank: Bank, mask: u32) {
        self.0.push((bank, mask));
    }

    /// The banks and their PCR masks, in order.
    #[must_use]
    pub fn banks(&self) -> &[(Bank, u32)] {
        &self.0
    }

    /// The indices that the mask selects.
    pub fn indices(mask: u32) -> impl Iterator<Item = u32> {
        (0..24).filter(move |pcr| mask & (1 << pcr) != 0)
    }
}
