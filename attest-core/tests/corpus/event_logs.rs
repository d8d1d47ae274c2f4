//! Event logs: of TPMs and of confidential virtual machines, in every format.

use std::collections::BTreeSet;
use std::path::Path;

use attest_core::authenticate::replay::Replay;
use attest_core::evidence::Severity;
use attest_core::evidence::tcg_event::{SecureBootState, Switch, WindowsBoot, secure_boot};
use attest_core::evidence::tcg_log::EventLog;
use attest_core::{HashAlg, Limits};
use serde_json::Value;

use crate::score::{Exception, Score, bytes, corpus, expectations, say};

/// Deviations of event logs: how the file's path ends, what deviates, and why that is right.
const EVENT_LOGS: &[Exception] = &[
    (
        "dl160-fwupd-report.evidence/eventlog.bin",
        "quoted sha1 0",
        "what the device did to PCR 0 is not in its log",
    ),
    (
        "dl160-fwupd-report.evidence/eventlog.bin",
        "quoted sha256 0",
        "what the device did to PCR 0 is not in its log",
    ),
    (
        "dl160-fwupd-report.evidence/eventlog.bin",
        "well-formed",
        "well-formed, and wrong beside its quote only",
    ),
    ("dell1.log", "sha1 5", "an event of PCR 5 has no SHA-1 digest; the expected value skips it"),
    (
        "ebs_event_missing_eventlog",
        "quoted sha1 5",
        "ExitBootServices is missing: wrong beside its PCR values only",
    ),
    ("ebs_event_missing_eventlog", "well-formed", "well-formed, and wrong beside its PCR values only"),
    ("IMN-SUPERMICRO-EPP-MSDefender.evidence/eventlog.bin", "quoted sha1", WRONG_SHA1),
    ("IMN-SUPERMICRO-WBCL-Quote-AIKs.evidence/eventlog.bin", "quoted sha1", WRONG_SHA1),
    ("IMN-SUPERMICRO-no-epp.evidence/eventlog.bin", "quoted sha1", WRONG_SHA1),
    (
        "integration/fixtures/specid-vendordata.bin",
        "malformed: truncated",
        "the vendor information that the header announces stands behind the event",
    ),
    (
        "tpm2_windows_lenovo_yogax1v2",
        "sha1 5",
        "an event of PCR 5 has no SHA-1 digest; the expected value skips it",
    ),
];

const WRONG_SHA1: &str =
    "the log's SHA-1 digests are not what the firmware extended; its SHA-256 digests are";

/// Event logs with a refusing finding, by the finding's code.
const REFUSED: &[(&str, &str)] = &[
    // Every separator twice: a real machine, tolerated only as a named workaround.
    ("kgoldman__ibmtss/utils/amd635.log", "duplicate_separator"),
];

/// Bank, index and value of `{"sha256":{"0":"…"}}`.
fn values(pcrs: &Value) -> Vec<(HashAlg, u32, &str)> {
    let banks = pcrs.as_object().into_iter().flatten();
    banks
        .flat_map(|(bank, values)| {
            let alg = HashAlg::from_name(bank).expect("bank");
            let values = values.as_object().expect("values");
            values
                .iter()
                .map(move |(pcr, value)| (alg, pcr.parse().expect("index"), value.as_str().expect("hex")))
        })
        .collect()
}

#[test]
fn event_logs() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("event logs");
    let mut refused = BTreeSet::new();
    for expected in expectations(&root, "evlog__") {
        event_log(&root, &expected, &mut score, &mut refused);
    }
    let is_listed =
        |(file, code): &(String, String)| REFUSED.iter().any(|(path, of)| file.ends_with(path) && code == of);
    assert!(refused.iter().all(is_listed), "{refused:#?}");
    for (path, of) in REFUSED {
        assert!(refused.iter().any(|(file, code)| file.ends_with(path) && code == of), "{path}: no {of}");
    }
    score.finish(EVENT_LOGS, 60);
}

fn event_log(root: &Path, expected: &Value, score: &mut Score, refused: &mut BTreeSet<(String, String)>) {
    let file = expected["file"].as_str().expect("file");
    let bytes = bytes(root, file);
    let accept = expected["expect"] == "accept";
    let log = match EventLog::parse(&bytes, &Limits::DEFAULT) {
        Ok(log) => log,
        Err(error) => return score.check(file, &format!("malformed: {}", error.code()), !accept),
    };
    score.check(file, "well-formed", accept);
    for finding in log.findings().iter().filter(|finding| finding.severity() == Severity::Refuse) {
        refused.insert((file.to_owned(), finding.code().to_owned()));
    }
    let replay = Replay::new(&log);
    for source in [&expected["pcrs"], &expected["independent_parser"]["pcrs"]] {
        for (alg, pcr, value) in values(source) {
            let got = replay.value(alg, pcr).map(|got| got.to_string());
            score.check(file, &format!("{alg} {pcr}"), got.as_deref() == Some(value));
        }
    }
    // The quote's values, where the log explains the register at all: it does not explain IMA's.
    for (alg, pcr, value) in values(&expected["pcrs_quoted"]) {
        if let Some(got) = replay.value(alg, pcr) {
            score.check(file, &format!("quoted {alg} {pcr}"), got.to_string() == value);
        }
    }
    for state in [&expected["secure_boot"], &expected["independent_parser"]["secure_boot"]] {
        if let Some(state) = state.as_bool() {
            score.check(file, "secure_boot", secure_boot(&log) == Some(state));
        }
    }
    if let Some(count) = expected["independent_parser"]["events"].as_u64() {
        score.check(file, "events", log.events().len() as u64 == count);
    }
    let locality = expected["independent_parser"]["startup_locality"].as_u64();
    score.check(file, "startup_locality", log.startup_locality().map(u64::from) == locality);
    if expected["kind"] == "ccel" {
        score.check(file, "format", log.format().name() == "ccel");
    } else if let Some(format) = expected["independent_parser"]["format"].as_str() {
        score.check(file, "format", log.format().name() == format);
    }
}

/// Windows logs of eight machines: each measurement is read, proven, and good. Shims of all years: each authority is proven.
#[test]
fn what_windows_and_shim_measured_is_read_whole() {
    let Some(root) = corpus() else { return };
    let (mut windows, mut authorities) = (0, 0);
    for expected in expectations(&root, "evlog__") {
        let file = expected["file"].as_str().expect("file");
        let bytes = bytes(&root, file);
        let Ok(log) = EventLog::parse(&bytes, &Limits::DEFAULT) else { continue };
        let state = SecureBootState::of(&log);
        assert!(state.authorities().all(|authority| authority.proven), "{file}");
        assert!(!state.may_hold_test_keys(), "{file}");
        authorities += state.authorities().len();
        let Some(boot) = WindowsBoot::of(&log) else { continue };
        windows += 1;
        assert_eq!(boot.findings(), [], "{file}");
        for switch in Switch::ALL.into_iter().filter(|switch| *switch != Switch::HypervisorDebugging) {
            assert_eq!(boot.switch(switch), Some(switch == Switch::CodeIntegrity), "{file} {switch:?}");
        }
        assert_eq!(boot.elam(), ["Windows Defender"], "{file}");
        assert!(boot.boot_revocations().is_some() && boot.os_revocations().is_some(), "{file}");
    }
    say(&format!("event logs: {windows} of Windows read whole, {authorities} authorities proven"));
    assert!(windows >= 9 && authorities >= 50);
}
