//! The log of user space: what systemd, or another that keeps a canonical event log, extended after the firmware had handed over.
//!
//! systemd writes `/run/log/systemd/tpm2-measure.log` as a sequence of JSON texts (RFC 7464), each almost a record of a canonical event log
//! in JSON. A canonical event log comes in TLV, JSON or CBOR. The first byte tells which one it is.

mod finding;
mod systemd;

#[cfg(test)]
mod tests;

pub use super::cel::{Content, Error, ErrorKind, Record, Register};
pub use finding::{Finding, FindingKind};

use super::cel;
use crate::Limits;

/// The phases that systemd measures into PCR 11 on the way up and down, in their order (systemd-pcrphase.service(8)).
pub(crate) const PHASES: [&str; 6] =
    ["enter-initrd", "leave-initrd", "sysinit", "ready", "shutdown", "final"];

/// In which form a log came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// systemd's: JSON texts, each after a record separator.
    Systemd,
    /// A canonical event log in TLV.
    CelTlv,
    /// A canonical event log in JSON.
    CelJson,
    /// A canonical event log in CBOR.
    CelCbor,
}

impl Format {
    /// As JSON and people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::CelTlv => "cel-tlv",
            Self::CelJson => "cel-json",
            Self::CelCbor => "cel-cbor",
        }
    }

    /// The format that begins with this byte, if one does.
    #[must_use]
    pub const fn of(first: u8) -> Option<Self> {
        match first {
            systemd::RECORD_SEPARATOR => Some(Self::Systemd),
            // The number of the first record.
            0 => Some(Self::CelTlv),
            b'[' | b' ' | b'\t' | b'\r' | b'\n' => Some(Self::CelJson),
            // An array of records, or the first record, a map.
            0x80..=0xbf => Some(Self::CelCbor),
            _ => None,
        }
    }
}

/// A well-formed log of user space. Nothing in it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserspaceLog {
    format: Format,
    records: Vec<Record>,
    findings: Vec<Finding>,
}

impl UserspaceLog {
    /// Reads a log in whichever form it comes. No bytes at all are a log without records, and a finding.
    ///
    /// # Errors
    /// [`Error`], with the offset and the record. A record cut short is malformed.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let format = match bytes.first() {
            None => Format::Systemd,
            Some(first) => {
                let unknown = || ErrorKind::FormatUnknown { first: *first }.at(0, 0);
                Format::of(*first).ok_or_else(unknown)?
            }
        };
        let records = match format {
            Format::Systemd => systemd::parse(bytes, limits)?,
            Format::CelTlv => cel::parse_tlv(bytes, limits)?,
            Format::CelJson => cel::parse_json(bytes, limits)?,
            Format::CelCbor => cel::parse_cbor(bytes, limits)?,
        };
        let findings = finding::inspect(&records, limits);
        Ok(Self { format, records, findings })
    }

    /// In which form it came.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Every record, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What is odd or wrong in it, in order of the records.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The records that extended this PCR, in order.
    pub fn extends(&self, pcr: u8) -> impl Iterator<Item = &Record> + Clone {
        self.records.iter().filter(move |record| record.pcr() == Some(pcr) && record.is_extended())
    }
}
