//! What moves with what: nothing that hangs on a new part may be left without a word.

use super::Error;
use super::draft::Draft;

/// Everything else.
const REST: &str = "rest";

/// `(new, hangs on it)`: the same bytes, or bytes that one makes of the other. Only what the base has counts.
const HANGS: [(&str, &str); 22] = [
    ("kernel", "kernel.file"),
    ("kernel.file", "kernel"),
    ("initrd", "initrd.loaded"),
    ("initrd.loaded", "initrd"),
    ("initrd.loaded", "uki.initrd"),
    ("kernel_cmdline", "grub.config"),
    ("grub.kernel_cmdline", "grub.command"),
    ("grub.kernel_cmdline", "grub.config"),
    ("grub.kernel_cmdline", "kernel.cmdline"),
    ("grub.command", "grub.config"),
    ("kernel.cmdline", "grub.kernel_cmdline"),
    ("kernel.cmdline", "uki.cmdline"),
    ("uki.parameters", "kernel.cmdline"),
    ("uki", "kernel"),
    ("uki", "kernel.cmdline"),
    ("uki", "initrd.loaded"),
    ("uki.linux", "kernel"),
    ("uki.linux", "uki"),
    ("uki.cmdline", "kernel.cmdline"),
    ("uki.cmdline", "uki"),
    ("uki.initrd", "initrd.loaded"),
    ("uki.initrd", "uki"),
];

/// Asks for what is missing.
pub(super) fn check(draft: &Draft<'_>, keep: &[&str]) -> Result<(), Error> {
    let changed = |component: &str| draft.replaced.iter().any(|replaced| replaced == component);
    for kept in keep.iter().filter(|kept| **kept != REST) {
        if changed(kept) {
            return Err(Error::KeptChanges { component: (*kept).to_owned() });
        }
        if !draft.has(kept) {
            return draft.part(kept, None).map(drop);
        }
    }
    if keep.contains(&REST) {
        return Ok(());
    }
    let settled = |component: &str| {
        changed(component) || keep.contains(&component) || draft.settled.contains(&component)
    };
    for new in &draft.replaced {
        let mut missing: Vec<String> = HANGS
            .iter()
            .filter(|(on, hanging)| on == new && draft.has(hanging) && !settled(hanging))
            .map(|(_, hanging)| (*hanging).to_owned())
            .collect();
        missing.extend(sections(draft, new).filter(|section| !settled(section)));
        missing.dedup();
        if !missing.is_empty() {
            let missing = missing.iter().map(|component| describe(draft, component)).collect();
            return Err(Error::AlsoNeeded { changed: new.clone(), missing });
        }
    }
    Ok(())
}

/// The sections that an image's new digest leaves open, and the image that a new section changes.
fn sections<'d>(draft: &'d Draft<'_>, new: &'d str) -> impl Iterator<Item = String> + 'd {
    let sections = draft.slots().filter(|(pcr, _, slot)| *pcr == 11 && slot.component.starts_with("uki."));
    let of_image = sections.filter(move |_| new == "uki").map(|(_, _, slot)| slot.component.clone());
    let is_section = new.starts_with("uki.") && !matches!(new, "uki.parameters" | "uki.extension");
    let image = (is_section && draft.has("uki")).then(|| "uki".to_owned());
    of_image.chain(image)
}

/// The component with its PCR and what a digest of it covers.
fn describe(draft: &Draft<'_>, component: &str) -> String {
    let pcr = draft.slots().find(|(_, _, slot)| slot.component == component).map(|(pcr, _, _)| pcr);
    let form = match component {
        "kernel" | "uki" => "Authenticode hash of the image",
        "kernel.cmdline" => "hash of the command line in UTF-16",
        "initrd.loaded" => "hash of the whole initrd that the kernel gets",
        "grub.command" | "grub.kernel_cmdline" => "hash of the text",
        _ => "hash of the whole content",
    };
    format!("`{component}` (PCR {}, {form})", pcr.unwrap_or_default())
}
