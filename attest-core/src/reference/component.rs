//! Which named part of the boot an event belongs to.
//!
//! A name is a hint: it comes from the event's type and data, which whoever wrote the log chose. It sorts and explains; digests decide.

use crate::evidence::tcg_log::{Event, EventLog, EventType};
use crate::reader::{Reader, len32};

/// The end of the firmware's own measurements in a PCR.
pub const SEPARATOR: &str = "separator";
/// An event of which nothing is known.
pub const UNKNOWN: &str = "unknown";

/// Names every event of a log, by index; the header and EV_NO_ACTION events too, as [`UNKNOWN`].
#[must_use]
pub fn names(log: &EventLog<'_>) -> Vec<String> {
    let context = Context::of(log);
    log.events().iter().map(|event| context.name(event)).collect()
}

/// What the log tells about the order of the boot's stages: indices of events.
struct Context {
    images: Vec<u32>,
    first_mok: Option<u32>,
    first_grub: Option<u32>,
    first_uki_section: Option<u32>,
    first_kernel_tag: Option<u32>,
    /// Words of the last `linux` and `initrd` commands of GRUB.
    kernel_file: Option<String>,
    initrd_files: Vec<String>,
}

impl Context {
    fn of(log: &EventLog<'_>) -> Self {
        let mut context = Self {
            images: Vec::new(),
            first_mok: None,
            first_grub: None,
            first_uki_section: None,
            first_kernel_tag: None,
            kernel_file: None,
            initrd_files: Vec::new(),
        };
        for event in log.events() {
            let first = |slot: &mut Option<u32>| *slot = slot.or(Some(event.index));
            match (event.pcr, event.event_type) {
                (4, EventType::EFI_BOOT_SERVICES_APPLICATION) => context.images.push(event.index),
                (8 | 9, EventType::IPL) => first(&mut context.first_grub),
                (9, EventType::EVENT_TAG) => first(&mut context.first_kernel_tag),
                (11, EventType::IPL) => first(&mut context.first_uki_section),
                (14, EventType::IPL) => first(&mut context.first_mok),
                _ => {}
            }
            if event.pcr == 8 && event.event_type == EventType::IPL {
                context.command(&text(event.data));
            }
        }
        context
    }

    /// Remembers the files that GRUB's commands name, to tell kernel and initrd among the files of PCR 9.
    fn command(&mut self, line: &str) {
        let mut words = line.strip_prefix("grub_cmd: ").unwrap_or_default().split(' ');
        match words.next() {
            Some("linux" | "linuxefi" | "linux16") => self.kernel_file = words.next().map(ToOwned::to_owned),
            Some("initrd" | "initrdefi" | "initrd16") => self.initrd_files = words.map(ToOwned::to_owned).collect(),
            _ => {}
        }
    }

    fn name(&self, event: &Event<'_>) -> String {
        if event.event_type == EventType::SEPARATOR {
            return SEPARATOR.into();
        }
        let name = match event.pcr {
            0 | 6 => firmware(event),
            1 => platform_configuration(event),
            2 => "option_rom",
            3 => "option_rom.config",
            4 => self.boot_manager(event),
            5 => boot_configuration(event),
            7 => secure_boot(event),
            8 => return grub_string(event),
            9 => self.file(event),
            11 => return uki_section(event),
            12 => "uki.parameters",
            13 => "uki.extension",
            14 => mok(event),
            15 => "userspace",
            _ => UNKNOWN,
        };
        name.to_owned()
    }

