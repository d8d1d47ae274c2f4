//! Every fault of a policy, in a fixed order. A policy with one is followed by nobody.

mod keys;
mod managers;

use std::collections::{BTreeMap, BTreeSet};

use self::keys::Keys;
use super::super::quorum::Quorum;
use super::{
    Channel, Fault, Identity, KeyOf, Kind, LogRules, PolicyDocument, ProvenanceDemand, Purpose, SigningKey,
    Tier, Who,
};
use crate::Limits;
use crate::audit::checkpoint::LogIdentity;
use crate::audit::note::VerifierKey;
use crate::audit::witness::WitnessQuorum;
use crate::release::key::CanonicalKey;
use crate::release::{Name, Words};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// A request that waits longer is asked for anew.
const REQUEST_SECONDS: (u64, u64) = (60, 30 * DAY);
/// Whoever lets an emergency in looks at it within days.
const REVIEW_SECONDS: (u64, u64) = (HOUR, 14 * DAY);
/// A verifier that has not heard of the log for longer than this would not hear of a revocation, either.
const VIEW_SECONDS: (u64, u64) = (60, 90 * DAY);
/// What makes up for a weakness is looked at again at least once a year.
const CONTROL_SECONDS: (u64, u64) = (DAY, 366 * DAY);
/// Tiers in which two people must agree.
const PEOPLE: usize = 2;

/// The keys by themselves, and what is wrong.
pub(super) fn check(
    document: &PolicyDocument,
    limits: &Limits,
) -> (BTreeMap<CanonicalKey, KeyOf>, Vec<Fault>) {
    let mut check = Check { document, faults: Vec::new() };
    if (document.version == 1) != document.previous.is_none() || document.version == 0 {
        check.faults.push(Fault::FirstOrNot { version: document.version });
    }
    check.people(&Who::Root, &document.root, PEOPLE);
    if !document.root.survives_the_loss_of_anyone() {
        check.faults.push(Fault::RootFragile);
    }
    if let Some(recovery) = &document.recovery {
        check.people(&Who::Recovery, recovery, PEOPLE);
    }
    check.accounts();
    let mut keys = Keys::new(document, limits);
    keys.of_identities();
    keys.of_signing();
    keys.of_log();
    let (keys, faults) = keys.finish();
    check.faults.extend(faults);
    check.families();
    for (name, key) in &document.signing_keys {
        check.signing_key(name, key);
    }
    check.log(&document.log, limits);
    (keys, check.faults)
}

struct Check<'d> {
    document: &'d PolicyDocument,
    faults: Vec<Fault>,
}

