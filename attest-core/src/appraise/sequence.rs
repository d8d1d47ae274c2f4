//! One PCR's proven extends against one golden sequence: each extend uses exactly one slot, nothing is left on either side.

use std::collections::BTreeMap;

use crate::digest::HashAlg;
use crate::evidence::Extend;
use crate::reference::golden::{Order, Rule, Sequence, Slot};

/// Whether the event has the golden digest in every bank that judges. No bank: no match.
pub(super) fn slot_matches(slot: &Slot, event: Extend<'_, '_>, banks: &[HashAlg]) -> bool {
    let agrees = |bank: &HashAlg| match (slot.digest(*bank), event.digest(*bank)) {
        (Some(golden), Some(digest)) => golden.as_bytes() == digest,
        _ => false,
    };
    !banks.is_empty() && banks.iter().all(agrees)
}

/// The events that the sequence has to account for: all of them, but for what a slot's rule takes away.
pub(super) fn accountable<'e, 'a>(
    sequence: &Sequence,
    events: &[Extend<'e, 'a>],
    banks: &[HashAlg],
) -> Vec<Extend<'e, 'a>> {
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
fn drop_failed_exits(slot: &Slot, events: &mut Vec<Extend<'_, '_>>, banks: &[HashAlg]) {
    for _ in 0..Rule::MOST_REPEATS {
        let failed = events.windows(3).position(|window| match window {
            [call, failure, again] => {
                slot_matches(slot, *call, banks)
                    && is_text(*failure, Rule::EXIT_BOOT_SERVICES_FAILED, banks)
                    && slot_matches(slot, *again, banks)
            }
            _ => false,
        });
        let Some(at) = failed else { return };
        events.drain(at..at.saturating_add(2));
    }
}

fn is_text(event: Extend<'_, '_>, text: &[u8], banks: &[HashAlg]) -> bool {
    banks.iter().all(|bank| event.digest(*bank) == Some(bank.hash(&[text]).as_bytes()))
}

/// Whether the whole sequence is accounted for.
pub(super) fn matches(sequence: &Sequence, events: &[Extend<'_, '_>], banks: &[HashAlg]) -> bool {
    if banks.is_empty() {
        return false;
    }
    // As written, most of the time.
    if sequence.slots.len() == events.len()
        && sequence.slots.iter().zip(events).all(|(slot, event)| slot_matches(slot, *event, banks))
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
    let fixed = fixed_slots.iter().zip(fixed_events).all(|(slot, event)| slot_matches(slot, *event, banks));
    fixed && matches_in_any_order(free_slots, free_events, banks)
}

fn matches_in_any_order(slots: &[Slot], events: &[Extend<'_, '_>], banks: &[HashAlg]) -> bool {
    let mut unused: Vec<&Slot> = slots.iter().collect();
    events.iter().all(|event| {
        let at = unused.iter().position(|slot| slot_matches(slot, *event, banks));
        at.map(|at| unused.swap_remove(at)).is_some()
    })
}

/// How far a sequence is from what was extended, in linear time: at least the edits that pairing cannot avoid, and never 0 unless it
/// accounts for everything. It chooses what to compare with; it decides nothing.
pub(super) fn distance(sequence: &Sequence, events: &[Extend<'_, '_>], banks: &[HashAlg]) -> usize {
    if matches(sequence, events, banks) {
        return 0;
    }
    let Some(bank) = banks.first() else { return usize::MAX };
    let mut unused: BTreeMap<&[u8], usize> = BTreeMap::new();
    for slot in &sequence.slots {
        if let Some(digest) = slot.digest(*bank) {
            let count = unused.entry(digest.as_bytes()).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut same = 0_usize;
    for digest in events.iter().filter_map(|event| event.digest(*bank)) {
        if let Some(count) = unused.get_mut(digest).filter(|count| **count > 0) {
            *count = count.saturating_sub(1);
            same = same.saturating_add(1);
        }
    }
    sequence.slots.len().max(events.len()).saturating_sub(same).max(1)
}
