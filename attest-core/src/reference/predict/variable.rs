//! UEFI variables as they are measured: UEFI_VARIABLE_DATA (TCG PC Client Platform Firmware Profile, 10.2.6).

use super::Error;
use super::draft::{Draft, Part};
use super::form::put;
use crate::evidence::tcg_event::{Guid, Variable};

/// A variable with new contents.
pub(super) fn replace(
    draft: &mut Draft<'_>,
    part: &Part,
    file: &str,
    contents: &[u8],
    (vendor, name): (Guid, &str),
) -> Result<(), Error> {
    let contents = if name == "SbatLevel" {
        if !proven_sbat_level(draft, part) {
            return Err(Error::Unproven { component: part.component.clone(), about: part.about.clone() });
        }
        if !contents.starts_with(b"sbat,") {
            let detail = "is no SBAT level: it does not start with `sbat,`";
            return Err(Error::Variable { component: part.component.clone(), file: file.into(), detail });
        }
        contents
    } else {
        signature_lists(contents).ok_or_else(|| Error::Variable {
            component: part.component.clone(),
            file: file.into(),
            detail: "is neither a list of EFI_SIGNATURE_LIST nor a file of efivarfs with one",
        })?
    };
    let event = event(vendor, name, contents);
    let about = Variable::parse(&event).map(|variable| variable.to_string());
    let digests = draft.hash(&[&event]);
    put(draft, part, digests, about.as_deref())
}

/// The structure that firmware and shim hash.
pub(super) fn event(vendor: Guid, name: &str, contents: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = |len: usize| u64::try_from(len).unwrap_or(u64::MAX).to_le_bytes();
    let units = name.len().checked_div(2).unwrap_or(0);
    [&vendor.0[..], &length(units), &length(contents.len()), &name, contents].concat()
}

/// Signature lists as they are, or behind the four bytes of attributes that efivarfs puts in front.
fn signature_lists(file: &[u8]) -> Option<&[u8]> {
    let is_lists = |bytes: &[u8]| {
        let event = event(Guid::IMAGE_SECURITY, "db", bytes);
        Variable::parse(&event).is_some_and(|variable| {
            let mut lists = variable.signature_lists();
            let count = lists.by_ref().count();
            count > 0 && lists.is_exhausted()
        })
    };
    let behind_attributes = file.get(4..).unwrap_or_default();
    [file, behind_attributes].into_iter().find(|bytes| is_lists(bytes))
}

/// Older shims measure SbatLevel otherwise; where the base's text makes the base's digest, the form is certain.
pub(super) fn proven_sbat_level(draft: &Draft<'_>, part: &Part) -> bool {
    sbat_level_text(&part.about)
        .is_some_and(|text| draft.hash(&[&event(Guid::SHIM, "SbatLevel", text.as_bytes())]) == part.digests)
}

/// The contents of SbatLevel from the document's text of it.
pub(super) fn sbat_level_text(about: &str) -> Option<String> {
    let lines = about.strip_prefix("SbatLevel: ")?;
    Some(lines.split("; ").flat_map(|line| [line, "\n"]).collect())
}
