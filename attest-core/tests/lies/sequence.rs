//! The whole extend sequence of a judged PCR, explained by one variant.

use std::collections::BTreeSet;

use attest_core::appraise::{Code, Part, Reason, Severity, Status, Verdict};
use attest_core::reference::golden::{Order, Rule};

use super::device::{BLOB, Device, EFI_ACTION, Event, NO_ACTION};
use super::judge::{affirmed, find, golden, judge, refused};
use super::sample::{EXIT, EXIT_FAILED, Software, good};

/// The positions of events that were extended.
pub fn extended(device: &Device) -> Vec<usize> {
    (0..device.log.len()).filter(|at| device.log[*at].kind != NO_ACTION).collect()
}

/// A boot that really measured this log: the device's TPM is extended with it, event by event.
pub fn booted(log: &[Event]) -> Device {
    let template = good();
    let mut device = Device::new(&template.banks(), 3);
    for event in log {
        if event.kind != NO_ACTION {
            device.replay(event);
        }
        device.log.push(event.clone());
    }
    let first = device.boot_aggregate();
    device.ima(first);
    for entry in &template.ima[1..] {
        device.ima(entry.clone());
    }
    device
}

/// What refuses the boot. That boot_aggregate does not fit is another part's finding.
pub fn refusals(verdict: &Verdict) -> impl Iterator<Item = &Reason> {
    verdict.reasons.iter().filter(|r| r.severity == Severity::Refuse && r.part == Part::Boot)
}

/// PCRs that refusing reasons name.
pub fn named(verdict: &Verdict) -> BTreeSet<u32> {
    refusals(verdict).filter_map(|r| r.pcr).collect()
}

/// Events that refusing reasons name.
pub fn events(verdict: &Verdict) -> BTreeSet<u32> {
    refusals(verdict).filter_map(|r| r.event).collect()
}

/// The log's header is event 0.
pub fn index(at: usize) -> u32 {
    at as u32 + 1
}

#[test]
fn a38_an_event_dropped_from_the_log() {
    let (device, golden) = (good(), golden(&[&good()]));
    for at in extended(&device) {
        let mut liar = device.clone();
        let event = liar.log.remove(at);
        let verdict = judge(&liar, &golden);
        assert_eq!(verdict.status, Status::Contraindicated, "event {at}");
        assert!(named(&verdict).contains(&event.pcr), "event {at}: {verdict:#?}");
    }
}

#[test]
fn a38_an_event_never_measured() {
    let (device, golden) = (good(), golden(&[&good()]));
    for at in extended(&device) {
        let mut log = device.log.clone();
        let event = log.remove(at);
        let verdict = judge(&booted(&log), &golden);
        refused(&verdict, Code::EventMissing);
        let missing = find(&verdict, Code::EventMissing);
        assert_eq!(missing.len(), 1, "{verdict:#?}");
        assert_eq!(missing[0].pcr, Some(event.pcr));
        let golden_digest = hex::encode(&event.digests[&super::device::SHA256]);
        assert_eq!(missing[0].expected, [golden_digest], "the lost measurement is named");
    }
}

#[test]
fn a38_an_event_repeated() {
    let (device, golden) = (good(), golden(&[&good()]));
    for at in extended(&device) {
        for to in [at + 1, device.log.len()] {
            let mut log = device.log.clone();
            log.insert(to, device.log[at].clone());
            let verdict = judge(&booted(&log), &golden);
            assert_eq!(verdict.status, Status::Contraindicated, "event {at} again at {to}");
            assert!(named(&verdict).contains(&device.log[at].pcr));
            // Of equal measurements in a row none is the repeated one.
            let is_it = |e: &u32| booted(&log).log[*e as usize - 1].digests == device.log[at].digests;
            assert!(
                events(&verdict).iter().any(is_it),
                "event {at} again at {to} is not named: {verdict:#?}"
            );
            // In the log alone: it does not replay.
            let mut written = device.clone();
            written.log = log;
            assert_eq!(judge(&written, &golden).status, Status::Contraindicated);
        }
    }
}

