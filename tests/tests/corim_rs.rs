//! CoRIMs as another program reads them: `corim-rs`, which shares no line with ours.
//!
//! What both tell of the same bytes is written in one form and must be the same, of ours and of other makers'.
#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is a failed test"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::corim::{
    Corim, Element, Environment, Identifier, Measurement, Register, SignedCorim, Statement, Svn,
    TaggedDigest, profile,
};
use attest_core::reference::golden::{self, Golden};
use attest_core::reference::learn::{Boot, Choices, learn};
use serde_json::{Value, json};

const LIMITS: &Limits = &Limits::DEFAULT;

/// Every statement about references and endorsements, in one form.
type Story = BTreeSet<String>;

mod ours {
    use super::*;

    /// As it is read here: nothing where it is refused.
    pub(crate) fn story(bytes: &[u8]) -> Option<Story> {
        let signed;
        let corim = if let Ok(corim) = Corim::parse(bytes, LIMITS) {
            corim
        } else {
            signed = SignedCorim::parse(bytes, LIMITS).ok()?;
            signed.unverified(LIMITS).ok()?
        };
        let mut story = Story::new();
        for comid in corim.comids() {
            let of = |kind: &str, all: &[Statement<'_>]| -> Vec<String> {
                let lines = |statement: &Statement<'_>| -> Vec<String> {
                    let about = environment(&statement.environment);
                    statement.measurements.iter().map(|one| line(kind, &about, &measurement(one))).collect()
                };
                all.iter().flat_map(lines).collect()
            };
            story.extend(of("reference", &comid.triples.references));
            story.extend(of("endorsed", &comid.triples.endorsed));
        }
        Some(story)
    }

    fn environment(environment: &Environment<'_>) -> Value {
        let class = environment.class.as_ref();
        let id = class.and_then(|class| class.id.as_ref()).map(|id| match id {
            Identifier::Bytes(bytes) => hex::encode(bytes),
            Identifier::Oid(_) => "oid".to_owned(),
            Identifier::Uuid(uuid) => hex::encode(uuid),
            _ => "other".to_owned(),
        });
        json!([
            id,
            class.and_then(|c| c.vendor),
            class.and_then(|c| c.model),
            class.and_then(|c| c.layer),
            class.and_then(|c| c.index)
        ])
    }

    fn measurement(one: &Measurement<'_>) -> Value {
        let part = one.element.as_ref().map(|element| match element {
            Element::Name(name) => json!(name),
            Element::Number(number) => json!(number),
            Element::Uuid(uuid) => json!(hex::encode(uuid)),
            _ => json!("other"),
        });
        let values = &one.values;
        let svn = values.svn.map(|svn| match svn {
            Svn::Exactly(svn) => json!(svn),
            Svn::AtLeast(svn) => json!([svn]),
        });
        let registers = values.integrity_registers.iter().map(|(register, list)| {
            let register = match register {
                Register::Number(number) => number.to_string(),
                Register::Name(name) => (*name).to_owned(),
            };
            (register, json!(digests(list)))
        });
        let registers: serde_json::Map<_, _> = registers.collect();
        let raw = values.raw_value.map(|raw| hex::encode(raw.value));
        json!([part, values.version, values.name, svn, digests(&values.digests), registers, raw])
    }

    fn digests(all: &[TaggedDigest<'_>]) -> BTreeSet<String> {
        let text = |digest: &TaggedDigest<'_>| match digest {
            TaggedDigest::Known(digest) => {
                format!("{} {}", digest.alg().name(), hex::encode(digest.as_bytes()))
            }
            TaggedDigest::Number(_, bytes) | TaggedDigest::Named(_, bytes) => {
                format!("other {}", hex::encode(bytes))
            }
        };
        all.iter().map(text).collect()
    }
}

mod theirs {
    use std::process::Command;

    use super::*;

