//! The tree of measurements inside one of Windows' tagged events.

use core::fmt;

use super::super::firmware::looks_utf16;
use crate::evidence::text::{Hex, Utf16};
use crate::reader::{Reader, len32};

/// One measurement: a number that says what it is, and its value or further measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sipa<'a> {
    /// SIPAEVENT_… of the Windows SDK's `wbcl.h`.
    pub kind: u32,
    /// Its value.
    pub data: &'a [u8],
}

/// The measurements of an event's data, those inside containers too, in their order; stops at the first that does not fit.
#[derive(Clone, Debug)]
pub struct SipaEvents<'a> {
    levels: [Reader<'a>; DEPTH],
    level: usize,
    malformed: bool,
}

/// Containers within containers. Real logs have three; each level costs its bytes once more.
const DEPTH: usize = 6;

const NONMEASURED: u32 = 0x8000_0000;
const AGGREGATION: u32 = 0x4000_0000;
/// The bits of the category: container 1, information 2, error 3 … DRTM 12.
const CATEGORY: u32 = 0x000f_0000;

impl<'a> SipaEvents<'a> {
    /// The measurements in an event's data.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Self {
        let mut levels = [Reader::new(&[]); DEPTH];
        if let Some(first) = levels.first_mut() {
            *first = Reader::new(data);
        }
        Self { levels, level: 0, malformed: false }
    }

    /// Whether the data begins as Windows' tagged events do: a known category, and no other bits.
    #[must_use]
    pub fn is_one(data: &[u8]) -> bool {
        let Some((kind, _)) = data.split_first_chunk::<4>() else { return false };
        let kind = u32::from_le_bytes(*kind) & !(NONMEASURED | AGGREGATION);
        kind & CATEGORY != 0 && kind & !(CATEGORY | 0xffff) == 0
    }

    /// Whether some bytes were no measurement; asked after the last one.
    #[must_use]
    pub const fn is_malformed(&self) -> bool {
        self.malformed
    }

    fn read(&mut self) -> Option<Sipa<'a>> {
        let reader = self.levels.get_mut(self.level)?;
        let kind = reader.u32_le().ok()?;
        let size = len32(reader.u32_le().ok()?);
        let data = reader.bytes(size).ok()?;
        if kind & AGGREGATION != 0 {
            self.level = self.level.saturating_add(1);
            *self.levels.get_mut(self.level)? = Reader::new(data);
        }
        Some(Sipa { kind, data })
    }
}

impl<'a> Iterator for SipaEvents<'a> {
    type Item = Sipa<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.malformed && self.levels.get(self.level)?.is_empty() {
            self.level = self.level.checked_sub(1)?;
        }
        if self.malformed {
            return None;
        }
        let read = self.read();
        self.malformed = read.is_none();
        read
    }
}

impl<'a> Sipa<'a> {
    /// A switch: one byte.
    #[must_use]
    pub const fn switch(&self) -> Option<bool> {
        match self.data {
            [0] => Some(false),
            [_] => Some(true),
            _ => None,
        }
    }

    /// A number of four or eight bytes.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match self.data.len() {
            4 => self.data.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes))),
            8 => self.data.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
            _ => None,
        }
    }

    /// Text in UTF-16.
    #[must_use]
    pub const fn text(&self) -> Utf16<'a> {
        Utf16(self.data)
    }

    /// Its name in words, if it is known.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        NAMES.iter().find(|(kind, _)| *kind == self.kind).map(|(_, name)| *name)
    }

    /// Whether a finding or what is said of the boot may stand on it.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        self.nth_telling().is_some()
    }

    /// Which of the kinds that tell something it is.
    pub(super) fn nth_telling(&self) -> Option<usize> {
        TELLING.iter().position(|kind| *kind == self.kind)
    }

    /// Whether it only holds others.
    #[must_use]
    pub const fn is_container(&self) -> bool {
        self.kind & AGGREGATION != 0
    }
}

