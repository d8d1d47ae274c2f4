//! In which form each component is measured, and what else moves with it.

use super::authority;
use super::draft::{Draft, Part};
use super::pe::Image;
use super::{Error, Replace, Source, WarningCode, text, uki, variable};
use crate::digest::Digest;
use crate::evidence::tcg_event::Guid;
use crate::limits::Limits;

/// How a component's file becomes what is hashed.
enum Form {
    /// The Authenticode hash of an image (TCG PC Client Platform Firmware Profile, EV_EFI_BOOT_SERVICES_APPLICATION).
    Authenticode,
    /// The file as it is.
    Flat,
    /// UEFI_VARIABLE_DATA around the file.
    Variable(Guid, &'static str),
}

fn form(component: &str) -> Option<Form> {
    Some(match component {
        "kernel" | "uki" | "boot_loader" | "boot.driver" | "option_rom" => Form::Authenticode,
        "kernel.file" | "initrd" | "initrd.loaded" | "grub.config" | "grub.module" | "grub.file" => {
            Form::Flat
        }
        // shim measures the contents of its variables (shim, mok.c).
        "mok.list" | "mok.revoked" | "mok.trusted" => Form::Flat,
        "secure_boot.pk" => Form::Variable(Guid::GLOBAL, "PK"),
        "secure_boot.kek" => Form::Variable(Guid::GLOBAL, "KEK"),
        "secure_boot.db" => Form::Variable(Guid::IMAGE_SECURITY, "db"),
        "secure_boot.dbx" => Form::Variable(Guid::IMAGE_SECURITY, "dbx"),
        "secure_boot.sbat_level" => Form::Variable(Guid::SHIM, "SbatLevel"),
        other if other.starts_with("boot_loader.") && other != "boot_loader.string" => Form::Authenticode,
        other if other.starts_with("uki.") && !matches!(other, "uki.parameters" | "uki.extension") => {
            Form::Flat
        }
        _ => return None,
    })
}

/// The component's name in the document.
fn canonical(name: &str) -> &str {
    match name {
        "shim" => "boot_loader.shim",
        "grub" => "boot_loader.grub",
        "systemd_boot" => "boot_loader.systemd_boot",
        "cmdline" => "kernel_cmdline",
        "grub.cfg" => "grub.config",
        other => other,
    }
}

/// Carries out one replacement.
pub(super) fn apply(draft: &mut Draft<'_>, replace: &Replace<'_>, limits: &Limits) -> Result<(), Error> {
    let component = canonical(replace.component);
    if let Source::File(file, bytes) = replace.with
        && bytes.len() > limits.image_bytes
    {
        return Err(Error::TooLarge { file: file.to_owned(), got: bytes.len(), limit: limits.image_bytes });
    }
    match (component, replace.with) {
        ("kernel_cmdline", Source::Text(line)) => text::command_line(draft, line),
        ("kernel_cmdline", _) => Err(Error::FormUnknown { component: component.into(), what: "a file" }),
        (_, Source::Text(line)) => text::one(draft, component, replace.which, line),
        ("kernel", Source::File(file, bytes)) => kernel(draft, replace.which, file, bytes, limits),
        ("initrd", Source::File(file, bytes)) => initrd(draft, replace.which, file, bytes),
        ("uki", Source::File(file, bytes)) => uki::replace(draft, replace.which, file, bytes, limits),
        (_, Source::File(file, bytes)) => one_file(draft, component, replace.which, file, bytes, limits),
        (_, Source::Digests(digests)) => one_digest(draft, component, replace.which, digests),
    }
}

/// Digests as somebody gives them; the same bytes elsewhere move along.
fn one_digest(
    draft: &mut Draft<'_>,
    component: &str,
    which: Option<&str>,
    given: &[Digest],
) -> Result<(), Error> {
    let part = draft.part(component, which)?;
    let mut digests = Vec::new();
    for bank in &draft.banks {
        let digest = given.iter().find(|digest| digest.alg() == *bank);
        let digest = digest.ok_or_else(|| Error::BankMissing { component: component.into(), bank: *bank })?;
        digests.push(*digest);
    }
    let about = matches!(form(component), Some(Form::Authenticode)).then(|| renamed(&part.about, None));
    put(draft, &part, digests.clone(), about.as_deref())?;
    if component == "initrd" {
        follow_initrd(draft, &part, &digests);
    }
    authority::warn_about_boot_loader(draft, component, "its digest");
    Ok(())
}

/// A part's new value, which must be a new one.
pub(super) fn put(
    draft: &mut Draft<'_>,
    part: &Part,
    digests: Vec<Digest>,
    about: Option<&str>,
) -> Result<(), Error> {
    if part.digests == digests {
        return Err(Error::NothingChanges { component: part.component.clone(), about: part.about.clone() });
    }
    draft.set(part, digests, about);
    Ok(())
}

fn one_file(
    draft: &mut Draft<'_>,
    component: &str,
    which: Option<&str>,
    file: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(), Error> {
    let part = draft.part(component, which)?;
    let unknown = || Error::FormUnknown { component: component.into(), what: "a file" };
    match form(component).ok_or_else(unknown)? {
        Form::Authenticode => {
            let image = image(component, file, bytes, limits)?;
            replace_image(draft, &part, file, &image)
        }
        Form::Flat => {
            let digests = draft.hash(&[bytes]);
            put(draft, &part, digests, None)
        }
        Form::Variable(vendor, name) => variable::replace(draft, &part, file, bytes, (vendor, name)),
    }
}

pub(super) fn image<'a>(
    component: &str,
    file: &str,
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Image<'a>, Error> {
    Image::parse(bytes, limits).map_err(|error| Error::Pe {
        component: component.into(),
        file: file.into(),
        error,
    })
}

/// An image of PCR 4 or 2 by its Authenticode hash, with what its signatures and sections tell.
pub(super) fn replace_image(
    draft: &mut Draft<'_>,
    part: &Part,
    file: &str,
    image: &Image<'_>,
) -> Result<(), Error> {
    let digests: Vec<Digest> = draft.banks.iter().map(|bank| image.authenticode(*bank)).collect();
    let about = renamed(&part.about, Some(image.len()));
    put(draft, part, digests, Some(&about))?;
    authority::check(draft, &part.component, file, image)
}

/// The text of an image event with the new length, or with none, so that it does not tell the old one's.
fn renamed(about: &str, len: Option<usize>) -> String {
    let is_length = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = len.map(|len| format!("{len} bytes"));
    // A path that is told, or none.
    if let Some((path, old)) = about.rsplit_once(", ")
        && old.strip_suffix(" bytes").is_some_and(is_length)
    {
        return length.map_or_else(|| path.to_owned(), |length| format!("{path}, {length}"));
    }
    if let Some((old, rest)) = about.strip_prefix("an image of ").and_then(|text| text.split_once(" bytes"))
        && is_length(old)
    {
        return length
            .map_or_else(|| format!("an image{rest}"), |length| format!("an image of {length}{rest}"));
    }
    about.to_owned()
}

/// A kernel's file: firmware and shim measure it as an image, GRUB as a file.
fn kernel(
    draft: &mut Draft<'_>,
    which: Option<&str>,
    file: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(), Error> {
    if draft.has("uki") {
        return Err(Error::PartOf { component: "kernel".into(), of: "uki" });
    }
    let loaded = draft.parts("kernel");
    if !loaded.is_empty() {
        let part = draft.part("kernel", which)?;
        let image = image("kernel", file, bytes, limits)?;
        replace_image(draft, &part, file, &image)?;
    }
    // One kernel is loaded in a boot; a selector that names the image does not name the file.
    let files = draft.parts("kernel.file");
    match files.as_slice() {
        [] if loaded.is_empty() => draft.part("kernel", which).map(drop),
        [] => Ok(()),
        _ => {
            let part = draft.part("kernel.file", which.filter(|_| files.len() > 1))?;
            file_name(draft, &part, file);
            let digests = draft.hash(&[bytes]);
            put(draft, &part, digests, None)
        }
    }
}

fn initrd(draft: &mut Draft<'_>, which: Option<&str>, file: &str, bytes: &[u8]) -> Result<(), Error> {
    if draft.has("uki") {
        return Err(Error::PartOf { component: "initrd".into(), of: "uki" });
    }
    let digests = draft.hash(&[bytes]);
    if draft.has("initrd") {
        let part = draft.part("initrd", which)?;
        file_name(draft, &part, file);
        put(draft, &part, digests.clone(), None)?;
        follow_initrd(draft, &part, &digests);
        return Ok(());
    }
    // Nobody but the kernel's stub measured it.
    let part = draft.part("initrd.loaded", which)?;
    put(draft, &part, digests, None)
}

/// Where the kernel's stub measured the same bytes as GRUB, it will again: GRUB hands over a single initrd without padding.
fn follow_initrd(draft: &mut Draft<'_>, old: &Part, new: &[Digest]) {
    let loaded = draft.parts("initrd.loaded").into_iter().find(|part| part.digests == old.digests);
    if let Some(part) = loaded {
        draft.set(&part, new.to_vec(), None);
    }
}

/// The name under which an update is installed is often another one, and GRUB's commands tell it.
fn file_name(draft: &mut Draft<'_>, part: &Part, file: &str) {
    let last = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let (old, new) = (last(&part.about), last(file));
    if old != new && !old.is_empty() {
        let detail = format!(
            "the boot loads `{}`, the file is called `{new}`: if the name changes on the machine too, say so with --rename",
            part.about
        );
        draft.warn(WarningCode::FileNameDiffers, &part.component, detail);
    }
}
