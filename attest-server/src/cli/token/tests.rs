use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A root of trust, with its public key in a file.
struct Attester {
    key: EcdsaKeyPair,
    public: PathBuf,
}

impl Attester {
    fn new(folder: &Path, name: &str) -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random).unwrap();
        let point = key.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let public = folder.join(name);
        std::fs::write(&public, format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#)).unwrap();
        Self { key, public }
    }

    fn token(&self, claims: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

fn run(json: bool, token: Token) -> (Exit, String) {
    let sink = Sink::default();
    let mut out = Output::to_writer(json, Box::new(sink.clone()));
    let exit = token.run(&mut out).unwrap();
    out.finish().unwrap();
    let printed = sink.0.lock().unwrap().clone();
    (exit, String::from_utf8(printed).unwrap())
}

#[test]
fn a_token_in_a_token_wants_a_key_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (device, element) = (Attester::new(folder.path(), "device"), Attester::new(folder.path(), "element"));
    let nonce = [7; 32];
    let eat_nonce = URL_SAFE_NO_PAD.encode(nonce);
    let inner = element.token(&format!(r#"{{"eat_nonce":"{eat_nonce}","swname":"applet"}}"#));
    let outer =
        device.token(&format!(r#"{{"eat_nonce":"{eat_nonce}","submods":{{"se":["JWT","{inner}"]}}}}"#));
    let file = folder.path().join("token");
    std::fs::write(&file, outer).unwrap();
    let judged = |nested: &[&Attester], json| {
        let nested_key = nested.iter().map(|attester| attester.public.clone()).collect();
        let (key, nonce) = (device.public.clone(), Some(hex::encode(nonce)));
        run(json, Token { file: file.clone(), key, nested_key, nonce })
    };
    let (exit, printed) = judged(&[&element], true);
    let answer: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((exit, &answer["valid"]), (Exit::Good, &json!(true)), "{answer:#}");
    assert_eq!(answer["nested"][0]["path"], json!(["se"]));
    assert_eq!(answer["nested"][0]["claims"]["swname"], "applet");
    assert!(judged(&[&element], false).1.contains("applet"));
    // Without its key, or with the outer one's alone, nothing of it is known, and nothing of it is shown as such.
    for nested in [&[][..], &[&device]] {
        let (exit, printed) = judged(nested, true);
        let answer: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((exit, &answer["valid"]), (Exit::Refused, &json!(false)));
        assert_eq!(answer["code"], "token_nested_key_missing");
        assert_eq!(answer["findings"][0]["severity"], "refuse");
        assert!(answer.get("nested").is_none() && !printed.contains("applet"));
        assert!(judged(nested, false).1.contains("not valid"));
    }
}

#[test]
fn findings_about_every_part_of_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let device = Attester::new(folder.path(), "device");
    let eat_nonce = URL_SAFE_NO_PAD.encode([7; 32]);
    let part = r#"{"dbgstat":"enabled","psa-security-lifecycle":4096}"#;
    let claims =
        format!(r#"{{"eat_nonce":"{eat_nonce}","submods":{{"os":{{"submods":{{"core":{part}}}}}}}}}"#);
    let file = folder.path().join("token");
    std::fs::write(&file, device.token(&claims)).unwrap();
    let (key, nonce) = (device.public.clone(), Some(hex::encode([7; 32])));
    let (exit, printed) = run(true, Token { file, key, nested_key: Vec::new(), nonce });
    let answer: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(exit, Exit::Good);
    let codes: Vec<_> = answer["findings"].as_array().unwrap().iter().map(|f| f["code"].clone()).collect();
    assert_eq!(codes, ["token_debug_enabled", "token_lifecycle_insecure"], "{answer:#}");
    assert!(answer["findings"][0]["detail"].as_str().unwrap().contains("os/core"));
}
