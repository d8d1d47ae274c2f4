//! What an event means, by families. Explanations only: digests decide.
//!
//! Nothing here fails a replay: data that is not what its type claims comes out as [`Decoded::Raw`]. What of the
//! data is proven, [`authenticated`] tells; all else is a hint and must be shown as one.

mod authenticated;
mod boot;
mod der;
mod device_path;
mod firmware;
mod gpt;
mod guid;
mod linux;
mod sbat;
mod secure_boot;
mod signatures;
mod spdm;
mod variable;
mod whole;
mod windows;

#[cfg(test)]
mod tests;

pub use authenticated::{
    Authenticated, authenticated, authenticated_everywhere, authenticated_in, measured_byte,
};
pub use boot::{ImageLoad, LoadOption, option_without_disk};
pub use device_path::{DevicePath, Node};
pub use firmware::{FirmwareBlob, FreeText, HandoffTables};
pub use gpt::{Gpt, Partition, PartitionUse, partition_uses};
pub use guid::{Guid, NotAGuid};
pub use linux::{LINUX_INITRD, LOAD_OPTIONS, Tagged};
pub use sbat::SbatLevel;
pub use secure_boot::{
    Authority, Database, Mode, SecureBootState, TestKey, secure_boot, secure_boot_in, test_key,
};
pub use signatures::{NotASignature, SecurityVersion, Signature, Signatures};
pub use spdm::DeviceSecurity;
pub use variable::{CertificateName, IssuerName, SignatureKind, SignatureList, SignatureLists, Variable};
pub use whole::{Unread, Whole};
pub use windows::{Revocations, Sipa, SipaEvents, Switch, Unlock, WindowsBoot, WindowsEvent};

use core::fmt;

use super::tcg_log::{Event, EventLog, EventType, Finding};
use super::text::{Hex, Utf8, Utf16, shortened};

