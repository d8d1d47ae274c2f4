//! A bundle taken apart, and what all gates ask of it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::bundle::Bundle;
use super::super::name::Name;
use super::super::object::{self, ObjectId};
use super::super::policy::{Channel, Family, Freshness, Policy, Tier};
use super::super::request::{Kind, Request};
use super::super::speaker::Hearing;
use super::super::statement::{Described, Submission};
use super::super::view::{Mark, Place};
use super::{Failure, Weighing, version};
use crate::Timestamp;

/// How far a release has come when it is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is to be signed.
    Signing,
    /// It is out.
    Published,
}

/// What could be read, with the policy that it is made under.
pub(super) struct Opened<'b> {
    pub(super) bundle: Bundle,
    pub(super) bundle_id: ObjectId,
    pub(super) request: Request,
    pub(super) id: ObjectId,
    pub(super) submission: Submission,
    pub(super) submission_id: ObjectId,
    pub(super) companions: BTreeMap<ObjectId, Request>,
    pub(super) policy: &'b Policy,
    pub(super) family: &'b Family,
    pub(super) channel: &'b Channel,
}

/// One release before its gates.
pub(super) struct Case<'c> {
    opened: &'c Opened<'c>,
    by: &'c Weighing<'c>,
    stage: Stage,
    /// Their clock, or the witnesses', whichever is later.
    now: Timestamp,
    approvers: BTreeSet<Name>,
    failures: Vec<Failure>,
}

/// Takes a bundle apart. What falls short here leaves the other gates nothing to ask about.
pub(super) fn open<'b>(bytes: &[u8], by: &Weighing<'b>) -> Result<Opened<'b>, Vec<Failure>> {
    let one = |failure| vec![failure];
    let bundle: Bundle = object::read(bytes, by.limits).map_err(Failure::Bundle).map_err(one)?;
    let counts = [
        ("approvals", bundle.approvals.len()),
        ("companions", bundle.companions.len()),
        ("statements of provenance", bundle.provenance.len()),
        ("signatures", bundle.signatures.len()),
    ];
    let most = by.limits.release_statements;
    if let Some((what, count)) = counts.into_iter().find(|(_, count)| *count > most) {
        return Err(one(Failure::TooMany { what, count, most }));
    }
    let request = Request::parse(&bundle.request.0, by.limits).map_err(Failure::from).map_err(one)?;
    let submission: Submission =
        object::read(&bundle.submission.0, by.limits).map_err(Failure::Bundle).map_err(one)?;
    let parsed =
        |bytes: &object::Blob| Some((ObjectId::of(&bytes.0), Request::parse(&bytes.0, by.limits).ok()?));
    let submission_id = ObjectId::of(&bundle.submission.0);
    let (policy, family, channel) = place(&request, submission_id, by)?;
    Ok(Opened {
        id: ObjectId::of(&bundle.request.0),
        submission_id,
        // One that cannot be read is missing where an approval names it.
        companions: bundle.companions.iter().filter_map(parsed).collect(),
        bundle_id: ObjectId::of(bytes),
        bundle,
        request,
        submission,
        policy,
        family,
        channel,
    })
}

/// Under which policy it is made, for which family, by which channel; with the family's people as they were when it was asked for.
fn place<'b>(
    request: &Request,
    submission: ObjectId,
    by: &Weighing<'b>,
) -> Result<(&'b Policy, &'b Family, &'b Channel), Vec<Failure>> {
    let pinned = by.view.authority();
    if request.authority != pinned {
        return Err(vec![Failure::AuthorityMismatch { got: request.authority, pinned }]);
    }
    let policy = by.view.policy_named(&request.policy);
    let policy = policy.ok_or_else(|| vec![Failure::PolicyUnknown { policy: request.policy }])?;
    // One that is not in the log falls short of the gate of order.
    let submitted = by.view.place(Mark::Submitted, &submission);
    let own = submitted.and_then(|place| by.view.policy_of(&request.family, place.index));
    let policy = own.filter(|own| own.id() == policy.id()).unwrap_or(policy);
    let family = policy.family(&request.family);
    let family = family.ok_or_else(|| vec![Failure::FamilyUnknown { family: request.family.clone() }])?;
    let (family_name, channel_name) = (request.family.clone(), request.channel.clone());
    let unknown = || vec![Failure::ChannelUnknown { family: family_name, channel: channel_name }];
    Ok((policy, family, family.channels.get(&request.channel).ok_or_else(unknown)?))
}

impl<'c> Case<'c> {
    pub(super) fn new(opened: &'c Opened<'c>, by: &'c Weighing<'c>, stage: Stage) -> Self {
        let now = by.now.clock.max(by.view.time());
        Self { opened, by, stage, now, approvers: BTreeSet::new(), failures: Vec::new() }
    }

    pub(super) const fn opened(&self) -> &'c Opened<'c> {
        self.opened
    }

    pub(super) const fn by(&self) -> &'c Weighing<'c> {
        self.by
    }

    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// In the order of the gates.
    pub(super) fn failures(mut self) -> Vec<Failure> {
        self.failures.sort_by_key(Failure::gate);
        self.failures
    }

