//! One event and its digests, as they stand in the log.

use core::fmt;

use super::header::position_in;
use crate::digest::{Digest, HashAlg};

/// One measurement as the log tells it (TCG PC Client Platform Firmware Profile, TCG_PCR_EVENT and TCG_PCR_EVENT2).
///
/// Only the digests are proven by a quote. The type is in no hash at all, the data only where its digest covers it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its place in the log; 0 is the header.
    pub index: u32,
    /// Where it begins, in bytes from the start of the input.
    pub offset: usize,
    /// The register as the log has it: a PCR, in a CCEL log a measurement register; 0xFFFFFFFF in some Windows events.
    pub pcr: u32,
    /// What it claims to be.
    pub event_type: EventType,
    /// Its data, not interpreted.
    pub data: &'a [u8],
    pub(super) digests: Digests<'a>,
}

impl<'a> Event<'a> {
    /// Its digests of known algorithms, in the order of the log.
    pub fn digests(&self) -> impl Iterator<Item = (HashAlg, &'a [u8])> + Clone + use<'a> {
        self.digests.filter_map(|(id, digest)| Some((HashAlg::from_tpm(id)?, digest)))
    }

    /// All its digests by TPM_ALG_ID, those of unknown algorithms too.
    #[must_use]
    pub const fn raw_digests(&self) -> Digests<'a> {
        self.digests
    }

    /// Its digest in this bank, if it has one.
    #[must_use]
    pub fn digest(&self, alg: HashAlg) -> Option<&'a [u8]> {
        let wanted = alg.tpm_id();
        let mut digests = self.digests;
        digests.find(|(id, _)| *id == wanted).map(|(_, digest)| digest)
    }

    /// Its digest in this bank as a [`Digest`].
    #[must_use]
    pub fn typed_digest(&self, alg: HashAlg) -> Option<Digest> {
        Digest::new(alg, self.digest(alg)?)
    }

    /// Its strongest bank of a known algorithm.
    #[must_use]
    pub fn strongest(&self) -> Option<HashAlg> {
        self.digests().map(|(alg, _)| alg).max_by_key(|alg| alg.strength())
    }

    /// Whether the firmware extended a register with it: everything but EV_NO_ACTION, in a register that exists.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.event_type != EventType::NO_ACTION && self.pcr < crate::evidence::tcg_log::PCRS
    }

    /// Whether it ends the firmware's part of its register: by its type, or by what it extended, whatever its type says.
    #[must_use]
    pub fn is_separator(&self) -> bool {
        self.event_type == EventType::SEPARATOR || super::inspect::extends_a_separator(self)
    }

    /// Whether a digest of it is not all zeros.
    #[must_use]
    pub fn has_digest(&self) -> bool {
        let mut digests = self.digests;
        digests.any(|(_, digest)| digest.iter().any(|byte| *byte != 0))
    }
}

/// The digests of one event: TPM_ALG_ID and bytes. Its sizes were checked when the log was parsed.
#[derive(Clone, Copy, Debug)]
pub struct Digests<'a> {
    pub(super) list: &'a [u8],
    /// The header's table of TPM_ALG_ID and size, without rows that were used; `None` in a SHA-1 log, whose only digest has no identifier.
    pub(super) table: Option<&'a [u8]>,
}

impl<'a> Iterator for Digests<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let Some(table) = self.table else {
            let digest = core::mem::take(&mut self.list);
            return (!digest.is_empty()).then_some((HashAlg::Sha1.tpm_id(), digest));
        };
        let (id, rest) = self.list.split_first_chunk::<2>()?;
        let id = u16::from_le_bytes(*id);
        // Firmware keeps the table's order, so the first row is the one wanted; used once, no digest asks for it again.
        let size = match table.split_first_chunk::<4>() {
            Some(([low, high, size @ ..], others)) if u16::from_le_bytes([*low, *high]) == id => {
                self.table = Some(others);
                u16::from_le_bytes(*size).into()
            }
            _ => position_in(table, id)?.1,
        };
        let (digest, rest) = rest.split_at_checked(size)?;
        self.list = rest;
        Some((id, digest))
    }
}

/// An event type. It is in no hash: whoever writes the log chooses it freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(pub u32);

macro_rules! event_types {
    ($($name:ident $code:literal;)*) => {
        #[expect(missing_docs, reason = "the names are those of the specification, without EV_")]
        impl EventType {
            $(pub const $name: Self = Self($code);)*

            /// Its name in the TCG PC Client Platform Firmware Profile (`EV_SEPARATOR`), if it has one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                Some(match self.0 {
                    $($code => concat!("EV_", stringify!($name)),)*
                    _ => return None,
                })
            }

            /// The type of this [`name`](Self::name).
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name.strip_prefix("EV_")? {
                    $(stringify!($name) => Some(Self($code)),)*
                    _ => None,
                }
            }
        }
    };
}

event_types! {
    PREBOOT_CERT 0x0;
    POST_CODE 0x1;
    UNUSED 0x2;
    NO_ACTION 0x3;
    SEPARATOR 0x4;
    ACTION 0x5;
    EVENT_TAG 0x6;
    S_CRTM_CONTENTS 0x7;
    S_CRTM_VERSION 0x8;
    CPU_MICROCODE 0x9;
    PLATFORM_CONFIG_FLAGS 0xa;
    TABLE_OF_DEVICES 0xb;
    COMPACT_HASH 0xc;
    IPL 0xd;
    IPL_PARTITION_DATA 0xe;
    NONHOST_CODE 0xf;
    NONHOST_CONFIG 0x10;
    NONHOST_INFO 0x11;
    OMIT_BOOT_DEVICE_EVENTS 0x12;
    POST_CODE2 0x13;
    EFI_EVENT_BASE 0x8000_0000;
    EFI_VARIABLE_DRIVER_CONFIG 0x8000_0001;
    EFI_VARIABLE_BOOT 0x8000_0002;
    EFI_BOOT_SERVICES_APPLICATION 0x8000_0003;
    EFI_BOOT_SERVICES_DRIVER 0x8000_0004;
    EFI_RUNTIME_SERVICES_DRIVER 0x8000_0005;
    EFI_GPT_EVENT 0x8000_0006;
    EFI_ACTION 0x8000_0007;
    EFI_PLATFORM_FIRMWARE_BLOB 0x8000_0008;
    EFI_HANDOFF_TABLES 0x8000_0009;
    EFI_PLATFORM_FIRMWARE_BLOB2 0x8000_000a;
    EFI_HANDOFF_TABLES2 0x8000_000b;
    EFI_VARIABLE_BOOT2 0x8000_000c;
    EFI_GPT_EVENT2 0x8000_000d;
    EFI_HCRTM_EVENT 0x8000_0010;
    EFI_VARIABLE_AUTHORITY 0x8000_00e0;
    EFI_SPDM_FIRMWARE_BLOB 0x8000_00e1;
    EFI_SPDM_FIRMWARE_CONFIG 0x8000_00e2;
    EFI_SPDM_DEVICE_POLICY 0x8000_00e3;
    EFI_SPDM_DEVICE_AUTHORITY 0x8000_00e4;
}

/// Its name, or its number in hexadecimal.
impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}
