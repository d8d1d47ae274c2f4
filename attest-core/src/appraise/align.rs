//! A golden sequence and the extends of a boot, side by side: what is the same, what changed, what is missing, what is more.
//!
//! Digests align; names only pair what differs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::sequence::{Basis, slot_matches};
use crate::alignment::{self, Sides};
use crate::digest::Digest;
use crate::evidence::Extend;
use crate::reference::golden::Slot;

/// How a slot and an event relate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit<'s, 'e, 'a> {
    /// The event is what the slot says.
    Same(&'s Slot, Extend<'e, 'a>),
    /// The event stands where the slot should.
    Changed(&'s Slot, Extend<'e, 'a>),
    /// No event for the slot.
    Missing(&'s Slot),
    /// No slot for the event.
    Extra(Extend<'e, 'a>),
}

impl<'s, 'e, 'a> Edit<'s, 'e, 'a> {
    pub(super) const fn slot(&self) -> Option<&'s Slot> {
        match self {
            Self::Same(slot, _) | Self::Changed(slot, _) | Self::Missing(slot) => Some(slot),
            Self::Extra(_) => None,
        }
    }

    pub(super) const fn event(&self) -> Option<Extend<'e, 'a>> {
        match self {
            Self::Same(_, event) | Self::Changed(_, event) | Self::Extra(event) => Some(*event),
            Self::Missing(_) => None,
        }
    }
}

/// What `named` gives: the component that an event belongs to, a hint.
pub(super) type Named<'n> = &'n dyn Fn(Extend<'_, '_>) -> String;

/// The edits between slots and events, in order, with as many matches as the budget finds.
pub(super) fn align<'s, 'e, 'a>(
    slots: &'s [Slot],
    events: &[Extend<'e, 'a>],
    by: &Basis,
    named: Named<'_>,
) -> Vec<Edit<'s, 'e, 'a>> {
    let mut edits: Vec<Edit<'s, 'e, 'a>> = Vec::new();
    let mut from = (0_usize, 0_usize);
    for (slot_at, event_at) in alignment::align(&Pair { slots, events, by }) {
        let (lost, found) = (slots.get(from.0..slot_at), events.get(from.1..event_at));
        hunk(lost.unwrap_or_default(), found.unwrap_or_default(), named, &mut edits);
        if let (Some(slot), Some(event)) = (slots.get(slot_at), events.get(event_at)) {
            edits.push(Edit::Same(slot, *event));
        }
        from = (slot_at.saturating_add(1), event_at.saturating_add(1));
    }
    let (lost, found) = (slots.get(from.0..), events.get(from.1..));
    hunk(lost.unwrap_or_default(), found.unwrap_or_default(), named, &mut edits);
    by_name(&mut edits, by, named);
    edits
}

/// Golden slots and what was extended.
struct Pair<'p, 'e, 'a> {
    slots: &'p [Slot],
    events: &'p [Extend<'e, 'a>],
    by: &'p Basis,
}

impl Sides for Pair<'_, '_, '_> {
    fn lengths(&self) -> (usize, usize) {
        (self.slots.len(), self.events.len())
    }

    fn same(&self, left: usize, right: usize) -> bool {
        let pair = self.slots.get(left).zip(self.events.get(right));
        pair.is_some_and(|(slot, event)| slot_matches(slot, *event, self.by))
    }

    fn left_key(&self, at: usize) -> Option<&[u8]> {
        self.slots.get(at)?.digest(*self.by.banks.first()?).map(Digest::as_bytes)
    }

    fn right_key(&self, at: usize) -> Option<&[u8]> {
        self.events.get(at)?.digest(*self.by.banks.first()?)
    }
}

/// Of two events with the golden digest, side by side, the one that also bears the golden name is the golden one: shim's switches are
/// measured by one byte, and so are equal.
fn by_name(edits: &mut [Edit<'_, '_, '_>], by: &Basis, named: Named<'_>) {
    for at in 1..edits.len() {
        let pair = edits.get_mut(at.saturating_sub(1)..=at);
        let Some([before, here]) = pair else { continue };
        if let (Edit::Same(slot, same), Edit::Extra(extra)) = (*before, *here)
            && slot_matches(slot, extra, by)
            && named(extra) == slot.component
            && named(same) != slot.component
        {
            (*before, *here) = (Edit::Extra(same), Edit::Same(slot, extra));
        }
    }
}

/// Slots without event and events without slot between two matches: those of one name, in order, stand for each other. What is left
/// of the events keeps its place among them.
fn hunk<'s, 'e, 'a>(
    slots: &'s [Slot],
    events: &[Extend<'e, 'a>],
    named: Named<'_>,
    edits: &mut Vec<Edit<'s, 'e, 'a>>,
) {
    let wanted: BTreeSet<&str> = slots.iter().map(|slot| slot.component.as_str()).collect();
    let mut by_name: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
    let mut left: VecDeque<(usize, Extend<'e, 'a>)> = VecDeque::new();
    let mut taken: Vec<bool> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let name = if wanted.is_empty() { String::new() } else { named(*event) };
        let is_wanted = wanted.contains(name.as_str());
        if is_wanted {
            by_name.entry(name).or_default().push_back(index);
        }
        taken.push(false);
        left.push_back((index, *event));
    }
    let stands: Vec<Option<usize>> =
        slots.iter().map(|slot| by_name.get_mut(&slot.component).and_then(VecDeque::pop_front)).collect();
    for index in stands.iter().flatten() {
        if let Some(taken) = taken.get_mut(*index) {
            *taken = true;
        }
    }
    let is_taken = |index: usize| taken.get(index).copied().unwrap_or(false);
    let mut extras = left.into_iter().filter(|(index, _)| !is_taken(*index)).peekable();
    for (slot, stands) in slots.iter().zip(stands) {
        let Some(index) = stands else {
            edits.push(Edit::Missing(slot));
            continue;
        };
        while let Some((_, event)) = extras.next_if(|(extra, _)| *extra < index) {
            edits.push(Edit::Extra(event));
        }
        edits.extend(events.get(index).map(|event| Edit::Changed(slot, *event)));
    }
    edits.extend(extras.map(|(_, event)| Edit::Extra(event)));
}
