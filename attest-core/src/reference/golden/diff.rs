//! What changed between two documents, as a reviewer reads it.

mod banks;
mod partners;

use std::collections::BTreeMap;

use super::{Golden, Sequence, Slot};
use crate::alignment::{self, Sides};

/// What happened to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Only the new document has it.
    Added,
    /// Both have it, differently.
    Changed,
    /// Only the old document has it.
    Removed,
    /// Both have it, or something near, under different names.
    Renamed,
}

impl ChangeKind {
    /// Its stable name, for people and for programs: `added`, `changed`, `removed` or `renamed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// Where: `variant debian-12 PCR 8 slot 5 grub.command`.
    pub place: String,
    /// What stood there.
    pub old: Option<String>,
    /// What stands there now.
    pub new: Option<String>,
    /// The slots, where it is about one.
    pub slot: Option<SlotChange>,
}

/// A slot of one sequence, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotChange {
    /// The sequence: `variant `debian-12` PCR 8`.
    pub sequence: String,
    /// Its PCR.
    pub pcr: u8,
    /// The slot that stood there.
    pub old: Option<Slot>,
    /// The slot that stands there now.
    pub new: Option<Slot>,
}

impl Golden {
    /// Everything in which `new` differs from this document, in the order of the documents, additions last. Nothing that is compared at
    /// appraisal is left out. Slots are aligned, so that one more extend does not make all that follow it look changed.
    ///
    /// Sequences and variants stand for those of the same name, and if there is none for the ones nearest in content. Digests are
    /// compared in the banks that both documents have; what one alone has is counted.
    #[must_use]
    pub fn diff(&self, new: &Self) -> Vec<Change> {
        let shared = banks::shared(self, new);
        let mut changes = Vec::new();
        banks::alone(self, new, &mut changes);
        let old = banks::within(self, &shared);
        let (new, renamed) = partners::under_old_names(&old, &banks::within(new, &shared));
        changes.extend(renamed);
        let (before, after) = (old.flatten(), new.flatten());
        let old: BTreeMap<&str, &Entry> = before.0.iter().map(|entry| (&*entry.place, entry)).collect();
        let new: BTreeMap<&str, &Entry> = after.0.iter().map(|entry| (&*entry.place, entry)).collect();
        let only_new = after.0.iter().filter(|entry| !old.contains_key(&*entry.place));
        for Entry { place, .. } in before.0.iter().chain(only_new) {
            let (old, new) = (old.get(&**place).copied(), new.get(&**place).copied());
            let text = |entry: Option<&Entry>| entry.map(|entry| entry.value.clone());
            let (was, is) = (text(old), text(new));
            if was != is {
                changes.push(Change {
                    kind: kind(&was, &is),
                    place: place.clone(),
                    old: was,
                    new: is,
                    slot: None,
                });
            }
            let slots = |entry: Option<&Entry>| entry.map(|entry| entry.slots.clone()).unwrap_or_default();
            if let Some(pcr) = old.or(new).and_then(|entry| entry.pcr) {
                slot_changes(place, pcr, &slots(old), &slots(new), &mut changes);
            }
        }
        changes
    }

    fn flatten(&self) -> Flat {
        let mut flat = Flat::default();
        flat.add("family".into(), self.family.clone());
        let banks: Vec<&str> = self.banks.iter().map(|b| b.name()).collect();
        flat.add("banks".into(), banks.join(", "));
        for pcr in &self.judged {
            flat.add(format!("judged PCR {pcr}"), "judged".into());
        }
        for not in &self.not_judged {
            flat.add(format!("not judged PCR {}", not.pcr), not.reason.clone());
        }
        for accepted in &self.accepted {
            flat.add(format!("accepted weakness {}", accepted.weakness), accepted.reason.clone());
        }
        for workaround in &self.workarounds {
            flat.add(format!("workaround {}", workaround.quirk.name()), workaround.reason.clone());
        }
        for (name, rule) in self.rules() {
            flat.add(format!("rule `{name}`"), format!("{}: {}", rule.kind().name(), rule.terms.words()));
            for value in rule.terms.values() {
                flat.add(format!("rule `{name}` {value}"), "listed".into());
            }
        }
        for signer in &self.overlay_signers {
            flat.add(format!("overlay signer {}", signer.id()), signer.name.clone());
        }
        for sequence in &self.sequences {
            flat.sequence(&format!("PCR {} `{}`", sequence.pcr, sequence.name), sequence);
        }
        for variant in &self.variants {
            let place = format!("variant `{}`", variant.name);
            flat.add(place.clone(), variant.evidence.name().into());
            for sequence in self.resolve(variant).unwrap_or_default() {
                flat.sequence(&format!("{place} PCR {}", sequence.pcr), &sequence);
            }
        }
        for old in &self.superseded {
            let digests: Vec<String> = old.digests.iter().map(|d| format!("{d:?}")).collect();
            flat.add(format!("superseded `{}` {}", old.component, digests.join(" ")), old.reason.clone());
        }
        if let Some(ima) = &self.ima {
            ima.flatten(&mut |place, value| flat.add(place, value));
        }
        for (place, value) in self.tokens.iter().flat_map(super::TokenGolden::flatten) {
            flat.add(place, value);
        }
        flat
    }
}

