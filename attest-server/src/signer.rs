//! The key that signs results: ES256, in a file of its own.

use std::{
    io,
    path::{Path, PathBuf},
};

use attest_core::result::{Sign, SignError, VerifyingKey};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use zeroize::Zeroizing;

use crate::secret_file;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or made, or others can read it.
    #[error("signing key {0}")]
    File(#[from] secret_file::Error),
    /// The file holds no P-256 key in PKCS #8.
    #[error("signing key {0}: not a P-256 key in PKCS #8 (DER)")]
    NotAKey(PathBuf),
}

/// The key in memory.
pub struct FileSigner {
    key: EcdsaKeyPair,
    public: VerifyingKey,
    random: SystemRandom,
}

impl FileSigner {
    /// Reads the key, or makes one if there is no such file.
    ///
    /// # Errors
    /// See [`Error`]. A file that others can read is refused: the key in it may be known.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let pkcs8 = secret_file::read_or_make(path, generate)?;
        Self::from_pkcs8(&pkcs8).ok_or_else(|| Error::NotAKey(path.to_owned()))
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).ok()?;
        let public = VerifyingKey::from_point(key.public_key().as_ref()).ok()?;
        Some(Self { key, public, random })
    }
}

impl Sign for FileSigner {
    fn public_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign_es256(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let unusable = |detail: &str| SignError::KeyUnavailable { detail: detail.to_owned() };
        let signature = self.key.sign(&self.random, message).map_err(|_| unusable("no random bytes"))?;
        signature.as_ref().try_into().map_err(|_| unusable("a signature of unexpected length"))
    }
}

fn generate() -> io::Result<Zeroizing<Vec<u8>>> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| io::Error::other("a signing key could not be made"))?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    };

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.p8");
        let made = FileSigner::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read = FileSigner::open(&path).unwrap();
        assert_eq!(made.public.point(), read.public.point());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.p8");
        FileSigner::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(FileSigner::open(&path), Err(Error::File(secret_file::Error::TooOpen(_, 0o640)))));
    }

    #[test]
    fn something_else_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.p8");
        fs::write(&path, "precious").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(FileSigner::open(&path), Err(Error::NotAKey(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
