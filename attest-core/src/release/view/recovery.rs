//! What the recovery quorum wants: a policy that waits for seven days, in which each root member may object.
//!
//! The days are counted from when a quorum of witnesses had seen that it is wanted, so neither the log's clock nor a single witness begins them
//! earlier, to when it takes effect, by a leaf that is not after the witnesses' time either.

use std::collections::BTreeSet;

use super::replay::{Next, Replay};
use super::{Error, ObjectId, Place};
use crate::Timestamp;
use crate::audit::checkpoint::SignedCheckpoint;
use crate::audit::witness::WitnessedCheckpoint;
use crate::release::Name;
use crate::release::object;
use crate::release::policy::Policy;
use crate::release::quorum::Quorum;
use crate::release::speaker::Hearing;
use crate::release::statement::{Objection, Recovery, Text};

/// How long a policy waits that the recovery quorum wants, in seconds: 7 days.
const WAIT: u64 = 7 * 86_400;

/// A policy that waits.
#[derive(Clone, Debug)]
pub struct Pending {
    policy: Policy,
    place: Place,
    statements: Vec<Vec<u8>>,
}

impl Pending {
    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where it stands that it is wanted.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Before then it does not take effect; later, where witnesses saw it later.
    #[must_use]
    pub const fn earliest(&self) -> Timestamp {
        self.place.at.plus(WAIT)
    }
}

impl Replay<'_> {
    /// The recovery quorum wants a policy, and those agree who are the root by it.
    pub(super) fn recovery(
        &mut self,
        place: Place,
        id: ObjectId,
        recoveries: &[ObjectId],
    ) -> Result<(), Error> {
        let Some(Next { policy, statements, .. }) = self.next(place, id, recoveries)? else { return Ok(()) };
        let is_pending = self.view.recovery.as_ref().is_some_and(|pending| pending.policy.id() == id);
        if self.view.objected.contains(&id) {
            self.pass_over(place, "recovery_objected");
        } else if is_pending {
            // Its time goes on, and does not begin again.
            self.pass_over(place, "recovery_pending");
        } else if !self.is_recovery(place, place.at, &policy, &statements) {
            self.pass_over(place, "recovery_quorum_not_met");
        } else {
            // What was wanted before is not wanted any more, and its time is not this one's.
            self.view.recovery = Some(Pending { policy, place, statements });
        }
        Ok(())
    }

    /// Whether the recovery quorum of the policy that is followed wants `next`, and the root quorum that `next` names. As known at `now` of
    /// what stands at `place`.
    fn is_recovery(&self, place: Place, now: Timestamp, next: &Policy, statements: &[Vec<u8>]) -> bool {
        let Some(followed) = self.view.policy() else { return false };
        let text = |said: &Recovery| {
            let is_about_it = said.authority == self.view.authority && said.policy == next.id();
            is_about_it.then(|| Text::recovery(said, next.document()))
        };
        let people = |policy: &Policy| -> BTreeSet<Name> {
            let hearing = Hearing { policy, view: self.view, now, limits: self.limits };
            hearing.people(statements, place, text, Hearing::key).into_keys().collect()
        };
        let recovery: Option<&Quorum> = followed.document().recovery.as_ref();
        recovery.is_some_and(|quorum| quorum.is_met_by(&people(followed)))
            && next.document().root.is_met_by(&people(next))
    }

    /// What the recovery quorum wants takes effect: it waited, nobody objected, and those who want it still count.
    pub(super) fn recovered(
        &mut self,
        place: Place,
        id: ObjectId,
        checkpoint: ObjectId,
    ) -> Result<(), Error> {
        let note = self.object(place, checkpoint)?;
        let pending = self.view.recovery.as_ref().filter(|pending| pending.policy.id() == id);
        let Some(pending) = pending else {
            self.pass_over(place, "recovery_not_pending");
            return Ok(());
        };
        let Some(seen_by) = self.seen_by(pending, note) else {
            self.pass_over(place, "recovery_not_witnessed");
            return Ok(());
        };
        if place.at < seen_by.max(pending.place.at).plus(WAIT) {
            self.pass_over(place, "recovery_too_early");
        } else if !self.is_recovery(pending.place, place.at, &pending.policy, &pending.statements) {
            self.pass_over(place, "recovery_quorum_not_met");
        } else {
            let policy = pending.policy.clone();
            match self.carried(place, &policy) {
                Ok(carried) => self.follow(place, policy, carried),
                Err(because) => self.pass_over(place, because),
            }
        }
        Ok(())
    }

    /// By when the witnesses of the policy that is followed had seen that this is wanted, by this note.
    fn seen_by(&self, pending: &Pending, note: &[u8]) -> Option<Timestamp> {
        let (log, quorum) = self.view.policy()?.document().log.read(self.limits).ok()?;
        let signed = SignedCheckpoint::verify(note, &log, self.limits).ok()?;
        let witnessed = WitnessedCheckpoint::verify(signed, &quorum).ok()?;
        let head = *witnessed.head();
        let is_of_this = self.tree.head_at(head.size, self.limits) == Some(head);
        (is_of_this && head.size > pending.place.index).then_some(witnessed.seen_by())
    }

    /// One root member is enough.
    pub(super) fn objection(&mut self, place: Place, id: ObjectId) -> Result<(), Error> {
        let objection: Objection = match object::read(self.object(place, id)?, self.limits) {
            Ok(objection) => objection,
            Err(error) => {
                self.pass_over(place, error.code());
                return Ok(());
            }
        };
        let pending = self.view.recovery.as_ref().map(|pending| pending.policy.id());
        if pending != Some(objection.policy) {
            self.pass_over(place, "objection_to_nothing");
            return Ok(());
        }
        let counts = self.view.policy().is_some_and(|policy| {
            let hearing = Hearing { policy, view: self.view, now: place.at, limits: self.limits };
            let is_of_the_root = policy.document().root.people().contains(&objection.by);
            let text = Text::objection(&objection);
            let is_signed = || hearing.voice(&objection, &text, place).is_ok();
            objection.authority == self.view.authority && is_of_the_root && is_signed()
        });
        if counts {
            self.view.objected.insert(objection.policy);
            self.view.recovery = None;
        } else {
            self.pass_over(place, "objection_does_not_count");
        }
        Ok(())
    }
}
