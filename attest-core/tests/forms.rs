//! What is signed, held against the tools of those who make devices: `sbverify` and `osslsigncode` for UEFI images, `imgtool` for MCUboot,
//! `openssl` for bare signatures, Python's cwt for COSE. Each verifies what this library finished and refuses it with a byte changed. A tool
//! that is not there is said and passed over, unless `ATTEST_REQUIRE_SIGNING_TOOLS` is set; imgtool and cwt come from PyPI into an environment
//! of their own below `target/`.
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

#[path = "common/pe.rs"]
mod pe;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use attest_core::Limits;
use attest_core::release::ObjectId;
use attest_core::release::form::{ReleaseKey, authenticode, cose, raw};
use attest_core::release::policy::{Purpose, RsaPadding};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::json;

const LIMITS: &Limits = &Limits::DEFAULT;
/// The releases that the tests were written against.
const PACKAGES: [&str; 2] = ["imgtool==2.5.0", "cwt==3.3.0"];

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr) + &text(&output.stdout))
    }
}

fn missing(what: &str) {
    assert!(std::env::var_os("ATTEST_REQUIRE_SIGNING_TOOLS").is_none(), "{what}");
    // Past the capturing of the test harness.
    drop(writeln!(std::io::stderr(), "SKIPPED: {what}"));
}

/// Whether a program can be run.
fn has(program: &str, version: &str) -> bool {
    let found = Command::new(program).arg(version).output().is_ok();
    if !found {
        missing(&format!("{program} is not installed (Debian: sbsigntool, osslsigncode, openssl)"));
    }
    found
}

/// The folder of the environment's programs, made once; `None` where there cannot be one.
fn python() -> Option<&'static Path> {
    static PROGRAMS: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAMS.get_or_init(make).as_deref()
}

fn make() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("signing-tools");
    let programs = folder.join("bin");
    let python = programs.join("python");
    let works = |python: &Path| run(Command::new(python).args(["-c", "import imgtool.image, cwt"]));
    if works(&python).is_err() {
        let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
            .and_then(|_| run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES)))
            .and_then(|_| works(&python));
        if let Err(why) = made {
            missing(&format!("no imgtool and cwt (Debian: python3-venv; a network): {why}"));
            return None;
        }
    }
    Some(programs)
}

/// An empty folder below `target/`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).expect("folder");
    folder
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(path))
        .expect("fixture")
}

/// Who holds a key, by the name of its algorithm.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holder {
    Es256,
    Es384,
    EdDsa,
    Ps256,
    Rs256,
}

impl Holder {
    const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::EdDsa, Self::Ps256, Self::Rs256];

    fn sign(self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let ecdsa = |with, file| {
            let key = EcdsaKeyPair::from_pkcs8(with, &fixture(file), &random).expect("key");
            key.sign(&random, message).expect("signature").as_ref().to_vec()
        };
        let rsa = |padding| {
            let key = RsaKeyPair::from_pkcs8(&fixture("keys/rsa2048.pk8")).expect("key");
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(padding, &random, message, &mut signature).expect("signature");
            signature
        };
        match self {
            Self::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "keys/p256.pk8"),
            Self::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "keys/p384.pk8"),
            Self::EdDsa => Self::ed25519().sign(message).as_ref().to_vec(),
            Self::Ps256 => rsa(&RSA_PSS_SHA256),
            Self::Rs256 => rsa(&RSA_PKCS1_SHA256),
        }
    }

    fn ed25519() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("key")
    }

    fn spki(self) -> Vec<u8> {
        match self {
            Self::EdDsa => {
                let prefix = hex::decode("302a300506032b6570032100").expect("hex");
                [&prefix, Self::ed25519().public_key().as_ref()].concat()
            }
            Self::Es256 => key_pair("keys/p256.pk8").subject_public_key_info(),
            Self::Es384 => key_pair("keys/p384.pk8").subject_public_key_info(),
            Self::Ps256 | Self::Rs256 => key_pair("keys/rsa2048.pk8").subject_public_key_info(),
        }
    }

    fn pem(self) -> String {
        let body = STANDARD.encode(self.spki());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).map(|line| core::str::from_utf8(line).expect("text")).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    fn key(self, purpose: Purpose) -> ReleaseKey {
        let padding = match self {
            Self::Ps256 if purpose == Purpose::Raw => Some(RsaPadding::Pss),
            Self::Rs256 if purpose == Purpose::Raw => Some(RsaPadding::Pkcs1),
            _ => None,
        };
        ReleaseKey::new(&self.spki(), purpose, padding).expect("key")
    }
}

