//! Quotes by a real (software) TPM in every scheme that is supported are authentic, by the key's public area and by its PEM.
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

use attest_core::authenticate::challenge::{Challenge, Nonce};
use attest_core::authenticate::key::AttestationKey;
use attest_core::authenticate::pcrs::{PcrValues, QuotedPcrs};
use attest_core::authenticate::quote;
use attest_core::evidence::tpm::{Attest, Public, Signature, SignatureScheme};
use attest_core::{Digest, HashAlg, Limits, Timestamp};
use common::swtpm::Swtpm;

const NONCE: [u8; 32] = [0x5a; 32];

/// Key, scheme's hash, scheme; and the algorithm's name in results.
const KINDS: [(&str, &str, &str, &str); 9] = [
    ("rsa", "sha256", "rsassa", "rsassa-sha256"),
    ("rsa", "sha384", "rsassa", "rsassa-sha384"),
    ("rsa", "sha512", "rsassa", "rsassa-sha512"),
    ("rsa", "sha256", "rsapss", "rsapss-sha256"),
    ("rsa", "sha384", "rsapss", "rsapss-sha384"),
    ("rsa3072", "sha256", "rsassa", "rsassa-sha256"),
    ("ecc", "sha256", "ecdsa", "ecdsa-p256-sha256"),
    ("ecc", "sha384", "ecdsa", "ecdsa-p256-sha384"),
    ("ecc384", "sha384", "ecdsa", "ecdsa-p384-sha384"),
];

fn values(bank: HashAlg) -> PcrValues {
    // A fresh TPM: PCR 0 to 15 are zero, 17 to 22 all ones.
    [(0, Digest::zero(bank)), (15, Digest::zero(bank)), (17, Digest::ones(bank))].into_iter().collect()
}

fn judge(tpm: &Swtpm, key: &AttestationKey, signature: &Signature<'_>) -> Result<String, String> {
    let attest = tpm.read("attest");
    let attest = Attest::parse(&attest, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    let challenge = Challenge::offline(Nonce::new(&NONCE).expect("nonce"));
    let quote = quote::authenticate(attest, signature, key, challenge, Timestamp::from_unix(0))
        .map_err(|error| error.to_string())?;
    let all: PcrValues = [HashAlg::Sha256, HashAlg::Sha384]
        .into_iter()
        .flat_map(|bank| values(bank).iter().map(|(_, pcr, value)| (pcr, value)).collect::<Vec<_>>())
        .collect();
    QuotedPcrs::from_values(&quote, &all).map_err(|error| error.to_string())?;
    Ok(quote.algorithm().to_owned())
}

#[test]
fn a_tpm_quotes_in_every_scheme() {
    let Some(tpm) = Swtpm::start("quotes") else { return };
    let run = |program: &str, args: &[&str]| tpm.run(program, args).unwrap();
    run("tpm2_createek", &["-G", "rsa", "-c", "ek", "-u", "ek.pub"]);
    let ek = tpm.read("ek.pub");
    let ek = Public::parse(&ek, &Limits::DEFAULT).expect("EK").qualified_name(&[0x40, 0, 0, 0x0b]);
    let nonce = hex::encode(NONCE);
    for (kind, hash, scheme, algorithm) in KINDS {
        let label = format!("{kind} {scheme}-{hash}");
        run("tpm2_flushcontext", &["-t"]);
        let made = tpm.run(
            "tpm2_createak",
            &["-C", "ek", "-c", "ak", "-G", kind, "-g", hash, "-s", scheme, "-u", "ak.pub", "-f", "tss"],
        );
        if let Err(error) = made {
            eprintln!("{label}: this TPM makes no such key: {}", error.lines().last().unwrap_or_default());
            continue;
        }
        run("tpm2_flushcontext", &["-t"]);
        run("tpm2_readpublic", &["-c", "ak", "-f", "pem", "-o", "ak.pem"]);
        let quote = |format: &str| {
            let asked = ["-c", "ak", "-l", "sha256:0,15,17+sha384:0,15", "-q", &nonce];
            let how = ["--scheme", scheme, "-g", hash, "-m", "attest", "-s", "sig", "-f", format];
            run("tpm2_quote", &[&asked[..], &how[..]].concat());
            tpm.read("sig")
        };
        let public = tpm.read("ak.pub");
        let qualified = Public::parse(&public, &Limits::DEFAULT).expect("AK").qualified_name(&ek);
        let key =
            AttestationKey::vouched(&public, &Limits::DEFAULT).expect("AK").with_qualified_name(qualified);
        let sig = quote("tss");
        let signature = Signature::parse(&sig, &Limits::DEFAULT).expect("signature");
        assert_eq!(judge(&tpm, &key, &signature).as_deref(), Ok(algorithm), "{label}");

        // The same by PEM, from the signature without its framing (which is DER for ECDSA).
        let sig = quote("plain");
        let named = SignatureScheme::from_name(&format!("{scheme}-{hash}")).expect("scheme");
        let signature = Signature::bare(named, &sig, &Limits::DEFAULT).expect("signature");
        let pem = AttestationKey::vouched(&tpm.read("ak.pem"), &Limits::DEFAULT).expect("PEM");
        assert_eq!(judge(&tpm, &pem, &signature).as_deref(), Ok(algorithm), "{label} by PEM");
        eprintln!("{label}: authentic");
    }
}
