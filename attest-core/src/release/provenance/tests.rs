use serde_json::json;

use super::*;
use crate::testing::provenance::{Key, envelope, envelope_of};

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

fn with_dependencies(dependencies: Value) -> Value {
    told(&format!("{DEFINITION}/resolvedDependencies"), dependencies)
}

fn with_source(uri: &str) -> Value {
    with_dependencies(json!([{ "uri": uri, "digest": { "gitCommit": COMMIT } }]))
}

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
fn a70_the_artifact_is_one_that_the_builder_made() {
    let provenance = verify(&statement()).unwrap();
    let other = HashAlg::Sha256.hash(&[b"other"]);
    assert_eq!(provenance.check(&rule(), &other), [Failure::SubjectMissing { artifact: other }]);
    // A dependency is not made by the builder, and no digest is one of another algorithm.
    let sha512 =
        Digest::new(HashAlg::Sha512, &[artifact().as_bytes(), artifact().as_bytes()].concat()).unwrap();
    assert_eq!(provenance.check(&rule(), &sha512), [Failure::SubjectMissing { artifact: sha512 }]);
    assert_eq!(verify(&told("/subject", json!([]))).unwrap_err(), Error::SubjectMissing);
    assert_eq!(verify(&told("/subject", Value::Null)).unwrap_err(), Error::SubjectMissing);
    for digest in [json!({}), Value::Null] {
        assert_eq!(verify(&told("/subject/0/digest", digest)).unwrap_err(), Error::SubjectDigestMissing);
    }
}

#[test]
fn a70_weak_digests_identify_nothing() {
    let sha1 = HashAlg::Sha1.hash(&[b"gateway.efi"]);
    let weak = told("/subject/0/digest", json!({ "sha1": hex_of(&sha1), "md5": "00", "gitCommit": COMMIT }));
    let provenance = verify(&weak).unwrap();
    for artifact in [sha1, artifact()] {
        assert_eq!(
            provenance.check(&rule(), &artifact),
            [Failure::SubjectMissing { artifact }, Failure::SubjectWeak { name: Some("gateway.efi".into()) }]
        );
    }
    for malformed in ["", "00", &hex_of(&artifact()).to_uppercase(), &format!("{}00", hex_of(&artifact()))] {
        let error = verify(&told("/subject/0/digest/sha256", json!(malformed))).unwrap_err();
        assert_eq!(error, Error::DigestMalformed { alg: HashAlg::Sha256 }, "{malformed}");
    }
}

#[test]
fn a70_a_builder_that_may_not_build_this() {
    let mut rule = rule();
    rule.builders = ["https://builder.example/other".into()].into();
    rule.build_types = [].into();
    assert_eq!(
        failures(&statement(), &rule),
        [
            Failure::BuilderUnexpected { id: BUILDER.into() },
            Failure::BuildTypeUnexpected { build_type: BUILD_TYPE.into() },
        ]
    );
}

#[test]
fn a70_another_source() {
    for (evil, is_read) in [
        ("git+https://code.example/firmware/gateway-evil@refs/heads/main", true),
        ("git+https://code.example/firmware/gateway/evil@refs/heads/main", true),
        ("git+https://code.example/firmware@refs/heads/main", true),
        ("git+https://code.example.evil.example/firmware/gateway@refs/heads/main", true),
        ("git+https://code.example@evil.example/firmware/gateway@refs/heads/main", true),
        ("git+https://evil.example/https://code.example/firmware/gateway@refs/heads/main", false),
        ("git+http://code.example/firmware/gateway@refs/heads/main", true),
        ("git+https://code.example/firmware/Gateway@refs/heads/main", true),
        ("git+https://code.example/firmware/gateway.git@refs/heads/main", true),
        ("git+https://code.example/firmware/x/../gateway@refs/heads/main", false),
        ("git+https://code.example/firmware//gateway@refs/heads/main", false),
        ("git+https://code.example/firmware//gateway", false),
        ("git+https://code.example/firmware/.@refs/heads/main", false),
        ("git+https://code.example/firmware/gateway@refs//heads/main", false),
        ("git+https://code.example/firmware/gatewa%79@refs/heads/main", false),
        ("git+https://code.example/firmware/gateway?x@refs/heads/main", false),
        ("git+https://code.example/firmware/gateway@refs/heads/main#evil", false),
        ("git+https://code.example/firmware/gateway@refs/heads/main@refs/heads/evil", false),
        ("git+https://code.example/firmware/gateway@", false),
        ("git+https://code.example/firmware/g\u{430}teway@refs/heads/main", false),
        ("git@code.example:firmware/gateway", false),
        ("git+https:///firmware/gateway", false),
        ("", false),
    ] {
        let uri = evil.to_owned();
        let why =
            if is_read { Failure::DependencyUnexpected { uri } } else { Failure::SourceUriUnclear { uri } };
        assert_eq!(failures(&with_source(evil), &rule()), [Failure::SourceMissing, why], "{evil}");
    }
    // As git, and under no scheme that says so.
    assert_eq!(failures(&with_source(&format!("{REPOSITORY}@refs/heads/main")), &rule()), []);
    assert_eq!(failures(&with_dependencies(json!([])), &rule()), [Failure::SourceMissing]);
    assert_eq!(failures(&with_dependencies(Value::Null), &rule()), [Failure::SourceMissing]);
}

