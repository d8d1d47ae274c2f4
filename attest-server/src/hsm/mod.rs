//! Keys in an HSM, over PKCS #11 (OASIS PKCS #11 v2.40). Only the signer asks it.
//!
//! One thread owns the token's session ([`Worker`]), opens it again when the token was away, and is asked through a channel with a deadline. A key
//! signs only after [`faults`] found none in its attributes and its public half is the policy's; and a signature leaves only after it
//! was verified. What is not known to have failed before the token was asked to sign is never asked for again here: whoever counts the
//! token's calls against the log decides that.

mod attributes;
mod file;
mod make;
mod mechanism;
#[cfg(test)]
mod tests;
mod token;
mod uri;
mod worker;

use attest_core::release::form::ReleaseKey;

pub use self::attributes::{Attributes, faults};
pub use self::file::FileKeys;
pub use self::make::KeyKind;
pub use self::token::{Device, Failure, Pin, Token};
pub use self::uri::{KeyUri, UriError};
pub use self::worker::{Counter, Worker};
use crate::secret_file;

/// Who holds private keys: a token, or in development files.
pub trait Holder: Send {
    /// The key's signature over these bytes, as [`ReleaseKey::scheme`] says, verified.
    ///
    /// # Errors
    /// [`Error`].
    fn sign(&mut self, uri: &str, key: &ReleaseKey, to_be_signed: &[u8]) -> Result<Vec<u8>, Error>;

    /// Whether the key can sign, without signing anything.
    ///
    /// # Errors
    /// [`Error`].
    fn check(&mut self, uri: &str, key: &ReleaseKey) -> Result<(), Error>;

    /// How often the keys have been used, if whoever holds them counts that. A monitor holds it against the attempts in the log.
    fn used(&mut self) -> Option<u64>;

    /// Whether the keys can be copied by whoever runs this machine.
    fn is_development(&self) -> bool;
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The worker did not answer in time: whether the token signed is not known.
    #[error("the token did not answer within {seconds} s; whether it signed is not known")]
    Deadline {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The token was asked to sign and did not say that it has: whether it did is not known.
    #[error("the token was asked to sign and failed; whether it signed is not known: {0}")]
    InTheMiddle(String),
    /// The key is not kept as it must be.
    #[error("the key `{uri}` must not be used: {}", .faults.join("; "))]
    KeyAttributes {
        /// Which.
        uri: String,
        /// All that is wrong with it.
        faults: Vec<String>,
    },
    /// No such key, or more than one.
    #[error("{count} private keys are called `{uri}`, one is needed")]
    KeyNotOne {
        /// Where it should be.
        uri: String,
        /// How many there are.
        count: usize,
    },
    /// The key is not the policy's.
    #[error("the key `{uri}` is not the one in the policy: its public half is another")]
    KeyOther {
        /// Which.
        uri: String,
    },
    /// The module cannot be loaded or begun with.
    #[error("the PKCS #11 module {path}: {detail}")]
    Module {
        /// Its file.
        path: String,
        /// What it says.
        detail: String,
    },
    /// The token refuses the PIN. It is not tried again: some lock after few wrong ones.
    #[error("the token refuses the PIN ({0}); it is not tried again before a restart")]
    Pin(String),
    /// The PIN's or the key's file.
    #[error(transparent)]
    SecretFile(#[from] secret_file::Error),
    /// What was signed does not verify with the policy's key. It does not leave.
    #[error("the signature does not verify with the policy's key; it is dropped")]
    SignatureInvalid,
    /// Where the policy says the key is, it cannot be.
    #[error("`{uri}`: {source}")]
    Uri {
        /// What it says.
        uri: String,
        /// What is wrong with it.
        source: UriError,
    },
    /// The token is not there, or failed before it was asked to sign.
    #[error("the token cannot be used: {0}")]
    Unavailable(String),
}

impl Error {
    /// Whether the token may have signed all the same.
    #[must_use]
    pub const fn may_have_signed(&self) -> bool {
        matches!(self, Self::Deadline { .. } | Self::InTheMiddle(_) | Self::SignatureInvalid)
    }

    /// Whether it is no matter of one key that another signer may hold: the key can leave its token, or somebody put another one in its place;
    /// or the token cannot be asked at all, and trying again may lock it.
    #[must_use]
    pub const fn forbids_to_run(&self) -> bool {
        matches!(
            self,
            Self::KeyAttributes { .. } | Self::KeyOther { .. } | Self::Module { .. } | Self::Pin(_)
        )
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Deadline { .. } => "hsm_deadline",
            Self::InTheMiddle(_) => "hsm_in_the_middle",
            Self::KeyAttributes { .. } => "hsm_key_attributes",
            Self::KeyNotOne { .. } => "hsm_key_not_one",
            Self::KeyOther { .. } => "hsm_key_other",
            Self::Module { .. } => "hsm_module",
            Self::Pin(_) => "hsm_pin",
            Self::SecretFile(_) => "hsm_secret_file",
            Self::SignatureInvalid => "hsm_signature_invalid",
            Self::Uri { .. } => "hsm_uri",
            Self::Unavailable(_) => "hsm_unavailable",
        }
    }
}
