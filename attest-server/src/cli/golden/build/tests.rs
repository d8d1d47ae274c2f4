use std::path::Path;

use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::golden::Evidence;
use attest_core::reference::learn::{Boot, Choices, learn};
use clap::Parser;
use serde_json::Value;

use super::*;
use crate::cli::golden::Golden;
use crate::cli::verify::Verify;

#[derive(Parser)]
struct Wrapper {
    #[command(flatten)]
    golden: Golden,
}

#[derive(Parser)]
struct VerifyWrapper {
    #[command(flatten)]
    verify: Verify,
}

const BOOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/");

/// The document of a real boot, as text in a folder of its own.
fn document(folder: &Path) -> std::path::PathBuf {
    let log = fs::read(format!("{BOOT}eventlog.bin")).unwrap();
    let log = EventLog::parse(&log, &Limits::DEFAULT).unwrap();
    let boot = Boot { name: "debian", log: &log, userspace: None, evidence: Evidence::Quoted, files: None };
    let golden = learn("gateway", &[boot], &Choices::default()).unwrap();
    let path = folder.join("golden.toml");
    fs::write(&path, golden.to_toml()).unwrap();
    path
}

/// Runs `attest golden …`; its answer with `--json`.
fn golden(args: &[&str]) -> Result<Value, Failure> {
    let wrapper = Wrapper::try_parse_from([&["golden"], args].concat()).unwrap();
    answer(|out| wrapper.golden.run(out)).map(|(_, json)| json)
}

fn answer(run: impl FnOnce(&mut Output) -> Result<Exit, Failure>) -> Result<(Exit, Value), Failure> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut out = Output::to_writer(true, Box::new(file.reopen().unwrap()));
    let exit = run(&mut out)?;
    out.finish().unwrap();
    Ok((exit, serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap()))
}

fn verify(golden: &Path) -> Result<(Exit, Value), Failure> {
    verify_with(golden, "gateway", &[])
}

fn verify_with(golden: &Path, family: &str, more: &[String]) -> Result<(Exit, Value), Failure> {
    let file = |name: &str| format!("{BOOT}{name}");
    let nonce = fs::read_to_string(file("nonce.hex")).unwrap();
    let mut args =
        vec!["verify".to_owned(), "--family".into(), family.into(), "--nonce".into(), nonce.trim().into()];
    for (flag, name) in [
        ("--attest", "quote-ecc.attest"),
        ("--signature", "quote-ecc.sig"),
        ("--ak", "ak-ecc.pub"),
        ("--eventlog", "eventlog.bin"),
        ("--ima", "ima.bin"),
    ] {
        args.extend([flag.to_owned(), file(name)]);
    }
    args.extend(["--golden".to_owned(), golden.display().to_string()]);
    args.extend(more.iter().cloned());
    let wrapper = VerifyWrapper::try_parse_from(args).unwrap();
    answer(|out| wrapper.verify.run(out))
}

#[test]
fn a_corim_judges_as_its_text_does() {
    let folder = tempfile::tempdir().unwrap();
    let (text, corim) = (document(folder.path()), folder.path().join("golden.corim"));
    let names = (text.display().to_string(), corim.display().to_string());
    let built = golden(&["build", &names.0, "--out", &names.1, "--tag-version", "4"]).unwrap();
    assert_eq!((&built["family"], &built["signed"]), (&"gateway".into(), &false.into()));
    assert_eq!(golden(&["show", &names.0]).unwrap(), golden(&["show", &names.1]).unwrap());
    assert_eq!(golden(&["check", &names.0]).unwrap(), golden(&["check", &names.1]).unwrap());
    assert_eq!(golden(&["diff", &names.0, &names.1]).unwrap()["changes"], serde_json::json!([]));
    let (exit, by_corim) = verify(&corim).unwrap();
    assert_eq!((exit, &by_corim), (Exit::Good, &verify(&text).unwrap().1));
    assert_eq!(by_corim["golden"]["source"], "development", "nobody signed it, and the verdict says so");
}

