//! One PCR's proven extends against one golden sequence: each extend uses exactly one slot, nothing is left on either side.

use std::collections::BTreeMap;

use crate::digest::HashAlg;
use crate::evidence::Extend;
use crate::evidence::tcg_event::{Unread, Whole};
use crate::reference::golden::{Order, Rule, Sequence, Slot};

/// By what the events of one PCR are held against golden slots.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    /// The banks that must all agree.
    pub(super) banks: Vec<HashAlg>,
    /// What the digests of the firmware's events prove, by index, where a rule with values may ask. Read once: whatever the number of slots and sequences, each
    /// event is hashed once in each bank.
    read: BTreeMap<u32, Result<Whole, Unread>>,
}

impl Basis {
    /// For these events; `asks` says whether some golden sequence of their PCR has a rule with values.
    pub(super) fn new(banks: Vec<HashAlg>, events: &[Extend<'_, '_>], asks: bool) -> Self {
        let firmware = |event: &Extend<'_, '_>| match event {
            Extend::Firmware(event) => Some((event.index, Whole::read(event, &banks))),
            Extend::Userspace(_) => None,
        };
        let read = events.iter().filter(|_| asks).filter_map(firmware).collect();
        Self { banks, read }
    }

    /// The bank whose digests are shown.
    pub(super) fn strongest(&self) -> Option<HashAlg> {
        self.banks.iter().copied().max_by_key(|alg| alg.strength())
    }

    fn has_digest(&self, slot: &Slot, event: Extend<'_, '_>) -> bool {
        let agrees = |bank: &HashAlg| match (slot.digest(*bank), event.digest(*bank)) {
            (Some(golden), Some(digest)) => golden.as_bytes() == digest,
            _ => false,
        };
        !self.banks.is_empty() && self.banks.iter().all(agrees)
    }

    /// How the event departs from the slot's rule with values, in words; `None` where it does not, or there is no such rule.
    pub(super) fn departure(&self, slot: &Slot, event: Extend<'_, '_>) -> Option<String> {
        let rule = slot.rule.as_ref()?.values()?;
        match self.value(event) {
            Some(Ok(value)) => rule.terms.accept(value).err().map(|departure| departure.to_string()),
            Some(Err(unread)) => Some(unread.words().to_owned()),
            None => Some(Unread::Kind.words().to_owned()),
        }
    }

    fn value(&self, event: Extend<'_, '_>) -> Option<&Result<Whole, Unread>> {
        match event {
            Extend::Firmware(event) => self.read.get(&event.index),
            Extend::Userspace(_) => None,
        }
    }

    /// Whether a rule, and not the slot's digest, accounts for the event.
    pub(super) fn is_varied(&self, slot: &Slot, event: Extend<'_, '_>) -> bool {
        slot_matches(slot, event, self) && !self.has_digest(slot, event)
    }
}

/// Whether the event is what the slot says: the golden digest in every bank that judges, or what the slot's rule allows. No bank: no match.
pub(super) fn slot_matches(slot: &Slot, event: Extend<'_, '_>, by: &Basis) -> bool {
    match &slot.rule {
        Some(Rule::Values(rule)) => {
            let value = by.value(event).and_then(|value| value.as_ref().ok());
            !by.banks.is_empty() && value.is_some_and(|value| rule.terms.accepts(value))
        }
        Some(Rule::ExitBootServicesRepeat | Rule::PerDevice) | None => by.has_digest(slot, event),
    }
}

/// The events that the sequence has to account for: all of them, but for what a slot's rule takes away.
pub(super) fn accountable<'e, 'a>(
    sequence: &Sequence,
    events: &[Extend<'e, 'a>],
    by: &Basis,
) -> Vec<Extend<'e, 'a>> {
    let mut left = events.to_vec();
    for slot in &sequence.slots {
        match slot.rule {
            Some(Rule::ExitBootServicesRepeat) => drop_failed_exits(slot, &mut left, by),
            Some(Rule::PerDevice | Rule::Values(_)) | None => {}
        }
    }
    left
}

/// Takes away each pair of invocation and failure that stands right before another invocation.
fn drop_failed_exits(slot: &Slot, events: &mut Vec<Extend<'_, '_>>, by: &Basis) {
    for _ in 0..Rule::MOST_REPEATS {
        let failed = events.windows(3).position(|window| match window {
            [call, failure, again] => {
                slot_matches(slot, *call, by)
                    && is_text(*failure, Rule::EXIT_BOOT_SERVICES_FAILED, &by.banks)
                    && slot_matches(slot, *again, by)
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
pub(super) fn matches(sequence: &Sequence, events: &[Extend<'_, '_>], by: &Basis) -> bool {
    if by.banks.is_empty() {
        return false;
    }
    // As written, most of the time.
    if sequence.slots.len() == events.len()
        && sequence.slots.iter().zip(events).all(|(slot, event)| slot_matches(slot, *event, by))
    {
        return true;
    }
    if sequence.is_exact() {
        return false;
    }
    let events = accountable(sequence, events, by);
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
    let fixed = fixed_slots.iter().zip(fixed_events).all(|(slot, event)| slot_matches(slot, *event, by));
    fixed && matches_in_any_order(free_slots, free_events, by)
}

/// Slots that a digest decides are used first: a rule's slot may account for what only it can.
fn matches_in_any_order(slots: &[Slot], events: &[Extend<'_, '_>], by: &Basis) -> bool {
    let mut unused: Vec<&Slot> = slots.iter().collect();
    unused.sort_by_key(|slot| matches!(slot.rule, Some(Rule::Values(_))));
    events.iter().all(|event| {
        let at = unused.iter().position(|slot| slot_matches(slot, *event, by));
        at.map(|at| unused.remove(at)).is_some()
    })
}

/// How far a sequence is from what was extended, in linear time: at least the edits that pairing cannot avoid, and never 0 unless it
/// accounts for everything. It chooses what to compare with; it decides nothing.
pub(super) fn distance(sequence: &Sequence, events: &[Extend<'_, '_>], by: &Basis) -> usize {
    if matches(sequence, events, by) {
        return 0;
    }
    let Some(bank) = by.banks.first() else { return usize::MAX };
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
