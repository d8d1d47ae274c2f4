//! A real boot whose user space extended PCR 11 and 15 and wrote systemd's log: judged with the log, without it, and with lies in it.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic in it is a failed test"
)]

mod common;

use std::path::{Path, PathBuf};

use attest_core::appraise::{Cause, Code, Context, Policy, Severity, Status, Verdict};
use attest_core::authenticate::{AuthenticEvidence, Outcome};
use attest_core::evidence::tcg_log::EventLog;
use attest_core::evidence::userspace_log::Format;
use attest_core::evidence::{Told, UserspaceLog};
use attest_core::reference::golden::{self, Golden, LintCode};
use attest_core::reference::learn::{self, Boot, Choices};
use attest_core::{HashAlg, Limits};

use common::capture::{Capture, file, references};

const FAMILY: &str = "debian-12-qemu";
const LIMITS: Limits = Limits::DEFAULT;

fn folder(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/changes").join(scenario)
}

fn told() -> Vec<u8> {
    file(&folder("own-uki-phase"), "userspace.log")
}

fn learned(scenario: &str, log: Option<&[u8]>) -> Golden {
    let firmware = file(&folder(scenario), "eventlog.bin");
    let firmware = EventLog::parse(&firmware, &LIMITS).unwrap();
    let log = log.map(|bytes| UserspaceLog::parse(bytes, &LIMITS).unwrap());
    let userspace = log.as_ref();
    let boot =
        Boot { name: scenario, log: &firmware, userspace, evidence: golden::Evidence::Quoted, files: None };
    learn::learn(FAMILY, &[boot], &Choices::default()).unwrap()
}

/// The quote over PCR 0–15 in every bank, with this log of user space.
fn capture(log: Option<&[u8]>) -> Capture {
    let capture = Capture::read(&folder("own-uki-phase"), "all").expect("a quote");
    match log {
        None => capture,
        Some(log) => capture.with_userspace_log(log),
    }
}

fn judge(log: Option<&[u8]>, golden: &Golden) -> Verdict {
    capture(log).judge(FAMILY, &references(golden))
}

/// Records of the log as it was, changed, and written again.
fn changed(change: impl FnOnce(&mut Vec<String>)) -> Vec<u8> {
    let text = String::from_utf8(told()).unwrap();
    let mut records: Vec<String> = text.split('\u{1e}').skip(1).map(ToOwned::to_owned).collect();
    change(&mut records);
    records.iter().flat_map(|record| format!("\u{1e}{record}").into_bytes()).collect()
}

#[track_caller]
fn refused(verdict: &Verdict, code: Code, pcr: u32) {
    let by = |r: &&attest_core::appraise::Reason| r.code == code && r.pcr == Some(pcr);
    let found = verdict.reasons.iter().find(|r| by(r) && r.severity == Severity::Refuse);
    assert!(found.is_some(), "not refused as {code} in PCR {pcr}: {verdict:#?}");
    assert_eq!(verdict.status, Status::Contraindicated);
}

#[test]
fn the_log_explains_what_the_firmware_does_not() {
    let log = told();
    let outcome = |log| {
        let of = |e: &AuthenticEvidence<'_>| [11, 15].map(|pcr| e.outcome(HashAlg::Sha256, pcr).unwrap());
        capture(log).prove(of).unwrap()
    };
    let [in_11, in_15] = outcome(None);
    assert!(matches!(in_11, Outcome::Mismatch { .. }) && in_15 == Outcome::NoEvents);
    assert_eq!(outcome(Some(&log)), [Outcome::Match, Outcome::Match]);
    let all = |e: &AuthenticEvidence<'_>| e.outcomes().iter().all(|(_, _, outcome)| outcome.is_explained());
    assert!(capture(Some(&log)).prove(all).unwrap(), "in every bank");
}

#[test]
fn without_values_the_logs_lead_to_them() {
    let log = told();
    let values = capture(None).pcrs.unwrap();
    let same =
        |e: &AuthenticEvidence<'_>| e.pcrs().iter().all(|(alg, pcr, v)| values.get(alg, pcr) == Some(v));
    assert!(capture(Some(&log)).without_values().prove(same).unwrap());
    assert_eq!(capture(None).without_values().prove(same).unwrap_err().code(), "pcr_digest_mismatch");
}

