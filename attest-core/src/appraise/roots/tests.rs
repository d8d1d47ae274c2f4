//! Which difference tells a cause best, and what becomes of the others.

use super::*;

fn at(pcr: u32, component: &str) -> Difference {
    Difference::new(Kind::Changed, pcr, component.to_owned())
}

/// The component that stands for the cause, whichever comes first.
#[track_caller]
fn tells(cause: Cause, best: &Difference, other: &Difference) {
    for (all, root) in [([best, other], 0), ([other, best], 1)] {
        let all = all.map(Clone::clone);
        let is_root = is_root(&all, &[cause; 2]);
        assert!(
            is_root[root] && !is_root[1 - root],
            "{cause:?}: {} before {}",
            best.component,
            other.component
        );
    }
}

#[test]
fn a_cause_shows_where_it_is_made() {
    use Cause::{
        BootConfigChanged, BootLoaderChanged, FirmwareSettings, FirmwareUpdate, InitrdChanged, KernelChanged,
        KernelCmdlineChanged, SecureBootKeysChanged, SecureBootOff, SecureBootSetupMode, UkiChanged,
        UnknownSoftware,
    };
    tells(KernelCmdlineChanged, &at(12, "uki.cmdline"), &at(8, "grub.kernel_cmdline"));
    tells(KernelChanged, &at(11, "uki.linux"), &at(4, "kernel"));
    tells(KernelChanged, &at(4, "kernel"), &at(9, "kernel.file"));
    tells(InitrdChanged, &at(9, "initrd"), &at(9, "initrd.loaded"));
    tells(SecureBootKeysChanged, &at(7, "secure_boot.pk"), &at(7, "secure_boot.kek"));
    tells(SecureBootKeysChanged, &at(7, "secure_boot.kek"), &at(7, "secure_boot.db"));
    tells(BootLoaderChanged, &at(4, "boot_loader.shim"), &at(4, "boot_loader.grub"));
    tells(BootConfigChanged, &at(9, "grub.config"), &at(8, "grub.command"));
    tells(FirmwareUpdate, &at(0, "firmware.version"), &at(0, "firmware.code"));
    tells(UkiChanged, &at(11, "uki.osrel"), &at(4, "uki"));
    let reordered = |component: &str| Difference { hint: Hint::Reordered, ..at(11, component) };
    tells(UkiChanged, &reordered("uki"), &at(4, "uki"));
    let off = |component: &str| Difference { hint: Hint::SecureBootOff, ..at(7, component) };
    tells(SecureBootOff, &off("secure_boot.state"), &off("secure_boot.other"));
    let setup = |component: &str| Difference { hint: Hint::SetupMode, ..at(7, component) };
    tells(SecureBootSetupMode, &setup("secure_boot.pk"), &setup("secure_boot.kek"));
    let on = Difference { hint: Hint::SecureBootOn, ..at(7, "secure_boot.state") };
    tells(FirmwareSettings, &on, &at(1, "firmware.settings"));
    let extra = |pcr| Difference::new(Kind::Extra, pcr, "something".to_owned());
    tells(UnknownSoftware, &extra(4), &extra(9));
    tells(UnknownSoftware, &extra(4), &at(4, "something"));
    // What follows from a cause tells it less than what is of that cause itself, and an unproven log least.
    tells(KernelChanged, &at(9, "kernel.file"), &at(9, "grub.config"));
    tells(KernelChanged, &at(9, "kernel.file"), &Difference { told: true, ..at(11, "uki.linux") });
}

#[test]
fn the_others_are_explained_by_the_root() {
    let kernel = Difference { event: Some(7), ..at(4, "kernel") };
    let file = Difference { event: Some(9), ..at(9, "kernel.file") };
    let dbx = at(7, "secure_boot.dbx");
    let all = [file, dbx, kernel];
    let causes = [Cause::KernelChanged, Cause::RevocationListChanged, Cause::KernelChanged];
    let roots = root_causes(&all, &causes);
    assert_eq!(roots.len(), 2);
    assert_eq!((roots[0].cause, roots[0].pcr, roots[0].event), (Cause::KernelChanged, Some(4), Some(7)));
    assert_eq!(roots[0].explains, [Explained { pcr: 9, event: Some(9), log: None }]);
    assert_eq!((roots[1].cause, &roots[1].explains[..]), (Cause::RevocationListChanged, &[][..]));
    assert!(roots.iter().all(|root| root.perhaps.is_empty() && !root.unproven));
}

