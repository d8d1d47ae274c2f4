//! What makes up for what devices of a family cannot prove: said by those whom the policy names for that, until then, or until one of them is
//! taken back or not trusted any more.

use std::collections::BTreeMap;

use super::replay::Replay;
use super::{Error, LogView, ObjectId, Place};
use crate::Timestamp;
use crate::release::Name;
use crate::release::key::CanonicalKey;
use crate::release::object;
use crate::release::policy::{ControlRules, Weakness};
use crate::release::quorum::Quorum;
use crate::release::speaker::Hearing;
use crate::release::statement::{Control, ControlStatement, Text};

/// A control that enough people vouched for when it was written down.
#[derive(Clone, Debug)]
pub struct Compensation {
    id: ObjectId,
    place: Place,
    control: Control,
    /// Who had to say so then.
    quorum: Quorum,
    /// Who did, with which keys.
    by: BTreeMap<Name, CanonicalKey>,
}

impl Compensation {
    /// The control's id.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Where it stands.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// What is done, of which devices, and until when.
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// Who said so.
    pub fn people(&self) -> impl Iterator<Item = &Name> {
        self.by.keys()
    }
}

impl LogView {
    /// What makes up for this weakness of the family now, the longest; nothing where nothing does.
    #[must_use]
    pub fn compensation(&self, family: &Name, weakness: Weakness, now: Timestamp) -> Option<&Compensation> {
        let is_for_it = |one: &&Compensation| {
            one.control.family == *family && one.control.compensates.contains(&weakness)
        };
        let stands = |one: &&Compensation| self.stands(one, now);
        self.controls
            .values()
            .filter(is_for_it)
            .filter(stands)
            .max_by_key(|one| (one.control.not_after, one.id))
    }

    /// Every control that was ever vouched for, with whether it stands now.
    pub fn compensations(&self, now: Timestamp) -> impl Iterator<Item = (&Compensation, bool)> {
        self.controls.values().map(move |one| (one, self.stands(one, now)))
    }

    /// Inv. 8: by words that count now, and not after its time.
    fn stands(&self, one: &Compensation, now: Timestamp) -> bool {
        let counts = |key: &CanonicalKey| !self.is_suspended(key, one.place.index, now);
        let people = one.by.iter().filter(|(_, key)| counts(key)).map(|(name, _)| name.clone()).collect();
        now <= one.control.not_after && self.revoked(&one.id).is_none() && one.quorum.is_met_by(&people)
    }
}

impl Replay<'_> {
    pub(super) fn control(
        &mut self,
        place: Place,
        id: ObjectId,
        statements: &[ObjectId],
    ) -> Result<(), Error> {
        let control = object::read::<Control>(self.object(place, id)?, self.limits);
        let statements = statements.iter().map(|id| self.object(place, *id).map(<[u8]>::to_vec));
        let statements = statements.collect::<Result<Vec<_>, _>>()?;
        let weighed = control.map_err(|error| error.code()).and_then(|control| {
            let rules = self.foreseen(place, id, &control)?;
            let by = self.vouched(place, id, &control, &statements);
            let is_met = rules.quorum.is_met_by(&by.keys().cloned().collect());
            let quorum = rules.quorum.clone();
            is_met.then_some(Compensation { id, place, control, quorum, by }).ok_or("control_quorum_not_met")
        });
        match weighed {
            Ok(compensation) => {
                let family = compensation.control.family.clone();
                self.view.controls.insert(id, compensation);
                self.take_back_early(id, &family);
            }
            Err(because) => self.pass_over(place, because),
        }
        Ok(())
    }

    /// Whether the policy that is followed lets something make up for this, for so long.
    fn foreseen(&self, place: Place, id: ObjectId, control: &Control) -> Result<&ControlRules, &'static str> {
        if control.authority != self.view.authority {
            return Err("control_of_another_authority");
        }
        let policy = self.view.policy_of(&control.family, place.index);
        let family = policy.and_then(|policy| policy.family(&control.family));
        let rules = family.and_then(|family| family.controls.as_ref()).ok_or("control_not_foreseen")?;
        if control.compensates.is_empty() {
            return Err("control_of_nothing");
        }
        if control.not_after < place.at {
            return Err("control_over");
        }
        if control.not_after > place.at.plus(rules.most_seconds) {
            return Err("control_too_long");
        }
        // The words that it stood by stay those that it stands by.
        if self.view.controls.contains_key(&id) {
            return Err("control_repeated");
        }
        Ok(rules)
    }

    /// Who vouches for it, each by a key that counts there.
    fn vouched(
        &self,
        place: Place,
        id: ObjectId,
        control: &Control,
        statements: &[Vec<u8>],
    ) -> BTreeMap<Name, CanonicalKey> {
        let Some(policy) = self.view.policy_of(&control.family, place.index) else { return BTreeMap::new() };
        let hearing = Hearing { policy, view: self.view, now: place.at, limits: self.limits };
        let text = |said: &ControlStatement| Text::control(said, id, control);
        hearing.people(statements, place, text, Hearing::key)
    }
}
