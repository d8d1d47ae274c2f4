//! Why an endorsement key is refused.

use webpki::Error as Webpki;

use crate::authenticate::{signature, spki, x509};

/// Which certificate of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One of the certificates between leaf and root.
    Intermediate {
        /// Its place in the argument, counted from 0.
        at: usize,
    },
    /// The endorsement key's own certificate.
    Leaf,
    /// A configured root.
    Root {
        /// Its place in the text, counted from 0.
        at: usize,
    },
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Intermediate { at } => write!(f, "intermediate certificate {at}"),
            Self::Leaf => f.write_str("the EK certificate"),
            Self::Root { at } => write!(f, "root certificate {at}"),
        }
    }
}

/// Why an endorsement key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An attribute certificate (RFC 5755), such as a platform certificate, was offered as a public-key certificate.
    #[error("{place} is an attribute certificate, which has no public key")]
    AttributeCertificate {
        /// Which certificate.
        place: Place,
    },
    /// Something follows the certificate. A TPM's NV index may be longer than the certificate in it: whoever reads it sends the certificate alone.
    #[error("{place} is followed by {count} byte(s) that are no part of it")]
    BytesBehind {
        /// Which certificate.
        place: Place,
        /// How many bytes.
        count: usize,
    },
    /// The certificate is one of a certification authority.
    #[error("the EK certificate is a certification authority's")]
    CertificateIsCa,
    /// A certificate of the chain is not valid any more.
    #[error("a certificate of the chain expired at {not_after}")]
    CertificateExpired {
        /// When, in seconds since 1970.
        not_after: u64,
    },
    /// A certificate of the chain is not valid yet.
    #[error("a certificate of the chain is not valid before {not_before}")]
    CertificateNotYetValid {
        /// When it will be, in seconds since 1970.
        not_before: u64,
    },
    /// More bytes than the limit.
    #[error("{place} has {len} bytes, the limit is {limit}")]
    CertificateTooLong {
        /// Which certificate.
        place: Place,
        /// Its length in bytes.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The intermediate certificates, which need not be in order, can be put above each other in too many ways.
    #[error(
        "the intermediate certificates can stand above each other in more than {limit} ways; send those that lead to the root"
    )]
    ChainAmbiguous {
        /// The limit.
        limit: usize,
    },
    /// The chain breaks another rule of RFC 5280.
    #[error("the certificate chain is refused: {reason}")]
    ChainRefused {
        /// The rule, as webpki names it.
        reason: String,
    },
    /// A certificate has a critical extension that is not understood here.
    #[error("{place} has an unknown critical extension")]
    CriticalExtensionUnknown {
        /// Which certificate.
        place: Place,
    },
    /// No chain leads from the certificate to a root: an intermediate is missing, or the root is not configured.
    #[error("no chain leads from the EK certificate to a configured root")]
    IssuerUnknown,
    /// The key was made by the library with the weakness ROCA (CVE-2017-15361): its private part can be computed.
    #[error("the key has the fingerprint of ROCA, its private part can be computed")]
    KeyRoca,
    /// The key's numbers do not count.
    #[error(transparent)]
    KeyUnsupported(signature::Error),
    /// The bytes are not a certificate in DER.
    #[error("{place} is not an X.509 certificate in DER")]
    NotACertificate {
        /// Which certificate.
        place: Place,
        /// Where a length is not DER, or bytes follow, counted from its start, if that is what is wrong.
        offset: Option<usize>,
    },
    /// The certificate is for a platform, not for an endorsement key.
    #[error("the certificate is a platform certificate, not an EK certificate")]
    PlatformCertificate,
    /// The certificate is for another key than the one in the public area.
    #[error("the EK certificate is for another key than the EK's public area")]
    PublicMismatch,
    /// No root is configured.
    #[error("no root certificate is configured")]
    RootsMissing,
    /// A certificate of the chain is signed with an algorithm that does not count, such as SHA-1.
    #[error("a certificate of the chain is signed with an algorithm that is not supported")]
    SignatureAlgorithmUnsupported,
    /// A certificate's signature is not by the key of the issuer of that name.
    #[error("a certificate of the chain is not signed by the issuer that it names")]
    SignatureInvalid,
    /// The certificate's public key is not supported.
    #[error(transparent)]
    Spki(#[from] spki::Error),
    /// More intermediate certificates than the limit.
    #[error("{count} intermediate certificates, the limit is {limit}")]
    TooManyIntermediates {
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// extendedKeyUsage is not there or does not name 2.23.133.8.1.
    #[error("the certificate does not say that it is for an endorsement key (2.23.133.8.1)")]
    UsageMissing,
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AttributeCertificate { .. } => "ek_attribute_certificate",
            Self::CertificateExpired { .. } => "ek_certificate_expired",
            Self::CertificateIsCa => "ek_certificate_is_ca",
            Self::CertificateNotYetValid { .. } => "ek_certificate_not_yet_valid",
            Self::CertificateTooLong { .. } => "ek_certificate_too_long",
            Self::ChainAmbiguous { .. } => "ek_chain_ambiguous",
            Self::ChainRefused { .. } => "ek_chain_refused",
            Self::CriticalExtensionUnknown { .. } => "ek_critical_extension_unknown",
            Self::IssuerUnknown => "ek_issuer_unknown",
            Self::KeyRoca => "ek_roca",
            Self::KeyUnsupported(_) | Self::Spki(_) => "ek_key_unsupported",
            Self::BytesBehind { .. } | Self::NotACertificate { .. } => "ek_certificate_not_der",
            Self::PlatformCertificate => "ek_platform_certificate",
            Self::PublicMismatch => "ek_public_mismatch",
            Self::RootsMissing => "ek_roots_missing",
            Self::SignatureAlgorithmUnsupported => "ek_signature_algorithm_unsupported",
            Self::SignatureInvalid => "ek_chain_signature_invalid",
            Self::TooManyIntermediates { .. } => "ek_too_many_intermediates",
            Self::UsageMissing => "ek_usage_missing",
        }
    }
}

