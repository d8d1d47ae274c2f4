//! Digests that are golden in another boot, or in another register: what is not golden where it stands need not be strange.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::limits::Limits;
use crate::reference::{ReferenceSet, component};

/// Where golden digests stand: of each register the last boots of the document, as many as are compared.
#[derive(Debug)]
pub(super) struct Elsewhere(BTreeMap<Digest, String>);

impl Elsewhere {
    pub(super) fn of(references: &ReferenceSet) -> Self {
        let most = Limits::DEFAULT.compared;
        let mut known = BTreeMap::new();
        for pcr in 0..16 {
            for (sequence, variant) in references.index().of_register(pcr).take(most) {
                let variant = variant.and_then(|at| references.variant(at));
                let name = variant.map_or(&sequence.name, |variant| &variant.name);
                // The same separators stand everywhere.
                let slots = sequence.slots.iter().filter(|slot| slot.component != component::SEPARATOR);
                for (slot, digest) in
                    slots.flat_map(|slot| slot.digests.iter().map(move |digest| (slot, digest)))
                {
                    let place = || format!("{} in PCR {pcr} of `{name}`", slot.component);
                    known.entry(*digest).or_insert_with(place);
                }
            }
        }
        Self(known)
    }

    /// The component, register and boot in which the digest is golden.
    pub(super) fn place(&self, digest: &Digest) -> Option<&str> {
        self.0.get(digest).map(String::as_str)
    }
}
