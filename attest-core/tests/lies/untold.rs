//! Devices that send no PCR values, and a log that does not lead to the quoted ones: what is told wrongly is found and named all the same.

use attest_core::appraise::{Cause, Code, Explanation, Policy, Reason, Status, Verdict};

use super::device::{Device, Event, NO_ACTION, SEPARATOR, hash};
use super::judge::{Sent, context, find, golden, has};
use super::sample::{Software, good};
use super::sequence::booted;

/// The verdict where nobody sent PCR values.
fn without_values(liar: &Device) -> Verdict {
    let sent = Sent { values: None, ..Sent::by(liar) };
    let verdict = sent.judge(&golden(&[&good()]), &Policy::default(), &context());
    assert_eq!(verdict.status, Status::Contraindicated);
    verdict
}

fn is_found(verdict: &Verdict) -> bool {
    !has(verdict, Code::EvidenceNotAuthentic)
}

/// Where each event that extends something stands.
fn places() -> Vec<usize> {
    let device = good();
    (0..device.log.len()).filter(|at| device.log[*at].kind != NO_ACTION).collect()
}

/// What is said of the log, with the words and the event.
fn told(verdict: &Verdict, pcr: u32) -> (String, Option<u32>) {
    let of_pcr = verdict.reasons.iter().filter(|r| r.pcr == Some(pcr));
    let mut golden = of_pcr.filter(|r| r.explanation == Some(Explanation::Golden));
    let reason = golden.next().unwrap_or_else(|| panic!("PCR {pcr}: {:#?}", verdict.reasons));
    (reason.explain.clone(), reason.event)
}

#[test]
fn a38_an_event_left_out_of_a_good_boot_is_named() {
    for at in places() {
        let mut liar = good();
        let removed = liar.log.remove(at);
        let verdict = without_values(&liar);
        assert!(is_found(&verdict), "event {at}: {:#?}", verdict.reasons);
        let (words, _) = told(&verdict, removed.pcr);
        let is_alone = liar.log.iter().all(|event| event.pcr != removed.pcr || event.kind == NO_ACTION);
        let expected = if is_alone { "told wrong or not at all" } else { "the log leaves out" };
        assert!(words.contains(expected), "event {at}: {words}");
        assert_eq!(verdict.causes[0].cause, Cause::LogIncomplete);
    }
}

#[test]
fn a38_an_event_told_twice_is_named() {
    for at in places() {
        let mut liar = good();
        liar.log.insert(at, liar.log[at].clone());
        let verdict = without_values(&liar);
        assert!(is_found(&verdict), "event {at}");
        let (words, event) = told(&verdict, liar.log[at].pcr);
        assert!(words.contains("that was not extended"), "event {at}: {words}");
        assert!(event.is_some_and(|event| words.contains(&format!("event {event} "))), "{words}");
    }
}

#[test]
fn a33_a_digest_told_wrongly_is_named() {
    for at in places() {
        let mut liar = good();
        liar.log[at].digests.values_mut().for_each(|digest| digest[0] ^= 1);
        let verdict = without_values(&liar);
        assert!(is_found(&verdict), "event {at}");
        let (words, event) = told(&verdict, liar.log[at].pcr);
        assert!(
            words.contains("the log tells ") && words.contains(" wrongly, in event "),
            "event {at}: {words}"
        );
        // The log's header is event 0.
        assert_eq!(event, u32::try_from(at + 1).ok());
    }
}

#[test]
fn a35_a_known_digest_extended_behind_the_logs_back_is_found() {
    let device = good();
    let of_kernel = device.log.iter().rfind(|event| event.pcr == 4 && event.kind != NO_ACTION).unwrap();
    let mut liar = good();
    for (bank, digest) in &of_kernel.digests {
        liar.extend_digest(*bank, 4, digest);
    }
    let verdict = without_values(&liar);
    assert!(is_found(&verdict), "{:#?}", verdict.reasons);
    assert_eq!(verdict.causes[0].cause, Cause::UnloggedExtension);
    assert_eq!(find(&verdict, Code::ReplayMismatch)[0].pcr, Some(4));
}

/// A boot with a new kernel, which is not golden, and a log that leaves out one of the other events: before it, after it, or elsewhere.
#[test]
fn a38_an_event_left_out_of_a_boot_that_is_not_golden_is_named() {
    let golden = golden(&[&good()]);
    let new = || Software { kernel: "linux 6.2", ..Software::default() }.boot();
    let of_kernel = |place: usize| good().log[place] != new().log[place];
    let changed: Vec<usize> = places().into_iter().filter(|at| of_kernel(*at)).collect();
    assert_eq!(changed.len(), 3, "its image, its file and its command line");
    let mut found = (0, 0, 0);
    for at in places().into_iter().filter(|at| !of_kernel(*at)) {
        let mut liar = new();
        let removed = liar.log.remove(at);
        for values in [None, Sent::by(&liar).values] {
            let was_sent = values.is_some();
            let verdict = Sent { values, ..Sent::by(&liar) }.judge(&golden, &Policy::default(), &context());
            assert!(is_found(&verdict), "event {at}: {:#?}", verdict.reasons);
            let reason = |r: &&Reason| r.pcr == Some(removed.pcr) && r.explanation.is_some();
            let reason = verdict.reasons.iter().find(reason).expect("a reason");
            let of_kernel = |at: &usize| new().log[*at].pcr == removed.pcr;
            let is_last = liar.log.iter().skip(at).all(|event| event.pcr != removed.pcr);
            let (expected, count) = match (changed.iter().any(of_kernel), is_last) {
                (false, _) => (Explanation::Golden, &mut found.0),
                (true, false) => (Explanation::EventNotTold, &mut found.1),
                (true, true) => (Explanation::EventAppended, &mut found.2),
            };
            assert_eq!(reason.explanation, Some(expected), "event {at}, {was_sent}: {}", reason.explain);
            if expected == Explanation::EventNotTold {
                assert!(reason.explain.contains("one event more, "), "{}", reason.explain);
                assert_eq!(reason.cause, Some(Cause::LogIncomplete));
            }
            *count += 1;
        }
    }
    assert!(found.0 > 20 && found.1 >= 10 && found.2 >= 2, "{found:?}");
}

