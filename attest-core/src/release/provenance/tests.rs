//! What a builder says, who said it, and that nothing else counts. The rule that it is held against has tests of its own.

use serde_json::json;

use super::*;
use crate::testing::provenance::{Key, envelope, envelope_of};

mod rule;

const BUILDER: &str = "https://builder.example/hosted";
const BUILD_TYPE: &str = "https://builder.example/image/v1";
const REPOSITORY: &str = "https://code.example/firmware/gateway";
const COMMIT: &str = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d";

fn artifact() -> Digest {
    HashAlg::Sha256.hash(&[b"gateway.efi"])
}

fn hex_of(digest: &Digest) -> String {
    hex::encode(digest.as_bytes())
}

/// What a good builder says.
fn statement() -> Value {
    json!({
        "_type": STATEMENT_TYPE,
        "subject": [
            { "name": "gateway.efi", "digest": { "sha256": hex_of(&artifact()), "sha1": "00" } },
            { "name": "gateway.corim", "digest": { "sha512": hex_of(&HashAlg::Sha512.hash(&[b"corim"])) } },
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "workflow": { "repository": REPOSITORY, "ref": "refs/heads/main", "path": "image.yml" },
                    "inputs": { "debug": false },
                    "unset": "",
                },
                "internalParameters": { "actor": "alice", "actor_id": 17 },
                "resolvedDependencies": [
                    {
                        "uri": format!("git+{REPOSITORY}@refs/heads/main"),
                        "digest": { "gitCommit": COMMIT },
                    },
                    { "uri": "pkg:docker/compiler@12", "digest": { "sha256": hex_of(&artifact()) } },
                ],
            },
            "runDetails": {
                "builder": { "id": BUILDER },
                "metadata": { "invocationId": "run 4711", "startedOn": "2026-11-22T07:00:00Z" },
            },
        },
    })
}

fn rule() -> ProvenanceRule {
    let within = |place: &str| Parameter::Within(vec![Place::Below(place.into())]);
    ProvenanceRule {
        builders: [BUILDER.into()].into(),
        build_types: [BUILD_TYPE.into()].into(),
        source: Place::Exactly(REPOSITORY.into()),
        refs: Refs::OneOf(vec![Place::Exactly("refs/heads/main".into()), Place::Below("refs/tags".into())]),
        other_sources: Vec::new(),
        parameters: [
            ("/workflow/repository".into(), Parameter::Exactly(json!(REPOSITORY))),
            ("/workflow/ref".into(), within("refs")),
            ("/workflow/path".into(), Parameter::Exactly(json!("image.yml"))),
            ("/inputs".into(), Parameter::Any),
        ]
        .into(),
        on_behalf_of: Some("/internalParameters/actor".into()),
        run: None,
    }
}

fn builders(keys: &[&Key]) -> Vec<Builder> {
    vec![Builder { id: BUILDER.into(), keys: keys.iter().map(|key| key.public()).collect() }]
}

fn verify(statement: &Value) -> Result<Provenance, Error> {
    let key = Key::ed25519(1);
    Provenance::verify(&envelope(statement, &[&key]), &builders(&[&key]), &Limits::DEFAULT)
}

/// What is wrong with a statement that a good builder signed.
fn failures(statement: &Value, rule: &ProvenanceRule) -> Vec<Failure> {
    verify(statement).unwrap().check(rule, &artifact())
}

fn told(pointer: &str, value: Value) -> Value {
    let mut statement = statement();
    *statement.pointer_mut(pointer).unwrap() = value;
    statement
}

const DEFINITION: &str = "/predicate/buildDefinition";

#[test]
fn what_a_builder_says_is_what_it_said() {
    let provenance = verify(&statement()).unwrap();
    assert_eq!(provenance.check(&rule(), &artifact()), []);
    assert_eq!(provenance.check(&rule(), &HashAlg::Sha512.hash(&[b"corim"])), []);
    assert_eq!((provenance.builder_id(), provenance.build_type()), (BUILDER, BUILD_TYPE));
    assert_eq!(provenance.run(), Some("run 4711"));
    assert_eq!(provenance.subjects().len(), 2);
    assert_eq!(provenance.subjects()[0].name.as_deref(), Some("gateway.efi"));
    assert_eq!(provenance.subjects()[0].digests, [artifact()]);
    assert_eq!(provenance.dependencies().len(), 2);
    let source = provenance.source(&rule()).unwrap();
    assert_eq!(source.digests["gitCommit"], COMMIT);
    assert_eq!(provenance.on_behalf_of(&rule()).as_deref(), Some("alice"));
    assert_eq!(provenance.signers().iter().collect::<Vec<_>>(), [&Key::ed25519(1).public()]);
    assert_eq!(provenance.statement(), HashAlg::Sha256.hash(&[statement().to_string().as_bytes()]));
    assert!(provenance.external_parameters().unwrap().get("workflow").is_some());
}

