//! A writer of crypto-agile event logs (TCG PC Client Platform Firmware Profile: TCG_PCR_EVENT for the header, TCG_PCR_EVENT2 after it).

use crate::bank::{Bank, Digests};

use super::event_type::EV_NO_ACTION;

/// One TCG_PCR_EVENT2, as logged: it may say anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// PCR index.
    pub pcr: u32,
    /// Event type.
    pub event_type: u32,
    /// One digest per bank.
    pub digests: Digests,
    /// Event data.
    pub data: Vec<u8>,
}

/// An event log as a list that can still be edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog {
    banks: Vec<Bank>,
    sha1_format: bool,
    /// The entries after the header.
    pub entries: Vec<LogEntry>,
}

impl EventLog {
    /// A log without entries for these banks.
    #[must_use]
    pub fn new(banks: &[Bank]) -> EventLog {
        EventLog { banks: banks.to_vec(), sha1_format: false, entries: Vec::new() }
    }

    /// Shows the log in the old format: TCG_PCR_EVENT without a header, SHA-1 digests only.
    pub fn show_as_sha1(&mut self) {
        self.sha1_format = true;
    }

    /// The log's bytes, header first. The default log, which has no banks, has no bytes either.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        if self.banks.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::new();
        if self.sha1_format {
            self.entries.iter().for_each(|entry| write_sha1_entry(entry, &mut out));
            return out;
        }
        let header = self.spec_id_event();
        // TCG_PCR_EVENT: PCR 0, EV_NO_ACTION, a SHA-1 digest of zeros, the event.
        out.extend(0_u32.to_le_bytes());
        out.extend(EV_NO_ACTION.to_le_bytes());
        out.extend([0; 20]);
        out.extend(length(&header));
        out.extend(header);
        for entry in &self.entries {
            self.write_entry(entry, &mut out);
        }
        out
    }

    /// TCG_EfiSpecIDEvent, version 2.0 of the crypto-agile format.
    fn spec_id_event(&self) -> Vec<u8> {
        let mut event = b"Spec ID Event03\0".to_vec();
        // platformClass: client; specVersionMinor 0, specVersionMajor 2, specErrata 0; uintnSize 2 means 64 bits.
        event.extend([0, 0, 0, 0, 0, 2, 0, 2]);
        event.extend(u32::try_from(self.banks.len()).unwrap_or(u32::MAX).to_le_bytes());
        for bank in &self.banks {
            event.extend(bank.alg_id().to_le_bytes());
            event.extend(u16::try_from(bank.size()).unwrap_or(u16::MAX).to_le_bytes());
        }
        // vendorInfoSize
        event.push(0);
        event
    }

    fn write_entry(&self, entry: &LogEntry, out: &mut Vec<u8>) {
        out.extend(entry.pcr.to_le_bytes());
        out.extend(entry.event_type.to_le_bytes());
        out.extend(u32::try_from(entry.digests.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (bank, digest) in &entry.digests {
            out.extend(bank.alg_id().to_le_bytes());
            out.extend(digest);
        }
        out.extend(length(&entry.data));
        out.extend(&entry.data);
    }
}

fn write_sha1_entry(entry: &LogEntry, out: &mut Vec<u8>) {
    out.extend(entry.pcr.to_le_bytes());
    out.extend(entry.event_type.to_le_bytes());
    out.extend(entry.digests.get(&Bank::Sha1).cloned().unwrap_or_else(|| vec![0; Bank::Sha1.size()]));
    out.extend(length(&entry.data));
    out.extend(&entry.data);
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}
