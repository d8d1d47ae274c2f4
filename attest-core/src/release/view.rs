//! The whole log as a verifier knows it: made by replaying every leaf up to a witnessed checkpoint, so that nothing can be left out.
//!
//! Which policy is followed comes out of the log alone, from the pinned first one on. A leaf whose object is at hand and does not count is
//! passed over, and said; one whose policy or revocation is not at hand refuses the view, for what is withheld might have counted.

mod as_of;
mod control;
mod error;
mod family;
mod floors;
mod grown;
mod held;
mod ledger;
mod missing;
mod recovery;
mod replay;
mod revocation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::control::Compensation;
pub use self::error::{Error, PassedOver};
pub use self::family::Changed;
pub use self::floors::FloorReset;
pub use self::ledger::{Ledger, not_antedated};
pub use self::missing::missing;
pub use self::recovery::Pending;
use super::key::CanonicalKey;
use super::name::Name;
use super::object::ObjectId;
use super::policy::{Freshness, Policy};
use super::statement::Revocation;
use crate::Timestamp;
use crate::audit::tree::TreeHead;

/// Objects by their ids, from wherever they are kept. What is returned is hashed again.
pub trait Objects {
    /// The object's bytes, if they are at hand.
    fn object(&self, id: &ObjectId) -> Option<&[u8]>;
}

impl Objects for BTreeMap<ObjectId, Vec<u8>> {
    fn object(&self, id: &ObjectId) -> Option<&[u8]> {
        self.get(id).map(Vec::as_slice)
    }
}

/// Where in the log something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its index, counted from 0.
    pub index: u64,
    /// When it was written, by the log's clock.
    pub at: Timestamp,
}

/// What stands in the log of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// An approval was handed in.
    Approved,
    /// The signer was about to sign for a request.
    Attempted,
    /// A request's release can be had.
    Published,
    /// A review was handed in.
    Reviewed,
    /// The signer signed for a request.
    Signed,
    /// A request was made.
    Submitted,
}

/// The log up to a witnessed checkpoint, each leaf of it replayed.
#[derive(Clone, Debug)]
pub struct LogView {
    authority: ObjectId,
    head: TreeHead,
    time: Timestamp,
    /// Each with the index from which on it is followed.
    policies: Vec<(u64, Policy)>,
    /// What families said of who stands in their rules, each in the order of the log.
    families: BTreeMap<Name, Vec<Arc<Changed>>>,
    /// The first place of each mark, and what it tells besides.
    places: Arc<BTreeMap<(Mark, ObjectId), (Place, ObjectId)>>,
    revoked: BTreeMap<ObjectId, Withdrawn>,
    suspended: Vec<Suspension>,
    /// Keys that root quorums said were lost, by the SHA-256 of their SubjectPublicKeyInfo, and from where on. No policy takes that back.
    compromised: BTreeMap<ObjectId, u64>,
    recovery: Option<Pending>,
    /// Policies that a root member objected to: the recovery quorum does not get them any more.
    objected: BTreeSet<ObjectId>,
    /// What makes up for weaknesses, whether it is over or not.
    controls: BTreeMap<ObjectId, Compensation>,
    /// Revocations that stand before the control that they take back.
    early: BTreeMap<ObjectId, Vec<(Place, ObjectId, Revocation)>>,
    passed_over: Vec<PassedOver>,
}

/// What in a log decides about what counted before: while these are the same, later leaves take nothing of it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    policies: Vec<(u64, ObjectId)>,
    revoked: Vec<ObjectId>,
    suspended: Vec<Suspension>,
    compromised: BTreeMap<ObjectId, u64>,
}

/// A revocation that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The statement.
    pub revocation: ObjectId,
    /// Where it stands.
    pub place: Place,
    /// Why, in the revoker's words.
    pub reason: String,
    /// Whether the log has it. If not, it was handed in here, and nobody else may know of it.
    pub is_logged: bool,
}

impl Withdrawn {
    /// Whether the log took it back before this place, so that everybody who replays it knows that it was by then.
    #[must_use]
    pub const fn is_before(&self, place: Place) -> bool {
        self.is_logged && self.place.index < place.index
    }
}

/// A key that does not count for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Which.
    pub key: CanonicalKey,
    /// What stands in the log from here on does not count for it.
    pub from_index: u64,
    /// When that ends.
    pub until: Timestamp,
    /// Where it stands.
    pub place: Place,
    /// Whose word it is.
    pub by: Name,
    /// Whether the log has it. If not, it was handed in here, and nobody else may know of it.
    pub is_logged: bool,
}

impl LogView {
    /// Of no leaf. It is never given out.
    fn empty(authority: ObjectId) -> Self {
        Self {
            authority,
            head: TreeHead::empty(),
            time: Timestamp::from_unix(0),
            policies: Vec::new(),
            families: BTreeMap::new(),
            places: Arc::default(),
            revoked: BTreeMap::new(),
            suspended: Vec::new(),
            compromised: BTreeMap::new(),
            recovery: None,
            objected: BTreeSet::new(),
            controls: BTreeMap::new(),
            early: BTreeMap::new(),
            passed_over: Vec::new(),
        }
    }

    /// The policy that is pinned: the first one.
    #[must_use]
    pub const fn authority(&self) -> ObjectId {
        self.authority
    }

