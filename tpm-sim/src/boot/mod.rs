//! Measured boots: a list of measurements, extended into a TPM and written into an event log and an IMA list by writers of our own.

pub mod debian;
mod ima;
mod log;
mod measurement;
mod uefi;
mod userspace;

pub use ima::{ImaEntry, ImaList, ImaPlaces};
pub use log::{EventLog, EventPlaces, LogEntry};
pub use measurement::{Measured, Measurement, event_type};
pub use userspace::{UserspaceLog, UserspaceRecord};

use crate::bank::{Bank, Selection};
use crate::device::{Device, Error};

/// What a boot leaves behind for the operating system to show: both logs, still as structures, so that a liar can edit them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The firmware's event log.
    pub log: EventLog,
    /// The kernel's IMA list.
    pub ima: ImaList,
    /// systemd's log, where it runs.
    pub userspace: UserspaceLog,
}

/// A boot to be run: what firmware and boot loader measure, then the files that the kernel measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The banks that firmware extends and logs.
    pub banks: Vec<Bank>,
    /// In order.
    pub measurements: Vec<Measurement>,
    /// Path and content of each file that IMA measures, in order.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Boot {
    /// Boots: extends every measurement into the TPM and writes the logs as honest firmware and an honest kernel do.
    ///
    /// # Errors
    /// The TPM refuses an extend or a read.
    pub fn run(&self, device: &mut Device) -> Result<Record, Error> {
        let log = self.measure(device)?;
        let mut ima = ImaList::default();
        ima.push(boot_aggregate(device)?);
        for (path, content) in &self.files {
            ima.push(ImaEntry::file(path, content));
        }
        ima.extend(device, &self.banks)?;
        Ok(Record { log, ima, userspace: UserspaceLog::default() })
    }

    /// The firmware's and boot loader's part alone.
    ///
    /// # Errors
    /// The TPM refuses an extend.
    pub fn measure(&self, device: &mut Device) -> Result<EventLog, Error> {
        let mut log = EventLog::new(&self.banks);
        for measurement in &self.measurements {
            let entry = measurement.entry(&self.banks);
            if measurement.is_extended() {
                device.extend(entry.pcr, &entry.digests)?;
            }
            log.entries.push(entry);
        }
        Ok(log)
    }
}

/// IMA's first entry: SHA-256 over the sha256 PCRs 0–9, read when the kernel starts.
fn boot_aggregate(device: &mut Device) -> Result<ImaEntry, Error> {
    let values = device.read_pcrs(&Selection::new(&[Bank::Sha256], 0..=9))?;
    let values: Vec<&[u8]> = values.values().flat_map(|pcrs| pcrs.values()).map(Vec::as_slice).collect();
    // Without a sha256 bank the kernel writes zeros.
    let digest = if values.is_empty() { vec![0; Bank::Sha256.size()] } else { Bank::Sha256.hash(&values) };
    Ok(ImaEntry::new("boot_aggregate", Bank::Sha256, digest))
}
