//! Unified kernel images: which sections are measured in which order, and what the kernel gets.

use super::pe::Pe;
use super::*;

fn stub(version: &str) -> Vec<u8> {
    format!("#### LoaderInfo: systemd-stub {version} ####\0").into_bytes()
}

fn kernel() -> Pe {
    Pe::new(&[(".text", b"the kernel")])
}

/// Sections in another order than they are measured in.
fn image(version: &str, more: &[(&str, &[u8])]) -> Pe {
    let (magic, linux) = (stub(version), kernel().build());
    let mut sections: Vec<(&str, &[u8])> = vec![
        (".text", b"stub"),
        (".sdmagic", &magic),
        (".sbat", b"sbat,1\n"),
        (".osrel", b"ID=debian\n"),
        (".cmdline", b"quiet"),
        (".initrd", b"initrd"),
        (".linux", &linux),
    ];
    for (name, data) in more {
        match sections.iter_mut().find(|(known, _)| known == name) {
            Some(section) => section.1 = data,
            None => sections.push((name, data)),
        }
    }
    Pe::new(&sections)
}

/// Components of PCR 11, each pair once, checked to be a name and the content.
fn sections(base: &Golden, prediction: &Prediction, contents: &[(&str, &[u8])]) {
    let expected: Vec<Vec<Digest>> = contents
        .iter()
        .flat_map(|(name, content)| [hash(base, &[name.as_bytes(), &[0]].concat()), hash(base, content)])
        .collect();
    let got: Vec<Vec<Digest>> = slots(prediction, 11).into_iter().map(|slot| slot.digests).collect();
    assert_eq!(got, expected);
    let names: Vec<String> = slots(prediction, 11).into_iter().map(|slot| slot.component).collect();
    let wanted: Vec<String> =
        contents.iter().flat_map(|(name, _)| [format!("uki{name}"), format!("uki{name}")]).collect();
    assert_eq!(names, wanted);
}

#[test]
fn an_image_moves_itself_its_sections_and_what_the_kernel_gets() {
    let (base, pe, linux) = (uki_boot(), image("252.39-1~deb12u2", &[]), kernel().build());
    let prediction = predicted(&base, &[file("uki", &pe.build())]);
    assert_eq!(digests(&prediction, 4, "uki"), [hash(&base, &pe.hashed())]);
    // Version 252 does not measure .sbat.
    let contents: [(&str, &[u8]); 4] =
        [(".linux", &linux), (".osrel", b"ID=debian\n"), (".cmdline", b"quiet"), (".initrd", b"initrd")];
    sections(&base, &prediction, &contents);
    assert_eq!(digests(&prediction, 9, "kernel.cmdline"), [hash(&base, &utf16("quiet"))]);
    assert_eq!(digests(&prediction, 9, "initrd.loaded"), [hash(&base, b"initrd")]);
    assert_eq!(codes(&prediction), [WarningCode::Unsigned]);
    let variant = &prediction.golden.variants[1];
    assert!(variant.sequences.is_empty(), "same shape: slots are replaced");
}

#[test]
fn later_stubs_measure_more() {
    let (base, linux) = (uki_boot(), kernel().build());
    let more: [(&str, &[u8]); 6] = [
        (".uname", b"6.12"),
        (".splash", b"bmp"),
        (".dtb", b"dtb"),
        (".pcrpkey", b"key"),
        (".pcrsig", b"{}"),
        (".ucode", b"ucode"),
    ];
    let old = predicted(&base, &[file("uki", &image("253", &more).build())]);
    let new = predicted(&base, &[file("uki", &image("256.1", &more).build())]);
    let mut contents: Vec<(&str, &[u8])> = vec![
        (".linux", &linux),
        (".osrel", b"ID=debian\n"),
        (".cmdline", b"quiet"),
        (".initrd", b"initrd"),
        (".splash", b"bmp"),
        (".dtb", b"dtb"),
        (".pcrpkey", b"key"),
    ];
    sections(&base, &old, &contents);
    contents.insert(4, (".ucode", b"ucode"));
    contents.insert(7, (".uname", b"6.12"));
    contents.insert(8, (".sbat", b"sbat,1\n"));
    sections(&base, &new, &contents);
    assert_eq!(new.golden.variants[1].sequences.len(), 1, "another shape: PCR 11 has a sequence of its own");
}

#[test]
fn a_section_is_measured_as_it_is_in_memory() {
    let base = uki_boot();
    let mut pe = image("252", &[(".osrel", b"ID=x"), (".splash", b"")]);
    pe.sections[3].virtual_size = Some(5_000);
    let prediction = predicted(&base, &[file("uki", &pe.build())]);
    let mut osrel = b"ID=x".to_vec();
    osrel.resize(5_000, 0);
    assert_eq!(digests(&prediction, 11, "uki.osrel")[1], hash(&base, &osrel));
    assert!(digests(&prediction, 11, "uki.splash").is_empty(), "an empty section is none");
}

