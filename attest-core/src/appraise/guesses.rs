//! What golden values say that registers may hold: for the search for values that nobody sent.

use crate::authenticate::Guesses;
use crate::authenticate::replay::reset_value;
use crate::digest::{Digest, HashAlg};
use crate::limits::Limits;
use crate::reference::ReferenceSet;
use crate::reference::component;
use crate::reference::golden::{Sequence, Slot};

/// Boots with a variant of the document, the last one first, and with the last alternative of each register that has such. The cost is
/// the same among ten variants as among a hundred thousand.
impl Guesses for ReferenceSet {
    fn boots(&self) -> usize {
        self.variants().len().clamp(1, Limits::DEFAULT.compared)
    }

    fn value(&self, boot: usize, alg: HashAlg, pcr: u8) -> Option<Digest> {
        let sequence = after_boot(self, boot, pcr)?;
        let start = reset_value(alg, pcr.into(), Some(sequence.startup_locality));
        digests(sequence, alg).try_fold(start, |value, digest| Some(value.extended(digest?.as_bytes())))
    }

    fn rows(&self, pcr: u8) -> usize {
        self.index().of_register(pcr).take(Limits::DEFAULT.compared).count()
    }

    fn row(&self, at: usize, alg: HashAlg, pcr: u8) -> Option<Vec<Digest>> {
        let (sequence, _) = self.index().of_register(pcr).take(Limits::DEFAULT.compared).nth(at)?;
        digests(sequence, alg).map(Option::<&Digest>::copied).collect()
    }

    fn userspace(&self, boot: usize, alg: HashAlg, pcr: u8) -> Vec<Digest> {
        let slots = after_boot(self, boot, pcr).map(|sequence| &*sequence.slots).unwrap_or_default();
        component::of_userspace(slots).iter().map_while(|slot| known_in(slot, alg)).collect()
    }
}

/// The sequence of a register in one of the boots.
fn after_boot(references: &ReferenceSet, boot: usize, pcr: u8) -> Option<&Sequence> {
    let variant = references.variants().rev().nth(boot);
    let mut of_variant = variant.iter().flat_map(|variant| &variant.sequences);
    let own = of_variant.find(|sequence| sequence.pcr == pcr).map(|own| &**own);
    // A register has alternatives, or belongs to variants.
    let alternative = || references.index().of_register(pcr).next().filter(|(_, variant)| variant.is_none());
    own.or_else(|| alternative().map(|(sequence, _)| sequence))
}

/// A digest in a bank that the document may not have: systemd measures a text, and the slot's own digest says whether it is the one that is
/// kept for people.
fn known_in(slot: &Slot, alg: HashAlg) -> Option<Digest> {
    let text = [slot.about.as_bytes()];
    let is_text = || slot.digests.first().is_some_and(|digest| digest.alg().hash(&text) == *digest);
    slot.digest(alg).copied().or_else(|| is_text().then(|| alg.hash(&text)))
}

fn digests(sequence: &Sequence, alg: HashAlg) -> impl Iterator<Item = Option<&Digest>> {
    sequence.slots.iter().map(move |slot: &Slot| slot.digest(alg))
}
