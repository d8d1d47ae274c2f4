//! Revocations that a verifier has and the log does not, or not yet.

use super::grown::Grown;
use super::replay::Replay;
use super::{Error, LogView, ObjectId, Objects, Place};
use crate::Limits;

impl LogView {
    /// The same view, where a revocation counts that was handed in here: as if it stood in the log next. `objects` has the request that it is
    /// about. The head stays as it is, since nobody saw it grow.
    ///
    /// # Errors
    /// [`Error::NotHeld`] where it does not count, and [`Error::ObjectMissing`] without the request.
    pub fn holding(&self, revocation: &[u8], objects: &dyn Objects, limits: &Limits) -> Result<Self, Error> {
        let id = ObjectId::of(revocation);
        let place = Place { index: self.head.size, at: self.time };
        let objects = With { id, bytes: revocation, objects };
        let (mut view, mut last) = (self.clone(), place);
        let tree = Grown::default();
        Replay { objects: &objects, limits, view: &mut view, last: &mut last, tree: &tree }
            .revocation(place, id)?;
        match view.passed_over.get(self.passed_over.len()) {
            Some(passed_over) => Err(Error::NotHeld { because: passed_over.because }),
            None => Ok(view),
        }
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
