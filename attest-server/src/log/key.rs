//! The key of a log or a witness, in the form of Go's `golang.org/x/mod/sumdb/note`: `PRIVATE+KEY+name+id+key`, in a file of its own.

use std::path::{Path, PathBuf};

use attest_core::audit::note::{KeyType, SignEd25519, VerifierKey};
use attest_core::result::SignError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::{dice, secret_file};

const PREFIX: &str = "PRIVATE+KEY+";
/// The type byte before the seed: Ed25519.
const ED25519: u8 = 1;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or made, or others can read it.
    #[error(transparent)]
    File(#[from] secret_file::Error),
    /// What the file holds is no such key.
    #[error("{0}: not a key of the form PRIVATE+KEY+name+id+key with an Ed25519 key")]
    NotAKey(PathBuf),
    /// No key can have this name, or there is no randomness.
    #[error("a key cannot be made: {0}")]
    NotMade(String),
}

/// An Ed25519 key with its name. The file's text is wiped from memory once it is read.
pub struct NoteKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl NoteKey {
    /// Reads a key. A file that others can read is refused: the key in it may be known.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = secret_file::read(path)?;
        Self::parse(&text).ok_or_else(|| Error::NotAKey(path.to_owned()))
    }

    /// Makes a key of this name in a new file. One that is there already stays, and is an error.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn make(path: &Path, name: &str) -> Result<Self, Error> {
        let not_made = |error: &dyn ToString| Error::NotMade(error.to_string());
        let seed = Zeroizing::new(dice::bytes::<32>().map_err(|error| not_made(&error))?);
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|error| not_made(&error))?;
        let key = Self { name: name.to_owned(), pair };
        let id = VerifierKey::new(name, KeyType::Ed25519, key.public_key())
            .map_err(|error| not_made(&error))?
            .id();
        let secret = Zeroizing::new([&[ED25519][..], &*seed].concat());
        let text = Zeroizing::new(format!("{PREFIX}{name}+{id:08x}+{}\n", STANDARD.encode(&*secret)));
        secret_file::make(path, text.as_bytes())?;
        Ok(key)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?;
        let (name, rest) = text.trim_end_matches('\n').strip_prefix(PREFIX)?.split_once('+')?;
        let (id, encoded) = rest.split_once('+')?;
        let secret = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let (kind, seed) = secret.split_first()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok().filter(|_| *kind == ED25519)?;
        let key = Self { name: name.to_owned(), pair };
        let expected = VerifierKey::new(name, KeyType::Ed25519, key.public_key()).ok()?.id();
        (id == format!("{expected:08x}")).then_some(key)
    }

    /// Its name: of a log its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that others verify with: a log's, or a witness's.
    ///
    /// # Errors
    /// [`Error::NotMade`]: none that was read or made is without one.
    pub fn verifier(&self, key_type: KeyType) -> Result<VerifierKey, Error> {
        VerifierKey::new(&self.name, key_type, self.public_key())
            .map_err(|error| Error::NotMade(error.to_string()))
    }
}

impl SignEd25519 for NoteKey {
    fn public_key(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }

    fn sign_ed25519(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    /// Of the documentation of Go's package.
    const GO: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    #[test]
    fn a_key_of_go_is_read() {
        let key = NoteKey::open(file(GO).path()).unwrap();
        let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(key.verifier(KeyType::Ed25519).unwrap().to_string(), public);
        assert_eq!(key.name(), "PeterNeumann");
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        let made = NoteKey::make(&path, "log.example/releases").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read = NoteKey::open(&path).unwrap();
        assert_eq!(read.public_key(), made.public_key());
        assert_eq!(read.name(), "log.example/releases");
        assert!(matches!(NoteKey::make(&path, "log.example/releases"), Err(Error::File(_))));
        assert_eq!(NoteKey::open(&path).unwrap().public_key(), made.public_key());
        assert!(matches!(NoteKey::make(&folder.path().join("b"), "two words"), Err(Error::NotMade(_))));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let file = file(GO);
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        let open = NoteKey::open(file.path());
        assert!(matches!(open, Err(Error::File(secret_file::Error::TooOpen(_, 0o644)))));
    }

    #[test]
    fn something_else_is_no_key() {
        for text in [
            "",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
            &GO.replace("c74f20a3", "c74f20a4"),
            &GO.replace("c74f20a3", "C74F20A3"),
            &GO.replace("+AYEK", "+BIEK"),
            &GO.replace("Peter", "Paul"),
            &GO.replace("HKDFz", "HKDF"),
        ] {
            assert!(matches!(NoteKey::open(file(text).path()), Err(Error::NotAKey(_))), "{text}");
        }
    }
}
