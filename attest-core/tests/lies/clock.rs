//! What the quote says about itself: nonce, clock, counters, firmware.

use attest_core::appraise::{Code, Context, LastSeen, Policy, Severity, Status, Verdict};
use attest_core::evidence::tpm::ClockInfo;

use super::device::{Device, NONCE};
use super::judge::{Sent, affirmed, context, find, golden, has, refused_only};
use super::sample::good;

const LAST: LastSeen = LastSeen {
    clock: ClockInfo { clock: 100_000, reset_count: 7, restart_count: 1, safe: true },
    firmware_version: 0x2023_0001,
};

fn seen(device: &Device, policy: &Policy) -> Verdict {
    let context = Context { last_seen: Some(LAST), ..context() };
    Sent::by(device).judge(&golden(&[&good()]), policy, &context)
}

fn strict() -> Policy {
    let text = "format = 'attest-policy/1'\nmust_judge = [0, 4, 7]\nclock_unsafe = 'refuse'\n\
                firmware_version_changed = 'refuse'";
    Policy::parse(text).unwrap()
}

#[test]
fn a15_the_nonce_is_the_one_in_the_evidence() {
    let verdict = seen(&good(), &Policy::default());
    assert_eq!(verdict.proven.unwrap().nonce, hex::encode(NONCE));
}

#[test]
fn a15_what_is_not_authentic_proves_nothing() {
    let mut sent = Sent::by(&good());
    *sent.signature.last_mut().unwrap() ^= 1;
    let verdict = sent.judge(&golden(&[&good()]), &Policy::default(), &context());
    refused_only(&verdict, Code::EvidenceNotAuthentic);
    assert_eq!((verdict.proven, verdict.device, verdict.judged.len()), (None, None, 0));
    assert_eq!(verdict.trust_vector, attest_core::appraise::TrustVector::NOT_AUTHENTIC);
    assert_eq!(verdict.boot.status, Status::Contraindicated);
    assert_eq!(verdict.runtime.status, Status::Contraindicated);
}

#[test]
fn a16_equal_counters_are_fine() {
    affirmed(&seen(&good(), &strict()));
}

#[test]
fn a16_the_clock_goes_back_without_a_reset() {
    let device = Device { clock: 99_999, ..good() };
    refused_only(&seen(&device, &Policy::default()), Code::ClockWentBack);
    // With a reset in between it is a restart, whose clock may have been lost.
    let device = Device { clock: 99_999, resets: 8, ..good() };
    assert!(!has(&seen(&device, &Policy::default()), Code::ClockWentBack));
}

#[test]
fn a16_the_restart_counter_goes_back_without_a_reset() {
    let device = Device { restarts: 0, clock: 200_000, ..good() };
    refused_only(&seen(&device, &Policy::default()), Code::ClockWentBack);
}

#[test]
fn a16_the_reset_counter_goes_back() {
    for clock in [1, 100_000, u64::MAX] {
        let device = Device { resets: 6, clock, ..good() };
        refused_only(&seen(&device, &Policy::default()), Code::ResetCountWentBack);
    }
}

#[test]
fn a16_an_unsafe_clock_is_visible_and_under_policy() {
    let device = Device { safe: 0, ..good() };
    let verdict = seen(&device, &Policy::default());
    assert_eq!(find(&verdict, Code::ClockUnsafe)[0].severity, Severity::Warn);
    refused_only(&seen(&device, &strict()), Code::ClockUnsafe);
    assert!(!verdict.proven.unwrap().clock.safe);
    assert!(!has(&seen(&good(), &strict()), Code::ClockUnsafe));
}

#[test]
fn a17_other_tpm_firmware_is_visible_and_under_policy() {
    for firmware in [0x2023_0002, 0x2023_0000, 0] {
        let device = Device { firmware, ..good() };
        let verdict = seen(&device, &Policy::default());
        assert_eq!(find(&verdict, Code::FirmwareVersionChanged)[0].severity, Severity::Warn);
        refused_only(&seen(&device, &strict()), Code::FirmwareVersionChanged);
    }
}

#[test]
fn a18_a_reboot_is_told_as_one() {
    let device = Device { resets: 9, restarts: 0, clock: 300_000, ..good() };
    let verdict = seen(&device, &strict());
    affirmed(&verdict);
    let rebooted = find(&verdict, Code::Rebooted)[0];
    assert_eq!(rebooted.severity, Severity::Info);
    assert!(rebooted.explain.contains("2 time(s)"));
}

/// A TPM Restart or Resume: the counter tells how often, and it is no refusal.
#[test]
fn a16_a_resume_is_told_as_one() {
    let device = Device { restarts: 3, clock: 200_000, ..good() };
    let verdict = seen(&device, &strict());
    affirmed(&verdict);
    let resumed = find(&verdict, Code::Resumed)[0];
    assert_eq!(resumed.severity, Severity::Info);
    assert!(resumed.explain.contains("2 time(s)"));
    let device = Device { clock: 200_000, ..good() };
    assert!(!has(&seen(&device, &strict()), Code::Resumed));
}

/// A reboot explains nothing about PCRs that moved.
#[test]
fn a18_a_reboot_excuses_no_difference() {
    let software = super::sample::Software { kernel: "implant", ..Default::default() };
    let device = Device { resets: 8, ..software.boot() };
    let verdict = seen(&device, &Policy::default());
    assert!(has(&verdict, Code::Rebooted));
    assert_eq!(verdict.status, Status::Contraindicated);
}

/// A revoked device is refused whatever it booted.
#[test]
fn a_revoked_device_is_refused() {
    let context = Context { revoked: Some("stolen".into()), ..context() };
    let verdict = Sent::by(&good()).judge(&golden(&[&good()]), &Policy::default(), &context);
    refused_only(&verdict, Code::Revoked);
    assert_eq!(verdict.trust_vector.instance_identity, 96);
    assert!(find(&verdict, Code::Revoked)[0].explain.contains("stolen"));
}

#[test]
fn development_mode_is_in_every_verdict() {
    let context = Context { development: true, ..context() };
    let golden = golden(&[&good()]);
    let verdict = Sent::by(&good()).judge(&golden, &Policy::default(), &context);
    assert!(has(&verdict, Code::DevelopmentMode));
    let mut sent = Sent::by(&good());
    sent.signature.pop();
    assert!(has(&sent.judge(&golden, &Policy::default(), &context), Code::DevelopmentMode));
}
