//! Which cryptography checks the signatures of quotes: values of the trait that rustls and webpki use, so that another implementation
//! comes in from outside: `webpki::aws_lc_rs` has values of the same names for AWS-LC. ring unless told otherwise.

use rustls_pki_types::SignatureVerificationAlgorithm;

use crate::HashAlg;
use crate::evidence::tpm::{EccCurve, SignatureScheme, SigningAlg};

/// An algorithm with its implementation. Keys come as in a SubjectPublicKeyInfo's BIT STRING (`04 ‖ x ‖ y`, or RSAPublicKey of
/// RFC 8017), ECDSA signatures as ECDSA-Sig-Value (RFC 3279, section 2.2.3).
pub type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// One implementation for each scheme that a quote may be signed with. There is no list of what is allowed besides this: a scheme without
/// a field does not exist.
#[derive(Clone, Copy, Debug)]
pub struct Algorithms {
    /// ECDSA on NIST P-256 over SHA-256.
    pub ecdsa_p256_sha256: Algorithm,
    /// ECDSA on NIST P-256 over SHA-384.
    pub ecdsa_p256_sha384: Algorithm,
    /// ECDSA on NIST P-384 over SHA-256.
    pub ecdsa_p384_sha256: Algorithm,
    /// ECDSA on NIST P-384 over SHA-384.
    pub ecdsa_p384_sha384: Algorithm,
    /// RSASSA-PKCS1-v1_5 over SHA-256, 2048 to 8192 bits.
    pub rsassa_sha256: Algorithm,
    /// RSASSA-PKCS1-v1_5 over SHA-384.
    pub rsassa_sha384: Algorithm,
    /// RSASSA-PKCS1-v1_5 over SHA-512.
    pub rsassa_sha512: Algorithm,
    /// RSASSA-PSS over SHA-256 with a salt as long as the hash.
    pub rsapss_sha256: Algorithm,
    /// RSASSA-PSS over SHA-384.
    pub rsapss_sha384: Algorithm,
    /// RSASSA-PSS over SHA-512.
    pub rsapss_sha512: Algorithm,
}

impl Algorithms {
    /// ring's.
    pub const RING: Self = Self {
        ecdsa_p256_sha256: webpki::ring::ECDSA_P256_SHA256,
        ecdsa_p256_sha384: webpki::ring::ECDSA_P256_SHA384,
        ecdsa_p384_sha256: webpki::ring::ECDSA_P384_SHA256,
        ecdsa_p384_sha384: webpki::ring::ECDSA_P384_SHA384,
        rsassa_sha256: webpki::ring::RSA_PKCS1_2048_8192_SHA256,
        rsassa_sha384: webpki::ring::RSA_PKCS1_2048_8192_SHA384,
        rsassa_sha512: webpki::ring::RSA_PKCS1_2048_8192_SHA512,
        rsapss_sha256: webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        rsapss_sha384: webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        rsapss_sha512: webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    };

    pub(super) const fn rsa(&self, scheme: SignatureScheme) -> Option<Algorithm> {
        Some(match (scheme.alg, scheme.hash) {
            (SigningAlg::RsaSsa, HashAlg::Sha256) => self.rsassa_sha256,
            (SigningAlg::RsaSsa, HashAlg::Sha384) => self.rsassa_sha384,
            (SigningAlg::RsaSsa, HashAlg::Sha512) => self.rsassa_sha512,
            (SigningAlg::RsaPss, HashAlg::Sha256) => self.rsapss_sha256,
            (SigningAlg::RsaPss, HashAlg::Sha384) => self.rsapss_sha384,
            (SigningAlg::RsaPss, HashAlg::Sha512) => self.rsapss_sha512,
            _ => return None,
        })
    }

    pub(super) const fn ecdsa(&self, curve: EccCurve, hash: HashAlg) -> Option<Algorithm> {
        Some(match (curve, hash) {
            (EccCurve::NistP256, HashAlg::Sha256) => self.ecdsa_p256_sha256,
            (EccCurve::NistP256, HashAlg::Sha384) => self.ecdsa_p256_sha384,
            (EccCurve::NistP384, HashAlg::Sha256) => self.ecdsa_p384_sha256,
            (EccCurve::NistP384, HashAlg::Sha384) => self.ecdsa_p384_sha384,
            _ => return None,
        })
    }
}
