//! The endorsement key: a TPM maker's certificate says that it lives in a genuine TPM.
//!
//! *TCG EK Credential Profile for TPM Family 2.0* says what such a certificate looks like; the chain is judged by RFC 5280 as
//! far as webpki goes. Nothing is fetched, and revocation is not asked for: who wants it, takes the CA out of the roots.
//!
//! Policies are not processed, so a CA certificate in the middle of a chain whose certificatePolicies are critical is refused.
//! Some makers have such (STMicroelectronics, older Infineon): give that CA itself as a root.

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::signature::VerifyingKey;
use super::{roca, spki, x509};
use crate::evidence::tpm::Public;
use crate::{Digest, HashAlg, Limits, Timestamp};

mod error;
mod paths;

pub use error::{Error, Place};

/// tcg-kp-EKCertificate, 2.23.133.8.1.
const OID_EK_CERTIFICATE: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x01];
/// tcg-kp-PlatformAttributeCertificate (2.23.133.8.2) and tcg-kp-PlatformKeyCertificate (2.23.133.8.4).
const OIDS_PLATFORM_CERTIFICATE: [&[u8]; 2] =
    [&[0x67, 0x81, 0x05, 0x08, 0x02], &[0x67, 0x81, 0x05, 0x08, 0x04]];
/// SHA-1 is not among them.
pub(crate) static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
    webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// The certification authorities whose word counts. Their own validity and issuers are not asked for.
