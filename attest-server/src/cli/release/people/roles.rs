//! The roles that a policy gives, and when each was last used: what nobody uses, a review of access takes away.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use attest_core::release::family::FamilyChange;
use attest_core::release::leaf::Event;
use attest_core::release::policy::{Channel, Family, PolicyDocument};
use attest_core::release::provenance::Provenance;
use attest_core::release::request::Request;
use attest_core::release::statement::{Control, Revocation, Revoked};
use attest_core::release::{Name, ObjectId, Quorum};
use serde_json::{Value, json};

use super::access::speakers;
use crate::cli::Failure;
use crate::cli::release::known::Known;

/// What somebody may do, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Approves { family: Name, channel: Name },
    Asks { family: Name },
    Builds { family: Name, channel: Name },
    Manages { family: Name },
    Recovers,
    Reviews { family: Name, channel: Name },
    Revokes { family: Name },
    Root,
    Vouches { family: Name },
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approves { family, channel } => write!(out, "family {family}, channel {channel}: approves"),
            Self::Asks { family } => write!(out, "family {family}: asks for releases"),
            Self::Builds { family, channel } => write!(out, "family {family}, channel {channel}: builds"),
            Self::Manages { family } => write!(out, "family {family}: manages who stands in its rules"),
            Self::Recovers => out.write_str("recovery quorum"),
            Self::Reviews { family, channel } => write!(out, "family {family}, channel {channel}: reviews"),
            Self::Revokes { family } => write!(out, "family {family}: revokes"),
            Self::Root => out.write_str("root quorum, whose members change by succession only"),
            Self::Vouches { family } => {
                write!(out, "family {family}: vouches for what makes up for its weakness")
            }
        }
    }
}

/// Every role that the policy gives somebody, and how it is told of them.
pub(super) fn roles(document: &PolicyDocument, who: &Name) -> Vec<(Role, String)> {
    let quorum = |quorum: &Quorum| quorum.people().contains(who);
    let mut roles = Vec::new();
    if quorum(&document.root) {
        roles.push(Role::Root);
    }
    if document.recovery.as_ref().is_some_and(quorum) {
        roles.push(Role::Recovers);
    }
    let mut roles: Vec<(Role, String)> = roles.into_iter().map(in_words).collect();
    for (name, family) in &document.families {
        roles.extend(roles_in(name, family, who));
    }
    roles
}

fn in_words(role: Role) -> (Role, String) {
    let words = role.to_string();
    (role, words)
}

/// The same in one family.
fn roles_in(name: &Name, family: &Family, who: &Name) -> Vec<(Role, String)> {
    let mut roles = Vec::new();
    let quorum = |quorum: &Quorum| quorum.people().contains(who);
    let own = || name.clone();
    if family.requesters.contains(who) {
        roles.push(in_words(Role::Asks { family: own() }));
    }
    if family.revokers.contains(who) {
        roles.push(in_words(Role::Revokes { family: own() }));
    }
    if family.managers.as_ref().is_some_and(|rules| quorum(&rules.quorum)) {
        roles.push(in_words(Role::Manages { family: own() }));
    }
    if family.controls.as_ref().is_some_and(|rules| quorum(&rules.quorum)) {
        roles.push(in_words(Role::Vouches { family: own() }));
    }
    for (called, channel) in &family.channels {
        let Channel { approvals, review, provenance, .. } = channel;
        if approvals.as_ref().is_some_and(quorum) {
            roles.push(in_words(Role::Approves { family: own(), channel: called.clone() }));
        }
        if review.as_ref().is_some_and(|review| quorum(&review.quorum)) {
            roles.push(in_words(Role::Reviews { family: own(), channel: called.clone() }));
        }
        if let Some(builder) = provenance.as_ref().and_then(|demand| demand.builders.get(who)) {
            let role = Role::Builds { family: own(), channel: called.clone() };
            let words = format!("{role}, as {builder}");
            roles.push((role, words));
        }
    }
    roles
}

/// When somebody last said something, and when in which role: indices of the log.
#[derive(Default)]
pub(super) struct Uses {
    any: BTreeMap<Name, u64>,
    roles: BTreeMap<(Name, Role), u64>,
}

