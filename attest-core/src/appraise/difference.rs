//! What differs between a boot and the golden sequences, and the causes behind it.
//!
//! Each difference suggests a cause of its own; then what follows from another difference is attributed to that one's cause. Names and
//! texts lead here, never digests alone: a cause explains a refusal, and decides nothing.

use super::comparison::Side;
use super::finding::Cause;

/// How an event differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Another digest in a slot of the same name.
    Changed,
    /// A slot without event.
    Missing,
    /// An event without slot.
    Extra,
}

/// One difference, with what its event says about itself (hints).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) kind: Kind,
    pub(super) pcr: u32,
    pub(super) event: Option<u32>,
    /// Of which log the event is: see [`Reason::log`](super::finding::Reason).
    pub(super) log: Option<&'static str>,
    /// The event, or where a missing one should have been.
    pub(super) position: u32,
    pub(super) component: String,
    pub(super) hint: Hint,
    /// Only the log says so: its PCR is not explained.
    pub(super) told: bool,
    pub(super) expected: Option<Side>,
    pub(super) got: Option<Side>,
}

/// What the event's own words add to the component's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    None,
    /// A boot entry for a file on a disk: an operating system writes such, not the firmware.
    EntryOfFile,
    /// A command line that differs in the kernel's path alone.
    KernelPath,
    /// A GRUB command that loads the kernel.
    LoadKernel,
    /// A GRUB command that loads the initrd.
    LoadInitrd,
    /// The entries that both boot orders have stand in another order.
    Order,
    /// The same extend stands at another place of the PCR.
    Reordered,
    /// The SecureBoot variable says "off".
    SecureBootOff,
    /// The SecureBoot variable says "on".
    SecureBootOn,
    /// PK is empty.
    SetupMode,
    /// The golden sequence has only this one firmware volume.
    SingleVolume,
    /// The digest is one that the document names as superseded.
    Superseded,
    /// shim's MokSBState: validation is off.
    ValidationOff,
}

impl Difference {
    pub(super) const fn new(kind: Kind, pcr: u32, component: String) -> Self {
        let (event, log, expected, got) = (None, None, None, None);
        Self { kind, pcr, event, log, position: 0, component, hint: Hint::None, told: false, expected, got }
    }

    /// The cause that this difference alone would suggest.
    pub(super) fn own_cause(&self) -> Cause {
        let component = self.component.as_str();
        match self.hint {
            Hint::SecureBootOff => return Cause::SecureBootOff,
            Hint::SecureBootOn => return Cause::FirmwareSettings,
            Hint::SetupMode => return Cause::SecureBootSetupMode,
            Hint::ValidationOff => return Cause::ShimValidationOff,
            Hint::Superseded if component.contains("kernel") || component.starts_with("uki") => {
                return Cause::KernelRollback;
            }
            Hint::Reordered if component.starts_with("uki") => return Cause::UkiChanged,
            _ => {}
        }
        let family = component.split('.').next().unwrap_or_default();
        match (family, component) {
            (_, "firmware.settings" | "firmware.startup_locality") => Cause::FirmwareSettings,
            (_, "firmware.microcode") | ("hardware", _) => Cause::HardwareChange,
            ("firmware", _) => Cause::FirmwareUpdate,
            // The firmware ends a PCR with another separator where it failed (PC Client PFP, EV_SEPARATOR).
            ("separator", _) if self.pcr <= 7 => Cause::FirmwareUpdate,
            (_, "secure_boot.dbx" | "secure_boot.sbat_level") => Cause::RevocationListChanged,
            (_, "secure_boot.authority" | "secure_boot.other") => Cause::BootLoaderChanged,
            (_, "secure_boot.debug_mode" | "secure_boot.mode") => Cause::FirmwareSettings,
            ("secure_boot", _) => Cause::SecureBootKeysChanged,
            (_, "boot.order" | "boot.entry" | "boot.variable" | "boot.action") => Cause::BootOrderChanged,
            (_, "boot.partition_table") => Cause::PartitionTableChanged,
            (_, "boot.driver") | ("option_rom", _) => Cause::OptionRomChange,
            ("boot_loader" | "uki" | "kernel", _) if self.kind == Kind::Extra && self.pcr == 4 => {
                Cause::UnknownSoftware
            }
            ("boot_loader", _) => Cause::BootLoaderChanged,
            (_, "grub.kernel_cmdline" | "kernel.cmdline" | "uki.cmdline" | "uki.parameters") => {
                Cause::KernelCmdlineChanged
            }
            // A module is GRUB's own code; which modules are loaded its configuration says.
            (_, "grub.module") if self.kind == Kind::Changed => Cause::BootLoaderChanged,
            ("grub", _) => Cause::BootConfigChanged,
            ("kernel", _) | (_, "uki.linux") => Cause::KernelChanged,
            ("initrd", _) | (_, "uki.initrd") => Cause::InitrdChanged,
            ("uki", _) => Cause::UkiChanged,
            (_, "mok.validation_state") => Cause::ShimValidationOff,
            ("mok", _) => Cause::MokChanged,
            ("userspace", _) => Cause::UserspaceMeasurementChanged,
            _ => Cause::UnknownSoftware,
        }
    }

