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
use corim_rs::core::{Digest, Ulabel};
use corim_rs::corim::{ConciseTagTypeChoice, Corim as Theirs};
use corim_rs::triples::{
    ClassIdTypeChoice, EnvironmentMap, MeasuredElementTypeChoice, MeasurementMap, SvnTypeChoice,
};
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
    use super::*;

    /// As `corim-rs` reads it: its error where it does not.
    pub(crate) fn story(bytes: &[u8]) -> Result<Story, String> {
        let corim = Theirs::from_cbor(bytes).map_err(|error| error.to_string())?;
        let mut story = Story::new();
        for tag in &corim.as_map_ref().tags {
            let ConciseTagTypeChoice::Mid(comid) = tag else { continue };
            let mut tell = |kind: &str, about: &EnvironmentMap<'_>, all: &[MeasurementMap<'_>]| {
                let about = environment(about);
                story.extend(all.iter().map(|one| line(kind, &about, &measurement(one))));
            };
            for triple in comid.triples.reference_triples.iter().flatten() {
                tell("reference", &triple.ref_env, &triple.ref_claims);
            }
            for triple in comid.triples.endorsed_triples.iter().flatten() {
                tell("endorsed", &triple.condition, &triple.endorsement);
            }
        }
        Ok(story)
    }

    fn environment(environment: &EnvironmentMap<'_>) -> Value {
        let class = environment.class.as_ref();
        let id = class.and_then(|class| class.class_id.as_ref()).map(|id| match id {
            ClassIdTypeChoice::Bytes(bytes) => hex::encode(&**bytes.as_ref()),
            ClassIdTypeChoice::Oid(_) => "oid".to_owned(),
            ClassIdTypeChoice::Uuid(uuid) => hex::encode(***uuid),
            ClassIdTypeChoice::Extension(_) => "other".to_owned(),
        });
        let number =
            |number: Option<&corim_rs::core::Uint>| number.map(|number| u64::try_from(number.0).unwrap());
        json!([
            id,
            class.and_then(|c| c.vendor.as_deref()),
            class.and_then(|c| c.model.as_deref()),
            number(class.and_then(|c| c.layer.as_ref())),
            number(class.and_then(|c| c.index.as_ref()))
        ])
    }

    fn measurement(one: &MeasurementMap<'_>) -> Value {
        let number = |number: i128| u64::try_from(number).unwrap();
        let part = one.mkey.as_ref().map(|element| match element {
            MeasuredElementTypeChoice::Tstr(name) => json!(name),
            MeasuredElementTypeChoice::UInt(value) => json!(number(value.0)),
            MeasuredElementTypeChoice::Uuid(uuid) => json!(hex::encode(***uuid)),
            _ => json!("other"),
        });
        let values = &one.mval;
        let svn = values.svn.as_ref().map(|svn| match svn {
            SvnTypeChoice::Svn(svn) => json!(number(svn.0)),
            SvnTypeChoice::TaggedSvn(svn) => json!(number(svn.0.0.0)),
            SvnTypeChoice::TaggedMinSvn(svn) => json!([number(svn.0.0.0)]),
        });
        let registers =
            values.integrity_registers.iter().flat_map(|registers| &registers.0).map(|(register, list)| {
                let register = match register {
                    Ulabel::Uint(value) => value.0.to_string(),
                    Ulabel::Text(name) => name.to_string(),
                };
                (register, json!(digests(list)))
            });
        let registers: serde_json::Map<_, _> = registers.collect();
        let raw = values.raw.as_ref().map(|raw| raw.raw_value.as_bytes().map(hex::encode));
        let version = values.version.as_ref().map(|version| version.version.as_ref());
        let all = digests(values.digests.as_deref().unwrap_or_default());
        json!([part, version, values.name.as_deref(), svn, all, registers, raw])
    }

    fn digests(all: &[Digest]) -> BTreeSet<String> {
        let text = |digest: &Digest| {
            format!("{} {}", digest.alg.to_string().replace('-', ""), hex::encode(&*digest.val))
        };
        all.iter().map(text).collect()
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
    for boot in ["sb-grub", "sb-cmdline"] {
        let written = profile::write(&learned(boot), &profile::Edition::default()).unwrap();
        let (ours, theirs) = (ours::story(&written).unwrap(), theirs::story(&written).unwrap());
        assert!(ours.len() > 20, "{boot}: {}", ours.len());
        assert_eq!(ours, theirs, "{boot}");
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
    let (mut both, mut statements, mut only_theirs) = (0, 0, Vec::new());
    for path in found {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.strip_prefix(&corpus).unwrap().display().to_string();
        match (ours::story(&bytes), theirs::story(&bytes)) {
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
