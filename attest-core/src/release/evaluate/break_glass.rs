//! What is let in without waiting is looked at afterwards, or it lapses at every verifier by itself.

use std::collections::BTreeSet;

use super::super::key::CanonicalKey;
use super::super::name::Name;
use super::super::object::{self, ObjectId};
use super::super::policy::Policy;
use super::super::quorum::Quorum;
use super::super::speaker::Hearing;
use super::super::statement::{ReviewStatement, Text};
use super::super::view::{Mark, Place};
use super::case::Case;
use super::{Emergency, Failure};
use crate::Timestamp;

impl Case<'_> {
    /// Inv. 11 and 12.
    pub(super) fn break_glass(&mut self, reviews: &[&[u8]], took_part: &BTreeSet<Name>) -> Option<Emergency> {
        let review = self.opened().channel.review.as_ref()?;
        // From the first word of it in the log, whoever said it.
        let submitted = self.place(Mark::Submitted)?;
        let deadline = submitted.at.plus(review.within_seconds);
        let confirmed = self.confirmed(&review.quorum, self.handed_in(reviews, deadline), took_part);
        if confirmed.is_none() && self.now() > deadline {
            self.fail(Failure::Lapsed { deadline });
        } else if confirmed.is_none() && !self.by().now.is_confirmed {
            self.fail(Failure::ClockUnconfirmed);
        }
        Some(Emergency { submitted, deadline, confirmed })
    }

    /// Reviews of what was out by then, in the order of the log: what is handed in later takes no earlier one's place.
    fn handed_in(&self, reviews: &[&[u8]], until: Timestamp) -> Vec<(Place, ReviewStatement)> {
        let Some(published) = self.published() else { return Vec::new() };
        let read = |bytes: &&[u8]| {
            let place = self.by().view.place(Mark::Reviewed, &ObjectId::of(bytes))?;
            let is_in_time = place.at <= until && place.index > published.index;
            let review = || object::read::<ReviewStatement>(bytes, self.by().limits).ok();
            is_in_time.then(review).flatten().map(|review| (place, review))
        };
        let mut all: Vec<_> = reviews.iter().filter_map(read).collect();
        all.sort_by_key(|(place, _)| *place);
        all
    }

    /// Where enough people had looked at it.
    fn confirmed(
        &self,
        quorum: &Quorum,
        reviews: Vec<(Place, ReviewStatement)>,
        took_part: &BTreeSet<Name>,
    ) -> Option<Place> {
        let (mut reviewers, mut asked) = (BTreeSet::new(), 0);
        for (place, review) in reviews {
            // Inv. 12: whoever took part does not look at it. And who says it again says nothing new.
            if took_part.contains(&review.by) || reviewers.contains(&review.by) {
                continue;
            }
            // Inv. 8: somebody may have left the reviewers since it was asked for, and counts no more from there on; what they said before does.
            let Some((policy, then)) = self.reviewers_at(place) else { continue };
            if ![quorum, then].iter().all(|one| one.people().contains(&review.by)) {
                continue;
            }
            // Nor do they by another name.
            let known = || took_part.iter().chain(&reviewers);
            if self.shares_a_key(&review.by, known, place) {
                continue;
            }
            if asked >= self.by().limits.release_statements {
                break;
            }
            asked = asked.saturating_add(1);
            if self.is_theirs(&review, policy, place) {
                reviewers.insert(review.by);
                if quorum.is_met_by(&reviewers) && then.is_met_by(&reviewers) {
                    return Some(place);
                }
            }
        }
        None
    }

    /// Whether one of these held a key that is or was this one's, by any policy before this place. A key is one person's, whatever they are called.
    fn shares_a_key<'n, N: Iterator<Item = &'n Name>>(
        &self,
        who: &Name,
        others: impl Fn() -> N,
        place: Place,
    ) -> bool {
        let view = self.by().view;
        let own: BTreeSet<&CanonicalKey> =
            view.keys_before(place.index).filter(|(_, name)| *name == who).map(|(key, _)| key).collect();
        let mut theirs =
            view.keys_before(place.index).filter(|(_, name)| others().any(|other| other == *name));
        theirs.any(|(key, _)| own.contains(key))
    }

    /// Who reviews where this stands in the log. Both they and those of the request's own policy have to have looked: people who came later were
    /// not named for what was let in before them, and none of those who left may confirm it in their stead. Where nobody is left who is both, it
    /// cannot be confirmed any more, and lapses: an emergency never stays without a look, and comes again as a request of its own.
    fn reviewers_at(&self, place: Place) -> Option<(&Policy, &Quorum)> {
        let request = &self.opened().request;
        let policy = self.by().view.policy_of(&request.family, place.index)?;
        let channel = policy.channel(&request.family, &request.channel)?;
        Some((policy, &channel.review.as_ref()?.quorum))
    }

    /// Whether this is the word of whoever it names, about this release. By the keys of when they say it.
    fn is_theirs(&self, review: &ReviewStatement, policy: &Policy, place: Place) -> bool {
        let (by, opened) = (self.by(), self.opened());
        let Some(text) = Text::review(review, self.described()) else { return false };
        let hearing = Hearing { policy, view: by.view, now: self.now(), limits: by.limits };
        review.request == opened.id && hearing.key(review, &text, place).is_ok()
    }
}
