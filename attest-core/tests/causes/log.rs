//! The boot was good, and its log is not.

use attest_core::appraise::{Cause, Code, Explanation, Policy, Status};

use super::boot::{Boot, Way, digests, golden, named};
use super::device::{Device, NO_ACTION, SHA1, SHA384};
use super::judge::{Sent, context, judge};

const CUT: [(Cause, Option<Cause>); 1] = [(Cause::LogIncomplete, Some(Cause::UnloggedExtension))];

#[test]
fn a_log_cut_at_any_event() {
    for way in [Way::Grub, Way::Uki] {
        let (golden, good) = (golden(way), Boot::good(way).device());
        for length in 1..good.log.len() {
            let mut cut = good.clone();
            cut.log.truncate(length);
            let verdict = judge(&cut, &golden);
            assert_eq!(verdict.status, Status::Contraindicated);
            assert_eq!(named(&verdict), CUT, "{way:?} after {length}: {:#?}", verdict.causes);
            let explained = verdict.reasons.iter().filter(|r| r.cause == Some(Cause::LogIncomplete));
            assert!(explained.clone().count() > 0);
            assert!(explained.clone().all(|r| r.explanation == Some(Explanation::Golden)));
        }
    }
}

#[test]
fn a_log_without_any_one_event_or_with_one_twice_or_changed() {
    let (golden, good) = (golden(Way::Grub), Boot::good(Way::Grub).device());
    let events = (0..good.log.len()).filter(|at| good.log[*at].kind != NO_ACTION);
    for at in events {
        let mut liars = [good.clone(), good.clone(), good.clone()];
        liars[0].log.remove(at);
        let again = liars[1].log[at].clone();
        liars[1].log.insert(at, again);
        liars[2].log[at].digests = digests(b"another thing");
        for (how, liar) in liars.iter().enumerate() {
            let verdict = judge(liar, &golden);
            assert_eq!(verdict.status, Status::Contraindicated);
            assert_eq!(named(&verdict), CUT, "event {at} way {how}: {:#?}", verdict.causes);
        }
    }
}

#[test]
fn no_log_names_the_registers_that_are_golden_all_the_same() {
    let (golden, mut device) = (golden(Way::Grub), Boot::good(Way::Grub).device());
    device.extend(9, b"another initrd");
    for log in [None, Some(Vec::new())] {
        let sent = Sent { log, ..Sent::by(&device) };
        let verdict = sent.judge(&golden, &Policy::default(), &context());
        assert_eq!(verdict.causes[0].cause, Cause::LogMissing);
        let of = |pcr: u32| verdict.reasons.iter().find(|r| r.pcr == Some(pcr) && r.cause.is_some()).unwrap();
        assert_eq!(of(4).explanation, Some(Explanation::Golden), "{:#?}", of(4));
        assert_eq!(of(9).explanation, None, "PCR 9 is not");
    }
}

/// A log in the format of 2.0's predecessor has SHA-1 digests alone, and a quote over SHA-256 asks for others.
#[test]
fn a_log_of_another_bank() {
    let (golden, mut device) = (golden(Way::Grub), Boot::good(Way::Grub).device());
    device.log_banks = vec![SHA1];
    for event in &mut device.log {
        event.digests.retain(|bank, _| *bank == SHA1);
    }
    let verdict = judge(&device, &golden);
    assert_eq!(verdict.status, Status::Contraindicated);
    assert_eq!(verdict.causes[0].cause, Cause::LogIncomplete, "{:#?}", verdict.causes);
    assert!(verdict.causes.iter().all(|root| root.cause != Cause::UnloggedExtension));
}

#[test]
fn a_bank_that_was_extended_alone() {
    let (golden, mut device) = (golden(Way::Grub), Boot::good(Way::Grub).device());
    device.extend_digest(SHA384, 5, &[7; 48]);
    let verdict = judge(&device, &golden);
    assert_eq!(named(&verdict), [(Cause::UnloggedExtension, Some(Cause::LogIncomplete))]);
    let reason = verdict.reasons.iter().find(|r| r.code == Code::ReplayMismatch).unwrap();
    assert_eq!((reason.bank, reason.explanation), (Some("sha384"), Some(Explanation::OtherBank)));
}

/// One explanation of the only reason that has one.
fn explained(
    device: &Device,
    golden: &attest_core::reference::golden::Golden,
) -> (Cause, Explanation, String) {
    let verdict = judge(device, golden);
    let found: Vec<_> = verdict.reasons.iter().filter(|r| r.explanation.is_some()).collect();
    let first = found.first().unwrap_or_else(|| panic!("nothing explained: {verdict:#?}"));
    assert!(found.iter().all(|r| r.explanation == first.explanation));
    (first.cause.unwrap(), first.explanation.unwrap(), first.explain.clone())
}

