//! What each leaf does to a view.

use std::sync::Arc;

use super::grown::Grown;
use super::{Changed, Error, Ledger, LogView, Mark, ObjectId, Objects, PassedOver, Place};
use crate::Limits;
use crate::audit::tree::Hash;
use crate::release::leaf::{Event, Leaf};
use crate::release::object;
use crate::release::policy::{Continues, LogRules, Policy};
use crate::release::speaker::Hearing;
use crate::release::statement::{Succession, Text};

impl LogView {
    /// Replays a log from its first leaf to the checkpoint, which must be of exactly these leaves.
    ///
    /// `authority` is the id of the first policy, pinned out of band. `objects` has every policy and revocation that the log names, with the
    /// statements of those who wanted them, and the requests that are revoked.
    ///
    /// # Errors
    /// [`Error`].
    pub fn replay<'e>(
        authority: ObjectId,
        entries: impl IntoIterator<Item = &'e [u8]>,
        objects: &dyn Objects,
        checkpoint: &[u8],
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut ledger = Ledger::new(authority);
        entries.into_iter().try_for_each(|entry| ledger.write(entry, objects, limits))?;
        ledger.witnessed(checkpoint, limits)
    }
}

/// One leaf more.
pub(super) struct Replay<'o> {
    pub(super) objects: &'o dyn Objects,
    pub(super) limits: &'o Limits,
    pub(super) view: &'o mut LogView,
    pub(super) last: &'o mut Place,
    /// The tree of the leaves before.
    pub(super) tree: &'o Grown,
}

/// A policy that would follow the one that is followed, with the statements of those who want it.
pub(super) struct Next {
    pub(super) policy: Policy,
    /// The changes of families that it carries on.
    pub(super) carried: Vec<Changed>,
    pub(super) statements: Vec<Vec<u8>>,
}