#[test]
fn a70_another_source_beside_the_good_one() {
    let source = |uri: &str, commit: &str| json!({ "uri": uri, "digest": { "gitCommit": commit } });
    let own = format!("git+{REPOSITORY}@refs/heads/main");
    let evil = "git+https://code.example/evil/x@refs/heads/main";
    let both = with_dependencies(json!([source(evil, COMMIT), source(&own, COMMIT)]));
    assert_eq!(failures(&both, &rule()), [Failure::DependencyUnexpected { uri: evil.into() }]);
    let mut known = rule();
    known.other_sources = vec![Place::Below("https://code.example/evil".into())];
    assert_eq!(failures(&both, &known), []);
    // Without a digest, or with another of git's, it is source code still.
    for digest in [json!({}), json!({ "gitTree": COMMIT })] {
        let both = with_dependencies(json!([{ "uri": evil, "digest": digest }, source(&own, COMMIT)]));
        assert_eq!(failures(&both, &rule()), [Failure::DependencyUnexpected { uri: evil.into() }]);
    }
    for scheme in ["GIT+https", "Git", "git"] {
        let uri = evil.replace("git+https", scheme);
        let both = with_dependencies(json!([{ "uri": uri }, source(&own, COMMIT)]));
        let why = Failure::DependencyUnexpected { uri };
        assert_eq!(failures(&both, &rule()), [why]);
    }
    // Two revisions; the same one told twice.
    let two = with_dependencies(json!([source(&own, COMMIT), source(&own, &COMMIT.replace('7', "8"))]));
    assert_eq!(failures(&two, &rule()), [Failure::SourceAmbiguous { count: 2 }]);
    assert!(verify(&two).unwrap().source(&rule()).is_none());
    let same = with_dependencies(json!([source(&own, COMMIT), source(&own, COMMIT)]));
    assert_eq!(failures(&same, &rule()), []);
}

#[test]
fn a70_the_commit_is_given() {
    let uri = format!("git+{REPOSITORY}@refs/heads/main");
    let missing = [Failure::SourceCommitMissing { uri: uri.clone() }];
    for digest in [
        json!({}),
        json!({ "sha1": COMMIT }),
        json!({ "gitTree": COMMIT }),
        json!({ "gitCommit": "main" }),
        json!({ "gitCommit": &COMMIT[1..] }),
        json!({ "gitCommit": COMMIT.to_uppercase() }),
    ] {
        let told = with_dependencies(json!([{ "uri": uri, "digest": digest }]));
        assert_eq!(failures(&told, &rule()), missing, "{digest}");
    }
    let sha256 = json!([{ "uri": uri, "digest": { "gitCommit": hex_of(&artifact()) } }]);
    assert_eq!(failures(&with_dependencies(sha256), &rule()), []);
}

#[test]
fn a70_another_branch() {
    for (name, is_good) in [
        ("@refs/heads/main", true),
        ("@refs/tags/v1.2.3", true),
        ("@refs/tags/a/b", true),
        ("@refs/heads/mainly", false),
        ("@refs/heads/evil", false),
        ("@main", false),
        ("@refs/tagsx/v1", false),
        ("@refs/tags", false),
        ("", false),
    ] {
        let git_ref = name.strip_prefix('@').map(ToOwned::to_owned);
        let why = if is_good { vec![] } else { vec![Failure::SourceRefUnexpected { git_ref }] };
        assert_eq!(failures(&with_source(&format!("git+{REPOSITORY}{name}")), &rule()), why, "{name}");
    }
    let mut any = rule();
    any.refs = Refs::Any;
    assert_eq!(failures(&with_source(&format!("git+{REPOSITORY}")), &any), []);
    any.refs = Refs::OneOf(Vec::new());
    assert_eq!(
        failures(&with_source(&format!("git+{REPOSITORY}")), &any),
        [Failure::SourceRefUnexpected { git_ref: None }]
    );
}

