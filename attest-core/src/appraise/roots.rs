//! The root causes of a verdict: one for each cause, the difference that tells it best as its root, the others as what it explains.

use super::cause::{Explained, RootCause};
use super::comparison::Side;
use super::difference::{Difference, Hint, Kind};
use super::finding::Cause;
use crate::authenticate::ima::BootAggregate;
use crate::authenticate::{AuthenticEvidence, AuthenticIma};
use crate::digest::HashAlg;

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

/// Orders causes by how much they tell.
pub(super) fn sort(roots: &mut [RootCause]) {
    roots.sort_by_key(|root| rank(root.cause));
}

pub(super) fn rank(cause: Cause) -> usize {
    RANK.iter().position(|known| *known == cause).unwrap_or(RANK.len())
}

/// One root for each cause: what another one of the same cause has is explained by the first.
pub(super) fn merge(roots: &mut Vec<RootCause>) {
    let mut merged: Vec<RootCause> = Vec::new();
    for root in roots.drain(..) {
        let Some(first) = merged.iter_mut().find(|known| known.cause == root.cause) else {
            merged.push(root);
            continue;
        };
        first.explains.extend(root.pcr.map(|pcr| Explained { pcr, event: root.event, log: root.log }));
        first.explains.extend(root.explains);
        first.explains.retain(|at| (Some(at.pcr), at.event, at.log) != (first.pcr, first.event, first.log));
        first.explains.sort_unstable();
        first.explains.dedup();
    }
    *roots = merged;
}

/// IMA begins its list with the digest of the boot's PCRs, so whatever moved one of them moved PCR 10.
pub(super) fn measured_again(roots: &mut [RootCause], evidence: &AuthenticEvidence<'_>) {
    const IMA: Explained = Explained { pcr: 10, event: None, log: None };
    let last = match evidence.ima().map(AuthenticIma::boot_aggregate) {
        Some(BootAggregate::Match { alg: HashAlg::Sha1 }) => 7,
        Some(BootAggregate::Match { .. }) => 9,
        _ => return,
    };
    for root in roots.iter_mut().filter(|root| !root.unproven) {
        let mut moved = root.pcr.into_iter().chain(root.explains.iter().map(|at| at.pcr));
        if moved.any(|pcr| pcr <= last) && !root.explains.contains(&IMA) {
            root.explains.push(IMA);
        }
    }
}

/// For each difference whether it is the root of its cause.
pub(super) fn is_root(differences: &[Difference], causes: &[Cause]) -> Vec<bool> {
    let mut roots: Vec<(Cause, usize, (bool, u8))> = Vec::new();
    for (at, (difference, cause)) in differences.iter().zip(causes).enumerate() {
        let telling = (difference.told, telling(difference, *cause));
        match roots.iter_mut().find(|(known, ..)| known == cause) {
            Some(root) if telling < root.2 => *root = (*cause, at, telling),
            Some(_) => {}
            None => roots.push((*cause, at, telling)),
        }
    }
    (0..differences.len()).map(|at| roots.iter().any(|(_, root, _)| *root == at)).collect()
}

/// Root causes with what they explain, most telling first.
pub(super) fn root_causes(differences: &[Difference], causes: &[Cause]) -> Vec<RootCause> {
    let is_root = is_root(differences, causes);
    let found = || differences.iter().zip(causes);
    let mut roots: Vec<RootCause> = Vec::new();
    for ((difference, cause), _) in found().zip(&is_root).filter(|(_, is_root)| **is_root) {
        let others = found().filter(|(d, c)| *c == cause && !core::ptr::eq(*d, difference));
        let mut explains: Vec<Explained> =
            others.clone().map(|(d, _)| Explained { pcr: d.pcr, event: d.event, log: d.log }).collect();
        explains.sort_unstable();
        explains.dedup();
        let mut perhaps: Vec<Cause> = others.filter_map(|(d, _)| hidden(d, *cause)).collect();
        perhaps.sort_unstable();
        perhaps.dedup();
        perhaps.retain(|other| !causes.contains(other));
        roots.push(RootCause {
            or: alternative(*cause, difference),
            component: Some(difference.component.clone()),
            pcr: Some(difference.pcr),
            event: difference.event,
            log: difference.log,
            explains,
            perhaps,
            unproven: found().filter(|(_, c)| *c == cause).all(|(d, _)| d.told),
            ..RootCause::new(*cause)
        });
    }
    sort(&mut roots);
    roots
}

