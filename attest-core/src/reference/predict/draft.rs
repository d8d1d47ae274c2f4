//! The boot that is being predicted: the base variant with its alternatives, slot by slot.

use super::{Error, Request, Warning, WarningCode};
use crate::digest::{Digest, HashAlg};
use crate::reference::golden::{Golden, Sequence, Slot, Variant};

/// Hexadecimal digits of a digest that name it.
const DIGEST_START: usize = 8;

/// The base as it is, and as it will be.
pub(super) struct Draft<'a> {
    pub(super) base: &'a Golden,
    pub(super) variant: &'a Variant,
    /// The banks that the new document judges by.
    pub(super) banks: Vec<HashAlg>,
    /// The variant's sequences and, for PCR 0–3, 6 and 7, its alternatives: as they were.
    pub(super) before: Vec<Sequence>,
    /// As they will be. The same PCRs in the same order.
    pub(super) after: Vec<Sequence>,
    pub(super) warnings: Vec<Warning>,
    /// Components that were replaced, in order.
    pub(super) replaced: Vec<String>,
    /// Components that are known to stay although something they hang on is new.
    pub(super) settled: Vec<&'static str>,
}

/// Slots that are one part of the boot: same PCR, same component, same value. shim lists a kernel twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) component: String,
    pub(super) pcr: u8,
    pub(super) slots: Vec<usize>,
    pub(super) digests: Vec<Digest>,
    pub(super) about: String,
}

impl<'a> Draft<'a> {
    pub(super) fn new(request: &Request<'a>) -> Result<Self, Error> {
        let base = request.base;
        let variant = find_variant(base, request.variant)?;
        let banks = request.banks.map_or_else(|| base.banks.clone(), <[HashAlg]>::to_vec);
        if let Some(bank) = banks.iter().find(|bank| !base.banks.contains(bank)) {
            return Err(Error::BankUnknown { bank: *bank });
        }
        let mut before = base.resolve(variant)?;
        before.extend((0..=7).filter_map(|pcr| alternative(base, variant, pcr)).cloned());
        for slot in before.iter_mut().flat_map(|s| &mut s.slots) {
            slot.digests.retain(|digest| banks.contains(&digest.alg()));
        }
        before.sort_by_key(|s| s.pcr);
        let after = before.clone();
        Ok(Self {
            base,
            variant,
            banks,
            before,
            after,
            warnings: Vec::new(),
            replaced: Vec::new(),
            settled: Vec::new(),
        })
    }

    pub(super) fn warn(&mut self, code: WarningCode, component: &str, detail: impl Into<String>) {
        self.warnings.push(Warning { code, component: component.to_owned(), detail: detail.into() });
    }

    /// The slots as they will be, with PCR and place.
    pub(super) fn slots(&self) -> impl Iterator<Item = (u8, usize, &Slot)> {
        self.after.iter().flat_map(|s| s.slots.iter().enumerate().map(move |(i, slot)| (s.pcr, i, slot)))
    }

    pub(super) fn has(&self, component: &str) -> bool {
        self.slots().any(|(_, _, slot)| slot.component == component)
    }