#[test]
fn a50_an_expired_corim_is_shown_and_judges_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (text, corim) = (document(folder.path()), folder.path().join("golden.corim"));
    let names = (text.display().to_string(), corim.display().to_string());
    golden(&["build", &names.0, "--out", &names.1, "--not-after", "1000000000"]).unwrap();
    assert!(golden(&["show", &names.1]).is_ok());
    let refused = verify(&corim).unwrap_err();
    assert_eq!(
        (refused.exit(), &refused.to_json()["error"]["code"]),
        (Exit::Usage, &"golden_expired".into())
    );
    let late = ["--not-before", "40000000000", "--not-after", "50000000000"];
    golden(&[&["build", &names.0, "--out", &names.1][..], &late].concat()).unwrap();
    assert_eq!(verify(&corim).unwrap_err().to_json()["error"]["code"], "golden_not_yet_valid");
    let reversed = ["--not-before", "2", "--not-after", "1"];
    let error = golden(&[&["build", &names.0, "--out", &names.1][..], &reversed].concat()).unwrap_err();
    assert_eq!(error.to_json()["error"]["code"], "validity_reversed");
}

#[test]
fn garbage_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let (text, corim) = (document(folder.path()), folder.path().join("golden.corim"));
    let names = (text.display().to_string(), corim.display().to_string());
    golden(&["build", &names.0, "--out", &names.1]).unwrap();
    let mut bytes = fs::read(&corim).unwrap();
    bytes.truncate(500);
    fs::write(&corim, &bytes).unwrap();
    let error = golden(&["show", &names.1]).unwrap_err();
    assert_eq!(error.to_json()["error"]["code"], "cbor_truncated");
    assert!(error.to_json()["error"]["offset"].as_u64().unwrap() <= 500);
    fs::write(&corim, [0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40]).unwrap();
    let error = verify(&corim).unwrap_err();
    assert_eq!((error.exit(), &error.to_json()["error"]["code"]), (Exit::Usage, &"corim_signed".into()));
}

/// Another program's CoRIM: its values are shown, and nobody is judged by them.
#[test]
fn another_programs_corim_is_shown_and_is_no_golden_document() {
    // 501({0: "x", 1: [506(<<{1: {0: "t"}, 4: {0: [[{0: {1: "ACME"}}, [{0: "fw", 1: {1: 553(3)}}]]]}}>>)]})
    let comid = hex("a201a1006174 04a1008182a100a1016441434d4581a20062667701a101d9022903");
    let corim = [hex("d901f5a20061780181d901fa58"), vec![u8::try_from(comid.len()).unwrap()], comid].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("their.corim");
    fs::write(&path, corim).unwrap();
    let name = path.display().to_string();
    let shown = golden(&["show", &name]).unwrap();
    assert_eq!(shown["references"][0]["says"], serde_json::json!(["security version 3 or later"]));
    assert_eq!(shown["references"][0]["environment"], "vendor `ACME`");
    for refused in [golden(&["check", &name]), verify(&path).map(|(_, json)| json)] {
        assert_eq!(refused.unwrap_err().to_json()["error"]["code"], "corim_profile_foreign");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A document of this family, signed by the holder of `key`.
fn signed(text: &Path, path: &Path, key: &ring::signature::EcdsaKeyPair) {
    signed_until(text, path, key, None);
}

/// The same, where the signature says when it ends.
fn signed_until(text: &Path, path: &Path, key: &ring::signature::EcdsaKeyPair, until: Option<u32>) {
    let name = path.display().to_string();
    golden(&["build", &text.display().to_string(), "--out", &name]).unwrap();
    let payload = fs::read(path).unwrap();
    // {1: -7, 3: "application/rim+cbor", 8: <<{0: {0: "ACME"}}>>}, and in the last {1: {1: 1(time)}}
    let protected = hex("a30126037461 70706c69636174696f6e2f72696d2b63626f72 08");
    let meta = match until {
        None => hex("49a100a1006441434d45"),
        Some(until) => [&hex("52a200a1006441434d45 01a101c11a")[..], &until.to_be_bytes()].concat(),
    };
    let protected = [protected, meta].concat();
    let sized = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).unwrap();
        let head = if length < 256 {
            vec![0x58, length.to_be_bytes()[1]]
        } else {
            [&[0x59][..], &length.to_be_bytes()].concat()
        };
        [&head[..], bytes].concat()
    };
    let structure =
        [&hex("846a5369676e617475726531")[..], &sized(&protected), &[0x40], &sized(&payload)].concat();
    let signature = key.sign(&ring::rand::SystemRandom::new(), &structure).unwrap();
    fs::write(
        path,
        [&[0xd2, 0x84][..], &sized(&protected), &[0xa0], &sized(&payload), &sized(signature.as_ref())]
            .concat(),
    )
    .unwrap();
}

