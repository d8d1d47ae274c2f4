use serde_json::{Value, json};

use super::*;
use crate::release::policy::{PlaceRule, PolicyDocument};
use crate::release::request::Artifact;
use crate::release::testing::*;
use crate::testing::provenance::{Key, envelope};

/// What the builder says about the kernel image, and the golden values of a boot with it.
fn statement() -> Value {
    let hex_of = |what: &str| id(what).to_string().replace("sha256:", "");
    json!({
        "_type": provenance::STATEMENT_TYPE,
        "subject": [
            { "name": "linux.efi", "digest": { "sha256": hex_of("linux.efi") } },
            { "name": "gateway.corim", "digest": { "sha256": hex_of("corim") } },
        ],
        "predicateType": provenance::PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "target": "gateway" },
                "internalParameters": { "actor": "erin@builder.example" },
                "resolvedDependencies": [{
                    "uri": "git+https://git.example/firmware@refs/heads/main",
                    "digest": { "gitCommit": "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d" },
                }],
            },
            "runDetails": { "builder": { "id": BUILDER_ID }, "metadata": { "invocationId": "run 4711" } },
        },
    })
}

fn signed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut statement = statement();
    change(&mut statement);
    envelope(&statement, &[&Key::ed25519(20)])
}

fn parsed(document: &PolicyDocument) -> Policy {
    Policy::parse(&bytes(document), &Limits::DEFAULT).unwrap()
}

/// What these envelopes come to, under this policy, where the request names `named`.
fn built(document: &PolicyDocument, named: &[&[u8]], sent: &[&[u8]], artifacts: &[&str]) -> Built {
    let mut request = request();
    request.provenance = named.iter().map(|envelope| ObjectId::of(envelope)).collect();
    let first = request.artifacts[0].clone();
    let artifact = |what: &&str| Artifact { name: words(what), sha256: id(what), ..first.clone() };
    request.artifacts = artifacts.iter().map(artifact).collect();
    let policy = parsed(document);
    let demand = policy.channel(&name("gateway"), &name("stable")).unwrap().provenance.clone().unwrap();
    let builders = demand.builders(&policy, |_, known| known.counts_at(at(NOW)));
    Built::of(&policy, &demand, &request, sent.iter().copied(), &builders, &Limits::DEFAULT)
}

fn failures(change: impl FnOnce(&mut Value)) -> Vec<&'static str> {
    let envelope = signed(change);
    let built = built(&policy(), &[&envelope], &[&envelope], &["linux.efi"]);
    built.failures.iter().map(NotBuilt::code).collect()
}

#[test]
fn a_build_as_it_is_demanded() {
    let envelope = signed(|_| {});
    let built = built(&policy(), &[&envelope], &[&envelope], &["linux.efi"]);
    assert!(built.failures.is_empty(), "{:?}", built.failures);
    assert_eq!(built.triggers, names("erin"), "whoever triggered it is known by name");
    assert!(built.made(&id("corim")) && built.made(&id("linux.efi")) && !built.made(&id("other")));
}

#[test]
fn a70_the_rule_of_the_channel_is_kept() {
    let parameter = |value: &mut Value| {
        value["predicate"]["buildDefinition"]["externalParameters"]["target"] = json!("sensor");
    };
    assert_eq!(failures(parameter), ["provenance_builders_missing", "provenance_parameter_mismatch"]);
    let branch = |value: &mut Value| {
        let uri = "git+https://git.example/firmware@refs/heads/other";
        value["predicate"]["buildDefinition"]["resolvedDependencies"][0]["uri"] = json!(uri);
    };
    assert_eq!(failures(branch), ["provenance_builders_missing", "provenance_source_ref_unexpected"]);
    let other_builder = |value: &mut Value| {
        value["predicate"]["runDetails"]["builder"]["id"] = json!("https://builder.example/other");
    };
    assert_eq!(failures(other_builder), ["provenance_builder_key_mismatch", "provenance_builders_missing"]);
}

#[test]
fn a70_what_a_run_of_another_pipeline_made() {
    let mut document = policy();
    let family = document.families.get_mut("gateway").unwrap();
    let demand = family.channels.get_mut("stable").unwrap().provenance.as_mut().unwrap();
    demand.run = Some(PlaceRule::Below(words("https://ci.example/gateway/runs")));
    let by = |run: &'static str| {
        signed(move |value| value["predicate"]["runDetails"]["metadata"]["invocationId"] = json!(run))
    };
    let codes = |envelope: &[u8], artifacts: &[&str]| -> Vec<&'static str> {
        let built = built(&document, &[envelope], &[envelope], artifacts);
        built.failures.iter().map(NotBuilt::code).collect()
    };
    let own = by("https://ci.example/gateway/runs/7");
    assert_eq!(codes(&own, &["linux.efi"]), [""; 0]);
    assert_eq!(codes(&own, &["corim"]), [""; 0], "one run may make several things");
    let other = by("https://ci.example/sensor/runs/7");
    assert_eq!(codes(&other, &["linux.efi"]), ["provenance_builders_missing", "provenance_run_unexpected"]);
    let unnamed = codes(&by(""), &["linux.efi"]);
    assert_eq!(unnamed, ["provenance_builders_missing", "provenance_run_missing"]);
}

