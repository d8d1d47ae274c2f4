//! Unified kernel images: what systemd-stub measures of one, versions 252 to 260 (systemd, src/boot/stub.c and src/fundamental/uki.h).
//!
//! PCR 11 gets two extends for each section that is known to the stub's version and not empty, in a fixed order whatever the order in the
//! file: the name in ASCII with its NUL, then the section as it is in memory.

mod initrd;

use super::draft::{Draft, is_section_name};
use super::form::{self, put};
use super::pe::{Image, Section};
use super::{Error, WarningCode};
use crate::digest::Digest;
use crate::limits::Limits;
use crate::reference::golden::Slot;

/// Sections in the order in which they are measured, each with the version of systemd that began to. `.pcrsig` is never measured: it signs
/// the result. In version 252 the order is the same; later ones were put in between.
const ORDER: [(&str, u32); 14] = [
    (".linux", 252),
    (".osrel", 252),
    (".cmdline", 252),
    (".initrd", 252),
    (".ucode", 256),
    (".splash", 252),
    (".dtb", 252),
    (".uname", 254),
    (".sbat", 254),
    (".pcrpkey", 252),
    (".profile", 257),
    (".dtbauto", 257),
    (".hwids", 257),
    (".efifw", 258),
];
/// Since then the stub knows profiles.
const PROFILES_SINCE: u32 = 257;
/// The newest version whose source was read for this.
const NEWEST_CHECKED: u32 = 260;
/// Zeros that follow a section's bytes in memory.
static ZEROS: [u8; 4096] = [0; 4096];

/// A unified kernel image as its stub sees it.
pub(super) struct Unified<'a> {
    sections: Vec<Section<'a>>,
    /// The stub's version, where it tells one.
    version: Option<u32>,
}

impl<'a> Unified<'a> {
    /// `None` without a `.linux` section.
    fn of(image: &Image<'a>) -> Option<Self> {
        let version = image.section(b".sdmagic").and_then(|magic| version(magic.in_memory().0));
        let unified = Self { sections: selected(image.sections(), version), version };
        unified.section(".linux").is_some().then_some(unified)
    }

    /// A section that is not empty in memory.
    fn section(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.name() == name.as_bytes())
    }

    /// A section as it is in memory, in pieces.
    fn content(&self, name: &str, limits: &Limits) -> Option<Vec<&'a [u8]>> {
        self.section(name).and_then(|section| content(section, limits))
    }

    /// Whether the stub knows a section of this age; one without a version does what the base's did.
    fn knows(&self, since: u32, base_has: bool) -> bool {
        self.version.map_or(since == 252 || base_has, |version| version >= since)
    }
}

/// Bytes and zeros; `None` if there are more zeros than a file may have bytes.
fn content<'a>(section: &Section<'a>, limits: &Limits) -> Option<Vec<&'a [u8]>> {
    let (bytes, zeros) = section.in_memory();
    if zeros > limits.image_bytes {
        return None;
    }
    let mut pieces = vec![bytes];
    let mut left = zeros;
    while left > 0 {
        let piece = ZEROS.get(..left).unwrap_or(&ZEROS);
        pieces.push(piece);
        left = left.saturating_sub(piece.len());
    }
    Some(pieces)
}

/// `#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####`
fn version(magic: &[u8]) -> Option<u32> {
    let text = core::str::from_utf8(magic.split(|byte| *byte == 0).next()?).ok()?;
    let version = text.strip_prefix("#### LoaderInfo: systemd-stub ")?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The sections of the first profile: those before the first `.profile`, and over them those from it up to the next. The first of a name
/// counts; an empty one is as good as none.
fn selected<'a>(table: &[Section<'a>], stub: Option<u32>) -> Vec<Section<'a>> {
    let is_profile = |section: &Section<'_>| section.name() == b".profile";
    let with_profiles = stub.is_none_or(|version| version >= PROFILES_SINCE);
    let first = table.iter().position(is_profile).filter(|_| with_profiles).unwrap_or(table.len());
    let (base, rest) = table.split_at_checked(first).unwrap_or((table, &[]));
    let next = rest.iter().skip(1).position(is_profile).map(|at| at.saturating_add(1)).unwrap_or(rest.len());
    let profile = rest.get(..next).unwrap_or_default();
    let is_set = |section: &&Section<'_>| {
        let (bytes, zeros) = section.in_memory();
        !bytes.is_empty() || zeros > 0
    };
    profile.iter().chain(base).filter(is_set).copied().collect()
}

