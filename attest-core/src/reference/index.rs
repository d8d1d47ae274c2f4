//! Golden sequences, found by the PCR value they lead to: looking one up costs the same among ten as among a hundred thousand.
//!
//! A sequence that has no rule and a fixed order leads to one value in each bank, and by the hash's collision resistance a proven value
//! means those extends and no others. The index only proposes: whoever asks still compares the extends with the proposed sequence.
//! Sequences that may vary lead to many values; they are few and are always proposed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::golden::{Golden, Sequence};
use super::{ResolvedVariant, component};
use crate::authenticate::replay::reset_value;
use crate::digest::Digest;

/// Finds the sequences and variants that can account for proven values. What a document brings is shared; a device's overlay adds its own,
/// and costs what it changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    document: Arc<OfDocument>,
    /// Sequences with a device's own digests, by number: alternatives in the place of the document's, those of variants behind them.
    own: BTreeMap<u32, Known>,
    /// Which variants have one of their own in the place of a sequence of the document.
    left: BTreeMap<u32, Vec<u32>>,
}

/// What the document brings.
#[derive(Clone, Debug, Default)]
struct OfDocument {
    /// Every distinct sequence: alternatives first, then those of variants.
    sequences: Vec<Known>,
    /// Where to find sequences by the value that they lead to as written, sorted by register, value, sequence.
    values: Vec<(Key, u32)>,
    /// All of `sequences`, by register.
    registers: BTreeMap<u8, Vec<u32>>,
    /// Sequences that may vary, by register.
    open: BTreeMap<u8, Vec<u32>>,
    /// Registers with a rule that has values.
    valued: BTreeSet<u8>,
    /// How many of `sequences` are alternatives; they stand in the order of the document.
    alternatives: usize,
    /// The alternatives, sorted by register and name.
    by_name: Vec<u32>,
    /// Names of components by their number.
    components: Vec<Arc<str>>,
    /// Superseded digests, sorted, with their positions in the document.
    superseded: Vec<(Digest, u32)>,
}

#[derive(Clone, Debug)]
struct Known {
    sequence: Arc<Sequence>,
    /// The numbers of its components, without separators, each once.
    components: Vec<u32>,
    /// Positions of the variants that have it, ascending.
    variants: Vec<u32>,
    /// It is exact, and none of its digests is superseded: extends that it accounts for need not be looked up.
    current: bool,
}

/// A register and the first bytes of a value in one bank. More bytes would prove no more: the extends are compared in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pcr: u8,
    alg: crate::HashAlg,
    value: [u8; 16],
}

impl Key {
    pub(crate) fn new(pcr: u8, value: &Digest) -> Self {
        let first = value.as_bytes().first_chunk().copied().unwrap_or_default();
        Self { pcr, alg: value.alg(), value: first }
    }

