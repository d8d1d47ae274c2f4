//! A log as whoever keeps it knows it: replayed in the same way as a view, and vouched for by nobody.

use super::grown::Grown;
use super::replay::Replay;
use super::{Error, LogView, Mark, ObjectId, Objects, PassedOver, Pending, Place, Withdrawn};
use crate::audit::checkpoint::SignedCheckpoint;
use crate::audit::tree::Hash;
use crate::audit::witness::WitnessedCheckpoint;
use crate::release::Name;
use crate::release::key::CanonicalKey;
use crate::release::leaf::Leaf;
use crate::release::object;
use crate::release::policy::Policy;
use crate::release::speaker::{self, Hearing};
use crate::release::statement::{Statement, Text};
use crate::{Limits, Timestamp};

/// How far the log's clock and the witnesses' may differ, in seconds.
const CLOCKS: u64 = 600;

/// Whether the leaf at `index` was written after witnesses were seen to sign the tree of those before it, as far as clocks agree: with an old time
/// whoever keeps the log lets expired keys speak. No leaf behind it is earlier.
///
/// # Errors
/// [`Error::Antedated`], and [`Error::Leaf`] for what is none.
pub fn not_antedated(index: u64, entry: &[u8], seen_at: Timestamp, limits: &Limits) -> Result<(), Error> {
    let leaf: Leaf = object::read(entry, limits).map_err(|error| Error::Leaf { index, error })?;
    let at = leaf.at;
    if at.plus(CLOCKS) < seen_at { Err(Error::Antedated { index, at, seen_at }) } else { Ok(()) }
}

/// A log that is replayed leaf by leaf, before any witness saw it. By this its keeper turns away what would not count anyway. No verifier believes
/// it: it becomes a [`LogView`] by a witnessed checkpoint of exactly its leaves, and in no other way.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Never given out of here: nobody witnessed it.
    view: LogView,
    /// The tree of what was replayed.
    tree: Grown,
    last: Place,
}

impl Ledger {
    /// A log without leaves, which the first policy is to begin, pinned by its id.
    #[must_use]
    pub fn new(authority: ObjectId) -> Self {
        let view = LogView::empty(authority);
        Self { tree: Grown::default(), last: Place { index: 0, at: view.time }, view }
    }

    /// The next leaf. `objects` has what it names, as [`LogView::replay`] wants it.
    ///
    /// # Errors
    /// [`Error`]: no view of a log with this leaf can be made, so nothing of this ledger is of use any more.
    pub fn write(&mut self, entry: &[u8], objects: &dyn Objects, limits: &Limits) -> Result<(), Error> {
        let Self { view, last, tree } = self;
        Replay { objects, limits, view, last, tree }.leaf(tree.size(), entry)?;
        tree.append(Hash::of_leaf(entry), limits)?;
        Ok(())
    }

    /// How many leaves were replayed.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The last leaf's time: the next one's is not before it.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        self.last.at
    }

    /// The policy that is pinned: the first one.
    #[must_use]
    pub const fn authority(&self) -> ObjectId {
        self.view.authority
    }

    /// The view as it would be, for those in here who ask what a leaf was worth when it was written.
    pub(in crate::release) const fn view(&self) -> &LogView {
        &self.view
    }

    /// The policy that is followed.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        self.view.policy()
    }

    /// The policy that is followed for this family, as its own last change has it.
    #[must_use]
    pub fn policy_of(&self, family: &Name) -> Option<&Policy> {
        self.view.policy_of(family, self.size())
    }

    /// The policy that was followed for this family where a leaf stands.
    #[must_use]
    pub fn policy_of_then(&self, family: &Name, place: Place) -> Option<&Policy> {
        self.view.policy_of(family, place.index)
    }

    /// The policies of families that changed who stands in their rules, as they are followed.
    pub fn changed(&self) -> impl Iterator<Item = &Policy> {
        self.view.changed(self.size())
    }

    /// The first place where this was said of an object.
    #[must_use]
    pub fn place(&self, mark: Mark, id: &ObjectId) -> Option<Place> {
        self.view.place(mark, id)
    }

    /// What revoked this request, if something did.
    #[must_use]
    pub fn revoked(&self, request: &ObjectId) -> Option<&Withdrawn> {
        self.view.revoked(request)
    }

    /// What the recovery quorum wants, and is not in force yet.
    #[must_use]
    pub const fn recovery(&self) -> Option<&Pending> {
        self.view.recovery()
    }

    /// Leaves that did not count.
    #[must_use]
    pub fn passed_over(&self) -> &[PassedOver] {
        self.view.passed_over()
    }

    /// The key with which whoever a statement about this family names signed it, if it would count were it the next leaf.
    ///
    /// # Errors
    /// [`speaker::Error`].
    pub fn speaker<S: Statement>(
        &self,
        family: &Name,
        statement: &S,
        text: &Text,
        at: Timestamp,
        limits: &Limits,
    ) -> Result<CanonicalKey, speaker::Error> {
        let (hearing, place) = self.hearing(Some(family), statement, at, limits)?;
        hearing.key(statement, text, place)
    }

    /// The same whether the key is suspended or not: who speaks for the root, or only stands in the way of something. About a family, or about none.
    ///
    /// # Errors
    /// [`speaker::Error`].
    pub fn voice<S: Statement>(
        &self,
        family: Option<&Name>,
        statement: &S,
        text: &Text,
        at: Timestamp,
        limits: &Limits,
    ) -> Result<CanonicalKey, speaker::Error> {
        let (hearing, place) = self.hearing(family, statement, at, limits)?;
        hearing.voice(statement, text, place)
    }

    /// As the next leaf would be heard.
    fn hearing<'l, S: Statement>(
        &'l self,
        family: Option<&Name>,
        statement: &S,
        at: Timestamp,
        limits: &'l Limits,
    ) -> Result<(Hearing<'l>, Place), speaker::Error> {
        let nobody = || speaker::Error::KeyMismatch { by: statement.by().clone() };
        let policy = family.map_or(self.policy(), |family| self.policy_of(family)).ok_or_else(nobody)?;
        let place = Place { index: self.size(), at };
        Ok((Hearing { policy, view: &self.view, now: at, limits }, place))
    }

    /// The view of it, by a checkpoint that witnesses signed over exactly these leaves. The policy that the log ends with says whose word
    /// it must carry.
    pub(super) fn witnessed(mut self, checkpoint: &[u8], limits: &Limits) -> Result<LogView, Error> {
        let head = self.tree.head();
        let no_policy = || Error::FirstLeaf { pinned: self.view.authority };
        let policy = self.view.policy().ok_or_else(no_policy)?;
        // A policy that was read has a log that can be read.
        let (log, quorum) = policy.document().log.read(limits).map_err(|_| no_policy())?;
        let signed = SignedCheckpoint::verify(checkpoint, &log, limits)?;
        let witnessed = WitnessedCheckpoint::verify(signed, &quorum)?;
        // A72: these leaves, all of them, and no others.
        if *witnessed.head() != head {
            return Err(Error::RootMismatch { leaves: head.size, size: witnessed.head().size });
        }
        let witnessed = witnessed.time();
        if self.last.at > witnessed.plus(CLOCKS) {
            return Err(Error::TimeAhead { index: self.last.index, at: self.last.at, witnessed });
        }
        (self.view.head, self.view.time) = (head, witnessed);
        Ok(self.view)
    }
}
