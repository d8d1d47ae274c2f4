//! The changes: what is done to a good boot, and what it must be called.

use attest_core::appraise::Cause;

use super::boot::{Boot, DRIVER, MICROCODE, OLD_KERNEL, Way, authority, driver};
use super::device::{APPLICATION, BLOB, Device, IPL, S_CRTM_VERSION, VARIABLE_BOOT};

pub struct Edit {
    pub name: &'static str,
    pub way: Option<Way>,
    pub does: Does,
    pub cause: Cause,
    pub or: Option<Cause>,
    /// What comes with it, and ranks before it.
    pub first: Option<Cause>,
    /// The component of the root.
    pub component: &'static str,
}

pub enum Does {
    /// Before the boot: another thing is measured, and told.
    Boot(fn(&mut Boot)),
    /// After it.
    Device(fn(&mut Device)),
}

const fn edit(
    name: &'static str,
    way: Option<Way>,
    change: fn(&mut Boot),
    cause: Cause,
    component: &'static str,
) -> Edit {
    Edit { name, way, does: Does::Boot(change), cause, or: None, first: None, component }
}

const fn after(
    name: &'static str,
    change: fn(&mut Device),
    cause: Cause,
    or: Option<Cause>,
    component: &'static str,
) -> Edit {
    Edit { name, way: None, does: Does::Device(change), cause, or, first: None, component }
}

const fn or(edit: Edit, or: Cause) -> Edit {
    Edit { or: Some(or), ..edit }
}

const GRUB: Option<Way> = Some(Way::Grub);
const UKI: Option<Way> = Some(Way::Uki);

pub const SHIM_VENDOR: [u8; 16] =
    [0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23];

