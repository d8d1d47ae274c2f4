//! What a replay asks for, for those who have to get it from elsewhere.

use super::{ObjectId, Objects};
use crate::Limits;
use crate::release::leaf::Event;
use crate::release::object;
use crate::release::statement::{Revocation, Revoked};

/// An object without which this leaf cannot be replayed, and that is not at hand. Asked again once it is: a revocation says what it is about
/// only when it is read. Nothing, once the leaf can be replayed.
#[must_use]
pub fn missing(event: &Event, objects: &dyn Objects, limits: &Limits) -> Option<ObjectId> {
    let is_missing = |id: &ObjectId| objects.object(id).is_none_or(|bytes| ObjectId::of(bytes) != *id);
    match event {
        Event::Policy { policy, successions: statements }
        | Event::Recovery { policy, recoveries: statements }
        | Event::Compensated { control: policy, statements }
        | Event::FamilyChanged { change: policy, statements } => {
            core::iter::once(policy).chain(statements).copied().find(is_missing)
        }
        Event::Objected { objection: object } | Event::Recovered { checkpoint: object, .. } => {
            Some(*object).filter(is_missing)
        }
        Event::Revoked { revocation } if is_missing(revocation) => Some(*revocation),
        Event::Revoked { revocation } => {
            // One that cannot be read is passed over.
            match object::read::<Revocation>(objects.object(revocation)?, limits).ok()?.revokes {
                Revoked::Request(request) => Some(request).filter(is_missing),
                Revoked::Control(_) | Revoked::Key { .. } => None,
            }
        }
        Event::Approved { .. }
        | Event::Attempted { .. }
        | Event::Denied { .. }
        | Event::Published { .. }
        | Event::Reviewed { .. }
        | Event::Signed { .. }
        | Event::Submitted { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::leaf::Leaf;
    use crate::release::policy::{PolicyDocument, Weakness};
    use crate::release::testing::history::*;
    use crate::release::testing::play::Play;
    use crate::release::testing::*;

    #[test]
    fn exactly_what_a_replay_wants_and_one_after_the_other() {
        let mut play = Play::whole(History::new());
        play.history.revoke(&revocation("dave", Revoked::Request(play.id())));
        play.history.compensate(&control(&[Weakness::None], NOW + DAY), &["dave", "erin"]);
        play.history.change(&family_change(&policy()), &["bob", "carol"]);
        let lost = PolicyDocument { expires: at(NOW), ..second_policy() };
        play.history.recover(&lost, &["dave", "erin", "alice", "bob"]);
        play.history.object(&objection("alice", &lost));
        let other = PolicyDocument { expires: at(NOW + 1), ..second_policy() };
        play.history.recover(&other, &["dave", "erin", "alice", "bob"]);
        let seen = play.history.seen();
        play.history.clock += 7 * DAY;
        play.history.recovered(&other, seen);
        let third = PolicyDocument { version: 3, previous: Some(id_of(&other)), ..policy() };
        play.history.succeed(&third, &["alice", "bob"]);
        let history = &play.history;
        let mut got = std::collections::BTreeMap::new();
        for leaf in &history.leaves {
            let event = object::read::<Leaf>(leaf, &Limits::DEFAULT).unwrap().event;
            while let Some(id) = missing(&event, &got, &Limits::DEFAULT) {
                let bytes = history.objects.get(&id).unwrap_or_else(|| panic!("{id} for {event:?}"));
                assert!(got.insert(id, bytes.clone()).is_none(), "asked for twice: {id}");
            }
        }
        let whole = History { objects: got.clone(), ..history.clone() };
        assert!(whole.view().is_ok());
        for id in got.keys() {
            let mut without = whole.clone();
            without.objects.insert(*id, b"other bytes".to_vec());
            assert!(without.view().is_err(), "{id} was not needed");
        }
    }
}