impl Replay<'_> {
    pub(super) fn leaf(&mut self, index: u64, entry: &[u8]) -> Result<(), Error> {
        let leaf: Leaf = object::read(entry, self.limits).map_err(|error| Error::Leaf { index, error })?;
        if leaf.at < self.last.at {
            return Err(Error::TimeBackwards { index, at: leaf.at });
        }
        let place = Place { index, at: leaf.at };
        *self.last = place;
        if index == 0 {
            return self.first(place, &leaf.event);
        }
        match leaf.event {
            Event::Policy { policy, successions } => self.succession(place, policy, &successions)?,
            Event::Recovery { policy, recoveries } => self.recovery(place, policy, &recoveries)?,
            Event::Recovered { policy, checkpoint } => self.recovered(place, policy, checkpoint)?,
            Event::Compensated { control, statements } => self.control(place, control, &statements)?,
            Event::FamilyChanged { change, statements } => self.family_change(place, change, &statements)?,
            Event::Objected { objection } => self.objection(place, objection)?,
            Event::Revoked { revocation } => self.revocation(place, revocation)?,
            Event::Approved { approval, .. } => self.mark(Mark::Approved, approval, place, approval),
            Event::Attempted { request } => self.mark(Mark::Attempted, request, place, request),
            Event::Published { request, bundle } => self.mark(Mark::Published, request, place, bundle),
            Event::Reviewed { review, request } => self.mark(Mark::Reviewed, review, place, request),
            Event::Signed { request, signatures } => self.mark(Mark::Signed, request, place, signatures),
            Event::Submitted { submission, request } => {
                self.mark(Mark::Submitted, submission, place, submission);
                self.mark(Mark::Submitted, request, place, submission);
            }
            Event::Denied { .. } => {}
        }
        Ok(())
    }

    /// The first place counts: what is written down again is not later for that.
    fn mark(&mut self, mark: Mark, id: ObjectId, place: Place, named: ObjectId) {
        Arc::make_mut(&mut self.view.places).entry((mark, id)).or_insert((place, named));
    }

    /// From here on this policy is followed, with the changes of families that it carries on.
    pub(super) fn follow(&mut self, place: Place, policy: Policy, carried: Vec<Changed>) {
        for changed in carried {
            let family = changed.change().family.clone();
            self.view.families.entry(family).or_default().push(Arc::new(changed));
        }
        self.view.lose(&policy);
        self.view.policies.push((place.index, policy));
        // What was wanted in the place of the one before is wanted no longer.
        self.view.recovery = None;
    }

    pub(super) fn pass_over(&mut self, place: Place, because: &'static str) {
        self.view.passed_over.push(PassedOver { index: place.index, because });
    }

    /// The object with this id, whoever keeps it.
    pub(super) fn object(&self, place: Place, id: ObjectId) -> Result<&[u8], Error> {
        let bytes = self.objects.object(&id).filter(|bytes| ObjectId::of(bytes) == id);
        bytes.ok_or(Error::ObjectMissing { index: place.index, id })
    }

    /// What is pinned is the first policy, and needs no other word.
    fn first(&mut self, place: Place, event: &Event) -> Result<(), Error> {
        let pinned = self.view.authority;
        let first = || Error::FirstLeaf { pinned };
        let Event::Policy { policy, .. } = event else { return Err(first()) };
        if *policy != pinned {
            return Err(first());
        }
        let policy = Policy::parse(self.object(place, *policy)?, self.limits).map_err(|_| first())?;
        if policy.document().version != 1 {
            return Err(first());
        }
        self.follow(place, policy, Vec::new());
        Ok(())
    }

    /// The policy of a leaf with the statements of those who want it, if it can be read and follows the one that is followed.
    pub(super) fn next(
        &mut self,
        place: Place,
        id: ObjectId,
        statements: &[ObjectId],
    ) -> Result<Option<Next>, Error> {
        let next = match Policy::parse(self.object(place, id)?, self.limits) {
            Ok(next) => next,
            Err(error) => {
                self.pass_over(place, error.code());
                return Ok(None);
            }
        };
        let statements = statements.iter().map(|id| self.object(place, *id).map(<[u8]>::to_vec));
        let statements = statements.collect::<Result<Vec<_>, _>>()?;
        let Some(now) = self.view.policy() else { return Ok(None) };
        let follows = next.document().previous == Some(now.id())
            && Some(next.document().version) == now.document().version.checked_add(1);
        if !follows {
            self.pass_over(place, "succession_does_not_follow");
            return Ok(None);
        }
        if !self.goes_on(now, &next) {
            self.pass_over(place, "succession_other_log");
            return Ok(None);
        }
        match self.carried(place, &next) {
            Ok(carried) => Ok(Some(Next { policy: next, carried, statements })),
            Err(because) => {
                self.pass_over(place, because);
                Ok(None)
            }
        }
    }

    /// Whether the log that `next` names is this one, or one that goes on from leaves that were replayed here.
    fn goes_on(&self, now: &Policy, next: &Policy) -> bool {
        let (now, next) = (&now.document().log, &next.document().log);
        let log = |rules: &LogRules| rules.read(self.limits).map(|(log, _)| log);
        if log(now) == log(next) {
            return now.continues == next.continues;
        }
        let Some(Continues { size, root }) = &next.continues else { return false };
        let head = self.tree.head_at(*size, self.limits).map(|head| head.root);
        let root = <[u8; Hash::SIZE]>::try_from(root.0.as_slice()).ok().map(Hash::from_bytes);
        *size > 0 && head.is_some() && head == root
    }

    /// A policy follows another one if the root quorums of both want it.
    fn succession(&mut self, place: Place, id: ObjectId, successions: &[ObjectId]) -> Result<(), Error> {
        let Some(Next { policy: next, carried, statements }) = self.next(place, id, successions)? else {
            return Ok(());
        };
        let Some(now) = self.view.policy() else { return Ok(()) };
        let wanted = |policy: &Policy| self.wanted(place, policy, &next, &statements);
        if !wanted(now) || !wanted(&next) {
            self.pass_over(place, "succession_quorum_not_met");
        } else {
            self.follow(place, next, carried);
        }
        Ok(())
    }

    /// Whether the root quorum of `policy`, by its own keys, wants `next`. Inv. 10: who is in it changes by succession alone, so that nobody who
    /// suspends their keys keeps a root from putting somebody else in his place.
    fn wanted(&self, place: Place, policy: &Policy, next: &Policy, statements: &[Vec<u8>]) -> bool {
        let hearing = Hearing { policy, view: self.view, now: place.at, limits: self.limits };
        let text =
            |said: &Succession| (said.policy == next.id()).then(|| Text::succession(said, next.document()));
        let people = hearing.people(statements, place, text, Hearing::voice);
        policy.document().root.is_met_by(&people.into_keys().collect())
    }
}
