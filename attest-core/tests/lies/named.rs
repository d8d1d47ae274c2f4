//! Names of parts of the boot: they come from data that nobody signed, so they cost little and stay short.

use attest_core::Limits;
use attest_core::evidence::tcg_log::EventLog;
use attest_core::reference::component;

use super::device::{Device, IPL};
use super::sample::good;

/// What the last event of a device is called.
fn last(device: &Device) -> String {
    let bytes = device.log_bytes();
    component::names(&EventLog::parse(&bytes, &Limits::DEFAULT).unwrap()).pop().unwrap()
}

/// A command that names files without end makes each later event no dearer: its first ones are known.
#[test]
fn a53_of_a_command_with_files_without_end_the_first_are_known() {
    let after = |named: &str, files: usize| {
        let mut device = good();
        let files: Vec<String> = (1..=files).map(|number| format!("/img-{number}")).collect();
        let command = format!("grub_cmd: initrd {}\0", files.join(" "));
        device.measure(8, IPL, command.as_bytes(), command.as_bytes());
        device.measure(9, IPL, format!("(hd0,gpt1){named}\0").as_bytes(), b"content");
        last(&device)
    };
    assert_eq!((after("/img-1", 2), after("/img-2", 2)), ("initrd".into(), "initrd".into()));
    assert_eq!(after("/img-3", 2), "grub.file");
    assert_eq!((after("/img-16", 9_999), after("/img-17", 9_999)), ("initrd".into(), "grub.file".into()));
}

/// A section of an image has a name of up to eight characters; a component's name goes into signed results.
#[test]
fn a53_a_section_is_called_by_no_more_than_a_sections_name() {
    let after = |section: &str| {
        let mut device = good();
        let name: Vec<u8> = section.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        device.measure(11, IPL, &name, b"content");
        last(&device)
    };
    assert_eq!((after(".linux"), after(".cmdline")), ("uki.linux".into(), "uki.cmdline".into()));
    assert_eq!(
        (after(".cmdlines"), after(&format!(".{}", "a".repeat(100_000)))),
        ("userspace.phase".into(), "userspace.phase".into())
    );
}