#[derive(Clone, Debug, Default)]
pub struct EkRoots(Vec<TrustAnchor<'static>>);

impl EkRoots {
    /// No root: every endorsement key is refused.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one certificate in DER, or all certificates in PEM text; how many it were. Some makers publish DER with an end of line behind it, which is
    /// passed over: what is trusted is the certificate.
    ///
    /// # Errors
    /// [`Error::NotACertificate`], [`Error::BytesBehind`] and [`Error::AttributeCertificate`] name it by its place in the text. Nothing is added then.
    pub fn add(&mut self, certificates: &[u8]) -> Result<usize, Error> {
        let at = |at| Place::Root { at };
        let malformed = |nth| Error::NotACertificate { place: at(nth), offset: None };
        let ders = if certificates.first() == Some(&crate::der::SEQUENCE) {
            vec![CertificateDer::from(x509::without_line_end(certificates))]
        } else {
            let pem = CertificateDer::pem_slice_iter(certificates).enumerate();
            pem.map(|(nth, der)| der.map_err(|_| malformed(nth))).collect::<Result<_, _>>()?
        };
        if ders.is_empty() {
            return Err(malformed(0));
        }
        let mut anchors = Vec::new();
        for (nth, der) in ders.iter().enumerate() {
            if x509::kind(der) == x509::Kind::Attribute {
                return Err(Error::AttributeCertificate { place: at(nth) });
            }
            let anchor = anchor_from_trusted_cert(der).map_err(|_| error::not_one(at(nth), der))?;
            anchors.push(anchor.to_owned());
        }
        self.0.extend(anchors);
        Ok(ders.len())
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A TPM maker vouches that this key lives in a TPM of its making. Made by [`verify_ek`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndorsementKey {
    identity: Digest,
    certificate: Digest,
    not_der: Vec<(Place, usize)>,
}

impl EndorsementKey {
    /// Who the TPM is: SHA-256 of the key's SubjectPublicKeyInfo as `rsaEncryption` or `id-ecPublicKey`. It stays when the
    /// certificate is renewed.
    #[must_use]
    pub const fn identity(&self) -> Digest {
        self.identity
    }

    /// SHA-256 of the certificate as it was sent.
    #[must_use]
    pub const fn certificate(&self) -> Digest {
        self.certificate
    }

    /// The certificates whose encoding departs from DER, and at which offset. Some makers sort the parts of a name wrongly.
    /// Signatures were checked over the bytes as they came; nothing was encoded anew.
    #[must_use]
    pub fn not_der(&self) -> &[(Place, usize)] {
        &self.not_der
    }
}

/// Judges an endorsement key: its certificate is one for endorsement keys, leads to a root at `now`, and is for the key in
/// `public`.
///
/// `intermediates` may stand in any order, and may hold certificates that are not needed.
///
/// # Errors
/// [`Error`] says which certificate or key does not do and why.
pub fn verify_ek(
    roots: &EkRoots,
    certificate: &[u8],
    intermediates: &[&[u8]],
    public: &Public<'_>,
    now: Timestamp,
    limits: &Limits,
) -> Result<EndorsementKey, Error> {
    if roots.is_empty() {
        return Err(Error::RootsMissing);
    }
    check_sizes(certificate, intermediates, limits)?;
    let not_der = check_encodings(certificate, intermediates)?;
    let leaf = CertificateDer::from(certificate);
    let leaf = EndEntityCert::try_from(&leaf).map_err(|error| error::of_leaf(&error, certificate))?;
    check_usage(certificate)?;

    // The key first: comparing numbers is cheaper than a chain.
    let spki = leaf.subject_public_key_info();
    let key = certified_key(&spki, public)?;

    // Bundles that were put together have some twice; once each is enough.
    let mut chain: Vec<CertificateDer<'_>> = Vec::new();
    for der in intermediates {
        if chain.iter().all(|other| other.as_ref() != *der) {
            chain.push(CertificateDer::from(*der));
        }
    }
    paths::check(&leaf, &chain, limits.chain_steps)?;
    let now = UnixTime::since_unix_epoch(core::time::Duration::from_secs(now.unix()));
    // CA certificates may leave purposes out; where they name some, this one must be among them.
    let usage = KeyUsage::required_if_present(OID_EK_CERTIFICATE);
    leaf.verify_for_usage(ALGORITHMS, &roots.0, &chain, now, usage, None, None)
        .map_err(|error| error::of_chain(error, intermediates))?;
    Ok(EndorsementKey {
        identity: HashAlg::Sha256.hash(&[&spki::encode(&key)]),
        certificate: HashAlg::Sha256.hash(&[certificate]),
        not_der,
    })
}

fn places<'a>(leaf: &'a [u8], intermediates: &'a [&'a [u8]]) -> impl Iterator<Item = (Place, &'a [u8])> {
    let chain = intermediates.iter().enumerate().map(|(at, der)| (Place::Intermediate { at }, *der));
    core::iter::once((Place::Leaf, leaf)).chain(chain)
}

fn check_sizes(leaf: &[u8], intermediates: &[&[u8]], limits: &Limits) -> Result<(), Error> {
    if intermediates.len() > limits.intermediates {
        return Err(Error::TooManyIntermediates { count: intermediates.len(), limit: limits.intermediates });
    }
    let limit = limits.certificate_bytes;
    match places(leaf, intermediates).find(|(_, der)| der.len() > limit) {
        Some((place, der)) => Err(Error::CertificateTooLong { place, len: der.len(), limit }),
        None => Ok(()),
    }
}

/// Refuses what is no public-key certificate at all, and notes where an encoding is not DER.
fn check_encodings(leaf: &[u8], intermediates: &[&[u8]]) -> Result<Vec<(Place, usize)>, Error> {
    let mut not_der = Vec::new();
    for (place, der) in places(leaf, intermediates) {
        if x509::kind(der) == x509::Kind::Attribute {
            return Err(Error::AttributeCertificate { place });
        }
        let parsed = CertificateDer::from(der);
        // An unknown critical extension is judged where the certificate is used.
        match EndEntityCert::try_from(&parsed) {
            Ok(_) | Err(webpki::Error::UnsupportedCriticalExtension) => {}
            Err(_) => return Err(error::not_one(place, der)),
        }
        not_der.extend(x509::departure_from_der(der).map(|offset| (place, offset)));
    }
    Ok(not_der)
}

fn check_usage(certificate: &[u8]) -> Result<(), Error> {
    let usages = x509::extended_key_usages(certificate)
        .map_err(|error| Error::NotACertificate { place: Place::Leaf, offset: Some(error.offset()) })?;
    if usages.contains(&OID_EK_CERTIFICATE) {
        Ok(())
    } else if usages.iter().any(|usage| OIDS_PLATFORM_CERTIFICATE.contains(usage)) {
        Err(Error::PlatformCertificate)
    } else {
        Err(Error::UsageMissing)
    }
}

/// The certificate's key, if it is the one in the public area and no one can compute its private part.
fn certified_key(spki: &[u8], public: &Public<'_>) -> Result<VerifyingKey, Error> {
    let certified = VerifyingKey::new(&spki::decryption_key(spki)?).map_err(Error::KeyUnsupported)?;
    let offered = VerifyingKey::new(&public.key()).map_err(Error::KeyUnsupported)?;
    if certified != offered {
        return Err(Error::PublicMismatch);
    }
    match &certified {
        VerifyingKey::Rsa { numbers, .. } if roca::is_vulnerable(numbers.modulus()) => Err(Error::KeyRoca),
        _ => Ok(certified),
    }
}

#[cfg(test)]
mod tests;
