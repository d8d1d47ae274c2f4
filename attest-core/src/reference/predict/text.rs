//! Texts that are hashed: GRUB's commands and kernel command lines.
//!
//! Which bytes a boot loader hashes of a text depends on its version. The base knows: of the few ways that exist, the one in which the old
//! text makes the old digest is the way.

use super::draft::{Draft, Part};
use super::form::put;
use super::{Error, WarningCode};
use crate::digest::Digest;

/// How a text becomes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf8Nul,
    Utf16,
    Utf16Nul,
}

impl Encoding {
    const ALL: [Self; 4] = [Self::Utf8, Self::Utf8Nul, Self::Utf16, Self::Utf16Nul];

    fn bytes(self, text: &str) -> Vec<u8> {
        let utf16 = || text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf8Nul => [text.as_bytes(), &[0]].concat(),
            Self::Utf16 => utf16(),
            Self::Utf16Nul => [utf16(), vec![0, 0]].concat(),
        }
    }

    fn digests(self, draft: &Draft<'_>, text: &str) -> Vec<Digest> {
        draft.hash(&[&self.bytes(text)])
    }

    /// The encoding in which the text makes these digests.
    fn proven(draft: &Draft<'_>, text: &str, digests: &[Digest]) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.digests(draft, text) == digests)
    }
}

/// One text, by its component.
pub(super) fn one(
    draft: &mut Draft<'_>,
    component: &str,
    which: Option<&str>,
    new: &str,
) -> Result<(), Error> {
    let part = draft.part(component, which)?;
    // The kernel's stub hashes its command line in UTF-16 with the NUL, and its event does not tell the text
    // (Linux, drivers/firmware/efi/libstub/efi-stub-helper.c).
    if component == "kernel.cmdline" {
        let digests = Encoding::Utf16Nul.digests(draft, new);
        return put(draft, &part, digests, None);
    }
    if !matches!(component, "grub.command" | "grub.kernel_cmdline" | "grub.module_cmdline" | "uki.parameters")
    {
        return Err(Error::FormUnknown { component: component.into(), what: "a text" });
    }
    change(draft, &part, new)
}

/// Another text in the form of the old one.
fn change(draft: &mut Draft<'_>, part: &Part, new: &str) -> Result<(), Error> {
    let unproven = || Error::Unproven { component: part.component.clone(), about: part.about.clone() };
    let encoding = Encoding::proven(draft, &part.about, &part.digests).ok_or_else(unproven)?;
    let digests = encoding.digests(draft, new);
    put(draft, part, digests, Some(new))
}

/// A kernel command line, wherever this boot measures it.
pub(super) fn command_line(draft: &mut Draft<'_>, line: &str) -> Result<(), Error> {
    if draft.has("grub.kernel_cmdline") {
        return grub_command_line(draft, line);
    }
    if draft.has("uki.cmdline") {
        return Err(Error::PartOf { component: "kernel_cmdline".into(), of: "uki" });
    }
    let options = draft.parts("uki.parameters");
    let Some(options) = options.first() else { return one(draft, "kernel.cmdline", None, line) };
    // systemd-boot and systemd-stub measure what they hand over; the kernel measures the same text.
    let old = options.about.clone();
    let options = draft.part("uki.parameters", None)?;
    change(draft, &options, line)?;
    follow(draft, &[(old, line.to_owned())]);
    Ok(())
}

/// GRUB's `linux` command and what comes of it. The line may begin with the kernel's file; else the file stays.
fn grub_command_line(draft: &mut Draft<'_>, line: &str) -> Result<(), Error> {
    let part = draft.part("grub.kernel_cmdline", None)?;
    let old = part.about.clone();
    let (old_file, old_arguments) = old.split_once(' ').unwrap_or((&old, ""));
    let line = line.trim();
    let line = line.strip_prefix("BOOT_IMAGE=").unwrap_or(line);
    let (file, arguments) = if line.starts_with(['/', '(']) {
        line.split_once(' ').unwrap_or((line, ""))
    } else {
        (old_file, line)
    };
    let new = format!("{file} {arguments}").trim_end().to_owned();
    change(draft, &part, &new)?;
    for command in ["linux", "linuxefi", "linux16"] {
        let told = format!("{command} {old}");
        let commands = draft.parts("grub.command").into_iter().filter(|part| part.about == told);
        for part in commands.collect::<Vec<_>>() {
            change(draft, &part, &format!("{command} {new}"))?;
        }
    }
    rename_files(draft, old_file, file);
    let followers = [
        (format!("BOOT_IMAGE={old}"), format!("BOOT_IMAGE={new}")),
        (old.clone(), new.clone()),
        (old_arguments.to_owned(), arguments.to_owned()),
    ];
    follow(draft, &followers);
    draft.note("kernel_cmdline");
    Ok(())
}

/// Moves the kernel's own measurement of its command line along, if the base proves that it is one of these texts.
fn follow(draft: &mut Draft<'_>, texts: &[(String, String)]) {
    for part in draft.parts("kernel.cmdline") {
        let found = texts.iter().find_map(|(old, new)| {
            Encoding::proven(draft, old, &part.digests).map(|encoding| encoding.digests(draft, new))
        });
        if let Some(digests) = found {
            draft.set(&part, digests, None);
        }
    }
}

/// The paths that PCR 9 tells are names; they explain, so they move along.
fn rename_files(draft: &mut Draft<'_>, old: &str, new: &str) {
    if old.is_empty() || old == new {
        return;
    }
    let files = draft.after.iter_mut().filter(|s| s.pcr == 9).flat_map(|s| &mut s.slots);
    for slot in files.filter(|slot| slot.about.contains(old)) {
        slot.about = slot.about.replace(old, new);
    }
}

/// A text that changes in every command that GRUB measures, such as the version in the kernel's file name.
pub(super) fn rename(draft: &mut Draft<'_>, old: &str, new: &str) -> Result<(), Error> {
    let missing = || Error::Unknown { component: format!("text `{old}` in PCR 8"), known: Vec::new() };
    if old.is_empty() {
        return Err(missing());
    }
    let line = draft.parts("grub.kernel_cmdline").into_iter().find(|part| part.about.contains(old));
    let told: Vec<Part> =
        ["grub.command", "grub.kernel_cmdline", "grub.module_cmdline", "boot_loader.string"]
            .iter()
            .flat_map(|component| draft.parts(component))
            .filter(|part| part.pcr == 8 && part.about.contains(old))
            .collect();
    if told.is_empty() {
        return Err(missing());
    }
    for part in &told {
        change(draft, part, &part.about.replace(old, new))?;
    }
    rename_files(draft, old, new);
    if let Some(line) = line {
        let (before, after) = (line.about.clone(), line.about.replace(old, new));
        let arguments = |line: &str| line.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned());
        let followers = [
            (format!("BOOT_IMAGE={before}"), format!("BOOT_IMAGE={after}")),
            (arguments(&before), arguments(&after)),
            (before, after),
        ];
        follow(draft, &followers);
    }
    Ok(())
}

/// Says so where a new configuration is taken and the old commands are kept.
pub(super) fn warn_about_commands(draft: &mut Draft<'_>) {
    let new = |component: &str| draft.replaced.iter().any(|known| known == component);
    if new("grub.config") && !new("grub.command") && draft.has("grub.command") {
        let detail = "the commands in PCR 8 are those of the base; if the new grub.cfg runs others, give them too \
                      (kernel_cmdline=string:…, --rename OLD=NEW, grub.command@OLD=string:NEW)";
        draft.warn(WarningCode::GrubCommandsKept, "grub.command", detail);
    }
}