#[test]
fn section_of_endless_zeros() {
    let mut pe = image("252", &[]);
    pe.sections[3].virtual_size = Some(u32::MAX);
    assert_eq!(refused(&uki_boot(), &[file("uki", &pe.build())]).code(), "predict_too_large");
}

#[test]
fn the_first_profile_counts() {
    let base = uki_boot();
    let mut pe = image("257", &[]);
    for (name, data) in
        [(".profile", "ID=main"), (".cmdline", "main"), (".profile", "ID=rescue"), (".cmdline", "rescue")]
    {
        pe.sections.push(super::pe::Section { name: name.into(), data: data.into(), virtual_size: None });
    }
    let prediction = predicted(&base, &[file("uki", &pe.build())]);
    assert_eq!(digests(&prediction, 11, "uki.cmdline")[1], hash(&base, b"main"));
    assert_eq!(digests(&prediction, 11, "uki.profile")[1], hash(&base, b"ID=main"));
    assert_eq!(digests(&prediction, 9, "kernel.cmdline"), [hash(&base, &utf16("main"))]);
    // A stub from before profiles takes the first section of each name.
    pe.sections[1].data = stub("256");
    let prediction = predicted(&base, &[file("uki", &pe.build())]);
    assert_eq!(digests(&prediction, 11, "uki.cmdline")[1], hash(&base, b"quiet"));
    assert!(digests(&prediction, 11, "uki.profile").is_empty());
}

#[test]
fn what_the_hardware_chooses_cannot_be_predicted() {
    for section in [".dtbauto", ".efifw"] {
        let pe = image("258", &[(section, b"choice")]);
        let error = refused(&uki_boot(), &[file("uki", &pe.build())]);
        assert_eq!(error, Error::DependsOnHardware { section });
    }
    let pe = image("256", &[(".dtbauto", b"not known to this stub")]);
    predicted(&uki_boot(), &[file("uki", &pe.build())]);
}

/// Microcode, initrd and archives are padded to 4 each and handed over as one.
#[test]
fn what_the_kernel_gets_is_put_together() {
    let base = uki_boot();
    let pe = image("257.9", &[(".ucode", b"12345"), (".pcrsig", b"{}"), (".pcrpkey", b"key")]);
    let prediction = predicted(&base, &[file("uki", &pe.build())]);
    let mut whole = b"12345\0\0\0initrd\0\0".to_vec();
    for (name, content) in
        [("tpm2-pcr-signature.json", "{}"), ("tpm2-pcr-public-key.pem", "key"), ("os-release", "ID=debian\n")]
    {
        whole.extend(cpio(name, content));
    }
    assert_eq!(digests(&prediction, 9, "initrd.loaded"), [hash(&base, &whole)]);
    assert!(codes(&prediction).contains(&WarningCode::InitrdUnproven));
    // From version 261 on a secret of the machine is among them.
    let error = refused(&base, &[file("uki", &image("261", &[]).build())]);
    let Error::AlsoNeeded { missing, .. } = error else { panic!("{error}") };
    assert_eq!(missing, ["`initrd.loaded` (PCR 9, hash of the whole initrd that the kernel gets)"]);
}

/// The archive as `cpio -o -H newc` would write it, by hand.
fn cpio(name: &str, content: &str) -> Vec<u8> {
    let pad = |mut text: String| {
        while !text.len().is_multiple_of(4) {
            text.push('\0');
        }
        text
    };
    let path = format!(".extra/{name}");
    let zero = "00000000";
    let head = |ino: u32, mode: &str, size: usize, name: &str| {
        let name_size = name.len() + 1;
        pad(format!(
            "070701{ino:08x}{mode}{zero}{zero}00000001{zero}{size:08x}{zero}{zero}{zero}{zero}{name_size:08x}{zero}{name}\0"
        ))
    };
    let file = pad(format!("{}{content}", head(2, "00008124", content.len(), &path)));
    let trailer =
        format!("070701{}00000001{}0000000B{zero}TRAILER!!!\0\0\0\0", zero.repeat(4), zero.repeat(6));
    [head(1, "0000416d", 0, ".extra"), file, trailer].concat().into_bytes()
}

#[test]
fn credentials_beside_the_image_leave_the_initrd_open() {
    let mut base = uki_boot();
    base.judged.push(12);
    base.judged.sort_unstable();
    base.not_judged.retain(|not| not.pcr != 12);
    let slot = |component: &str| Slot {
        component: component.into(),
        digests: hash(&base, b"credentials"),
        about: "Credentials initrd".into(),
        rule: None,
    };
    let pcr12 = crate::reference::golden::Sequence {
        pcr: 12,
        slots: vec![slot("uki.parameters")],
        measured_by: Some("uki".into()),
        ..base.variants[0].sequences[0].clone()
    };
    base.variants[0].sequences.push(pcr12);
    base.variants[0].sequences.sort_by_key(|s| s.pcr);
    let error = refused(&base, &[file("uki", &image("252", &[]).build())]);
    let Error::AlsoNeeded { changed, missing } = error else { panic!("{error}") };
    assert_eq!((changed.as_str(), missing.len()), ("uki", 2));
    let pe = image("252", &[]).build();
    let replace = [file("uki", &pe), text("kernel.cmdline", "quiet more"), file("initrd.loaded", b"all")];
    let prediction = predicted(&base, &replace);
    assert_eq!(digests(&prediction, 9, "kernel.cmdline"), [hash(&base, &utf16("quiet more"))]);
}

