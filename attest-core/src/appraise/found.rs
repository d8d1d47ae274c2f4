//! Which golden sequences fit the registers of a boot, and which variants have them: by look-up, whatever the size of the document.

use super::boot::Judge;
use super::judged::Judged;
use super::sequence;
use crate::limits::Limits;
use crate::reference::index::{Index, SequenceId};
use crate::reference::{ReferenceSet, ResolvedVariant};

/// For each judged register of the variants, the golden sequences that account for it.
pub(super) struct Found<'r> {
    references: &'r ReferenceSet,
    index: &'r Index,
    fitting: Vec<(u8, Vec<SequenceId>)>,
}

impl<'r> Found<'r> {
    pub(super) fn new<'e, 'a>(judge: &Judge<'r, 'e, 'a>, judged: &[Judged<'e, 'a>]) -> Self {
        let references = judge.references();
        let index = references.index();
        let fits = |id: &SequenceId, judged: &Judged<'e, 'a>| {
            index.sequence(*id).is_some_and(|s| sequence::matches(s, &judged.events, &judged.by))
        };
        let fitting = judged.iter().map(|j| {
            let proposed = judge.value(j).into_iter().flat_map(|value| index.of_variants(j.pcr, &value));
            (j.pcr, proposed.filter(|id| fits(id, j)).collect())
        });
        Self { references, index, fitting: fitting.collect() }
    }

    /// The first variant of the document that accounts for every judged register.
    pub(super) fn explaining(&self) -> Option<&'r ResolvedVariant> {
        // The register that the fewest variants explain leaves the fewest to look at.
        let Some((_, rarest)) = self.fitting.iter().min_by_key(|(_, ids)| self.count(ids)) else {
            return self.references.variants().next();
        };
        let explains = |variant: &&ResolvedVariant| {
            self.fitting.iter().all(|(_, ids)| ids.iter().any(|id| variant.ids.contains(id)))
        };
        let positions = rarest.iter().filter_map(|id| {
            let mut having = self.index.variants_with(*id);
            having.find(|at| self.references.variant(*at).as_ref().is_some_and(explains))
        });
        self.references.variant(positions.min()?)
    }

    fn count(&self, ids: &[SequenceId]) -> usize {
        ids.iter().map(|id| self.index.count_with(*id)).fold(0, usize::saturating_add)
    }

    /// Where each register is that of some variant, though not of the same: registers and variants.
    pub(super) fn parts(&self) -> Option<Vec<(u8, &'r str)>> {
        let part = |(pcr, ids): &(u8, Vec<SequenceId>)| {
            let first = ids.iter().filter_map(|id| self.index.variants_with(*id).next()).min()?;
            Some((*pcr, self.references.variant(first)?.name.as_str()))
        };
        self.fitting.iter().map(part).collect()
    }

    /// The variants worth comparing with a boot that none explains: all of a small document; of a large one those that account for the
    /// rarest registers, and the last ones. In the order of the document.
    pub(super) fn near(&self) -> impl Iterator<Item = &'r ResolvedVariant> + use<'r> {
        let most = Limits::DEFAULT.compared;
        let count = u32::try_from(self.references.variants().len()).unwrap_or(u32::MAX);
        let mut chosen: Vec<u32> = Vec::new();
        if self.references.variants().len() <= most {
            chosen.extend(0..count);
        } else {
            let mut by_rarity: Vec<&(u8, Vec<SequenceId>)> = self.fitting.iter().collect();
            by_rarity.sort_by_key(|(_, ids)| self.count(ids));
            let sharing = by_rarity.iter().flat_map(|(_, ids)| ids.iter());
            let sharing = sharing.flat_map(|id| self.index.variants_with(*id).rev().take(most));
            for at in sharing.chain((0..count).rev()) {
                if chosen.len() >= most {
                    break;
                }
                if !chosen.contains(&at) {
                    chosen.push(at);
                }
            }
            chosen.sort_unstable();
        }
        let references = self.references;
        chosen.into_iter().filter_map(move |at| references.variant(at))
    }
}
