//! DSSE between this library and Python's securesystemslib (`tests/interop/python/dsse.py`): each verifies what the other signed and refuses
//! what was changed. It comes from PyPI into an environment of its own below `target/`. Without Python, or without a network the first time,
//! this says so and passes, unless `ATTEST_REQUIRE_SECURESYSTEMSLIB` is set.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reads files and runs programs, and a panic in it is a failed test"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use attest_core::Limits;
use attest_core::release::CanonicalKey;
use attest_core::release::dsse::{Envelope, pre_authentication_encoding};
use attest_core::release::provenance::{Builder, PAYLOAD_TYPE, PREDICATE_TYPE, Provenance, STATEMENT_TYPE};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _,
};
use serde_json::{Value, json};

const LIMITS: &Limits = &Limits::DEFAULT;
const BUILDER: &str = "https://builder.example/hosted";
/// The release that the tests were written against.
const PACKAGES: [&str; 2] = ["securesystemslib==1.6.0", "cryptography"];

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The environment's Python, made once; `None` where there cannot be one.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(make).as_deref()
}

fn make() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("securesystemslib");
    let python = folder.join("bin/python");
    let works =
        |python: &Path| run(Command::new(python).args(["-c", "import securesystemslib.dsse, cryptography"]));
    if works(&python).is_err() {
        let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .and_then(|_| run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES)))
            .and_then(|_| works(&python));
        if let Err(why) = made {
            let missing = format!("no securesystemslib (Debian: python3-venv; a network): {why}");
            assert!(std::env::var_os("ATTEST_REQUIRE_SECURESYSTEMSLIB").is_none(), "{missing}");
            // Past the capturing of the test harness.
            drop(writeln!(std::io::stderr(), "SKIPPED: {missing}"));
            return None;
        }
    }
    Some(python)
}

fn dsse(python: &Path, what: &str, folder: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop/python/dsse.py");
    run(Command::new(python).arg(script).arg(what).arg(folder)).unwrap_or_else(|why| panic!("{why}"))
}

/// An empty folder below `target/`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).expect("folder");
    folder
}

fn payload() -> String {
    json!({
        "_type": STATEMENT_TYPE,
        "subject": [{ "name": "gateway.efi \u{e9}", "digest": { "sha256": "00".repeat(32) } }],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": { "buildType": "https://builder.example/image/v1", "externalParameters": {} },
            "runDetails": { "builder": { "id": BUILDER } },
        },
    })
    .to_string()
}

#[test]
fn what_securesystemslib_signs_is_verified() {
    let Some(python) = python() else { return };
    let folder = folder("dsse-make");
    let read = |name: String| std::fs::read_to_string(folder.join(name)).expect("a file of the script's");
    std::fs::write(folder.join("payload"), payload()).expect("payload");
    dsse(python, "make", &folder);
    let kinds = ["ed25519", "p256", "p384", "p521"];
    let key = |kind: &str| CanonicalKey::from_pem(&read(format!("{kind}.pem")), LIMITS).expect("a key");
    let builder = |keys: Vec<CanonicalKey>| [Builder { id: BUILDER.into(), keys }];
    let all = read("all.json".into());
    for kind in kinds {
        let envelope = read(format!("{kind}.json"));
        let provenance = Provenance::verify(envelope.as_bytes(), &builder(vec![key(kind)]), LIMITS);
        assert_eq!(provenance.expect(kind).signers().len(), 1);
        for other in kinds.into_iter().filter(|other| *other != kind) {
            assert!(Provenance::verify(envelope.as_bytes(), &builder(vec![key(other)]), LIMITS).is_err());
        }
        assert!(Envelope::parse(all.as_bytes(), LIMITS).expect("all").is_signed_by(&key(kind)));
    }
    let every = kinds.map(key).to_vec();
    let provenance = Provenance::verify(all.as_bytes(), &builder(every), LIMITS).expect("all");
    assert_eq!(provenance.signers().len(), 4);
}

