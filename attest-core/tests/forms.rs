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

#[path = "common/holder.rs"]
mod holder;
#[path = "common/pe.rs"]
mod pe;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use attest_core::Limits;
use attest_core::release::ObjectId;
use attest_core::release::form::{authenticode, cose, raw};
use attest_core::release::policy::Purpose;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use self::holder::{Holder, chain};

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
    // A folder that was copied has programs that begin with another folder's Python.
    let works = |python: &Path| {
        run(Command::new(python).args(["-c", "import imgtool.image, cwt"]))
            .and_then(|_| run(Command::new(programs.join("imgtool")).arg("version")))
    };
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