/// How well the difference names the cause, best first: its own cause, in the place where that cause is made.
fn telling(difference: &Difference, cause: Cause) -> u8 {
    let component = difference.component.as_str();
    let position = |names: &[&str]| {
        let at = names.iter().position(|name| component == *name);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(8)
    };
    let place = match cause {
        Cause::KernelCmdlineChanged => {
            position(&["uki.cmdline", "grub.kernel_cmdline", "kernel.cmdline", "uki.parameters"])
        }
        Cause::KernelChanged | Cause::KernelRollback => position(&["uki.linux", "kernel", "kernel.file"]),
        Cause::InitrdChanged => position(&["uki.initrd", "initrd", "initrd.loaded"]),
        Cause::SecureBootOff => position(&["secure_boot.state"]),
        Cause::SecureBootSetupMode => position(&["secure_boot.pk"]),
        Cause::SecureBootKeysChanged => position(&["secure_boot.pk", "secure_boot.kek", "secure_boot.db"]),
        Cause::BootLoaderChanged => {
            position(&["boot_loader.shim", "boot_loader.grub", "boot_loader.systemd_boot", "boot_loader"])
        }
        Cause::BootConfigChanged => position(&["grub.config"]),
        Cause::FirmwareUpdate => position(&["firmware.version", "firmware.crtm", "firmware.code"]),
        Cause::UkiChanged if difference.hint == Hint::Reordered => 0,
        Cause::UkiChanged => u8::from(!component.starts_with("uki.")),
        Cause::UnknownSoftware => u8::from(!(difference.kind == Kind::Extra && difference.pcr == 4)),
        Cause::FirmwareSettings if difference.hint == Hint::SecureBootOn => 0,
        Cause::FirmwareSettings | Cause::HardwareChange => 1,
        _ => 0,
    };
    if difference.own_cause() == cause { place } else { place.saturating_add(16) }
}

/// Another cause that could stand behind a difference which was attributed to this one, and that nothing else would show.
fn hidden(difference: &Difference, cause: Cause) -> Option<Cause> {
    let own = difference.own_cause();
    if cause == Cause::HardwareChange && difference.component == "firmware.code" {
        return Some(Cause::FirmwareSettings);
    }
    // A section that changed changes the image; so does a change of the stub, which nothing else measures.
    if own == Cause::UkiChanged && difference.component == "uki" && cause != own {
        return Some(own).filter(|_| cause != Cause::UnknownSoftware);
    }
    let can_hide = match cause {
        Cause::FirmwareUpdate => difference.pcr == 1,
        Cause::KernelCmdlineChanged | Cause::InitrdChanged | Cause::KernelChanged | Cause::KernelRollback => {
            own == Cause::BootConfigChanged && difference.component != "grub.command"
        }
        Cause::SecureBootOff | Cause::FirmwareSettings => own == Cause::RevocationListChanged,
        Cause::SecureBootSetupMode => {
            matches!(own, Cause::SecureBootKeysChanged | Cause::RevocationListChanged)
        }
        Cause::BootLoaderChanged => {
            matches!(own, Cause::BootConfigChanged | Cause::MokChanged | Cause::RevocationListChanged)
        }
        _ => false,
    };
    (can_hide && own != cause).then_some(own)
}

fn alternative(cause: Cause, difference: &Difference) -> Option<Cause> {
    let component = difference.component.as_str();
    match (cause, component) {
        (Cause::FirmwareSettings, "firmware.startup_locality") => Some(Cause::FirmwareUpdate),
        // What the volume holds besides code is not told; with one volume alone, nothing is.
        (Cause::FirmwareSettings, _) if difference.pcr == 0 => Some(Cause::HardwareChange),
        (Cause::FirmwareUpdate, "firmware.code") if difference.hint == Hint::SingleVolume => {
            Some(Cause::HardwareChange)
        }
        // One more than the firmware ends a PCR with: whoever ran later may have extended it, too.
        (Cause::FirmwareUpdate, "separator") if difference.kind == Kind::Extra => {
            Some(Cause::UnknownSoftware)
        }
        (Cause::FirmwareUpdate, "separator") => Some(Cause::HardwareChange),
        // A CPU takes the microcode that fits it; the firmware brings several. Tables list parts and settings alike.
        (Cause::HardwareChange, "firmware.microcode") => Some(Cause::FirmwareUpdate),
        (Cause::HardwareChange, _) => Some(Cause::FirmwareSettings),
        // The same image, vouched for by another key: signed anew, or found in another list.
        (Cause::BootLoaderChanged, "secure_boot.authority") => Some(Cause::SecureBootKeysChanged),
        (Cause::UnloggedExtension, _) => Some(Cause::LogIncomplete),
        _ => None,
    }
}

/// Whether two sides tell the same command line but for its first word, the kernel's path.
pub(super) fn differs_in_path_alone(golden: &Side, device: &Side) -> bool {
    let arguments = |text: &str| text.split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    golden.about != device.about && arguments(&golden.about) == arguments(&device.about)
}

/// Whether the entries that both boot orders have stand in another order.
pub(super) fn is_other_order(golden: &Side, device: &Side) -> bool {
    let entries = |side: &Side| -> Vec<String> {
        let list = side.about.split_once(':').map(|(_, list)| list).unwrap_or_default();
        list.split_whitespace().map(ToOwned::to_owned).collect()
    };
    let (golden, device) = (entries(golden), entries(device));
    let common = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|entry| other.contains(entry)).cloned().collect()
    };
    common(&golden, &device) != common(&device, &golden)
}

#[cfg(test)]
mod tests;