impl Uses {
    /// Reads every leaf that counts. What the replay passed over says what nobody need have signed: it is nobody's use of a role.
    pub(super) fn of(known: &mut Known, document: &PolicyDocument) -> Result<Self, Failure> {
        let passed: BTreeSet<u64> = known.view.passed_over().iter().map(|one| one.index).collect();
        let leaves = counted(known.leaves.iter().map(|leaf| leaf.event.clone()), &passed);
        let mut uses = Self::default();
        for (index, event) in leaves {
            for by in speakers(known, event.clone()) {
                for role in used(known, document, &event, &by) {
                    uses.roles.insert((by.clone(), role), index);
                }
                uses.any.insert(by, index);
            }
            if let Event::Submitted { request, .. } = event {
                for (by, role) in built(known, request)? {
                    uses.any.insert(by.clone(), index);
                    uses.roles.insert((by, role), index);
                }
            }
        }
        Ok(uses)
    }

    /// The last of somebody, in any role.
    pub(super) fn last(&self, who: &Name) -> Option<u64> {
        self.any.get(who).copied()
    }

    /// The last of somebody in this role.
    pub(super) fn last_in(&self, who: &Name, role: &Role) -> Option<u64> {
        self.roles.get(&(who.clone(), role.clone())).copied()
    }
}

/// The leaves that the replay did not pass over, each with its index.
fn counted(events: impl Iterator<Item = Event>, passed: &BTreeSet<u64>) -> Vec<(u64, Event)> {
    (0..).zip(events).filter(|(index, _)| !passed.contains(index)).collect()
}

/// The roles in which somebody said this.
fn used(known: &mut Known, document: &PolicyDocument, event: &Event, by: &Name) -> BTreeSet<Role> {
    let mut of_request = |id: &ObjectId| known.request(*id).ok().map(|it| (it.family, it.channel));
    match event {
        Event::Approved { requests, .. } => {
            let places = requests.iter().filter_map(of_request);
            places.map(|(family, channel)| Role::Approves { family, channel }).collect()
        }
        Event::Reviewed { request, .. } => {
            let place = of_request(request).into_iter();
            place.map(|(family, channel)| Role::Reviews { family, channel }).collect()
        }
        Event::Submitted { request, .. } => {
            of_request(request).into_iter().map(|(family, _)| Role::Asks { family }).collect()
        }
        Event::Compensated { control, .. } => {
            let control = known.read_object::<Control>(*control).ok();
            control.into_iter().map(|control| Role::Vouches { family: control.family }).collect()
        }
        Event::FamilyChanged { change, .. } => {
            let change = known.read_object::<FamilyChange>(*change).ok();
            change.into_iter().map(|change| Role::Manages { family: change.family }).collect()
        }
        Event::Revoked { revocation } => match known.read_object::<Revocation>(*revocation) {
            Ok(said) => revoked(known, document, &said.revokes, by),
            Err(_) => BTreeSet::new(),
        },
        Event::Objected { .. } | Event::Policy { .. } => BTreeSet::from([Role::Root]),
        Event::Recovery { .. } => BTreeSet::from([Role::Recovers]),
        Event::Attempted { .. }
        | Event::Denied { .. }
        | Event::Published { .. }
        | Event::Recovered { .. }
        | Event::Signed { .. } => BTreeSet::new(),
    }
}

/// A key speaks for more than one family: whoever suspends one does it for each that lets them revoke.
fn revoked(known: &mut Known, document: &PolicyDocument, what: &Revoked, by: &Name) -> BTreeSet<Role> {
    let families: Vec<Name> = match what {
        Revoked::Request(id) => known.request(*id).ok().map(|it| it.family).into_iter().collect(),
        Revoked::Control(id) => {
            known.read_object::<Control>(*id).ok().map(|it| it.family).into_iter().collect()
        }
        Revoked::Key { .. } => {
            let all = document.families.iter().filter(|(_, family)| family.revokers.contains(by));
            all.map(|(name, _)| name.clone()).collect()
        }
    };
    families.into_iter().map(|family| Role::Revokes { family }).collect()
}

