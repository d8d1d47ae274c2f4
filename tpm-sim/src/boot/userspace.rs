//! A writer of systemd's log, `tpm2-measure.log`: JSON texts after a record separator, fields in systemd's order.

use std::fmt::Write as _;

use crate::bank::{Bank, Digests};
use crate::device::{Device, Error};

/// One record, as logged: it may say anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserspaceRecord {
    /// PCR index.
    pub pcr: u32,
    /// One digest per bank.
    pub digests: Digests,
    /// The measured text.
    pub string: String,
    /// `phase`, `machine-id` …
    pub event_type: String,
}

/// systemd's log, which can still be edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserspaceLog {
    shown: Option<Vec<u8>>,
    /// In order.
    pub records: Vec<UserspaceRecord>,
}

impl UserspaceRecord {
    /// The record that tells the truth about a measured text.
    #[must_use]
    pub fn new(banks: &[Bank], pcr: u32, event_type: &str, string: &str) -> UserspaceRecord {
        let digests = banks.iter().map(|&bank| (bank, bank.hash(&[string.as_bytes()]))).collect();
        UserspaceRecord { pcr, digests, string: string.to_owned(), event_type: event_type.to_owned() }
    }
}

impl UserspaceLog {
    /// Measures as systemd does: extends, then writes.
    ///
    /// # Errors
    /// The TPM refuses the extend.
    pub fn measure(
        &mut self,
        device: &mut Device,
        banks: &[Bank],
        pcr: u32,
        event_type: &str,
        string: &str,
    ) -> Result<(), Error> {
        let record = UserspaceRecord::new(banks, pcr, event_type, string);
        device.extend(pcr, &record.digests)?;
        self.records.push(record);
        Ok(())
    }

    /// Shows these bytes in the place of those that the records give.
    pub fn show(&mut self, bytes: Vec<u8>) {
        self.shown = Some(bytes);
    }

    /// The log's bytes; none where systemd measured nothing.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if self.shown.is_some() {
            return self.shown.clone();
        }
        let mut out = String::new();
        for (at, record) in self.records.iter().enumerate() {
            let digest = |(bank, digest): (&Bank, &Vec<u8>)| {
                format!("{{\"hashAlg\":\"{}\",\"digest\":\"{}\"}}", bank.name(), hex::encode(digest))
            };
            let digests: Vec<String> = record.digests.iter().map(digest).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "\u{1e}{{\"pcr\":{},\"digests\":[{}],\"content_type\":\"systemd\",\"content\":{{\"string\":{},\
                 \"bootId\":\"48d3c4b6611142c98624a3972a6c0ccf\",\"timestamp\":{},\"eventType\":{}}}}}",
                record.pcr,
                digests.join(","),
                serde_json::Value::from(record.string.as_str()),
                4_400_000 + 310_000 * at,
                serde_json::Value::from(record.event_type.as_str()),
            );
        }
        (!out.is_empty()).then(|| out.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_as_systemd_writes_it() {
        let record = UserspaceRecord::new(&[Bank::Sha256], 11, "phase", "enter-initrd");
        let log = UserspaceLog { records: vec![record], ..UserspaceLog::default() };
        let expected = "\u{1e}{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\
                        \"51e6b92f405d1f98d96e3de343d61d420ad6923b25de21d766f9298192f14fed\"}],\"content_type\":\"systemd\",\
                        \"content\":{\"string\":\"enter-initrd\",\"bootId\":\"48d3c4b6611142c98624a3972a6c0ccf\",\
                        \"timestamp\":4400000,\"eventType\":\"phase\"}}\n";
        assert_eq!(String::from_utf8(log.bytes().unwrap()).unwrap(), expected);
        assert_eq!(UserspaceLog::default().bytes(), None);
    }
}
