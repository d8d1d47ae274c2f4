//! What one difference suggests, and what follows from another: by name and place alone.

use super::Kind::{Changed, Extra, Missing};
use super::*;

fn at(pcr: u32, component: &str) -> Difference {
    Difference::new(Changed, pcr, component.to_owned())
}

fn hinted(pcr: u32, component: &str, hint: Hint) -> Difference {
    Difference { hint, ..at(pcr, component) }
}

fn of(kind: Kind, pcr: u32, component: &str) -> Difference {
    Difference::new(kind, pcr, component.to_owned())
}

#[test]
fn each_component_suggests_its_cause() {
    let cases = [
        (at(1, "firmware.settings"), Cause::FirmwareSettings),
        (at(1, "firmware.microcode"), Cause::HardwareChange),
        (at(1, "hardware.tables"), Cause::HardwareChange),
        (at(0, "firmware.code"), Cause::FirmwareUpdate),
        (at(7, "separator"), Cause::FirmwareUpdate),
        (at(8, "separator"), Cause::UnknownSoftware),
        (at(7, "secure_boot.dbx"), Cause::RevocationListChanged),
        (at(7, "secure_boot.sbat_level"), Cause::RevocationListChanged),
        (at(7, "secure_boot.authority"), Cause::BootLoaderChanged),
        (at(7, "secure_boot.other"), Cause::BootLoaderChanged),
        (at(7, "secure_boot.debug_mode"), Cause::FirmwareSettings),
        (at(7, "secure_boot.mode"), Cause::FirmwareSettings),
        (at(7, "secure_boot.db"), Cause::SecureBootKeysChanged),
        (at(1, "boot.order"), Cause::BootOrderChanged),
        (at(5, "boot.partition_table"), Cause::PartitionTableChanged),
        (at(2, "boot.driver"), Cause::OptionRomChange),
        (at(2, "option_rom.code"), Cause::OptionRomChange),
        (of(Extra, 4, "kernel"), Cause::UnknownSoftware),
        (of(Extra, 9, "kernel"), Cause::KernelChanged),
        (of(Missing, 4, "boot_loader.shim"), Cause::BootLoaderChanged),
        (at(9, "grub.module"), Cause::BootLoaderChanged),
        (of(Extra, 9, "grub.module"), Cause::BootConfigChanged),
        (at(11, "uki.linux"), Cause::KernelChanged),
        (at(11, "uki.initrd"), Cause::InitrdChanged),
        (at(11, "uki.osrel"), Cause::UkiChanged),
        (at(14, "mok.validation_state"), Cause::ShimValidationOff),
        (at(14, "mok.list"), Cause::MokChanged),
        (at(12, "userspace.credential"), Cause::UserspaceMeasurementChanged),
    ];
    for (difference, cause) in cases {
        assert_eq!(difference.own_cause(), cause, "{difference:?}");
    }
}

#[test]
fn what_an_event_says_of_itself_comes_before_its_name() {
    let cases = [
        (hinted(7, "secure_boot.state", Hint::SecureBootOff), Cause::SecureBootOff),
        (hinted(7, "secure_boot.state", Hint::SecureBootOn), Cause::FirmwareSettings),
        (hinted(7, "secure_boot.pk", Hint::SetupMode), Cause::SecureBootSetupMode),
        (hinted(14, "mok.other", Hint::ValidationOff), Cause::ShimValidationOff),
        (hinted(4, "uki", Hint::Superseded), Cause::KernelRollback),
        (hinted(9, "initrd", Hint::Superseded), Cause::InitrdChanged),
        (hinted(11, "uki.linux", Hint::Reordered), Cause::UkiChanged),
        (hinted(9, "initrd", Hint::Reordered), Cause::InitrdChanged),
    ];
    for (difference, cause) in cases {
        assert_eq!(difference.own_cause(), cause, "{difference:?}");
    }
}

#[test]
fn another_image_explains_what_it_does_not_measure_and_no_variable() {
    let all = [
        of(Missing, 4, "boot_loader.shim"),
        of(Extra, 4, "kernel"),
        of(Missing, 9, "initrd"),
        of(Missing, 7, "secure_boot.authority"),
        of(Missing, 7, "secure_boot.db"),
        of(Missing, 5, "boot.partition_table"),
        of(Missing, 2, "boot.driver"),
        at(9, "grub.config"),
        Difference { hint: Hint::ValidationOff, ..of(Extra, 14, "mok.validation_state") },
    ];
    use Cause::{
        BootConfigChanged, OptionRomChange, PartitionTableChanged, SecureBootKeysChanged, ShimValidationOff,
        UnknownSoftware,
    };
    let expected = [
        UnknownSoftware,
        UnknownSoftware,
        UnknownSoftware,
        UnknownSoftware,
        SecureBootKeysChanged,
        PartitionTableChanged,
        OptionRomChange,
        BootConfigChanged,
        ShimValidationOff,
    ];
    assert_eq!(attribute(&all), expected);
}

#[test]
fn another_shim_explains_its_own_measurements() {
    let shim = at(4, "boot_loader.shim");
    let with = |other: Difference| attribute(&[shim.clone(), other])[1];
    assert_eq!(with(of(Extra, 14, "mok.list")), Cause::BootLoaderChanged);
    assert_eq!(with(of(Missing, 7, "secure_boot.sbat_level")), Cause::BootLoaderChanged);
    assert_eq!(with(at(14, "mok.list")), Cause::MokChanged);
    let grub = at(4, "boot_loader.grub");
    let with = |other: Difference| attribute(&[grub.clone(), other])[1];
    assert_eq!(with(of(Extra, 14, "mok.list")), Cause::MokChanged);
    assert_eq!(with(of(Missing, 9, "initrd")), Cause::BootLoaderChanged);
}

