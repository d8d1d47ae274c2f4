//! What corim-rs reads in CoRIMs: for each file of the command line one line of JSON, its statements about references and endorsements, or
//! its error. It stands apart from the workspace, whose JSON would be read with the features that corim-rs wants of serde_json.
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeSet;

use corim_rs::core::{Digest, Ulabel};
use corim_rs::corim::{ConciseTagTypeChoice, Corim as Theirs};
use corim_rs::triples::{
    ClassIdTypeChoice, EnvironmentMap, MeasuredElementTypeChoice, MeasurementMap, SvnTypeChoice,
};
use serde_json::{Value, json};

type Story = BTreeSet<String>;

fn main() {
    for path in std::env::args().skip(1) {
        let line = match story(&std::fs::read(path).unwrap()) {
            Ok(story) => json!({ "story": story }),
            Err(error) => json!({ "error": error }),
        };
        println!("{line}");
    }
}

/// As `corim-rs` reads it: its error where it does not.
fn story(bytes: &[u8]) -> Result<Story, String> {
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

fn line(kind: &str, about: &Value, measurement: &Value) -> String {
    json!([kind, about, measurement]).to_string()
}
