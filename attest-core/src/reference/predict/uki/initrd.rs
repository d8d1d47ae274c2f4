//! The initrd that the kernel gets from systemd-stub, which the kernel's own stub measures into PCR 9: what the image brings, put together.
//!
//! Microcode, then the image's initrd, then a small archive for each section that user space is to find under `/.extra`: signature and key
//! for PCR policies and, since version 257, os-release and the profile. A single one is handed over as it is, several are each padded to a
//! multiple of 4.

use super::{Unified, is_unchanged};
use crate::digest::Digest;
use crate::limits::Limits;
use crate::reference::predict::WarningCode;
use crate::reference::predict::draft::Draft;

/// Since then `.osrel` and `.profile` are handed over.
const OSREL_SINCE: u32 = 257;
/// Since then a secret of the machine is handed over.
const SECRET_SINCE: u32 = 261;
/// Sections handed over as files, in order: section, name of the file, since when.
const FILES: [(&str, &str, u32); 4] = [
    (".pcrsig", "tpm2-pcr-signature.json", 252),
    (".pcrpkey", "tpm2-pcr-public-key.pem", 252),
    (".osrel", "os-release", OSREL_SINCE),
    (".profile", "profile", OSREL_SINCE),
];

/// Computes it where the file alone decides, and says whether the base confirmed the way.
pub(super) fn loaded(
    draft: &mut Draft<'_>,
    unified: &Unified<'_>,
    old: &[(String, Vec<Digest>)],
    limits: &Limits,
) {
    // Credentials and extensions beside the image are packed too; they are in PCR 12 and 13.
    let is_beside = draft.slots().any(|(pcr, _, _)| matches!(pcr, 12 | 13));
    let has_secret = unified.version.is_some_and(|version| version >= SECRET_SINCE);
    if is_beside || has_secret || !draft.has("initrd.loaded") {
        return;
    }
    let Some(pieces) = combined(unified, limits) else { return };
    let base_was_alone = old.iter().any(|(component, digests)| {
        component == "uki.initrd" && draft.parts("initrd.loaded").iter().any(|part| part.digests == *digests)
    });
    let is_alone = pieces.is_alone;
    if is_alone && base_was_alone && is_unchanged(draft, ".initrd", old) {
        draft.settled.push("initrd.loaded");
        return;
    }
    let digests = draft.hash(&pieces.bytes.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for part in draft.parts("initrd.loaded") {
        draft.set(&part, digests.clone(), None);
    }
    if !(is_alone && base_was_alone) {
        let detail =
            "put together from the image as systemd-stub does it; the base could not confirm the way";
        draft.warn(WarningCode::InitrdUnproven, "initrd.loaded", detail);
    }
}

struct Combined {
    bytes: Vec<Vec<u8>>,
    is_alone: bool,
}

/// `None` where a section is too large, or where there is nothing to hand over.
fn combined(unified: &Unified<'_>, limits: &Limits) -> Option<Combined> {
    let mut bytes: Vec<Vec<u8>> = Vec::new();
    for (section, since) in [(".ucode", 256), (".initrd", 252)] {
        if unified.section(section).is_some() && unified.knows(since, false) {
            bytes.push(unified.content(section, limits)?.concat());
        }
    }
    for (section, name, since) in FILES {
        if unified.section(section).is_some() && unified.knows(since, false) {
            bytes.push(archive(name, &unified.content(section, limits)?.concat())?);
        }
    }
    let is_alone = bytes.len() == 1;
    if bytes.is_empty() {
        return None;
    }
    if !is_alone {
        bytes.iter_mut().for_each(pad);
    }
    Some(Combined { bytes, is_alone })
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A cpio archive of `/.extra` and one file in it (systemd, src/boot/cpio.c; Linux, buffer-format: "newc").
fn archive(name: &str, content: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    entry(&mut out, 1, 0o040_555, ".extra", &[])?;
    entry(&mut out, 2, 0o100_444, &format!(".extra/{name}"), content)?;
    out.extend_from_slice(b"070701");
    for field in [0_u32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0] {
        out.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    out.extend_from_slice(b"TRAILER!!!\0\0\0\0");
    Some(out)
}

fn entry(out: &mut Vec<u8>, inode: u32, mode: u32, name: &str, content: &[u8]) -> Option<()> {
    let size = u32::try_from(content.len()).ok()?;
    let name_size = u32::try_from(name.len()).ok()?.checked_add(1)?;
    out.extend_from_slice(b"070701");
    // inode, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    for field in [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
        out.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(content);
    pad(out);
    Some(())
}