    fn is_image(&self, kind: Kind, family: &str) -> bool {
        self.pcr == 4 && self.kind == kind && self.component.starts_with(family)
    }
}

/// The cause of each difference, by index, once what follows from another one is attributed to it.
pub(super) fn attribute(differences: &[Difference]) -> Vec<Cause> {
    let boot = Facts::of(differences);
    let by_stage: Vec<Option<Cause>> = differences.iter().map(|d| boot.other_stage(d)).collect();
    let stage: Vec<Cause> =
        differences.iter().zip(&by_stage).map(|(d, by)| by.unwrap_or_else(|| boot.volume(d))).collect();
    let by_load = by_load(differences, &stage);
    let settle = |difference: &Difference, cause: Cause| match boot.follows(difference, &stage, by_load) {
        Some(root) => root,
        None if cause == Cause::UkiChanged && difference.component == "uki" => {
            changed_section(differences, &stage)
        }
        None => cause,
    };
    let found = differences.iter().zip(&by_stage).zip(&stage);
    found.map(|((difference, by), cause)| by.unwrap_or_else(|| settle(difference, *cause))).collect()
}

/// The cause behind GRUB's changed load commands, and so behind the configuration that has them.
fn by_load(differences: &[Difference], stage: &[Cause]) -> Option<Cause> {
    let staged = || differences.iter().zip(stage);
    let hinted = |hint: Hint| differences.iter().any(|d| d.hint == hint);
    if staged().any(|(d, cause)| *cause == Cause::KernelCmdlineChanged && d.hint != Hint::KernelPath) {
        return Some(Cause::KernelCmdlineChanged);
    }
    let is_initrd =
        hinted(Hint::LoadInitrd) && !hinted(Hint::LoadKernel) && stage.contains(&Cause::InitrdChanged);
    is_initrd.then_some(Cause::InitrdChanged)
}

/// What the differences say together.
struct Facts {
    /// An image was lost and another one is there: another boot loader.
    is_other_software: bool,
    is_other_loader: bool,
    is_other_shim: bool,
    /// One firmware volume of several is all that differs in the firmware's code.
    one_volume: bool,
    has_hardware: bool,
    has_kernel_path: bool,
    is_secure_boot_on: bool,
    has_file_entries: bool,
}

impl Facts {
    fn of(all: &[Difference]) -> Self {
        let any = |is: &dyn Fn(&Difference) -> bool| all.iter().any(is);
        let hinted = |hint: Hint| any(&|d: &Difference| d.hint == hint);
        let lost_loader = any(&|d: &Difference| d.is_image(Kind::Missing, "boot_loader"));
        let image = |kind: Kind| any(&|d: &Difference| d.is_image(kind, ""));
        let changed = |cause: Cause| any(&|d: &Difference| d.own_cause() == cause);
        Self {
            is_other_software: lost_loader && image(Kind::Extra),
            is_other_loader: any(&|d: &Difference| d.is_image(Kind::Changed, "boot_loader")),
            is_other_shim: any(&|d: &Difference| d.is_image(Kind::Changed, "boot_loader.shim")),
            one_volume: is_one_firmware_volume(all),
            has_hardware: changed(Cause::HardwareChange),
            has_kernel_path: hinted(Hint::KernelPath),
            is_secure_boot_on: hinted(Hint::SecureBootOn),
            has_file_entries: hinted(Hint::EntryOfFile),
        }
    }

    /// The own cause, but for a firmware volume that moved alone: data that no event tells moves it, too.
    fn volume(&self, difference: &Difference) -> Cause {
        match difference.own_cause() {
            Cause::FirmwareUpdate if self.one_volume && self.has_hardware => Cause::HardwareChange,
            Cause::FirmwareUpdate if self.one_volume => Cause::FirmwareSettings,
            own => own,
        }
    }

    /// Another stage of the boot measures other things, in other places: what appears or is missing after it follows from it.
    fn other_stage(&self, difference: &Difference) -> Option<Cause> {
        if difference.kind == Kind::Changed || difference.hint == Hint::ValidationOff {
            return None;
        }
        if self.is_other_software && !matches!(difference.pcr, 0..=3 | 6) && !is_configured(difference) {
            return Some(Cause::UnknownSoftware);
        }
        let by_loader = matches!(difference.pcr, 8..=9)
            || matches!(difference.component.as_str(), "kernel" | "secure_boot.authority");
        let by_shim = difference.pcr == 14 || difference.component == "secure_boot.sbat_level";
        ((self.is_other_loader && by_loader) || (self.is_other_shim && by_shim))
            .then_some(Cause::BootLoaderChanged)
    }

