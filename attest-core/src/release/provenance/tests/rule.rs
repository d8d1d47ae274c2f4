//! A rule, and each way in which provenance does not keep it.

use super::*;

fn with_dependencies(dependencies: Value) -> Value {
    told(&format!("{DEFINITION}/resolvedDependencies"), dependencies)
}

fn with_source(uri: &str) -> Value {
    with_dependencies(json!([{ "uri": uri, "digest": { "gitCommit": COMMIT } }]))
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
fn a70_a_run_of_another_pipeline() {
    const RUNS: &str = "https://ci.example/gateway/runs";
    let check = |run: Value, place: Place| {
        let provenance = verify(&told("/predicate/runDetails/metadata/invocationId", run)).unwrap();
        provenance.check(&ProvenanceRule { run: Some(place), ..rule() }, &artifact())
    };
    let expected = || format!("{RUNS}/…");
    for above in [RUNS.to_owned(), format!("{RUNS}/")] {
        let below = || Place::Below(above.clone());
        for good in ["/4711", "/4711/attempts/1"] {
            assert!(check(json!(format!("{RUNS}{good}")), below()).is_empty(), "{good}");
        }
        let elsewhere = |run: String| {
            let found = [Failure::RunUnexpected { got: run.clone(), expected: expected() }];
            assert_eq!(check(json!(run), below()), found);
        };
        // Another pipeline, one whose name only begins alike, and ways out of this one.
        elsewhere("https://ci.example/sensor/runs/4711".to_owned());
        for bad in ["", "/", "-evil/4711", "/../../sensor/runs/1", "/%2e%2e/1", "/4711?x", "/4711 1", "//1"] {
            elsewhere(format!("{RUNS}{bad}"));
        }
        for missing in [Value::Null, json!("")] {
            assert_eq!(check(missing, below()), [Failure::RunMissing { expected: expected() }]);
        }
    }
    let one = || Place::Exactly("run 4711".into());
    assert!(check(json!("run 4711"), one()).is_empty());
    let found = check(json!("run 47110"), one());
    assert_eq!(found[0].code(), "provenance_run_unexpected");
    assert_eq!(found[0].to_string(), "made by the run `run 47110`, expected run 4711");
    assert!(
        failures(&told("/predicate/runDetails/metadata", Value::Null), &rule()).is_empty(),
        "nobody asks"
    );
}