#[test]
fn a70_a_build_that_nobody_known_triggered() {
    let actor = |account: &'static str| {
        failures(move |value| {
            value["predicate"]["buildDefinition"]["internalParameters"]["actor"] = json!(account)
        })
    };
    assert_eq!(actor("alice-2@builder.example"), ["provenance_trigger_unknown"]);
    assert_eq!(actor(""), ["provenance_builders_missing", "provenance_trigger_missing"]);
}

#[test]
fn the_envelopes_are_those_that_the_request_names() {
    let (one, other) = (signed(|_| {}), signed(|value| value["subject"][0]["name"] = json!("another name")));
    let codes = |named: &[&[u8]], sent: &[&[u8]]| -> Vec<&'static str> {
        let built = built(&policy(), named, sent, &["linux.efi"]);
        built.failures.iter().map(NotBuilt::code).collect()
    };
    assert_eq!(codes(&[&one, &other], &[&other, &one]), [""; 0]);
    assert_eq!(codes(&[&one, &other], &[&one]), ["provenance_envelope_missing"]);
    assert_eq!(codes(&[&one], &[&one, &other]), ["provenance_envelope_unexpected"]);
    assert_eq!(codes(&[&one], &[]), ["provenance_envelope_missing", "provenance_builders_missing"]);
    assert_eq!(codes(&[], &[]), ["provenance_builders_missing"]);
}

#[test]
fn a70_each_artifact_is_of_a_build() {
    let (kernel, corim_only) =
        (signed(|_| {}), signed(|value| drop(value["subject"].as_array_mut().unwrap().remove(0))));
    let codes = |sent: &[&[u8]], artifacts: &[&str]| -> Vec<&'static str> {
        built(&policy(), sent, sent, artifacts).failures.iter().map(NotBuilt::code).collect()
    };
    assert_eq!(codes(&[&kernel], &["linux.efi", "corim"]), [""; 0]);
    let missing = ["provenance_builders_missing", "provenance_artifact_missing"];
    assert_eq!(codes(&[&kernel], &["linux.efi", "initrd.img"]), missing);
    assert_eq!(codes(&[&corim_only], &["linux.efi"]), missing);
    assert_eq!(codes(&[&corim_only, &kernel], &["linux.efi"]), [""; 0], "others say nothing against it");
}

#[test]
fn two_builders_that_must_agree_are_two() {
    let mut document = policy();
    let mut second = document.identities[&name("hermetic")].clone();
    second.accounts.clear();
    second.keys[0].key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, spki(21));
    document.identities.insert(name("second"), second);
    let family = document.families.get_mut("gateway").unwrap();
    let demand = family.channels.get_mut("stable").unwrap().provenance.as_mut().unwrap();
    demand.builders.insert(name("second"), words("https://second.example/builder"));
    demand.independent = 2;
    let codes = |sent: &[&[u8]]| -> Vec<&'static str> {
        built(&document, sent, sent, &["linux.efi"]).failures.iter().map(NotBuilt::code).collect()
    };
    let one = signed(|_| {});
    let again =
        signed(|value| value["predicate"]["runDetails"]["metadata"]["invocationId"] = json!("run 4712"));
    let mut other = statement();
    other["predicate"]["runDetails"]["builder"]["id"] = json!("https://second.example/builder");
    let other = envelope(&other, &[&Key::ed25519(21)]);
    assert_eq!(codes(&[&one, &again]), ["provenance_builders_missing"], "one builder twice");
    assert_eq!(codes(&[&one, &other]), [""; 0]);
}

#[test]
fn a_builders_key_that_is_over() {
    let mut document = policy();
    document.identities.get_mut("hermetic").unwrap().keys[0].until = at(NOW - 1);
    let envelope = signed(|_| {});
    let built = built(&document, &[&envelope], &[&envelope], &["linux.efi"]);
    let codes: Vec<_> = built.failures.iter().map(NotBuilt::code).collect();
    assert_eq!(codes, ["provenance_not_signed", "provenance_builders_missing"]);
}
