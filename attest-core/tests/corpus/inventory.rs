//! Everything in the corpus that is a log, a list, a quote, a key or a certificate and has no expectation of its own: the parser of
//! its kind reads it or refuses it, and each refusal has its reason here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use attest_core::Limits;
use attest_core::authenticate::ek::{EkRoots, Error};
use attest_core::authenticate::key::AttestationKey;
use attest_core::authenticate::replay::Replay;
use attest_core::evidence::ima_log::ImaLog;
use attest_core::evidence::tcg_event;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::evidence::tpm::{Attest, Signature, SignatureScheme};
use base64::Engine as _;
use serde_json::Value;

use crate::score::{Exception, Score, corpus, json, say};

/// What a parser said: `Ok` or its code.
type Read = Result<(), &'static str>;

fn event_log(bytes: &[u8]) -> Read {
    let log = EventLog::parse(bytes, &Limits::DEFAULT).map_err(|error| error.code())?;
    let replay = Replay::new(&log);
    for alg in log.banks() {
        replay.values(*alg).for_each(drop);
    }
    for event in log.events() {
        let summary = tcg_event::summary(event);
        assert!(!summary.chars().any(char::is_control), "{summary:?}");
    }
    Ok(())
}

fn ima_list(bytes: &[u8]) -> Read {
    ImaLog::parse(bytes, &Limits::DEFAULT).map(drop).map_err(|error| error.code())
}

fn quote(bytes: &[u8]) -> Read {
    Attest::parse(bytes, &Limits::DEFAULT).map(drop).map_err(|error| error.code())
}

/// A TPMT_SIGNATURE, or the bare RSA value that Azure sends.
fn signature(bytes: &[u8]) -> Read {
    let parsed = if bytes.len() == 256 {
        let scheme = SignatureScheme::from_name("rsassa-sha256").expect("scheme");
        Signature::bare(scheme, bytes, &Limits::DEFAULT)
    } else {
        Signature::parse(bytes, &Limits::DEFAULT)
    };
    parsed.map(drop).map_err(|error| error.code())
}

fn key(bytes: &[u8]) -> Read {
    AttestationKey::vouched(bytes, &Limits::DEFAULT).map(drop).map_err(|error| error.code())
}

fn certificate(bytes: &[u8]) -> Read {
    match EkRoots::new().add(bytes) {
        Ok(_) | Err(Error::AttributeCertificate { .. }) => Ok(()),
        Err(error) => Err(error.code()),
    }
}

/// Files whose refusal is right, or whose text holds something that is refused: path's end, code, reason.
const REFUSED: &[Exception] = &[
    ("ccel/CCEL.bin", "event log: truncated", "the ACPI table that tells where the log is"),
    ("CCEL_AAEL_alibabacloud_out.json", "event log: truncated", JSON),
    ("CCEL_data_grub_out.json", "event log: truncated", JSON),
    ("CCEL_data_out.json", "event log: truncated", JSON),
    ("ibmtss/utils/imakvtpcr10.txt", "IMA list: line", "the TPM's values, no list"),
    ("files/ak.name", "key: hash_unknown", "a name"),
    ("files/nv.data", "key: hash_unknown", "the contents of an NV index"),
    ("tpm2/ek.pub", "key: ak_not_signing", "an endorsement key"),
    ("windows_gcp_shielded_vm/ak.pub.tpmt.bin", "key: signature_sha1", "a key that signs with SHA-1"),
    (
        "az-snp-vtpm/quote.bin",
        "quote: magic_not_tpm_generated",
        "signature, quote and PCRs in another program's own form",
    ),
    ("linux_tpm12/quote.bin", "quote: magic_not_tpm_generated", "a quote of TPM 1.2"),
    ("certificates/.cvsignore", "certificate: ek_certificate_not_der", "names of files"),
    ("certificates/rootcerts.windows.txt", "certificate: ek_certificate_not_der", "names of files"),
    ("resources/ca.pkcs1.pem", "certificate: ek_certificate_not_der", "a private key"),
];

const JSON: &str = "what another parser made of a log";

/// What is in these bytes, by their first ones; `None` for anything else.
fn by_content(bytes: &[u8]) -> Option<(&'static str, Read)> {
    const SPEC_ID: &[u8] = b"Spec ID Event0";
    // Compressed by the container's own rules.
    const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    if bytes.starts_with(ZSTANDARD) {
        return None;
    }
    let early = bytes.get(..bytes.len().min(128)).unwrap_or_default();
    if bytes.starts_with(b"\xffTCG\x80\x18") {
        Some(("quote", quote(bytes)))
    } else if early.windows(SPEC_ID.len()).any(|window| window == SPEC_ID) {
        Some(("event log", event_log(bytes)))
    } else {
        None
    }
}

/// Logs and quotes in base64, anywhere in a JSON document.
fn in_json(value: &Value, found: &mut Vec<(&'static str, Read)>) {
    match value {
        Value::String(text) => {
            let engine = base64::engine::general_purpose::STANDARD;
            found.extend(engine.decode(text).ok().and_then(|bytes| by_content(&bytes)));
        }
        Value::Array(values) => values.iter().for_each(|value| in_json(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| in_json(value, found)),
        _ => (),
    }
}

fn read_as(kind: &str, file: &str, bytes: &[u8]) -> Vec<(&'static str, Read)> {
    let name = file.rsplit('/').next().unwrap_or_default();
    let one = |kind, read| vec![(kind, read)];
    match kind {
        "ccel" | "tcg-eventlog-cryptoagile" | "tcg-eventlog-sha1" => one("event log", event_log(bytes)),
        "ima-ascii" | "ima-binary" => one("IMA list", ima_list(bytes)),
        "tpm-quote" if name == "quote.bin" || name.ends_with(".msg") => one("quote", quote(bytes)),
        "tpm-quote" if name == "sig.bin" => one("signature", signature(bytes)),
        "tpm-ak-ek" => one("key", key(bytes)),
        "ek-cert" | "dice-cert" => one("certificate", certificate(bytes)),
        _ => {
            let mut found = Vec::new();
            if let Ok(value) = serde_json::from_slice(bytes) {
                in_json(&value, &mut found);
            } else {
                found.extend(by_content(bytes));
            }
            found
        }
    }
}

/// The files with an expectation of their own.
fn expected(root: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(root.join("expected")).expect("expected") {
        let value = json(&entry.expect("entry").path());
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        files.extend(values.iter().filter_map(|value| Some(value["file"].as_str()?.to_owned())));
    }
    files
}

#[test]
fn everything_else_is_read_or_refused_with_a_reason() {
    let Some(root) = corpus() else { return };
    let expected = expected(&root);
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).expect("manifest");
    let mut score = Score::new("inventory");
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in manifest.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, .., kind, _, _] = columns[..] else { panic!("{row}") };
        if expected.contains(file) {
            continue;
        }
        let bytes = crate::score::bytes(&root, file);
        for (what, read) in read_as(kind, file, &bytes) {
            let (readable, all) = counts.entry(what).or_default();
            *readable += usize::from(read.is_ok());
            *all += 1;
            score.check(
                file,
                &read.err().map_or(what.to_owned(), |code| format!("{what}: {code}")),
                read.is_ok(),
            );
        }
    }
    for (what, (readable, all)) in counts {
        say(&format!("inventory: {readable} of {all} of kind {what} are readable"));
    }
    score.finish(REFUSED, 60);
}