/// Bytes that are no certificate, or not one alone.
pub(super) fn not_one(place: Place, der: &[u8]) -> Error {
    match x509::behind(der) {
        Some(count) => Error::BytesBehind { place, count },
        None => Error::NotACertificate { place, offset: x509::departure_in_structure(der) },
    }
}

/// What webpki says about the leaf on its own.
pub(super) fn of_leaf(error: &Webpki, leaf: &[u8]) -> Error {
    match error {
        Webpki::UnsupportedCriticalExtension => Error::CriticalExtensionUnknown { place: Place::Leaf },
        _ => not_one(Place::Leaf, leaf),
    }
}

/// What webpki says about the chain.
pub(super) fn of_chain(error: Webpki, intermediates: &[&[u8]]) -> Error {
    match error {
        Webpki::CaUsedAsEndEntity => Error::CertificateIsCa,
        Webpki::CertExpired { not_after, .. } => Error::CertificateExpired { not_after: not_after.as_secs() },
        Webpki::CertNotValidYet { not_before, .. } => {
            Error::CertificateNotYetValid { not_before: not_before.as_secs() }
        }
        Webpki::InvalidSignatureForPublicKey => Error::SignatureInvalid,
        Webpki::RequiredEkuNotFoundContext(_) => Error::UsageMissing,
        Webpki::UnknownIssuer => Error::IssuerUnknown,
        Webpki::UnsupportedCriticalExtension => {
            let at = intermediates.iter().position(|der| has_unknown_critical_extension(der));
            Error::CriticalExtensionUnknown { place: at.map_or(Place::Leaf, |at| Place::Intermediate { at }) }
        }
        Webpki::UnsupportedSignatureAlgorithmContext(_)
        | Webpki::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Error::SignatureAlgorithmUnsupported,
        other => Error::ChainRefused { reason: format!("{other:?}") },
    }
}

fn has_unknown_critical_extension(der: &[u8]) -> bool {
    let der = rustls_pki_types::CertificateDer::from(der);
    matches!(webpki::EndEntityCert::try_from(&der), Err(Webpki::UnsupportedCriticalExtension))
}
