//! Keys that were never to be shipped: a golden document may hold such a machine only by name.

use attest_core::appraise::{Code, Severity, Status, Verdict};
use attest_core::reference::golden::Accepted;
use attest_core::reference::learn::Choices;

use super::judge::{affirmed, find, judge, learned_by};
use super::sample::Software;

#[test]
fn a26_a_machine_with_a_test_key_does_not_affirm_though_its_digests_are_golden() {
    // Whoever likes can sign what this machine's db accepts.
    let device = Software { db: "CN=DO NOT TRUST - AMI Test CA", ..Software::default() }.boot();
    let accepted = vec![Accepted { weakness: "test_keys".into(), reason: "a lab".into() }];
    let choices = Choices { accepted, ..Choices::default() };
    let mut golden = learned_by(&[&device], false, &choices).unwrap();
    let verdict = judge(&device, &golden);
    affirmed(&verdict);
    let told = find(&verdict, Code::LogFinding);
    assert_eq!((told[0].detail_code, told[0].severity), (Some("test_key"), Severity::Info));
    assert_eq!(told[0].pcr, Some(7));
    // Somebody takes the word out, or accepts another weakness only.
    golden.accepted[0].weakness = "secure_boot_off".into();
    warned(&judge(&device, &golden));
    golden.accepted.clear();
    warned(&judge(&device, &golden));
}

/// Not affirming, for this and nothing else.
#[track_caller]
fn warned(verdict: &Verdict) {
    assert_eq!(verdict.status, Status::Warning, "{verdict:#?}");
    let warnings: Vec<_> = verdict.reasons.iter().filter(|r| r.severity == Severity::Warn).collect();
    assert_eq!(warnings.len(), 1, "{verdict:#?}");
    assert_eq!((warnings[0].code, warnings[0].detail_code), (Code::LogFinding, Some("test_key")));
}
