//! Who asked, who built, and who approved.

use std::collections::BTreeSet;

use super::super::approvals::{Counted, Counting};
use super::super::built::Built;
use super::super::key::CanonicalKey;
use super::super::name::Name;
use super::super::policy::KeyOf;
use super::super::provenance::Builder;
use super::super::statement::Text;
use super::super::view::Place;
use super::Failure;
use super::case::Case;

impl Case<'_> {
    /// Asks who took part in which way. What comes back is everyone who did: none of them reviews.
    pub(super) fn people(&mut self) -> BTreeSet<Name> {
        let submitted = self.submitted();
        self.requester(submitted);
        let built = self.built(submitted);
        let mut took_part = built.as_ref().map(|built| built.triggers.clone()).unwrap_or_default();
        took_part.insert(self.opened().request.requester.clone());
        let counted = self.counted(&took_part, submitted);
        self.quorum(&counted);
        self.binding(&counted, built.as_ref());
        took_part.extend(counted.people.into_keys());
        took_part
    }

    /// The request is its requester's word, and they may ask for this family.
    fn requester(&mut self, submitted: Option<Place>) {
        let opened = self.opened();
        let (submission, by) = (&opened.submission, &opened.request.requester);
        if submission.by != *by {
            return self.fail(Failure::SubmissionMismatch);
        }
        if !opened.family.requesters.contains(by) {
            self.fail(Failure::NotRequester { by: by.clone() });
        }
        let Some(text) = Text::submission(submission, self.described()) else {
            return self.fail(Failure::SubmissionMismatch);
        };
        // That it is not in the log, the gate of order says.
        let Some(submitted) = submitted else { return };
        if let Err(error) = self.hearing().key(submission, &text, submitted) {
            self.fail(Failure::Requester(error));
        }
    }

    fn built(&mut self, submitted: Option<Place>) -> Option<Built> {
        let opened = self.opened();
        let demand = opened.channel.provenance.as_ref()?;
        let place = submitted?;
        // Inv. 8: a builder's key speaks like a person's, where the request stands.
        let (view, now) = (self.by().view, self.now());
        let counts = |key: &CanonicalKey, known: &KeyOf| {
            known.counts_at(place.at) && !view.is_suspended(key, place.index, now)
        };
        let limits = self.by().limits;
        let by = |builders: &[Builder]| {
            let envelopes = opened.bundle.provenance.iter().map(|envelope| envelope.0.as_slice());
            Built::of(opened.policy, demand, &opened.request, envelopes, builders, limits)
        };
        let built = by(&demand.builders(opened.policy, counts));
        // What is missed is told, and what it comes of: a release that counted, and does not now.
        let ever = demand.builders(opened.policy, |_, known| known.counts_at(place.at));
        let is_lost = !built.failures.is_empty() && by(&ever).failures.is_empty();
        for failure in &built.failures {
            self.fail(failure.clone().into());
        }
        if is_lost {
            self.fail(Failure::BuilderSuspended);
        }
        Some(built)
    }

    fn counted(&self, took_part: &BTreeSet<Name>, submitted: Option<Place>) -> Counted {
        let Some(submitted) = submitted else { return Counted::default() };
        let opened = self.opened();
        let counting = Counting {
            view: self.by().view,
            policy: opened.policy,
            request: self.described(),
            companions: &opened.companions,
            took_part,
            after: submitted.index,
            before: self.attempted().map(|place| place.index),
            now: self.now(),
            limits: self.by().limits,
        };
        counting.count(opened.bundle.approvals.iter().map(|approval| approval.0.as_slice()))
    }

    fn quorum(&mut self, counted: &Counted) {
        let people: BTreeSet<Name> = counted.people.keys().cloned().collect();
        let quorum = self.opened().channel.approvals.as_ref();
        if quorum.is_some_and(|quorum| !quorum.is_met_by(&people)) {
            let refused = counted.refused.clone();
            self.fail(Failure::QuorumMissing { got: people.len(), refused });
        }
        self.approved_by(people);
    }

    /// Inv. 17: where people are wanted, the measurements come out of the build, or a quorum computed them from the artifact.
    fn binding(&mut self, counted: &Counted, built: Option<&Built>) {
        let opened = self.opened();
        let Some(measurements) = opened.request.measurements.filter(|_| self.wants_people()) else { return };
        let is_made = built.is_some_and(|built| built.made(&measurements));
        let quorum = opened.channel.approvals.as_ref();
        let is_recomputed = quorum.is_some_and(|quorum| quorum.is_met_by(&counted.recomputed));
        if !is_made && !is_recomputed {
            self.fail(Failure::MeasurementUnbound);
        }
    }
}
