//! The key that signs results: ES256, in a file of its own.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use attest_core::result::{Sign, SignError, VerifyingKey};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use zeroize::Zeroizing;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or written.
    #[error("signing key {0}: {1}")]
    File(PathBuf, io::Error),
    /// The file holds no P-256 key in PKCS #8.
    #[error("signing key {0}: not a P-256 key in PKCS #8 (DER)")]
    NotAKey(PathBuf),
    /// No key could be made.
    #[error("a signing key could not be made")]
    NotMade,
    /// Others can read the file.
    #[error("signing key {0}: its mode is {1:o}; only its owner may have access (chmod 600)")]
    TooOpen(PathBuf, u32),
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
        match read(path) {
            Ok(pkcs8) => Self::from_pkcs8(&pkcs8).ok_or_else(|| Error::NotAKey(path.to_owned())),
            Err(Error::File(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                let pkcs8 = generate()?;
                create(path, &pkcs8).map_err(|error| Error::File(path.to_owned(), error))?;
                Self::from_pkcs8(&pkcs8).ok_or(Error::NotMade)
            }
            Err(error) => Err(error),
        }
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

fn generate() -> Result<Zeroizing<Vec<u8>>, Error> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| Error::NotMade)?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |error| Error::File(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::TooOpen(path.to_owned(), mode));
    }
    // Room for any PKCS #8 of this kind, so that the buffer does not grow and leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4_096));
    io::Read::read_to_end(&mut io::Read::take(file, 4_000), &mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The key is on the disk, whole, before anything is signed with it: a name is given to a file that is complete.
fn create(path: &Path, pkcs8: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = path.with_extension("new");
    // A draft that a crash left behind was never used.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(pkcs8)?;
    file.sync_all()?;
    // Unlike a rename, a link does not replace a key that another process made meanwhile.
    fs::hard_link(&draft, path)?;
    fs::remove_file(&draft)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
        assert!(matches!(FileSigner::open(&path), Err(Error::TooOpen(_, 0o640))));
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