pub const EDITS: &[Edit] = &[
    edit("firmware updated", None, firmware_updated, Cause::FirmwareUpdate, "firmware.version"),
    edit("firmware rebuilt", None, firmware_rebuilt, Cause::FirmwareUpdate, "firmware.code"),
    or(edit("one volume", None, one_volume, Cause::FirmwareSettings, "firmware.code"), Cause::HardwareChange),
    edit("settings", None, settings, Cause::FirmwareSettings, "firmware.settings"),
    or(
        edit("microcode", None, microcode, Cause::HardwareChange, "firmware.microcode"),
        Cause::FirmwareUpdate,
    ),
    or(edit("SMBIOS", None, tables, Cause::HardwareChange, "hardware.tables"), Cause::FirmwareSettings),
    or(
        edit("startup locality", None, locality, Cause::FirmwareSettings, "firmware.startup_locality"),
        Cause::FirmwareUpdate,
    ),
    edit("PK", None, |b| key(b, "PK"), Cause::SecureBootKeysChanged, "secure_boot.pk"),
    edit("KEK", None, |b| key(b, "KEK"), Cause::SecureBootKeysChanged, "secure_boot.kek"),
    edit("db", None, db, Cause::SecureBootKeysChanged, "secure_boot.db"),
    edit("dbx", None, |b| key(b, "dbx"), Cause::RevocationListChanged, "secure_boot.dbx"),
    edit("SBAT", GRUB, sbat, Cause::RevocationListChanged, "secure_boot.sbat_level"),
    edit("Secure Boot off", None, secure_boot_off, Cause::SecureBootOff, "secure_boot.state"),
    // Without a platform key Secure Boot is off.
    Edit {
        first: Some(Cause::SecureBootOff),
        ..edit("setup mode", None, setup_mode, Cause::SecureBootSetupMode, "secure_boot.state")
    },
    edit("MOK", GRUB, mok, Cause::MokChanged, "mok.list"),
    edit("MokSBState", GRUB, validation_off, Cause::ShimValidationOff, "mok.validation_state"),
    edit("shim", GRUB, shim, Cause::BootLoaderChanged, "boot_loader.shim"),
    edit("GRUB", GRUB, grub, Cause::BootLoaderChanged, "boot_loader.grub"),
    edit("grub.cfg", GRUB, config, Cause::BootConfigChanged, "grub.config"),
    edit("GRUB module changed", GRUB, module, Cause::BootLoaderChanged, "grub.module"),
    edit("GRUB module added", GRUB, module_added, Cause::BootConfigChanged, "grub.module"),
    edit("kernel newer", GRUB, |b| kernel(b, b"a newer kernel"), Cause::KernelChanged, "kernel"),
    edit("kernel rollback", GRUB, |b| kernel(b, OLD_KERNEL), Cause::KernelRollback, "kernel"),
    edit("kernel upgrade", GRUB, upgrade, Cause::KernelChanged, "kernel"),
    edit("command line", GRUB, cmdline, Cause::KernelCmdlineChanged, "grub.kernel_cmdline"),
    edit("initrd", GRUB, initrd, Cause::InitrdChanged, "initrd"),
    edit("UKI command line", UKI, |b| part(b, ".cmdline", "tag"), Cause::KernelCmdlineChanged, "uki.cmdline"),
    edit("UKI initrd", UKI, |b| part(b, ".initrd", "initrd"), Cause::InitrdChanged, "uki.initrd"),
    edit("UKI kernel", UKI, |b| part(b, ".linux", ""), Cause::KernelChanged, "uki.linux"),
    edit("UKI os-release", UKI, |b| part(b, ".osrel", ""), Cause::UkiChanged, "uki.osrel"),
    edit("UKI stub", UKI, |b| image(b, b"another stub"), Cause::UkiChanged, "uki"),
    edit("UKI sections swapped", UKI, swapped, Cause::UkiChanged, "uki.osrel"),
    edit("option ROM changed", None, option_rom, Cause::OptionRomChange, "option_rom"),
    edit("option ROM added", None, option_rom_added, Cause::OptionRomChange, "option_rom"),
    edit("option ROM removed", None, option_rom_removed, Cause::OptionRomChange, "option_rom"),
    edit("boot order", None, boot_order, Cause::BootOrderChanged, "boot.order"),
    edit("boot entry added", None, boot_entry, Cause::BootOrderChanged, "boot.order"),
    edit("partition table", None, partitions, Cause::PartitionTableChanged, "boot.partition_table"),
    after("file changed", file_changed, Cause::FileChanged, None, "ima.files"),
    after("unknown file", file_unknown, Cause::UnknownFile, None, "ima.files"),
    after("list cut", |d| drop(d.ima.pop()), Cause::KexecOrLostList, None, "ima"),
    after(
        "PCR 2 extended",
        |d| d.extend(2, b"nobody logged this"),
        Cause::UnloggedExtension,
        Some(Cause::LogIncomplete),
        "log",
    ),
    after(
        "PCR 7 extended",
        |d| d.extend(7, b"nobody logged this"),
        Cause::UnloggedExtension,
        Some(Cause::LogIncomplete),
        "log",
    ),
    after(
        "PCR 14 extended",
        |d| d.extend(14, b"nobody logged this"),
        Cause::UnloggedExtension,
        Some(Cause::LogIncomplete),
        "userspace",
    ),
];

fn firmware_updated(b: &mut Boot) {
    let at = b.of_type(0, S_CRTM_VERSION)[0];
    let version = super::boot::utf16("2.0\0");
    b.replace(at, &version, &version);
    firmware_rebuilt(b);
}

fn firmware_rebuilt(b: &mut Boot) {
    for at in b.of_type(0, BLOB) {
        b.content(at, format!("other code {at}").as_bytes());
    }
}

fn one_volume(b: &mut Boot) {
    let at = b.of_type(0, BLOB)[0];
    b.content(at, b"the same code, other variables");
}

fn settings(b: &mut Boot) {
    let at = b.at(1, "setup");
    b.content(at, b"setup 2");
}

fn microcode(b: &mut Boot) {
    let at = b.of_type(1, MICROCODE)[0];
    b.content(at, b"microcode 2");
}

fn tables(b: &mut Boot) {
    let at = b.of_type(1, super::boot::HANDOFF_TABLES)[0];
    b.content(at, b"SMBIOS 2");
}

fn locality(b: &mut Boot) {
    b.locality = 3;
}