/// Name and value, harmless in a terminal.
impl fmt::Display for Sipa<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{:#010x}", self.kind)?,
        }
        let (units, odd) = self.data.as_chunks::<2>();
        if self.is_container() || self.data.is_empty() {
            Ok(())
        } else if self.kind == BITLOCKER_UNLOCK {
            write!(f, " {}", super::Unlock(self.number().unwrap_or_default()))
        } else if let Some(on) = self.switch() {
            f.write_str(if on { " on" } else { " off" })
        } else if odd.is_empty() && looks_utf16(units) {
            write!(f, " {}", self.text())
        } else if let Some(number) = self.number() {
            write!(f, " {number}")
        } else {
            write!(f, " {}", Hex(self.data))
        }
    }
}

/// The kinds of measurement that a finding or what is said of the boot stands on.
pub(super) const TELLING: [u32; 16] = [
    BITLOCKER_UNLOCK,
    BOOT_DEBUGGING,
    BOOT_REVOCATION_LIST,
    KERNEL_DEBUGGING,
    CODE_INTEGRITY,
    TEST_SIGNING,
    DATA_EXECUTION_PREVENTION,
    SAFE_MODE,
    WINPE,
    HYPERVISOR_LAUNCH_TYPE,
    HYPERVISOR_DEBUGGING,
    VSM_LAUNCH_TYPE,
    OS_REVOCATION_LIST,
    FLIGHT_SIGNING,
    ELAM_DRIVER,
    HVCI_POLICY,
];

pub(super) const BOOT_COUNTER: u32 = 0x0002_0002;
pub(super) const BITLOCKER_UNLOCK: u32 = 0x0002_0005;
pub(super) const BOOT_DEBUGGING: u32 = 0x0004_0001;
pub(super) const BOOT_REVOCATION_LIST: u32 = 0x0004_0002;
pub(super) const KERNEL_DEBUGGING: u32 = 0x0005_0001;
pub(super) const CODE_INTEGRITY: u32 = 0x0005_0002;
pub(super) const TEST_SIGNING: u32 = 0x0005_0003;
pub(super) const DATA_EXECUTION_PREVENTION: u32 = 0x0005_0004;
pub(super) const SAFE_MODE: u32 = 0x0005_0005;
pub(super) const WINPE: u32 = 0x0005_0006;
pub(super) const HYPERVISOR_LAUNCH_TYPE: u32 = 0x0005_000a;
pub(super) const HYPERVISOR_DEBUGGING: u32 = 0x0005_000d;
pub(super) const VSM_LAUNCH_TYPE: u32 = 0x0005_0012;
pub(super) const OS_REVOCATION_LIST: u32 = 0x0005_0013;
pub(super) const FLIGHT_SIGNING: u32 = 0x0005_0021;
pub(super) const MODULE_PATH: u32 = 0x0007_0001;
pub(super) const ELAM_DRIVER: u32 = 0x0009_0001;
pub(super) const HVCI_POLICY: u32 = 0x000a_0007;

