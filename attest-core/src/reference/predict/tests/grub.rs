//! What GRUB and shim measure of a kernel, its initrd, its command line and the configuration.

use super::pe::Pe;
use super::*;

fn kernel() -> (Vec<u8>, Vec<u8>) {
    let pe = Pe::new(&[(".setup", b"setup"), (".text", b"kernel")]);
    (pe.build(), pe.hashed())
}

/// The base with what the kernel's stub measures since GRUB 2.12.
fn with_stub(command_line: &str) -> Golden {
    let mut base = grub_boot();
    let banks = base.banks.clone();
    let pcr9 = base.variants[0].sequences.iter_mut().find(|s| s.pcr == 9).unwrap();
    let slot = |component: &str, digests: Vec<Digest>| Slot {
        component: component.into(),
        digests,
        about: "told by the stub".into(),
        rule: None,
    };
    let initrd = pcr9.slots[2].digests.clone();
    let line = banks.iter().map(|bank| bank.hash(&[&utf16(command_line)])).collect();
    pcr9.slots.push(slot("kernel.cmdline", line));
    pcr9.slots.push(slot("initrd.loaded", initrd));
    base
}

const OLD: &str = "/vmlinuz console=ttyS0 rdinit=/init rootfstype=ramfs";

#[test]
fn a_kernels_file_moves_its_image_twice_and_its_file_once() {
    let (base, (file_bytes, hashed)) = (grub_boot(), kernel());
    let prediction = predicted(&base, &[file("kernel", &file_bytes)]);
    assert_eq!(components(&prediction), [(4, "kernel"), (4, "kernel"), (9, "kernel.file")]);
    assert_eq!(digests(&prediction, 4, "kernel"), [hash(&base, &hashed), hash(&base, &hashed)]);
    assert_eq!(digests(&prediction, 9, "kernel.file"), [hash(&base, &file_bytes)]);
    let about = format!("an image of {} bytes, its path is not told", file_bytes.len());
    assert_eq!(slots(&prediction, 4)[4].about, about);
    assert!(codes(&prediction).contains(&WarningCode::FileNameDiffers));
}

/// One number would stand in for two hashes of different bytes.
#[test]
fn kernel_by_one_digest_alone() {
    let base = grub_boot();
    let image = hash(&base, b"image");
    let error = refused(&base, &[with("kernel", Source::Digests(&image))]);
    let Error::AlsoNeeded { changed, missing } = error else { panic!("{error}") };
    assert_eq!(changed, "kernel");
    assert_eq!(missing, ["`kernel.file` (PCR 9, hash of the whole content)"]);
    let error = refused(&base, &[with("kernel.file", Source::Digests(&image))]);
    let Error::AlsoNeeded { missing, .. } = error else { panic!("{error}") };
    assert_eq!(missing, ["`kernel` (PCR 4, Authenticode hash of the image)"]);
    let flat = hash(&base, b"file");
    let both = [with("kernel", Source::Digests(&image)), with("kernel.file", Source::Digests(&flat))];
    let prediction = predicted(&base, &both);
    assert_eq!(slots(&prediction, 4)[4].about, "an image, its path is not told");
}

#[test]
fn kernel_that_is_no_image() {
    let error = refused(&grub_boot(), &[file("kernel", b"not PE")]);
    assert_eq!(error.code(), "pe_not_an_image");
}

/// With Secure Boot off GRUB starts a kernel without the firmware, which then measures no image.
#[test]
fn a_kernel_that_only_grub_measured_is_hashed_as_a_file_alone() {
    let mut base = grub_boot();
    let pcr4 = base.variants[0].sequences.iter_mut().find(|s| s.pcr == 4).unwrap();
    pcr4.slots.retain(|slot| slot.component != "kernel");
    let prediction = predicted(&base, &[file("kernel", b"no image at all")]);
    assert_eq!(components(&prediction), [(9, "kernel.file")]);
}

#[test]
fn an_initrd_moves_with_what_the_kernel_gets_of_it() {
    let base = with_stub(OLD);
    for new in [Source::File("initrd.img", b"new"), Source::Digests(&hash(&base, b"new"))] {
        let prediction = predicted(&base, &[with("initrd", new)]);
        assert_eq!(components(&prediction), [(9, "initrd"), (9, "initrd.loaded")]);
        assert_eq!(digests(&prediction, 9, "initrd.loaded"), [hash(&base, b"new")]);
        assert_eq!(codes(&prediction), []);
    }
}

/// Two initrds are handed over as one: what the kernel gets is neither.
#[test]
fn initrd_loaded_that_the_base_does_not_explain() {
    let mut base = with_stub(OLD);
    let other = hash(&base, b"both");
    let pcr9 = base.variants[0].sequences.iter_mut().find(|s| s.pcr == 9).unwrap();
    pcr9.slots[4].digests = other;
    let error = refused(&base, &[file("initrd", b"new")]);
    let Error::AlsoNeeded { missing, .. } = error else { panic!("{error}") };
    assert_eq!(missing, ["`initrd.loaded` (PCR 9, hash of the whole initrd that the kernel gets)"]);
    let prediction = predicted(&base, &[file("initrd", b"new"), file("initrd.loaded", b"both, new")]);
    assert_eq!(prediction.changes.len(), 2);
}

