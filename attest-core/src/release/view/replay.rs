//! What each leaf does to a view.

use std::collections::BTreeSet;

use super::grown::Grown;
use super::{Error, Ledger, LogView, Mark, ObjectId, Objects, PassedOver, Place, Suspension, Withdrawn};
use crate::audit::tree::Hash;
use crate::release::Name;
use crate::release::leaf::{Event, Leaf};
use crate::release::object;
use crate::release::policy::{Continues, Family, LogRules, Policy};
use crate::release::quorum::Quorum;
use crate::release::request::Request;
use crate::release::speaker::Hearing;
use crate::release::statement::{Revocation, Revoked, Statement, Succession, Text};
use crate::{Limits, Timestamp};

/// How long one person may suspend a key, in seconds: 14 days.
const SUSPENSION: u64 = 14 * 86_400;

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
        self.view.places.entry((mark, id)).or_insert((place, named));
    }

    /// From here on this policy is followed.
    pub(super) fn follow(&mut self, place: Place, policy: Policy) {
        for (key, from) in &policy.document().compromised {
            let known = self.view.compromised.entry(*key).or_insert(*from);
            *known = (*known).min(*from);
        }
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
        self.follow(place, policy);
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
        Ok(Some(Next { policy: next, statements }))
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
        let Some(Next { policy: next, statements }) = self.next(place, id, successions)? else {
            return Ok(());
        };
        let Some(now) = self.view.policy() else { return Ok(()) };
        let wanted = |policy: &Policy| self.wanted(place, policy, &next, &statements);
        if !wanted(now) || !wanted(&next) {
            self.pass_over(place, "succession_quorum_not_met");
        } else {
            self.follow(place, next);
        }
        Ok(())
    }

    /// Whether the root quorum of `policy`, by its own keys, wants `next`.
    fn wanted(&self, place: Place, policy: &Policy, next: &Policy, statements: &[Vec<u8>]) -> bool {
        let signer = |bytes: &Vec<u8>| {
            let statement: Succession = object::read(bytes, self.limits).ok()?;
            let is_about_it = statement.policy == next.id();
            let text = Text::succession(&statement, next.document());
            let is_word = is_about_it && self.is_word(place, policy, &statement, &text);
            is_word.then_some(statement.by)
        };
        let people: BTreeSet<Name> = statements.iter().filter_map(signer).collect();
        let root: &Quorum = &policy.document().root;
        root.is_met_by(&people)
    }

    /// Whether this is the word of whoever it names, by a key that counts there.
    fn is_word<S: Statement>(&self, place: Place, policy: &Policy, statement: &S, text: &Text) -> bool {
        let hearing = Hearing { policy, view: self.view, now: place.at, limits: self.limits };
        hearing.key(statement, text, place).is_ok()
    }

    pub(super) fn revocation(&mut self, place: Place, id: ObjectId) -> Result<(), Error> {
        let revocation: Revocation = match object::read(self.object(place, id)?, self.limits) {
            Ok(revocation) => revocation,
            Err(error) => {
                self.pass_over(place, error.code());
                return Ok(());
            }
        };
        let request = match &revocation.revokes {
            Revoked::Request(request) => match Request::parse(self.object(place, *request)?, self.limits) {
                Ok(request) => Some(request),
                Err(error) => {
                    self.pass_over(place, error.code());
                    return Ok(());
                }
            },
            Revoked::Control(_) | Revoked::Key { .. } => None,
        };
        let control = match &revocation.revokes {
            Revoked::Control(control) => match self.view.controls.get(control) {
                Some(known) => Some(known.control().family.clone()),
                None => {
                    self.pass_over(place, "revocation_of_no_control");
                    return Ok(());
                }
            },
            Revoked::Key { .. } | Revoked::Request(_) => None,
        };
        let family = request.map(|request| request.family).or(control);
        let counts = self.view.policy().is_some_and(|policy| {
            let families = &policy.document().families;
            let may = |family: &Family| family.revokers.contains(&revocation.by);
            // A key speaks for more than one family, and so may be suspended by a revoker of any.
            let is_revoker = match &family {
                Some(family) => families.get(family).is_some_and(may),
                None => families.values().any(may),
            };
            let text = Text::revocation(&revocation);
            let is_signed = || self.is_word(place, policy, &revocation, &text);
            revocation.authority == self.view.authority && is_revoker && is_signed()
        });
        if !counts {
            self.pass_over(place, "revocation_does_not_count");
            return Ok(());
        }
        match revocation.revokes {
            Revoked::Control(object) | Revoked::Request(object) => {
                let reason = revocation.reason.to_string();
                self.view.revoked.entry(object).or_insert(Withdrawn { revocation: id, place, reason });
            }
            Revoked::Key { spki_sha256, from_index, until } => {
                self.suspend(place, spki_sha256, from_index, until, &revocation.by);
            }
        }
        Ok(())
    }

    /// One person suspends a key once, for at most 14 days.
    fn suspend(&mut self, place: Place, spki_sha256: ObjectId, from_index: u64, until: Timestamp, by: &Name) {
        let policy = self.view.policy();
        let known = policy
            .and_then(|policy| policy.keys().find(|(key, _)| ObjectId::of(&key.spki_der()) == spki_sha256));
        let Some(key) = known.map(|(key, _)| key.clone()) else {
            self.pass_over(place, "suspension_of_no_key");
            return;
        };
        if self.view.suspended.iter().any(|other| other.key == key && other.by == *by) {
            self.pass_over(place, "suspension_renewed_alone");
            return;
        }
        let until = until.min(place.at.plus(SUSPENSION));
        self.view.suspended.push(Suspension { key, from_index, until, place, by: by.clone() });
    }
}