    /// A number that is spread as evenly as digests are.
    pub(crate) fn spread(&self) -> u64 {
        self.value.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

/// A sequence of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SequenceId(u32);

impl OfDocument {
    fn new(golden: &Golden, variants: &mut [ResolvedVariant]) -> Self {
        let mut index = Self::default();
        let superseded = (0_u32..).zip(&golden.superseded);
        index.superseded =
            superseded.flat_map(|(at, old)| old.digests.iter().map(move |digest| (*digest, at))).collect();
        index.superseded.sort_unstable();
        let mut numbers = BTreeMap::new();
        for sequence in &golden.sequences {
            index.add(Arc::new(sequence.clone()), &mut numbers);
        }
        index.alternatives = index.sequences.len();
        index.by_name = (0_u32..).zip(&index.sequences).map(|(id, _)| id).collect();
        index.by_name.sort_by_cached_key(|id| {
            let sequence = golden.sequences.get(usize::try_from(*id).unwrap_or(usize::MAX));
            sequence.map(|sequence| (sequence.pcr, sequence.name.clone()))
        });
        let mut known: BTreeMap<(Digest, usize), u32> = BTreeMap::new();
        for (at, variant) in (0_u32..).zip(variants) {
            for sequence in &mut variant.sequences {
                let id = index.shared(sequence, &mut known, &mut numbers);
                variant.ids.push(SequenceId(id));
                if let Some(known) = index.known_mut(id) {
                    *sequence = Arc::clone(&known.sequence);
                    known.variants.push(at);
                }
            }
        }
        index.values.sort_unstable();
        let mut names: Vec<(u32, String)> = numbers.into_iter().map(|(name, at)| (at, name)).collect();
        names.sort_unstable();
        index.components = names.into_iter().map(|(_, name)| name.into()).collect();
        index
    }

    /// The number of an equal sequence that is known, or a new one. `known` finds sequences by what their digests hash to; those that
    /// differ in something else than digests stand behind one another.
    fn shared(
        &mut self,
        sequence: &Arc<Sequence>,
        known: &mut BTreeMap<(Digest, usize), u32>,
        numbers: &mut BTreeMap<String, u32>,
    ) -> u32 {
        let digests: Vec<&[u8]> =
            sequence.slots.iter().flat_map(|slot| &slot.digests).map(Digest::as_bytes).collect();
        let print = crate::HashAlg::Sha256.hash(&digests);
        for behind in 0.. {
            let Some(id) = known.get(&(print, behind)).copied() else {
                let id = self.add(Arc::clone(sequence), numbers);
                known.insert((print, behind), id);
                return id;
            };
            if self.known(id).is_some_and(|known| known.sequence == *sequence) {
                return id;
            }
        }
        u32::MAX
    }

    fn add(&mut self, sequence: Arc<Sequence>, numbers: &mut BTreeMap<String, u32>) -> u32 {
        let id = u32::try_from(self.sequences.len()).unwrap_or(u32::MAX);
        self.registers.entry(sequence.pcr).or_default().push(id);
        self.values.extend(values(&sequence).map(|value| (Key::new(sequence.pcr, &value), id)));
        if sequence.slots.iter().any(|slot| slot.rule.as_ref().is_some_and(|rule| rule.values().is_some())) {
            self.valued.insert(sequence.pcr);
        }
        if !sequence.is_exact() {
            self.open.entry(sequence.pcr).or_default().push(id);
        }
        let mut components = Vec::new();
        for slot in sequence.slots.iter().filter(|slot| slot.component != component::SEPARATOR) {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(slot.component.clone()).or_insert(next);
            if !components.contains(&number) {
                components.push(number);
            }
        }
        let mut digests = sequence.slots.iter().flat_map(|slot| &slot.digests);
        let current = sequence.is_exact() && digests.all(|digest| self.superseded(digest).is_none());
        self.sequences.push(Known { sequence, components, variants: Vec::new(), current });
        id
    }

    fn known_mut(&mut self, id: u32) -> Option<&mut Known> {
        self.sequences.get_mut(usize::try_from(id).ok()?)
    }

    fn known(&self, id: u32) -> Option<&Known> {
        self.sequences.get(usize::try_from(id).ok()?)
    }

    /// How many sequences there are: the number of the first one of a device's own.
    fn count(&self) -> u32 {
        u32::try_from(self.sequences.len()).unwrap_or(u32::MAX)
    }

    /// Where the document says that this digest was good once.
    fn superseded(&self, digest: &Digest) -> Option<usize> {
        let from = self.superseded.partition_point(|(known, _)| known < digest);
        let (_, at) = self.superseded.get(from).filter(|(known, _)| known == digest)?;
        usize::try_from(*at).ok()
    }

    fn exactly<'i>(&'i self, pcr: u8, value: &Digest) -> impl Iterator<Item = u32> + use<'i> {
        let key = Key::new(pcr, value);
        let from = self.values.partition_point(|(known, _)| *known < key);
        let rest = self.values.get(from..).unwrap_or_default();
        rest.iter().take_while(move |(known, _)| *known == key).map(|(_, id)| *id)
    }
}

impl Index {
    /// Indexes a document and its variants, and lets variants share what is equal in them.
    pub(crate) fn new(golden: &Golden, variants: &mut [ResolvedVariant]) -> Self {
        Self { document: Arc::new(OfDocument::new(golden, variants)), ..Self::default() }
    }

