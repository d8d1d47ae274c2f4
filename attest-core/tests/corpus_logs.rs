//! Every event log and IMA list of the public corpus against its expectation, exactly: what deviates is listed here with
//! its reason, and a listed deviation that does not show fails as well.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads files, and a panic in it is a failed test"
)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use attest_core::authenticate::ima::{ImaReplay, prefix_of_pcr_10};
use attest_core::authenticate::replay::Replay;
use attest_core::evidence::Severity;
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_event::secure_boot;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::{Digest, HashAlg, Limits};
use base64::Engine as _;
use serde_json::Value;

/// Deviations of event logs: how the file's path ends, what deviates, and why that is right.
const EVENT_LOGS: &[(&str, &str, &str)] = &[
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

/// Deviations of IMA lists.
const IMA_LISTS: &[(&str, &str, &str)] = &[
    ("test_data/ima_log.bin", "entries", READ_AS_BINARY),
    ("test_data/ima_log.bin", "pcr10_own_alg", READ_AS_BINARY),
    ("test_data/ima_log.bin", "pcr10_sha1", READ_AS_BINARY),
    ("test_data/ima_log.bin", "pcr10_sha256", READ_AS_BINARY),
    ("test_data/ima_log.bin", "templates", READ_AS_BINARY),
    ("sml-ima-sha1.b64", "malformed: truncated", PARTIAL_RECORD),
    ("sml-ima-sig-sha256.b64", "malformed: truncated", PARTIAL_RECORD),
    ("sr630.binary_measurements", "pcr10_own_alg", ALL_IN_PCR_10),
    ("sr630.binary_measurements", "pcr10_sha1", ALL_IN_PCR_10),
    ("sr630.binary_measurements", "pcr10_sha256", ALL_IN_PCR_10),
];

const READ_AS_BINARY: &str =
    "a good ASCII list, in PCR 2, that the expectation's parser read as a binary one";
const PARTIAL_RECORD: &str = "the list ends inside a record";
const ALL_IN_PCR_10: &str = "3,537 entries are in PCR 11; the expected value puts them into PCR 10";

struct Score {
    files: usize,
    checks: usize,
    deviations: BTreeSet<(String, String)>,
}

impl Score {
    const fn new() -> Self {
        Self { files: 0, checks: 0, deviations: BTreeSet::new() }
    }

    fn check(&mut self, file: &str, what: &str, holds: bool) {
        self.checks += 1;
        if !holds {
            self.deviations.insert((file.to_owned(), what.to_owned()));
        }
    }

    fn finish(&self, what: &str, listed: &[(&str, &str, &str)]) {
        println!(
            "{what}: {} files, {} of {} expectations met, {} listed exceptions",
            self.files,
            self.checks - self.deviations.len(),
            self.checks,
            listed.len()
        );
        let is_listed = |(file, what): &(String, String)| {
            listed.iter().any(|(path, of, _)| file.ends_with(path) && says(what, of))
        };
        let unlisted: Vec<_> = self.deviations.iter().filter(|deviation| !is_listed(deviation)).collect();
        let shows = |(path, of, _): &(&str, &str, &str)| {
            self.deviations.iter().any(|(file, what)| file.ends_with(path) && says(what, of))
        };
        let unexpected: Vec<_> = listed.iter().filter(|exception| !shows(exception)).collect();
        assert!(unlisted.is_empty(), "deviations: {unlisted:#?}");
        assert!(unexpected.is_empty(), "listed exceptions that do not show: {unexpected:#?}");
    }
}

/// `quoted sha1` stands for that bank in every PCR.
fn says(what: &str, listed: &str) -> bool {
    what.strip_prefix(listed)
        .is_some_and(|rest| rest.is_empty() || (listed == "quoted sha1" && rest.starts_with(' ')))
}

/// A corpus file; some hold their bytes in base64.
fn bytes(root: &Path, file: &str) -> Vec<u8> {
    let bytes = std::fs::read(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    if !file.ends_with(".b64") {
        return bytes;
    }
    let text: Vec<u8> = bytes.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}

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
    let Some(shared) = common::shared() else { return };
    let root = shared.join("corpus");
    let mut score = Score::new();
    let mut refused = BTreeSet::new();
    let mut expectations: Vec<_> = std::fs::read_dir(root.join("expected"))
        .expect("expected")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("evlog__")))
        .collect();
    expectations.sort();
    for expectation in expectations {
        let expected: Value =
            serde_json::from_slice(&std::fs::read(expectation).expect("json")).expect("json");
        score.files += 1;
        event_log(&root, &expected, &mut score, &mut refused);
    }
    assert!(score.files >= 60, "{} files", score.files);
    score.finish("event logs", EVENT_LOGS);
    let is_listed =
        |(file, code): &(String, String)| REFUSED.iter().any(|(path, of)| file.ends_with(path) && code == of);
    assert!(refused.iter().all(is_listed), "{refused:#?}");
    for (path, of) in REFUSED {
        assert!(refused.iter().any(|(file, code)| file.ends_with(path) && code == of), "{path}: no {of}");
    }
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

