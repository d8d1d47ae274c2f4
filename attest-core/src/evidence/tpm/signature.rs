//! TPMT_SIGNATURE (Part 2, "Signature Structures"), and signatures without the TPM's framing.

use core::fmt;

use super::{Error, bounded, finished, hash_alg, sized};
use crate::HashAlg;
use crate::limits::Limits;

/// The most bytes of an RSA signature: 4096 bits.
const RSA_MAX: usize = 512;
/// The most bytes of an ECDSA scalar: TPMs know curves up to 638 bits.
const ECC_MAX: usize = 80;

/// How a signature is made, without the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SigningAlg {
    /// TPM_ALG_RSASSA: RSASSA-PKCS1-v1_5 (RFC 8017).
    RsaSsa,
    /// TPM_ALG_RSAPSS: RSASSA-PSS (RFC 8017).
    RsaPss,
    /// TPM_ALG_ECDSA.
    Ecdsa,
}

impl SigningAlg {
    const ALL: [Self; 3] = [Self::RsaSsa, Self::RsaPss, Self::Ecdsa];

    pub(super) const fn from_tpm(id: u16) -> Option<Self> {
        Some(match id {
            0x0014 => Self::RsaSsa,
            0x0016 => Self::RsaPss,
            0x0018 => Self::Ecdsa,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::RsaSsa => "rsassa",
            Self::RsaPss => "rsapss",
            Self::Ecdsa => "ecdsa",
        }
    }
}

/// A signature scheme with its hash: TPMT_SIG_SCHEME.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignatureScheme {
    /// How the signature is made.
    pub alg: SigningAlg,
    /// The hash over the signed bytes, and over a quote's PCR values.
    pub hash: HashAlg,
}

impl SignatureScheme {
    /// The scheme of this name: `rsassa-sha256`, `rsapss-sha384`, `ecdsa-sha256`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let (alg, hash) = name.split_once('-')?;
        let alg = SigningAlg::ALL.into_iter().find(|known| known.name() == alg)?;
        Some(Self { alg, hash: HashAlg::from_name(hash)? })
    }
}

/// The name that [`SignatureScheme::from_name`] reads.
impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.alg.name(), self.hash)
    }
}

/// A signature with its scheme, not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    scheme: SignatureScheme,
    value: SignatureValue<'a>,
}

/// A signature's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureValue<'a> {
    /// RSA: one number, big-endian, as long as the modulus.
    Rsa(&'a [u8]),
    /// ECDSA: big-endian numbers. TPMs strip or keep leading zeros as they like.
    Ecdsa {
        /// r.
        r: &'a [u8],
        /// s.
        s: &'a [u8],
    },
    /// ECDSA without framing; see [`Signature::bare`].
    EcdsaBare(&'a [u8]),
}

impl<'a> Signature<'a> {
    /// Reads a TPMT_SIGNATURE that fills `bytes`.
    ///
    /// # Errors
    /// [`Error`] says which field is not what Part 2 asks for. SHA-1 is read here: it is refused when the signature is
    /// checked.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut reader = bounded(bytes, limits.signature_bytes)?;
        let id = reader.u16_be()?;
        let alg = SigningAlg::from_tpm(id).ok_or(Error::SchemeUnsupported { id, offset: 0 })?;
        let scheme = SignatureScheme { alg, hash: hash_alg(&mut reader)? };
        let value = match alg {
            SigningAlg::RsaSsa | SigningAlg::RsaPss => SignatureValue::Rsa(sized(&mut reader, RSA_MAX)?),
            SigningAlg::Ecdsa => {
                let r = sized(&mut reader, ECC_MAX)?;
                SignatureValue::Ecdsa { r, s: sized(&mut reader, ECC_MAX)? }
            }
        };
        finished(reader)?;
        Ok(Self { scheme, value })
    }

    /// A signature without the TPM's framing, as some clouds and `tpm2_quote -f plain` give it, of a scheme the caller names.
    ///
    /// For ECDSA, bytes of exactly twice the curve's field size are r ‖ s; any other length is an `ECDSA-Sig-Value` in DER
    /// (RFC 3279, section 2.2.3). The length alone decides, so nothing is tried twice.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond the limit.
    pub fn bare(scheme: SignatureScheme, bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        bounded(bytes, limits.signature_bytes)?;
        let value = match scheme.alg {
            SigningAlg::RsaSsa | SigningAlg::RsaPss => SignatureValue::Rsa(bytes),
            SigningAlg::Ecdsa => SignatureValue::EcdsaBare(bytes),
        };
        Ok(Self { scheme, value })
    }

    /// Its scheme.
    #[must_use]
    pub const fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// Its numbers.
    #[must_use]
    pub const fn value(&self) -> SignatureValue<'a> {
        self.value
    }
}