#[test]
fn a70_the_payload_is_a_statement() {
    let key = Key::ed25519(1);
    let body = statement().to_string();
    for payload_type in ["application/vnd.in-toto.link+json", "application/json", ""] {
        let envelope = envelope_of(payload_type, body.as_bytes(), &[&key]).to_string();
        let error =
            Provenance::verify(envelope.as_bytes(), &builders(&[&key]), &Limits::DEFAULT).unwrap_err();
        assert_eq!(error, Error::PayloadTypeUnexpected { payload_type: payload_type.into() });
    }
}

#[test]
fn a70_a_builder_signed_it() {
    let (key, other) = (Key::ed25519(1), Key::ed25519(2));
    let verify = |signers: &[&Key], builders: &[Builder]| {
        Provenance::verify(&envelope(&statement(), signers), builders, &Limits::DEFAULT)
    };
    assert_eq!(verify(&[&other], &builders(&[&key])).unwrap_err(), Error::NotSigned);
    assert_eq!(verify(&[&key], &[]).unwrap_err(), Error::NotSigned);
    // Signatures of nobody who counts beside it change nothing.
    assert!(verify(&[&other, &key], &builders(&[&key])).is_ok());
    for key in [Key::p256(), Key::p384()] {
        assert!(verify(&[&key], &builders(&[&key])).is_ok());
    }
}

#[test]
fn a70_a_builder_speaks_in_its_own_name() {
    let (key, other) = (Key::ed25519(1), Key::ed25519(2));
    let mut both = builders(&[&key]);
    both.push(Builder { id: "https://builder.example/self-hosted".into(), keys: vec![other.public()] });
    let verify =
        |signers: &[&Key]| Provenance::verify(&envelope(&statement(), signers), &both, &Limits::DEFAULT);
    assert_eq!(verify(&[&other]).unwrap_err(), Error::BuilderKeyMismatch { id: BUILDER.into() });
    // With both, it is its own key alone that speaks for it.
    let signers = verify(&[&other, &key]).unwrap().signers().clone();
    assert_eq!(signers, [key.public()].into());
    let nobody = told("/predicate/runDetails/builder/id", json!("https://builder.example/other"));
    let error = Provenance::verify(&envelope(&nobody, &[&key]), &both, &Limits::DEFAULT).unwrap_err();
    assert_eq!(error, Error::BuilderKeyMismatch { id: "https://builder.example/other".into() });
}

#[test]
fn a61_a_key_that_signed_twice_is_one() {
    let (key, other) = (Key::ed25519(1), Key::p256());
    let signed = envelope(&statement(), &[&key, &key, &other, &other]);
    let twice = builders(&[&key, &key, &other]);
    let provenance = Provenance::verify(&signed, &twice, &Limits::DEFAULT).unwrap();
    assert_eq!(provenance.signers(), &[key.public(), other.public()].into());
}

#[test]
fn the_statement_is_of_these_versions() {
    let refused = |pointer, value: &str| verify(&told(pointer, json!(value))).unwrap_err();
    for statement_type in ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1.0"] {
        let error = Error::StatementTypeUnexpected { statement_type: statement_type.into() };
        assert_eq!(refused("/_type", statement_type), error);
    }
    for predicate_type in ["https://slsa.dev/provenance/v0.2", "https://slsa.dev/verification_summary/v1"] {
        let error = Error::PredicateTypeUnexpected { predicate_type: predicate_type.into() };
        assert_eq!(refused("/predicateType", predicate_type), error);
    }
}

