//! What a record says was measured (section 4.3 and after, TPMU_EVENT_CONTENT).

use core::fmt;

use super::ima_tlv::ImaTlv;
use crate::digest::Digest;
use crate::evidence::ima_log::Entry;
use crate::evidence::tcg_log::EventType;
use crate::evidence::text::{Hex, Text, shortened};

/// The content of a record. It is a hint as far as no digest covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// `cel`: about the log itself.
    Management(Vec<Management>),
    /// `ima_template`: an entry of the kernel's list.
    ImaTemplate {
        /// The template's name, such as `ima-ng`.
        name: String,
        /// Its data, of which the digests are.
        data: Vec<u8>,
    },
    /// `ima_tlv`: a measured file.
    ImaTlv(Box<ImaTlv>),
    /// A type that is not known here, by its name or number.
    Other {
        /// The type.
        content_type: String,
        /// The value, if it is bytes.
        value: Option<Vec<u8>>,
    },
    /// `pcclient_std`: an event as firmware measures it.
    PcClient {
        /// What it claims to be; `None` for a name that no event type has.
        event_type: Option<EventType>,
        /// Its data.
        data: Vec<u8>,
    },
    /// `systemd`.
    Systemd(Box<Systemd>),
}

/// What systemd measured (systemd, docs/TPM2_PCR_MEASUREMENTS.md). Only [`string`](Self::string) is ever covered by a digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Systemd {
    /// The string that was measured, or, for a volume's key and a credential, of which the HMAC was measured.
    pub string: Option<String>,
    /// `phase`, `filesystem`, `volume-key`, `machine-id`, `product-id`, `keyslot`, `nvpcr-init`, `nvpcr-separator`, `dm-verity`,
    /// `imds-userdata`, `os-separator`, `login`, `credential`, or one that is newer.
    pub event_type: Option<String>,
    /// The boot's id, 32 hexadecimal digits; another boot, and a kexec, has another.
    pub boot_id: Option<String>,
    /// CLOCK_BOOTTIME in microseconds.
    pub timestamp: Option<u64>,
    /// The name of the NvPCR.
    pub nv_index_name: Option<String>,
}

/// A record about the log itself (section 4.4, TPMS_EVENT_CELMGT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Management {
    /// The format's version; not measured.
    Version {
        /// Major.
        major: u16,
        /// Minor.
        minor: u16,
    },
    /// The firmware's records end here; not measured.
    FirmwareEnd,
    /// When the log was begun or went on.
    Timestamp(u64),
    /// The machine went to sleep, hibernated, or changed its kernel.
    StateTransition(StateTransition),
}

/// What happened to the system (TPMI_STATE_TRANS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateTransition {
    /// To memory.
    Suspend,
    /// To disk.
    Hibernate,
    /// Into another kernel.
    Kexec,
}

impl StateTransition {
    pub(super) const ALL: [(Self, u64, &'static str); 3] =
        [(Self::Suspend, 0, "suspend"), (Self::Hibernate, 1, "hibernate"), (Self::Kexec, 2, "kexec")];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, ..)| *state == self).map_or("", |(_, _, name)| name)
    }
}

impl Management {
    pub(super) const fn is_measured(&self) -> bool {
        matches!(self, Self::Timestamp(_) | Self::StateTransition(_))
    }
}

impl Content {
    /// What systemd measured, by the string alone, which is all that a canonical event log has of it.
    pub(super) fn of_string(string: String) -> Self {
        Self::Systemd(Box::new(Systemd { string: Some(string), ..Systemd::default() }))
    }

    /// The type's name in JSON (table 2), or as the log has it.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Management(_) => "cel",
            Self::ImaTemplate { .. } => "ima_template",
            Self::ImaTlv(_) => "ima_tlv",
            Self::Other { content_type, .. } => content_type,
            Self::PcClient { .. } => "pcclient_std",
            Self::Systemd(_) => "systemd",
        }
    }

    /// What a digest of it should be; `None` where nobody says. A canonical event log in TLV may have hashed type and length with the value.
    pub(super) fn is_of(&self, digest: &Digest, tlv_type: Option<u8>) -> bool {
        let alg = digest.alg();
        if let Self::ImaTemplate { name, data } = self {
            // The first template pads the name that it hashes.
            return Entry::told(name, data).template_digest(alg) == *digest;
        }
        let Some(value) = self.measured() else { return false };
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes();
        alg.hash(&[value]) == *digest
            || tlv_type.is_some_and(|kind| alg.hash(&[&[kind], &length, value]) == *digest)
    }

    /// The bytes that the digest should be of; `None` where nobody says.
    fn measured(&self) -> Option<&[u8]> {
        match self {
            Self::Management(_) => None,
            Self::ImaTemplate { data, .. } | Self::PcClient { data, .. } => Some(data),
            Self::ImaTlv(file) => Some(&file.measured),
            Self::Other { value, .. } => value.as_deref(),
            Self::Systemd(systemd) => systemd.string.as_deref().map(str::as_bytes),
        }
    }
}

/// The longest summary in characters, as for the events of firmware.
const SUMMARY: usize = 400;

impl Content {
    /// A short text for display, harmless in terminals, logs and JSON.
    #[must_use]
    pub fn summary(&self) -> String {
        shortened(self, SUMMARY)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Management(all) => {
                let mut texts = all.iter().map(|one| match one {
                    Management::Version { major, minor } => format!("format version {major}.{minor}"),
                    Management::FirmwareEnd => "end of the firmware's part".to_owned(),
                    Management::Timestamp(time) => format!("timestamp {time}"),
                    Management::StateTransition(state) => state.name().to_owned(),
                });
                texts.try_for_each(|text| f.write_str(&text))
            }
            Self::ImaTemplate { name, data } => {
                let entry = Entry::told(name, data);
                match (entry.file_digest(), entry.name()) {
                    (Some(digest), Some(path)) => {
                        let path = String::from_utf8_lossy(path);
                        write!(
                            f,
                            "{} {} {}:{}",
                            Text(name),
                            Text(&path),
                            Text(digest.algorithm),
                            Hex(digest.bytes)
                        )
                    }
                    _ => write!(f, "{} {}", Text(name), Hex(data)),
                }
            }
            Self::ImaTlv(file) => write!(f, "{file}"),
            Self::Other { content_type, value } => {
                write!(f, "{}", Text(content_type))?;
                match value.as_deref().map(|value| (core::str::from_utf8(value), value)) {
                    Some((Ok(text), _)) => write!(f, ": {}", Text(text)),
                    Some((Err(_), value)) => write!(f, ": {}", Hex(value)),
                    None => Ok(()),
                }
            }
            Self::PcClient { event_type: Some(kind), data } => write!(f, "{kind} {}", Hex(data)),
            Self::PcClient { event_type: None, data } => write!(f, "{}", Hex(data)),
            Self::Systemd(systemd) => {
                let Systemd { string, nv_index_name, .. } = &**systemd;
                if let Some(name) = nv_index_name {
                    write!(f, "NvPCR {}: ", Text(name))?;
                }
                write!(f, "{}", Text(string.as_deref().unwrap_or_default()))
            }
        }
    }
}