    /// What decides about what counted before.
    pub(super) fn rules(&self) -> Rules {
        // Every field is named, so that a new one is thought about here: the first place of a mark is never another one later.
        let Self {
            authority: _,
            head: _,
            time: _,
            places: _,
            passed_over: _,
            // Until it takes effect; then it is a policy.
            recovery: _,
            objected: _,
            // Asked for each verdict.
            controls: _,
            early: _,
            // What a family says counts for what stands behind it.
            families: _,
            policies,
            revoked,
            suspended,
            compromised,
        } = self;
        Rules {
            policies: policies.iter().map(|(from, policy)| (*from, policy.id())).collect(),
            revoked: revoked.keys().copied().collect(),
            suspended: suspended.clone(),
            compromised: compromised.clone(),
        }
    }

    /// How many leaves were replayed, and the root over them.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// When: the witnesses' time.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// How it counts now, by the policy that is followed.
    #[must_use]
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        self.policy()
            .map_or(Freshness::TooOld, |policy| policy.document().log.ages().freshness(self.time, now))
    }

    /// Until when it counts for anything.
    #[must_use]
    pub fn counts_until(&self) -> Timestamp {
        self.time.plus(self.policy().map_or(0, |policy| policy.document().log.ages().hard))
    }

    /// The policy that is followed at an index: the last one that stands before it.
    #[must_use]
    pub fn policy_at(&self, index: u64) -> Option<&Policy> {
        self.policies.iter().rev().find(|(from, _)| *from < index).map(|(_, policy)| policy)
    }

    /// The policy that is followed now.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.policies.last().map(|(_, policy)| policy)
    }

    /// Where the place of this policy was taken by another one: the index of that one's leaf. Nothing while it is followed, or if it never was.
    #[must_use]
    pub fn followed_until(&self, id: ObjectId) -> Option<u64> {
        let mut from = self.policies.iter().skip_while(|(_, policy)| policy.id() != id);
        from.nth(1).map(|(index, _)| *index)
    }

    /// Every policy that was ever followed, the first one first.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().map(|(_, policy)| policy)
    }

    /// Every key that a policy, or a family, named before this index, with whose it was.
    pub(super) fn keys_before(&self, index: u64) -> impl Iterator<Item = (&CanonicalKey, &Name)> {
        let policies = self.policies.iter().filter(move |(from, _)| *from < index).map(|(_, policy)| policy);
        let changes = self.families.values().flatten().filter(move |one| one.place().index < index);
        let all = policies.chain(changes.map(|one| one.policy())).flat_map(Policy::keys);
        all.map(|(key, of)| (key, &of.identity))
    }

    /// The policy of this id, if it was ever followed.
    #[must_use]
    pub fn policy_named(&self, id: &ObjectId) -> Option<&Policy> {
        self.policies.iter().find(|(_, policy)| policy.id() == *id).map(|(_, policy)| policy)
    }

    /// The first place where this was said of an object. A submission has a place by its own id, too.
    #[must_use]
    pub fn place(&self, mark: Mark, id: &ObjectId) -> Option<Place> {
        self.places.get(&(mark, *id)).map(|(place, _)| *place)
    }

    /// What the log names at the first place of this mark: the submission of a request, the signatures that were made for it, the bundle
    /// that was published.
    #[must_use]
    pub fn named(&self, mark: Mark, id: &ObjectId) -> Option<ObjectId> {
        self.places.get(&(mark, *id)).map(|(_, named)| *named)
    }

    /// Every request that was published, with its bundle.
    pub fn published(&self) -> impl Iterator<Item = (ObjectId, Place, ObjectId)> {
        let of = |((mark, id), (place, named)): (&(Mark, ObjectId), &(Place, ObjectId))| {
            (*mark == Mark::Published).then_some((*id, *place, *named))
        };
        self.places.iter().filter_map(of)
    }

    /// Every review that was handed in, behind the request that the log has it for.
    pub fn reviews(&self) -> impl Iterator<Item = (ObjectId, ObjectId)> {
        let of = |((mark, id), (_, request)): (&(Mark, ObjectId), &(Place, ObjectId))| {
            (*mark == Mark::Reviewed).then_some((*request, *id))
        };
        self.places.iter().filter_map(of)
    }

    /// What revoked this request, if something did.
    #[must_use]
    pub fn revoked(&self, request: &ObjectId) -> Option<&Withdrawn> {
        self.revoked.get(request)
    }

    /// Whether what this key signed, and what stands at `index`, does not count now: it is suspended, or known to be lost.
    #[must_use]
    pub fn is_suspended(&self, key: &CanonicalKey, index: u64, now: Timestamp) -> bool {
        let covers = |suspension: &&Suspension| {
            suspension.key == *key && index >= suspension.from_index && now <= suspension.until
        };
        self.is_compromised(key, index) || self.suspended.iter().any(|one| covers(&one))
    }

    /// Whether a root quorum said that this key was lost, by this index or before.
    #[must_use]
    pub fn is_compromised(&self, key: &CanonicalKey, index: u64) -> bool {
        let from = self.compromised.get(&ObjectId::of(&key.spki_der()));
        from.is_some_and(|from| index >= *from)
    }

    /// What the recovery quorum wants, and is not in force yet.
    #[must_use]
    pub const fn recovery(&self) -> Option<&Pending> {
        self.recovery.as_ref()
    }

    /// Keys that somebody suspended, in the order of the log, those whose suspension is over among them.
    #[must_use]
    pub fn suspensions(&self) -> &[Suspension] {
        &self.suspended
    }

    /// Leaves that did not count, for a monitor.
    #[must_use]
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }
}
