//! Revocations that a verifier has and the log does not, or not yet.

use super::grown::Grown;
use super::replay::Replay;
use super::revocation::Effect;
use super::{Error, LogView, Name, ObjectId, Objects, Place, Suspension, Withdrawn};
use crate::release::key::CanonicalKey;
use crate::{Limits, Timestamp};

impl LogView {
    /// Where a revocation stands that is handed in now: behind the last leaf, at the witnesses' time.
    #[must_use]
    pub const fn next_place(&self) -> Place {
        Place { index: self.head.size, at: self.time }
    }

    /// The same view, where a revocation counts that was handed in here. `place` is where it stood when that was, [`LogView::next_place`] of the
    /// view of then, and must be kept with it: what counted once is not taken back by what was written later, as it is with one in the log, and
    /// a suspension ends when its time is over. `objects` has the request that it is about. The head stays as it is, since nobody saw it grow.
    ///
    /// # Errors
    /// [`Error::NotHeld`] where it does not count, and [`Error::ObjectMissing`] without the request.
    pub fn holding(
        &self,
        revocation: &[u8],
        place: Place,
        objects: &dyn Objects,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut view = self.clone();
        view.hold(revocation, place, objects, limits)?;
        Ok(view)
    }

    /// The same in this view itself, which stays as it was where the revocation does not count.
    ///
    /// # Errors
    /// As [`LogView::holding`].
    pub fn hold(
        &mut self,
        revocation: &[u8],
        place: Place,
        objects: &dyn Objects,
        limits: &Limits,
    ) -> Result<(), Error> {
        let id = ObjectId::of(revocation);
        let objects = With { id, bytes: revocation, objects };
        let (mut before, mut last, tree) = (self.before(place.index), place, Grown::default());
        let then = Replay { objects: &objects, limits, view: &mut before, last: &mut last, tree: &tree };
        let effect = then.revokes(place, id)?;
        match effect {
            // What the log has of this person counts, wherever it stands; A67b: but no lesser word of theirs that the log's keeper had left.
            Effect::Suspended(one) if self.covers(&one) => {}
            Effect::Suspended(one) => self.take(Effect::Suspended(Suspension { is_logged: false, ..one })),
            Effect::Withdrawn(object, one) => {
                self.take(Effect::Withdrawn(object, Withdrawn { is_logged: false, ..one }));
            }
        }
        Ok(())
    }

    /// The same view as it would be if `by` suspended these keys now: what people are shown before they do. A suspension only takes away.
    #[must_use]
    pub fn supposing(
        &self,
        keys: impl IntoIterator<Item = CanonicalKey>,
        from_index: u64,
        until: Timestamp,
        by: &Name,
    ) -> Self {
        let (mut view, place) = (self.clone(), self.next_place());
        let suspended = |key| Suspension { key, from_index, until, place, by: by.clone(), is_logged: false };
        view.suspended.extend(keys.into_iter().map(suspended));
        view
    }

    /// What decided at this index whether a revocation counts, and nothing else.
    pub(super) fn before(&self, index: u64) -> Self {
        let mut before = Self::empty(self.authority);
        for (from, policy) in self.policies.iter().filter(|(from, _)| *from < index) {
            before.lose(policy);
            before.policies.push((*from, policy.clone()));
        }
        for (family, changes) in &self.families {
            let changes = changes.iter().filter(|one| one.place().index < index).cloned();
            before.families.insert(family.clone(), changes.collect());
        }
        let suspended = self.suspended.iter().filter(|one| one.place.index < index);
        before.suspended = suspended.cloned().collect();
        let controls = self.controls.iter().filter(|(_, one)| one.place().index < index);
        before.controls = controls.map(|(id, one)| (*id, one.clone())).collect();
        before
    }
}

/// Objects, and one more.
struct With<'o> {
    id: ObjectId,
    bytes: &'o [u8],
    objects: &'o dyn Objects,
}

impl Objects for With<'_> {
    fn object(&self, id: &ObjectId) -> Option<&[u8]> {
        if *id == self.id { Some(self.bytes) } else { self.objects.object(id) }
    }
}
