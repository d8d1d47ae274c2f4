//! Whoever holds the key may send any log: the explanation stays small and its cost near linear.

use std::time::Instant;

use attest_core::Limits;
use attest_core::appraise::comparison::Relation;
use attest_core::appraise::{Cause, Policy, Verdict};
use attest_core::reference::ReferenceSet;

use super::boot::{Boot, Way, golden};
use super::device::{Device, IPL};
use super::judge::{Sent, context};

/// How many events a log may still have.
fn room() -> usize {
    Limits::DEFAULT.event_log_events - Boot::good(Way::Grub).device().log.len() - 8
}

fn judged(device: &Device) -> Verdict {
    let sent = Sent::by(device);
    let references = ReferenceSet::development(golden(Way::Grub)).unwrap();
    let evidence = sent.authenticate().unwrap();
    let started = Instant::now();
    let verdict = Policy::default().appraise(&evidence, &references, &context());
    eprintln!("appraised in {:?}", started.elapsed());
    verdict
}

fn assert_small(verdict: &Verdict) {
    let limits = Limits::DEFAULT;
    let rows = verdict.comparison.iter().flat_map(|c| &c.rows);
    let differing = rows.filter(|row| row.relation != Relation::Same).count();
    assert!(differing <= limits.compared_rows, "{differing} rows");
    assert!(verdict.comparison.iter().any(|c| c.omitted > 0), "and says that there is more");
    assert!(verdict.reasons.len() <= limits.findings + 100, "{} reasons", verdict.reasons.len());
    assert!(verdict.causes.len() < 10);
}

#[test]
fn a_log_of_the_largest_size_that_is_proven() {
    let mut device = Boot::good(Way::Grub).device();
    device.ima.clear();
    device.selection.iter_mut().for_each(|(_, pcrs)| pcrs.retain(|pcr| *pcr != 10));
    for n in 0..room() {
        let text = format!("grub_cmd: {n}\0");
        device.measure(8, IPL, text.as_bytes(), &text.as_bytes()[10..text.len() - 1]);
    }
    let verdict = judged(&device);
    assert_small(&verdict);
    assert_eq!(verdict.causes[0].cause, Cause::BootConfigChanged);
    let more: Vec<_> = verdict.reasons.iter().filter(|r| r.explain.contains(" more differences")).collect();
    assert_eq!(more.iter().map(|r| r.pcr).collect::<Vec<_>>(), [Some(8)]);
}

/// The same in a register that was extended once more: the search for what would explain it has a budget.
#[test]
fn a_log_of_the_largest_size_that_is_not() {
    let mut device = Boot::good(Way::Grub).device();
    device.ima.clear();
    device.selection.iter_mut().for_each(|(_, pcrs)| pcrs.retain(|pcr| *pcr != 10));
    for n in 0..room() {
        let text = format!("grub_cmd: {n}\0");
        let pcr = [0, 4, 8, 9][n % 4];
        device.measure(pcr, IPL, text.as_bytes(), &text.as_bytes()[10..text.len() - 1]);
    }
    for pcr in [0, 4, 8, 9] {
        device.extend(pcr, b"nobody logged this");
    }
    let verdict = judged(&device);
    assert_small(&verdict);
    assert!(verdict.causes.iter().any(|root| root.cause == Cause::UnloggedExtension));
}

/// Two different sequences of many unique and equal digests: neither the exact alignment nor the anchors find an end in them.
#[test]
fn a_log_that_repeats_and_reverses_the_golden_one() {
    let mut good = Boot::good(Way::Grub);
    let at = good.at(8, "timeout");
    for n in 0..300 {
        let text = format!("set x={n}");
        good.insert(at, 8, IPL, format!("grub_cmd: {text}\0").as_bytes(), text.as_bytes());
    }
    let golden = super::judge::golden(&[&good.device()]);
    let mut liar = good.clone();
    let commands: Vec<_> = good.events.iter().filter(|e| e.pcr == 8).cloned().collect();
    while liar.events.len() + commands.len() < room() {
        liar.events.extend(commands.iter().rev().cloned());
    }
    let mut device = liar.device();
    device.selection.iter_mut().for_each(|(_, pcrs)| pcrs.retain(|pcr| *pcr != 10));
    device.ima.clear();
    let sent = Sent::by(&device);
    let references = ReferenceSet::development(golden).unwrap();
    let evidence = sent.authenticate().unwrap();
    let started = Instant::now();
    let verdict = Policy::default().appraise(&evidence, &references, &context());
    eprintln!("appraised in {:?}", started.elapsed());
    assert_small(&verdict);
    // What is golden at the beginning is still seen as such.
    let of_8 = verdict.comparison.iter().find(|c| c.pcr == 8).unwrap();
    assert!(of_8.rows[0].count > 100, "{:?}", of_8.rows[0]);
}