/// An event's data by what it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decoded<'a> {
    /// A step that the firmware or the boot loader tells (EV_ACTION, EV_EFI_ACTION).
    Action(Utf8<'a>),
    /// The certificate or hash by which an image was accepted, with the variable it stands in.
    Authority(Variable<'a>),
    /// A piece of firmware by address and length.
    Blob(FirmwareBlob<'a>),
    /// What a device told about its own firmware or configuration by SPDM.
    Device(DeviceSecurity<'a>),
    /// A file that GRUB read, by its path.
    GrubFile(Utf8<'a>),
    /// A command that GRUB ran, without the prefix.
    GrubCommand(Utf8<'a>),
    /// Tables that the firmware hands over.
    HandoffTables(HandoffTables<'a>),
    /// An image that was loaded.
    Image(ImageLoad<'a>),
    /// The kernel command line that GRUB set, without the prefix.
    KernelCmdline(Utf8<'a>),
    /// A kernel command line in UTF-16, as systemd-boot and systemd-stub measure it.
    LoadOptions(Utf16<'a>),
    /// One of shim's variables by its name; the digest is that of its contents.
    Mok(Utf8<'a>),
    /// What is not extended: StartupLocality, reference manifests and the like, by its signature.
    NoAction(&'a [u8]),
    /// The partition table.
    PartitionTable(Gpt<'a>),
    /// Not decoded, or not what its type claims.
    Raw(&'a [u8]),
    /// The end of the firmware's part in a PCR.
    Separator(&'a [u8]),
    /// A section of a unified kernel image, by its name in UTF-16: once for the name, once for its contents.
    StubSection(Utf16<'a>),
    /// An EV_EVENT_TAG: the kernel's stub measures command line and initrd so.
    Tagged(Tagged<'a>),
    /// Text of the firmware about itself.
    Text(FreeText<'a>),
    /// A UEFI variable.
    Variable(Variable<'a>),
    /// The firmware's version.
    Version(FreeText<'a>),
    /// Windows' measurements.
    Windows(WindowsEvent<'a>),
}

/// An event's data by what its type, and for EV_IPL its contents, claim it to be.
#[must_use]
pub fn decode<'a>(event: &Event<'a>) -> Decoded<'a> {
    let data = event.data;
    let decoded = match event.event_type {
        EventType::NO_ACTION => Some(Decoded::NoAction(data)),
        EventType::SEPARATOR => Some(Decoded::Separator(data)),
        EventType::ACTION | EventType::EFI_ACTION => Some(Decoded::Action(Utf8(data))),
        EventType::S_CRTM_VERSION => Some(Decoded::Version(FreeText(data))),
        EventType::POST_CODE => {
            Some(FirmwareBlob::parse(data).map_or(Decoded::Text(FreeText(data)), Decoded::Blob))
        }
        EventType::S_CRTM_CONTENTS
        | EventType::CPU_MICROCODE
        | EventType::PLATFORM_CONFIG_FLAGS
        | EventType::COMPACT_HASH
        | EventType::NONHOST_CODE
        | EventType::NONHOST_CONFIG
        | EventType::NONHOST_INFO
        | EventType::EFI_HCRTM_EVENT
        | EventType::IPL_PARTITION_DATA
        | EventType::OMIT_BOOT_DEVICE_EVENTS => Some(Decoded::Text(FreeText(data))),
        EventType::EFI_PLATFORM_FIRMWARE_BLOB => FirmwareBlob::parse(data).map(Decoded::Blob),
        EventType::EFI_PLATFORM_FIRMWARE_BLOB2 | EventType::POST_CODE2 => {
            FirmwareBlob::parse2(data).map(Decoded::Blob)
        }
        EventType::EFI_HANDOFF_TABLES | EventType::TABLE_OF_DEVICES => {
            HandoffTables::parse(data).map(Decoded::HandoffTables)
        }
        EventType::EFI_HANDOFF_TABLES2 => HandoffTables::parse2(data).map(Decoded::HandoffTables),
        EventType::EFI_VARIABLE_DRIVER_CONFIG
        | EventType::EFI_VARIABLE_BOOT
        | EventType::EFI_VARIABLE_BOOT2 => Variable::parse(data).map(Decoded::Variable),
        EventType::EFI_VARIABLE_AUTHORITY => Variable::parse(data).map(Decoded::Authority),
        EventType::EFI_SPDM_FIRMWARE_BLOB | EventType::EFI_SPDM_FIRMWARE_CONFIG => {
            DeviceSecurity::parse(data).map(Decoded::Device)
        }
        EventType::EFI_SPDM_DEVICE_POLICY | EventType::EFI_SPDM_DEVICE_AUTHORITY => {
            Variable::parse(data).map(Decoded::Variable)
        }
        EventType::EFI_BOOT_SERVICES_APPLICATION
        | EventType::EFI_BOOT_SERVICES_DRIVER
        | EventType::EFI_RUNTIME_SERVICES_DRIVER => ImageLoad::parse(data).map(Decoded::Image),
        EventType::EFI_GPT_EVENT | EventType::EFI_GPT_EVENT2 => Gpt::parse(data).map(Decoded::PartitionTable),
        EventType::EVENT_TAG => {
            let windows = WindowsEvent::of(event).map(Decoded::Windows);
            windows.or_else(|| Tagged::parse(data).map(Decoded::Tagged))
        }
        EventType::IPL => Some(linux::ipl(event.pcr, data)),
        _ => None,
    };
    decoded.unwrap_or(Decoded::Raw(data))
}

impl Decoded<'_> {
    /// The family's name, stable, in snake_case.
    #[must_use]
    pub const fn family(&self) -> &'static str {
        match self {
            Self::Action(_) => "action",
            Self::Authority(_) => "authority",
            Self::Blob(_) => "firmware_blob",
            Self::Device(_) => "device",
            Self::GrubCommand(_) => "grub_command",
            Self::GrubFile(_) => "grub_file",
            Self::HandoffTables(_) => "handoff_tables",
            Self::Image(_) => "image",
            Self::KernelCmdline(_) => "kernel_cmdline",
            Self::LoadOptions(_) => "load_options",
            Self::Mok(_) => "mok",
            Self::NoAction(_) => "no_action",
            Self::PartitionTable(_) => "partition_table",
            Self::Raw(_) => "raw",
            Self::Separator(_) => "separator",
            Self::StubSection(_) => "stub_section",
            Self::Tagged(_) => "tagged",
            Self::Text(_) => "text",
            Self::Variable(_) => "variable",
            Self::Version(_) => "firmware_version",
            Self::Windows(_) => "windows",
        }
    }
}

/// For people, harmless in a terminal; not shortened.
impl fmt::Display for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(text) | Self::GrubCommand(text) | Self::KernelCmdline(text) => text.fmt(f),
            Self::GrubFile(text) | Self::Mok(text) => text.fmt(f),
            Self::LoadOptions(text) | Self::StubSection(text) => text.fmt(f),
            Self::Authority(variable) => authority(f, variable),
            Self::Blob(blob) => blob.fmt(f),
            Self::Device(device) => device.fmt(f),
            Self::HandoffTables(tables) => tables.fmt(f),
            Self::Image(image) => image.fmt(f),
            Self::NoAction(data) => no_action(f, data),
            Self::PartitionTable(table) => table.fmt(f),
            Self::Raw(data) => Hex(data).fmt(f),
            Self::Separator(data) => match *data {
                [0, 0, 0, 0] => f.write_str("end of the firmware's part"),
                [0xff, 0xff, 0xff, 0xff] => f.write_str("end of the firmware's part (ffffffff)"),
                [1, 0, 0, 0] => f.write_str("the firmware failed to measure (01000000)"),
                b"WBCL" => f.write_str("Windows"),
                data => Hex(data).fmt(f),
            },
            Self::Tagged(tagged) => tagged.fmt(f),
            Self::Text(text) | Self::Version(text) => text.fmt(f),
            Self::Variable(variable) => variable.fmt(f),
            Self::Windows(windows) => windows.fmt(f),
        }
    }
}

fn authority(f: &mut fmt::Formatter<'_>, variable: &Variable<'_>) -> fmt::Result {
    let (_, data) = variable.authority();
    if der::is_sequence(data) {
        return write!(f, "{}: {}", variable.name, CertificateName(data));
    }
    write!(f, "{variable}")
}

fn no_action(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    match data.strip_prefix(b"StartupLocality\0") {
        Some([locality]) => write!(f, "startup locality {locality}"),
        // Windows writes the trust point of its log so: a quote of its own, which proves nothing here.
        _ if data.starts_with(&[0x04, 0x00, 0x01, 0xc0]) => {
            write!(f, "trust point of Windows, {} bytes", data.len())
        }
        _ if data.first_chunk::<16>().is_some_and(|name| name.is_ascii()) => {
            let signature = data.get(..16).unwrap_or_default();
            write!(f, "{}, {} bytes", Utf8(signature), data.len())
        }
        _ => write!(f, "{}", Hex(data)),
    }
}

/// What the boot's own proven words say that a reader must know, in the order of the events: Secure Boot, shim, Windows.
///
/// The log's form is judged when it is parsed ([`EventLog::findings`]); this takes hashing, and is asked after the signature.
#[must_use]
pub fn findings(log: &EventLog<'_>) -> Vec<Finding> {
    both(&SecureBootState::of(log), WindowsBoot::of(log).as_ref())
}

/// The same, told by these banks alone: a bank that is not quoted proves nothing, and hashing for it would be in vain.
#[must_use]
pub fn findings_in(log: &EventLog<'_>, banks: &[crate::HashAlg]) -> Vec<Finding> {
    both(&SecureBootState::in_banks(log, banks), WindowsBoot::in_banks(log, banks).as_ref())
}

fn both(secure_boot: &SecureBootState<'_>, windows: Option<&WindowsBoot<'_>>) -> Vec<Finding> {
    let mut findings = secure_boot.findings().to_vec();
    findings.extend(windows.iter().flat_map(|windows| windows.findings()));
    findings.sort_by_key(|finding| finding.event);
    findings
}

/// The longest summary in characters, but for what findings about Windows stand on; long enough for a kernel command line in a table.
const SUMMARY: usize = 400;

/// A short text for display, harmless in terminals, logs and JSON. It is a hint as far as the data is one.
#[must_use]
pub fn summary(event: &Event<'_>) -> String {
    let decoded = decode(event);
    let byte = match decoded {
        // Only contents of one byte can be told from their digest: shim's switches are such.
        Decoded::Mok(_) => event.strongest().and_then(|alg| measured_byte(event, alg)),
        _ => None,
    };
    match (byte, decoded) {
        (Some(byte), decoded) => shortened(format_args!("{decoded} = {byte:02x}"), SUMMARY),
        (None, Decoded::Windows(windows)) => windows.summary(SUMMARY),
        (None, decoded) => shortened(decoded, SUMMARY),
    }
}
