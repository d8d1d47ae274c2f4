//! What a variant takes over from the one it is based on. A long variant with many heirs is a short text: it is checked without being written out.

use std::collections::BTreeMap;

use super::error::Error;
use super::{Golden, Replacement, Sequence, Slot, Variant};

/// A variant with what it inherits, borrowed.
pub(super) struct Heir<'g> {
    variant: &'g Variant,
    /// Its own sequences and the inherited ones, ascending by PCR, before anything is replaced.
    pub(super) sequences: Vec<&'g Sequence>,
}

/// Those that others may be based on, by name.
pub(super) type Roots<'g> = BTreeMap<&'g str, &'g Variant>;

impl<'g> Heir<'g> {
    /// Of a variant and the one that it names, if that is there.
    ///
    /// # Errors
    /// [`Error::BaseUnknown`]; [`Error::Replacement`] where a slot is not there, or another component's.
    pub(super) fn of(variant: &'g Variant, base: Option<&'g Variant>) -> Result<Self, Error> {
        let Some(base_name) = &variant.based_on else {
            return Ok(Self { variant, sequences: variant.sequences.iter().collect() });
        };
        let base = base.ok_or_else(|| Error::BaseUnknown {
            variant: variant.name.clone(),
            based_on: base_name.clone(),
        })?;
        let inherited =
            base.sequences.iter().filter(|s| variant.sequences.iter().all(|own| own.pcr != s.pcr));
        let mut sequences: Vec<&Sequence> = variant.sequences.iter().chain(inherited).collect();
        sequences.sort_by_key(|s| s.pcr);
        let heir = Self { variant, sequences };
        for replacement in &variant.replace {
            heir.fits(replacement).map_err(|detail| Error::Replacement {
                variant: variant.name.clone(),
                pcr: replacement.pcr,
                slot: replacement.slot,
                detail,
            })?;
        }
        Ok(heir)
    }

    fn fits(&self, replacement: &Replacement) -> Result<(), String> {
        let sequence = self.replaced_in(replacement.pcr).ok_or("the base has no such PCR")?;
        let slot = sequence.slots.get(replacement.slot).ok_or("the base has no such slot")?;
        if slot.component != replacement.with.component {
            return Err(format!(
                "the base has `{}` there, not `{}`",
                slot.component, replacement.with.component
            ));
        }
        Ok(())
    }

    /// The sequence in which slots of this PCR are replaced.
    fn replaced_in(&self, pcr: u8) -> Option<&'g Sequence> {
        self.sequences.iter().copied().find(|s| s.pcr == pcr)
    }

    /// What stands in the place of slots of this sequence, by their indices; of several for one slot the last.
    fn replaced(&self, sequence: &Sequence) -> BTreeMap<usize, &'g Slot> {
        let is_it = self.replaced_in(sequence.pcr).is_some_and(|one| core::ptr::eq(one, sequence));
        let all = self.variant.based_on.as_ref().map_or(&[][..], |_| &self.variant.replace);
        all.iter().filter(|r| is_it && r.pcr == sequence.pcr).map(|r| (r.slot, &r.with)).collect()
    }

    /// Rules that own two slots of a sequence. One that is as it was inherited was checked where it stands.
    pub(super) fn check_rules(&self) -> Result<(), Error> {
        for sequence in &self.sequences {
            let replaced = self.replaced(sequence);
            let is_own = self.variant.sequences.iter().any(|own| core::ptr::eq(own, *sequence));
            if is_own || !replaced.is_empty() {
                let slots = sequence.slots.iter().enumerate();
                let slots = slots.map(|(nth, slot)| replaced.get(&nth).copied().unwrap_or(slot));
                let place = || format!("variant `{}` PCR {}", self.variant.name, sequence.pcr);
                Sequence::check_rules_of(slots, place)?;
            }
        }
        Ok(())
    }

    /// Everything carried out.
    fn written_out(&self) -> Vec<Sequence> {
        let one = |sequence: &&Sequence| {
            let mut own = (*sequence).clone();
            for (nth, with) in self.replaced(sequence) {
                if let Some(slot) = own.slots.get_mut(nth) {
                    *slot = with.clone();
                }
            }
            if self.variant.based_on.is_some() {
                own.evidence = self.variant.evidence;
            }
            own
        };
        self.sequences.iter().map(one).collect()
    }
}

impl Golden {
    /// Those that others may be based on.
    pub(super) fn roots(&self) -> Roots<'_> {
        let mut roots = Roots::new();
        for root in self.variants.iter().filter(|variant| variant.based_on.is_none()) {
            roots.entry(root.name.as_str()).or_insert(root);
        }
        roots
    }

    /// Before anything is inherited: what all variants would be if they were written out.
    pub(super) fn check_slots(&self, limit: usize) -> Result<(), Error> {
        let own =
            |variant: &Variant| variant.sequences.iter().map(|sequence| sequence.slots.len()).sum::<usize>();
        let roots: BTreeMap<&str, usize> =
            self.roots().into_iter().map(|(name, root)| (name, own(root))).collect();
        let inherited = |variant: &Variant| roots.get(variant.based_on.as_deref()?).copied();
        let slots = self.variants.iter().map(|v| own(v).saturating_add(inherited(v).unwrap_or(0)));
        let got = slots.fold(0, usize::saturating_add);
        if got > limit { Err(Error::TooManySlots { got, limit }) } else { Ok(()) }
    }

    /// A variant's sequences with `based_on` and `replace` carried out, ascending by PCR.
    pub(crate) fn resolve(&self, variant: &Variant) -> Result<Vec<Sequence>, Error> {
        let is_base = |v: &&Variant| {
            v.based_on.is_none() && variant.based_on.as_ref().is_some_and(|name| *name == v.name)
        };
        Ok(Heir::of(variant, self.variants.iter().find(is_base))?.written_out())
    }
}
