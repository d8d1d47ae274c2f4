//! The keys that a device applies with, and the question that only its TPM can answer.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use attest_core::{
    Limits, Timestamp,
    authenticate::{
        AttestationKey,
        credential::{Credential, make_credential},
        ek::{self, verify_ek},
    },
    evidence::tpm::Public,
};
use ring::{digest, rand::SystemRandom};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

pub(crate) use attest_core::authenticate::ek::EkRoots;

use crate::{dice, file, service::Refusal, store::Identity};

/// Bytes of the secret. Every EK takes 32: SHA-256 is the weakest name algorithm in use.
const SECRET: usize = 32;

/// Bytes of a file with roots. All TPM makers together have less than 1 MB.
const ROOTS_BYTES: u64 = 4 << 20;

/// Why the roots cannot be used. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// A file or folder cannot be read.
    #[error("enrollment.ek_roots: {0}: {1}")]
    File(PathBuf, io::Error),
    /// A file holds something else.
    #[error("enrollment.ek_roots: {0}: {1}")]
    NotRoots(PathBuf, ek::Error),
}

/// Reads files, and every file in folders (not in folders below them).
pub(crate) fn read_roots(paths: &[PathBuf]) -> Result<EkRoots, RootsError> {
    let mut roots = EkRoots::new();
    for path in paths {
        let unreadable = |error| RootsError::File(path.clone(), error);
        if !path.is_dir() {
            add(&mut roots, path)?;
            continue;
        }
        let entries =
            fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
        let mut files: Vec<_> =
            entries.iter().map(fs::DirEntry::path).filter(|path| path.is_file()).collect();
        files.sort();
        files.iter().try_for_each(|file| add(&mut roots, file))?;
    }
    Ok(roots)
}

fn add(roots: &mut EkRoots, path: &Path) -> Result<(), RootsError> {
    let bytes = file::read(path, ROOTS_BYTES).map_err(|error| RootsError::File(path.to_owned(), error))?;
    roots.add(&bytes).map_err(|error| RootsError::NotRoots(path.to_owned(), error))?;
    Ok(())
}

/// What a device applies with. Nothing of it is believed.
pub(crate) struct Application {
    pub(crate) ek_certificate: Vec<u8>,
    pub(crate) intermediates: Vec<Vec<u8>>,
    pub(crate) ek_public: Vec<u8>,
    pub(crate) ak_public: Vec<u8>,
}

/// Keys that are what they should be, and what to ask them.
pub(crate) struct Question {
    pub(crate) identity: Identity,
    pub(crate) ek_certificate: Vec<u8>,
    pub(crate) ak_public: Vec<u8>,
    pub(crate) secret_sha256: Vec<u8>,
    pub(crate) credential: Credential,
}

impl Application {
    pub(crate) fn check(self, roots: &EkRoots, now: Timestamp) -> Result<Question, Refusal> {
        let limits = Limits::DEFAULT;
        let ak = AttestationKey::enrolled(&self.ak_public, "", &limits)
            .map_err(|error| refused(error.code(), format!("AK: {error}")))?;
        let ak_name = ak.name().unwrap_or_default().to_vec();
        let ek_public = Public::parse(&self.ek_public, &limits)
            .map_err(|error| refused(error.code(), format!("EK: {error}")))?;
        let intermediates: Vec<&[u8]> = self.intermediates.iter().map(Vec::as_slice).collect();
        let ek = verify_ek(roots, &self.ek_certificate, &intermediates, &ek_public, now, &limits)
            .map_err(|error| refused(error.code(), error))?;
        for (place, offset) in ek.not_der() {
            // A25: real makers have such certificates. Said, and not repaired.
            tracing::warn!(?place, offset, "a certificate in the EK's chain is not DER");
        }
        let secret = Zeroizing::new(dice::bytes::<SECRET>()?);
        // Refuses an AK without a name as well.
        let credential = make_credential(&ek_public, &ak_name, secret.as_slice(), &SystemRandom::new())
            .map_err(|error| refused(error.code(), error))?;
        Ok(Question {
            identity: Identity {
                ek_identity: ek.identity().as_bytes().to_vec(),
                ek_certificate_sha256: ek.certificate().as_bytes().to_vec(),
                ak_name,
            },
            ek_certificate: self.ek_certificate,
            ak_public: self.ak_public,
            secret_sha256: sha256(secret.as_slice()),
            credential,
        })
    }
}

/// Whether this is the secret, compared in constant time.
pub(crate) fn answers(secret: &[u8], secret_sha256: &[u8]) -> bool {
    bool::from(secret_sha256.ct_eq(&sha256(secret)))
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

fn refused(code: &'static str, detail: impl ToString) -> Refusal {
    Refusal::Malformed { code, detail: detail.to_string() }
}