/// The whole image is new.
pub(super) fn replace(
    draft: &mut Draft<'_>,
    which: Option<&str>,
    file: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(), Error> {
    let part = draft.part("uki", which)?;
    let image = form::image("uki", file, bytes, limits)?;
    let unified = Unified::of(&image).ok_or_else(|| Error::NotUnified { file: file.into() })?;
    tell_version(draft, file, &unified);
    form::replace_image(draft, &part, file, &image)?;
    let old = section_digests(draft);
    let slots = measured(draft, &unified, limits)?;
    put_sections(draft, slots)?;
    inner_kernel(draft, &unified, file, limits)?;
    command_line(draft, &unified, &old);
    initrd::loaded(draft, &unified, &old, limits);
    // The image tells all of its sections: none is left open.
    for (section, _) in ORDER {
        draft.note(&format!("uki{section}"));
    }
    Ok(())
}

fn tell_version(draft: &mut Draft<'_>, file: &str, unified: &Unified<'_>) {
    let detail = match unified.version {
        None => format!(
            "{file} does not tell its stub's version: sections of later versions count where the base has them"
        ),
        Some(version) if version > NEWEST_CHECKED => {
            format!("{file} has systemd-stub {version}; what is measured was checked up to {NEWEST_CHECKED}")
        }
        Some(version) if version < 252 => {
            format!("{file} has systemd-stub {version}; before 252 it measured otherwise")
        }
        Some(_) => return,
    };
    draft.warn(WarningCode::StubVersion, "uki", detail);
}

/// The digests of the base's sections, by component.
fn section_digests(draft: &Draft<'_>) -> Vec<(String, Vec<Digest>)> {
    let sections = draft.slots().filter(|(pcr, _, slot)| *pcr == 11 && slot.component.starts_with("uki."));
    let contents = sections.filter(|(_, _, slot)| !is_section_name(slot));
    contents.map(|(_, _, slot)| (slot.component.clone(), slot.digests.clone())).collect()
}

/// What PCR 11 gets of the image.
fn measured(draft: &Draft<'_>, unified: &Unified<'_>, limits: &Limits) -> Result<Vec<Slot>, Error> {
    let mut slots = Vec::new();
    for (name, since) in ORDER {
        let component = format!("uki{name}");
        if unified.section(name).is_none() || !unified.knows(since, draft.has(&component)) {
            continue;
        }
        if matches!(name, ".dtbauto" | ".efifw") {
            return Err(Error::DependsOnHardware { section: name });
        }
        let Some(content) = unified.content(name, limits) else {
            return Err(Error::TooLarge { file: name.into(), got: usize::MAX, limit: limits.image_bytes });
        };
        let slot = |digests| Slot { component: component.clone(), digests, about: name.into(), rule: None };
        slots.push(slot(draft.hash(&[name.as_bytes(), &[0]])));
        slots.push(slot(draft.hash(&content)));
    }
    Ok(slots)
}

/// Puts them where the base's are; what stands before and behind stays.
fn put_sections(draft: &mut Draft<'_>, slots: Vec<Slot>) -> Result<(), Error> {
    let is_section = |slot: &Slot| {
        slot.component.starts_with("uki.")
            && !matches!(slot.component.as_str(), "uki.parameters" | "uki.extension")
    };
    // PCR 11 that is not judged has no sequence.
    let Some(sequence) = draft.after.iter_mut().find(|s| s.pcr == 11) else { return Ok(()) };
    let first = sequence.slots.iter().position(is_section).unwrap_or(0);
    let count = sequence.slots.iter().skip(first).take_while(|slot| is_section(slot)).count();
    let end = first.saturating_add(count);
    let own = sequence.slots.get(first..end).unwrap_or_default();
    // A name, then its content: else another stub wrote it, in a form that is not known here.
    for (at, pair) in own.chunks(2).enumerate() {
        let fits =
            matches!(pair, [name, content] if is_section_name(name) && name.component == content.component);
        if !fits {
            return Err(Error::StubForm { slot: first.saturating_add(at.saturating_mul(2)) });
        }
    }
    if let Some(stray) = sequence.slots.iter().skip(end).position(is_section) {
        return Err(Error::StubForm { slot: end.saturating_add(stray) });
    }
    sequence.slots.splice(first..end, slots);
    Ok(())
}

/// Some versions start the kernel inside through the firmware, which then measures it as an image.
fn inner_kernel(
    draft: &mut Draft<'_>,
    unified: &Unified<'_>,
    file: &str,
    limits: &Limits,
) -> Result<(), Error> {
    if !draft.has("kernel") {
        return Ok(());
    }
    let part = draft.part("kernel", None)?;
    let content = unified.content(".linux", limits).unwrap_or_default().concat();
    let kernel = form::image("kernel", &format!("{file}: .linux"), &content, limits)?;
    let digests: Vec<Digest> = draft.banks.iter().map(|bank| kernel.authenticode(*bank)).collect();
    if part.digests == digests {
        draft.settled.push("kernel");
        return Ok(());
    }
    put(draft, &part, digests, None)
}

/// The kernel measures its command line in UTF-16 with the NUL. Where nothing is added to the one in the image (PCR 12 is empty), it is
/// that one; where that one stays, so does what the kernel gets.
fn command_line(draft: &mut Draft<'_>, unified: &Unified<'_>, old: &[(String, Vec<Digest>)]) {
    if is_unchanged(draft, ".cmdline", old) {
        draft.settled.push("kernel.cmdline");
        return;
    }
    let adds = draft.slots().any(|(pcr, _, _)| pcr == 12);
    let Some(section) = unified.section(".cmdline").filter(|_| !adds) else { return };
    let Some(text) = command_line_text(section.in_memory().0) else { return };
    let units: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let digests = draft.hash(&[&units]);
    for part in draft.parts("kernel.cmdline") {
        draft.set(&part, digests.clone(), None);
    }
}

/// The text up to its NUL, trimmed, as versions since 253 hand it over. `None` where versions differ: control characters inside.
fn command_line_text(section: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(section.split(|byte| *byte == 0).next()?).ok()?.trim();
    text.chars().all(|c| !c.is_control()).then_some(text)
}

/// Whether a section's content is the base's.
fn is_unchanged(draft: &Draft<'_>, section: &str, old: &[(String, Vec<Digest>)]) -> bool {
    let component = format!("uki{section}");
    let before = old.iter().find(|(known, _)| *known == component).map(|(_, digests)| digests);
    let after = section_digests(draft).into_iter().find(|(known, _)| *known == component);
    before == after.as_ref().map(|(_, digests)| digests)
}