    /// As `corim-rs` reads them, each its error where it does not; nothing where the program cannot be built.
    pub(crate) fn stories(paths: &[PathBuf]) -> Option<Vec<Result<Story, String>>> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let done = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--locked", "--manifest-path"])
            .arg(here.join("interop/corim/Cargo.toml"))
            .arg("--target-dir")
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("corim-rs"))
            .arg("--")
            .args(paths)
            .output()
            .unwrap();
        if !done.status.success() {
            let why = String::from_utf8_lossy(&done.stderr);
            assert!(std::env::var_os("ATTEST_REQUIRE_CORIM_RS").is_none(), "{why}");
            // Past the capturing of the test harness: a test that judged nothing must not look like one that did.
            drop(writeln!(std::io::stderr(), "SKIPPED: corim-rs cannot be built: {why}"));
            return None;
        }
        let read = |line: &str| -> Result<Story, String> {
            let line: Value = serde_json::from_str(line).unwrap();
            let Some(story) = line["story"].as_array() else {
                return Err(line["error"].as_str().unwrap().to_owned());
            };
            Ok(story.iter().map(|one| one.as_str().unwrap().to_owned()).collect())
        };
        let stories: Vec<_> = std::str::from_utf8(&done.stdout).unwrap().lines().map(read).collect();
        assert_eq!(stories.len(), paths.len());
        Some(stories)
    }
}

fn line(kind: &str, about: &Value, measurement: &Value) -> String {
    json!([kind, about, measurement]).to_string()
}

/// Golden values of a captured boot, in this bank.
fn learned(boot: &str) -> Golden {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/boots").join(boot);
    let bytes = std::fs::read(folder.join("eventlog.bin")).unwrap();
    let log = EventLog::parse(&bytes, LIMITS).unwrap();
    let one =
        Boot { name: boot, log: &log, userspace: None, evidence: golden::Evidence::Quoted, files: None };
    learn("gateway", &[one], &Choices::default()).unwrap()
}

#[test]
fn golden_documents_as_corim_rs_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let boots = ["sb-grub", "sb-cmdline"];
    let write = |boot: &&str| {
        let path = folder.path().join(boot);
        std::fs::write(&path, profile::write(&learned(boot), &profile::Edition::default()).unwrap()).unwrap();
        path
    };
    let paths: Vec<PathBuf> = boots.iter().map(write).collect();
    let Some(theirs) = theirs::stories(&paths) else { return };
    for (path, theirs) in paths.iter().zip(theirs) {
        let ours = ours::story(&std::fs::read(path).unwrap()).unwrap();
        assert!(ours.len() > 20, "{}: {}", path.display(), ours.len());
        assert_eq!(Ok(ours), theirs, "{}", path.display());
    }
}

/// The wider evidence, kept outside of the project.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let path = std::env::var_os("ATTEST_SHARED").map_or_else(beside, PathBuf::from).join("corpus/all");
    if path.is_dir() {
        return Some(path);
    }
    // Past the capturing of the test harness: a test that judged nothing must not look like one that did.
    drop(writeln!(std::io::stderr(), "SKIPPED: no evidence at {}; set ATTEST_SHARED", path.display()));
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "cbor") {
            found.push(path);
        }
    }
}

#[test]
fn corims_of_others_as_both_read_them() {
    let Some(corpus) = corpus() else { return };
    let mut found = Vec::new();
    ["veraison__corim", "veraison__cocli", "veraison__services"]
        .iter()
        .for_each(|one| files(&corpus.join(one), &mut found));
    found.sort();
    let Some(theirs) = theirs::stories(&found) else { return };
    let (mut both, mut statements, mut only_theirs) = (0, 0, Vec::new());
    for (path, theirs) in found.iter().zip(theirs) {
        let bytes = std::fs::read(path).unwrap();
        let name = path.strip_prefix(&corpus).unwrap().display().to_string();
        match (ours::story(&bytes), theirs) {
            (Some(ours), Ok(theirs)) => {
                assert_eq!(ours, theirs, "{name}");
                both += 1;
                statements += ours.len();
            }
            (Some(_), Err(error)) => panic!("only ours: {name}: {error}"),
            (None, Ok(_)) => only_theirs.push(path.file_name().unwrap().to_str().unwrap().to_owned()),
            (None, Err(_)) => {}
        }
    }
    println!("{both} CoRIMs, {statements} statements");
    assert!(both >= 36, "{both}");
    // In the form before draft-ietf-rats-corim-01; with a digest of another length than its algorithm's; with two digests by one algorithm.
    let strict = [
        "signed-corim-valid.cbor",
        "cca-platform-invalid-digests.cbor",
        "corim-enacttrust-bad-multiple-digests.cbor",
    ];
    assert_eq!(only_theirs, strict);
}
