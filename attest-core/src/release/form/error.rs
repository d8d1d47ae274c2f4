//! Why bytes are not signed, or a signed thing does not count.

use super::super::key;
use super::super::policy::Purpose;
use super::Scheme;
use crate::evidence::cbor;
use crate::reference::corim;
use crate::reference::predict::pe;

/// Why bytes are not signed, or a signed thing does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The protected header names another algorithm than the key's.
    #[error("the protected header says algorithm {got}, and the key signs with {key}")]
    AlgorithmUnexpected {
        /// What it says, a number of the registry "COSE Algorithms".
        got: i128,
        /// The key's.
        key: Scheme,
    },
    /// Not CBOR, or not strictly so.
    #[error(transparent)]
    Cbor(#[from] cbor::Error),
    /// Certificates that do not belong to the key.
    #[error("the certificates: {because}")]
    CertificateUnexpected {
        /// Why.
        because: &'static str,
    },
    /// The payload is no CoRIM, or its envelope is not one of a CoRIM.
    #[error(transparent)]
    Corim(#[from] corim::Error),
    /// Raw bytes that would pass for another form under the same key.
    #[error("the bytes are a COSE Sig_structure: a raw signature over them would pass for a COSE one")]
    Disguised,
    /// What is signed is the digest of another file.
    #[error("the digest is of another file")]
    FileUnexpected,
    /// Not an image that can be hashed.
    #[error(transparent)]
    Image(#[from] pe::Error),
    /// Authenticode can be judged with the image only.
    #[error("whether the bytes are of the image can be told with the image only")]
    ImageMissing,
    /// An image that is not signed.
    #[error("the image: {because}")]
    ImageUnsuitable {
        /// Why.
        because: &'static str,
    },
    /// The key is none that signs releases.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// A kind of key that this purpose has no algorithm for, or that must say which.
    #[error("{key} has no algorithm for this purpose")]
    KeyForPurpose {
        /// The kind of key.
        key: &'static str,
    },
    /// The request does not list these bytes for this key.
    #[error("the request does not list it")]
    NotListed,
    /// Other bytes than those that were approved.
    #[error("these are not the bytes that the request lists: their size or SHA-256 is another")]
    OtherBytes,
    /// The request lists it for another purpose than the key's.
    #[error("listed for {listed:?}, and the key is for {key:?}")]
    PurposeUnexpected {
        /// The key's purpose.
        key: Purpose,
        /// The request's.
        listed: Purpose,
    },
    /// A root signs no artifact.
    #[error("a root key signs keys, and never an artifact")]
    RootKey,
    /// An RSA key that does not count.
    #[error(
        "an RSA key that is not of 2048 to 4096 bits with an odd exponent of at least 65537, in its one DER encoding"
    )]
    RsaWeak,
    /// Not the structure of this purpose.
    #[error("{what}, expected {expected}")]
    ShapeUnexpected {
        /// Which part.
        what: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
    /// The signature is not this key's over these bytes.
    #[error("the signature is not this key's over these bytes")]
    SignatureInvalid,
    /// The bytes are about something that the request does not release.
    #[error("the bytes are about something that the request does not release")]
    SubjectNotReleased {
        /// The purpose of the key.
        purpose: Purpose,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnexpected { .. } => "form_algorithm_unexpected",
            Self::Cbor(error) => error.code(),
            Self::CertificateUnexpected { .. } => "form_certificate_unexpected",
            Self::Corim(error) => error.code(),
            Self::Disguised => "form_disguised",
            Self::FileUnexpected => "form_file_unexpected",
            Self::Image(error) => error.code(),
            Self::ImageMissing => "form_image_missing",
            Self::ImageUnsuitable { .. } => "form_image_unsuitable",
            Self::Key(error) => error.code(),
            Self::KeyForPurpose { .. } => "form_key_for_purpose",
            Self::NotListed => "form_not_listed",
            Self::OtherBytes => "form_other_bytes",
            Self::PurposeUnexpected { .. } => "form_purpose_unexpected",
            Self::RootKey => "form_root_key",
            Self::RsaWeak => "form_rsa_weak",
            Self::ShapeUnexpected { .. } => "form_shape_unexpected",
            Self::SignatureInvalid => "form_signature_invalid",
            Self::SubjectNotReleased { .. } => "form_subject_not_released",
        }
    }
}
