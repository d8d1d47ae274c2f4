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

/// Where the parts of a logged event stand, in bytes from the log's begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPlaces {
    /// Its PCR index, with which it begins.
    pub pcr: usize,
    /// The number of its digests.
    pub digest_count: usize,
    /// The size of its data.
    pub data_size: usize,
    /// The first byte after it.
    pub end: usize,
}

/// An event log as a list that can still be edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog {
    banks: Vec<Bank>,
    sha1_format: bool,
    shown: Option<Vec<u8>>,
    /// The entries after the header.
    pub entries: Vec<LogEntry>,
}

impl EventLog {
    /// A log without entries for these banks.
    #[must_use]
    pub fn new(banks: &[Bank]) -> EventLog {
        EventLog { banks: banks.to_vec(), ..EventLog::default() }
    }

    /// Shows the log in the old format: TCG_PCR_EVENT without a header, SHA-1 digests only.
    pub fn show_as_sha1(&mut self) {
        self.sha1_format = true;
    }

    /// Shows these bytes in the place of those that the entries give.
    pub fn show(&mut self, bytes: Vec<u8>) {
        self.shown = Some(bytes);
    }

    /// Where the entries stand in the log's bytes, in the crypto-agile format.
    #[must_use]
    pub fn places(&self) -> Vec<EventPlaces> {
        let mut bytes = self.header();
        let place = |entry: &LogEntry| {
            let pcr = bytes.len();
            self.write_entry(entry, &mut bytes);
            let end = bytes.len();
            EventPlaces { pcr, digest_count: pcr + 8, data_size: end - entry.data.len() - 4, end }
        };
        self.entries.iter().map(place).collect()
    }

    /// The log's bytes, header first. The default log, which has no banks, has no bytes either.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(shown) = &self.shown {
            return shown.clone();
        }
        if self.banks.is_empty() {
            return Vec::new();
        }
        if self.sha1_format {
            let mut out = Vec::new();
            self.entries.iter().for_each(|entry| write_sha1_entry(entry, &mut out));
            return out;
        }
        let mut out = self.header();
        for entry in &self.entries {
            self.write_entry(entry, &mut out);
        }
        out
    }

    /// The first event: TCG_PCR_EVENT with PCR 0, EV_NO_ACTION, a SHA-1 digest of zeros, TCG_EfiSpecIDEvent.
    fn header(&self) -> Vec<u8> {
        let event = self.spec_id_event();
        let mut out = [0_u32.to_le_bytes(), EV_NO_ACTION.to_le_bytes()].concat();
        out.extend([0; 20]);
        out.extend(length(&event));
        out.extend(event);
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
