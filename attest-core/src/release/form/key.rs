//! A key that releases are signed with: its numbers, its one purpose, and the one algorithm that follows.

use core::fmt;

use ring::signature::{self as r, RsaPublicKeyComponents};

use super::super::key::{CanonicalKey, Curve};
use super::super::policy::{Purpose, RsaPadding, SigningKey};
use super::Error;
use crate::der::{self, Der, tlv};
use crate::rsa_numbers::{RsaNumbers, read_public_key};

/// rsaEncryption (RFC 8017, appendix C) with its NULL, as AlgorithmIdentifier.
const RSA_ENCRYPTION: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// ECDSA on P-256 with SHA-256: r ‖ s, 32 bytes each.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384: r ‖ s, 48 bytes each.
    EcdsaP384,
    /// Ed25519 over the message itself (RFC 8032): 64 bytes.
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2): as long as the modulus.
    RsaPkcs1,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8017, 8.1): as long as the modulus.
    RsaPss,
}

impl Scheme {
    /// Its number in the registry "COSE Algorithms"; none that is used for RSASSA-PKCS1-v1_5.
    #[must_use]
    pub const fn cose(self) -> Option<i128> {
        match self {
            Self::EcdsaP256 => Some(-7),
            Self::EcdsaP384 => Some(-35),
            Self::Ed25519 => Some(-8),
            Self::RsaPkcs1 => None,
            Self::RsaPss => Some(-37),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaP256 => "ECDSA on P-256 with SHA-256",
            Self::EcdsaP384 => "ECDSA on P-384 with SHA-384",
            Self::Ed25519 => "Ed25519",
            Self::RsaPkcs1 => "RSASSA-PKCS1-v1_5 with SHA-256",
            Self::RsaPss => "RSASSA-PSS with SHA-256",
        })
    }
}

/// The public half of a key that releases are signed with, and what it signs. Made of a policy's [`SigningKey`].
#[derive(Clone, PartialEq, Eq)]
pub struct ReleaseKey {
    numbers: Numbers,
    purpose: Purpose,
    scheme: Scheme,
}

#[derive(Clone, PartialEq, Eq)]
enum Numbers {
    /// Ed25519 or a curve of NIST's.
    Curve(CanonicalKey),
    Rsa(RsaNumbers),
}

impl TryFrom<&SigningKey> for ReleaseKey {
    type Error = Error;

    fn try_from(key: &SigningKey) -> Result<Self, Error> {
        Self::new(&key.public_key.0, key.purpose, key.rsa_padding)
    }
}

impl ReleaseKey {
    /// The key in this SubjectPublicKeyInfo, in its one DER encoding, for this purpose. `padding` is wanted of RSA keys that sign raw bytes,
    /// and of no other.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::KeyForPurpose`] or [`Error::RsaWeak`].
    pub fn new(spki: &[u8], purpose: Purpose, padding: Option<RsaPadding>) -> Result<Self, Error> {
        let numbers = Numbers::read(spki)?;
        let scheme = numbers.scheme(purpose, padding).ok_or(Error::KeyForPurpose { key: numbers.kind() })?;
        Ok(Self { numbers, purpose, scheme })
    }

    /// What it signs.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// How it signs.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its SubjectPublicKeyInfo, DER: each key has one.
    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        match &self.numbers {
            Numbers::Curve(key) => key.spki_der(),
            Numbers::Rsa(rsa) => rsa_spki(rsa),
        }
    }

    /// Whether `signature`, in the form that [`Scheme`] says, is this key's over these bytes.
    #[must_use]
    pub fn verifies(&self, to_be_signed: &[u8], signature: &[u8]) -> bool {
        match &self.numbers {
            Numbers::Curve(key) => key.verifies(to_be_signed, signature),
            Numbers::Rsa(rsa) => {
                let with = match self.scheme {
                    Scheme::RsaPkcs1 => &r::RSA_PKCS1_2048_8192_SHA256,
                    Scheme::RsaPss => &r::RSA_PSS_2048_8192_SHA256,
                    Scheme::EcdsaP256 | Scheme::EcdsaP384 | Scheme::Ed25519 => return false,
                };
                let (n, e) = (rsa.modulus(), rsa.exponent());
                // A leading zero would be a second spelling of one signature.
                signature.len() == n.len()
                    && RsaPublicKeyComponents { n, e }.verify(with, to_be_signed, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReleaseKey({}, {:?})", self.scheme, self.purpose)
    }
}

impl Numbers {
    fn read(spki: &[u8]) -> Result<Self, Error> {
        let is_rsa = |mut fields: Der<'_>| fields.next().is_ok_and(|first| first.whole == RSA_ENCRYPTION);
        if !Der::only(spki, der::SEQUENCE).is_ok_and(|whole| is_rsa(whole.inside())) {
            return Ok(Self::Curve(CanonicalKey::from_spki_der(spki)?));
        }
        let numbers = || -> Result<_, der::Error> {
            let mut fields = Der::only(spki, der::SEQUENCE)?.inside();
            fields.next()?;
            let (modulus, exponent) = read_public_key(fields.bit_string()?)?;
            fields.finished()?;
            Ok((modulus, exponent))
        };
        let numbers = numbers().ok().and_then(|(modulus, exponent)| RsaNumbers::new(modulus, exponent).ok());
        numbers.map(Self::Rsa).ok_or(Error::RsaWeak)
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Curve(key) => match key.curve() {
                None => "an Ed25519 key",
                Some(Curve::P256) => "a P-256 key",
                Some(Curve::P384) => "a P-384 key",
                Some(Curve::P521) => "a P-521 key",
            },
            Self::Rsa(_) => "an RSA key",
        }
    }

    /// One purpose, one key, one algorithm.
    fn scheme(&self, purpose: Purpose, padding: Option<RsaPadding>) -> Option<Scheme> {
        let scheme = match self {
            Self::Rsa(_) => match (purpose, padding) {
                (Purpose::Raw, Some(RsaPadding::Pkcs1)) => Scheme::RsaPkcs1,
                (Purpose::Raw, Some(RsaPadding::Pss)) => Scheme::RsaPss,
                // What firmware and shim check.
                (Purpose::Authenticode | Purpose::Root, None) => Scheme::RsaPkcs1,
                // COSE has no other that is recommended (RFC 8230; RFC 8812, section 2).
                (Purpose::Corim | Purpose::Cose, None) => Scheme::RsaPss,
                _ => return None,
            },
            Self::Curve(_) if padding.is_some() => return None,
            Self::Curve(key) => match key.curve() {
                None => Scheme::Ed25519,
                Some(Curve::P256) => Scheme::EcdsaP256,
                Some(Curve::P384) => Scheme::EcdsaP384,
                Some(Curve::P521) => return None,
            },
        };
        // Firmware hashes images with SHA-256, and one hash serves the whole signature; it knows no Ed25519.
        let is_for_firmware = matches!(scheme, Scheme::RsaPkcs1 | Scheme::EcdsaP256);
        (purpose != Purpose::Authenticode || is_for_firmware).then_some(scheme)
    }
}

fn rsa_spki(rsa: &RsaNumbers) -> Vec<u8> {
    let key = tlv(der::BIT_STRING, &[&[0][..], &rsa.public_key()].concat());
    tlv(der::SEQUENCE, &[RSA_ENCRYPTION, &key].concat())
}
