//! Why a signature of OpenSSH does not count.

use super::Presence;
use crate::release::ssh::{key, wire};

/// Why a signature of OpenSSH does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not one `SSH SIGNATURE` between its lines, and nothing else.
    #[error("not one armored SSH signature")]
    ArmorUnexpected,
    /// What is in the armor is not base64, padded and canonical.
    #[error("the armor does not hold base64")]
    Base64Malformed,
    /// Flags that announce more data than OpenSSH's tokens sign.
    #[error("the token's flags {flags:#04x} announce data that is not there")]
    FlagsUnexpected {
        /// All of them.
        flags: u8,
    },
    /// Neither SHA-256 nor SHA-512.
    #[error("the hash `{name}` does not count")]
    HashUnsupported {
        /// Its name, cut after 64 characters.
        name: String,
    },
    /// The key in it.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// Another key than the enrolled one, or the same in another form.
    #[error("it is not the enrolled key's")]
    KeyMismatch,
    /// An Ed25519 signature that is not 64 bytes, or a number longer than the field.
    #[error("a signature, or a number in one, of {len} bytes")]
    LengthUnexpected {
        /// How many.
        len: usize,
    },
    /// It does not begin with `SSHSIG`.
    #[error("not an SSHSIG")]
    MagicUnexpected,
    /// PROTOCOL.sshsig: the namespace must not be empty.
    #[error("it is for an empty namespace")]
    NamespaceEmpty,
    /// Signed for something else.
    #[error("it is for `{signed}`")]
    NamespaceMismatch {
        /// What it was signed for.
        signed: String,
    },
    /// Less than demanded is known about the person at the key.
    #[error("the signature proves {proven:?} of its user, {demanded:?} is demanded")]
    PresenceInsufficient {
        /// What is demanded.
        demanded: Presence,
        /// What the signature proves.
        proven: Presence,
    },
    /// Reserved bytes, which the signature does not cover.
    #[error("the reserved field is not empty")]
    ReservedNotEmpty,
    /// The key did not sign this.
    #[error("the signature is not the key's over this message")]
    SignatureInvalid,
    /// More bytes than [`Limits::ssh_signature_bytes`](crate::Limits::ssh_signature_bytes).
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// The signature is of another type than the key in it.
    #[error("a signature of type `{signature}`, which is not that of the key")]
    TypeMismatch {
        /// What it says, cut after 64 characters.
        signature: String,
    },
    /// The token says itself that nobody touched it.
    #[error("nobody touched the token")]
    UserPresenceMissing,
    /// Another version than 1.
    #[error("version {version}")]
    VersionUnsupported {
        /// Which.
        version: u32,
    },
    /// Not the wire format.
    #[error(transparent)]
    Wire(#[from] wire::Error),
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ArmorUnexpected => "sshsig_armor_unexpected",
            Self::Base64Malformed => "sshsig_base64_malformed",
            Self::FlagsUnexpected { .. } => "sshsig_flags_unexpected",
            Self::HashUnsupported { .. } => "sshsig_hash_unsupported",
            Self::Key(error) => error.code(),
            Self::KeyMismatch => "sshsig_key_mismatch",
            Self::LengthUnexpected { .. } => "sshsig_length_unexpected",
            Self::MagicUnexpected => "sshsig_magic_unexpected",
            Self::NamespaceEmpty => "sshsig_namespace_empty",
            Self::NamespaceMismatch { .. } => "sshsig_namespace_mismatch",
            Self::PresenceInsufficient { .. } => "sshsig_presence_insufficient",
            Self::ReservedNotEmpty => "sshsig_reserved_not_empty",
            Self::SignatureInvalid => "sshsig_invalid",
            Self::TooLong { .. } => "sshsig_too_long",
            Self::TypeMismatch { .. } => "sshsig_type_mismatch",
            Self::UserPresenceMissing => "sshsig_user_presence_missing",
            Self::VersionUnsupported { .. } => "sshsig_version_unsupported",
            Self::Wire(error) => error.code(),
        }
    }
}
