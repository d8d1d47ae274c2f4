//! Why an attestation does not make a key one of hardware.

use crate::evidence::cbor;
use crate::release::key;
use crate::release::ssh::wire;

/// Why an attestation does not make a key one of hardware.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The token knows the key for another application.
    #[error("the token made the key for another application")]
    ApplicationMismatch,
    /// Not the authenticator data of WebAuthn, or bytes follow.
    #[error("the authenticator data is malformed")]
    AuthenticatorDataMalformed,
    /// `ssh-sk-attest-v00`, of older OpenSSH: without the data that was signed.
    #[error("the file is of the first version, which does not hold what was signed")]
    AuthenticatorDataMissing,
    /// The key can be copied off the token.
    #[error("the token says that the key can be copied off it")]
    BackupEligible,
    /// CBOR that is not read here.
    #[error(transparent)]
    Cbor(#[from] cbor::Error),
    /// A certificate of the chain does not count at this time.
    #[error("a certificate has expired or is not valid yet")]
    CertificateExpired,
    /// Not a certificate of version 3.
    #[error("the certificate is malformed")]
    CertificateMalformed,
    /// Attested by itself, or by nobody.
    #[error("there is no certificate: nobody vouches for the key")]
    CertificateMissing,
    /// The credential's key is neither for ES256 nor for EdDSA, or has other parameters than those need.
    #[error("the key in the attestation is not one for ES256 or EdDSA")]
    CredentialKeyUnsupported,
    /// The token told of no new key.
    #[error("the authenticator data tells of no new key")]
    CredentialMissing,
    /// Not a file of `ssh-keygen -O write-attestation`.
    #[error("not an attestation as ssh-keygen writes it")]
    FormatUnknown,
    /// The credential's key.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// It is about another key.
    #[error("the attestation is of another key")]
    KeyMismatch,
    /// A plain key, which no token signs with.
    #[error("the key is not one of a token")]
    KeyNotOfToken,
    /// The certificate leads to no root.
    #[error("the certificate is of no maker that counts")]
    MakerUnknown,
    /// The certificate is of another model than the token says it is.
    #[error("the certificate is of another model of token")]
    ModelMismatch,
    /// Reserved fields.
    #[error("the reserved fields are not empty")]
    ReservedNotEmpty,
    /// A root that is not a certificate.
    #[error("root {at} is not a certificate")]
    RootMalformed {
        /// Its place in the text, from 0.
        at: usize,
    },
    /// No root is configured.
    #[error("no maker of tokens counts")]
    RootsMissing,
    /// The certificate's key did not sign this, or not in answer to this challenge.
    #[error("the signature is not the certificate's over this key and challenge")]
    SignatureInvalid,
    /// More bytes than [`Limits::fido_attestation_bytes`](crate::Limits::fido_attestation_bytes) or
    /// [`Limits::certificate_bytes`](crate::Limits::certificate_bytes).
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// More than [`Limits::intermediates`](crate::Limits::intermediates).
    #[error("{count} intermediate certificates, more than {limit}")]
    TooManyIntermediates {
        /// How many there are.
        count: usize,
        /// The bound.
        limit: usize,
    },
    /// The token says itself that nobody touched it.
    #[error("nobody touched the token")]
    UserPresenceMissing,
    /// Not the wire format.
    #[error(transparent)]
    Wire(#[from] wire::Error),
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ApplicationMismatch => "fido_application_mismatch",
            Self::AuthenticatorDataMalformed => "fido_authenticator_data_malformed",
            Self::AuthenticatorDataMissing => "fido_authenticator_data_missing",
            Self::BackupEligible => "fido_backup_eligible",
            Self::Cbor(_) => "fido_cbor_malformed",
            Self::CertificateExpired => "fido_certificate_expired",
            Self::CertificateMalformed => "fido_certificate_malformed",
            Self::CertificateMissing => "fido_certificate_missing",
            Self::CredentialKeyUnsupported => "fido_credential_key_unsupported",
            Self::CredentialMissing => "fido_credential_missing",
            Self::FormatUnknown => "fido_format_unknown",
            Self::Key(error) => error.code(),
            Self::KeyMismatch => "fido_key_mismatch",
            Self::KeyNotOfToken => "fido_key_not_of_token",
            Self::MakerUnknown => "fido_maker_unknown",
            Self::ModelMismatch => "fido_model_mismatch",
            Self::ReservedNotEmpty => "fido_reserved_not_empty",
            Self::RootMalformed { .. } => "fido_root_malformed",
            Self::RootsMissing => "fido_roots_missing",
            Self::SignatureInvalid => "fido_signature_invalid",
            Self::TooLong { .. } => "fido_too_long",
            Self::TooManyIntermediates { .. } => "fido_too_many_intermediates",
            Self::UserPresenceMissing => "fido_user_presence_missing",
            Self::Wire(error) => error.code(),
        }
    }
}