#[test]
fn a_place_ends_at_its_border() {
    let below = |above: &str, name: &str| Place::Below(above.into()).covers(name);
    for above in ["https://x/y", "https://x/y/"] {
        assert!(below(above, "https://x/y/z") && below(above, "https://x/y/z/a"));
        for name in [
            "https://x/y",
            "https://x/y/",
            "https://x/y-evil",
            "https://x/y//z",
            "https://x/y/../z",
            "https://x/y/z/.",
        ] {
            assert!(!below(above, name), "{above} {name}");
        }
    }
    assert!(!below("https://x", "https://x@evil/y"));
    assert!(!below("", "/x") && !below("/", "/x"));
    assert!(Place::Exactly("x".into()).covers("x") && !Place::Exactly("x".into()).covers("x/y"));
}

#[test]
fn a64_an_unknown_external_parameter_refuses() {
    let parameters = format!("{DEFINITION}/externalParameters");
    let with = |name: &str, value: Value| {
        let mut statement = statement();
        statement.pointer_mut(&parameters).unwrap()[name] = value;
        failures(&statement, &rule())
    };
    let unexpected = |pointer: &str| vec![Failure::ParameterUnexpected { pointer: pointer.into() }];
    assert_eq!(with("flags", json!("-O0")), unexpected("/flags"));
    assert_eq!(with("flags", json!(false)), unexpected("/flags"));
    assert_eq!(with("flags", json!(["x"])), unexpected("/flags"));
    assert_eq!(with("flags", json!({ "a/b": { "~": 1 } })), unexpected("/flags/a~1b/~0"));
    for unset in [Value::Null, json!(""), json!([]), json!({})] {
        assert_eq!(with("flags", unset), []);
    }
    assert_eq!(with("inputs", json!({ "anything": ["goes", 1] })), []);
    let workflow = |path: &str| json!({ "repository": REPOSITORY, "ref": "refs/heads/main", "path": path });
    let mismatch = [Failure::ParameterMismatch { pointer: "/workflow/path".into() }];
    assert_eq!(with("workflow", workflow("evil.yml")), mismatch);
    assert_eq!(
        with("workflow", workflow("")),
        [Failure::ParameterMissing { pointer: "/workflow/path".into() }]
    );
    let mut other_ref = workflow("image.yml");
    other_ref["ref"] = json!("evil");
    assert_eq!(
        with("workflow", other_ref.clone()),
        [Failure::ParameterMismatch { pointer: "/workflow/ref".into() }]
    );
    other_ref["ref"] = json!(1);
    assert_eq!(with("workflow", other_ref), [Failure::ParameterMismatch { pointer: "/workflow/ref".into() }]);
    // None at all, and something that is no object.
    let missing = ["/workflow/path", "/workflow/ref", "/workflow/repository"]
        .map(|pointer| Failure::ParameterMissing { pointer: pointer.into() });
    assert_eq!(failures(&told(&parameters, Value::Null), &rule()), missing);
    let text = failures(&told(&parameters, json!("text")), &rule());
    assert_eq!(text[0], Failure::ParameterUnexpected { pointer: String::new() });
    assert_eq!(text[1..], missing);
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
fn every_failure_is_listed() {
    let mut bad = with_source("git+https://evil.example/x@refs/heads/main");
    *bad.pointer_mut("/predicate/buildDefinition/buildType").unwrap() = json!("make");
    *bad.pointer_mut("/predicate/buildDefinition/internalParameters").unwrap() = Value::Null;
    *bad.pointer_mut("/predicate/buildDefinition/externalParameters").unwrap() = json!({ "x": 1 });
    *bad.pointer_mut("/subject").unwrap() = json!([{ "digest": { "md5": "00" } }]);
    let found = failures(&bad, &ProvenanceRule { builders: [].into(), ..rule() });
    let codes: Vec<_> = found.iter().map(Failure::code).collect();
    assert_eq!(
        codes,
        [
            "provenance_builder_unexpected",
            "provenance_build_type_unexpected",
            "provenance_artifact_missing",
            "provenance_artifact_weak",
            "provenance_source_missing",
            "provenance_dependency_unexpected",
            "provenance_parameter_unexpected",
            "provenance_parameter_missing",
            "provenance_parameter_missing",
            "provenance_parameter_missing",
            "provenance_trigger_missing",
        ]
    );
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