#[test]
fn a38_two_events_in_another_order() {
    let (device, golden) = (good(), golden(&[&good()]));
    let mut swaps = 0;
    for at in extended(&device) {
        let Some(other) = (at + 1..device.log.len()).find(|o| device.log[*o].pcr == device.log[at].pcr)
        else {
            continue;
        };
        if device.log[at].digests == device.log[other].digests {
            continue;
        }
        let mut log = device.log.clone();
        log.swap(at, other);
        let verdict = judge(&booted(&log), &golden);
        assert_eq!(verdict.status, Status::Contraindicated, "events {at} and {other}");
        assert!(named(&verdict).contains(&device.log[at].pcr));
        let reordered = find(&verdict, Code::EventReordered);
        assert!(
            reordered.iter().any(|r| r.event == Some(index(at)) || r.event == Some(index(other))),
            "events {at} and {other} are not named: {verdict:#?}"
        );
        let mut written = device.clone();
        written.log = log;
        assert_eq!(judge(&written, &golden).status, Status::Contraindicated);
        swaps += 1;
    }
    assert!(swaps > 20);
}

/// The order of events in different PCRs is not proven, and nothing depends on it.
#[test]
fn a38_order_across_registers_is_not_proven() {
    let (device, golden) = (good(), golden(&[&good()]));
    let mut told_otherwise = device.clone();
    told_otherwise.log[1..].sort_by_key(|event| event.pcr);
    let verdict = judge(&told_otherwise, &golden);
    assert_eq!(verdict.status, Status::Affirming);
}

#[test]
fn a38_an_event_inserted_at_every_position() {
    let (device, golden) = (good(), golden(&[&good()]));
    for at in 1..=device.log.len() {
        for pcr in [0, 4, 7, 8, 9, 14] {
            let mut log = device.log.clone();
            let mut stranger = Device::new(&device.banks(), 3);
            stranger.write(pcr, EFI_ACTION, b"implant", b"implant");
            log.insert(at, stranger.log.remove(0));
            let verdict = judge(&booted(&log), &golden);
            assert_eq!(verdict.status, Status::Contraindicated, "PCR {pcr} at {at}");
            assert_eq!(named(&verdict), BTreeSet::from([pcr]), "PCR {pcr} at {at}");
            assert!(events(&verdict).contains(&index(at)), "PCR {pcr} at {at}: {verdict:#?}");
        }
    }
}

#[test]
fn exit_boot_services_may_fail_first() {
    let golden = golden(&[&good()]);
    for failed_exits in 1..=Rule::MOST_REPEATS {
        affirmed(&judge(&Software { failed_exits, ..Software::default() }.boot(), &golden));
    }
    let too_often = Software { failed_exits: Rule::MOST_REPEATS + 1, ..Software::default() }.boot();
    assert_eq!(judge(&too_often, &golden).status, Status::Contraindicated);
}

/// A boot in which ExitBootServices failed is a boot to learn from.
#[test]
fn exit_boot_services_that_failed_when_learning() {
    let failed = Software { failed_exits: 2, ..Software::default() }.boot();
    let golden = golden(&[&failed]);
    affirmed(&judge(&failed, &golden));
    affirmed(&judge(&good(), &golden));
}

#[test]
fn the_rule_for_exit_boot_services_excuses_nothing_else() {
    let golden = golden(&[&good()]);
    let invocation = good().find("Exit Boot Services Invocation");
    let text = |text: &[u8], pcr: u32| {
        let mut stranger = Device::new(&good().banks(), 3);
        stranger.write(pcr, EFI_ACTION, text, text);
        stranger.log.remove(0)
    };
    let (call, failure) = (text(EXIT, 5), text(EXIT_FAILED, 5));
    let table = good().find("EFI PART");
    let lies: [(usize, Vec<Event>); 8] = [
        // Asked and refused, but what follows is no other invocation.
        (table, vec![call.clone(), failure.clone()]),
        // A failure without its invocation, before and after.
        (invocation, vec![failure.clone()]),
        (invocation + 1, vec![failure.clone()]),
        // An invocation without its failure.
        (invocation, vec![call.clone()]),
        // After the last measurement: root asks again.
        (good().log.len(), vec![call.clone(), failure.clone()]),
        (good().log.len(), vec![failure.clone(), call.clone()]),
        // Another text where the failure should be, and the failure in another register.
        (invocation, vec![call.clone(), text(b"Exit Boot Services Returned with Success", 5)]),
        (invocation, vec![text(EXIT, 4), text(EXIT_FAILED, 4)]),
    ];
    for (at, lie) in lies {
        let mut log = good().log;
        log.splice(at..at, lie.clone());
        assert_eq!(judge(&booted(&log), &golden).status, Status::Contraindicated, "{lie:?}");
    }
}

