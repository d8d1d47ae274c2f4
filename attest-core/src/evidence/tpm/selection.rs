//! TPML_PCR_SELECTION (Part 2, "TPMS_PCR_SELECTION" and "TPML_PCR_SELECTION").

use core::fmt;

use super::Error;
use crate::HashAlg;
use crate::limits::Limits;
use crate::reader::{Reader, len32};

/// Bytes of a selection's bit map. A TPM for the PC Client has 24 PCRs and answers with exactly these.
const SIZE_OF_SELECT: u8 = 3;
/// PCRs that exist.
const PCR_COUNT: u32 = 24;

/// Which PCRs of which banks, in the order in which a quote hashes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PcrSelection {
    banks: Vec<(HashAlg, PcrMask)>,
}

impl PcrSelection {
    /// The selection of these banks in this order.
    ///
    /// # Errors
    /// [`Error::BankDuplicate`] when a bank stands twice.
    pub fn new(banks: impl IntoIterator<Item = (HashAlg, PcrMask)>) -> Result<Self, Error> {
        let mut selection = Self::default();
        for (alg, mask) in banks {
            selection.push(alg, mask)?;
        }
        Ok(selection)
    }

    pub(super) fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, Error> {
        let count = reader.u32_be()?;
        if len32(count) > limits.selections {
            return Err(Error::TooManySelections { count, limit: limits.selections });
        }
        let mut selection = Self::default();
        for _ in 0..count {
            let offset = reader.offset();
            let id = reader.u16_be()?;
            let alg = HashAlg::from_tpm(id).ok_or(Error::BankUnknown { id, offset })?;
            selection.push(alg, PcrMask::read(reader, alg)?)?;
        }
        Ok(selection)
    }

    fn push(&mut self, alg: HashAlg, mask: PcrMask) -> Result<(), Error> {
        if self.mask(alg).is_some() {
            return Err(Error::BankDuplicate { alg });
        }
        self.banks.push((alg, mask));
        Ok(())
    }

    /// The banks with their PCRs, in order. A bank may select nothing.
    pub fn banks(&self) -> impl ExactSizeIterator<Item = (HashAlg, PcrMask)> + '_ {
        self.banks.iter().copied()
    }

    /// Every selected PCR in the order in which a quote hashes them: bank by bank, rising within a bank.
    pub fn iter(&self) -> impl Iterator<Item = (HashAlg, u8)> + '_ {
        self.banks().flat_map(|(alg, mask)| mask.iter().map(move |pcr| (alg, pcr)))
    }

    /// The PCRs selected in this bank, if it is named.
    #[must_use]
    pub fn mask(&self, alg: HashAlg) -> Option<PcrMask> {
        self.banks().find(|(bank, _)| *bank == alg).map(|(_, mask)| mask)
    }

    /// Whether this PCR of this bank is selected.
    #[must_use]
    pub fn contains(&self, alg: HashAlg, pcr: u8) -> bool {
        self.mask(alg).is_some_and(|mask| mask.contains(pcr))
    }

    /// How many values a quote hashes.
    pub(crate) fn len(&self) -> usize {
        self.banks.iter().map(|(_, mask)| len32(mask.len())).fold(0, usize::saturating_add)
    }

    /// Whether no PCR at all is selected, whatever banks are named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.banks().all(|(_, mask)| mask.is_empty())
    }

    /// Whether both select the same PCRs. The order of the banks, and banks that select nothing, make no difference.
    #[must_use]
    pub fn selects_same(&self, other: &Self) -> bool {
        HashAlg::ALL
            .into_iter()
            .all(|alg| self.mask(alg).unwrap_or_default() == other.mask(alg).unwrap_or_default())
    }
}

/// `sha256:0,1,2+sha384:0`, the way tpm2-tools write it.
impl fmt::Display for PcrSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (alg, mask)) in self.banks().enumerate() {
            write!(f, "{}{alg}:{mask}", if nth == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

/// A set of PCRs 0–23.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PcrMask(u32);

impl PcrMask {
    /// The set of these indices; `None` if one is 24 or more.
    #[must_use]
    pub fn of(indices: impl IntoIterator<Item = u8>) -> Option<Self> {
        indices.into_iter().try_fold(Self::default(), |mask, pcr| Some(Self(mask.0 | bit(pcr)?)))
    }

    fn read(reader: &mut Reader<'_>, alg: HashAlg) -> Result<Self, Error> {
        let size = reader.u8()?;
        let map = reader.bytes(usize::from(size))?;
        // A longer map with a bit set beyond the last PCR deserves its own words.
        for (byte, bits) in (0u32..).zip(map).skip(usize::from(SIZE_OF_SELECT)) {
            if *bits != 0 {
                let index = byte.saturating_mul(8).saturating_add(bits.trailing_zeros());
                return Err(Error::PcrIndexOutOfRange { alg, index });
            }
        }
        match map {
            [low, mid, high] => Ok(Self(u32::from_le_bytes([*low, *mid, *high, 0]))),
            _ => Err(Error::SelectSizeOutOfRange { got: size }),
        }
    }

    /// The indices, rising.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..24).filter(move |pcr| self.contains(*pcr))
    }

    /// Whether this PCR is in the set.
    #[must_use]
    pub fn contains(self, pcr: u8) -> bool {
        bit(pcr).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many PCRs are in the set.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The set as bits; bit 0 is PCR 0.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

fn bit(pcr: u8) -> Option<u32> {
    let pcr = u32::from(pcr);
    if pcr < PCR_COUNT { 1u32.checked_shl(pcr) } else { None }
}

/// `0,1,2`.
impl fmt::Display for PcrMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, pcr) in self.iter().enumerate() {
            write!(f, "{}{pcr}", if nth == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
