//! What a log said where one of its leaves stands.

use std::sync::Arc;

use super::{LogView, Place};

impl LogView {
    /// Whether anybody's word may count for nothing that counted before.
    pub(in crate::release) fn silences(&self) -> bool {
        !self.suspended.is_empty() || !self.compromised.is_empty()
    }

    /// Whether a key was suspended at this place, as the log had it there.
    pub(in crate::release) fn silenced_at(&self, place: Place) -> bool {
        let mut logged = self.suspended.iter().filter(|one| one.is_logged && one.place.index < place.index);
        logged.any(|one| place.at <= one.until)
    }

    /// What the log said of people and policies where a leaf stands, and which requests were taken back by then: nothing that was handed in here.
    /// It is of no checkpoint, and never given out.
    pub(in crate::release) fn as_of(&self, place: Place) -> Self {
        let mut then = Self::empty(self.authority);
        for (from, policy) in self.policies.iter().filter(|(from, _)| *from < place.index) {
            then.lose(policy);
            then.policies.push((*from, policy.clone()));
        }
        then.families.clone_from(&self.families);
        // A release's own steps stand before it, or it falls short in their order.
        then.places = Arc::clone(&self.places);
        let logged = self.suspended.iter().filter(|one| one.is_logged && one.place.index < place.index);
        then.suspended = logged.cloned().collect();
        let revoked = self.revoked.iter().filter(|(_, one)| one.is_before(place));
        then.revoked = revoked.map(|(id, one)| (*id, one.clone())).collect();
        then.time = place.at;
        then
    }
}
