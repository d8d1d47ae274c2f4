//! Keys that were never to be shipped: a golden document may hold such a machine only by name.

use attest_core::appraise::{Code, Severity, Status, Verdict};
use attest_core::reference::golden::Accepted;
use attest_core::reference::learn::Choices;

use super::device::{EFI_ACTION, Event, VARIABLE_AUTHORITY};
use super::judge::{affirmed, find, judge, learned_by};
use super::rule_values::{certificates, with};
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
    warned(&judge(&device, &golden), "test_key");
    golden.accepted.clear();
    warned(&judge(&device, &golden), "test_key");
}

/// No digest covers a type, and one byte less is no proof: what the log hides makes no verdict better.
#[test]
fn a29_a_test_key_whose_data_or_type_is_another() {
    let device = with(|v| v.db = certificates(&["DO NOT TRUST"])).boot();
    let accepted = vec![Accepted { weakness: "test_keys".into(), reason: "a lab".into() }];
    let choices = Choices { accepted, ..Choices::default() };
    let accepting = learned_by(&[&device], false, &choices).unwrap();
    let mut golden = accepting.clone();
    golden.accepted.clear();
    let mark = b"DO NOT TRUST";
    let is_db = |event: &&mut Event| event.data.windows(mark.len()).any(|part| part == mark);
    type Lie = fn(&mut Event);
    let lies: [Lie; 7] = [
        |event| *event.data.last_mut().unwrap() ^= 1,
        |event| event.data[32] ^= 1,
        |event| event.data[0] ^= 1,
        |event| event.data.clear(),
        |event| event.kind = EFI_ACTION,
        |event| event.kind = VARIABLE_AUTHORITY,
        |event| (event.kind, event.data) = (EFI_ACTION, b"hello".to_vec()),
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        let mut liar = device.clone();
        lie(liar.log.iter_mut().find(is_db).unwrap());
        let verdict = judge(&liar, &golden);
        assert_eq!(verdict.boot.status, Status::Warning, "{at}: {verdict:#?}");
        warned(&verdict, "test_key_unproven");
        affirmed(&judge(&liar, &accepting));
    }
}

/// Not affirming, for this and nothing else.
#[track_caller]
fn warned(verdict: &Verdict, detail: &str) {
    assert_eq!(verdict.status, Status::Warning, "{verdict:#?}");
    let warnings: Vec<_> = verdict.reasons.iter().filter(|r| r.severity == Severity::Warn).collect();
    assert_eq!(warnings.len(), 1, "{verdict:#?}");
    assert_eq!((warnings[0].code, warnings[0].detail_code), (Code::LogFinding, Some(detail)));
}
