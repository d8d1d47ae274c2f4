//! Many reference sets, found by the PCR values that they lead to: looking one up costs the same among ten as among a hundred thousand.
//!
//! As the index of one set, this one only proposes. A set is proposed where each quoted register that it judges has a value that one of its
//! sequences leads to, or where a sequence of that register may vary; whether the set explains the boot, the appraisal says.

use super::ReferenceSet;
use super::golden::may_be_judged;
use super::index::Key;
use crate::authenticate::AuthenticEvidence;
use crate::{Digest, HashAlg, Limits};

/// Registers that a golden document can judge.
const REGISTERS: u8 = 16;

/// Finds the sets that can account for a boot. Sets are known by their place in the list that this was made of.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// Each value of each register once, in the order of [`Key::spread`], with where its sets begin in `sets`.
    keys: Vec<(Key, u32)>,
    /// For the first bits of a spread number the first key that has them, and one place more at the end.
    directory: Vec<u32>,
    /// How many bits those are not.
    shift: u32,
    /// The sets of one value after the other, ascending.
    sets: Vec<u32>,
    /// For each register the sets that do not judge it, or in which it may vary; ascending.
    any: Vec<Vec<u32>>,
}

/// Sets that can have one register's value; one list for each quoted bank, and that of the sets with any value.
type Lists<'c> = Vec<(u8, &'c [u32])>;

impl Candidates {
    /// Indexes these sets. Overlays are not looked at: what differs from device to device may vary.
    #[must_use]
    pub fn new<'r>(sets: impl IntoIterator<Item = &'r ReferenceSet>) -> Self {
        let mut found: Vec<(u64, Key, u32)> = Vec::new();
        let mut any = vec![Vec::new(); REGISTERS.into()];
        for (at, set) in (0_u32..).zip(sets) {
            found.extend(set.index().keys().map(|key| (key.spread(), key, at)));
            let open: Vec<u8> = set.index().open_registers().collect();
            for (pcr, any) in (0_u8..).zip(&mut any) {
                if open.contains(&pcr) || !set.golden().judged.contains(&pcr) {
                    any.push(at);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        let mut index = Self { any, ..Self::default() };
        for (_, key, at) in found {
            if index.keys.last().is_none_or(|(last, _)| *last != key) {
                index.keys.push((key, count(index.sets.len())));
            }
            index.sets.push(at);
        }
        index.keys.shrink_to_fit();
        index.sets.shrink_to_fit();
        index.list_directory();
        index
    }

    /// One place for each key, so that a place has one key on average.
    fn list_directory(&mut self) {
        let bits = self.keys.len().checked_ilog2().unwrap_or(0).clamp(1, 30);
        self.shift = 64_u32.saturating_sub(bits);
        let places = 1_u64.checked_shl(bits).unwrap_or(1);
        let mut at = 0;
        for place in 0..places {
            while self.keys.get(at).is_some_and(|(key, _)| self.place_of(key) < place) {
                at = at.saturating_add(1);
            }
            self.directory.push(count(at));
        }
        self.directory.push(count(self.keys.len()));
    }

    fn place_of(&self, key: &Key) -> u64 {
        key.spread().checked_shr(self.shift).unwrap_or(0)
    }

    /// The sets with this value, ascending.
    fn with(&self, key: &Key) -> &[u32] {
        let at = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let range = || {
            let place = usize::try_from(self.place_of(key)).ok()?;
            let (first, next) = (*self.directory.get(place)?, *self.directory.get(place.checked_add(1)?)?);
            let own = self.keys.get(at(first)..at(next))?.iter().position(|(known, _)| known == key)?;
            let own = at(first).checked_add(own)?;
            let end = self.keys.get(own.checked_add(1)?).map_or(self.sets.len(), |(_, end)| at(*end));
            self.sets.get(at(self.keys.get(own)?.1)..end)
        };
        range().unwrap_or_default()
    }

    /// The sets that can account for this boot, in their order.
    pub fn find<'c>(&'c self, evidence: &AuthenticEvidence<'_>) -> impl Iterator<Item = usize> + use<'c> {
        let values: Vec<(HashAlg, u8, Digest)> = evidence.pcrs().iter().collect();
        self.with_values(&values)
    }

    fn with_values<'c>(&'c self, quoted: &[(HashAlg, u8, Digest)]) -> impl Iterator<Item = usize> + use<'c> {
        let mut lists: Lists<'c> = Vec::new();
        for pcr in (0..REGISTERS).filter(|pcr| may_be_judged(*pcr)) {
            let before = lists.len();
            let values = quoted.iter().filter(|(_, of, _)| *of == pcr);
            lists.extend(values.map(|(_, _, value)| (pcr, self.with(&Key::new(pcr, value)))));
            // A register that is not quoted tells no set from another one.
            if lists.len() > before {
                let any = self.any.get(usize::from(pcr)).map(Vec::as_slice).unwrap_or_default();
                lists.push((pcr, any));
            }
        }
        let rarest = by_register(&lists).min_by_key(|of_one| count_in(of_one)).map(|of_one| of_one.to_vec());
        let rarest = Union { lists: rarest.unwrap_or_default() };
        let rarest = rarest.take(Limits::DEFAULT.shared_releases);
        let has_all = move |set: &u32| {
            by_register(&lists).all(|of_one| of_one.iter().any(|(_, sets)| sets.binary_search(set).is_ok()))
        };
        rarest.filter(has_all).filter_map(|set| usize::try_from(set).ok())
    }
}

fn by_register<'l, 'c>(lists: &'l Lists<'c>) -> impl Iterator<Item = &'l [(u8, &'c [u32])]> {
    lists.chunk_by(|(left, _), (right, _)| left == right)
}

fn count_in(of_one: &[(u8, &[u32])]) -> usize {
    of_one.iter().map(|(_, sets)| sets.len()).fold(0, usize::saturating_add)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The numbers of ascending lists, ascending, each once.
struct Union<'c> {
    lists: Lists<'c>,
}

impl Iterator for Union<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let next = self.lists.iter().filter_map(|(_, list)| list.first()).min().copied()?;
        for (_, list) in &mut self.lists {
            if let Some((first, rest)) = list.split_first()
                && *first == next
            {
                *list = rest;
            }
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests;
