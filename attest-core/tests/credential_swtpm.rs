//! A real (software) TPM opens the credentials made here, for every kind of endorsement key, and refuses them for another key.
//!
//! Needs `swtpm` and `tpm2-tools` on the path; without them the test says so and passes.
#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test runs programs, and a panic in it is a failed test"
)]

mod common;

use attest_core::Limits;
use attest_core::authenticate::credential::make_credential;
use attest_core::authenticate::key::AttestationKey;
use attest_core::evidence::tpm::Public;
use common::swtpm::Swtpm;
use ring::rand::SystemRandom;

const SECRET: &[u8] = b"32 bytes that only one TPM opens";

/// The file that `tpm2_activatecredential` reads: its own header, then both structures.
fn file_of(ek: &[u8], ak_name: &[u8]) -> Vec<u8> {
    let ek = Public::parse(ek, &Limits::DEFAULT).expect("EK");
    let made = make_credential(&ek, ak_name, SECRET, &SystemRandom::new()).expect("credential");
    let header = [0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1];
    [&header[..], &made.credential_blob, &made.encrypted_secret].concat()
}

/// Hands the credential to the TPM, which releases the secret or refuses. The EK templates of the low range want a policy
/// session, those of the high range (P-384) take the empty password.
fn activate(tpm: &Swtpm, ek: &str, ak: &str, credential: &[u8]) -> Result<Vec<u8>, String> {
    std::fs::write(tpm.folder.join("cred"), credential).expect("cred");
    let _ = std::fs::remove_file(tpm.folder.join("opened"));
    tpm.run("tpm2_flushcontext", &["-t"])?;
    let mut args = vec!["-c", ak, "-C", ek, "-i", "cred", "-o", "opened"];
    let session = !ek.starts_with("ecc384");
    if session {
        tpm.run("tpm2_startauthsession", &["--policy-session", "-S", "session"])?;
        tpm.run("tpm2_policysecret", &["-S", "session", "-c", "e"])?;
        args.extend(["-P", "session:session"]);
    }
    let opened = tpm.run("tpm2_activatecredential", &args);
    if session {
        tpm.run("tpm2_flushcontext", &["session"])?;
    }
    opened.map(|()| tpm.read("opened"))
}

#[test]
fn a20_a_tpm_opens_what_is_for_its_own_keys_and_nothing_else() {
    let Some(tpm) = Swtpm::start("credential") else { return };
    let run = |program: &str, args: &[&str]| tpm.run(program, args).unwrap();
    // RSA-2048 and ECC P-256 by the default templates, P-384 with SHA-384 and AES-256.
    for kind in ["rsa", "ecc", "ecc384"] {
        let [ek, ek_pub, ak, ak_pub, ak_name] =
            ["ek", "ek.pub", "ak", "ak.pub", "ak.name"].map(|file| format!("{kind}-{file}"));
        run("tpm2_createek", &["-G", kind, "-c", &ek, "-u", &ek_pub]);
        run("tpm2_flushcontext", &["-t"]);
        run(
            "tpm2_createak",
            &[
                "-C", &ek, "-c", &ak, "-G", "ecc", "-g", "sha256", "-s", "ecdsa", "-u", &ak_pub, "-n",
                &ak_name,
            ],
        );
        run("tpm2_flushcontext", &["-t"]);
    }
    for kind in ["rsa", "ecc", "ecc384"] {
        let [ek, ak] = ["ek", "ak"].map(|file| format!("{kind}-{file}"));
        let ek_pub = tpm.read(&format!("{kind}-ek.pub"));
        let key =
            AttestationKey::vouched(&tpm.read(&format!("{kind}-ak.pub")), &Limits::DEFAULT).expect("AK");
        let name = key.name().expect("name");
        assert_eq!(name, tpm.read(&format!("{kind}-ak.name")), "the TPM computes the same name");

        let credential = file_of(&ek_pub, name);
        assert_eq!(activate(&tpm, &ek, &ak, &credential).as_deref(), Ok(SECRET), "{kind}");

        // For another object's name, and for another endorsement key, the TPM refuses.
        let other = if kind == "rsa" { "ecc" } else { "rsa" };
        assert!(activate(&tpm, &ek, &format!("{other}-ak"), &credential).is_err(), "{kind}: another AK");
        assert!(activate(&tpm, &format!("{other}-ek"), &ak, &credential).is_err(), "{kind}: another EK");
        let mut damaged = credential.clone();
        damaged[20] ^= 1;
        assert!(activate(&tpm, &ek, &ak, &damaged).is_err(), "{kind}: a damaged credential");
        eprintln!("{kind}: {} bytes of credential opened by a TPM", credential.len());
    }
}
