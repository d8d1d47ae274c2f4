//! Why bytes are not a key of OpenSSH that counts.

use super::KeyType;
use crate::release::key;
use crate::release::ssh::wire;

/// Why bytes are not a key of OpenSSH that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A FIDO key for something else than SSH, such as a web site's.
    #[error("a FIDO key for `{application}`, which does not begin with `ssh:`")]
    ApplicationUnexpected {
        /// What it is for, cut after 64 characters.
        application: String,
    },
    /// The key's text is not base64 (RFC 4648, section 4), padded and canonical.
    #[error("the key is not base64")]
    Base64Malformed,
    /// A certificate.
    #[error("certificates do not count: the policy names keys")]
    CertificateUnsupported,
    /// The curve named inside is not the one of the type.
    #[error("the curve of a {} key is another one", key_type.name())]
    CurveMismatch {
        /// The key's type.
        key_type: KeyType,
    },
    /// `ssh-dss`.
    #[error("DSA keys do not count")]
    DsaUnsupported,
    /// The key itself.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// Not one line of a type and a key.
    #[error("not one line of a key type and a key")]
    LineUnexpected,
    /// `ssh-rsa`.
    #[error("RSA keys do not count; use Ed25519, ECDSA or a FIDO token")]
    RsaUnsupported,
    /// The line names another type than the key does.
    #[error("the line says {}, the key {}", line.name(), key.name())]
    TypeMismatch {
        /// The line's type.
        line: KeyType,
        /// The key's.
        key: KeyType,
    },
    /// A type that is not known; or options before it.
    #[error("`{name}` is not a key type that counts")]
    TypeUnknown {
        /// What it says, cut after 64 characters.
        name: String,
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
            Self::ApplicationUnexpected { .. } => "ssh_key_application_unexpected",
            Self::Base64Malformed => "ssh_key_base64_malformed",
            Self::CertificateUnsupported => "ssh_key_certificate_unsupported",
            Self::CurveMismatch { .. } => "ssh_key_curve_mismatch",
            Self::DsaUnsupported => "ssh_key_dsa_unsupported",
            Self::Key(error) => error.code(),
            Self::LineUnexpected => "ssh_key_line_unexpected",
            Self::RsaUnsupported => "ssh_key_rsa_unsupported",
            Self::TypeMismatch { .. } => "ssh_key_type_mismatch",
            Self::TypeUnknown { .. } => "ssh_key_type_unknown",
            Self::Wire(error) => error.code(),
        }
    }
}