fn key_pair(file: &str) -> KeyPair {
    KeyPair::try_from(fixture(file)).expect("key")
}

/// A certificate of this key under an authority of its own, and the authority's: DER and PEM each.
fn chain(file: &str) -> [(Vec<u8>, String); 2] {
    let params = |name: &str, is_ca| {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        params
    };
    let authority_key = KeyPair::generate().expect("key");
    let authority = params("Authority", IsCa::Ca(BasicConstraints::Unconstrained));
    let authority_certificate = authority.self_signed(&authority_key).expect("certificate");
    let issuer = Issuer::new(authority, authority_key);
    let leaf = params("Signer", IsCa::NoCa).signed_by(&key_pair(file), &issuer).expect("certificate");
    [leaf, authority_certificate].map(|certificate| (certificate.der().to_vec(), certificate.pem()))
}

/// Images to sign: ours with and without padding and overlay, and the boot stubs that Debian ships, where they are.
fn images() -> Vec<(String, Vec<u8>)> {
    let mut images = Vec::new();
    for (name, tail) in [("padded", ""), ("overlay", "an overlay"), ("aligned", "8 bytes.")] {
        let mut image = pe::Pe::new(&[(".text", &[0x90; 700]), (".data", b"data"), (".sbat", b"sbat,1\n")]);
        image.tail = tail.into();
        images.push((name.to_owned(), image.build()));
    }
    let stubs = Path::new("/usr/lib/systemd/boot/efi");
    for entry in std::fs::read_dir(stubs).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let file = std::fs::read(entry.path()).expect("a stub");
        if file.starts_with(b"MZ") && name.contains("x64") {
            images.push((name, file));
        }
    }
    if images.len() == 3 {
        missing("no boot stub below /usr/lib/systemd/boot/efi (Debian: systemd-boot-efi)");
    }
    images
}

fn sbverify(certificate: &Path, image: &Path) -> Result<String, String> {
    run(Command::new("sbverify").arg("--cert").arg(certificate).arg(image))
}

#[test]
fn sbverify_accepts_signed_images_and_no_changed_ones() {
    if !has("sbverify", "--version") {
        return;
    }
    let folder = folder("authenticode");
    for (holder, file) in [(Holder::Rs256, "keys/rsa2048.pk8"), (Holder::Es256, "keys/p256.pk8")] {
        let key = holder.key(Purpose::Authenticode);
        let [(leaf, leaf_pem), (_, authority_pem)] = chain(file);
        let (by_leaf, by_authority) = (folder.join("leaf.pem"), folder.join("authority.pem"));
        std::fs::write(&by_leaf, leaf_pem).expect("write");
        std::fs::write(&by_authority, authority_pem).expect("write");
        for (name, image) in images() {
            let bytes = authenticode::to_be_signed(&image, LIMITS).expect("an image");
            // Without the root: sbverify takes a leaf that it knows only if no other root is there.
            let chain = [leaf.clone()];
            let signed =
                authenticode::finish(&key, &image, &holder.sign(&bytes), &chain, LIMITS).expect("signed");
            assert_eq!(authenticode::verify(&key, &signed, LIMITS), Ok(()));
            let path = folder.join(format!("{}-{name}", holder.name()));
            std::fs::write(&path, &signed).expect("write");
            for certificate in [&by_leaf, &by_authority] {
                sbverify(certificate, &path).unwrap_or_else(|why| panic!("{holder:?} {name}: {why}"));
            }
            // A byte of what is loaded, and one of the signature.
            for place in [0x400, signed.len() - 20] {
                let mut lie = signed.clone();
                lie[place] ^= 1;
                std::fs::write(&path, &lie).expect("write");
                sbverify(&by_authority, &path).expect_err("a changed image");
                assert!(authenticode::verify(&key, &lie, LIMITS).is_err());
            }
            // One more signature by the same key leaves the first as it was.
            let twice =
                authenticode::finish(&key, &signed, &holder.sign(&bytes), &chain, LIMITS).expect("signed");
            std::fs::write(&path, &twice).expect("write");
            sbverify(&by_authority, &path).unwrap_or_else(|why| panic!("{holder:?} {name}: {why}"));
        }
    }
}