#[test]
fn one_root_for_each_cause() {
    let root = |pcr, event| RootCause { pcr: Some(pcr), event, ..RootCause::new(Cause::UnknownFile) };
    let explained = |pcr, event| Explained { pcr, event, log: None };
    let explains = vec![explained(4, Some(1)), explained(4, Some(2)), explained(10, None)];
    let mut roots = vec![
        root(4, Some(1)),
        RootCause::new(Cause::FileChanged),
        RootCause { explains, ..root(9, Some(5)) },
        root(9, Some(5)),
    ];
    merge(&mut roots);
    assert_eq!(roots.len(), 2);
    // Not itself, and nothing twice; another event of its register stays.
    let expected = [explained(4, Some(2)), explained(9, Some(5)), explained(10, None)];
    assert_eq!(roots[0], RootCause { explains: expected.to_vec(), ..root(4, Some(1)) });
    assert_eq!(roots[1], RootCause::new(Cause::FileChanged));
}

#[test]
fn what_could_hide_behind_a_cause() {
    let hides = |difference: &Difference, cause| hidden(difference, cause);
    assert_eq!(hides(&at(0, "firmware.code"), Cause::HardwareChange), Some(Cause::FirmwareSettings));
    assert_eq!(hides(&at(1, "hardware.tables"), Cause::HardwareChange), None);
    assert_eq!(hides(&at(0, "firmware.code"), Cause::FirmwareUpdate), None);
    assert_eq!(hides(&at(4, "uki"), Cause::InitrdChanged), Some(Cause::UkiChanged));
    assert_eq!(hides(&at(4, "uki"), Cause::UnknownSoftware), None);
    assert_eq!(hides(&at(4, "uki"), Cause::UkiChanged), None);
    assert_eq!(hides(&at(11, "uki.osrel"), Cause::InitrdChanged), None);
    assert_eq!(hides(&at(9, "grub.config"), Cause::KernelChanged), Some(Cause::BootConfigChanged));
    assert_eq!(hides(&at(8, "grub.command"), Cause::KernelChanged), None);
    assert_eq!(hides(&at(1, "boot.order"), Cause::FirmwareUpdate), Some(Cause::BootOrderChanged));
    assert_eq!(hides(&at(7, "secure_boot.dbx"), Cause::SecureBootOff), Some(Cause::RevocationListChanged));
}

#[test]
fn setup_mode_hides_what_became_of_the_keys() {
    let hides = |component: &str, cause| hidden(&at(7, component), cause);
    assert_eq!(hides("secure_boot.db", Cause::SecureBootSetupMode), Some(Cause::SecureBootKeysChanged));
    assert_eq!(hides("secure_boot.dbx", Cause::SecureBootSetupMode), Some(Cause::RevocationListChanged));
    assert_eq!(hides("secure_boot.authority", Cause::SecureBootSetupMode), None);
}

#[test]
fn causes_that_look_alike_name_each_other() {
    use Cause::{
        BootLoaderChanged, FirmwareSettings, FirmwareUpdate, HardwareChange, KernelChanged, LogIncomplete,
        SecureBootKeysChanged, UnknownSoftware, UnloggedExtension,
    };
    let single = Difference { hint: Hint::SingleVolume, ..at(0, "firmware.code") };
    let cases = [
        (FirmwareSettings, at(0, "firmware.startup_locality"), Some(FirmwareUpdate)),
        (FirmwareSettings, at(0, "firmware.code"), Some(HardwareChange)),
        (FirmwareSettings, at(1, "firmware.settings"), None),
        (FirmwareUpdate, single, Some(HardwareChange)),
        (FirmwareUpdate, at(0, "firmware.code"), None),
        (FirmwareUpdate, at(7, "separator"), Some(HardwareChange)),
        (FirmwareUpdate, Difference { kind: Kind::Extra, ..at(5, "separator") }, Some(UnknownSoftware)),
        (HardwareChange, at(1, "firmware.microcode"), Some(FirmwareUpdate)),
        (HardwareChange, at(1, "hardware.tables"), Some(FirmwareSettings)),
        (BootLoaderChanged, at(7, "secure_boot.authority"), Some(SecureBootKeysChanged)),
        (BootLoaderChanged, at(4, "boot_loader.shim"), None),
        (UnloggedExtension, at(8, "grub.command"), Some(LogIncomplete)),
        (KernelChanged, at(4, "kernel"), None),
    ];
    for (cause, difference, other) in cases {
        assert_eq!(alternative(cause, &difference), other, "{cause:?} {difference:?}");
    }
}

#[test]
fn an_order_is_another_only_among_entries_that_both_have() {
    let side = |about: &str| Side {
        event: None,
        log: None,
        component: "boot.order".into(),
        digest: String::new(),
        about: about.to_owned(),
    };
    let is_other = |golden: &str, device: &str| is_other_order(&side(golden), &side(device));
    assert!(is_other("BootOrder: 0001 0002", "BootOrder: 0002 0001"));
    assert!(is_other("BootOrder: 0001 0002 0003", "BootOrder: 0002 0004 0001"));
    assert!(!is_other("BootOrder: 0001 0002", "BootOrder: 0001 0002"));
    assert!(!is_other("BootOrder: 0001 0002", "BootOrder: 0001 0003 0002"));
    assert!(!is_other("BootOrder: 0001", "BootOrder: 0002"));
}