/// Versions differ in what they make of control characters.
#[test]
fn command_line_with_control_characters() {
    let base = uki_boot();
    for trimmed in [&b" quiet\n"[..], b"quiet\0\n", b"quiet\0"] {
        let prediction = predicted(&base, &[file("uki", &image("254", &[(".cmdline", trimmed)]).build())]);
        assert_eq!(digests(&prediction, 9, "kernel.cmdline"), [hash(&base, &utf16("quiet"))]);
    }
    let error = refused(&base, &[file("uki", &image("254", &[(".cmdline", b"a\tb")]).build())]);
    assert_eq!(error.code(), "predict_also_needed");
}

/// The command line that the real boot had in its image is the one that its kernel measured.
#[test]
fn the_real_boots_command_line_makes_its_kernels_digest() {
    let base = uki_boot();
    let line = utf16("console=ttyS0 rdinit=/init rootfstype=ramfs");
    let pcr9 = base.variants[0].sequences.iter().find(|s| s.pcr == 9).unwrap();
    assert_eq!(pcr9.slots[0].digests, hash(&base, &line));
}

#[test]
fn an_unchanged_section_changes_nothing_that_hangs_on_it() {
    let base = uki_boot();
    let first = predicted(&base, &[file("uki", &image("252", &[]).build())]).golden;
    let second = image("252", &[(".osrel", b"ID=debian\nVERSION_ID=13\n")]).build();
    let replace = [file("uki", &second)];
    let asked = Request { variant: Some("uki+uki"), ..request(&first, &replace) };
    let prediction = checked(predict(&asked, &LIMITS).unwrap());
    assert_eq!(components(&prediction), [(4, "uki"), (11, "uki.osrel")]);
}

/// Stubs that start the kernel through the firmware have it measured.
#[test]
fn the_kernel_inside_is_measured_where_the_base_has_it() {
    let mut base = uki_boot();
    let other = hash(&base, b"inner");
    let pcr4 = base.variants[0].sequences.iter_mut().find(|s| s.pcr == 4).unwrap();
    let inner = Slot { component: "kernel".into(), digests: other, ..pcr4.slots[2].clone() };
    pcr4.slots.push(inner);
    let prediction = predicted(&base, &[file("uki", &image("254", &[]).build())]);
    assert_eq!(digests(&prediction, 4, "kernel"), [hash(&base, &kernel().hashed())]);
    let error = refused(&base, &[file("uki", &image("254", &[(".linux", b"no image")]).build())]);
    assert_eq!(error.code(), "pe_not_an_image");
}

#[test]
fn parts_of_an_image_are_replaced_with_it() {
    let base = uki_boot();
    let error = refused(&base, &[file("kernel", &kernel().build())]);
    assert_eq!(error, Error::PartOf { component: "kernel".into(), of: "uki" });
    assert_eq!(refused(&base, &[file("initrd", b"")]).code(), "predict_part_of");
    assert_eq!(refused(&base, &[text("kernel_cmdline", "quiet")]).code(), "predict_part_of");
    let error = refused(&base, &[file("uki.initrd", b"new")]);
    let Error::AlsoNeeded { changed, missing } = error else { panic!("{error}") };
    assert_eq!((changed.as_str(), missing.len()), ("uki.initrd", 2));
}

#[test]
fn an_image_by_digest_leaves_every_section_open() {
    let base = uki_boot();
    let image = hash(&base, b"image");
    let replace = [with("uki", Source::Digests(&image))];
    let Error::AlsoNeeded { missing, .. } = refused(&base, &replace) else { panic!("needed") };
    assert_eq!(missing.len(), 6);
    let kept = Request { keep: &["rest"], ..request(&base, &replace) };
    assert_eq!(components(&predict(&kept, &LIMITS).unwrap()), [(4, "uki")]);
}

#[test]
fn stub_that_is_not_known() {
    let base = uki_boot();
    for version in ["", "999", "200"] {
        let prediction = predict(
            &Request { keep: &["rest"], ..request(&base, &[file("uki", &image(version, &[]).build())]) },
            &LIMITS,
        );
        assert!(codes(&prediction.unwrap()).contains(&WarningCode::StubVersion), "{version}");
    }
    let error = refused(&base, &[file("uki", &kernel().build())]);
    assert_eq!(error, Error::NotUnified { file: "new/file".into() });
}

/// A PCR 11 in which the names are not measured was not written by a stub that is known here.
#[test]
fn base_in_another_form() {
    let mut base = uki_boot();
    let pcr11 = base.variants[0].sequences.iter_mut().find(|s| s.pcr == 11).unwrap();
    pcr11.slots.remove(2);
    let error = refused(&base, &[file("uki", &image("252", &[]).build())]);
    assert_eq!(error, Error::StubForm { slot: 2 });
}
