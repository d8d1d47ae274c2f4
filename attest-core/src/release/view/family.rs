//! What families say of who stands in their rules: from its place in the log on, until they say something else, or another policy follows.

use std::sync::Arc;

use super::replay::Replay;
use super::{Error, LogView, ObjectId, Place};
use crate::release::family::FamilyChange;
use crate::release::object;
use crate::release::policy::{Policy, PolicyDocument};
use crate::release::speaker::Hearing;
use crate::release::statement::{FamilyStatement, Text};
use crate::release::{Name, Quorum};

/// A change that was followed.
#[derive(Clone, Debug)]
pub struct Changed {
    place: Place,
    change: FamilyChange,
    /// For this family, as it is with the change.
    policy: Policy,
}

impl Changed {
    /// Where it stands, or the policy that carries it on: it is followed from the next leaf on.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Who stands in the family's rules.
    #[must_use]
    pub const fn change(&self) -> &FamilyChange {
        &self.change
    }

    /// The policy for this family, as it is with the change.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl LogView {
    /// The policy that is followed at an index for this family: as its own last change before has it, and as the root wrote it without one.
    #[must_use]
    pub fn policy_of(&self, family: &Name, index: u64) -> Option<&Policy> {
        let (from, policy) = self.policies.iter().rev().find(|(from, _)| *from < index)?;
        // Another policy ends what was said under the one before.
        let is_followed = |one: &&Arc<Changed>| (*from..index).contains(&one.place.index);
        let own = self.changes_of(family).iter().rev().find(is_followed);
        Some(own.map_or(policy, |one| one.policy()))
    }

    /// Why not this policy, but another one, is followed for this family at the index `until`: the index of the leaf that decided it. That is the
    /// first one from `from` on by which the policy was left, or, where it was not followed at `from` either, the one that the policy there came by.
    #[must_use]
    pub fn left(&self, family: &Name, policy: &Policy, from: u64, until: u64) -> Option<u64> {
        let at = |index: u64| self.policy_of(family, index).is_some_and(|followed| followed.is(policy));
        let policies = self.policies.iter().map(|(index, _)| *index);
        let steps = policies.chain(self.changes_of(family).iter().map(|one| one.place.index));
        if at(from) {
            let later = steps.filter(|index| (from..until).contains(index));
            return later.filter(|index| !at(index.saturating_add(1))).min();
        }
        steps.filter(|index| *index < from).max()
    }

    /// The same now.
    #[must_use]
    pub fn policy_of_now(&self, family: &Name) -> Option<&Policy> {
        self.policy_of(family, u64::MAX)
    }

    /// The policies of families that changed who stands in their rules, as they are followed at an index.
    pub fn changed(&self, index: u64) -> impl Iterator<Item = &Policy> {
        self.families
            .keys()
            .filter_map(move |family| self.policy_of(family, index))
            .filter(|policy| policy.change().is_some())
    }

    /// What is followed now, for people to read: the policy's text with the families as they are, and with the people whom they brought in.
    #[must_use]
    pub fn document(&self) -> Option<PolicyDocument> {
        let mut document = self.policy()?.document().clone();
        for changed in self.changed(u64::MAX) {
            document.families.extend(changed.document().families.clone());
            document.identities.extend(changed.document().identities.clone());
        }
        Some(document)
    }

    /// Every change of this family that was ever followed, in the order of the log.
    #[must_use]
    pub fn changes_of(&self, family: &Name) -> &[Arc<Changed>] {
        self.families.get(family).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Replay<'_> {
    pub(super) fn family_change(
        &mut self,
        place: Place,
        id: ObjectId,
        statements: &[ObjectId],
    ) -> Result<(), Error> {
        let change = object::read::<FamilyChange>(self.object(place, id)?, self.limits);
        let statements = statements.iter().map(|id| self.object(place, *id).map(<[u8]>::to_vec));
        let statements = statements.collect::<Result<Vec<_>, _>>()?;
        let changed = change
            .map_err(|error| error.code())
            .and_then(|change| self.changed(place, id, change, &statements));
        match changed {
            Ok(changed) => {
                let family = changed.change.family.clone();
                self.view.families.entry(family).or_default().push(Arc::new(changed));
            }
            Err(because) => self.pass_over(place, because),
        }
        Ok(())
    }

    fn changed(
        &self,
        place: Place,
        id: ObjectId,
        change: FamilyChange,
        statements: &[Vec<u8>],
    ) -> Result<Changed, &'static str> {
        if change.authority != self.view.authority {
            return Err("family_change_of_another_authority");
        }
        let root = self.view.policy().filter(|root| root.id() == change.policy);
        let root = root.ok_or("family_change_under_another_policy")?;
        let now = self.view.policy_of(&change.family, place.index).ok_or("family_not_managed")?;
        // Each is followed once, in the order in which its managers wanted them.
        if change.previous != now.change() {
            return Err("family_change_does_not_follow");
        }
        if change.not_after < place.at {
            return Err("family_change_over");
        }
        let is_under_it = |one: &&Arc<Changed>| one.policy.id() == root.id();
        if self.view.changes_of(&change.family).iter().filter(is_under_it).count()
            >= self.limits.family_changes
        {
            return Err("family_change_too_many");
        }
        if !self.managers_want(place, now, id, &change, statements)? {
            return Err("family_quorum_not_met");
        }
        let policy = change.applied_to(id, root, self.limits).map_err(|error| error.code())?;
        // Who manages it next can, and wants to.
        if !self.managers_want(place, &policy, id, &change, statements)? {
            return Err("family_quorum_not_met");
        }
        Ok(Changed { place, change, policy })
    }

    /// Whether the managers by this policy, with their keys there, want the change.
    fn managers_want(
        &self,
        place: Place,
        policy: &Policy,
        id: ObjectId,
        change: &FamilyChange,
        statements: &[Vec<u8>],
    ) -> Result<bool, &'static str> {
        let rules = policy.family(&change.family).and_then(|family| family.managers.as_ref());
        let managers: &Quorum = &rules.ok_or("family_not_managed")?.quorum;
        let hearing = Hearing { policy, view: self.view, now: place.at, limits: self.limits };
        let text = |said: &FamilyStatement| Text::family(said, id, change);
        let people = hearing.people(statements, place, text, Hearing::key);
        Ok(managers.is_met_by(&people.into_keys().collect()))
    }

    /// The changes that a policy which is to be followed carries on: of its families, followed before, and nothing less than it writes.
    pub(super) fn carried(&self, place: Place, policy: &Policy) -> Result<Vec<Changed>, &'static str> {
        let mut carried = Vec::new();
        for (name, family) in &policy.document().families {
            let Some(id) = family.managers.as_ref().and_then(|rules| rules.carries) else { continue };
            let known = self.view.changes_of(name).iter().find(|one| one.policy.change() == Some(id));
            let change = known.ok_or("succession_carries_nothing")?.change.clone();
            let policy = change.applied_to(id, policy, self.limits).map_err(|error| error.code())?;
            carried.push(Changed { place, change, policy });
        }
        Ok(carried)
    }
}