/// Names by number (`wbcl.h`).
const NAMES: &[(u32, &str)] = &[
    (0x4001_0001, "trust boundary"),
    (0x4001_0002, "ELAM"),
    (0x4001_0003, "module"),
    (0xc001_0004, "trust point"),
    (0x4001_0005, "KSR"),
    (0x4001_0006, "KSR signed measurement"),
    (0x0002_0001, "information"),
    (BOOT_COUNTER, "boot counter"),
    (0x0002_0003, "transfer of control"),
    (0x0002_0004, "application returned"),
    (BITLOCKER_UNLOCK, "BitLocker"),
    (0x0002_0006, "event counter"),
    (0x0002_0007, "counter id"),
    (0x0002_0008, "MOR bit not cancelable"),
    (0x0002_0009, "application SVN"),
    (0x0002_000a, "SVN chain status"),
    (0x0002_000b, "MOR API status"),
    (0x0002_000c, "IDK generation status"),
    (0x0003_0001, "firmware failure"),
    (0x8003_0002, "TPM failure"),
    (0x0003_0003, "internal failure"),
    (0x8003_0004, "KSR failure"),
    (BOOT_DEBUGGING, "boot debugging"),
    (BOOT_REVOCATION_LIST, "boot revocation list"),
    (KERNEL_DEBUGGING, "kernel debugging"),
    (CODE_INTEGRITY, "Code Integrity"),
    (TEST_SIGNING, "test signing"),
    (DATA_EXECUTION_PREVENTION, "data execution prevention policy"),
    (SAFE_MODE, "safe mode"),
    (WINPE, "WinPE"),
    (0x0005_0007, "physical address extension"),
    (0x0005_0008, "OS device"),
    (0x0005_0009, "system root"),
    (HYPERVISOR_LAUNCH_TYPE, "hypervisor launch type"),
    (0x0005_000b, "hypervisor"),
    (0x0005_000c, "hypervisor IOMMU policy"),
    (HYPERVISOR_DEBUGGING, "hypervisor debugging"),
    (0x0005_000e, "driver load policy"),
    (0x0005_000f, "Code Integrity policy"),
    (0x0005_0010, "hypervisor MMIO NX policy"),
    (0x0005_0011, "hypervisor MSR filter policy"),
    (VSM_LAUNCH_TYPE, "VSM launch type"),
    (OS_REVOCATION_LIST, "OS revocation list"),
    (0x0005_0014, "SMT status"),
    (0x0005_0020, "VSM identity key"),
    (FLIGHT_SIGNING, "flight signing"),
    (0x0005_0022, "page file encryption"),
    (0x0005_0023, "VSM identity signing key"),
    (0x0005_0024, "hibernation disabled"),
    (0x0005_0025, "dumps disabled"),
    (0x0005_0026, "dump encryption"),
    (0x0005_0027, "dump encryption key"),
    (0x0005_0028, "LSA isolation"),
    (0x0005_0029, "Secure Boot custom policy"),
    (0x0005_0030, "hypervisor boot DMA protection"),
    (0x0005_0031, "Code Integrity policy signer"),
    (0x0005_0032, "Code Integrity policy update signer"),
    (0x0006_0001, "no authority"),
    (0x0006_0002, "authority key"),
    (MODULE_PATH, "path"),
    (0x0007_0002, "size"),
    (0x0007_0003, "hash algorithm"),
    (0x0007_0004, "Authenticode"),
    (0x0007_0005, "issuer"),
    (0x0007_0006, "serial number"),
    (0x0007_0007, "base"),
    (0x0007_0008, "publisher"),
    (0x0007_0009, "SHA-1 thumbprint"),
    (0x0007_000a, "validated"),
    (0x0007_000b, "SVN"),
    (0x8008_0001, "quote"),
    (0x8008_0002, "quote signature"),
    (0x8008_0003, "AIK"),
    (0x8008_0004, "AIK digest"),
    (ELAM_DRIVER, "driver"),
    (0x0009_0002, "configuration"),
    (0x0009_0003, "policy"),
    (0x0009_0004, "measured"),
    (0x000a_0001, "VSM required"),
    (0x000a_0002, "VBS requires Secure Boot"),
    (0x000a_0003, "VBS requires IOMMU"),
    (0x000a_0004, "VBS requires MMIO NX"),
    (0x000a_0005, "VBS requires MSR filtering"),
    (0x000a_0006, "VBS mandatory"),
    (HVCI_POLICY, "HVCI policy"),
    (0x000a_0008, "VBS requires Microsoft's boot chain"),
    (0x000a_000a, "VSM no secrets enforced"),
    (0x000b_0001, "KSR signature"),
    (0x000c_0001, "DRTM state authorization"),
    (0x000c_0002, "DRTM SMM level"),
];
