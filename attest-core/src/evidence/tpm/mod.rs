//! TPM 2.0 structures as they come over the wire, parsed totally: every byte has a meaning and nothing trails.
//!
//! The layouts are those of *TPM 2.0 Library, Part 2: Structures*. What is parsed here is well-formed; whether a TPM made it
//! is decided in [`authenticate`](crate::authenticate).

mod attest;
mod public;
mod selection;
mod signature;

pub use attest::{Attest, ClockInfo};
pub use public::{EccCurve, ObjectAttributes, Public, PublicKey, Symmetric};
pub use selection::{PcrMask, PcrSelection};
pub use signature::{Signature, SignatureScheme, SignatureValue, SigningAlg};

use crate::reader::{Reader, Truncated};

/// TPM_ALG_NULL: no scheme, no cipher, no key-derivation function.
const TPM_ALG_NULL: u16 = 0x0010;

/// Why bytes are not the TPM structure they were offered as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// TPMS_ATTEST.type names another structure: a certification, a creation, a time.
    #[error("type {got:#06x} is not TPM_ST_ATTEST_QUOTE")]
    AttestTypeNotQuote {
        /// The TPM_ST found.
        got: u16,
    },
    /// Two selections name the same bank.
    #[error("bank {alg} is selected twice")]
    BankDuplicate {
        /// The bank.
        alg: crate::HashAlg,
    },
    /// A selection names a hash that no PCR bank known here uses.
    #[error("bank {id:#06x} at offset {offset} is unknown")]
    BankUnknown {
        /// The TPM_ALG_ID found.
        id: u16,
        /// Where it stands.
        offset: usize,
    },
    /// The curve is neither NIST P-256 nor NIST P-384.
    #[error("curve {id:#06x} is not supported")]
    CurveUnsupported {
        /// The TPM_ECC_CURVE found.
        id: u16,
    },
    /// A hash algorithm that is not known here.
    #[error("hash algorithm {id:#06x} at offset {offset} is unknown")]
    HashUnknown {
        /// The TPM_ALG_ID found.
        id: u16,
        /// Where it stands.
        offset: usize,
    },
    /// TPMT_PUBLIC.type is neither RSA nor ECC.
    #[error("key type {id:#06x} is neither RSA nor ECC")]
    KeyTypeUnsupported {
        /// The TPM_ALG_ID found.
        id: u16,
    },
    /// The TPM did not make this structure itself.
    #[error("magic {got:#010x} is not TPM_GENERATED_VALUE")]
    MagicNotTpmGenerated {
        /// The magic found.
        got: u32,
    },
    /// The modulus is not as long as keyBits says.
    #[error("an RSA key of {bits} bits with a modulus of {bytes} bytes")]
    ModulusLength {
        /// keyBits.
        bits: u16,
        /// Length of the modulus in bytes.
        bytes: usize,
    },
    /// A sized field is longer than its type allows, or an ECC coordinate longer than its field.
    #[error("a field of {len} bytes at offset {offset}, {max} are the most")]
    Oversized {
        /// Where the field's content begins.
        offset: usize,
        /// Its length in bytes.
        len: usize,
        /// The most its type allows.
        max: usize,
    },
    /// A selection names a PCR that does not exist.
    #[error("PCR {index} of bank {alg} does not exist")]
    PcrIndexOutOfRange {
        /// The bank.
        alg: crate::HashAlg,
        /// The index, 24 or more.
        index: u32,
    },
    /// TPMS_CLOCK_INFO.safe is neither YES nor NO.
    #[error("clockInfo.safe is {got}, neither 0 nor 1")]
    SafeNotYesNo {
        /// The byte found.
        got: u8,
    },
    /// A signature or key scheme that is not known here.
    #[error("scheme {id:#06x} at offset {offset} is not supported")]
    SchemeUnsupported {
        /// The TPM_ALG_ID found.
        id: u16,
        /// Where it stands.
        offset: usize,
    },
    /// A selection's bit map is not 3 bytes, the size of 24 PCRs.
    #[error("sizeofSelect is {got}, not 3")]
    SelectSizeOutOfRange {
        /// The size found.
        got: u8,
    },
    /// More input than the limit.
    #[error("{len} bytes, the limit is {limit}")]
    TooLong {
        /// Length of the input in bytes.
        len: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// More PCR selections than the limit.
    #[error("{count} PCR selections, the limit is {limit}")]
    TooManySelections {
        /// The count claimed.
        count: u32,
        /// The limit.
        limit: usize,
    },
    /// Bytes follow the structure.
    #[error("{count} bytes follow the structure, which ends at offset {offset}")]
    TrailingBytes {
        /// Where the structure ends.
        offset: usize,
        /// How many bytes follow.
        count: usize,
    },
    /// The bytes ended too early.
    #[error(transparent)]
    Truncated(#[from] Truncated),
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AttestTypeNotQuote { .. } => "attest_type_not_quote",
            Self::BankDuplicate { .. } => "bank_duplicate",
            Self::BankUnknown { .. } => "bank_unknown",
            Self::CurveUnsupported { .. } => "curve_unsupported",
            Self::HashUnknown { .. } => "hash_unknown",
            Self::KeyTypeUnsupported { .. } => "key_type_unsupported",
            Self::MagicNotTpmGenerated { .. } => "magic_not_tpm_generated",
            Self::ModulusLength { .. } => "modulus_length",
            Self::Oversized { .. } => "oversized",
            Self::PcrIndexOutOfRange { .. } => "pcr_index_out_of_range",
            Self::SafeNotYesNo { .. } => "safe_not_yes_no",
            Self::SchemeUnsupported { .. } => "scheme_unsupported",
            Self::SelectSizeOutOfRange { .. } => "select_size_out_of_range",
            Self::TooLong { .. } => "too_long",
            Self::TooManySelections { .. } => "too_many_selections",
            Self::TrailingBytes { .. } => "trailing_bytes",
            Self::Truncated(_) => "truncated",
        }
    }
}

/// A reader over the whole input, if it is within `limit` bytes.
fn bounded(bytes: &[u8], limit: usize) -> Result<Reader<'_>, Error> {
    if bytes.len() > limit {
        return Err(Error::TooLong { len: bytes.len(), limit });
    }
    Ok(Reader::new(bytes))
}

/// The content of a TPM2B: a 16-bit size and that many bytes, `max` at the most.
fn sized<'a>(reader: &mut Reader<'a>, max: usize) -> Result<&'a [u8], Error> {
    let len = usize::from(reader.u16_be()?);
    if len > max {
        return Err(Error::Oversized { offset: reader.offset(), len, max });
    }
    Ok(reader.bytes(len)?)
}

/// Refuses anything that is left.
fn finished(reader: Reader<'_>) -> Result<(), Error> {
    match reader.rest().len() {
        0 => Ok(()),
        count => Err(Error::TrailingBytes { offset: reader.offset(), count }),
    }
}

/// A TPMI_ALG_HASH.
fn hash_alg(reader: &mut Reader<'_>) -> Result<crate::HashAlg, Error> {
    let offset = reader.offset();
    let id = reader.u16_be()?;
    crate::HashAlg::from_tpm(id).ok_or(Error::HashUnknown { id, offset })
}

#[cfg(test)]
mod tests;