/// The variable that is measured before PCR 7's separator.
fn variable(b: &Boot, name: &str) -> usize {
    let wide = super::boot::utf16(name);
    let is = |at: &usize| {
        let data = &b.events[*at].data;
        data.len() >= 32 + wide.len()
            && data[16..24] == (name.len() as u64).to_le_bytes()
            && data[32..32 + wide.len()] == wide
    };
    b.of_type(7, super::device::VARIABLE_CONFIG).into_iter().find(is).unwrap()
}

fn key(b: &mut Boot, name: &str) {
    let at = variable(b, name);
    b.variable(at, b"another list of signatures");
}

/// The certificate that vouched for the first image was in the list that changed.
fn db(b: &mut Boot) {
    key(b, "db");
    let at = b.of_type(7, super::device::VARIABLE_AUTHORITY)[0];
    b.variable(at, b"another certificate");
}

fn sbat(b: &mut Boot) {
    let at = b.at(7, "SbatLevel");
    b.variable(at, b"sbat,1,2099010100\n");
}

fn secure_boot_off(b: &mut Boot) {
    let at = variable(b, "SecureBoot");
    b.variable(at, &[0]);
    without_verification(b);
}

/// Nothing is looked up; shim sets its oldest SBAT level and lists the kernel once.
fn without_verification(b: &mut Boot) {
    if b.way == Way::Grub {
        let at = b.at(7, "SbatLevel");
        b.variable(at, b"sbat,1,2021030218\n");
        let kernel = *b.of_type(4, APPLICATION).last().unwrap();
        b.events.remove(kernel);
    }
    b.events.retain(|e| {
        e.kind != super::device::VARIABLE_AUTHORITY
            || e.data.windows(18).any(|w| w == super::boot::utf16("SbatLevel"))
    });
}

fn setup_mode(b: &mut Boot) {
    let at = variable(b, "SecureBoot");
    b.variable(at, &[0]);
    for name in ["PK", "KEK", "db", "dbx"] {
        let at = variable(b, name);
        b.variable(at, &[]);
    }
    without_verification(b);
}

fn mok(b: &mut Boot) {
    let at = b.all(14, "MokList\0")[0];
    b.content(at, b"a machine owner key");
}

fn validation_off(b: &mut Boot) {
    let at = b.at(14, "MokListTrusted");
    b.insert(at, 14, IPL, b"MokSBState\0", &[1]);
    let mut event = authority(&SHIM_VENDOR, "MokSBState", &[1]);
    event.pcr = 7;
    b.events.insert(at, event);
}

fn shim(b: &mut Boot) {
    let at = b.of_type(4, APPLICATION)[0];
    b.content(at, b"another shim");
}

fn grub(b: &mut Boot) {
    let at = b.of_type(4, APPLICATION)[1];
    b.content(at, b"another GRUB");
}

fn config(b: &mut Boot) {
    let at = b.all(9, "grub.cfg")[0];
    b.content(at, b"another configuration");
}

fn module(b: &mut Boot) {
    let at = b.at(9, ".mod");
    b.content(at, b"module 2");
}

fn module_added(b: &mut Boot) {
    let at = b.at(9, ".mod");
    b.insert(at, 9, IPL, b"(hd0,gpt1)/x86_64-efi/http.mod\0", b"one more module");
}

fn kernel(b: &mut Boot, content: &[u8]) {
    for at in b.of_type(4, APPLICATION).into_iter().skip(2) {
        b.content(at, content);
    }
    let at = b.all(9, "vmlinuz")[0];
    b.content(at, &[content, b" as a file"].concat());
}

/// The next release of a distribution: another kernel under another name, with its initrd; configuration and commands name them.
fn upgrade(b: &mut Boot) {
    kernel(b, b"linux 6.1.0-57");
    for at in [b.all(8, "kernel_cmdline: ")[0], b.all(8, "grub_cmd: linux ")[0]] {
        let text = b.grub_text(at).replace("/vmlinuz", "/vmlinuz-6.1.0-57");
        b.grub(at, &text);
    }
    let at = b.all(9, "vmlinuz")[0];
    b.events[at].data = b"/vmlinuz-6.1.0-57\0".to_vec();
    config(b);
}

