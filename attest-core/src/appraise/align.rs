//! A golden sequence and the extends of a boot, side by side: what is the same, what changed, what is missing, what is more.
//!
//! Digests align; names only pair what differs. The cost is near linear in what a device can choose: the exact method has a budget
//! ([`Limits::aligned_pairs`]), beyond it digests that each side has once are the anchors.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::sequence::{Basis, slot_matches};
use crate::evidence::Extend;
use crate::limits::Limits;
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
    let head = common(slots.iter(), events.iter(), by);
    let (first, slots) = slots.split_at_checked(head).unwrap_or_default();
    let (first_events, events) = events.split_at_checked(head).unwrap_or_default();
    let tail = common(slots.iter().rev(), events.iter().rev(), by);
    let (slots, last) = slots.split_at_checked(slots.len().saturating_sub(tail)).unwrap_or_default();
    let (events, last_events) =
        events.split_at_checked(events.len().saturating_sub(tail)).unwrap_or_default();

    let mut edits: Vec<Edit<'s, 'e, 'a>> = Vec::new();
    edits.extend(first.iter().zip(first_events).map(|(slot, event)| Edit::Same(slot, *event)));
    let mut from = (0_usize, 0_usize);
    for (slot_at, event_at) in matches(slots, events, by) {
        let (lost, found) = (slots.get(from.0..slot_at), events.get(from.1..event_at));
        hunk(lost.unwrap_or_default(), found.unwrap_or_default(), named, &mut edits);
        if let (Some(slot), Some(event)) = (slots.get(slot_at), events.get(event_at)) {
            edits.push(Edit::Same(slot, *event));
        }
        from = (slot_at.saturating_add(1), event_at.saturating_add(1));
    }
    let (lost, found) = (slots.get(from.0..), events.get(from.1..));
    hunk(lost.unwrap_or_default(), found.unwrap_or_default(), named, &mut edits);
    edits.extend(last.iter().zip(last_events).map(|(slot, event)| Edit::Same(slot, *event)));
    by_name(&mut edits, by, named);
    edits
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

fn common<'x, 'y, 'e: 'y, 'a: 'e>(
    slots: impl Iterator<Item = &'x Slot>,
    events: impl Iterator<Item = &'y Extend<'e, 'a>>,
    by: &Basis,
) -> usize {
    slots.zip(events).take_while(|(slot, event)| slot_matches(slot, **event, by)).count()
}

/// Indices of slot and event of each match, both ascending: a longest common subsequence within the budget, else one through anchors.
fn matches(slots: &[Slot], events: &[Extend<'_, '_>], by: &Basis) -> Vec<(usize, usize)> {
    let mut budget = Limits::DEFAULT.aligned_pairs;
    if let Some(pairs) = exact(slots, events, by, &mut budget) {
        return pairs;
    }
    let mut pairs = Vec::new();
    let mut from = (0_usize, 0_usize);
    let end = (slots.len(), events.len());
    for anchor in anchors(slots, events, by).into_iter().map(Some).chain([None]) {
        let (slot_at, event_at) = anchor.unwrap_or(end);
        let (lost, found) = (slots.get(from.0..slot_at), events.get(from.1..event_at));
        let between = exact(lost.unwrap_or_default(), found.unwrap_or_default(), by, &mut budget);
        let shift = |(s, e): (usize, usize)| (s.saturating_add(from.0), e.saturating_add(from.1));
        pairs.extend(between.unwrap_or_default().into_iter().map(shift));
        pairs.extend(anchor);
        from = (slot_at.saturating_add(1), event_at.saturating_add(1));
    }
    pairs
}

/// Slots and events that match each other and nothing else, the most of them that are in order (patience).
fn anchors(slots: &[Slot], events: &[Extend<'_, '_>], by: &Basis) -> Vec<(usize, usize)> {
    let Some(bank) = by.banks.first() else { return Vec::new() };
    let mut at: BTreeMap<&[u8], (usize, usize)> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let Some(digest) = event.digest(*bank) else { continue };
        let (count, last) = at.entry(digest).or_default();
        (*count, *last) = (count.saturating_add(1), index);
    }
    let mut golden: BTreeMap<&[u8], usize> = BTreeMap::new();
    for digest in slots.iter().filter_map(|slot| slot.digest(*bank)) {
        let count = golden.entry(digest.as_bytes()).or_default();
        *count = count.saturating_add(1);
    }
    let unique = slots.iter().enumerate().filter_map(|(index, slot)| {
        let digest = slot.digest(*bank)?.as_bytes();
        let (count, event_at) = at.get(digest)?;
        let is_unique = *count == 1 && golden.get(digest) == Some(&1);
        let event = events.get(*event_at)?;
        (is_unique && slot_matches(slot, *event, by)).then_some((index, *event_at))
    });
    longest_ascending(&unique.collect::<Vec<_>>())
}

/// The longest run of pairs whose second parts ascend; the first parts do already.
fn longest_ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair that ends a run of that length soonest; and for each pair its forerunner.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    let second = |at: usize| pairs.get(at).map_or(0, |pair| pair.1);
    for (index, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| second(*end) < pair.1);
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut run = Vec::new();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        run.extend(pairs.get(at).copied());
        next = before.get(at).copied().flatten();
    }
    run.reverse();
    run
}

/// The longest common subsequence, if the budget allows the table.
fn exact(
    slots: &[Slot],
    events: &[Extend<'_, '_>],
    by: &Basis,
    budget: &mut usize,
) -> Option<Vec<(usize, usize)>> {
    *budget = budget.checked_sub(slots.len().saturating_mul(events.len()))?;
    let same: Vec<Vec<bool>> = slots
        .iter()
        .map(|slot| events.iter().map(|event| slot_matches(slot, *event, by)).collect())
        .collect();
    let mut rows: Vec<Vec<u32>> = vec![vec![0; events.len().saturating_add(1)]];
    for row in same.iter().rev() {
        let below = rows.last().map(Vec::as_slice).unwrap_or_default();
        let mut next = vec![0; below.len()];
        let mut right = 0;
        for (at, is_same) in row.iter().enumerate().rev() {
            let down = below.get(at).copied().unwrap_or(0);
            let diagonal = below.get(at.saturating_add(1)).copied().unwrap_or(0);
            right = if *is_same { diagonal.saturating_add(1) } else { down.max(right) };
            if let Some(cell) = next.get_mut(at) {
                *cell = right;
            }
        }
        rows.push(next);
    }
    rows.reverse();
    Some(walk(&rows, &same))
}

fn walk(rows: &[Vec<u32>], same: &[Vec<bool>]) -> Vec<(usize, usize)> {
    let cell = |s: usize, e: usize| rows.get(s).and_then(|row| row.get(e)).copied().unwrap_or(0);
    let (mut s, mut e) = (0_usize, 0_usize);
    let mut pairs = Vec::new();
    while cell(s, e) > 0 {
        let (down, right) = (s.saturating_add(1), e.saturating_add(1));
        if same.get(s).and_then(|row| row.get(e)).copied().unwrap_or(false) {
            pairs.push((s, e));
            (s, e) = (down, right);
        } else if cell(down, e) >= cell(s, right) {
            s = down;
        } else {
            e = right;
        }
    }
    pairs
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
