//! What families have reached, by the bundles that were published. Each is weighed and let go: only what it came to is kept.

use std::collections::BTreeSet;

use attest_core::release::ObjectId;
use attest_core::release::catalogue::{Catalogue, Floors, Refused};
use attest_core::release::evaluate::{Failure, Gate};
use attest_core::release::view::LogView;

use super::replica::Known;
use super::turn::now;
use super::{Authority, Error, Signing};

/// Gates that a release passes again when a suspension is over.
const OF_PEOPLE: [Gate; 4] = [Gate::Measurement, Gate::Provenance, Gate::Quorum, Gate::Requester];

/// What families have reached, as far as bundles were weighed.
#[derive(Debug, Default)]
pub(super) struct Reached {
    floors: Floors,
    /// Bundles that are weighed once more only under another policy, or after another suspension.
    weighed: BTreeSet<ObjectId>,
    /// The policy and how many suspensions there were.
    by: Option<(ObjectId, usize)>,
}

impl Reached {
    /// By another policy, or when somebody's word counts no more, all of it is weighed anew.
    fn follow(&mut self, view: &LogView) {
        let by = view.policy().map(|policy| (policy.id(), view.suspensions().len()));
        if self.by != by {
            *self = Self { by, ..Self::default() };
        }
    }

    fn take(&mut self, catalogue: &Catalogue) {
        let has_suspensions = self.by.is_some_and(|(_, suspensions)| suspensions > 0);
        let may_come_later = |failure: &Failure| {
            matches!(failure, Failure::VersionStep { .. } | Failure::ReplacesNoRelease { .. })
                || has_suspensions && OF_PEOPLE.contains(&failure.gate())
        };
        let is_over = |refused: &&Refused| !refused.failures.iter().any(may_come_later);
        self.weighed.extend(catalogue.releases().map(|release| release.bundle()));
        self.weighed.extend(catalogue.refused().iter().filter(is_over).map(|refused| refused.bundle));
        self.floors.clone_from(catalogue.floors());
    }
}

impl<A: Authority> Signing<A> {
    /// What families have reached. Bundles that are withheld raise nothing here; verifiers refuse what falls below.
    pub(super) fn floors(&mut self, known: &Known) -> Result<Floors, Error> {
        if let Some(floors) = known.floors.get() {
            return Ok(floors.clone());
        }
        self.reached.follow(&known.view);
        let mut published: Vec<_> = known.view.published().collect();
        published.sort_by_key(|(_, place, _)| *place);
        let ids = published.into_iter().map(|(_, _, bundle)| bundle);
        let open: Vec<ObjectId> = ids.filter(|id| !self.reached.weighed.contains(id)).collect();
        let (mut open, mut is_whole) = (open.as_slice(), true);
        while !open.is_empty() {
            self.replica.look();
            let brought = self.bring(open);
            if brought.is_ok() {
                let (objects, reached) = (self.replica.objects(), &self.reached.floors);
                let catalogue = Catalogue::load(&known.view, objects, reached, now(), &self.limits);
                self.reached.take(&catalogue);
            }
            self.replica.let_go();
            let (count, are_all) = brought?;
            is_whole &= are_all;
            open = open.get(count..).unwrap_or_default();
        }
        if is_whole {
            let _ = known.floors.set(self.reached.floors.clone());
        }
        Ok(self.reached.floors.clone())
    }

    /// Has as many of these at hand as there is room for at a time: how many were looked at, and whether none is withheld.
    fn bring(&mut self, bundles: &[ObjectId]) -> Result<(usize, bool), Error> {
        let (mut count, mut are_all) = (0_usize, true);
        for id in bundles {
            match self.replica.want(&mut self.authority, id) {
                Ok(is_there) => are_all &= is_there,
                Err(Error::RequestTooLarge { .. }) if count > 0 => break,
                // One that is never at hand keeps nobody waiting.
                Err(Error::RequestTooLarge { .. }) => are_all = false,
                Err(error) => return Err(error),
            }
            count = count.saturating_add(1);
        }
        Ok((count, are_all))
    }
}