enum Signer {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl Signer {
    fn ecdsa(with: &'static ring::signature::EcdsaSigningAlgorithm, file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/keys").join(file);
        let der = std::fs::read(path).expect("a key");
        Self::Ecdsa(EcdsaKeyPair::from_pkcs8(with, &der, &SystemRandom::new()).expect("a key"))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Ecdsa(key) => {
                key.sign(&SystemRandom::new(), message).expect("a signature").as_ref().to_vec()
            }
        }
    }

    /// SubjectPublicKeyInfo: what stands before the point in each kind's.
    fn spki(&self) -> Vec<u8> {
        let (prefix, key) = match self {
            Self::Ed25519(key) => ("302a300506032b6570032100", key.public_key().as_ref()),
            Self::Ecdsa(key) if key.public_key().as_ref().len() == 65 => {
                ("3059301306072a8648ce3d020106082a8648ce3d030107034200", key.public_key().as_ref())
            }
            Self::Ecdsa(key) => ("3076301006072a8648ce3d020106052b81040022036200", key.public_key().as_ref()),
        };
        [&hex::decode(prefix).expect("hex"), key].concat()
    }
}

/// Everything in which both must agree: an envelope, and whether it is good.
fn cases(signer: &Signer) -> Vec<(&'static str, Value, bool)> {
    let payload = payload();
    let over = |payload_type: &str, body: &[u8]| {
        let sig = STANDARD.encode(signer.sign(&pre_authentication_encoding(payload_type, body)));
        json!({ "payload": STANDARD.encode(body), "payloadType": payload_type, "signatures": [{ "keyid": "", "sig": sig }] })
    };
    let good = over(PAYLOAD_TYPE, payload.as_bytes());
    let told = |pointer: &str, value: Value| {
        let mut told = good.clone();
        *told.pointer_mut(pointer).expect("it is there") = value;
        told
    };
    let bare = json!({ "payload": good["payload"], "payloadType": PAYLOAD_TYPE,
        "signatures": [{ "keyid": "", "sig": STANDARD.encode(signer.sign(payload.as_bytes())) }] });
    let sig = STANDARD.decode(good["signatures"][0]["sig"].as_str().expect("text")).expect("base64");
    let mut flipped = sig.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    vec![
        ("good", good.clone(), true),
        ("empty", over("", b""), true),
        ("other-payload", told("/payload", json!(STANDARD.encode(format!("{payload} ")))), false),
        ("other-type", told("/payloadType", json!("application/vnd.in-toto")), false),
        ("without-encoding", bare, false),
        ("flipped-signature", told("/signatures/0/sig", json!(STANDARD.encode(flipped))), false),
        (
            "longer-signature",
            told("/signatures/0/sig", json!(STANDARD.encode([&sig[..], &[0]].concat()))),
            false,
        ),
        ("no-bytes", told("/signatures/0/sig", json!("")), false),
        ("no-signature", told("/signatures", json!([])), false),
    ]
}

#[test]
fn both_judge_envelopes_alike() {
    let Some(python) = python() else { return };
    let folder = folder("dsse-verify");
    let signers = [
        ("ed25519", Signer::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key"))),
        ("p256", Signer::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, "p256.pk8")),
        ("p384", Signer::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, "p384.pk8")),
    ];
    let mut expected = BTreeMap::new();
    for (kind, signer) in &signers {
        let key = CanonicalKey::from_spki_der(&signer.spki()).expect("a key");
        let pem = STANDARD.encode(signer.spki());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n");
        for (name, envelope, is_good) in cases(signer) {
            let ours = Envelope::parse(envelope.to_string().as_bytes(), LIMITS);
            let ours = ours.is_ok_and(|envelope| envelope.is_signed_by(&key));
            assert_eq!(ours, is_good, "{kind} {name}");
            let case = json!({ "envelope": envelope, "key": pem }).to_string();
            std::fs::write(folder.join(format!("{kind}-{name}.case")), case).expect("a case");
            expected.insert(format!("{kind}-{name}"), is_good);
        }
    }
    let judged = dsse(python, "verify", &folder);
    for line in judged.lines() {
        let (name, verdict) = line.split_once(' ').expect("a name and a verdict");
        let is_good = expected.remove(name).expect("a case");
        assert_eq!(verdict == "good", is_good, "{line}");
    }
    assert!(expected.is_empty(), "not judged: {expected:?}");
}