#[test]
fn a_story_is_the_firmwares_log_and_then_the_other() {
    let log = told();
    let order = |e: &AuthenticEvidence<'_>| e.extends(11).map(|extend| extend.told()).collect::<Vec<_>>();
    let order = capture(Some(&log)).without_values().prove(order).unwrap();
    let firmware = order.iter().filter(|told| **told == Told::ByFirmware).count();
    assert!(firmware > 0 && order.len() == firmware + 4);
    assert!(order.is_sorted_by_key(|told| *told == Told::ByUserspace));
}

#[test]
fn what_is_learned_with_the_log_affirms_with_the_log() {
    let log = told();
    let golden = learned("own-uki-phase", Some(&log));
    assert!(golden.judged.contains(&11) && golden.judged.contains(&15));
    let of = |pcr| {
        let sequence = golden.variants[0].sequences.iter().find(|s| s.pcr == pcr).unwrap();
        let names = sequence.slots.iter().map(|slot| slot.component.as_str());
        (
            sequence.measured_by.as_deref(),
            names.filter(|name| name.starts_with("userspace.")).collect::<Vec<_>>(),
        )
    };
    assert_eq!(of(11), (Some("uki"), vec!["userspace.phase"; 4]));
    assert_eq!(of(15), (Some("uki"), vec!["userspace.machine_id", "userspace.filesystem"]));
    let lint = |lint: &golden::Lint| {
        lint.code == LintCode::BrittleValue && lint.place.contains("userspace.machine_id")
    };
    assert!(golden.check().iter().any(lint), "one machine's own value is named as such");
    let verdict = judge(Some(&log), &golden);
    assert_eq!(verdict.status, Status::Affirming, "{verdict:#?}");
    assert!(verdict.causes.is_empty());
    assert!(verdict.judged.iter().any(|judged| judged.pcr == 15));
    let component = verdict.components.iter().find(|c| &*c.name == "userspace.machine_id").unwrap();
    assert_eq!(component.status, Status::Affirming);
    // The document survives being written and read.
    assert_eq!(Golden::parse(&golden.to_toml(), &LIMITS).unwrap(), golden);
}

#[test]
fn a35_without_the_log_the_registers_are_not_explained() {
    let golden = learned("own-uki-phase", Some(&told()));
    let verdict = judge(None, &golden);
    refused(&verdict, Code::PcrWithoutEvents, 15);
    refused(&verdict, Code::ReplayMismatch, 11);
}

#[test]
fn with_the_log_an_unlogged_extension_is_a_named_measurement() {
    let golden = learned("own-uki", None);
    let log = told();
    let causes = |verdict: &Verdict| verdict.causes.iter().map(|c| c.cause).collect::<Vec<_>>();
    // The baseline has no phases: without the log nothing says what was added.
    let unlogged = judge(None, &golden);
    assert_eq!(unlogged.status, Status::Contraindicated);
    let logged = judge(Some(&log), &golden);
    assert_eq!(causes(&logged), [Cause::UserspaceMeasurementChanged], "{:#?}", logged.causes);
    refused(&logged, Code::EventAppended, 11);
    let phases = logged.reasons.iter().filter(|r| r.component.as_deref() == Some("userspace.phase"));
    let phases: Vec<_> = phases.map(|r| (r.event.unwrap(), r.log, r.cause)).collect();
    let why = Some(Cause::UserspaceMeasurementChanged);
    assert_eq!(phases, [0, 1, 4, 5].map(|record| (record, Some("userspace"), why)));
    let words = &logged.reasons.iter().find(|r| r.event == Some(0) && r.log.is_some()).unwrap().explain;
    assert!(words.contains("measured was: enter-initrd"), "{words}");
}

#[test]
fn a38_a_record_dropped_repeated_or_moved() {
    let golden = learned("own-uki-phase", Some(&told()));
    for at in 0..6 {
        let pcr = if [2, 3].contains(&at) { 15 } else { 11 };
        let dropped = judge(Some(&changed(|records| drop(records.remove(at)))), &golden);
        refused(&dropped, Code::ReplayMismatch, pcr);
        let repeated = judge(Some(&changed(|records| records.insert(at, records[at].clone()))), &golden);
        refused(&repeated, Code::ReplayMismatch, pcr);
    }
    let swapped = judge(Some(&changed(|records| records.swap(0, 1))), &golden);
    refused(&swapped, Code::ReplayMismatch, 11);
    let moved = changed(|records| records[0] = records[0].replace("\"pcr\":11", "\"pcr\":12"));
    let moved = judge(Some(&moved), &golden);
    refused(&moved, Code::ReplayMismatch, 11);
    refused(&moved, Code::ReplayMismatch, 12);
}

