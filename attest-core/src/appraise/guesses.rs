//! What golden values say that registers may hold: for the search for values that nobody sent.

use crate::authenticate::Guesses;
use crate::authenticate::replay::reset_value;
use crate::digest::{Digest, HashAlg};
use crate::limits::Limits;
use crate::reference::ReferenceSet;
use crate::reference::golden::{Sequence, Slot};

/// Boots with a variant of the document, the last one first, and with the last alternative of each register that has such.
impl Guesses for ReferenceSet {
    fn boots(&self) -> usize {
        self.variants().len().clamp(1, Limits::DEFAULT.compared)
    }

    fn value(&self, boot: usize, alg: HashAlg, pcr: u8) -> Option<Digest> {
        let of_variant = |sequence: &&std::sync::Arc<Sequence>| sequence.pcr == pcr;
        let variant = self.variants().rev().nth(boot);
        let own = variant.and_then(|variant| variant.sequences.iter().find(of_variant)).map(|own| &**own);
        let alternative = || self.index().of_register(pcr).find(|(_, variant)| variant.is_none());
        let sequence = own.or_else(|| alternative().map(|(sequence, _)| sequence))?;
        let start = reset_value(alg, pcr.into(), Some(sequence.startup_locality));
        sequence
            .slots
            .iter()
            .try_fold(start, |value, slot| Some(value.extended(slot.digest(alg)?.as_bytes())))
    }

    fn extended(&self, alg: HashAlg, _: u8) -> Vec<Digest> {
        let most = Limits::DEFAULT.compared;
        let sequences = (0..16).flat_map(|pcr| self.index().of_register(pcr).take(most));
        let slots = sequences.flat_map(|(sequence, _)| &sequence.slots);
        // In each bank at the same place: a slot without one of the banks is left out of all.
        let has_all = |slot: &&Slot| self.golden().banks.iter().all(|bank| slot.digest(*bank).is_some());
        slots.filter(has_all).filter_map(|slot| slot.digest(alg).copied()).collect()
    }
}