/// Whose builds are asked to be released: a builder says nothing to the log, its word stands in the provenance that the request names. Only what
/// its own key signed is its word.
fn built(known: &mut Known, id: ObjectId) -> Result<BTreeSet<(Name, Role)>, Failure> {
    let Ok(request) = known.request(id) else { return Ok(BTreeSet::new()) };
    let mut envelopes = Vec::new();
    for id in &request.provenance {
        envelopes.extend(known.object(*id)?.map(<[u8]>::to_vec));
    }
    Ok(builders_of(known, &request, &envelopes))
}

fn builders_of(known: &Known, request: &Request, envelopes: &[Vec<u8>]) -> BTreeSet<(Name, Role)> {
    let (family, channel) = (&request.family, &request.channel);
    let Some(policy) = known.view.policy_named(&request.policy) else { return BTreeSet::new() };
    let demand = policy.channel(family, channel).and_then(|rules| rules.provenance.as_ref());
    let Some(demand) = demand else { return BTreeSet::new() };
    let builders = demand.builders(policy, |_, key| key.counts_at(request.not_before));
    let said = envelopes.iter().filter_map(|it| Provenance::verify(it, &builders, &known.limits).ok());
    let ids: BTreeSet<String> = said.map(|it| it.builder_id().to_owned()).collect();
    let own = demand.builders.iter().filter(|(_, id)| ids.contains(id.as_str()));
    let role = || Role::Builds { family: family.clone(), channel: channel.clone() };
    own.map(|(name, _)| (name.clone(), role())).collect()
}

/// A role, who has it, and who of them ever used it.
pub(super) struct Standing {
    role: Role,
    members: BTreeMap<Name, Option<u64>>,
}

impl Standing {
    /// The last use by anybody who has it.
    fn last(&self) -> Option<u64> {
        self.members.values().copied().flatten().max()
    }

    fn never(&self) -> Vec<&str> {
        let never = self.members.iter().filter(|(_, last)| last.is_none());
        never.map(|(name, _)| name.as_str()).collect()
    }

    /// What is to be looked at: a role that nobody used, or those of its members who never did.
    pub(super) fn words(&self) -> Option<String> {
        let never = self.never().join(", ");
        match self.last() {
            None => Some(format!("nobody used yet: {} ({never})", self.role)),
            Some(index) if !never.is_empty() => {
                Some(format!("{}, last at index {index}; never: {never}", self.role))
            }
            Some(_) => None,
        }
    }

    pub(super) fn json(&self) -> Value {
        let members: Vec<&str> = self.members.keys().map(Name::as_str).collect();
        json!({ "role": self.role.to_string(), "members": members, "last_index": self.last(), "never": self.never() })
    }
}

/// Every role that the policy gives anybody.
pub(super) fn standings(document: &PolicyDocument, uses: &Uses) -> Vec<Standing> {
    let mut all: BTreeMap<Role, BTreeMap<Name, Option<u64>>> = BTreeMap::new();
    for who in document.identities.keys() {
        for (role, _) in roles(document, who) {
            let last = uses.last_in(who, &role);
            all.entry(role).or_default().insert(who.clone(), last);
        }
    }
    all.into_iter().map(|(role, members)| Standing { role, members }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv15_what_the_replay_passed_over_is_nobodys_use_of_a_role() {
        let event = |what: &str| Event::Reviewed {
            review: ObjectId::of(what.as_bytes()),
            request: ObjectId::of(b"request"),
        };
        let left = counted([event("a"), event("b"), event("c")].into_iter(), &BTreeSet::from([1]));
        assert_eq!(left, [(0, event("a")), (2, event("c"))]);
    }

    #[test]
    fn what_is_to_be_looked_at_is_a_role_that_nobody_used_and_who_never_did() {
        let name = |text: &str| Name::try_from(text).unwrap();
        let words = |alice, bob| {
            let members = BTreeMap::from([(name("alice"), alice), (name("bob"), bob)]);
            Standing { role: Role::Asks { family: name("gateway") }, members }.words()
        };
        assert_eq!(
            words(None, None).unwrap(),
            "nobody used yet: family gateway: asks for releases (alice, bob)"
        );
        let told = words(Some(7), None).unwrap();
        assert_eq!(told, "family gateway: asks for releases, last at index 7; never: bob");
        assert_eq!(words(Some(7), Some(3)), None);
    }
}
