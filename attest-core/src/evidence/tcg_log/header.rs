//! The Spec ID event: which algorithms a crypto-agile log carries.

use super::error::{Error, ErrorKind, truncated};
use crate::digest::HashAlg;
use crate::limits::Limits;
use crate::reader::{Reader, len32};

/// The first 16 bytes of a crypto-agile log's header (TCG PC Client Platform Firmware Profile, TCG_EfiSpecIDEvent).
pub const SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecId<'a> {
    /// 0 for clients, 1 for servers.
    pub platform_class: u32,
    /// Version of the specification: major, minor, errata.
    pub version: (u8, u8, u8),
    /// The vendor's own bytes.
    pub vendor_info: &'a [u8],
    /// TPM_ALG_ID and digest size, four bytes each, checked: no repeats, sizes that belong to the algorithms.
    pub(super) table: &'a [u8],
}

/// A digest of an unknown algorithm is skipped by the header's size for it; no hash in the TCG registry is longer.
const LONGEST_DIGEST: u16 = 64;

impl<'a> SpecId<'a> {
    /// Parses the data of event 0, from after its signature to its end.
    pub(super) fn parse(mut reader: Reader<'a>, event: u32, limits: &Limits) -> Result<Self, Error> {
        let short = |short| truncated(short, event);
        let platform_class = reader.u32_le().map_err(short)?;
        let [minor, major, errata, _uintn_size] = reader.array().map_err(short)?;
        let at = reader.offset();
        let (count, most) = (reader.u32_le().map_err(short)?, limits.event_log_algorithms);
        if count == 0 || len32(count) > most {
            return Err(ErrorKind::AlgorithmCount { count, most }.at(at, event));
        }
        let at = reader.offset();
        let table = reader.bytes(len32(count).saturating_mul(4)).map_err(short)?;
        check_table(table).map_err(|kind| kind.at(at, event))?;
        let vendor_info_size = reader.u8().map_err(short)?;
        let vendor_info = reader.bytes(usize::from(vendor_info_size)).map_err(short)?;
        if !reader.is_empty() {
            return Err(ErrorKind::HeaderTrailing { len: reader.rest().len() }.at(reader.offset(), event));
        }
        Ok(Self { platform_class, version: (major, minor, errata), vendor_info, table })
    }

    /// The banks of known algorithms, in the header's order.
    pub fn banks(&self) -> impl Iterator<Item = HashAlg> + use<'a> {
        self.algorithms().filter_map(|(id, _)| HashAlg::from_tpm(id))
    }

    /// TPM_ALG_ID and digest size of every bank, unknown algorithms too.
    pub fn algorithms(&self) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        entries(self.table)
    }
}

/// The header's table: TPM_ALG_ID and digest size.
pub(super) fn entries(table: &[u8]) -> impl Iterator<Item = (u16, u16)> {
    let (rows, _) = table.as_chunks::<4>();
    rows.iter().map(|[a, b, c, d]| (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d])))
}

/// The place of an algorithm in the header's table, and its digest size.
pub(super) fn position_in(table: &[u8], id: u16) -> Option<(usize, usize)> {
    let mut rows = entries(table).enumerate();
    rows.find(|(_, (known, _))| *known == id).map(|(at, (_, size))| (at, usize::from(size)))
}

fn check_table(table: &[u8]) -> Result<(), ErrorKind> {
    for (at, (id, size)) in entries(table).enumerate() {
        // `position_in` finds the first row of an algorithm: another row before this one is a repeat.
        if position_in(table, id).is_some_and(|(first, _)| first != at) {
            return Err(ErrorKind::AlgorithmRepeated { id });
        }
        let right = match HashAlg::from_tpm(id) {
            Some(alg) => usize::from(size) == alg.size(),
            None => (1..=LONGEST_DIGEST).contains(&size),
        };
        if !right {
            return Err(ErrorKind::AlgorithmSize { id, size });
        }
    }
    Ok(())
}
