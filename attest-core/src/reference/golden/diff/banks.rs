//! Two documents with other banks: compared by those that both have.

use super::{Change, ChangeKind, kind};
use crate::digest::HashAlg;
use crate::reference::golden::{Golden, Slot};

/// The banks that both have; if none, all: then no digest can be compared, and every slot shows.
pub(super) fn shared(old: &Golden, new: &Golden) -> Vec<HashAlg> {
    let mut shared: Vec<HashAlg> =
        old.banks.iter().filter(|bank| new.banks.contains(bank)).copied().collect();
    if shared.is_empty() {
        shared = old.banks.iter().chain(&new.banks).copied().collect();
    }
    shared
}

/// The document with digests of these banks alone.
pub(super) fn within(golden: &Golden, banks: &[HashAlg]) -> Golden {
    let mut golden = golden.clone();
    for slot in slots_mut(&mut golden) {
        slot.digests.retain(|digest| banks.contains(&digest.alg()));
    }
    for old in &mut golden.superseded {
        // One that has no such digest keeps its own: else two would look like one.
        if old.digests.iter().any(|digest| banks.contains(&digest.alg())) {
            old.digests.retain(|digest| banks.contains(&digest.alg()));
        }
    }
    golden
}

/// What was not compared, because one document alone has it: one line for each bank.
pub(super) fn alone(old: &Golden, new: &Golden, changes: &mut Vec<Change>) {
    let has_shared = old.banks.iter().any(|bank| new.banks.contains(bank));
    let said = |golden: &Golden, bank: HashAlg| {
        let slots = slots(golden).filter(|slot| slot.digest(bank).is_some()).count();
        let what = if has_shared {
            "one for each of"
        } else {
            "no bank is in both documents, so that nothing can be compared:"
        };
        (golden.banks.contains(&bank)).then(|| format!("{what} {slots} slots, in this document alone"))
    };
    let mut banks: Vec<HashAlg> = old.banks.iter().chain(&new.banks).copied().collect();
    banks.retain(|bank| old.banks.contains(bank) != new.banks.contains(bank));
    for bank in banks {
        let (was, is) = (said(old, bank), said(new, bank));
        let kind: ChangeKind = kind(&was, &is);
        changes.push(Change {
            kind,
            place: format!("digests in {}", bank.name()),
            old: was,
            new: is,
            slot: None,
        });
    }
}

fn slots(golden: &Golden) -> impl Iterator<Item = &Slot> {
    let variants = golden.variants.iter();
    let replaced = variants.clone().flat_map(|variant| &variant.replace).map(|replacement| &replacement.with);
    let sequences = golden.sequences.iter().chain(variants.flat_map(|variant| &variant.sequences));
    sequences.flat_map(|sequence| &sequence.slots).chain(replaced)
}

fn slots_mut(golden: &mut Golden) -> impl Iterator<Item = &mut Slot> {
    let of_variants = golden.variants.iter_mut().flat_map(|variant| {
        let replaced = variant.replace.iter_mut().map(|replacement| &mut replacement.with);
        variant.sequences.iter_mut().flat_map(|sequence| &mut sequence.slots).chain(replaced)
    });
    golden.sequences.iter_mut().flat_map(|sequence| &mut sequence.slots).chain(of_variants)
}
