//! What a request has signed, in the forms that devices check: for each purpose of a key the exact bytes that its algorithm hashes and
//! signs, the finished thing made of them and a signature, and its verification.
//!
//! No form has a time of signing in it, so that signing again signs the same. [`subject`] reads bytes to be signed back: which artifact or
//! which measurements they are about. Whoever holds the key asks it, and signs nothing that is not of its key's purpose, or about
//! something else than the request releases.

pub mod authenticode;
pub mod corim;
pub mod cose;
mod error;
mod key;
pub mod raw;
#[cfg(test)]
mod tests;

pub use self::error::Error;
pub use self::key::{ReleaseKey, Scheme};
use super::object::ObjectId;
use super::policy::{Custody, Purpose};
use super::request::{Request, ToSign};
use crate::{HashAlg, Limits};

/// What bytes to be signed are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The artifact of this SHA-256 and, where the bytes tell, of this size in bytes.
    Artifact {
        /// SHA-256 of its bytes.
        sha256: ObjectId,
        /// How many there are.
        size: Option<u64>,
    },
    /// The unsigned CoRIM of this SHA-256.
    Measurements(ObjectId),
}

/// What the bytes are about that a key is to sign, and that they have the form of its purpose. Of those of an image only the image itself
/// can tell: they hold the hash of its hash.
///
/// # Errors
/// [`Error`]: they have another form, or the key signs no artifact at all.
pub fn subject(
    key: &ReleaseKey,
    to_be_signed: &[u8],
    image: Option<&[u8]>,
    limits: &Limits,
) -> Result<Subject, Error> {
    match key.purpose() {
        Purpose::Authenticode => authenticode::subject(to_be_signed, image, limits),
        Purpose::Corim => corim::subject(key, to_be_signed, limits).map(Subject::Measurements),
        Purpose::Cose => cose::subject(key, to_be_signed, limits),
        Purpose::Raw => raw::subject(key, to_be_signed),
        // A69: a root signs keys, offline, and never an artifact.
        Purpose::Root => Err(Error::RootKey),
    }
}

/// Checks that the request lists exactly these bytes for this key and purpose, and releases what they are about. `image` is wanted for
/// Authenticode, and looked at for nothing else.
///
/// # Errors
/// [`Error`].
pub fn check(
    request: &Request,
    listed: &ToSign,
    key: &ReleaseKey,
    to_be_signed: &[u8],
    image: Option<&[u8]>,
    limits: &Limits,
) -> Result<(), Error> {
    check_listed(request, listed, key, to_be_signed)?;
    check_subject(request, key.purpose(), subject(key, to_be_signed, image, limits)?)
}

fn check_listed(request: &Request, listed: &ToSign, key: &ReleaseKey, bytes: &[u8]) -> Result<(), Error> {
    if !request.sign.contains(listed) {
        return Err(Error::NotListed);
    }
    if listed.purpose != key.purpose() {
        return Err(Error::PurposeUnexpected { key: key.purpose(), listed: listed.purpose });
    }
    if !is_len(bytes, listed.size) || ObjectId::of(bytes) != listed.sha256 {
        return Err(Error::OtherBytes);
    }
    Ok(())
}

fn check_subject(request: &Request, purpose: Purpose, subject: Subject) -> Result<(), Error> {
    let is_released = match subject {
        Subject::Measurements(id) => request.measurements == Some(id),
        Subject::Artifact { sha256, size } => request
            .artifacts
            .iter()
            .any(|artifact| artifact.sha256 == sha256 && size.is_none_or(|size| size == artifact.size)),
    };
    if is_released { Ok(()) } else { Err(Error::SubjectNotReleased { purpose }) }
}

fn is_len(bytes: &[u8], len: u64) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|got| got == len)
}

/// The artifact with these bytes.
fn artifact(bytes: &[u8]) -> Subject {
    Subject::Artifact { sha256: ObjectId::of(bytes), size: u64::try_from(bytes.len()).ok() }
}

impl ToSign {
    /// What a request lists for these bytes.
    #[must_use]
    pub fn new(key: super::Name, purpose: Purpose, custody: Custody, to_be_signed: &[u8]) -> Self {
        let size = u64::try_from(to_be_signed.len()).unwrap_or(u64::MAX);
        Self { key, purpose, custody, sha256: ObjectId::of(to_be_signed), size }
    }
}

/// SHA-256.
fn sha256(bytes: &[u8]) -> Vec<u8> {
    HashAlg::Sha256.hash(&[bytes]).as_bytes().to_vec()
}
