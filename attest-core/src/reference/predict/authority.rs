//! Whether the base's machines would still start a new image: who signed it, over what, and whether its SBAT generation is revoked.
//!
//! Explanations only. Where an image is signed by somebody else, PCR 7 tells another authority, and a person has to look.

use super::draft::Draft;
use super::pe::Image;
use super::variable::{event, proven_sbat_level, sbat_level_text};
use super::{Error, WarningCode};
use crate::digest::Digest;
use crate::evidence::tcg_event::Guid;
use crate::evidence::text::Utf8;

/// Looks at an image's signatures and sections.
pub(super) fn check(
    draft: &mut Draft<'_>,
    component: &str,
    file: &str,
    image: &Image<'_>,
) -> Result<(), Error> {
    if image.has_gaps() {
        let detail = format!("{file}: bytes between sections belong to none; EDK II hashes on behind them");
        draft.warn(WarningCode::ImageGaps, component, detail);
    }
    signatures(draft, component, file, image)?;
    revoked(draft, component, file, image);
    match component {
        "boot_loader.shim" => shim(draft, image),
        other => {
            let version = generation(image, other.rsplit('.').next().unwrap_or_default());
            let version = version.map(|version| format!(" ({version})")).unwrap_or_default();
            warn_about_boot_loader(draft, other, &format!("{file}{version}"));
            Ok(())
        }
    }
}

/// A boot loader measures more than itself.
pub(super) fn warn_about_boot_loader(draft: &mut Draft<'_>, component: &str, what: &str) {
    if component.starts_with("boot_loader") && component != "boot_loader.shim" {
        let detail = format!(
            "{what}: what it measures in PCR 4, 8 and 9 is taken over from the base; another version can measure other things, and then \
             its first boot is refused"
        );
        draft.warn(WarningCode::BootLoaderBehaviour, component, detail);
    }
}

fn signatures(draft: &mut Draft<'_>, component: &str, file: &str, image: &Image<'_>) -> Result<(), Error> {
    let found = image.signatures().map_err(|error| Error::Pe {
        component: component.into(),
        file: file.into(),
        error,
    })?;
    let over_other = |digest: &Digest| image.authenticode(digest.alg()) != *digest;
    if found.iter().filter_map(|signature| signature.digest.as_ref()).any(over_other) {
        let detail = format!("{file}: its signature is over other bytes; Secure Boot would refuse it");
        draft.warn(WarningCode::SignatureOverOther, component, detail);
    }
    let authorities: Vec<String> = draft
        .sequence(7)
        .into_iter()
        .flat_map(|sequence| &sequence.slots)
        .filter(|slot| slot.component == "secure_boot.authority")
        .map(|slot| slot.about.clone())
        .collect();
    if authorities.is_empty() {
        return Ok(());
    }
    let names: Vec<&String> = found.iter().flat_map(|signature| &signature.names).collect();
    if !image.is_signed() {
        let padded = if image.is_padded() { "" } else { ", and signing it would change its hash" };
        let detail = format!("{file} is not signed{padded}; the base boots with Secure Boot");
        draft.warn(WarningCode::Unsigned, component, detail);
    } else if !names.iter().any(|name| authorities.iter().any(|authority| authority.ends_with(name.as_str())))
    {
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let detail = format!(
            "{file} is signed by {}, and PCR 7 of the base names {}: another authority would be measured there",
            if names.is_empty() { "nobody whose name can be read".into() } else { names.join(", ") },
            authorities.join(", ")
        );
        draft.warn(WarningCode::SignerChanged, component, detail);
    }
    Ok(())
}

/// Lines `component,generation,…` of an SBAT section or level.
fn sbat(text: &[u8]) -> impl Iterator<Item = (&str, u64)> {
    let lines = core::str::from_utf8(Utf8(text).bytes()).unwrap_or_default().lines();
    lines.filter_map(|line| {
        let mut fields = line.split(',');
        Some((fields.next()?, fields.next()?.trim().parse().ok()?))
    })
}

/// The package version that the SBAT line of a component gives.
fn generation(image: &Image<'_>, component: &str) -> Option<String> {
    let (text, _) = image.section(b".sbat")?.in_memory();
    let text = core::str::from_utf8(Utf8(text).bytes()).ok()?;
    let line = text.lines().find(|line| line.split(',').next() == Some(component))?;
    line.split(',').nth(4).map(ToOwned::to_owned)
}

/// shim refuses an image whose component has a lower generation than SbatLevel asks for (shim, SBAT.md).
fn revoked(draft: &mut Draft<'_>, component: &str, file: &str, image: &Image<'_>) {
    let Some(section) = image.section(b".sbat") else { return };
    let Some(level) = draft.parts("secure_boot.sbat_level").pop() else { return };
    let Some(level) = sbat_level_text(&level.about) else { return };
    let old = sbat(section.in_memory().0).find_map(|(name, got)| {
        let asked = sbat(level.as_bytes()).find(|(known, _)| *known == name);
        asked.filter(|(_, wanted)| got < *wanted).map(|(_, wanted)| (name.to_owned(), got, wanted))
    });
    if let Some((name, got, wanted)) = old {
        let detail =
            format!("{file} is {name} generation {got}, SbatLevel asks for {wanted}: shim would refuse it");
        draft.warn(WarningCode::SbatRevoked, component, detail);
    }
}

/// A shim brings a level of its own and raises SbatLevel to it where it is newer (shim, sbat.c: the one that is applied by itself).
fn shim(draft: &mut Draft<'_>, image: &Image<'_>) -> Result<(), Error> {
    let Some(part) = draft.parts("secure_boot.sbat_level").pop() else { return Ok(()) };
    let Some(own) =
        image.long_section(b".sbatlevel").and_then(|section| automatic_level(section.in_memory().0))
    else {
        return Ok(());
    };
    let date = |text: &[u8]| sbat_date(text).unwrap_or(0);
    let Some(now) = sbat_level_text(&part.about).filter(|_| proven_sbat_level(draft, &part)) else {
        return Ok(());
    };
    if date(own) > date(now.as_bytes()) {
        let event = event(Guid::SHIM, "SbatLevel", own);
        let about = crate::evidence::tcg_event::Variable::parse(&event).map(|v| v.to_string());
        let digests = draft.hash(&[&event]);
        draft.set(&part, digests, about.as_deref());
    }
    Ok(())
}

/// The date in `sbat,1,2025021800`.
fn sbat_date(text: &[u8]) -> Option<u64> {
    let first = text.split(|byte| *byte == b'\n').next()?;
    core::str::from_utf8(first).ok()?.split(',').nth(2)?.trim().parse().ok()
}

/// The first of two texts in `.sbatlevel`: version 0, then their offsets, counted from behind the version (shim, sbat_var.S).
fn automatic_level(section: &[u8]) -> Option<&[u8]> {
    let mut reader = crate::reader::Reader::new(section);
    if reader.u32_le().ok()? != 0 {
        return None;
    }
    let offset = crate::reader::len32(reader.u32_le().ok()?);
    let text = section.get(4..)?.get(offset..)?;
    let text = Utf8(text).bytes();
    text.starts_with(b"sbat,").then_some(text)
}
