//! The releases of one family, ready for devices: found by what a device measured, the best first.

#[cfg(test)]
mod tests;

use core::cmp::Reverse;
use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use super::evaluate::{Failure, Now, Release, Standing};
use super::name::Name;
use super::object::ObjectId;
use super::policy::Tier;
use super::view::LogView;
use crate::authenticate::AuthenticEvidence;
use crate::reference::corim::NotAuthentic;
use crate::reference::{Candidates, ReferenceSet};
use crate::{Limits, Timestamp};

/// The tiers that a verifier takes golden values from. None is ever taken for a better one (inv. 16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedTiers(BTreeSet<Tier>);

impl Default for AcceptedTiers {
    /// Production, and emergencies, which lapse by themselves.
    fn default() -> Self {
        Self([Tier::Production, Tier::Emergency].into())
    }
}

impl FromIterator<Tier> for AcceptedTiers {
    fn from_iter<I: IntoIterator<Item = Tier>>(tiers: I) -> Self {
        Self(tiers.into_iter().collect())
    }
}

impl AcceptedTiers {
    /// Whether values of this tier are taken.
    #[must_use]
    pub fn has(&self, tier: Tier) -> bool {
        self.0.contains(&tier)
    }
}

/// The releases of one family with golden values.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The best first: those that count, of the best accepted tier, the newest; then those that are not accepted; then those that counted
    /// once.
    offers: Vec<Offer>,
    candidates: Candidates,
}

/// A release that a device may have booted.
#[derive(Clone, Debug)]
pub struct Offer {
    release: Release,
    reference: ReferenceSet,
    is_accepted: bool,
    withdrawn: Option<NotNow>,
}

/// Why a release does not count now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNow {
    /// A stable code.
    pub code: &'static str,
    /// The same in words.
    pub detail: String,
}

impl From<&Failure> for NotNow {
    fn from(failure: &Failure) -> Self {
        Self { code: failure.code(), detail: failure.to_string() }
    }
}

impl Choice {
    /// The releases of this family that a catalogue has.
    #[must_use]
    pub fn new(family: &Name, catalogue: &Catalogue, accepted: &AcceptedTiers) -> Self {
        let counting = catalogue.family(family).iter().map(|release| (release, None));
        let withdrawn = catalogue.withdrawn(family).iter();
        let withdrawn = withdrawn
            .map(|(release, failures)| (release, Some(failures.first().map_or_else(over, NotNow::from))));
        let offer = |(release, withdrawn): (&Release, Option<NotNow>)| {
            let reference = release.reference()?.clone();
            let is_accepted = accepted.has(release.tier());
            Some(Offer { release: release.clone(), reference, is_accepted, withdrawn })
        };
        let mut offers: Vec<Offer> = counting.chain(withdrawn).filter_map(offer).collect();
        offers.sort_by_key(|offer| {
            let release = &offer.release;
            let rank = (offer.withdrawn.is_some(), !offer.is_accepted, Reverse(release.tier()));
            (rank, Reverse(release.published()))
        });
        Self::of(offers)
    }

    fn of(offers: Vec<Offer>) -> Self {
        let candidates = Candidates::new(offers.iter().map(|offer| &offer.reference));
        Self { offers, candidates }
    }

    /// Of these releases those that were offered before and counted, and what does not count any more: something is taken away by that, and
    /// nothing added.
    #[must_use]
    pub fn within(self, before: &Self) -> Self {
        let counted = before.offers.iter().filter(|offer| offer.withdrawn.is_none());
        let counted: BTreeSet<ObjectId> = counted.map(|offer| offer.release.id()).collect();
        let stays = |offer: &Offer| offer.withdrawn.is_some() || counted.contains(&offer.release.id());
        Self::of(self.offers.into_iter().filter(stays).collect())
    }

    /// All of them, the best first.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// Those whose values a boot has, the best first, and those that do not count now last. As many as are worth judging by, and whether
    /// there are more.
    #[must_use]
    pub fn explaining(
        &self,
        evidence: &AuthenticEvidence<'_>,
        view: &LogView,
        now: Now,
    ) -> (Vec<&Offer>, bool) {
        let mut found = self.candidates.find(evidence).filter_map(|at| self.offers.get(at));
        let mut first: Vec<&Offer> = found.by_ref().take(Limits::DEFAULT.judged_releases).collect();
        first.sort_by_key(|offer| offer.not_now(view, now).is_some());
        (first, found.next().is_some())
    }

    /// The one that a boot is held against that none of them explains.
    #[must_use]
    pub fn best(&self, view: &LogView, now: Now) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.not_now(view, now).is_none()).or_else(|| self.offers.first())
    }
}

/// A release that is not in force, and nobody says why.
fn over() -> NotNow {
    NotNow { code: "release_withdrawn", detail: "it does not count".to_owned() }
}

impl Offer {
    /// The release.
    #[must_use]
    pub const fn release(&self) -> &Release {
        &self.release
    }

    /// Its golden values.
    #[must_use]
    pub const fn reference(&self) -> &ReferenceSet {
        &self.reference
    }

    /// Whether its tier is accepted.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// Why it does not count now, if it does not. It was weighed a while ago: by now it may have been revoked in a newer view, an emergency
    /// may have lapsed, and its time may be over, without a word from anybody.
    #[must_use]
    pub fn not_now(&self, view: &LogView, now: Now) -> Option<NotNow> {
        let time = now.clock.max(view.time());
        let failure = if let Some(withdrawn) = view.revoked(&self.release.id()) {
            Failure::Revoked(withdrawn.clone())
        } else if let Some(withdrawn) = &self.withdrawn {
            return Some(withdrawn.clone());
        } else {
            match self.release.standing() {
                Standing::Provisional { until } if time > until => Failure::Lapsed { deadline: until },
                Standing::Provisional { .. } if !now.is_confirmed => Failure::ClockUnconfirmed,
                _ => {
                    let until = self.release.valid_until().filter(|until| time > *until)?;
                    Failure::Corim(NotAuthentic::Expired { until })
                }
            }
        };
        Some(NotNow::from(&failure))
    }

    /// When the release lapses by itself, as far as is known.
    #[must_use]
    pub fn lapses(&self) -> Option<Timestamp> {
        let until = match self.release.standing() {
            Standing::Provisional { until } => Some(until),
            Standing::Full => None,
        };
        until.into_iter().chain(self.release.valid_until()).min()
    }
}
