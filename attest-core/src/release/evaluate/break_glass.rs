//! What is let in without waiting is looked at afterwards, or it lapses at every verifier by itself.

use std::collections::BTreeSet;

use super::super::name::Name;
use super::super::object::{self, ObjectId};
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
        let mut looked: Vec<(Place, Name)> = Vec::new();
        let most = self.by().limits.release_statements;
        for bytes in reviews.iter().take(most) {
            looked.extend(self.reviewer(bytes, deadline, took_part));
        }
        looked.sort();
        let mut reviewers = BTreeSet::new();
        let confirmed = looked.into_iter().find_map(|(place, name)| {
            reviewers.insert(name);
            review.quorum.is_met_by(&reviewers).then_some(place)
        });
        if confirmed.is_none() && self.now() > deadline {
            self.fail(Failure::Lapsed { deadline });
        } else if confirmed.is_none() && !self.by().now.is_confirmed {
            self.fail(Failure::ClockUnconfirmed);
        }
        Some(Emergency { submitted, deadline, confirmed })
    }

    /// Whose word this review is, if it counts.
    fn reviewer(&self, bytes: &[u8], until: Timestamp, took_part: &BTreeSet<Name>) -> Option<(Place, Name)> {
        let (by, opened) = (self.by(), self.opened());
        let review: ReviewStatement = object::read(bytes, by.limits).ok()?;
        let place = by.view.place(Mark::Reviewed, &ObjectId::of(bytes))?;
        let published = self.published()?;
        if place.at > until || place.index <= published.index {
            return None;
        }
        // Inv. 12: whoever took part does not look at it.
        if took_part.contains(&review.by) {
            return None;
        }
        // Whoever may speak when they do: somebody may have left since the request.
        let policy = by.view.policy_at(place.index)?;
        let text = Text::review(&review, self.described())?;
        let hearing = Hearing { policy, view: by.view, now: self.now(), limits: by.limits };
        let is_theirs = hearing.key(&review, &text, place).is_ok();
        (is_theirs && review.request == opened.id).then_some((place, review.by))
    }
}