#[test]
fn osslsigncode_accepts_signed_images_and_their_checksum() {
    if !has("osslsigncode", "--version") {
        return;
    }
    let folder = folder("authenticode-ossl");
    let holder = Holder::Rs256;
    let key = holder.key(Purpose::Authenticode);
    let [(leaf, _), (authority, authority_pem)] = chain("keys/rsa2048.pk8");
    let by_authority = folder.join("authority.pem");
    std::fs::write(&by_authority, authority_pem).expect("write");
    for (name, image) in images() {
        let bytes = authenticode::to_be_signed(&image, LIMITS).expect("an image");
        let chain = [leaf.clone(), authority.clone()];
        let signed =
            authenticode::finish(&key, &image, &holder.sign(&bytes), &chain, LIMITS).expect("signed");
        let path = folder.join(&name);
        std::fs::write(&path, &signed).expect("write");
        let judged =
            Command::new("osslsigncode").arg("verify").arg("-CAfile").arg(&by_authority).arg(&path).output();
        let text = String::from_utf8_lossy(&judged.expect("runs").stdout).into_owned();
        assert!(text.contains("Signature verification: ok"), "{name}: {text}");
        assert!(text.contains("PE checksum") && !text.contains("invalid PE checksum"), "{name}: {text}");
        // The checksum is not signed: that it is looked at shows when it is wrong.
        let mut lie = signed;
        lie[0xd8] ^= 1;
        std::fs::write(&path, &lie).expect("write");
        let judged =
            Command::new("osslsigncode").arg("verify").arg("-CAfile").arg(&by_authority).arg(&path).output();
        let text = String::from_utf8_lossy(&judged.expect("runs").stdout).into_owned();
        assert!(
            text.contains("invalid PE checksum") || !text.contains("Signature verification: ok"),
            "{name}: {text}"
        );
    }
}