    pub(super) const fn approvers(&self) -> &BTreeSet<Name> {
        &self.approvers
    }

    pub(super) fn approved_by(&mut self, people: BTreeSet<Name>) {
        self.approvers = people;
    }

    pub(super) fn described(&self) -> Described<'c> {
        Described { id: self.opened.id, request: &self.opened.request }
    }

    pub(super) fn hearing(&self) -> Hearing<'c> {
        let Weighing { view, limits, .. } = *self.by;
        Hearing { policy: self.opened.policy, view, now: self.now, limits }
    }

    /// Where this was said of the request first.
    pub(super) fn place(&self, mark: Mark) -> Option<Place> {
        self.by.view.place(mark, &self.opened.id)
    }

    pub(super) fn attempted(&self) -> Option<Place> {
        self.place(Mark::Attempted)
    }

    pub(super) fn published(&self) -> Option<Place> {
        self.place(Mark::Published)
    }

    /// Where this bundle's submission was handed in; the request may have another one that stands before it.
    pub(super) fn submitted(&self) -> Option<Place> {
        let said = self.by.view.place(Mark::Submitted, &self.opened.submission_id)?;
        // Inv. 11: the log's keeper writes the leaf, and may name another request in it, so that this one was never asked for and its time
        // never begins, or begins late.
        self.place(Mark::Submitted).filter(|own| own.index <= said.index).map(|_| said)
    }

    /// The family in the policy that is followed now.
    pub(super) fn current_family(&self) -> Option<&'c Family> {
        self.by.view.policy()?.family(&self.opened.request.family)
    }

    /// Whether the channel wants people, and so everything else that makes values worth trusting in production.
    pub(super) fn wants_people(&self) -> bool {
        matches!(self.opened.channel.tier, Tier::Production | Tier::Emergency)
    }

    /// What kind of request comes which way, and for how long.
    pub(super) fn request(&mut self) {
        let (request, channel) = (&self.opened.request, self.opened.channel);
        let (kind, tier) = (request.kind, channel.tier);
        if !kind.comes_by(tier) {
            self.fail(Failure::KindUnfit { kind, tier });
        }
        let seconds = request.not_after.unix().saturating_sub(request.not_before.unix());
        let most = channel.request_seconds;
        if seconds > most {
            self.fail(Failure::WindowTooLong { seconds, most });
        }
        // What the family was called then means nothing if there is none now.
        if self.current_family().is_none() {
            self.fail(Failure::FamilyUnknown { family: request.family.clone() });
        }
        if let Some(withdrawn) = self.by.view.revoked(&self.opened.id) {
            self.fail(Failure::Revoked(withdrawn.clone()));
        }
    }

    /// A log that is known up to long ago may have a revocation in it by now.
    pub(super) fn freshness(&mut self) {
        if self.by.view.freshness(self.now) == Freshness::TooOld {
            self.fail(Failure::ViewStale { seen: self.by.view.time(), now: self.now });
        }
    }

    /// Inv. 9: not below what the family has reached, but for what people named. What fell below the floor where it was published was no release
    /// there, and no reset makes one of it.
    pub(super) fn version(&mut self) {
        let Some(family) = self.current_family() else { return };
        let (got, kind) = (self.opened.request.security_version, self.opened.request.kind);
        let now = self.by.floors.reached(&self.opened.request.family).max(family.version_floor);
        let floor = self.floor_then().map_or(now, |then| then.max(now));
        if let Some(fall) = version::fall(got, floor, kind) {
            self.fail(fall);
        }
    }

    /// The family's floor where this was published.
    fn floor_then(&self) -> Option<u64> {
        let name = &self.opened.request.family;
        let index = self.published().filter(|_| self.stage == Stage::Published)?.index;
        let family = self.by.view.policy_of(name, index)?.family(name)?;
        Some(family.version_floor.max(self.by.floors.reached_before(name, index)))
    }

    /// Inv. 9: what it takes the place of was a release of this family when it was asked for. A rollback says of which one.
    pub(super) fn replaces(&mut self) {
        let request = &self.opened.request;
        let Some(replaces) = request.replaces else {
            if request.kind == Kind::Rollback {
                self.fail(Failure::ReplacesNothing);
            }
            return;
        };
        let index = self.submitted().map_or(u64::MAX, |place| place.index);
        if !self.by.floors.was_released(&replaces, &request.family, index) {
            self.fail(Failure::ReplacesNoRelease { replaces });
        }
    }

    /// Inv. 9: no leap above what the family had reached where it was published, by the rules that it was asked for under. Whatever comes later,
    /// nobody who replays the log finds another measure.
    pub(super) fn step(&mut self) {
        let (request, family) = (&self.opened.request, self.opened.family);
        let published = self.published().filter(|_| self.stage == Stage::Published);
        let index = published.map_or(u64::MAX, |place| place.index);
        let reached = self.by.floors.reached_before(&request.family, index);
        let floor = reached.max(family.version_floor);
        if let Some(leap) = version::leap(request.security_version, floor, family.version_step) {
            self.fail(leap);
        }
    }
}