    fn known(&self, id: SequenceId) -> Option<&Known> {
        self.own.get(&id.0).or_else(|| self.document.known(id.0))
    }

    /// Sequences of variants with a device's own digests.
    fn own_of_variants(&self) -> impl DoubleEndedIterator<Item = (u32, &Known)> {
        self.own.range(self.document.count()..).map(|(id, known)| (*id, known))
    }

    /// The values that registers have after the document's sequences as they are written; one that several sequences lead to stands there
    /// several times.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.document.values.iter().map(|(key, _)| *key)
    }

    /// Registers in which some sequence of the document may vary.
    pub(crate) fn open_registers(&self) -> impl Iterator<Item = u8> + '_ {
        self.document.open.keys().copied()
    }

    /// Whether a sequence of the register has a rule with values.
    pub(crate) fn has_values(&self, pcr: u8) -> bool {
        self.document.valued.contains(&pcr)
    }

    /// The alternatives, in the order of the document.
    pub(crate) fn all_alternatives(&self) -> impl DoubleEndedIterator<Item = &Sequence> {
        let document = self.document.sequences.get(..self.document.alternatives).unwrap_or_default();
        let own = |at: usize| self.own.get(&u32::try_from(at).ok()?);
        document.iter().enumerate().map(move |(at, known)| &*own(at).unwrap_or(known).sequence)
    }

    /// Puts an alternative with a device's own digests in the place of the document's. Sequences with slots that differ from device to
    /// device are never found by their value, so nothing else moves.
    pub(crate) fn put(&mut self, id: SequenceId, sequence: Arc<Sequence>) {
        if let Some(known) = self.known(id) {
            let own = Known { sequence, ..known.clone() };
            self.own.insert(id.0, own);
        }
    }

    /// The same for one variant, which no longer shares the sequence with others.
    pub(crate) fn put_for(&mut self, variant: u32, id: SequenceId, sequence: Arc<Sequence>) -> SequenceId {
        if let Some(own) = self.own.get_mut(&id.0) {
            own.sequence = sequence;
            return id;
        }
        let Some(known) = self.document.known(id.0) else { return id };
        let Known { components, current, .. } = known;
        let own =
            Known { sequence, variants: vec![variant], components: components.clone(), current: *current };
        let last = self.own.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        let new = last.max(self.document.count());
        self.own.insert(new, own);
        self.left.entry(id.0).or_default().push(variant);
        SequenceId(new)
    }

    fn is_alternative(&self, id: u32) -> bool {
        usize::try_from(id).is_ok_and(|id| id < self.document.alternatives)
    }

    /// The first golden sequence of this register that leads to this value as it is written.
    pub(crate) fn leading_to(&self, pcr: u8, value: &Digest) -> Option<&Sequence> {
        self.sequence(SequenceId(self.document.exactly(pcr, value).next()?))
    }

    /// The alternatives of a register, or the sequences of variants, that can lead to this value.
    fn proposed<'i>(
        &'i self,
        pcr: u8,
        value: &Digest,
        alternatives: bool,
    ) -> impl Iterator<Item = SequenceId> + use<'i> {
        let open = self.document.open.get(&pcr).map(Vec::as_slice).unwrap_or_default();
        let own = self.own_of_variants().filter(move |(_, known)| known.sequence.pcr == pcr);
        let own = own.map(|(id, _)| id);
        let ids = self.document.exactly(pcr, value).chain(open.iter().copied()).chain(own);
        ids.filter(move |id| self.is_alternative(*id) == alternatives).map(SequenceId)
    }

    /// The golden alternatives of PCR 0–3, 6 and 7 that can lead to this value.
    pub(crate) fn alternatives(&self, pcr: u8, value: &Digest) -> impl Iterator<Item = SequenceId> + '_ {
        self.proposed(pcr, value, true)
    }

    /// The sequences of variants that can lead to this value.
    pub(crate) fn of_variants<'i>(
        &'i self,
        pcr: u8,
        value: &Digest,
    ) -> impl Iterator<Item = SequenceId> + use<'i> {
        self.proposed(pcr, value, false)
    }

    /// The alternative at this position of the document.
    pub(crate) fn alternative(&self, at: usize) -> Option<SequenceId> {
        u32::try_from(at).ok().filter(|id| self.is_alternative(*id)).map(SequenceId)
    }

    /// The first alternative of this register and name.
    pub(crate) fn alternative_named(&self, pcr: u8, name: &str) -> Option<SequenceId> {
        let by_name = &self.document.by_name;
        let key =
            |id: &u32| self.document.known(*id).map(|known| (known.sequence.pcr, &*known.sequence.name));
        let from = by_name.partition_point(|id| key(id) < Some((pcr, name)));
        by_name.get(from).filter(|id| key(id) == Some((pcr, name))).map(|id| SequenceId(*id))
    }

    /// The sequence.
    pub(crate) fn sequence(&self, id: SequenceId) -> Option<&Sequence> {
        self.known(id).map(|known| &*known.sequence)
    }

    /// The distinct sequences of a register, the last of the document first, each with the first variant that has it.
    pub(crate) fn of_register(&self, pcr: u8) -> impl Iterator<Item = (&Sequence, Option<u32>)> {
        let document = self.document.registers.get(&pcr).map(Vec::as_slice).unwrap_or_default();
        let own = self.own_of_variants().rev().filter(move |(_, known)| known.sequence.pcr == pcr);
        let ids = own.map(|(id, _)| id).chain(document.iter().rev().copied()).map(SequenceId);
        ids.filter_map(|id| Some((self.sequence(id)?, self.variants_with(id).next())))
    }

    /// Positions of the variants that have this sequence, ascending.
    pub(crate) fn variants_with(&self, id: SequenceId) -> impl DoubleEndedIterator<Item = u32> + '_ {
        let having = self.known(id).map(|known| known.variants.as_slice()).unwrap_or_default();
        let left = self.left.get(&id.0).map(Vec::as_slice).unwrap_or_default();
        having.iter().copied().filter(|at| !left.contains(at))
    }

    /// How many they are.
    pub(crate) fn count_with(&self, id: SequenceId) -> usize {
        let left = self.left.get(&id.0).map_or(0, Vec::len);
        self.known(id).map_or(0, |known| known.variants.len().saturating_sub(left))
    }

    /// Whether extends that the sequence accounts for can have no superseded digest.
    pub(crate) fn is_current(&self, id: SequenceId) -> bool {
        self.known(id).is_some_and(|known| known.current)
    }

    /// Numbers of the sequence's components, in order.
    pub(crate) fn components(&self, id: SequenceId) -> &[u32] {
        self.known(id).map(|known| known.components.as_slice()).unwrap_or_default()
    }

    /// How many names of components there are: their numbers are below.
    pub(crate) fn component_count(&self) -> usize {
        self.document.components.len()
    }

    /// Where the document says that this digest was good once.
    pub(crate) fn superseded(&self, digest: &Digest) -> Option<usize> {
        self.document.superseded(digest)
    }

    /// How many sequences of its own this index has, where it shares all else with another one.
    #[cfg(test)]
    pub(crate) fn own_beside(&self, other: &Self) -> Option<usize> {
        Arc::ptr_eq(&self.document, &other.document).then_some(self.own.len())
    }

    /// The name of a component.
    pub(crate) fn component(&self, number: u32) -> Arc<str> {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        self.document.components.get(at).map(Arc::clone).unwrap_or_default()
    }
}

/// The value that a sequence leads to as it is written, in each bank in which all its slots have a digest.
fn values(sequence: &Sequence) -> impl Iterator<Item = Digest> + '_ {
    let locality = (sequence.pcr == 0).then_some(sequence.startup_locality);
    crate::HashAlg::ALL.into_iter().filter_map(move |alg| {
        let start = reset_value(alg, sequence.pcr.into(), locality);
        sequence
            .slots
            .iter()
            .try_fold(start, |value, slot| Some(value.extended(slot.digest(alg)?.as_bytes())))
    })
}

#[cfg(test)]
mod tests;