#[test]
fn what_would_lead_to_the_value() {
    let (golden, good) = (golden(Way::Grub), Boot::good(Way::Grub).device());
    let find = |device: &Device| explained(device, &golden);

    let mut again = good.clone();
    let event = again.log[again.find("timeout")].clone();
    again.replay(&event);
    let (cause, what, words) = find(&again);
    assert_eq!((cause, what), (Cause::UnloggedExtension, Explanation::EventAppended));
    assert!(words.contains("the digest of"), "{words}");

    // The TPM was started from locality 3, and the log does not say so.
    let mut started = Boot::good(Way::Grub);
    started.locality = 3;
    let mut started = started.device();
    started.log.remove(0);
    let (cause, what, words) = find(&started);
    assert_eq!((cause, what), (Cause::LogIncomplete, Explanation::StartupLocality));
    assert!(words.contains("locality 3"), "{words}");

    // The firmware failed, and the log hides it.
    let mut failed = Boot::good(Way::Grub);
    let separator = failed.of_type(3, super::device::SEPARATOR)[0];
    failed.content(separator, &[1, 0, 0, 0]);
    let mut failed = failed.device();
    failed.log = good.log.clone();
    let (_, what, words) = find(&failed);
    assert_eq!(what, Explanation::ErrorSeparator, "{words}");

    // GRUB's last command was never run, and the log says it was.
    let mut stopped = Boot::good(Way::Grub);
    let last = *stopped.all(8, "grub_cmd: boot").last().unwrap();
    stopped.events.remove(last);
    let mut stopped = stopped.device();
    stopped.log = good.log.clone();
    assert_eq!(find(&stopped).1, Explanation::StoppedEarly);

    // One in the middle was not.
    let mut less = Boot::good(Way::Grub);
    let timeout = less.at(8, "timeout");
    less.events.remove(timeout);
    let mut less = less.device();
    less.log = good.log.clone();
    let (_, what, words) = find(&less);
    assert_eq!(what, Explanation::EventMissing);
    assert!(words.contains("without grub.command"), "{words}");

    // One was run twice, and is told once.
    let mut twice = Boot::good(Way::Grub);
    let timeout = twice.at(8, "timeout");
    let event = twice.events[timeout].clone();
    twice.events.insert(timeout, event);
    let mut twice = twice.device();
    twice.log = good.log.clone();
    assert_eq!(find(&twice).1, Explanation::EventRepeated);
}

#[test]
fn what_systemd_measures_without_its_log() {
    let (golden, mut device) = (golden(Way::Uki), Boot::good(Way::Uki).device());
    for phase in ["enter-initrd", "leave-initrd", "sysinit"] {
        device.extend(11, phase.as_bytes());
    }
    device.extend(15, b"machine-id:0123");
    let verdict = judge(&device, &golden);
    let userspace = (Cause::UserspaceMeasurementChanged, Some(Cause::UnloggedExtension));
    assert_eq!(named(&verdict), [userspace], "{:#?}", verdict.causes);
    let reason = verdict.reasons.iter().find(|r| r.explanation.is_some()).unwrap();
    assert!(reason.explain.contains("up to `sysinit`"), "{}", reason.explain);
    // In another order they are not systemd's.
    let mut device = Boot::good(Way::Uki).device();
    for phase in ["sysinit", "enter-initrd"] {
        device.extend(11, phase.as_bytes());
    }
    assert_eq!(named(&judge(&device, &golden)), [(Cause::UnloggedExtension, Some(Cause::LogIncomplete))]);
}

/// What only an unproven log says is a cause of its own, and marked as unproven.
#[test]
fn what_hides_in_a_register_that_is_not_explained() {
    let golden = golden(Way::Grub);
    let mut boot = Boot::good(Way::Grub);
    let entry = boot.all(9, "/initrd.img")[0];
    boot.content(entry, b"implant");
    let mut device = boot.device();
    device.extend(9, b"nobody logged this");
    let verdict = judge(&device, &golden);
    let roots: Vec<_> = verdict.causes.iter().map(|root| (root.cause, root.unproven)).collect();
    assert_eq!(roots, [(Cause::UnloggedExtension, false), (Cause::InitrdChanged, true)]);
    assert!(verdict.comparison.iter().any(|c| c.pcr == 9 && !c.proven));
    assert!(verdict.reasons.iter().all(|r| r.component.as_deref() != Some("initrd")), "no reason by it");
}
