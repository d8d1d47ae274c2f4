//! `attest verify --cmw`: what came side by side judges the same out of one wrapper.

use std::fs;
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Parser;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::cli::verify::Verify;
use crate::cli::{Exit, Failure, Output};

const BOOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/");

#[derive(Parser)]
struct Wrapper {
    #[command(flatten)]
    verify: Verify,
}

fn of_boot(name: &str) -> Vec<u8> {
    fs::read(Path::new(BOOT).join(name)).unwrap()
}

/// A root of trust: its public key in a file, and tokens.
struct Attester(EcdsaKeyPair);

impl Attester {
    fn new(public: &Path) -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap();
        let point = key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        fs::write(public, format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#)).unwrap();
        Self(key)
    }

    fn token(&self, nonce: &[u8]) -> Vec<u8> {
        let claims = format!(r#"{{"eat_nonce":"{}"}}"#, URL_SAFE_NO_PAD.encode(nonce));
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())).into_bytes()
    }
}

/// Golden values of the boot, keys, and the collection to be judged.
struct Case {
    folder: tempfile::TempDir,
    attesters: [Attester; 2],
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = of_boot("eventlog.bin");
        let log =
            attest_core::evidence::tcg_log::EventLog::parse(&log, &attest_core::Limits::DEFAULT).unwrap();
        let evidence = attest_core::reference::golden::Evidence::Quoted;
        let boot = attest_core::reference::learn::Boot {
            name: "b",
            log: &log,
            userspace: None,
            evidence,
            files: None,
        };
        let golden = attest_core::reference::learn::learn("gateway", &[boot], &Default::default()).unwrap();
        fs::write(folder.path().join("golden.toml"), golden.to_toml()).unwrap();
        let attesters = ["one.jwk", "two.jwk"].map(|name| Attester::new(&folder.path().join(name)));
        Self { folder, attesters }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes quote, logs and these tokens as a collection, and judges it with these flags.
    fn judged(&self, quote: bool, tokens: &[Vec<u8>], more: &[&str]) -> Result<(Exit, Value), Failure> {
        let attest = of_boot("quote-ecc.attest");
        let size = u16::try_from(attest.len()).unwrap().to_be_bytes();
        let record = |kind: &str, content: &[u8]| json!([kind, URL_SAFE_NO_PAD.encode(content)]);
        let mut messages = serde_json::Map::new();
        if quote {
            let quote = [&size, &attest[..], &of_boot("quote-ecc.sig")].concat();
            messages.insert("q".into(), record("application/vnd.attest.tpm2-quote", &quote));
            messages
                .insert("l".into(), record("application/vnd.attest.tcg-event-log", &of_boot("eventlog.bin")));
            messages.insert("i".into(), record("application/vnd.attest.ima-list", &of_boot("ima.bin")));
        }
        for (at, token) in tokens.iter().enumerate() {
            messages.insert(at.to_string(), record("application/eat+jwt", token));
        }
        fs::write(self.path("sent.cmw"), Value::Object(messages).to_string()).unwrap();
        self.run(&[&["--cmw", self.path("sent.cmw").to_str().unwrap()], more].concat())
    }

    fn run(&self, more: &[&str]) -> Result<(Exit, Value), Failure> {
        let nonce = hex::encode(nonce());
        let (golden, ak) = (self.path("golden.toml"), format!("{BOOT}ak-ecc.pub"));
        let fixed =
            ["verify", "--family", "gateway", "--golden", golden.to_str().unwrap(), "--nonce", &nonce];
        let all: Vec<_> = [&fixed[..], &["--ak", &ak], more].concat();
        let verify = Wrapper::try_parse_from(all).map_err(|error| Failure::usage("flags", error))?.verify;
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut out = Output::to_writer(true, Box::new(file.reopen().unwrap()));
        let exit = verify.run(&mut out)?;
        out.finish().unwrap();
        Ok((exit, serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap()))
    }
}

fn nonce() -> Vec<u8> {
    hex::decode(String::from_utf8(of_boot("nonce.hex")).unwrap().trim()).unwrap()
}

fn refused(judged: Result<(Exit, Value), Failure>) -> Vec<String> {
    let (exit, verdict) = judged.unwrap();
    assert_eq!(exit, Exit::Refused, "{verdict:#}");
    let reasons = verdict["reasons"].as_array().unwrap().iter();
    let refusing = reasons.filter(|reason| reason["severity"] == "refuse");
    refusing
        .map(|reason| reason["detail_code"].as_str().or(reason["code"].as_str()).unwrap().to_owned())
        .collect()
}

#[test]
fn quote_logs_and_tokens_are_one_verdict() {
    let case = Case::new();
    let [one, two] = &case.attesters;
    let paths = ["one.jwk", "two.jwk"].map(|name| case.path(name).to_str().unwrap().to_owned());
    let (key_one, key_two) = (["--token-key", &paths[0]], ["--token-key", &paths[1]]);
    let good = |tokens: &[Vec<u8>], more: &[&str]| {
        let (exit, verdict) = case.judged(true, tokens, more).unwrap();
        assert_eq!((exit, &verdict["status"]), (Exit::Good, &json!("affirming")), "{verdict:#}");
        verdict["tokens"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(good(&[], &[]), 0);
    assert_eq!(good(&[one.token(&nonce())], &key_one), 1);
    assert_eq!(good(&[one.token(&nonce()), two.token(&nonce())], &[key_two, key_one].concat()), 2);
    let both = [key_one, key_two].concat();
    assert_eq!(refused(case.judged(true, &[one.token(&nonce())], &key_two)), ["signature_invalid"]);
    assert_eq!(refused(case.judged(true, &[one.token(&nonce())], &[])), ["token_key_unknown"]);
    let mut old = nonce();
    old[0] ^= 1;
    assert_eq!(
        refused(case.judged(true, &[two.token(&nonce()), one.token(&old)], &both)),
        ["nonce_mismatch"]
    );
    // A device that is judged by its boot does not leave its quote out.
    assert_eq!(
        refused(case.judged(false, &[one.token(&nonce())], &both)),
        ["golden_missing", "quote_missing"]
    );
    assert_eq!(refused(case.judged(false, &[one.token(&old)], &both)), ["nonce_mismatch"]);
    assert_eq!(refused(case.judged(false, &[], &both)), ["collection_empty"]);
    // What stands in it does not come beside it, too.
    let log = format!("{BOOT}eventlog.bin");
    assert_eq!(case.judged(true, &[], &["--eventlog", &log]).unwrap_err().exit(), Exit::Usage);
    assert_eq!(case.run(&["--cmw", "/nonexistent"]).unwrap_err().exit(), Exit::Usage);
}