#[test]
fn openssl_verifies_bare_signatures() {
    if !has("openssl", "version") {
        return;
    }
    let folder = folder("raw");
    let (message, public, signature) =
        (folder.join("file"), folder.join("key.pem"), folder.join("signature"));
    let file = vec![0x5a; 100_000];
    for holder in Holder::ALL {
        let key = holder.key(Purpose::Raw);
        let plain = holder.sign(&file);
        assert_eq!(raw::verify(&key, &file, &plain), Ok(()));
        std::fs::write(&public, holder.pem()).expect("write");
        std::fs::write(&signature, raw::der(key.scheme(), &plain).expect("a signature")).expect("write");
        let verify = |file: &[u8]| {
            std::fs::write(&message, file).expect("write");
            let mut command = Command::new("openssl");
            if holder == Holder::EdDsa {
                command.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"]).arg(&public);
                run(command.arg("-sigfile").arg(&signature).arg("-in").arg(&message))
            } else {
                let hash = if holder == Holder::Es384 { "-sha384" } else { "-sha256" };
                command.args(["dgst", hash, "-verify"]).arg(&public);
                if holder == Holder::Ps256 {
                    command.args(["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]);
                }
                run(command.arg("-signature").arg(&signature).arg(&message))
            }
        };
        verify(&file).unwrap_or_else(|why| panic!("{holder:?}: {why}"));
        let mut lie = file.clone();
        lie[77_777] ^= 1;
        verify(&lie).expect_err("a changed file");
    }
}

#[test]
fn imgtool_takes_a_digest_out_and_a_signature_in() {
    let Some(programs) = python() else { return };
    let folder = folder("mcuboot");
    let imgtool =
        |arguments: &[&str]| run(Command::new(programs.join("imgtool")).current_dir(&folder).args(arguments));
    std::fs::write(folder.join("app.bin"), vec![0xa5; 5_000]).expect("write");
    // RSA is PSS there; Ed25519 signs the digest of what the others sign.
    for (holder, exports) in [
        (Holder::Es256, "payload"),
        (Holder::Es384, "payload"),
        (Holder::Ps256, "payload"),
        (Holder::EdDsa, "digest"),
    ] {
        let key = holder.key(Purpose::Raw);
        std::fs::write(folder.join("key.pem"), holder.pem()).expect("write");
        let sign = |more: &[&str], out: &str| {
            let header = ["sign", "--version", "1.2.3", "--header-size", "0x200", "--pad-header"];
            let sizes = ["--slot-size", "0x20000", "--align", "8"];
            imgtool(&[&header[..], &sizes, more, &["app.bin", out]].concat())
        };
        let export = ["--fix-sig-pubkey", "key.pem", "--vector-to-sign", exports];
        // What is to be signed does not depend on the signature, which imgtool wants to be given all the same.
        std::fs::write(folder.join("signature"), STANDARD.encode([0; 64])).expect("write");
        sign(&[&export[..], &["--fix-sig", "signature"]].concat(), "exported")
            .unwrap_or_else(|why| panic!("{holder:?}: {why}"));
        let bytes = std::fs::read(folder.join("exported")).expect("exported");
        let plain = holder.sign(&bytes);
        assert_eq!(raw::verify(&key, &bytes, &plain), Ok(()));
        let der = raw::der(key.scheme(), &plain).expect("a signature");
        std::fs::write(folder.join("signature"), STANDARD.encode(der)).expect("write");
        sign(&["--fix-sig-pubkey", "key.pem", "--fix-sig", "signature"], "signed.bin").expect("signed");
        let verify = || imgtool(&["verify", "--key", "key.pem", "signed.bin"]);
        verify().unwrap_or_else(|why| panic!("{holder:?}: {why}"));
        let mut lie = std::fs::read(folder.join("signed.bin")).expect("signed");
        let last = lie.len() - 5;
        for place in [0x300, last] {
            lie[place] ^= 1;
            std::fs::write(folder.join("signed.bin"), &lie).expect("write");
            verify().expect_err("a changed image");
            lie[place] ^= 1;
        }
    }
}

#[test]
fn cwt_verifies_what_is_signed_as_cose() {
    let Some(programs) = python() else { return };
    let folder = folder("cose");
    let file = vec![0x5a; 100_000];
    let mut expected = BTreeMap::new();
    for holder in Holder::ALL.into_iter().filter(|holder| *holder != Holder::Rs256) {
        let key = holder.key(Purpose::Cose);
        let digest = ObjectId::of(&file);
        let forms = [
            (
                "detached",
                cose::detached(&key, Some("application/octet-stream"), &file),
                Some(&file[..]),
                &[][..],
            ),
            (
                "envelope",
                cose::envelope(&key, None, Some("https://x.example/f"), &digest),
                None,
                &digest.as_bytes()[..],
            ),
        ];
        for (form, bytes, payload, inside) in forms {
            let bytes = bytes.expect("bytes");
            let message = cose::finish(&key, &bytes, &holder.sign(&bytes), LIMITS).expect("signed");
            assert_eq!(cose::verify(&key, &message, &file, LIMITS), Ok(()));
            let mut flipped = message.clone();
            *flipped.last_mut().expect("bytes") ^= 1;
            let mut other = payload.map(<[u8]>::to_vec);
            if let Some(other) = &mut other {
                other[5] ^= 1;
            }
            let mut cases = vec![("good", &message, payload, true), ("flipped", &flipped, payload, false)];
            if other.is_some() {
                cases.push(("other", &message, other.as_deref(), false));
            }
            for (what, message, payload, is_good) in cases {
                let name = format!("{}-{form}-{what}", holder.name());
                let case = json!({ "message": STANDARD.encode(message), "key": holder.pem(), "alg": holder.name(),
                    "payload": payload.map(|bytes| STANDARD.encode(bytes)), "expected": STANDARD.encode(inside) });
                std::fs::write(folder.join(format!("{name}.case")), case.to_string()).expect("write");
                expected.insert(name, is_good);
            }
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop/python/forms.py");
    let judged = run(Command::new(programs.join("python")).arg(script).arg(&folder));
    for line in judged.unwrap_or_else(|why| panic!("{why}")).lines() {
        let (name, verdict) = line.split_once(' ').expect("a name and a verdict");
        assert_eq!(Some(verdict == "good"), expected.remove(name), "{line}");
    }
    assert!(expected.is_empty(), "not judged: {expected:?}");
}
