//! What is wrong with the log as it is now, and what soon will be.

use std::collections::BTreeMap;

use super::super::approvals::NotCounted;
use super::super::catalogue::{Catalogue, Refused};
use super::super::evaluate::{self, Failure, Release};
use super::super::object::ObjectId;
use super::super::policy::{Ages, Freshness, Policy};
use super::super::speaker;
use super::super::view::LogView;
use super::Finding;
use crate::Timestamp;

/// Policies and keys that end within this are told, in seconds: 30 days. A succession takes people, and they are on holiday.
const ENDS_SOON: u64 = 30 * 86_400;
/// An emergency is told of when this part of its time is left.
const REVIEW_PARTS: u64 = 4;

/// What a log is looked at by.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'s> {
    /// The log.
    pub view: &'s LogView,
    /// Every release of it, weighed.
    pub catalogue: &'s Catalogue,
    /// When each witness was seen to cosign last, by the name of its key; since the monitor began for those that never were.
    pub cosigned: &'s BTreeMap<String, Timestamp>,
    /// The clock.
    pub now: Timestamp,
}

/// Everything that is not as it should be. What is over is not told any more.
#[must_use]
pub fn standing(by: &Standing<'_>) -> Vec<Finding> {
    let Some(policy) = by.view.policy() else { return Vec::new() };
    let mut findings = Vec::new();
    findings.extend(staleness(by.view.time(), policy.document().log.ages(), by.now));
    findings.extend(silent(policy, by));
    findings.extend(ending(policy, by.now));
    findings.extend(emergencies(by));
    findings.extend(by.view.recovery().map(|pending| Finding::RecoveryPending {
        policy: pending.policy().id(),
        index: pending.place().index,
        earliest: pending.earliest(),
    }));
    findings.extend(by.catalogue.refused().iter().filter_map(fell));
    findings
}

/// Whether a log that was seen then is too old now.
#[must_use]
pub fn staleness(seen: Timestamp, ages: Ages, now: Timestamp) -> Option<Finding> {
    match ages.freshness(seen, now) {
        Freshness::Fresh => None,
        Freshness::Stale => Some(Finding::ViewStale { seen }),
        Freshness::TooOld => Some(Finding::ViewTooOld { seen }),
    }
}

/// One witness fewer than there should be is no gap yet, and the next one is.
fn silent<'f>(policy: &'f Policy, by: &'f Standing<'_>) -> impl Iterator<Item = Finding> + 'f {
    let patience = policy.document().log.soft_age_seconds;
    let is_watched = |key: &str| key.split_once('+').map(|(name, _)| name.to_owned());
    let names = policy.document().log.witnesses.values().filter_map(move |witness| is_watched(&witness.key));
    names.filter_map(move |witness| {
        let since = *by.cosigned.get(&witness)?;
        let is_silent = by.now.unix().saturating_sub(since.unix()) > patience;
        is_silent.then_some(Finding::WitnessSilent { witness, since })
    })
}

fn ending(policy: &Policy, now: Timestamp) -> Vec<Finding> {
    let document = policy.document();
    let (version, at) = (document.version, document.expires);
    let is_soon = |at: Timestamp| now.plus(ENDS_SOON) > at;
    let mut findings = Vec::new();
    if now > at {
        findings.push(Finding::PolicyExpired { version, at });
    } else if is_soon(at) {
        findings.push(Finding::PolicyExpires { version, at });
    }
    let online = document.signing_keys.iter().filter(|(_, key)| key.family.is_some() && is_soon(key.until));
    findings
        .extend(online.map(|(name, key)| Finding::SigningKeyExpires { key: name.clone(), at: key.until }));
    findings
}

fn emergencies(by: &Standing<'_>) -> Vec<Finding> {
    let due = |release: &Release| {
        let evaluate::Standing::Provisional { until } = release.standing() else { return None };
        let began = release.emergency()?.submitted.at;
        let time = until.unix().saturating_sub(began.unix());
        let left = until.unix().saturating_sub(by.now.max(by.view.time()).unix());
        let is_due = left <= time.checked_div(REVIEW_PARTS).unwrap_or_default();
        is_due.then(|| Finding::EmergencyDue { request: release.id(), deadline: until })
    };
    let lapsed = |refused: &Refused| {
        // What was taken back needs no look.
        if refused.failures.iter().any(|failure| matches!(failure, Failure::Revoked(_))) {
            return None;
        }
        refused.failures.iter().find_map(|failure| match failure {
            Failure::Lapsed { deadline } => {
                Some(Finding::EmergencyLapsed { request: refused.request, deadline: *deadline })
            }
            _ => None,
        })
    };
    let lapsed = by.catalogue.refused().iter().filter_map(lapsed);
    by.catalogue.releases().filter_map(due).chain(lapsed).collect()
}

/// A release that has too few approvals, or no builder, now that a key does not count.
fn fell(refused: &Refused) -> Option<Finding> {
    let is_lost =
        |(_, why): &(ObjectId, NotCounted)| matches!(why, NotCounted::Speaker(speaker::Error::KeySuspended));
    let fell = refused.failures.iter().any(|failure| match failure {
        Failure::QuorumMissing { refused, .. } => refused.iter().any(is_lost),
        Failure::BuilderSuspended | Failure::Requester(speaker::Error::KeySuspended) => true,
        _ => false,
    });
    fell.then_some(Finding::ReleaseFell { request: refused.request })
}