#[test]
fn a46_two_predicates() {
    let key = Key::ed25519(1);
    let body = statement().to_string();
    let name = r#""predicate":"#;
    assert_eq!(body.matches(name).count(), 1);
    let twice = body.replace(name, r#""predicate":{},"predicate":"#);
    let envelope = envelope_of(PAYLOAD_TYPE, twice.as_bytes(), &[&key]).to_string();
    let error = Provenance::verify(envelope.as_bytes(), &builders(&[&key]), &Limits::DEFAULT).unwrap_err();
    assert_eq!(error, Error::Json(json::Error::DuplicateName { name: "predicate".into() }));
}

#[test]
fn required_fields_are_there() {
    for (pointer, field) in [
        ("/_type", "_type"),
        ("/predicateType", "predicateType"),
        ("/predicate", "predicate"),
        ("/predicate/buildDefinition", "buildDefinition"),
        ("/predicate/buildDefinition/buildType", "buildType"),
        ("/predicate/runDetails", "runDetails"),
        ("/predicate/runDetails/builder", "builder"),
        ("/predicate/runDetails/builder/id", "id"),
    ] {
        for value in [Value::Null, json!(""), json!(1), json!([])] {
            assert_eq!(
                verify(&told(pointer, value)).unwrap_err(),
                Error::FieldUnexpected { field },
                "{pointer}"
            );
        }
    }
    for (pointer, field) in [
        ("/subject", "subject"),
        ("/subject/0/name", "name"),
        ("/subject/0/digest", "digest"),
        ("/subject/0/digest/sha256", "digest"),
        ("/predicate/buildDefinition/resolvedDependencies", "resolvedDependencies"),
        ("/predicate/buildDefinition/resolvedDependencies/0/uri", "uri"),
        ("/predicate/runDetails/metadata", "metadata"),
        ("/predicate/runDetails/metadata/invocationId", "invocationId"),
    ] {
        assert_eq!(
            verify(&told(pointer, json!(1))).unwrap_err(),
            Error::FieldUnexpected { field },
            "{pointer}"
        );
    }
    let without = |pointer| verify(&told(pointer, Value::Null)).unwrap();
    assert_eq!(without("/predicate/runDetails/metadata").run(), None);
    assert_eq!(without("/predicate/runDetails/metadata/invocationId").run(), None);
    assert_eq!(without("/subject/0/name").subjects()[0].name, None);
}

#[test]
fn whoever_triggered_the_build_is_named() {
    let at = |pointer: &str, statement: &Value| {
        let rule = ProvenanceRule { on_behalf_of: Some(pointer.into()), ..rule() };
        let provenance = verify(statement).unwrap();
        (provenance.on_behalf_of(&rule), provenance.check(&rule, &artifact()))
    };
    assert_eq!(at("/internalParameters/actor_id", &statement()), (Some("17".into()), vec![]));
    assert_eq!(at("/externalParameters/workflow/path", &statement()).0.as_deref(), Some("image.yml"));
    for pointer in
        ["/internalParameters/nobody", "/internalParameters", "", "/buildType", "internalParameters/actor"]
    {
        let missing = vec![Failure::TriggerMissing { pointer: pointer.into() }];
        assert_eq!(at(pointer, &statement()), (None, missing), "{pointer}");
    }
    for value in [json!(""), Value::Null, json!(["alice"]), json!(-1), json!(true)] {
        let told = told(&format!("{DEFINITION}/internalParameters/actor"), value);
        assert!(at("/internalParameters/actor", &told).0.is_none());
    }
    let nobody_asks = ProvenanceRule { on_behalf_of: None, ..rule() };
    assert_eq!(failures(&statement(), &nobody_asks), []);
    assert_eq!(verify(&statement()).unwrap().on_behalf_of(&nobody_asks), None);
}

#[test]
fn every_byte_of_an_envelope_counts_or_changes_nothing() {
    let key = Key::ed25519(1);
    let good = envelope(&statement(), &[&key]);
    let builders = builders(&[&key]);
    let mut said_the_same = 0;
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        if let Ok(provenance) = Provenance::verify(&changed, &builders, &Limits::DEFAULT) {
            assert_eq!(provenance.statement(), verify(&statement()).unwrap().statement(), "{at}");
            said_the_same += 1;
        }
    }
    // `keyid` may have another name, and nobody signs it.
    assert_eq!(said_the_same, "keyid".len());
}
