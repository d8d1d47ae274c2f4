//! What a refused boot still claims of its configuration and its code.

use super::*;

fn finding(severity: Severity, part: Part, component: Option<&str>) -> Reason {
    Reason { component: component.map(Into::into), ..Reason::new(Code::GoldenMismatch, severity, part, "x") }
}

/// Configuration and executables where these parts of the boot are refused.
fn of(components: &[&str]) -> (i8, i8) {
    let refused = |name: &&str| finding(Severity::Refuse, Part::Boot, Some(name));
    super::refused(&components.iter().map(refused).collect::<Vec<_>>())
}

#[test]
fn code_and_configuration_are_told_apart_by_name() {
    for code in
        ["firmware.code", "boot_loader.shim", "kernel", "kernel.file", "initrd", "uki.linux", "boot.driver"]
    {
        assert_eq!(of(&[code]), (0, CONTRAINDICATED), "{code}");
    }
    for configuration in
        ["firmware.settings", "secure_boot.db", "boot.order", "grub.config", "kernel.cmdline", "uki.cmdline"]
    {
        assert_eq!(of(&[configuration]), (CONTRAINDICATED, 0), "{configuration}");
    }
    assert_eq!(of(&["kernel", "grub.config"]), (CONTRAINDICATED, CONTRAINDICATED));
}

/// What a finding does not name may be anything: then neither claim stands.
#[test]
fn what_is_not_named_refuses_both() {
    let both = (CONTRAINDICATED, CONTRAINDICATED);
    assert_eq!(of(&[]), both);
    for part in ["log", "userspace"] {
        assert_eq!(of(&["kernel", part]), both, "{part} is a log, no part of the boot");
    }
    let kernel = finding(Severity::Refuse, Part::Boot, Some("kernel"));
    assert_eq!(super::refused(&[kernel.clone(), finding(Severity::Refuse, Part::Boot, None)]), both);
    // Warnings and other parts say nothing about it.
    let others = [
        finding(Severity::Warn, Part::Boot, Some("grub.config")),
        finding(Severity::Info, Part::Boot, None),
        finding(Severity::Refuse, Part::Runtime, Some("ima.files")),
        finding(Severity::Refuse, Part::Evidence, None),
    ];
    assert_eq!(super::refused(&[&[kernel], &others[..]].concat()), (0, CONTRAINDICATED));
}
