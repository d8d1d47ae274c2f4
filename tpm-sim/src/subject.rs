//! The subject key: the key that the verdict is meant for. It is the device's own, an ordinary P-256 key, and is bound into every nonce.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use thiserror::Error;

/// SubjectPublicKeyInfo of a P-256 key up to the point: id-ecPublicKey, prime256v1, BIT STRING of 65 bytes (RFC 5480).
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, //
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why there is no subject key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No key could be made.
    #[error("no P-256 key could be generated")]
    Generate,
    /// The file holds no key that can be used.
    #[error("{path} holds neither a P-256 private key (PKCS#8, PEM) nor a public key (PEM)")]
    Unusable {
        /// Which.
        path: PathBuf,
    },
}

/// A fresh private key as PKCS#8 DER.
///
/// # Errors
/// The system has no randomness.
pub fn generate() -> Result<Vec<u8>, Error> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
        .map(|document| document.as_ref().to_vec())
        .map_err(|_| Error::Generate)
}

/// SubjectPublicKeyInfo, DER, of a P-256 private key in PKCS#8 DER; `None` if it is not one.
#[must_use]
pub fn public_key(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &SystemRandom::new()).ok()?;
    Some([P256_SPKI_PREFIX.as_slice(), pair.public_key().as_ref()].concat())
}

/// The public key of a PEM file, which may hold the private or only the public key.
///
/// # Errors
/// The file cannot be read or holds no such key.
pub fn load(path: &Path) -> Result<Vec<u8>, Error> {
    let pem = fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    if let Ok(key) = SubjectPublicKeyInfoDer::from_pem_slice(&pem) {
        return Ok(key.to_vec());
    }
    PrivatePkcs8KeyDer::from_pem_slice(&pem)
        .ok()
        .and_then(|key| public_key(key.secret_pkcs8_der()))
        .ok_or_else(|| Error::Unusable { path: path.to_owned() })
}

/// The private key of a PEM file, PKCS #8 DER.
///
/// # Errors
/// The file cannot be read or holds none.
pub fn private_key(path: &Path) -> Result<Vec<u8>, Error> {
    let pem = fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let key = PrivatePkcs8KeyDer::from_pem_slice(&pem).map(|key| key.secret_pkcs8_der().to_vec());
    key.map_err(|_| Error::Unusable { path: path.to_owned() })
}

/// The public key of the file, which is made with a fresh private key (mode 0600) if it does not exist.
///
/// # Errors
/// The file cannot be read or written, or holds no such key.
pub fn load_or_generate(path: &Path) -> Result<Vec<u8>, Error> {
    if path.exists() {
        return load(path);
    }
    let pkcs8 = generate()?;
    let file_error = |source| Error::File { path: path.to_owned(), source };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(file_error)?;
    file.write_all(pem("PRIVATE KEY", &pkcs8).as_bytes()).map_err(file_error)?;
    public_key(&pkcs8).ok_or(Error::Generate)
}

/// The first certificate of a PEM text, DER.
#[must_use]
pub fn der(pem: &str) -> Option<Vec<u8>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|der| der.to_vec())
}

/// PEM armour (RFC 7468).
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = base64(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_generated_key_is_private_and_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subject.pem");
        let first = load_or_generate(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_generate(&path).unwrap(), first);
        assert_eq!(first.len(), 91);

        let public = folder.path().join("public.pem");
        fs::write(&public, pem("PUBLIC KEY", &first)).unwrap();
        assert_eq!(load(&public).unwrap(), first);
        fs::write(&public, "not a key").unwrap();
        assert!(matches!(load(&public), Err(Error::Unusable { .. })));
    }
}
