//! Which named part of the boot an event belongs to.
//!
//! A name is a hint: it comes from the event's type and data, which whoever wrote the log chose. It sorts and explains; digests decide.

use std::collections::BTreeSet;

use crate::evidence::Extend;
use crate::evidence::cel::{Content, Record, Systemd};
use crate::evidence::tcg_event::{self, Decoded, LINUX_INITRD, LOAD_OPTIONS, decode};
use crate::evidence::tcg_log::{Event, EventLog, EventType};
use crate::evidence::text::{Utf8, Utf16};
use crate::reference::golden::Slot;

/// The end of the firmware's own measurements in a PCR.
pub const SEPARATOR: &str = "separator";
/// An event of which nothing is known.
pub const UNKNOWN: &str = "unknown";

/// Files of one `initrd` command. Nobody signed the line, and a machine has one or two, with microcode.
const INITRDS: usize = 16;
/// The longest name of a section in a PE image (PE format, section table), of which a component is called.
const SECTION: usize = 8;

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
    initrd_files: BTreeSet<String>,
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
            initrd_files: BTreeSet::new(),
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
                context.command(event.data);
            }
        }
        context
    }

    /// Remembers the files that GRUB's commands name, to tell kernel and initrd among the files of PCR 9.
    fn command(&mut self, data: &[u8]) {
        let line = Utf8(data).bytes().strip_prefix(b"grub_cmd: ").unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ');
        match words.next() {
            Some(b"linux" | b"linuxefi" | b"linux16") => self.kernel_file = words.next().map(text),
            Some(b"initrd" | b"initrdefi" | b"initrd16") => {
                self.initrd_files = words.take(INITRDS).map(text).collect()
            }
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
            EventType::EFI_BOOT_SERVICES_DRIVER | EventType::EFI_RUNTIME_SERVICES_DRIVER => {
                return "boot.driver";
            }
            _ => return "boot.other",
        }
        // Events come in the order of their indices.
        let last_before = |stage: u32| {
            self.images
                .partition_point(|image| *image < stage)
                .checked_sub(1)
                .and_then(|at| self.images.get(at))
        };
        let is_last_before =
            |stage: Option<u32>| stage.is_some_and(|stage| last_before(stage) == Some(&event.index));
        let after = |stage: Option<u32>| stage.is_some_and(|stage| event.index > stage);
        if is_last_before(self.first_mok) {
            "boot_loader.shim"
        } else if starts_systemd_boot(event) {
            "boot_loader.systemd_boot"
        } else if is_last_before(self.first_uki_section) {
            "uki"
        } else if is_last_before(self.first_grub) {
            "boot_loader.grub"
        } else if after(self.first_grub)
            || after(self.first_uki_section)
            || is_last_before(self.first_kernel_tag)
        {
            "kernel"
        } else {
            "boot_loader"
        }
    }

    fn file(&self, event: &Event<'_>) -> &'static str {
        if let Decoded::Tagged(tagged) = decode(event) {
            return match tagged.id {
                LOAD_OPTIONS => "kernel.cmdline",
                LINUX_INITRD => "initrd.loaded",
                _ => "kernel.tag",
            };
        }
        let name = text(event.data);
        let path = name.rsplit_once(')').map_or(name.as_str(), |(_, path)| path);
        let lower = path.to_ascii_lowercase();
        if self.kernel_file.as_deref().is_some_and(|file| file == name || file == path) {
            "kernel.file"
        } else if self.initrd_files.contains(&name) || self.initrd_files.contains(path) {
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

/// Whether the path of the image says that it is systemd-boot, in any case.
fn starts_systemd_boot(event: &Event<'_>) -> bool {
    const NAME: &[u8] = b"systemd-boot";
    let Decoded::Image(image) = decode(event) else { return false };
    let Some(file) = image.device_path.file() else { return false };
    // What is no ASCII is no letter of it.
    let path: Vec<u8> = file.units().map(|unit| u8::try_from(unit).unwrap_or(0)).collect();
    path.windows(NAME.len()).any(|part| part.eq_ignore_ascii_case(NAME))
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
        EventType::EFI_VARIABLE_BOOT | EventType::EFI_VARIABLE_BOOT2 => match variable(event) {
            Some(name) if name.is("BootOrder") => "boot.order",
            Some(name) if is_boot_entry(name) => "boot.entry",
            _ => "boot.variable",
        },
        EventType::CPU_MICROCODE => "firmware.microcode",
        EventType::EFI_HANDOFF_TABLES | EventType::EFI_HANDOFF_TABLES2 | EventType::TABLE_OF_DEVICES => {
            "hardware.tables"
        }
        EventType::NONHOST_CONFIG | EventType::NONHOST_INFO => "hardware.nonhost",
        _ => "firmware.settings",
    }
}

fn is_boot_entry(name: Utf16<'_>) -> bool {
    let name: Vec<u16> = name.units().take(9).collect();
    let number = String::from_utf16(&name).ok();
    let number = number.as_deref().and_then(|name| name.strip_prefix("Boot"));
    number.is_some_and(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_hexdigit()))
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
    let name = match event.event_type {
        EventType::EFI_VARIABLE_DRIVER_CONFIG | EventType::EFI_VARIABLE_AUTHORITY => variable(event),
        EventType::EFI_ACTION => return "secure_boot.debug_mode",
        _ => return "secure_boot.other",
    };
    let configured = event.event_type == EventType::EFI_VARIABLE_DRIVER_CONFIG;
    let (known, other): (&[_], _) =
        if configured { (&CONFIGURED, "secure_boot.other") } else { (&AUTHORITIES, "secure_boot.authority") };
    let of_name = |(of, _): &&(&str, &'static str)| name.is_some_and(|name| name.is(of));
    known.iter().find(of_name).map_or(other, |(_, component)| component)
}

/// The variables of PCR 7 that the firmware reads.
const CONFIGURED: [(&str, &str); 10] = [
    ("SecureBoot", "secure_boot.state"),
    ("PK", "secure_boot.pk"),
    ("KEK", "secure_boot.kek"),
    ("db", "secure_boot.db"),
    ("dbx", "secure_boot.dbx"),
    ("dbt", "secure_boot.recovery"),
    ("dbr", "secure_boot.recovery"),
    ("OsRecoveryOrder", "secure_boot.recovery"),
    ("DeployedMode", "secure_boot.mode"),
    ("AuditMode", "secure_boot.mode"),
];
/// Those that shim measures as authorities, and that are none.
const AUTHORITIES: [(&str, &str); 2] =
    [("SbatLevel", "secure_boot.sbat_level"), ("MokSBState", "mok.validation_state")];

fn grub_string(event: &Event<'_>) -> String {
    let line = Utf8(event.data).bytes();
    if line.starts_with(b"kernel_cmdline: ") {
        "grub.kernel_cmdline".into()
    } else if line.starts_with(b"module_cmdline: ") {
        "grub.module_cmdline".into()
    } else if line.starts_with(b"grub_cmd: ") {
        "grub.command".into()
    } else {
        "boot_loader.string".into()
    }
}

fn uki_section(event: &Event<'_>) -> String {
    // As many units as the longest name has, and one more: what is longer is none, whatever follows.
    let name: Vec<u16> = Utf16(event.data).units().take(SECTION.saturating_add(1)).collect();
    let is_odd = event.data.len() / 2 == name.len() && !event.data.len().is_multiple_of(2);
    let name = if is_odd { String::new() } else { String::from_utf16(&name).unwrap_or_default() };
    let is_section =
        |s: &&str| !s.is_empty() && s.len() < SECTION && s.bytes().all(|b| b.is_ascii_alphanumeric());
    let section = name.strip_prefix('.').filter(is_section);
    match section {
        Some(section) => format!("uki.{section}"),
        None => "userspace.phase".into(),
    }
}

fn mok(event: &Event<'_>) -> &'static str {
    match Utf8(event.data).bytes() {
        b"MokList" => "mok.list",
        b"MokListX" => "mok.revoked",
        b"MokListTrusted" => "mok.trusted",
        b"MokSBState" => "mok.validation_state",
        _ => "mok.other",
    }
}

/// What an event says of itself, for people; harmless in a terminal.
#[must_use]
pub fn about(event: &Event<'_>) -> String {
    tcg_event::summary(event)
}

/// Names a record of the log of user space.
#[must_use]
pub fn of_record(record: &Record) -> &'static str {
    let kind = match &record.content {
        Content::Systemd(systemd) => {
            let Systemd { event_type, string, .. } = &**systemd;
            event_type.as_deref().or(string.as_deref()).unwrap_or_default()
        }
        Content::ImaTemplate { .. } | Content::ImaTlv(_) => return "userspace.ima",
        Content::Management(_) => return "userspace.state",
        Content::PcClient { .. } => return "userspace.event",
        Content::Other { content_type, .. } if content_type == CONTAINER_EVENTS => {
            return "userspace.container";
        }
        Content::Other { .. } => return "userspace.other",
    };
    match kind {
        "phase" => "userspace.phase",
        "filesystem" => "userspace.filesystem",
        "volume-key" => "userspace.volume_key",
        "machine-id" => "userspace.machine_id",
        "product-id" => "userspace.product_id",
        "keyslot" => "userspace.keyslot",
        "nvpcr-init" => "userspace.nvpcr_init",
        "nvpcr-separator" => "userspace.nvpcr_separator",
        "dm-verity" => "userspace.dm_verity",
        "imds-userdata" => "userspace.imds_userdata",
        "os-separator" => "userspace.os_separator",
        "login" => "userspace.login",
        "credential" => "userspace.credential",
        _ => "userspace.other",
    }
}

/// The slots at the end of a golden sequence that are user space's, by their names.
pub(crate) fn of_userspace(slots: &[Slot]) -> &[Slot] {
    let tail = slots.iter().rev().take_while(|slot| slot.component.starts_with("userspace.")).count();
    slots.get(slots.len().saturating_sub(tail)..).unwrap_or_default()
}

/// The content type in which Google's Container-Optimized OS records what it runs.
const CONTAINER_EVENTS: &str = "80";

/// What an extend says of itself, for people; harmless in a terminal.
#[must_use]
pub fn about_extend(extend: Extend<'_, '_>) -> String {
    match extend {
        Extend::Firmware(event) => about(event),
        Extend::Userspace(record) => record.content.summary(),
    }
}

/// The name of the UEFI variable, if the event has one.
fn variable<'a>(event: &Event<'a>) -> Option<Utf16<'a>> {
    match decode(event) {
        Decoded::Variable(variable) | Decoded::Authority(variable) => Some(variable.name),
        _ => None,
    }
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(Utf8(data).bytes()).into_owned()
}
