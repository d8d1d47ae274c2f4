//! From the changed boot to the new document: a variant that names what it replaces, and alternatives of PCR 0–3, 6 and 7.

use super::draft::Draft;
use super::{Change, Error, Prediction, Request, WarningCode, text};
use crate::digest::HashAlg;
use crate::reference::golden::{
    Evidence, Golden, Replacement, Sequence, Slot, Superseded, Variant, in_variant,
};

/// Writes the prediction down.
pub(super) fn finish(mut draft: Draft<'_>, request: &Request<'_>) -> Result<Prediction, Error> {
    text::warn_about_commands(&mut draft);
    if request.files.is_empty() {
        warn_about_files(&mut draft);
    }
    let changes = changes(&draft);
    let name = name(&draft, request)?;
    let mut golden = narrowed(draft.base, &draft.banks);
    let differs = |pcr: fn(u8) -> bool| {
        draft.before.iter().zip(&draft.after).any(|(old, new)| pcr(old.pcr) && old.slots != new.slots)
    };
    if differs(in_variant) {
        let variant = variant(&draft, &golden, &name)?;
        if let Some(same) = same_values(&golden, &variant)? {
            return Err(Error::AlreadyGolden { variant: same });
        }
        golden.variants.push(variant);
    }
    for (old, new) in draft.before.iter().zip(&draft.after) {
        if !in_variant(new.pcr) && old.slots != new.slots {
            let alternative = Sequence { name: name.clone(), evidence: Evidence::Predicted, ..new.clone() };
            golden.sequences.push(alternative);
        }
    }
    golden.sequences.sort_by_key(|sequence| sequence.pcr);
    if !request.files.is_empty() {
        let ima = golden.ima.as_mut().ok_or(Error::NoIma)?;
        ima.files.extend_from_slice(request.files);
        ima.files.sort();
        ima.files.dedup();
    }
    if let Some(reason) = request.supersede {
        supersede(&mut golden, &draft, reason, &changes)?;
    }
    golden.validate()?;
    let based_on = draft.variant.name.clone();
    Ok(Prediction { golden, name, based_on, changes, warnings: draft.warnings })
}

fn warn_about_files(draft: &mut Draft<'_>) {
    let new = |component: &&str| draft.replaced.iter().any(|known| known == *component);
    let changed =
        ["kernel.file", "kernel", "initrd", "initrd.loaded", "uki"].iter().find(|c| new(c)).copied();
    if let Some(component) = changed.filter(|_| draft.base.ima.is_some()) {
        let detail = "the golden files of [ima] stay as they are; modules and programs that the update brings are not among them";
        draft.warn(WarningCode::ImaFilesKept, component, detail);
    }
}

/// `base+kernel+initrd` unless somebody named it.
fn name(draft: &Draft<'_>, request: &Request<'_>) -> Result<String, Error> {
    let is_taken = |name: &str| {
        draft.base.variants.iter().any(|variant| variant.name == name)
            || draft.base.sequences.iter().any(|sequence| sequence.name == name)
    };
    if let Some(name) = request.name {
        return if is_taken(name) { Err(Error::NameTaken { name: name.into() }) } else { Ok(name.into()) };
    }
    let mut name = draft.variant.name.clone();
    let mut parts: Vec<&str> = request.replace.iter().map(|replace| replace.component).collect();
    parts.dedup();
    if parts.is_empty() {
        parts.push("rename");
    }
    for part in parts {
        name.push('+');
        name.push_str(part);
    }
    while is_taken(&name) {
        name.push('+');
    }
    Ok(name)
}

/// The base, judging by these banks.
fn narrowed(base: &Golden, banks: &[HashAlg]) -> Golden {
    let mut golden = base.clone();
    golden.banks.retain(|bank| banks.contains(bank));
    let narrow = |slot: &mut Slot| slot.digests.retain(|digest| banks.contains(&digest.alg()));
    golden.sequences.iter_mut().flat_map(|s| &mut s.slots).for_each(narrow);
    for variant in &mut golden.variants {
        variant.sequences.iter_mut().flat_map(|s| &mut s.slots).for_each(narrow);
        variant.replace.iter_mut().map(|replacement| &mut replacement.with).for_each(narrow);
    }
    golden
}

/// What differs from the root that the base variant is or is based on.
fn variant(draft: &Draft<'_>, golden: &Golden, name: &str) -> Result<Variant, Error> {
    let root_name = draft.variant.based_on.as_deref().unwrap_or(&draft.variant.name);
    let root = golden.variants.iter().find(|variant| variant.name == root_name);
    let root_sequences = root.map(|root| golden.resolve(root)).transpose()?.unwrap_or_default();
    let (mut replace, mut sequences) = (Vec::new(), Vec::new());
    for new in draft.after.iter().filter(|s| in_variant(s.pcr)) {
        let old = root_sequences.iter().find(|s| s.pcr == new.pcr);
        match old.and_then(|old| replacements(old, new)) {
            Some(found) => replace.extend(found),
            None => sequences.push(Sequence { evidence: Evidence::Predicted, ..new.clone() }),
        }
    }
    Ok(Variant {
        name: name.to_owned(),
        evidence: Evidence::Predicted,
        based_on: Some(root_name.to_owned()),
        replace,
        sequences,
    })
}