    /// The parts of this name. Slots that only tell a section's name are none.
    pub(super) fn parts(&self, component: &str) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for (pcr, at, slot) in self.slots().filter(|(_, _, slot)| slot.component == component) {
            if pcr == 11 && is_section_name(slot) {
                continue;
            }
            match parts.iter_mut().find(|part| part.pcr == pcr && part.digests == slot.digests) {
                Some(part) => part.slots.push(at),
                None => parts.push(Part {
                    component: component.to_owned(),
                    pcr,
                    slots: vec![at],
                    digests: slot.digests.clone(),
                    about: slot.about.clone(),
                }),
            }
        }
        parts
    }

    /// The one part of this name, or of those the one that is meant.
    pub(super) fn part(&self, component: &str, which: Option<&str>) -> Result<Part, Error> {
        let mut parts = self.parts(component);
        if parts.is_empty() {
            return Err(self.unknown(component));
        }
        if let Some(which) = which {
            parts.retain(|part| part.is(which));
        }
        if parts.len() > 1 {
            let parts = parts.iter().map(Part::describe).collect();
            return Err(Error::Ambiguous { component: component.to_owned(), parts });
        }
        parts.pop().ok_or_else(|| self.unknown(&format!("{component}@{}", which.unwrap_or_default())))
    }

    fn unknown(&self, component: &str) -> Error {
        for pcr in 0..=7 {
            let mut alternatives = self.base.sequences.iter().filter(|s| s.pcr == pcr);
            if self.after.iter().all(|s| s.pcr != pcr)
                && alternatives.any(|s| s.slots.iter().any(|slot| slot.component == component))
            {
                let names = self.base.sequences.iter().filter(|s| s.pcr == pcr).map(|s| s.name.clone());
                let names = names.collect();
                return Error::AlternativeAmbiguous { component: component.to_owned(), pcr, names };
            }
        }
        let mut known: Vec<String> = self.slots().map(|(_, _, slot)| slot.component.clone()).collect();
        known.sort();
        known.dedup();
        Error::Unknown { component: component.to_owned(), known }
    }

    /// Gives a part its new value.
    pub(super) fn set(&mut self, part: &Part, digests: Vec<Digest>, about: Option<&str>) {
        let sequence = self.after.iter_mut().find(|s| s.pcr == part.pcr);
        let slots = sequence.map(|s| s.slots.as_mut_slice()).unwrap_or_default();
        for (_, slot) in slots.iter_mut().enumerate().filter(|(at, _)| part.slots.contains(at)) {
            slot.digests.clone_from(&digests);
            // A rule with values judges by the old ones; the new digest is exact.
            if slot.rule.as_ref().is_some_and(|rule| rule.values().is_some()) {
                slot.rule = None;
            }
            if let Some(about) = about {
                about.clone_into(&mut slot.about);
            }
        }
        self.note(&part.component);
    }

    pub(super) fn note(&mut self, component: &str) {
        if !self.replaced.iter().any(|known| known == component) {
            self.replaced.push(component.to_owned());
        }
    }

    pub(super) fn hash(&self, parts: &[&[u8]]) -> Vec<Digest> {
        self.banks.iter().map(|bank| bank.hash(parts)).collect()
    }

    pub(super) fn sequence(&self, pcr: u8) -> Option<&Sequence> {
        self.after.iter().find(|s| s.pcr == pcr)
    }
}

impl Part {
    fn is(&self, which: &str) -> bool {
        let starts = |digest: &Digest| {
            which.len() >= DIGEST_START && digest.to_string().starts_with(&which.to_ascii_lowercase())
        };
        self.about == which || self.digests.iter().any(starts)
    }

    fn describe(&self) -> String {
        let digest = self.digests.first().map(Digest::to_string).unwrap_or_default();
        let start: String = digest.chars().take(DIGEST_START).collect();
        format!("{start} ({})", self.about)
    }
}

/// Whether the slot holds a section's name, as systemd-stub measures it before the content: ASCII and a NUL.
pub(super) fn is_section_name(slot: &Slot) -> bool {
    let name = slot.component.strip_prefix("uki").unwrap_or_default();
    !name.is_empty() && slot.digests.iter().all(|d| *d == d.alg().hash(&[name.as_bytes(), &[0]]))
}

fn find_variant<'a>(base: &'a Golden, name: Option<&str>) -> Result<&'a Variant, Error> {
    let found = match (name, base.variants.as_slice()) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), variants) => variants.iter().find(|variant| variant.name == name),
    };
    found.ok_or_else(|| Error::VariantUnknown {
        variant: name.unwrap_or_default().to_owned(),
        known: base.variants.iter().map(|variant| variant.name.clone()).collect(),
    })
}

/// The alternative of a PCR outside of variants that goes with the variant: of its name, or of its base's, or the only one.
fn alternative<'a>(base: &'a Golden, variant: &Variant, pcr: u8) -> Option<&'a Sequence> {
    let of_name =
        |name: &str| base.sequences.iter().find(|sequence| sequence.pcr == pcr && sequence.name == name);
    let mut all = base.sequences.iter().filter(|sequence| sequence.pcr == pcr);
    let only = match (all.next(), all.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    of_name(&variant.name).or_else(|| of_name(variant.based_on.as_deref()?)).or(only)
}