fn cmdline(b: &mut Boot) {
    for at in [b.all(8, "kernel_cmdline: ")[0], b.all(8, "grub_cmd: linux ")[0]] {
        let text = b.grub_text(at) + " init=/bin/sh";
        b.grub(at, &text);
    }
    config(b);
}

fn initrd(b: &mut Boot) {
    let at = b.all(9, "/initrd.img")[0];
    b.content(at, b"implant");
}

fn image(b: &mut Boot, content: &[u8]) {
    let at = *b.of_type(4, APPLICATION).first().unwrap();
    let known = b.events[at].digests.clone();
    // Two parts that change make a third image.
    let content = [content, known.values().next().unwrap()].concat();
    b.content(at, &content);
}

/// A section, the image around it, and what the kernel's stub measures of it.
fn part(b: &mut Boot, section: &str, tag: &str) {
    let at = b.section(section);
    b.content(at, format!("another {section}").as_bytes());
    image(b, section.as_bytes());
    let tags = b.of_type(9, 6);
    if tag == "initrd" {
        b.content(*tags.last().unwrap(), b"another initrd");
    } else if tag == "tag" {
        b.content(tags[0], b"another command line");
    }
}

fn swapped(b: &mut Boot) {
    let (one, other) = (b.section(".osrel"), b.section(".cmdline"));
    let (first, second) = (b.events[one - 1].clone(), b.events[one].clone());
    b.events[one - 1] = b.events[other - 1].clone();
    b.events[one] = b.events[other].clone();
    b.events[other - 1] = first;
    b.events[other] = second;
    image(b, b"swapped");
}

fn option_rom(b: &mut Boot) {
    let at = b.of_type(2, DRIVER)[0];
    b.content(at, b"option ROM 2");
}

fn option_rom_added(b: &mut Boot) {
    let at = *b.of_type(2, DRIVER).last().unwrap_or(&b.at(1, "BootOrder"));
    b.insert(at, 2, DRIVER, &driver(), b"the ROM of another card");
}

fn option_rom_removed(b: &mut Boot) {
    let at = b.of_type(2, DRIVER)[0];
    b.events.remove(at);
}

fn boot_order(b: &mut Boot) {
    let at = b.at(1, "BootOrder");
    b.variable(at, &[0, 0, 1, 0, 2, 0]);
}

/// As an installer does it: a file on a disk, first in the order.
fn boot_entry(b: &mut Boot) {
    let at = b.at(1, "BootOrder");
    let old = b.events[at].data[32 + 18..].to_vec();
    b.variable(at, &[&[3, 0], old.as_slice()].concat());
    let path: Vec<u8> = super::boot::utf16("\\EFI\\rescue.efi\0");
    let mut option = 1_u32.to_le_bytes().to_vec();
    option.extend((path.len() as u16 + 8).to_le_bytes());
    option.extend(super::boot::utf16("rescue\0"));
    option.extend([4, 4]);
    option.extend((path.len() as u16 + 4).to_le_bytes());
    option.extend(path);
    option.extend([0x7f, 0xff, 4, 0]);
    let mut data = b.events[at].data[..16].to_vec();
    data.extend(8_u64.to_le_bytes());
    data.extend((option.len() as u64).to_le_bytes());
    data.extend(super::boot::utf16("Boot0003"));
    data.extend(&option);
    b.insert(at + 1, 1, VARIABLE_BOOT, &data, &option);
}

fn partitions(b: &mut Boot) {
    let at = b.of_type(5, super::device::GPT)[0];
    let mut data = b.events[at].data.clone();
    data[60] ^= 1;
    b.replace(at, &data.clone(), &data);
}

fn file_changed(d: &mut Device) {
    d.ima(super::device::Measurement::file(b"/usr/bin/sh", b"implant"));
}

fn file_unknown(d: &mut Device) {
    d.ima(super::device::Measurement::file(b"/tmp/implant", b"implant"));
}