#[test]
fn one_volume_of_several_is_a_setting_or_a_part() {
    let volume = at(0, "firmware.code");
    assert_eq!(attribute(std::slice::from_ref(&volume)), [Cause::FirmwareSettings]);
    let with_part = attribute(&[volume.clone(), at(1, "hardware.tables")]);
    assert_eq!(with_part[0], Cause::HardwareChange);
    assert_eq!(attribute(&[hinted(0, "firmware.code", Hint::SingleVolume)]), [Cause::FirmwareUpdate]);
    assert_eq!(attribute(&[of(Extra, 0, "firmware.code")]), [Cause::FirmwareUpdate]);
    assert_eq!(attribute(&[volume.clone(), at(0, "firmware.version")])[0], Cause::FirmwareUpdate);
    assert_eq!(attribute(&[volume, volume_again()])[0], Cause::FirmwareUpdate);
}

fn volume_again() -> Difference {
    Difference { event: Some(9), ..at(0, "firmware.code") }
}

#[test]
fn boot_entries_follow_other_firmware_unless_they_are_for_files() {
    let firmware = at(0, "firmware.version");
    let with = |others: &[Difference]| attribute(&[std::slice::from_ref(&firmware), others].concat())[1];
    assert_eq!(with(&[at(1, "boot.entry")]), Cause::FirmwareUpdate);
    assert_eq!(with(&[hinted(1, "boot.entry", Hint::EntryOfFile)]), Cause::BootOrderChanged);
    assert_eq!(with(&[at(1, "boot.order")]), Cause::FirmwareUpdate);
    assert_eq!(with(&[hinted(1, "boot.order", Hint::Order)]), Cause::BootOrderChanged);
    let order = [at(1, "boot.order"), hinted(1, "boot.entry", Hint::EntryOfFile)];
    assert_eq!(with(&order), Cause::BootOrderChanged);
    assert_eq!(attribute(&[at(1, "boot.entry")]), [Cause::BootOrderChanged]);
}

#[test]
fn grubs_commands_follow_what_they_load() {
    let initrd = at(9, "initrd");
    let load = hinted(8, "grub.command", Hint::LoadInitrd);
    let config = at(9, "grub.config");
    let all = attribute(&[initrd.clone(), load.clone(), config.clone()]);
    assert_eq!(all, [Cause::InitrdChanged; 3]);
    // With the kernel's command beside it, or no other initrd, the configuration changed itself.
    let kernel = hinted(8, "grub.command", Hint::LoadKernel);
    let all = attribute(&[initrd, load.clone(), kernel.clone(), config.clone()]);
    assert_eq!(all[3], Cause::BootConfigChanged);
    assert_eq!(attribute(&[load, config.clone()])[1], Cause::BootConfigChanged);
    // Another kernel at another path.
    let linux = at(9, "kernel");
    let path = hinted(8, "grub.kernel_cmdline", Hint::KernelPath);
    let all = attribute(&[linux.clone(), path, kernel.clone(), config.clone()]);
    assert_eq!(all, [Cause::KernelChanged; 4]);
    let command = at(8, "grub.command");
    assert_eq!(attribute(&[linux.clone(), command])[1], Cause::BootConfigChanged);
    assert_eq!(attribute(&[linux, kernel, config])[1], Cause::BootConfigChanged);
}

#[test]
fn a_kernel_that_is_measured_once_less_follows_secure_boot() {
    let off = hinted(7, "secure_boot.state", Hint::SecureBootOff);
    let lost = of(Missing, 4, "kernel");
    assert_eq!(attribute(&[off.clone(), lost])[1], Cause::SecureBootOff);
    assert_eq!(attribute(&[off, at(4, "kernel")])[1], Cause::KernelChanged);
}

#[test]
fn the_image_around_a_section_changes_with_it() {
    let uki = at(4, "uki");
    assert_eq!(attribute(&[uki.clone(), at(11, "uki.initrd")])[0], Cause::InitrdChanged);
    assert_eq!(attribute(&[uki.clone(), at(11, "uki.osrel")])[0], Cause::UkiChanged);
    // A name like a section's in another register, and a section's name alone in this one, are none.
    assert_eq!(attribute(&[uki.clone(), at(12, "uki.cmdline")])[0], Cause::UkiChanged);
    assert_eq!(attribute(&[uki.clone(), at(11, "userspace.phase")])[0], Cause::UkiChanged);
    assert_eq!(attribute(&[uki, at(9, "initrd.loaded")])[0], Cause::InitrdChanged);
}

#[test]
fn a_command_without_a_hint_follows_the_kernels_path_alone() {
    let linux = at(9, "kernel");
    let path = hinted(8, "grub.kernel_cmdline", Hint::KernelPath);
    let with = |command: Difference| attribute(&[linux.clone(), path.clone(), command])[2];
    assert_eq!(with(at(8, "grub.command")), Cause::KernelChanged);
    assert_eq!(with(of(Extra, 8, "grub.command")), Cause::BootConfigChanged);
    // Another command line changes the command that loads the kernel, and no other.
    let cmdline = at(8, "grub.kernel_cmdline");
    let with = |command: Difference| attribute(&[cmdline.clone(), command])[1];
    assert_eq!(with(hinted(8, "grub.command", Hint::LoadKernel)), Cause::KernelCmdlineChanged);
    assert_eq!(with(at(8, "grub.command")), Cause::BootConfigChanged);
}

#[test]
fn a_section_that_changed_explains_the_image_and_no_other_section() {
    let sections = [at(11, "uki.osrel"), at(11, "uki.initrd"), at(4, "uki")];
    assert_eq!(attribute(&sections), [Cause::UkiChanged, Cause::InitrdChanged, Cause::InitrdChanged]);
}