#[test]
fn ima_lists() {
    let Some(shared) = common::shared() else { return };
    let root = shared.join("corpus");
    let mut score = Score::new();
    let lists = std::fs::read(root.join("expected/ima_logs.json")).expect("json");
    let lists: Value = serde_json::from_slice(&lists).expect("json");
    for expected in lists.as_array().expect("array") {
        score.files += 1;
        ima_list(&root, expected, &mut score);
    }
    assert!(score.files >= 17, "{} files", score.files);
    score.finish("IMA lists", IMA_LISTS);
}

fn ima_list(root: &Path, expected: &Value, score: &mut Score) {
    let file = expected["file"].as_str().expect("file");
    let bytes = bytes(root, file);
    let reject = expected["expect"] == "reject";
    let list = match ImaLog::parse(&bytes, &Limits::DEFAULT) {
        Ok(list) => list,
        Err(error) => return score.check(file, &format!("malformed: {}", error.code()), reject),
    };
    score.check(file, "well-formed", !reject);
    let parser = &expected["parser"];
    for count in [&expected["events"], &parser["events"]] {
        if let Some(count) = count.as_u64() {
            score.check(file, "entries", list.len() as u64 == count);
        }
    }
    score.check(file, "violations", Some(list.violations() as u64) == parser["violations"].as_u64());
    let templates: BTreeSet<_> =
        parser["templates"].as_object().expect("templates").keys().map(String::as_str).collect();
    score.check(file, "templates", list.templates() == templates);
    let wrong = list.findings(&Limits::DEFAULT);
    let wrong = wrong.iter().filter(|finding| finding.code() == "template_hash_mismatch").count();
    score.check(file, "template hashes", Some(wrong as u64) == parser["template_hash_mismatches"].as_u64());
    let own = list.template_alg();
    let replay = ImaReplay::new(&list, &[HashAlg::Sha1, HashAlg::Sha256, own]);
    for (alg, key) in
        [(HashAlg::Sha1, "pcr10_sha1"), (HashAlg::Sha256, "pcr10_sha256"), (own, "pcr10_own_alg")]
    {
        if let Some(value) = parser[key].as_str() {
            let got = replay.value(alg, 10).map(|got| got.to_string());
            score.check(file, key, got.as_deref() == Some(value));
        }
    }
}

/// The values that the TPM of this list's author had in every bank.
#[test]
fn one_list_in_all_banks() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("corpus/all/kgoldman__ibmtss/utils");
    let text = std::fs::read_to_string(folder.join("imakvtpcr10.txt")).expect("values");
    let values: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("PCR 10:"))
        .map(|hex| hex.replace(' ', ""))
        .collect();
    assert_eq!(values.len(), 4);
    for file in ["sha1.log", "sha512.log"] {
        let bytes = std::fs::read(folder.join(file)).expect("list");
        let list = ImaLog::parse(&bytes, &Limits::DEFAULT).expect("list");
        let replay = ImaReplay::new(&list, &HashAlg::ALL);
        for value in &values {
            let alg = HashAlg::ALL
                .into_iter()
                .filter(|alg| *alg != HashAlg::Sm3_256)
                .find(|alg| alg.size() * 2 == value.len());
            assert_eq!(&replay.value(alg.expect("size"), 10).expect("value").to_string(), value, "{file}");
        }
    }
}

/// A real quote over a list of 16,169 entries, violations among them.
#[test]
fn a_long_real_list_replays_to_its_quote() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("corpus/extracted/guard-oss/dl160-fwupd-report.evidence");
    let bytes = std::fs::read(folder.join("ima.bin")).expect("list");
    let list = ImaLog::parse(&bytes, &Limits::DEFAULT).expect("list");
    let pcrs = common::pcrs(&std::fs::read(folder.join("pcrs.json")).expect("pcrs"));
    let quoted = Digest::from_hex(HashAlg::Sha256, &pcrs["sha256"][&10]).expect("value");
    let part = prefix_of_pcr_10(&list, HashAlg::Sha256, &quoted).expect("a part that replays");
    assert_eq!((list.len(), list.violations()), (16_169, 24));
    println!("{part:?}");
    assert_eq!((part.entries_covered + part.left_over, part.padded), (16_169, false));
}