    fn boot_manager(&self, event: &Event<'_>) -> &'static str {
        match event.event_type {
            EventType::EFI_ACTION | EventType::ACTION => return "boot.action",
            EventType::EFI_BOOT_SERVICES_APPLICATION => {}
            EventType::EFI_BOOT_SERVICES_DRIVER | EventType::EFI_RUNTIME_SERVICES_DRIVER => return "boot.driver",
            _ => return "boot.other",
        }
        let is_last_before = |stage: Option<u32>| {
            stage.is_some_and(|stage| self.images.iter().rev().find(|i| **i < stage) == Some(&event.index))
        };
        let after = |stage: Option<u32>| stage.is_some_and(|stage| event.index > stage);
        let path = device_path_file(event.data).to_ascii_lowercase();
        if is_last_before(self.first_mok) {
            "boot_loader.shim"
        } else if path.contains("systemd-boot") {
            "boot_loader.systemd_boot"
        } else if is_last_before(self.first_uki_section) {
            "uki"
        } else if is_last_before(self.first_grub) {
            "boot_loader.grub"
        } else if after(self.first_grub) || after(self.first_uki_section) || is_last_before(self.first_kernel_tag) {
            "kernel"
        } else {
            "boot_loader"
        }
    }

    fn file(&self, event: &Event<'_>) -> &'static str {
        if event.event_type == EventType::EVENT_TAG {
            // Tags of the kernel's EFI stub (Linux, drivers/firmware/efi/libstub/efistub.h).
            return match Reader::new(event.data).u32_le() {
                Ok(0x8f3b_22ed) => "kernel.cmdline",
                Ok(0x8f3b_22ec) => "initrd.loaded",
                _ => "kernel.tag",
            };
        }
        let name = text(event.data);
        let path = name.rsplit_once(')').map_or(name.as_str(), |(_, path)| path);
        let lower = path.to_ascii_lowercase();
        if self.kernel_file.as_deref().is_some_and(|file| file == name || file == path) {
            "kernel.file"
        } else if self.initrd_files.iter().any(|file| *file == name || file == path) {
            "initrd"
        } else if lower.ends_with(".cfg") || lower.ends_with("grubenv") {
            "grub.config"
        } else if lower.contains("vmlinu") || lower.contains("bzimage") {
            "kernel.file"
        } else if lower.contains("initrd") || lower.contains("initramfs") {
            "initrd"
        } else if lower.ends_with(".mod") || lower.ends_with(".lst") {
            "grub.module"
        } else {
            "grub.file"
        }
    }
}

fn firmware(event: &Event<'_>) -> &'static str {
    match event.event_type {
        EventType::S_CRTM_VERSION => "firmware.version",
        EventType::S_CRTM_CONTENTS => "firmware.crtm",
        EventType::EFI_HCRTM_EVENT => "firmware.hcrtm",
        EventType::POST_CODE
        | EventType::POST_CODE2
        | EventType::EFI_PLATFORM_FIRMWARE_BLOB
        | EventType::EFI_PLATFORM_FIRMWARE_BLOB2 => "firmware.code",
        EventType::NONHOST_CODE | EventType::NONHOST_CONFIG | EventType::NONHOST_INFO => "firmware.nonhost",
        _ => "firmware.other",
    }
}

fn platform_configuration(event: &Event<'_>) -> &'static str {
    match event.event_type {
        EventType::EFI_VARIABLE_BOOT | EventType::EFI_VARIABLE_BOOT2 => match variable_name(event.data).as_str() {
            "BootOrder" => "boot.order",
            name if is_boot_entry(name) => "boot.entry",
            _ => "boot.variable",
        },
        EventType::CPU_MICROCODE => "firmware.microcode",
        EventType::EFI_HANDOFF_TABLES | EventType::EFI_HANDOFF_TABLES2 | EventType::TABLE_OF_DEVICES => "hardware.tables",
        EventType::NONHOST_CONFIG | EventType::NONHOST_INFO => "hardware.nonhost",
        _ => "firmware.settings",
    }
}

fn is_boot_entry(name: &str) -> bool {
    name.strip_prefix("Boot").is_some_and(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn boot_configuration(event: &Event<'_>) -> &'static str {
    match event.event_type {
        EventType::EFI_GPT_EVENT | EventType::EFI_GPT_EVENT2 => "boot.partition_table",
        EventType::EFI_ACTION if event.data == b"Exit Boot Services Invocation" => "boot.exit_boot_services",
        EventType::EFI_ACTION | EventType::ACTION => "boot.action",
        _ => "boot.other",
    }
}

fn secure_boot(event: &Event<'_>) -> &'static str {
    let variable = match event.event_type {
        EventType::EFI_VARIABLE_DRIVER_CONFIG | EventType::EFI_VARIABLE_AUTHORITY => variable_name(event.data),
        EventType::EFI_ACTION => return "secure_boot.debug_mode",
        _ => return "secure_boot.other",
    };
    let configured = event.event_type == EventType::EFI_VARIABLE_DRIVER_CONFIG;
    match (configured, variable.as_str()) {
        (true, "SecureBoot") => "secure_boot.state",
        (true, "PK") => "secure_boot.pk",
        (true, "KEK") => "secure_boot.kek",
        (true, "db") => "secure_boot.db",
        (true, "dbx") => "secure_boot.dbx",
        (true, "dbt" | "dbr" | "OsRecoveryOrder") => "secure_boot.recovery",
        (true, "DeployedMode" | "AuditMode") => "secure_boot.mode",
        (false, "SbatLevel") => "secure_boot.sbat_level",
        (false, "MokSBState") => "mok.validation_state",
        (false, _) => "secure_boot.authority",
        (true, _) => "secure_boot.other",
    }
}

fn grub_string(event: &Event<'_>) -> String {
    let line = text(event.data);
    if line.starts_with("kernel_cmdline: ") {
        "grub.kernel_cmdline".into()
    } else if line.starts_with("module_cmdline: ") {
        "grub.module_cmdline".into()
    } else if line.starts_with("grub_cmd: ") {
        "grub.command".into()
    } else {
        "boot_loader.string".into()
    }
}

fn uki_section(event: &Event<'_>) -> String {
    let name = utf16(event.data);
    let section = name.strip_prefix('.').filter(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric()));
    match section {
        Some(section) => format!("uki.{section}"),
        None => "userspace.phase".into(),
    }
}

fn mok(event: &Event<'_>) -> &'static str {
    match text(event.data).as_str() {
        "MokList" => "mok.list",
        "MokListX" => "mok.revoked",
        "MokListTrusted" => "mok.trusted",
        "MokSBState" => "mok.validation_state",
        _ => "mok.other",
    }
}

/// The name in UEFI_VARIABLE_DATA: GUID, two lengths, UTF-16 name. Empty where it is none.
pub(crate) fn variable_name(data: &[u8]) -> String {
    variable(data).map(|(name, _)| utf16(name)).unwrap_or_default()
}

/// The value in UEFI_VARIABLE_DATA, if the data is one and nothing follows it.
pub(crate) fn variable_value(data: &[u8]) -> Option<&[u8]> {
    variable(data).map(|(_, value)| value)
}

/// Name and value in UEFI_VARIABLE_DATA (TCG PC Client Platform Firmware Profile, UEFI_VARIABLE_DATA).
fn variable(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(data);
    reader.bytes(16).ok()?;
    let units = usize::try_from(reader.u64_le().ok()?).ok()?;
    let len = usize::try_from(reader.u64_le().ok()?).ok()?;
    let name = reader.bytes(units.checked_mul(2)?).ok()?;
    let value = reader.bytes(len).ok()?;
    reader.is_empty().then_some((name, value))
}

/// The file path node of the device path in UEFI_IMAGE_LOAD_EVENT, if there is one (UEFI specification, 10.3.5.4).
pub(crate) fn device_path_file(data: &[u8]) -> String {
    let mut reader = Reader::new(data);
    let mut path = String::new();
    if reader.bytes(32).is_err() {
        return path;
    }
    while let (Ok(kind), Ok(sub_kind), Ok(len)) = (reader.u8(), reader.u8(), reader.u16_le()) {
        let Ok(body) = reader.bytes(len32(len.into()).saturating_sub(4)) else { break };
        if (kind, sub_kind) == (4, 4) {
            path.push_str(&utf16(body));
        }
    }
    path
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).trim_end_matches('\0').to_owned()
}

fn utf16(data: &[u8]) -> String {
    let units = data.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect::<String>().trim_end_matches('\0').to_owned()
}
