//! Which sequence or variant of one document stands for which of the other.
//!
//! One learned anew has another name, most often its folder's. So what has no partner by name gets the one that has most in common with it.

use std::collections::BTreeMap;

use super::{Change, ChangeKind};
use crate::Digest;
use crate::limits::Limits;
use crate::reference::golden::{Golden, Sequence};

/// An extend as it is held against another: PCR, component, digests.
type Key<'k> = (u8, &'k str, &'k [Digest]);

/// A sequence or a variant without its name.
struct Content<'c> {
    /// The PCR of a sequence; a variant has several.
    pcr: Option<u8>,
    name: &'c str,
    /// Ascending.
    extends: Vec<Key<'c>>,
}

impl<'c> Content<'c> {
    fn new(pcr: Option<u8>, name: &'c str, sequences: &'c [Sequence]) -> Self {
        let extends = |sequence: &'c Sequence| {
            let pcr = sequence.pcr;
            sequence.slots.iter().map(move |slot| (pcr, slot.component.as_str(), slot.digests.as_slice()))
        };
        let mut extends: Vec<Key<'c>> = sequences.iter().flat_map(extends).collect();
        extends.sort_unstable();
        Self { pcr, name, extends }
    }

    /// How many extends are in both, and how many in one alone.
    fn common(&self, other: &Self) -> (usize, usize) {
        let mut rest = other.extends.iter().peekable();
        let is_in_rest = |key: &&Key<'c>| {
            while rest.next_if(|theirs| *theirs < *key).is_some() {}
            rest.next_if(|theirs| *theirs == *key).is_some()
        };
        let common = self.extends.iter().filter(is_in_rest).count();
        let all = self.extends.len().saturating_add(other.extends.len());
        (common, all.saturating_sub(common.saturating_mul(2)))
    }
}

/// The new document with the old one's names for what stands for something there, and what was renamed.
pub(super) fn under_old_names(old: &Golden, new: &Golden) -> (Golden, Vec<Change>) {
    let sequences = pairs(&of_sequences(old), &of_sequences(new));
    let (old_boots, new_boots) = (resolved(old), resolved(new));
    let variants = pairs(&of_variants(old, &old_boots), &of_variants(new, &new_boots));
    let mut named = new.clone();
    let mut renames = Renames::default();
    for pair in &sequences {
        let found = named.sequences.iter_mut().find(|s| Some(s.pcr) == pair.pcr && s.name == pair.new);
        if let Some(sequence) = found {
            pair.old.clone_into(&mut sequence.name);
            renames.add(pair, format!("PCR {}", sequence.pcr));
        }
    }
    let old_names: BTreeMap<&str, &str> = variants.iter().map(|pair| (pair.new, pair.old)).collect();
    for variant in &mut named.variants {
        for name in variant.based_on.iter_mut().chain([&mut variant.name]) {
            if let Some(old) = old_names.get(name.as_str()) {
                (*old).clone_into(name);
            }
        }
    }
    for pair in &variants {
        renames.add(pair, "variant".into());
    }
    (named, renames.changes())
}

fn of_sequences<'g>(golden: &'g Golden) -> Vec<Content<'g>> {
    let content = |s: &'g Sequence| Content::new(Some(s.pcr), &s.name, core::slice::from_ref(s));
    golden.sequences.iter().map(content).collect()
}

fn resolved(golden: &Golden) -> Vec<Vec<Sequence>> {
    golden.variants.iter().map(|variant| golden.resolve(variant).unwrap_or_default()).collect()
}

fn of_variants<'g>(golden: &'g Golden, boots: &'g [Vec<Sequence>]) -> Vec<Content<'g>> {
    let variants = golden.variants.iter().zip(boots);
    variants.map(|(variant, boot)| Content::new(None, &variant.name, boot)).collect()
}

/// Two that stand for each other under different names.
struct Pair<'p> {
    pcr: Option<u8>,
    old: &'p str,
    new: &'p str,
    is_equal: bool,
}

/// The nearest first; what has nothing in common is no pair. Beyond the budget names alone count.
fn pairs<'p>(old: &[Content<'p>], new: &[Content<'p>]) -> Vec<Pair<'p>> {
    let has_partner = |one: &Content<'p>, others: &[Content<'p>]| {
        others.iter().any(|other| (other.pcr, other.name) == (one.pcr, one.name))
    };
    let old_left: Vec<&Content<'p>> = old.iter().filter(|one| !has_partner(one, new)).collect();
    let new_left: Vec<&Content<'p>> = new.iter().filter(|one| !has_partner(one, old)).collect();
    let candidates = old_left.iter().enumerate().flat_map(|(from, one)| {
        let others = new_left.iter().enumerate();
        others.filter(|(_, other)| other.pcr == one.pcr).map(move |(to, other)| (from, *one, to, *other))
    });
    let mut scored: Vec<_> = candidates
        .take(Limits::DEFAULT.aligned_pairs)
        .map(|(from, one, to, other)| (one.common(other), from, one, to, other))
        .filter(|((common, apart), ..)| *common > 0 || *apart == 0)
        .collect();
    scored.sort_by_key(|((common, apart), from, _, to, _)| {
        (*apart != 0, core::cmp::Reverse(*common), *apart, *from, *to)
    });
    let (mut taken_old, mut taken_new) = (vec![false; old_left.len()], vec![false; new_left.len()]);
    let mut pairs = Vec::new();
    for ((_, apart), from, one, to, other) in scored {
        let (Some(from), Some(to)) = (taken_old.get_mut(from), taken_new.get_mut(to)) else { continue };
        if !*from && !*to {
            (*from, *to) = (true, true);
            pairs.push(Pair { pcr: one.pcr, old: one.name, new: other.name, is_equal: apart == 0 });
        }
    }
    pairs
}

/// Renames, those from one name to one other together.
#[derive(Default)]
struct Renames<'r>(BTreeMap<(&'r str, &'r str), (Vec<String>, bool)>);

impl<'r> Renames<'r> {
    fn add(&mut self, pair: &Pair<'r>, place: String) {
        let (places, differs) = self.0.entry((pair.old, pair.new)).or_default();
        places.push(place);
        *differs |= !pair.is_equal;
    }

    fn changes(self) -> Vec<Change> {
        let change = |((old, new), (mut places, differs)): ((&str, &str), (Vec<String>, bool))| {
            places.sort_unstable();
            let differs = if differs { ", and what else differs is below" } else { "" };
            Change {
                kind: ChangeKind::Renamed,
                place: places.join(", "),
                old: Some(format!("`{old}`")),
                new: Some(format!("`{new}`{differs}")),
                slot: None,
            }
        };
        self.0.into_iter().map(change).collect()
    }
}
