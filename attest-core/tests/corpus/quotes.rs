//! Quotes: signature, nonce and PCR digest come out as each set's expectation says.

use std::path::Path;

use attest_core::authenticate::challenge::{self, Challenge, Nonce};
use attest_core::authenticate::key::{self, AttestationKey};
use attest_core::authenticate::pcrs::{self, PcrValues, QuotedPcrs};
use attest_core::authenticate::quote;
use attest_core::evidence::tpm::{self, Attest, Signature, SignatureScheme};
use attest_core::{Digest, HashAlg, Limits, Timestamp};
use serde_json::Value;

use crate::common::folders;
use crate::score::{Exception, Score, corpus, expectations, say};

/// Sets whose judgement here is not the one expected there: the code that must come out, and why.
const EXCEPTIONS: &[Exception] = &[
    ("gce-cos-85-no-nonce-sha1", "nonce_missing", "there is no nonce"),
    ("gce-cos-85-no-nonce-sha256", "nonce_missing", "there is no nonce"),
    ("gce-cos-85-no-nonce-sha384", "nonce_missing", "there is no nonce"),
    ("gce-cos-85-nonce9009-sha1", "weak_bank", "over the SHA-1 bank alone"),
    ("windows_gcp_shielded_vm", "signature_sha1", "signed with SHA-1, and there is no nonce"),
    ("quote", "file_missing", "the set is incomplete here"),
    (
        "dl160-fwupd-report.evidence",
        KEY_MISSING,
        "its log, which is judged elsewhere, does not explain PCR 0",
    ),
    ("hahuri-no-eventlog.evidence", KEY_MISSING, "without a log only signature, nonce and digest are judged"),
];

