//! Each step stands in the log after the one before it, in the request's time, under the request's policy.

use std::collections::BTreeSet;

use super::super::view::{Mark, Place};
use super::Failure;
use super::case::{Case, Stage};

impl Case<'_> {
    /// Inv. 1: nothing is signed without an earlier logged request, under the policy that is followed there.
    pub(super) fn order(&mut self) {
        let submitted = self.submitted();
        let mut steps = vec![(Mark::Submitted, submitted)];
        steps.push((Mark::Attempted, self.attempted()));
        if self.stage() == Stage::Published {
            steps.extend([Mark::Signed, Mark::Published].map(|mark| (mark, self.place(mark))));
        }
        let mut before: Option<(Mark, Place)> = None;
        for (mark, place) in steps {
            let Some(place) = place else {
                // Whoever is about to sign makes the attempt next.
                if mark != Mark::Attempted || self.stage() == Stage::Published {
                    self.fail(Failure::NotLogged { mark });
                }
                continue;
            };
            if let Some((earlier, _)) = before.filter(|(_, before)| before.index >= place.index) {
                self.fail(Failure::OutOfOrder { earlier, later: mark });
            }
            self.in_time(mark, place);
            before = Some((mark, place));
        }
        self.policy_is_followed();
        self.is_published();
    }

    /// What is done for a request is done in its time. It is published when it was signed, however late that is known.
    fn in_time(&mut self, mark: Mark, place: Place) {
        let (from, until) = (self.opened().request.not_before, self.opened().request.not_after);
        let is_early = mark != Mark::Submitted && place.at < from;
        let is_late = mark != Mark::Published && place.at > until;
        if is_early || is_late {
            self.fail(Failure::Window { mark, at: place.at, from, until });
        }
    }

    /// From the request to the attempt one policy is followed, with one word of the family of who stands in its rules, and the attempt is made
    /// before that one is over.
    fn policy_is_followed(&mut self) {
        let opened = self.opened();
        let family = &opened.request.family;
        let followed =
            |index| self.by().view.policy_of(family, index).is_some_and(|policy| policy.is(opened.policy));
        let attempt = self.attempted();
        let places = [self.submitted(), attempt].into_iter().flatten().map(|place| place.index);
        let mut asked: Vec<u64> = places.collect();
        // Who has not made the attempt makes it now.
        if attempt.is_none() && self.stage() == Stage::Signing {
            asked.push(self.by().view.head().size);
        }
        let first = asked.first().copied().unwrap_or_default();
        let broken: BTreeSet<u64> = asked
            .into_iter()
            .filter(|index| !followed(*index))
            .map(|index| self.by().view.left(family, opened.policy, first, index).unwrap_or(index))
            .collect();
        for index in broken {
            self.fail(Failure::PolicyNotFollowed { index });
        }
        let expired = opened.policy.document().expires;
        let at = attempt.map_or(self.now(), |place| place.at);
        if at > expired {
            self.fail(Failure::PolicyExpired { expired, at });
        }
        if attempt.is_none() && self.stage() == Stage::Signing {
            let at = self.now();
            let (from, until) = (opened.request.not_before, opened.request.not_after);
            if at < from || at > until {
                self.fail(Failure::Window { mark: Mark::Attempted, at, from, until });
            }
        }
    }

    /// Inv. 2: of one request, one result is published.
    fn is_published(&mut self) {
        let opened = self.opened();
        if self.stage() != Stage::Published {
            return;
        }
        match self.by().view.named(Mark::Published, &opened.id) {
            Some(published) if published != opened.bundle_id => {
                self.fail(Failure::BundleNotPublished { published });
            }
            _ => {}
        }
        let signatures = self.by().view.named(Mark::Signed, &opened.id);
        if signatures.is_some_and(|signatures| signatures != opened.bundle.signatures_id()) {
            self.fail(Failure::SignaturesNotLogged);
        }
    }
}
