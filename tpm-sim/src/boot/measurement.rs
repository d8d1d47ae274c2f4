//! One measurement: what is logged, and which bytes the digest covers. The two are not the same for most events.

use crate::bank::{Bank, Digests};

use super::LogEntry;

/// Event types of the TCG PC Client Platform Firmware Profile that the simulated boots use.
pub mod event_type {
    /// Never extended.
    pub const EV_NO_ACTION: u32 = 0x0000_0003;
    /// Ends the firmware's part of a PCR.
    pub const EV_SEPARATOR: u32 = 0x0000_0004;
    /// A free text.
    pub const EV_ACTION: u32 = 0x0000_0005;
    /// The firmware's version, UTF-16.
    pub const EV_S_CRTM_VERSION: u32 = 0x0000_0008;
    /// Initial program loader: GRUB and shim log under it.
    pub const EV_IPL: u32 = 0x0000_000d;
    /// A variable that configures Secure Boot.
    pub const EV_EFI_VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;
    /// BootOrder and Boot####.
    pub const EV_EFI_VARIABLE_BOOT: u32 = 0x8000_0002;
    /// A PE image started as an application.
    pub const EV_EFI_BOOT_SERVICES_APPLICATION: u32 = 0x8000_0003;
    /// The partition table.
    pub const EV_EFI_GPT_EVENT: u32 = 0x8000_0006;
    /// A defined action string.
    pub const EV_EFI_ACTION: u32 = 0x8000_0007;
    /// A firmware volume: the event holds only address and length.
    pub const EV_EFI_PLATFORM_FIRMWARE_BLOB: u32 = 0x8000_0008;
    /// The database entry that vouched for an image.
    pub const EV_EFI_VARIABLE_AUTHORITY: u32 = 0x8000_00e0;
}

/// What the digests of a measurement are taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Over the event data.
    Data,
    /// Over other bytes than those logged.
    Content(Vec<u8>),
    /// These digests, whatever the event says; a bank that is not among them gets zeros.
    Digests(Digests),
    /// Nothing: the digests are zeros and no PCR is extended.
    Nothing,
}

/// One step of a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// The PCR it goes into.
    pub pcr: u32,
    /// The event type it is logged under.
    pub event_type: u32,
    /// The event data as logged.
    pub data: Vec<u8>,
    /// What is hashed.
    pub measured: Measured,
}

impl Measurement {
    /// A measurement whose digest covers the event data.
    #[must_use]
    pub fn of_data(pcr: u32, event_type: u32, data: impl Into<Vec<u8>>) -> Measurement {
        Measurement { pcr, event_type, data: data.into(), measured: Measured::Data }
    }

    /// A measurement of content that the event only describes.
    #[must_use]
    pub fn of_content(
        pcr: u32,
        event_type: u32,
        data: impl Into<Vec<u8>>,
        content: impl Into<Vec<u8>>,
    ) -> Measurement {
        Measurement { pcr, event_type, data: data.into(), measured: Measured::Content(content.into()) }
    }

    /// The log entry that tells the truth about this measurement.
    #[must_use]
    pub fn entry(&self, banks: &[Bank]) -> LogEntry {
        let digest = |bank: Bank| match &self.measured {
            Measured::Data => bank.hash(&[&self.data]),
            Measured::Content(content) => bank.hash(&[content]),
            Measured::Digests(digests) => digests.get(&bank).cloned().unwrap_or_else(|| vec![0; bank.size()]),
            Measured::Nothing => vec![0; bank.size()],
        };
        let digests = banks.iter().map(|&bank| (bank, digest(bank))).collect();
        LogEntry { pcr: self.pcr, event_type: self.event_type, digests, data: self.data.clone() }
    }

    /// Whether a PCR is extended with it.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.measured != Measured::Nothing
    }
}