#[test]
fn a40_records_of_other_registers_may_lie_between() {
    // Each register has its own order; none is proven across registers.
    let golden = learned("own-uki-phase", Some(&told()));
    let apart = changed(|records| records.sort_by_key(|record| record.starts_with("{\"pcr\":15")));
    assert_eq!(judge(Some(&apart), &golden).status, Status::Affirming);
}

#[test]
fn a36_a_record_without_a_bank_that_judges() {
    let golden = learned("own-uki-phase", Some(&told()));
    let without = |record: &str| {
        let (head, rest) = record.split_once(",{\"hashAlg\":\"sha384\"").unwrap();
        let (_, rest) = rest.split_once('}').unwrap();
        format!("{head}{rest}")
    };
    let verdict = judge(Some(&changed(|records| records[0] = without(&records[0]))), &golden);
    refused(&verdict, Code::OtherBankMismatch, 11);
}

#[test]
fn a33_names_and_texts_decide_nothing() {
    let golden = learned("own-uki-phase", Some(&told()));
    let renamed = changed(|records| {
        records[2] = records[2]
            .replace("\"machine-id:0123", "\"machine-id:9999")
            .replace("\"eventType\":\"machine-id\"", "\"eventType\":\"phase\"");
    });
    assert_eq!(judge(Some(&renamed), &golden).status, Status::Affirming);
    // Where it is told why, the text is not called measured.
    let verdict = judge(Some(&renamed), &{
        let mut other = golden.clone();
        let sequence = other.variants[0].sequences.iter_mut().find(|s| s.pcr == 15).unwrap();
        sequence.slots[0].digests =
            [HashAlg::Sha256, HashAlg::Sha384].map(|alg| alg.hash(&[b"other"])).into();
        other
    });
    let reason = verdict.reasons.iter().find(|r| r.log.is_some() && r.event == Some(2)).unwrap();
    assert!(reason.explain.contains("unproven: machine-id:9999"), "{}", reason.explain);
}

#[test]
fn a52_a_damaged_log_never_improves_the_verdict() {
    let golden = learned("own-uki", None);
    let log = told();
    // Some bytes of it: what no digest covers may change freely, and the boot stays refused.
    for at in (0..log.len()).step_by(97) {
        let mut damaged = log.clone();
        damaged[at] ^= 1;
        let references = references(&golden);
        let context = Context { family: FAMILY.into(), ..Context::default() };
        let appraise = |evidence: &AuthenticEvidence<'_>| {
            Policy::default().appraise(evidence, &references, &context).status
        };
        if let Ok(status) = capture(Some(&damaged)).prove(appraise) {
            assert_eq!(status, Status::Contraindicated, "byte {at}");
        }
    }
}

