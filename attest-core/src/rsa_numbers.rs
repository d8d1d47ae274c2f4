//! Which RSA public keys count: the one place that says so, for keys that sign quotes, tokens and files, for endorsement keys, and for
//! the keys that a result names.
//!
//! 2048 to 4096 bits in whole bytes, an odd modulus, and an odd exponent from 65537 to 2^32 - 1:
//! - FIPS 186-5, section 5.1 wants at least 2048 bits; 4096 are the most that TPMs make, and longer keys only cost time.
//! - FIPS 186-5, appendix A.1.1 wants an odd exponent above 2^16: small ones have forged signatures behind them. TPMS_RSA_PARMS
//!   (TPM 2.0 Part 2) has 32 bits for it, and nothing larger is interoperable.
//! - keyBits of a TPM is a multiple of eight, and its modulus has the highest bit set; a leading zero would be a second spelling of one key.
//!
//! Certification authorities are not asked this: they are the caller's choice, and webpki wants 2048 to 8192 bits of them.

use crate::der::{self, Der};

/// Length of a modulus in bytes.
const MODULUS_BYTES: core::ops::RangeInclusive<usize> = 256..=512;

/// Length of an exponent in bytes: 65537 is the smallest odd number of three bytes whose first is not zero.
const EXPONENT_BYTES: core::ops::RangeInclusive<usize> = 3..=4;

/// Which number of a key does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weak {
    /// The exponent is even, below 65537 or above 2^32 - 1, or begins with a zero byte.
    Exponent,
    /// The modulus is even, begins with a zero bit, or is not 2048 to 4096 bits long.
    Modulus,
}

/// The numbers of an RSA public key that counts, big-endian without leading zeros. Made by [`RsaNumbers::new`] only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RsaNumbers {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaNumbers {
    /// The key of these big-endian numbers, if it counts.
    pub(crate) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, Weak> {
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        let full = modulus.first().is_some_and(|first| *first >= 0x80);
        if !(full && odd(modulus) && MODULUS_BYTES.contains(&modulus.len())) {
            return Err(Weak::Modulus);
        }
        let minimal = exponent.first().is_some_and(|first| *first > 0);
        if !(minimal && odd(exponent) && EXPONENT_BYTES.contains(&exponent.len())) {
            return Err(Weak::Exponent);
        }
        Ok(Self { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
    }

    /// n.
    pub(crate) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// e.
    pub(crate) fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// Both as RSAPublicKey (RFC 8017, appendix A.1.1).
    pub(crate) fn public_key(&self) -> Vec<u8> {
        der::tlv(der::SEQUENCE, &[der::unsigned(&self.modulus), der::unsigned(&self.exponent)].concat())
    }
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017, appendix A.1.1) that fills the bytes, without leading zeros, and not judged.
pub(crate) fn read_public_key(bytes: &[u8]) -> Result<(&[u8], &[u8]), der::Error> {
    let mut numbers = Der::only(bytes, der::SEQUENCE)?.inside();
    let both = (numbers.unsigned()?, numbers.unsigned()?);
    numbers.finished()?;
    Ok(both)
}

#[cfg(test)]
mod tests;