    /// The other cause that this difference follows from, if that is there.
    fn follows(&self, difference: &Difference, causes: &[Cause], by_load: Option<Cause>) -> Option<Cause> {
        let from = |cause: Cause| causes.contains(&cause).then_some(cause);
        let from_kernel = || from(Cause::KernelRollback).or_else(|| from(Cause::KernelChanged));
        let from_state = || {
            from(Cause::SecureBootOff)
                .or_else(|| from(Cause::SecureBootSetupMode))
                .or(self.is_secure_boot_on.then_some(Cause::FirmwareSettings))
        };
        match difference.component.as_str() {
            // In setup mode there are no keys.
            "secure_boot.pk" | "secure_boot.kek" | "secure_boot.db" | "secure_boot.dbx" => {
                from(Cause::SecureBootSetupMode)
            }
            // Without Secure Boot nothing is looked up, so no authority is measured. Else another key vouches: because the list of
            // keys changed, or because the image did.
            "secure_boot.authority" => from_state()
                .or_else(|| from(Cause::SecureBootKeysChanged))
                .or_else(|| from(Cause::MokChanged))
                .or_else(|| from(Cause::UkiChanged))
                .or_else(|| if self.is_other_loader { None } else { from_kernel() }),
            // shim then sets another SBAT level, and verifies the kernel once less.
            "secure_boot.sbat_level" | "secure_boot.other" => from_state(),
            "kernel" if difference.kind != Kind::Changed => {
                from_state().or_else(|| from(Cause::KernelRollback))
            }
            // Other firmware writes its settings and boot entries anew; entries for files an operating system wrote.
            "boot.entry" if difference.hint == Hint::EntryOfFile => None,
            "boot.order" if difference.hint == Hint::Order => None,
            "boot.order" if from(Cause::FirmwareUpdate).is_some() && self.has_file_entries => None,
            _ if difference.pcr == 1 => from(Cause::FirmwareUpdate),
            // Another kernel under another name: its path is in the command line and in the configuration.
            "grub.kernel_cmdline" if difference.hint == Hint::KernelPath => from_kernel(),
            "grub.command" if difference.hint == Hint::LoadInitrd => {
                from(Cause::InitrdChanged).or_else(|| self.by_kernel_path(from_kernel()))
            }
            "grub.command" if difference.hint == Hint::LoadKernel => {
                by_load.or_else(|| self.by_kernel_path(from_kernel()))
            }
            "grub.config" => by_load.or_else(|| self.by_kernel_path(from_kernel())),
            "grub.command" if difference.kind == Kind::Changed => self.by_kernel_path(from_kernel()),
            // The same kernel, seen by GRUB.
            "kernel" | "kernel.file" => from(Cause::KernelRollback),
            _ => None,
        }
    }

    fn by_kernel_path(&self, cause: Option<Cause>) -> Option<Cause> {
        cause.filter(|_| self.has_kernel_path)
    }
}

/// Variables that are measured whatever is booted: another boot loader changes none of them.
fn is_configured(difference: &Difference) -> bool {
    let name = difference.component.as_str();
    name.starts_with("secure_boot.") && !matches!(name, "secure_boot.authority" | "secure_boot.sbat_level")
        || name == "boot.partition_table"
}

/// A section that changed changes the unified kernel image around it.
fn changed_section(differences: &[Difference], causes: &[Cause]) -> Cause {
    let is_section = |d: &Difference| {
        let name = d.component.as_str();
        name.starts_with("uki.") && d.pcr == 11 || matches!(name, "initrd.loaded" | "kernel.cmdline")
    };
    let named = differences.iter().zip(causes).filter(|(d, _)| is_section(d)).map(|(_, cause)| *cause);
    named
        .filter(|cause| *cause != Cause::UkiChanged)
        .min_by_key(|cause| super::roots::rank(*cause))
        .unwrap_or(Cause::UkiChanged)
}

/// A variable that is not measured (MemoryTypeInformation) changes one firmware volume of several; a firmware update changes its version
/// or all of them.
fn is_one_firmware_volume(differences: &[Difference]) -> bool {
    let mut firmware =
        differences.iter().filter(|d| d.pcr == 0 && d.component != "firmware.startup_locality");
    let is_volume = |d: &Difference| {
        d.component == "firmware.code" && d.kind == Kind::Changed && d.hint != Hint::SingleVolume
    };
    firmware.next().is_some_and(is_volume) && firmware.next().is_none()
}

#[cfg(test)]
mod tests;