#[test]
fn the_same_records_as_a_canonical_event_log() {
    let golden = learned("own-uki-phase", Some(&told()));
    let log = UserspaceLog::parse(&told(), &LIMITS).unwrap();
    let (mut tlvs, mut json, mut cbor) = (Vec::new(), Vec::new(), Vec::new());
    let tlv = |kind: u8, value: &[u8]| {
        [&[kind][..], &u32::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
    };
    for record in log.records() {
        let string = match &record.content {
            attest_core::evidence::cel::Content::Systemd(systemd) => systemd.string.clone().unwrap(),
            other => panic!("{other:?}"),
        };
        let (number, pcr) = (record.index, record.pcr().unwrap());
        let digests =
            record.digests().iter().flat_map(|d| tlv(u8::try_from(d.alg().tpm_id()).unwrap(), d.as_bytes()));
        let digests: Vec<u8> = digests.collect();
        tlvs.extend(
            [tlv(0, &number.to_be_bytes()), tlv(1, &[pcr]), tlv(3, &digests), tlv(9, string.as_bytes())]
                .concat(),
        );
        let digests = record.digests().iter();
        let in_json = digests
            .clone()
            .map(|d| serde_json::json!({ "hashAlg": d.alg().name(), "digest": d.to_string() }));
        json.push(serde_json::json!({
            "recnum": number, "pcr": pcr, "digests": in_json.collect::<Vec<_>>(),
            "content_type": "systemd", "content": hex::encode(&string),
        }));
        use ciborium::Value;
        let int = |n: u32| Value::Integer(n.into());
        let in_cbor = digests.map(|d| {
            Value::Map(vec![
                (int(0), int(d.alg().tpm_id().into())),
                (int(1), Value::Bytes(d.as_bytes().into())),
            ])
        });
        cbor.push(Value::Map(vec![
            (int(0), int(number)),
            (int(1), int(pcr.into())),
            (int(3), Value::Array(in_cbor.collect())),
            (int(9), int(9)),
            (int(10), Value::Bytes(string.into_bytes())),
        ]));
    }
    let mut in_cbor = Vec::new();
    ciborium::into_writer(&ciborium::Value::Array(cbor), &mut in_cbor).unwrap();
    let logs = [
        (Format::CelTlv, tlvs),
        (Format::CelJson, serde_json::to_vec(&json).unwrap()),
        (Format::CelCbor, in_cbor),
    ];
    for (format, bytes) in logs {
        assert_eq!(UserspaceLog::parse(&bytes, &LIMITS).unwrap().format(), format);
        let verdict = judge(Some(&bytes), &golden);
        assert_eq!(verdict.status, Status::Affirming, "{format:?}: {verdict:#?}");
    }
}

/// The verdict where neither the log of user space nor, as it is common, PCR values were sent.
fn judge_unsent(log: Option<&[u8]>, golden: &Golden) -> Verdict {
    let verdict = capture(log).without_values().judge_guessing(FAMILY, &references(golden));
    assert_eq!(verdict.status, Status::Contraindicated);
    verdict
}

/// The one cause that is named: itself, its register, those that it explains, and whether nothing proves it.
#[track_caller]
fn the_cause(verdict: &Verdict) -> (Cause, Option<u32>, Vec<u32>, bool) {
    let [cause] = &verdict.causes[..] else { panic!("{:#?}", verdict.causes) };
    assert_eq!(cause.component.as_deref(), Some("userspace"));
    assert_eq!(cause.or, Some(Cause::UnloggedExtension));
    (cause.cause, cause.pcr, cause.explains.iter().map(|at| at.pcr).collect(), cause.unproven)
}

/// What is said of a register in a bank that the golden document has.
#[track_caller]
fn words(verdict: &Verdict, pcr: u32) -> &str {
    let of = |r: &&attest_core::appraise::Reason| r.pcr == Some(pcr) && r.bank == Some("sha256");
    &verdict.reasons.iter().find(of).unwrap_or_else(|| panic!("{:#?}", verdict.reasons)).explain
}

#[test]
fn a35_a_withheld_log_is_named_with_its_registers_though_no_values_were_sent() {
    let golden = learned("own-uki-phase", Some(&told()));
    let verdict = judge_unsent(None, &golden);
    assert_eq!(the_cause(&verdict), (Cause::LogIncomplete, Some(11), vec![15], false));
    assert!(words(&verdict, 11).contains("which was not given, has 4 extends, from userspace.phase on"));
    assert!(words(&verdict, 15).contains("which was not given, has 2 extends, from userspace.machine_id on"));
    refused(&verdict, Code::ReplayMismatch, 11);
    refused(&verdict, Code::PcrWithoutEvents, 15);
    assert_eq!(verdict.causes, judge(None, &golden).causes, "as where values were sent");
}

#[test]
fn a38_a_log_cut_anywhere_is_named_with_its_registers_though_no_values_were_sent() {
    let golden = learned("own-uki-phase", Some(&told()));
    // Two phases, the machine and its file system, two phases.
    for (left, explains) in [(0, &[15][..]), (1, &[15]), (2, &[15]), (3, &[15]), (4, &[]), (5, &[])] {
        let verdict = judge_unsent(Some(&changed(|records| records.truncate(left))), &golden);
        assert_eq!(the_cause(&verdict), (Cause::LogIncomplete, Some(11), explains.into(), false), "{left}");
        let count = match left {
            0 => "4 extends",
            1 => "3 extends",
            2..=4 => "2 extends",
            _ => "1 extend",
        };
        let expected = format!("the log of user space leaves out {count}, from userspace.phase on");
        assert!(words(&verdict, 11).contains(&expected), "{left}: {}", words(&verdict, 11));
    }
}

#[test]
fn a38_a_record_left_out_anywhere_is_found_though_no_values_were_sent() {
    let golden = learned("own-uki-phase", Some(&told()));
    for at in 0..6 {
        let verdict = judge_unsent(Some(&changed(|records| drop(records.remove(at)))), &golden);
        let pcr = if [2, 3].contains(&at) { 15 } else { 11 };
        assert_eq!(the_cause(&verdict), (Cause::LogIncomplete, Some(pcr), vec![], false), "record {at}");
    }
}

/// A boot whose image is not golden, and whose log of user space was withheld.
#[test]
fn a35_a_withheld_log_of_a_boot_that_is_not_golden_is_found() {
    let other = file(&folder("own-uki-initrd"), "eventlog.bin");
    let other = EventLog::parse(&other, &LIMITS).unwrap();
    let log = UserspaceLog::parse(&told(), &LIMITS).unwrap();
    let boot = Boot {
        name: "other",
        log: &other,
        userspace: Some(&log),
        evidence: golden::Evidence::Quoted,
        files: None,
    };
    let golden = learn::learn(FAMILY, &[boot], &Choices::default()).unwrap();
    let verdict = judge_unsent(None, &golden);
    refused(&verdict, Code::ReplayMismatch, 11);
    refused(&verdict, Code::PcrWithoutEvents, 15);
    let named: Vec<_> = verdict.causes.iter().map(|cause| cause.cause).collect();
    assert!(named.contains(&Cause::InitrdChanged), "{:#?}", verdict.causes);
    // Of what the machine is, the golden boot told the same.
    assert!(words(&verdict, 15).contains("which was not given, has 2 extends"), "{}", words(&verdict, 15));
    assert!(
        words(&verdict, 11).contains("up to `ready`: their log was not given"),
        "{}",
        words(&verdict, 11)
    );
}

/// The quote was made before user space had measured all of it, and the log is withheld: as much as was extended is found.
#[test]
fn a35_golden_boots_that_went_further_are_tried_as_far_as_this_one_went() {
    let further = changed(|records| {
        for (at, pcr) in [(0, 11), (2, 15)] {
            let again = records[at].clone();
            assert!(again.contains(&format!("\"pcr\":{pcr}")));
            records.push(again);
        }
    });
    let verdict = judge_unsent(None, &learned("own-uki-phase", Some(&further)));
    refused(&verdict, Code::ReplayMismatch, 11);
    refused(&verdict, Code::PcrWithoutEvents, 15);
}

#[test]
fn a35_where_nothing_proves_it_the_registers_of_user_space_are_named_as_such() {
    // What the machine is, no golden value says, and nobody can guess.
    let verdict = judge_unsent(None, &learned("own-uki", None));
    assert_eq!(the_cause(&verdict), (Cause::LogMissing, Some(11), vec![15], true));
    assert_eq!(verdict.reasons[0].detail_code, Some("pcr_digest_mismatch"));
    let explain = &verdict.reasons[0].explain;
    let (silent, withheld) = (
        "of PCR 12, 13, 15 there is no log, nor of 8, 14, which good boots do not extend",
        "user space extends PCR 11, 15, and its log (systemd's tpm2-measure.log) was not given",
    );
    assert!(explain.contains(silent) && explain.contains(withheld), "{explain}");
    // Golden boots tell more of it than the device, which has another machine id.
    let another = changed(|records| {
        for digest in ["1ea46a17961f953f", "201000174c46d832"] {
            records[2] = records[2].replace(digest, &"0".repeat(digest.len()));
        }
        records[2] = records[2].replace("machine-id:0123", "machine-id:9999");
    });
    let golden = learned("own-uki-phase", Some(&another));
    let cut = changed(|records| records.truncate(2));
    let verdict = judge_unsent(Some(&cut), &golden);
    assert_eq!(the_cause(&verdict), (Cause::LogIncomplete, Some(11), vec![15], true));
    assert!(verdict.reasons[0].explain.ends_with("tells of fewer extends than a good boot's"));
    let verdict = judge_unsent(None, &golden);
    assert_eq!(the_cause(&verdict), (Cause::LogMissing, Some(11), vec![15], true));
}