/// A boot whose registers are not golden, and a log that tells one of its events twice, or once where it was measured twice.
#[test]
fn a38_an_event_told_too_often_or_not_often_enough_is_found_in_any_boot() {
    let golden = golden(&[&good()]);
    let new = Software { kernel: "linux 6.2", ..Software::default() }.boot();
    let changed: Vec<u32> =
        places().into_iter().filter(|at| good().log[*at] != new.log[*at]).map(|at| new.log[at].pcr).collect();
    for at in places().into_iter().filter(|at| changed.contains(&new.log[*at].pcr)).step_by(3) {
        let mut twice = new.log.clone();
        twice.insert(at, twice[at].clone());
        let mut once_told = booted(&twice);
        once_told.log = new.log.clone();
        let mut twice_told = new.clone();
        twice_told.log = twice;
        for liar in [once_told, twice_told] {
            let sent = Sent { values: None, ..Sent::by(&liar) };
            let verdict = sent.judge(&golden, &Policy::default(), &context());
            assert!(is_found(&verdict), "event {at}: {:#?}", verdict.reasons);
            let of = |r: &&Reason| r.pcr == Some(new.log[at].pcr) && r.code == Code::ReplayMismatch;
            assert!(verdict.reasons.iter().any(|r| of(&r)), "event {at}");
        }
    }
}

/// What is golden elsewhere in the register was extended once more, behind the log, into a register that is not golden itself.
#[test]
fn a35_a_known_digest_behind_the_log_of_any_boot_is_found() {
    let of_kernel =
        good().log.iter().rfind(|event| event.pcr == 4 && event.kind != NO_ACTION).unwrap().clone();
    let mut liar = Software { kernel: "linux 6.2", ..Software::default() }.boot();
    for (bank, digest) in &of_kernel.digests {
        liar.extend_digest(*bank, 4, digest);
    }
    let verdict = without_values(&liar);
    assert!(is_found(&verdict), "{:#?}", verdict.reasons);
    assert_eq!(find(&verdict, Code::ReplayMismatch)[0].explanation, Some(Explanation::EventAppended));
}

/// Two registers are told wrongly, and a third is another than golden and told truly.
#[test]
fn a38_a_good_boot_but_for_one_register_is_found() {
    let mut liar = Software { initrd: "another initrd", ..Software::default() }.boot();
    for pcr in [2, 5] {
        let at = liar.log.iter().position(|event| event.pcr == pcr && event.kind != NO_ACTION).unwrap();
        liar.log.remove(at);
    }
    let verdict = without_values(&liar);
    assert!(is_found(&verdict), "{:#?}", verdict.reasons);
    for pcr in [2, 5] {
        told(&verdict, pcr);
    }
}

/// The firmware is not golden, and the log hides from which locality the TPM was started.
#[test]
fn a36_another_startup_locality_of_any_firmware_is_found() {
    let mut liar = Software { firmware: "firmware volume, version 2", ..Software::default() }.boot();
    let locality = liar.log.iter().position(|event| event.kind == NO_ACTION).unwrap();
    liar.log.remove(locality);
    let verdict = without_values(&liar);
    assert!(is_found(&verdict), "{:#?}", verdict.reasons);
    let reason = verdict.reasons.iter().find(|r| r.pcr == Some(0) && r.explanation.is_some()).unwrap();
    assert_eq!(reason.explanation, Some(Explanation::StartupLocality));
}

#[test]
fn a36_another_startup_locality_is_found_without_values() {
    let mut liar = good();
    let locality = liar.log.iter().position(|event| event.kind == NO_ACTION).unwrap();
    liar.log.remove(locality);
    // The rest of the boot is not golden.
    liar.extend(9, b"more");
    let separator = liar.log.iter().find(|event| event.kind == SEPARATOR).unwrap().clone();
    liar.log.push(Event {
        pcr: 9,
        digests: liar.banks().iter().map(|b| (*b, hash(*b, b"more"))).collect(),
        ..separator
    });
    let verdict = without_values(&liar);
    assert!(is_found(&verdict), "{:#?}", verdict.reasons);
    let reason = verdict.reasons.iter().find(|r| r.pcr == Some(0) && r.explanation.is_some()).unwrap();
    assert_eq!(reason.explanation, Some(Explanation::Golden));
}

#[test]
fn a01_what_nobody_knows_is_not_guessed() {
    let mut liar = good();
    liar.extend(4, b"nobody knows this");
    let verdict = without_values(&liar);
    assert!(!is_found(&verdict));
    assert_eq!(verdict.reasons[0].detail_code, Some("pcr_digest_mismatch"));
}