#[test]
fn order_may_be_free_before_the_separator_only() {
    let mut golden = golden(&[&good()]);
    let first = golden.sequences.iter_mut().find(|s| s.pcr == 7).unwrap();
    first.order = Order::FreeBeforeSeparator;
    affirmed(&judge(&good(), &golden));
    let of_7: Vec<usize> = extended(&good()).into_iter().filter(|at| good().log[*at].pcr == 7).collect();
    let separator = of_7.iter().position(|at| good().log[*at].kind == super::device::SEPARATOR).unwrap();
    for (i, a) in of_7.iter().enumerate() {
        for (j, b) in of_7.iter().enumerate().skip(i + 1) {
            let mut log = good().log;
            log.swap(*a, *b);
            let verdict = judge(&booted(&log), &golden);
            if j < separator {
                affirmed(&verdict);
            } else {
                assert_eq!(verdict.status, Status::Contraindicated, "{i} and {j}");
            }
        }
    }
    // Each slot is used once: one boot option twice, another not at all.
    golden.sequences.iter_mut().filter(|s| s.pcr == 1).for_each(|s| s.order = Order::FreeBeforeSeparator);
    let mut log = good().log;
    let of_1: Vec<usize> = extended(&good()).into_iter().filter(|at| log[*at].pcr == 1).collect();
    log.swap(of_1[0], of_1[1]);
    affirmed(&judge(&booted(&log), &golden));
    log[of_1[0]] = log[of_1[1]].clone();
    assert_eq!(judge(&booted(&log), &golden).status, Status::Contraindicated);
}

#[test]
fn startup_locality_is_golden_too() {
    let golden = golden(&[&good()]);
    let mut other = Software { locality: 0, ..Software::default() }.boot();
    let verdict = judge(&other, &golden);
    refused(&verdict, Code::StartupLocalityMismatch);
    // The log says the golden locality, the TPM was started from another.
    other.log[0] = good().log[0].clone();
    refused(&judge(&other, &golden), Code::ReplayMismatch);
    // The log says nothing.
    other.log.remove(0);
    refused(&judge(&other, &golden), Code::StartupLocalityMismatch);
}

/// One firmware volume of a golden boot, another event's place.
#[test]
fn a_golden_digest_counts_in_its_own_place_alone() {
    let golden = golden(&[&good()]);
    let mut log = good().log;
    let at = log.iter().position(|e| e.kind == BLOB).unwrap();
    log.swap(at, at - 1);
    refused(&judge(&booted(&log), &golden), Code::EventReordered);
}

/// Root extends a register as often as a log may tell, and logs each: the verdict stays one that a person can read.
#[test]
fn a51_a_hostile_log_makes_no_endless_verdict() {
    let golden = golden(&[&good()]);
    let mut log = good().log;
    let mut stranger = Device::new(&good().banks(), 3);
    for n in 0..3_900_u32 {
        stranger.write(8, super::device::APPLICATION, &n.to_le_bytes(), &n.to_le_bytes());
    }
    log.extend(stranger.log);
    let verdict = judge(&booted(&log), &golden);
    assert_eq!(verdict.status, Status::Contraindicated);
    assert!(verdict.reasons.len() < 1_100, "{} reasons", verdict.reasons.len());
    assert!(verdict.reasons.iter().any(|r| r.explain.contains("more differences")), "and it says so");
}