const fn kind<T>(old: &Option<T>, new: &Option<T>) -> ChangeKind {
    match (old, new) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        _ => ChangeKind::Changed,
    }
}

/// The slots that differ. Between two that are the same, those of one name stand for each other, in order.
fn slot_changes(place: &str, pcr: u8, old: &[Slot], new: &[Slot], changes: &mut Vec<Change>) {
    let mut from = (0_usize, 0_usize);
    let pairs = alignment::align(&Pair { old, new });
    for to in pairs.into_iter().chain([(old.len(), new.len())]) {
        let mut added: Vec<(usize, &Slot)> = new.iter().enumerate().take(to.1).skip(from.1).collect();
        let mut add = |at: usize, was: Option<&Slot>, is: Option<&Slot>| {
            let component = was.or(is).map(|slot| slot.component.as_str()).unwrap_or_default();
            let (was, is) = (was.cloned(), is.cloned());
            changes.push(Change {
                kind: kind(&was, &is),
                place: format!("{place} slot {at:02} {component}"),
                old: was.as_ref().map(describe),
                new: is.as_ref().map(describe),
                slot: Some(SlotChange { sequence: place.to_owned(), pcr, old: was, new: is }),
            });
        };
        for (at, slot) in old.iter().enumerate().take(to.0).skip(from.0) {
            let stands = added.iter().position(|(_, other)| other.component == slot.component);
            let stands = stands.map(|stands| added.remove(stands).1);
            add(at, Some(slot), stands);
        }
        for (at, slot) in added {
            add(at, None, Some(slot));
        }
        from = (to.0.saturating_add(1), to.1.saturating_add(1));
    }
}

/// The slots of one sequence in two documents.
struct Pair<'p> {
    old: &'p [Slot],
    new: &'p [Slot],
}

impl Sides for Pair<'_> {
    fn lengths(&self) -> (usize, usize) {
        (self.old.len(), self.new.len())
    }

    fn same(&self, left: usize, right: usize) -> bool {
        self.old.get(left).zip(self.new.get(right)).is_some_and(|(old, new)| old == new)
    }

    fn left_key(&self, at: usize) -> Option<&[u8]> {
        Some(self.old.get(at)?.digests.first()?.as_bytes())
    }

    fn right_key(&self, at: usize) -> Option<&[u8]> {
        Some(self.new.get(at)?.digests.first()?.as_bytes())
    }
}

/// One place in words, its value, and the slots of a sequence.
struct Entry {
    place: String,
    value: String,
    pcr: Option<u8>,
    slots: Vec<Slot>,
}

/// Places and their values, in the order of the document.
#[derive(Default)]
struct Flat(Vec<Entry>);

impl Flat {
    fn add(&mut self, place: String, value: String) {
        self.0.push(Entry { place, value, pcr: None, slots: Vec::new() });
    }

    fn sequence(&mut self, place: &str, sequence: &Sequence) {
        let by = sequence.measured_by.as_deref().map(|by| format!(", measured by {by}")).unwrap_or_default();
        let order = sequence.order;
        let head = format!(
            "{} extends, {}, locality {}, order {order:?}{by}",
            sequence.slots.len(),
            sequence.evidence.name(),
            sequence.startup_locality
        );
        self.0.push(Entry {
            place: place.into(),
            value: head,
            pcr: Some(sequence.pcr),
            slots: sequence.slots.clone(),
        });
    }
}

fn describe(slot: &Slot) -> String {
    let digests: Vec<String> = slot.digests.iter().map(|d| format!("{d:?}")).collect();
    let rule = slot.rule.as_ref().map(|rule| format!(" rule {}", rule.name())).unwrap_or_default();
    format!("{}{rule} {}", digests.join(" "), slot.about).trim_end().to_owned()
}