/// Sets without the attestation key: only structure and PCR digest can be judged.
const KEY_MISSING: &str = "key_missing";

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Nonce(#[from] challenge::Error),
    #[error("{0}")]
    Key(#[from] key::Error),
    #[error("{0}")]
    Pcrs(#[from] pcrs::Error),
    #[error("{0}")]
    Quote(#[from] quote::Error),
    #[error("{0}")]
    Tpm(#[from] tpm::Error),
    #[error("{0}")]
    Other(&'static str),
}

impl Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::Nonce(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Pcrs(error) => error.code(),
            Self::Quote(error) => error.code(),
            Self::Tpm(error) => error.code(),
            Self::Other(code) => code,
        }
    }
}

fn values(expectation: &Value) -> PcrValues {
    let mut values = PcrValues::new();
    for (bank, pcrs) in expectation["pcrs"].as_object().expect("pcrs") {
        let alg = HashAlg::from_name(bank).expect("bank");
        for (pcr, value) in pcrs.as_object().expect("bank") {
            let value = Digest::from_hex(alg, value.as_str().expect("hex")).expect("digest");
            values.insert(pcr.parse().expect("index"), value);
        }
    }
    values
}

fn digest_matches(attest: &Attest<'_>, hash: HashAlg, values: &PcrValues) -> bool {
    let parts: Vec<Digest> =
        attest.selection().iter().map(|(alg, pcr)| values.get(alg, pcr).expect("value")).collect();
    let parts: Vec<&[u8]> = parts.iter().map(Digest::as_bytes).collect();
    hash.hash(&parts).as_bytes() == attest.pcr_digest()
}

fn judge(set: &Path, expectation: &Value) -> Result<(), Refused> {
    let read = |name: &str| std::fs::read(set.join(name)).ok();
    let limits = Limits::DEFAULT;
    let (Some(attest), Some(signature)) = (read("quote.bin"), read("sig.bin")) else {
        return Err(Refused::Other("file_missing"));
    };
    let attest = Attest::parse(&attest, &limits)?;
    // Azure sends the RSA value alone; everyone else a TPMT_SIGNATURE.
    let signature = if signature.len() == 256 {
        let scheme = SignatureScheme::from_name("rsassa-sha256").expect("scheme");
        Signature::bare(scheme, &signature, &limits)?
    } else {
        Signature::parse(&signature, &limits)?
    };
    let values = values(expectation);
    let Some(key) = read("ak.pub.tpmt.bin").or_else(|| read("ak.pub.pem")) else {
        let matches = digest_matches(&attest, signature.scheme().hash, &values);
        return Err(Refused::Other(if matches { KEY_MISSING } else { "pcr_digest_mismatch" }));
    };
    let key = AttestationKey::vouched(&key, &limits)?;
    let challenge = Challenge::offline(Nonce::given(&read("nonce.bin").unwrap_or_default())?);
    let quote = quote::authenticate(attest, &signature, &key, challenge, Timestamp::from_unix(0))?;
    let pcrs = QuotedPcrs::from_values(&quote, &values)?;
    let weak = pcrs.banks().iter().all(|bank| bank.strength() < HashAlg::Sha256.strength());
    // SHA-1 alone decides nothing; saying so is the appraisal's part.
    if weak { Err(Refused::Other("weak_bank")) } else { Ok(()) }
}

#[test]
fn every_set_is_judged_as_expected() {
    let Some(root) = corpus() else { return };
    let mut score = Score::new("quotes");
    let (mut whole, mut without_key) = (0, 0);
    for expected in expectations(&root, "quote__") {
        let file = expected["file"].as_str().expect("file");
        let got = judge(&root.join(file), &expected).map_err(|error| error.code());
        match got {
            Ok(()) => {
                whole += 1;
                score.check(file, "accepted", expected["expect"] == "accept");
            }
            // Signature and nonce are judged nowhere; the digest matches. The log decides about the rest of what is expected.
            Err(KEY_MISSING) => {
                without_key += 1;
                score.check(file, KEY_MISSING, expected["expect"] == "accept");
            }
            Err(code) => score.check(file, code, expected["expect"] == "reject"),
        }
    }
    say(&format!("quotes: {whole} sets judged whole, of {without_key} without a key the digest"));
    score.finish(EXCEPTIONS, 21);
    assert!(whole >= 7, "only {whole} sets were judged whole");
}

/// The damage that the sets' own sources say must be noticed, and more.
#[test]
fn every_set_that_is_accepted_is_refused_when_damaged() {
    let Some(root) = corpus() else { return };
    let limits = Limits::DEFAULT;
    let mut damaged = 0;
    for source in folders(&root.join("extracted")) {
        for set in folders(&source) {
            let read = |name: &str| std::fs::read(set.join(name)).ok();
            let key = read("ak.pub.tpmt.bin").or_else(|| read("ak.pub.pem"));
            let (Some(attest), Some(signature), Some(key), Some(nonce)) =
                (read("quote.bin"), read("sig.bin"), key, read("nonce.bin"))
            else {
                continue;
            };
            let Ok(key) = AttestationKey::vouched(&key, &limits) else { continue };
            let accepted = |attest: &[u8], signature: &[u8], nonce: &[u8]| {
                let Ok(attest) = Attest::parse(attest, &limits) else { return false };
                let scheme = SignatureScheme::from_name("rsassa-sha256").expect("scheme");
                let parsed = if signature.len() == 256 {
                    Signature::bare(scheme, signature, &limits)
                } else {
                    Signature::parse(signature, &limits)
                };
                let (Ok(signature), Ok(nonce)) = (parsed, Nonce::given(nonce)) else { return false };
                quote::authenticate(
                    attest,
                    &signature,
                    &key,
                    Challenge::offline(nonce),
                    Timestamp::from_unix(0),
                )
                .is_ok()
            };
            if !accepted(&attest, &signature, &nonce) {
                continue;
            }
            let flipped = |bytes: &[u8], at: usize| {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= 1;
                bytes
            };
            for at in 0..attest.len() {
                assert!(!accepted(&flipped(&attest, at), &signature, &nonce), "{} quote {at}", set.display());
                assert!(!accepted(&attest[..at], &signature, &nonce), "{} quote cut at {at}", set.display());
            }
            for at in 0..signature.len() {
                assert!(
                    !accepted(&attest, &flipped(&signature, at), &nonce),
                    "{} signature {at}",
                    set.display()
                );
            }
            for at in 0..nonce.len() {
                assert!(!accepted(&attest, &signature, &flipped(&nonce, at)), "{} nonce {at}", set.display());
                assert!(!accepted(&attest, &signature, &nonce[..at]), "{} nonce cut at {at}", set.display());
            }
            damaged += 1;
        }
    }
    say(&format!("quotes: {damaged} sets refused whatever byte of quote, signature or nonce is changed"));
    assert!(damaged >= 7, "only {damaged} sets were damaged");
}
