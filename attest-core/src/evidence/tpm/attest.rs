//! TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (Part 2, "Attestation Structures").

use super::{Error, PcrSelection, bounded, finished, sized};
use crate::limits::Limits;
use crate::reader::Reader;

/// TPM_GENERATED_VALUE: `0xff` and "TCG". A restricted key signs foreign data only if it does not begin with it.
const TPM_GENERATED_VALUE: u32 = 0xff54_4347;
/// TPM_ST_ATTEST_QUOTE.
const TPM_ST_ATTEST_QUOTE: u16 = 0x8018;
/// The largest TPM2B_NAME and TPM2B_DATA: an algorithm identifier and the largest digest.
const TPMT_HA_MAX: usize = 66;
/// The largest TPM2B_DIGEST.
const DIGEST_MAX: usize = 64;

/// A quote as the TPM signed it: parsed, not believed. See [`authenticate::quote`](crate::authenticate::quote) for the step to belief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attest<'a> {
    raw: &'a [u8],
    qualified_signer: &'a [u8],
    extra_data: &'a [u8],
    clock_info: ClockInfo,
    firmware_version: u64,
    selection: PcrSelection,
    pcr_digest: &'a [u8],
}

/// TPMS_CLOCK_INFO. For keys outside the endorsement and platform hierarchies the TPM obfuscates the two counters, and the
/// firmware version, by values that are constant for one key: compare them within one key only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockInfo {
    /// Milliseconds that this TPM was powered since its clock was last set.
    pub clock: u64,
    /// TPM resets since the last TPM2_Clear.
    pub reset_count: u32,
    /// Restarts and resumes since the last reset.
    pub restart_count: u32,
    /// Whether no value of `clock` greater than this was reported before.
    pub safe: bool,
}

impl<'a> Attest<'a> {
    /// Reads a TPMS_ATTEST, which must be a quote and must fill `bytes`.
    ///
    /// # Errors
    /// [`Error`] says which field is not what Part 2 asks for. An empty PCR selection is read: it is refused when the quote
    /// is authenticated.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut reader = bounded(bytes, limits.attest_bytes)?;
        let magic = reader.u32_be()?;
        if magic != TPM_GENERATED_VALUE {
            return Err(Error::MagicNotTpmGenerated { got: magic });
        }
        let kind = reader.u16_be()?;
        if kind != TPM_ST_ATTEST_QUOTE {
            return Err(Error::AttestTypeNotQuote { got: kind });
        }
        let attest = Self {
            raw: bytes,
            qualified_signer: sized(&mut reader, TPMT_HA_MAX)?,
            extra_data: sized(&mut reader, TPMT_HA_MAX)?,
            clock_info: ClockInfo::read(&mut reader)?,
            firmware_version: reader.u64_be()?,
            selection: PcrSelection::read(&mut reader, limits)?,
            pcr_digest: sized(&mut reader, DIGEST_MAX)?,
        };
        finished(reader)?;
        Ok(attest)
    }

    /// The bytes that are signed: the whole structure.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The qualified name of the signing key: a name algorithm and a digest over all its ancestors' names and its own
    /// (Part 1, "Names"). Empty if the TPM signed with no key.
    #[must_use]
    pub const fn qualified_signer(&self) -> &'a [u8] {
        self.qualified_signer
    }

    /// The caller's qualifying data: our nonce.
    #[must_use]
    pub const fn extra_data(&self) -> &'a [u8] {
        self.extra_data
    }

    /// Clock and counters at the quote.
    #[must_use]
    pub const fn clock_info(&self) -> ClockInfo {
        self.clock_info
    }

    /// The vendor's number for the TPM's firmware.
    #[must_use]
    pub const fn firmware_version(&self) -> u64 {
        self.firmware_version
    }

    /// The PCRs that [`pcr_digest`](Self::pcr_digest) is over, in the order in which they were hashed.
    #[must_use]
    pub const fn selection(&self) -> &PcrSelection {
        &self.selection
    }

    /// The digest of the selected PCRs' concatenated values, by the hash of the *signing scheme*.
    #[must_use]
    pub const fn pcr_digest(&self) -> &'a [u8] {
        self.pcr_digest
    }
}

impl ClockInfo {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            clock: reader.u64_be()?,
            reset_count: reader.u32_be()?,
            restart_count: reader.u32_be()?,
            safe: match reader.u8()? {
                0 => false,
                1 => true,
                got => return Err(Error::SafeNotYesNo { got }),
            },
        })
    }
}
