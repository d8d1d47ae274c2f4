//! A policy in which a change says who stands in a family's rules: the root's text in everything else.

use super::super::name::Name;
use super::super::object::ObjectId;
use super::super::policy::{Family, Identity, Kind, ManagerRules, Policy, PolicyDocument, Protection, Who};
use super::super::quorum::Quorum;
use super::{Error, FamilyChange};
use crate::Limits;

impl FamilyChange {
    /// The policy for this family alone, as it is with this change, which is named `id`. `root` is the policy as the root wrote it: what holds
    /// there is the least that holds here. Whether anybody wants it is another matter.
    ///
    /// # Errors
    /// [`Error`].
    pub fn applied_to(&self, id: ObjectId, root: &Policy, limits: &Limits) -> Result<Policy, Error> {
        let not_managed = || Error::NotManaged { family: self.family.clone() };
        let before = root.family(&self.family).ok_or_else(not_managed)?;
        let rules = before.managers.as_ref().ok_or_else(not_managed)?;
        let mut next = root.document().clone();
        for (who, identity) in &self.people {
            self.may_come(who, identity, rules)?;
            if next.identities.insert(who.clone(), identity.clone()).is_some() {
                return Err(Error::NameNotOfFamily { who: who.clone() });
            }
        }
        let after = self.family(before)?;
        let least = Least { rules, root: root.document(), next: &next };
        for (who, before, after) in pairs(&self.family, before, &after) {
            least.quorum(&who, before, after)?;
        }
        if let Some(revoker) = before.revokers.difference(&after.revokers).next() {
            return Err(Error::RevokerRemoved { revoker: revoker.clone() });
        }
        next.families.insert(self.family.clone(), after);
        root.changed(id, &self.family, next, limits).map_err(Error::Faults)
    }

    /// Whether the root lets somebody be brought in with these keys, under this name. Nobody is called so in two families: what stands after
    /// the last dot is theirs.
    fn may_come(&self, who: &Name, identity: &Identity, rules: &ManagerRules) -> Result<(), Error> {
        let protection = rules.enrol.ok_or_else(|| Error::EnrolmentNotAllowed { who: who.clone() })?;
        let own = who.as_str().rsplit_once('.').filter(|(_, own)| !own.is_empty());
        if own.map(|(family, _)| family) != Some(self.family.as_str()) {
            return Err(Error::NameNotOfFamily { who: who.clone() });
        }
        if identity.kind != Kind::Person {
            return Err(Error::NotAPerson { who: who.clone() });
        }
        let is_kept = |kept| protection == Protection::Software || kept == Protection::Hardware;
        if !identity.keys.iter().all(|key| is_kept(key.protection)) {
            return Err(Error::ProtectionMissing { who: who.clone() });
        }
        Ok(())
    }

    /// The family with these people in its rules, and everything else as it was.
    fn family(&self, before: &Family) -> Result<Family, Error> {
        let mismatch = |what: String| Error::ChannelMismatch { what };
        let mut after = before.clone();
        (after.requesters, after.revokers) = (self.requesters.clone(), self.revokers.clone());
        if let Some(rules) = &mut after.managers {
            rules.quorum = self.managers.clone();
        }
        match (&mut after.controls, &self.controls) {
            (None, None) => {}
            (Some(rules), Some(quorum)) => rules.quorum = quorum.clone(),
            _ => return Err(mismatch("controls".to_owned())),
        }
        if !after.channels.keys().eq(self.channels.keys()) {
            return Err(mismatch("the channels".to_owned()));
        }
        for ((called, channel), people) in after.channels.iter_mut().zip(self.channels.values()) {
            if channel.approvals.is_some() != people.approvals.is_some() {
                return Err(mismatch(format!("approvals in `{called}`")));
            }
            channel.approvals.clone_from(&people.approvals);
            match (&mut channel.review, &people.review) {
                (None, None) => {}
                (Some(review), Some(quorum)) => review.quorum = quorum.clone(),
                _ => return Err(mismatch(format!("reviews in `{called}`"))),
            }
        }
        Ok(after)
    }
}

/// Every quorum of a family with what it becomes. Both have the same ones.
fn pairs<'f>(name: &Name, before: &'f Family, after: &'f Family) -> Vec<(Who, &'f Quorum, &'f Quorum)> {
    before
        .quorums(name)
        .into_iter()
        .zip(after.quorums(name))
        .map(|((who, before), (_, after))| (who, before, after))
        .collect()
}

/// The least that a change keeps to.
struct Least<'l> {
    rules: &'l ManagerRules,
    root: &'l PolicyDocument,
    /// With those who are brought in.
    next: &'l PolicyDocument,
}

impl Least<'_> {
    fn quorum(&self, who: &Who, before: &Quorum, after: &Quorum) -> Result<(), Error> {
        if !after.keeps_to(before) {
            return Err(Error::QuorumWeakened { who: who.clone() });
        }
        for ((group, old), (_, new)) in before.groups_of_people().zip(after.groups_of_people()) {
            if old != new && self.rules.fixed.contains(group) {
                return Err(Error::GroupFixed { who: who.clone(), group: group.clone() });
            }
            // Whoever is in none is nobody: the policy's own check says so.
            let of = |document: &PolicyDocument, member: &Name| {
                document.identities.get(member).map(|identity| identity.organisation.clone())
            };
            let is_new = |organisation: &Name| {
                !old.iter().any(|member| of(self.root, member).as_ref() == Some(organisation))
            };
            for member in new {
                if of(self.next, member).is_some_and(|organisation| is_new(&organisation)) {
                    let (who, group, member) = (who.clone(), group.clone(), member.clone());
                    return Err(Error::OrganisationUnexpected { who, group, member });
                }
            }
        }
        Ok(())
    }
}