#[test]
fn a50_a_signature_that_is_asked_for_must_be_there_and_good() {
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    let random = ring::rand::SystemRandom::new();
    let folder = tempfile::tempdir().unwrap();
    let (text, path) = (document(folder.path()), folder.path().join("signed.corim"));
    let key_file = folder.path().join("key.cose");
    let pair = || {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
    };
    let (ours, theirs) = (pair(), pair());
    let (x, y) = ours.public_key().as_ref()[1..].split_at(32);
    fs::write(&key_file, [&hex("a40102200121 5820")[..], x, &hex("225820"), y].concat()).unwrap();
    let mut args = vec!["--golden-key".to_owned(), key_file.display().to_string()];
    let code =
        |result: Result<(Exit, Value), Failure>| result.unwrap_err().to_json()["error"]["code"].clone();
    signed(&text, &path, &ours);
    assert_eq!(verify_with(&path, "gateway", &args).unwrap().0, Exit::Good);
    assert_eq!(code(verify(&path)), "corim_signed");
    assert_eq!(code(verify_with(&path, "another", &args)), "corim_authority_missing");
    let shown = golden(&["show", &path.display().to_string()]).unwrap();
    assert_eq!(shown["family"], "gateway");
    signed(&text, &path, &theirs);
    assert_eq!(code(verify_with(&path, "gateway", &args)), "corim_signature_invalid");
    golden(&["build", &text.display().to_string(), "--out", &path.display().to_string()]).unwrap();
    assert_eq!(code(verify_with(&path, "gateway", &args)), "golden_unsigned");
    assert_eq!(code(verify_with(&text, "gateway", &args)), "golden_unsigned");
    args.truncate(0);
    assert_eq!(verify_with(&path, "gateway", &args).unwrap().0, Exit::Good);
}

#[test]
fn a50_a_result_made_offline_ends_with_the_values_it_stands_on() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (text, path) = (document(folder.path()), at("golden.corim"));
    drop(crate::signer::FileSigner::open(&at("result.key")).unwrap());
    let random = ring::rand::SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let ours = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let (x, y) = ours.public_key().as_ref()[1..].split_at(32);
    fs::write(at("key.cose"), [&hex("a40102200121 5820")[..], x, &hex("225820"), y].concat()).unwrap();
    let ends = |golden: &Path, more: &[&str]| -> u64 {
        let key = at("result.key").display().to_string();
        let more = [&["--signing-key", &key], more].concat();
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        let (exit, told) = verify_with(golden, "gateway", &more).unwrap();
        assert_eq!(exit, Exit::Good);
        let claims = told["ear"].as_str().unwrap().split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        claims["exp"].as_u64().unwrap()
    };
    let until = crate::clock::now().unix() + 100;
    assert!(ends(&text, &[]) > until + 100, "as long as any");
    let (from, to) = (text.display().to_string(), path.display().to_string());
    golden(&["build", &from, "--out", &to, "--not-after", &until.to_string()]).unwrap();
    assert_eq!(ends(&path, &[]), until);
    signed_until(&text, &path, &ours, Some(u32::try_from(until).unwrap()));
    assert_eq!(ends(&path, &["--golden-key", &at("key.cose").display().to_string()]), until);
}
