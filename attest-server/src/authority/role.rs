//! Who calls, and what they may call.

use attest_core::release::policy::{Channel, Family, Identity, Kind};
use attest_core::release::{Name, Policy, Quorum};

use super::{Ask, Denied, Fault, State};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// Without TLS, on this machine: everyone is everything.
    Development,
    /// The one name in a client certificate that was checked.
    Named(Name),
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Approve,
    Compensate,
    Manage,
    Object,
    Publish,
    Read,
    Review,
    Revoke,
    Sign,
    Submit,
    Succeed,
}

/// The code for whoever is nobody by the policy.
pub(super) const UNKNOWN: &str = "identity_unknown";

/// Whom the policies that are followed name: all that is asked of the log before anything that is handed in waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    signer: Option<Name>,
    root: Option<Policy>,
    /// Of each family that says itself who stands in its rules.
    changed: Vec<Policy>,
}

impl Roles {
    pub(super) fn of(state: &State, signer: Option<Name>) -> Self {
        Self { signer, root: state.policy().cloned(), changed: changed(state).cloned().collect() }
    }

    /// As the log is now.
    pub(super) fn follow(&mut self, state: &State) {
        if !self.is_of(state) {
            *self = Self::of(state, self.signer.take());
        }
    }

    /// Whether nothing of it changed since.
    pub(super) fn is_of(&self, state: &State) -> bool {
        let is_root = self.root.as_ref().map(Policy::id) == state.policy().map(Policy::id);
        let now: Vec<&Policy> = changed(state).collect();
        is_root
            && self.changed.len() == now.len()
            && self.changed.iter().zip(now).all(|(one, now)| one.is(now))
    }

    /// Each family by the policy that is followed for it.
    fn families<'r>(&'r self, root: &'r Policy) -> Vec<(&'r Policy, &'r Family)> {
        let own = |name: &Name| {
            let policy = self.changed.iter().find(|policy| policy.family(name).is_some()).unwrap_or(root);
            Some((policy, policy.family(name)?))
        };
        root.document().families.keys().filter_map(own).collect()
    }
}

/// The policies of families that say themselves who stands in their rules.
fn changed(state: &State) -> impl Iterator<Item = &Policy> {
    let families = state.policy().into_iter().flat_map(|root| root.document().families.keys());
    families.filter_map(|name| state.ledger().policy_of(name)).filter(|policy| policy.change().is_some())
}

/// Whether the policy that is followed names this caller for this call.
pub(super) fn check(who: &Who, call: Call, roles: &Roles) -> Result<(), Denied> {
    let Who::Named(name) = who else { return Ok(()) };
    let missing = || Err(missing(name));
    // The signer is nothing else, whatever a policy calls by its name.
    if roles.signer.as_ref() == Some(name) {
        return match call {
            Call::Publish | Call::Read | Call::Sign => Ok(()),
            _ => missing(),
        };
    }
    let Some(root) = &roles.root else { return missing() };
    let named = Named { root, families: roles.families(root) };
    if !named.is_known(name) {
        let detail = format!("`{name}` is no identity of the policy that is followed");
        return Err(Denied::new(Fault::Role, UNKNOWN, detail));
    }
    if named.may(name, call) { Ok(()) } else { missing() }
}

fn missing(name: &Name) -> Denied {
    let detail = format!("`{name}` is not named for this in the policy that is followed");
    Denied::new(Fault::Role, "role_missing", detail)
}

/// Whether whoever publishes is named for it in the request's own family. What nobody asked for is turned away as that.
pub(super) fn check_family(who: &Who, ask: &Ask, state: &State, signer: Option<&Name>) -> Result<(), Denied> {
    let (Who::Named(name), Ask::Publish { request, .. }) = (who, ask) else { return Ok(()) };
    let Some(known) = state.request(request).filter(|_| signer != Some(name)) else { return Ok(()) };
    let family = &known.request.family;
    let family = state.ledger().policy_of(family).and_then(|policy| policy.family(family));
    if family.is_some_and(|family| publishes(family, name)) { Ok(()) } else { Err(missing(name)) }
}

fn approves(channel: &Channel, name: &Name) -> bool {
    channel.approvals.as_ref().is_some_and(|quorum| quorum.people().contains(name))
}

/// People who asked for what was signed, or who approve in its family.
fn publishes(family: &Family, name: &Name) -> bool {
    family.requesters.contains(name) || family.channels.values().any(|channel| approves(channel, name))
}

/// Whom the policy that is followed names, and whom families do.
struct Named<'s> {
    root: &'s Policy,
    families: Vec<(&'s Policy, &'s Family)>,
}

impl Named<'_> {
    /// Whoever a family brought in is called by a name that is nobody else's.
    fn identity(&self, name: &Name) -> Option<&Identity> {
        let own = self.families.iter().find_map(|(policy, _)| policy.identity(name));
        self.root.identity(name).or(own)
    }

    fn is_known(&self, name: &Name) -> bool {
        self.identity(name).is_some()
    }

    fn may(&self, name: &Name, call: Call) -> bool {
        let document = self.root.document();
        let mut families = self.families.iter().map(|(_, family)| *family);
        let mut channels = self.families.iter().flat_map(|(_, family)| family.channels.values());
        let has = |quorum: &Quorum| quorum.people().contains(name);
        match call {
            Call::Read => true,
            Call::Submit => families.any(|family| family.requesters.contains(name)),
            Call::Revoke => families.any(|family| family.revokers.contains(name)),
            Call::Approve => channels.any(|channel| approves(channel, name)),
            Call::Review => {
                channels.any(|channel| channel.review.as_ref().is_some_and(|review| has(&review.quorum)))
            }
            Call::Compensate => {
                families.filter_map(|family| family.controls.as_ref()).any(|rules| has(&rules.quorum))
            }
            Call::Manage => {
                families.filter_map(|family| family.managers.as_ref()).any(|rules| has(&rules.quorum))
            }
            Call::Object => has(&document.root),
            Call::Succeed => has(&document.root) || document.recovery.as_ref().is_some_and(has),
            // Programs ask; what they asked for, people or the signer publish.
            Call::Publish => {
                let is_person = self.identity(name).is_some_and(|identity| identity.kind == Kind::Person);
                is_person && families.any(|family| publishes(family, name))
            }
            Call::Sign => false,
        }
    }
}
