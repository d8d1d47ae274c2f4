//! What differs between a boot and the golden sequences, and the causes behind it.

use super::finding::{Cause, Explained, RootCause};

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
    pub(super) component: String,
    pub(super) hint: Hint,
}

/// What the event's own words add to the component's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    None,
    /// The SecureBoot variable says "off".
    SecureBootOff,
    /// PK is empty.
    SetupMode,
    /// A GRUB command that loads the kernel or the initrd.
    LoadCommand,
    /// The digest is one that the document names as superseded.
    Superseded,
    /// shim's MokSBState: validation is off.
    ValidationOff,
}

impl Difference {
    /// The cause that this difference alone would suggest.
    fn own_cause(&self) -> Cause {
        let component = self.component.as_str();
        match self.hint {
            Hint::SecureBootOff => return Cause::SecureBootOff,
            Hint::SetupMode => return Cause::SecureBootSetupMode,
            Hint::ValidationOff => return Cause::ShimValidationOff,
            Hint::Superseded if component.contains("kernel") || component.starts_with("uki") => {
                return Cause::KernelRollback;
            }
            _ => {}
        }
        let family = component.split('.').next().unwrap_or_default();
        match (family, component) {
            (_, "firmware.settings") => Cause::FirmwareSettings,
            (_, "firmware.microcode") | ("hardware", _) => Cause::HardwareChange,
            ("firmware", _) => Cause::FirmwareUpdate,
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
}

/// Most telling first.
const RANK: &[Cause] = &[
    Cause::LogMissing,
    Cause::LogIncomplete,
    Cause::UnloggedExtension,
    Cause::ShimValidationOff,
    Cause::SecureBootOff,
    Cause::SecureBootSetupMode,
    Cause::SecureBootKeysChanged,
    Cause::KernelRollback,
    Cause::UkiChanged,
    Cause::BootLoaderChanged,
    Cause::KernelChanged,
    Cause::InitrdChanged,
    Cause::KernelCmdlineChanged,
    Cause::BootConfigChanged,
    Cause::FirmwareUpdate,
    Cause::OptionRomChange,
    Cause::HardwareChange,
    Cause::FirmwareSettings,
    Cause::RevocationListChanged,
    Cause::MokChanged,
    Cause::PartitionTableChanged,
    Cause::BootOrderChanged,
    Cause::UserspaceMeasurementChanged,
    Cause::KexecOrLostList,
    Cause::UnknownFile,
    Cause::FileChanged,
    Cause::UnknownSoftware,
];

/// The cause of each difference, by index, once what follows from another one is attributed to it.
pub(super) fn attribute(differences: &[Difference]) -> Vec<Cause> {
    let stage: Vec<Cause> =
        differences.iter().map(|d| other_stage(d, differences).unwrap_or(d.own_cause())).collect();
    let one_volume = is_one_firmware_volume(differences);
    let settle =
        |(difference, cause): (&Difference, &Cause)| match follows(difference, &stage).unwrap_or(*cause) {
            Cause::UkiChanged if difference.component == "uki" => changed_section(differences, &stage),
            Cause::FirmwareUpdate if one_volume => Cause::FirmwareSettings,
            cause => cause,
        };
    differences.iter().zip(&stage).map(settle).collect()
}

/// Another stage of the boot measures other things, in other places: what appears or is missing after it follows from it.
fn other_stage(difference: &Difference, all: &[Difference]) -> Option<Cause> {
    if difference.kind == Kind::Changed {
        return None;
    }
    let image = |d: &&Difference, kind| d.pcr == 4 && d.kind == kind;
    let lost_loader =
        all.iter().filter(|d| image(d, Kind::Missing)).any(|d| d.component.starts_with("boot_loader"));
    if lost_loader && all.iter().any(|d| image(&d, Kind::Extra)) {
        return Some(Cause::UnknownSoftware);
    }
    let other_loader =
        all.iter().filter(|d| image(d, Kind::Changed)).any(|d| d.component.starts_with("boot_loader"));
    let by_loader =
        matches!(difference.pcr, 7..=9) || (difference.pcr == 4 && difference.component == "kernel");
    (other_loader && by_loader).then_some(Cause::BootLoaderChanged)
}

/// The other cause that this difference follows from, if that is there.
fn follows(difference: &Difference, causes: &[Cause]) -> Option<Cause> {
    let from = |cause: Cause| causes.contains(&cause).then_some(cause);
    match difference.component.as_str() {
        // In setup mode there are no keys.
        "secure_boot.pk" | "secure_boot.kek" | "secure_boot.db" | "secure_boot.dbx" => {
            from(Cause::SecureBootSetupMode)
        }
        // Without Secure Boot nothing is looked up, so no authority is measured, and shim sets another SBAT level.
        "secure_boot.authority" => from(Cause::SecureBootOff).or(from(Cause::SecureBootKeysChanged)),
        // Other firmware writes its settings and boot entries anew.
        _ if difference.pcr == 1 => from(Cause::FirmwareUpdate),
        "secure_boot.sbat_level" | "secure_boot.other" => from(Cause::SecureBootOff),
        // shim verifies the kernel once more under Secure Boot, and so lists it twice.
        "kernel" if difference.kind == Kind::Missing => from(Cause::SecureBootOff),
        // The configuration and the command that carry the command line differ with it.
        "grub.config" => from(Cause::KernelCmdlineChanged),
        "grub.command" if difference.hint == Hint::LoadCommand => from(Cause::KernelCmdlineChanged),
        // The same kernel, seen by GRUB.
        "kernel" | "kernel.file" => from(Cause::KernelRollback),
        _ => None,
    }
}

/// A section that changed changes the unified kernel image around it.
fn changed_section(differences: &[Difference], causes: &[Cause]) -> Cause {
    let is_section = |d: &Difference| {
        let name = d.component.as_str();
        d.kind == Kind::Changed
            && (name.starts_with("uki.") || matches!(name, "initrd.loaded" | "kernel.cmdline"))
    };
    let named = differences.iter().zip(causes).filter(|(d, _)| is_section(d)).map(|(_, cause)| *cause);
    named
        .filter(|cause| *cause != Cause::UkiChanged)
        .min_by_key(|cause| rank(*cause))
        .unwrap_or(Cause::UkiChanged)
}

/// A variable that is not measured (MemoryTypeInformation) changes one firmware volume; a firmware update changes its version or all.
fn is_one_firmware_volume(differences: &[Difference]) -> bool {
    let mut firmware = differences.iter().filter(|d| d.pcr == 0);
    let only = firmware.next().is_some_and(|d| d.component == "firmware.code" && d.kind == Kind::Changed);
    only && firmware.next().is_none()
}

/// Root causes with what they explain, most telling first.
pub(super) fn root_causes(differences: &[Difference], causes: &[Cause]) -> Vec<RootCause> {
    let mut roots: Vec<RootCause> = Vec::new();
    for (difference, cause) in differences.iter().zip(causes) {
        let at = Explained { pcr: difference.pcr, event: difference.event };
        let Some(root) = roots.iter_mut().find(|root| root.cause == *cause) else {
            roots.push(RootCause {
                cause: *cause,
                or: alternative(*cause, difference),
                component: Some(difference.component.clone()),
                pcr: Some(difference.pcr),
                event: difference.event,
                explains: Vec::new(),
            });
            continue;
        };
        if is_more_telling(difference, root, *cause) {
            let old = Explained { pcr: root.pcr.unwrap_or(difference.pcr), event: root.event };
            root.explains.push(old);
            root.component = Some(difference.component.clone());
            (root.pcr, root.event) = (Some(at.pcr), at.event);
        } else {
            root.explains.push(at);
        }
    }
    for root in &mut roots {
        root.explains.sort_unstable();
        root.explains.dedup();
    }
    sort(&mut roots);
    roots
}

/// Orders causes by how much they tell.
pub(super) fn sort(roots: &mut [RootCause]) {
    roots.sort_by_key(|root| rank(root.cause));
}

fn rank(cause: Cause) -> usize {
    RANK.iter().position(|known| *known == cause).unwrap_or(RANK.len())
}

/// Whether the difference names the cause better than the one that stands as its root: its own cause, not attributed.
fn is_more_telling(difference: &Difference, root: &RootCause, cause: Cause) -> bool {
    let standing = root.component.as_deref().unwrap_or_default();
    let own = difference.own_cause() == cause;
    let names_cause = |component: &str| match cause {
        Cause::KernelCmdlineChanged => component.contains("cmdline"),
        Cause::KernelChanged | Cause::KernelRollback => component == "kernel" || component == "uki.linux",
        Cause::InitrdChanged => component.contains("initrd"),
        Cause::SecureBootOff => component == "secure_boot.state",
        Cause::SecureBootSetupMode => component == "secure_boot.pk",
        Cause::BootLoaderChanged => component.starts_with("boot_loader"),
        Cause::BootConfigChanged => component == "grub.config",
        Cause::FirmwareUpdate => component.starts_with("firmware"),
        _ => true,
    };
    if cause == Cause::UnknownSoftware {
        return difference.kind == Kind::Extra && difference.pcr == 4 && root.pcr != Some(4);
    }
    own && names_cause(&difference.component) && !names_cause(standing)
}

fn alternative(cause: Cause, difference: &Difference) -> Option<Cause> {
    match cause {
        Cause::FirmwareSettings if difference.pcr == 0 => Some(Cause::HardwareChange),
        Cause::UnloggedExtension => Some(Cause::LogIncomplete),
        _ => None,
    }
}