/// Slot by slot, if the sequences have the same shape.
fn replacements(old: &Sequence, new: &Sequence) -> Option<Vec<Replacement>> {
    let same_shape = old.slots.len() == new.slots.len()
        && old.slots.iter().zip(&new.slots).all(|(a, b)| a.component == b.component)
        && old.order == new.order
        && old.measured_by == new.measured_by;
    if !same_shape {
        return None;
    }
    let pairs = old.slots.iter().zip(&new.slots).enumerate().filter(|(_, (old, new))| old != new);
    Some(pairs.map(|(slot, (_, with))| Replacement { pcr: new.pcr, slot, with: with.clone() }).collect())
}

/// The variant that accounts for the same extends.
fn same_values(golden: &Golden, new: &Variant) -> Result<Option<String>, Error> {
    let digests = |variant: &Variant| -> Result<Vec<(u8, Vec<Slot>)>, Error> {
        let sequences = golden.resolve(variant)?.into_iter();
        let bare = |slot: Slot| Slot { about: String::new(), component: String::new(), ..slot };
        Ok(sequences.map(|s| (s.pcr, s.slots.into_iter().map(bare).collect())).collect())
    };
    let wanted = digests(new)?;
    for variant in &golden.variants {
        if digests(variant)? == wanted {
            return Ok(Some(variant.name.clone()));
        }
    }
    Ok(None)
}

fn changes(draft: &Draft<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (old, new) in draft.before.iter().zip(&draft.after) {
        let change = |old: Option<&Slot>, new: Option<&Slot>, pcr: u8| {
            let shown = new.or(old)?;
            Some(Change {
                pcr,
                component: shown.component.clone(),
                old: old.map(|slot| slot.digests.clone()).unwrap_or_default(),
                new: new.map(|slot| slot.digests.clone()).unwrap_or_default(),
                about: shown.about.clone(),
            })
        };
        if replacements(old, new).is_some() {
            let pairs = old.slots.iter().zip(&new.slots).filter(|(old, new)| old.digests != new.digests);
            changes.extend(pairs.filter_map(|(o, n)| change(Some(o), Some(n), new.pcr)));
        } else {
            // Another number of sections: what went and what came.
            let gone = old.slots.iter().filter(|slot| !new.slots.contains(slot));
            changes.extend(gone.filter_map(|slot| change(Some(slot), None, new.pcr)));
            let come = new.slots.iter().filter(|slot| !old.slots.contains(slot));
            changes.extend(come.filter_map(|slot| change(None, Some(slot), new.pcr)));
        }
    }
    changes
}

/// The base variant goes. Variants that were based on it stand on their own, and what no variant has any longer explains.
fn supersede(golden: &mut Golden, draft: &Draft<'_>, reason: &str, changes: &[Change]) -> Result<(), Error> {
    let gone = &draft.variant.name;
    let mut variants = Vec::new();
    for variant in golden.variants.iter().filter(|variant| variant.name != *gone) {
        let mut variant = variant.clone();
        if variant.based_on.as_ref() == Some(gone) {
            variant.sequences = golden.resolve(&variant)?;
            variant.replace = Vec::new();
            variant.based_on = None;
        }
        variants.push(variant);
    }
    let replaced_alternative = |sequence: &Sequence| {
        let changed = draft.before.iter().zip(&draft.after).filter(|(old, new)| old.slots != new.slots);
        changed
            .clone()
            .any(|(old, _)| !in_variant(old.pcr) && old.pcr == sequence.pcr && old.name == sequence.name)
    };
    golden.sequences.retain(|sequence| !replaced_alternative(sequence));
    if changes.iter().any(|change| in_variant(change.pcr)) {
        golden.variants = variants;
    }
    let mut left: Vec<Slot> = golden.sequences.iter().flat_map(|s| s.slots.clone()).collect();
    for variant in &golden.variants {
        left.extend(golden.resolve(variant)?.into_iter().flat_map(|s| s.slots));
    }
    for change in changes {
        let is_golden = |digest| left.iter().any(|slot| slot.digests.contains(digest));
        let digests: Vec<_> = change.old.iter().filter(|digest| !is_golden(digest)).copied().collect();
        let old = Superseded { component: change.component.clone(), digests, reason: reason.to_owned() };
        if !old.digests.is_empty() && !golden.superseded.contains(&old) {
            golden.superseded.push(old);
        }
    }
    Ok(())
}