#[test]
fn a_command_line_moves_grubs_command_and_needs_the_configuration() {
    let base = grub_boot();
    let line = text("kernel_cmdline", "console=ttyS0 quiet");
    let error = refused(&base, &[line]);
    let Error::AlsoNeeded { missing, .. } = error else { panic!("{error}") };
    assert_eq!(missing, ["`grub.config` (PCR 9, hash of the whole content)"]);
    let prediction = predicted(&base, &[line, file("grub.cfg", b"linux /vmlinuz console=ttyS0 quiet")]);
    assert_eq!(
        components(&prediction),
        [(8, "grub.command"), (8, "grub.kernel_cmdline"), (9, "grub.config")]
    );
    let pcr8 = slots(&prediction, 8);
    assert_eq!(pcr8[5].digests, hash(&base, b"linux /vmlinuz console=ttyS0 quiet"));
    assert_eq!(pcr8[6].digests, hash(&base, b"/vmlinuz console=ttyS0 quiet"));
    assert_eq!(codes(&prediction), [WarningCode::FileNameDiffers][..0]);
    let alone = [line];
    let keeping = Request { keep: &["grub.config"], ..request(&base, &alone) };
    assert_eq!(predict(&keeping, &LIMITS).unwrap().changes.len(), 2);
}

/// GRUB hands `BOOT_IMAGE=` and the file in front of the arguments to the kernel, older and other loaders do not: the base knows.
#[test]
fn the_kernels_own_measurement_follows_in_the_form_that_the_base_proves() {
    let arguments = "console=ttyS0 rdinit=/init rootfstype=ramfs";
    for (old, new) in [
        (format!("BOOT_IMAGE={OLD}"), "BOOT_IMAGE=/vmlinuz quiet"),
        (OLD.to_owned(), "/vmlinuz quiet"),
        (arguments.to_owned(), "quiet"),
    ] {
        let base = with_stub(&old);
        let prediction = predicted(&base, &[text("cmdline", "quiet"), file("grub.config", b"")]);
        assert_eq!(digests(&prediction, 9, "kernel.cmdline"), [hash(&base, &utf16(new))], "{old}");
    }
    let base = with_stub("something else");
    let error = refused(&base, &[text("cmdline", "quiet"), file("grub.config", b"")]);
    let Error::AlsoNeeded { missing, .. } = error else { panic!("{error}") };
    assert_eq!(missing, ["`kernel.cmdline` (PCR 9, hash of the command line in UTF-16)"]);
    let replace = [text("cmdline", "quiet"), file("grub.config", b""), text("kernel.cmdline", "else")];
    assert_eq!(digests(&predicted(&base, &replace), 9, "kernel.cmdline"), [hash(&base, &utf16("else"))]);
}

#[test]
fn a_command_line_may_bring_its_kernels_file() {
    let base = grub_boot();
    for line in ["/vmlinuz-7 quiet", "BOOT_IMAGE=/vmlinuz-7 quiet"] {
        let prediction = predicted(&base, &[text("kernel_cmdline", line), file("grub.config", b"")]);
        assert_eq!(slots(&prediction, 8)[5].digests, hash(&base, b"linux /vmlinuz-7 quiet"));
        assert_eq!(slots(&prediction, 9)[1].about, "/vmlinuz-7");
    }
}

/// Texts in a document are for people; one that does not make its digest is no ground to compute on.
#[test]
fn text_that_does_not_make_its_digest() {
    let mut base = grub_boot();
    let pcr8 = base.variants[0].sequences.iter_mut().find(|s| s.pcr == 8).unwrap();
    pcr8.slots[6].about = "/vmlinuz something…".into();
    let error = refused(&base, &[text("kernel_cmdline", "quiet"), file("grub.config", b"")]);
    let about = "/vmlinuz something…".into();
    assert_eq!(error, Error::Unproven { component: "grub.kernel_cmdline".into(), about });
}

#[test]
fn one_command_by_its_text() {
    let base = grub_boot();
    let replace = [
        Replace { which: Some("set timeout=0"), ..text("grub.command", "set timeout=5") },
        file("grub.config", b"set timeout=5"),
    ];
    let prediction = predicted(&base, &replace);
    assert_eq!(slots(&prediction, 8)[4].digests, hash(&base, b"set timeout=5"));
    assert_eq!(codes(&prediction), []);
}

#[test]
fn a_new_configuration_says_that_the_commands_are_kept() {
    let prediction = predicted(&grub_boot(), &[file("grub.config", b"# comment")]);
    assert_eq!(codes(&prediction), [WarningCode::GrubCommandsKept]);
}

#[test]
fn a_new_name_moves_every_command_that_tells_it() {
    let base = with_stub(&format!("BOOT_IMAGE={OLD}"));
    let replace = [file("grub.config", b"new names")];
    let asked = Request { rename: &[("vmlinuz", "vmlinuz-7")], ..request(&base, &replace) };
    let prediction = checked(predict(&asked, &LIMITS).unwrap());
    let pcr8 = slots(&prediction, 8);
    let new = OLD.replace("vmlinuz", "vmlinuz-7");
    assert_eq!(pcr8[5].digests, hash(&base, format!("linux {new}").as_bytes()));
    assert_eq!(pcr8[6].digests, hash(&base, new.as_bytes()));
    assert_eq!(slots(&prediction, 9)[1].about, "/vmlinuz-7");
    let line = hash(&base, &utf16(&format!("BOOT_IMAGE={new}")));
    assert_eq!(digests(&prediction, 9, "kernel.cmdline"), [line]);
    let asked = Request { rename: &[("vmlinuz", "vmlinuz-7")], ..request(&base, &[]) };
    assert_eq!(predict(&asked, &LIMITS).unwrap_err().code(), "predict_also_needed");
    for old in ["nowhere", ""] {
        let asked = Request { rename: &[(old, "new")], ..request(&base, &replace) };
        assert_eq!(predict(&asked, &LIMITS).unwrap_err().code(), "predict_component_unknown");
    }
}
