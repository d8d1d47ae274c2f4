//! IMA lists.

use std::collections::BTreeSet;
use std::path::Path;

use attest_core::authenticate::ima::{ImaReplay, prefix_of_pcr_10};
use attest_core::evidence::ima_log::ImaLog;
use attest_core::{Digest, HashAlg, Limits};
use serde_json::Value;

use crate::common;
use crate::score::{Exception, Score, bytes, corpus, json};

/// Deviations of IMA lists.
const IMA_LISTS: &[Exception] = &[
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

#[test]
fn ima_lists() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("IMA lists");
    for expected in json(&root.join("expected/ima_logs.json")).as_array().expect("array") {
        ima_list(&root, expected, &mut score);
    }
    score.finish(IMA_LISTS, 17);
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
    let Some(root) = corpus() else { return };
    let folder = root.join("all/kgoldman__ibmtss/utils");
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
    let Some(root) = corpus() else { return };
    let folder = root.join("extracted/guard-oss/dl160-fwupd-report.evidence");
    let bytes = std::fs::read(folder.join("ima.bin")).expect("list");
    let list = ImaLog::parse(&bytes, &Limits::DEFAULT).expect("list");
    let pcrs = common::pcrs(&std::fs::read(folder.join("pcrs.json")).expect("pcrs"));
    let quoted = Digest::from_hex(HashAlg::Sha256, &pcrs["sha256"][&10]).expect("value");
    let part = prefix_of_pcr_10(&list, HashAlg::Sha256, &quoted).expect("a part that replays");
    assert_eq!((list.len(), list.violations()), (16_169, 24));
    assert_eq!((part.entries_covered + part.left_over, part.padded), (16_169, false));
}