impl Check<'_> {
    /// A quorum of people who can sign, of whom it takes at least so many.
    fn people(&mut self, who: &Who, quorum: &Quorum, least: usize) {
        for name in quorum.people() {
            self.identity(who, &name, &[Kind::Person]);
        }
        // A62: what one person can fill is no quorum of two.
        if quorum.least_people() < least {
            self.faults.push(Fault::OnePerson { who: who.clone(), least: quorum.least_people() });
        }
    }

    fn identity(&mut self, who: &Who, name: &Name, kinds: &[Kind]) -> Option<&Identity> {
        let (who, identity) = (who.clone(), name.clone());
        let Some(known) = self.document.identities.get(name) else {
            self.faults.push(Fault::Unknown { who, identity });
            return None;
        };
        if !kinds.contains(&known.kind) {
            self.faults.push(Fault::NotOfThisKind { who, identity });
        } else if known.keys.is_empty() {
            self.faults.push(Fault::KeyMissing { identity, who });
        }
        Some(known)
    }

    fn names(&mut self, who: &Who, names: &BTreeSet<Name>, kinds: &[Kind]) {
        if names.is_empty() {
            self.faults.push(Fault::Empty { who: who.clone() });
        }
        for name in names {
            self.identity(who, name, kinds);
        }
    }

    /// One account at a builder is one identity's.
    fn accounts(&mut self) {
        let mut owners: BTreeMap<&Words, &Name> = BTreeMap::new();
        for (name, identity) in &self.document.identities {
            for account in &identity.accounts {
                if let Some(other) = owners.insert(account, name) {
                    self.faults.push(Fault::AccountShared { one: other.clone(), other: name.clone() });
                }
            }
        }
    }

    fn families(&mut self) {
        let document = self.document;
        for (name, family) in &document.families {
            self.names(
                &Who::Requesters(name.clone()),
                &family.requesters,
                &[Kind::Person, Kind::Runner, Kind::Service],
            );
            self.names(&Who::Revokers(name.clone()), &family.revokers, &[Kind::Person]);
            if let Some(controls) = &family.controls {
                self.people(&Who::Controls(name.clone()), &controls.quorum, PEOPLE);
                self.duration(format!("a control of `{name}`"), controls.most_seconds, CONTROL_SECONDS);
            }
            self.managers(name, family);
            for (channel_name, channel) in &family.channels {
                self.channel(name, channel_name, channel);
            }
        }
    }

    fn channel(&mut self, family: &Name, name: &Name, channel: &Channel) {
        let (family_name, channel_name) = (family.clone(), name.clone());
        let wants_people = matches!(channel.tier, Tier::Production | Tier::Emergency);
        match &channel.approvals {
            Some(quorum) => {
                let least = if wants_people { PEOPLE } else { 1 };
                self.people(&Who::Approvals(family_name.clone(), channel_name.clone()), quorum, least);
            }
            None if wants_people => {
                self.faults.push(Fault::ApprovalsMissing {
                    family: family_name.clone(),
                    channel: channel_name.clone(),
                });
            }
            None => {}
        }
        self.duration(
            format!("channel `{name}` of `{family}`: a request waits"),
            channel.request_seconds,
            REQUEST_SECONDS,
        );
        self.presence(family, name, channel);
        self.provenance(family, name, channel);
        if channel.review.is_some() != (channel.tier == Tier::Emergency) {
            self.faults
                .push(Fault::ReviewOrNot { family: family_name.clone(), channel: channel_name.clone() });
        }
        if let Some(review) = &channel.review {
            self.people(&Who::Review(family_name.clone(), channel_name.clone()), &review.quorum, 1);
            self.duration(
                format!("channel `{name}` of `{family}`: a review"),
                review.within_seconds,
                REVIEW_SECONDS,
            );
        }
        let is_disjoint = |(_, witnesses): (LogIdentity, WitnessQuorum)| witnesses.overlap() == 0;
        if wants_people && self.document.log.read(&Limits::DEFAULT).is_ok_and(is_disjoint) {
            let (family, channel) = (family_name.clone(), channel_name.clone());
            self.faults.push(Fault::WitnessesDisjoint { family, channel });
        }
        if wants_people && !self.document.log.is_watched_from_outside() {
            self.faults.push(Fault::OutsideWitnessMissing { family: family_name, channel: channel_name });
        }
    }

    /// What nobody can prove, nobody is asked for.
    fn presence(&mut self, family: &Name, name: &Name, channel: &Channel) {
        let has_token = |identity: &Identity| identity.keys.iter().any(|key| key.key.starts_with("sk-"));
        let holders = self.document.identities.iter().filter(|(_, identity)| has_token(identity));
        let holders: BTreeSet<Name> = holders.map(|(name, _)| name.clone()).collect();
        let is_met = channel.approvals.as_ref().is_some_and(|quorum| quorum.is_met_by(&holders));
        if channel.presence.is_some() && !is_met {
            let (family, channel) = (family.clone(), name.clone());
            self.faults.push(Fault::PresenceUnreachable { family, channel });
        }
    }

    /// Only what is for trying things out may come from anywhere.
    fn provenance(&mut self, family: &Name, name: &Name, channel: &Channel) {
        let fault = |builders, independent| Fault::Provenance {
            family: family.clone(),
            channel: name.clone(),
            builders,
            independent,
        };
        match &channel.provenance {
            None if channel.tier == Tier::Dev => {}
            None => self.faults.push(fault(0, 1)),
            Some(demand) => {
                let ProvenanceDemand { builders, independent, on_behalf_of, .. } = demand;
                let is_possible = usize::try_from(*independent).is_ok_and(|needed| needed <= builders.len());
                if *independent == 0 || !is_possible {
                    self.faults.push(fault(builders.len(), *independent));
                }
                let wants_people = matches!(channel.tier, Tier::Production | Tier::Emergency);
                let who = || Who::Builders(family.clone(), name.clone());
                if demand.rule().is_none() {
                    self.faults.push(Fault::ParameterNotJson { who: who() });
                }
                if wants_people && on_behalf_of.is_none() {
                    self.faults.push(Fault::TriggerUnasked { who: who() });
                }
                for builder in builders.keys() {
                    self.identity(&Who::Builders(family.clone(), name.clone()), builder, &[Kind::Builder]);
                }
            }
        }
    }

    /// One family, one purpose, and a root that signs nothing else (A69).
    fn signing_key(&mut self, name: &Name, key: &SigningKey) {
        let fault = |because| Fault::SigningKey { key: name.clone(), because };
        match (&key.family, key.purpose) {
            (None, Purpose::Root) => {}
            (Some(_), Purpose::Root) => self.faults.push(fault("a root signs for no family")),
            (None, _) => self.faults.push(fault("its family is missing")),
            (Some(family), _) if !self.document.families.contains_key(family) => {
                self.faults.push(fault("there is no such family"));
            }
            (Some(_), _) => {}
        }
        let parent = key.parent.as_ref().map(|parent| self.document.signing_keys.get(parent));
        match (parent, key.purpose) {
            (Some(_), Purpose::Root) => self.faults.push(fault("a root has no parent")),
            (Some(parent), _) if parent.is_none_or(|parent| parent.purpose != Purpose::Root) => {
                self.faults.push(fault("its parent is no root"));
            }
            _ => {}
        }
        let is_other = |(other, of): (&Name, &SigningKey)| {
            other != name
                && of.family == key.family
                && of.purpose == key.purpose
                && of.from <= key.until
                && key.from <= of.until
        };
        if key.purpose != Purpose::Root && self.document.signing_keys.iter().any(is_other) {
            self.faults.push(fault("another key is for the same family and purpose at the same time"));
        }
    }

    fn log(&mut self, log: &LogRules, limits: &Limits) {
        if let Err(because) = log.read(limits) {
            self.faults.push(Fault::Log { because });
        }
        if log.continues.is_some() && self.document.version == 1 {
            self.faults.push(Fault::Log { because: "log_continues_nothing" });
        }
        self.duration("the log: a view counts in full".to_owned(), log.soft_age_seconds, VIEW_SECONDS);
        self.duration("the log: a view counts".to_owned(), log.hard_age_seconds, VIEW_SECONDS);
        if log.hard_age_seconds < log.soft_age_seconds {
            self.faults.push(Fault::Log { because: "log_hard_age_below_soft_age" });
        }
    }

    fn duration(&mut self, what: String, seconds: u64, (least, most): (u64, u64)) {
        if seconds < least || seconds > most {
            self.faults.push(Fault::Duration { what, seconds, least, most });
        }
    }
}

impl LogRules {
    /// The log and its witnesses, ready to verify with.
    ///
    /// # Errors
    /// The code of what is wrong.
    pub fn read(&self, limits: &Limits) -> Result<(LogIdentity, WitnessQuorum), &'static str> {
        let key = VerifierKey::parse(&self.key).map_err(|error| error.code())?;
        let log = LogIdentity::new(key).map_err(|error| error.code())?;
        let witnesses = self.witnesses.values().map(|witness| VerifierKey::parse(&witness.key));
        let witnesses = witnesses.collect::<Result<Vec<_>, _>>().map_err(|error| error.code())?;
        let threshold = usize::try_from(self.threshold).unwrap_or(usize::MAX);
        let quorum = WitnessQuorum::new(threshold, witnesses, limits).map_err(|error| error.code())?;
        Ok((log, quorum))
    }

    /// Whether somebody else than its operator is in each quorum of its witnesses.
    #[must_use]
    pub fn is_watched_from_outside(&self) -> bool {
        let own = self.witnesses.values().filter(|witness| !witness.outside).count();
        usize::try_from(self.threshold).is_ok_and(|threshold| own < threshold)
    }
}
