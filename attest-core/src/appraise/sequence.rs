//! One PCR's proven extends against one golden sequence: each extend uses exactly one slot, nothing is left on either side.

use crate::digest::HashAlg;
use crate::evidence::tcg_log::Event;
use crate::reference::golden::{Order, Rule, Sequence, Slot};

/// Above this many pairs the alignment is not worth its cost; a hostile log would choose the largest.
const MOST_ALIGNED_PAIRS: usize = 1 << 18;

/// How a slot and an event relate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit<'s, 'e, 'a> {
    /// The event is what the slot says.
    Same,
    /// The event stands where the slot should.
    Changed(&'s Slot, &'e Event<'a>),
    /// No event for the slot.
    Missing(&'s Slot),
    /// No slot for the event.
    Extra(&'e Event<'a>),
}

/// Whether the event has the golden digest in every bank that judges. No bank: no match.
pub(super) fn slot_matches(slot: &Slot, event: &Event<'_>, banks: &[HashAlg]) -> bool {
    let agrees = |bank: &HashAlg| match (slot.digest(*bank), event.digest(*bank)) {
        (Some(golden), Some(digest)) => golden.as_bytes() == digest,
        _ => false,
    };
    !banks.is_empty() && banks.iter().all(agrees)
}

/// The events that the sequence has to account for: all of them, but for what a slot's rule takes away.
pub(super) fn accountable<'e, 'a>(
    sequence: &Sequence,
    events: &[&'e Event<'a>],
    banks: &[HashAlg],
) -> Vec<&'e Event<'a>> {
    let mut left = events.to_vec();
    for slot in &sequence.slots {
        match slot.rule {
            Some(Rule::ExitBootServicesRepeat) => drop_failed_exits(slot, &mut left, banks),
            None => {}
        }
    }
    left
}

/// Takes away each pair of invocation and failure that stands right before another invocation.
fn drop_failed_exits(slot: &Slot, events: &mut Vec<&Event<'_>>, banks: &[HashAlg]) {
    for _ in 0..Rule::MOST_REPEATS {
        let failed = events.windows(3).position(|window| match window {
            [call, failure, again] => {
                slot_matches(slot, call, banks)
                    && is_text(failure, Rule::EXIT_BOOT_SERVICES_FAILED, banks)
                    && slot_matches(slot, again, banks)
            }
            _ => false,
        });
        let Some(at) = failed else { return };
        events.drain(at..at.saturating_add(2));
    }
}

fn is_text(event: &Event<'_>, text: &[u8], banks: &[HashAlg]) -> bool {
    banks.iter().all(|bank| event.digest(*bank) == Some(bank.hash(&[text]).as_bytes()))
}

/// Whether the whole sequence is accounted for.
pub(super) fn matches(sequence: &Sequence, events: &[&Event<'_>], banks: &[HashAlg]) -> bool {
    if banks.is_empty() {
        return false;
    }
    // As written, most of the time.
    if sequence.slots.len() == events.len()
        && sequence.slots.iter().zip(events).all(|(slot, event)| slot_matches(slot, event, banks))
    {
        return true;
    }
    if sequence.is_exact() {
        return false;
    }
    let events = accountable(sequence, events, banks);
    if events.len() != sequence.slots.len() {
        return false;
    }
    let free = match sequence.order {
        Order::Fixed => 0,
        Order::FreeBeforeSeparator => {
            sequence.slots.iter().position(|slot| slot.component.ends_with("separator")).unwrap_or(0)
        }
    };
    let (free_slots, fixed_slots) = sequence.slots.split_at_checked(free).unwrap_or_default();
    let (free_events, fixed_events) = events.split_at_checked(free).unwrap_or_default();
    let fixed = fixed_slots.iter().zip(fixed_events).all(|(slot, event)| slot_matches(slot, event, banks));
    fixed && matches_in_any_order(free_slots, free_events, banks)
}

fn matches_in_any_order(slots: &[Slot], events: &[&Event<'_>], banks: &[HashAlg]) -> bool {
    let mut unused: Vec<&Slot> = slots.iter().collect();
    events.iter().all(|event| {
        let at = unused.iter().position(|slot| slot_matches(slot, event, banks));
        at.map(|at| unused.swap_remove(at)).is_some()
    })
}

/// The fewest edits between slots and events, in order. Names pair what differs: `named(event)` is a hint and decides nothing.
pub(super) fn align<'s, 'e, 'a>(
    slots: &'s [Slot],
    events: &[&'e Event<'a>],
    banks: &[HashAlg],
    named: &dyn Fn(&Event<'_>) -> String,
) -> Vec<Edit<'s, 'e, 'a>> {
    let head = common(slots.iter(), events.iter(), banks);
    let (same, slots) = slots.split_at_checked(head).unwrap_or_default();
    let (_, events) = events.split_at_checked(head).unwrap_or_default();
    let tail = common(slots.iter().rev(), events.iter().rev(), banks);
    let (slots, last) = slots.split_at_checked(slots.len().saturating_sub(tail)).unwrap_or_default();
    let (events, _) = events.split_at_checked(events.len().saturating_sub(tail)).unwrap_or_default();

    let mut edits: Vec<Edit<'s, 'e, 'a>> = Vec::new();
    edits.extend(same.iter().map(|_| Edit::Same));
    middle(slots, events, banks, named, &mut edits);
    edits.extend(last.iter().map(|_| Edit::Same));
    edits
}

fn common<'x, 'y, 'a: 'y>(
    slots: impl Iterator<Item = &'x Slot>,
    events: impl Iterator<Item = &'y &'y Event<'a>>,
    banks: &[HashAlg],
) -> usize {
    slots.zip(events).take_while(|(slot, event)| slot_matches(slot, event, banks)).count()
}

/// A longest common subsequence, with what stands between its members paired by name.
fn middle<'s, 'e, 'a>(
    slots: &'s [Slot],
    events: &[&'e Event<'a>],
    banks: &[HashAlg],
    named: &dyn Fn(&Event<'_>) -> String,
    edits: &mut Vec<Edit<'s, 'e, 'a>>,
) {
    let table = Table::fill(slots, events, banks);
    let (mut from_slot, mut from_event) = (0, 0);
    for (slot_at, event_at) in table.pairs() {
        let lost = slots.get(from_slot..slot_at).unwrap_or_default();
        let found = events.get(from_event..event_at).unwrap_or_default();
        hunk(lost, found, named, edits);
        edits.push(Edit::Same);
        (from_slot, from_event) = (slot_at.saturating_add(1), event_at.saturating_add(1));
    }
    let lost = slots.get(from_slot..).unwrap_or_default();
    let found = events.get(from_event..).unwrap_or_default();
    hunk(lost, found, named, edits);
}

/// Slots without event and events without slot between two matches: those of one name, in order, stand for each other.
fn hunk<'s, 'e, 'a>(
    slots: &'s [Slot],
    events: &[&'e Event<'a>],
    named: &dyn Fn(&Event<'_>) -> String,
    edits: &mut Vec<Edit<'s, 'e, 'a>>,
) {
    let mut events: Vec<(&'e Event<'a>, String)> =
        events.iter().map(|event| (*event, named(event))).collect();
    for slot in slots {
        let at = events.iter().position(|(_, name)| *name == slot.component);
        match at.map(|at| events.remove(at)) {
            Some((event, _)) => edits.push(Edit::Changed(slot, event)),
            None => edits.push(Edit::Missing(slot)),
        }
    }
    edits.extend(events.into_iter().map(|(event, _)| Edit::Extra(event)));
}

/// Lengths of common subsequences of the rests, for one comparison.
struct Table {
    rows: Vec<Vec<u32>>,
    same: Vec<Vec<bool>>,
}

impl Table {
    fn fill(slots: &[Slot], events: &[&Event<'_>], banks: &[HashAlg]) -> Self {
        if slots.len().saturating_mul(events.len()) > MOST_ALIGNED_PAIRS {
            return Self { rows: Vec::new(), same: Vec::new() };
        }
        let same: Vec<Vec<bool>> = slots
            .iter()
            .map(|slot| events.iter().map(|event| slot_matches(slot, event, banks)).collect())
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
        Self { rows, same }
    }

    /// Indices of slot and event of each match, ascending.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let cell = |s: usize, e: usize| self.rows.get(s).and_then(|row| row.get(e)).copied().unwrap_or(0);
        let (mut s, mut e) = (0_usize, 0_usize);
        let mut pairs = Vec::new();
        while cell(s, e) > 0 {
            let (down, right) = (s.saturating_add(1), e.saturating_add(1));
            if self.same.get(s).and_then(|row| row.get(e)).copied().unwrap_or(false) {
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
}
