//! PCR values as the device states them.

use std::collections::BTreeMap;

use crate::{Digest, HashAlg};

/// PCR values that someone claims: bank to index to value. Nothing in it is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PcrValues(BTreeMap<HashAlg, BTreeMap<u8, Digest>>);

impl PcrValues {
    /// No values.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets a PCR of the value's own bank.
    pub fn insert(&mut self, pcr: u8, value: Digest) {
        self.0.entry(value.alg()).or_default().insert(pcr, value);
    }

    /// The value of a PCR, if one is claimed.
    #[must_use]
    pub fn get(&self, alg: HashAlg, pcr: u8) -> Option<Digest> {
        self.0.get(&alg)?.get(&pcr).copied()
    }

    /// Every value, by bank and index.
    pub fn iter(&self) -> impl Iterator<Item = (HashAlg, u8, Digest)> + '_ {
        self.0.iter().flat_map(|(alg, bank)| bank.iter().map(|(pcr, value)| (*alg, *pcr, *value)))
    }
}

impl FromIterator<(u8, Digest)> for PcrValues {
    fn from_iter<T: IntoIterator<Item = (u8, Digest)>>(values: T) -> Self {
        let mut all = Self::new();
        values.into_iter().for_each(|(pcr, value)| all.insert(pcr, value));
        all
    }
}
