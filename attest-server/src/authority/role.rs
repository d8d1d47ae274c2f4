//! Who calls, and what they may call.

use attest_core::release::policy::{Channel, Family, Kind};
use attest_core::release::{Name, Policy};

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
    Object,
    Publish,
    Read,
    Review,
    Revoke,
    Sign,
    Submit,
    Succeed,
}

/// Whether the policy that is followed names this caller for this call.
pub(super) fn check(who: &Who, call: Call, state: &State, signer: Option<&Name>) -> Result<(), Denied> {
    let Who::Named(name) = who else { return Ok(()) };
    let missing = || Err(missing(name));
    // The signer is nothing else, whatever a policy calls by its name.
    if signer == Some(name) {
        return match call {
            Call::Publish | Call::Read | Call::Sign => Ok(()),
            _ => missing(),
        };
    }
    let Some(policy) = state.policy().filter(|policy| policy.identity(name).is_some()) else {
        let detail = format!("`{name}` is no identity of the policy that is followed");
        return Err(Denied::new(Fault::Role, "identity_unknown", detail));
    };
    if is_named(policy, name, call) { Ok(()) } else { missing() }
}

fn missing(name: &Name) -> Denied {
    let detail = format!("`{name}` is not named for this in the policy that is followed");
    Denied::new(Fault::Role, "role_missing", detail)
}

/// Whether whoever publishes is named for it in the request's own family. What nobody asked for is turned away as that.
pub(super) fn check_family(who: &Who, ask: &Ask, state: &State, signer: Option<&Name>) -> Result<(), Denied> {
    let (Who::Named(name), Ask::Publish { request, .. }) = (who, ask) else { return Ok(()) };
    let Some(known) = state.request(request).filter(|_| signer != Some(name)) else { return Ok(()) };
    let family = state.policy().and_then(|policy| policy.family(&known.request.family));
    if family.is_some_and(|family| publishes(family, name)) { Ok(()) } else { Err(missing(name)) }
}

fn approves(channel: &Channel, name: &Name) -> bool {
    channel.approvals.as_ref().is_some_and(|quorum| quorum.people().contains(name))
}

/// People who asked for what was signed, or who approve in its family.
fn publishes(family: &Family, name: &Name) -> bool {
    family.requesters.contains(name) || family.channels.values().any(|channel| approves(channel, name))
}

fn is_named(policy: &Policy, name: &Name, call: Call) -> bool {
    let document = policy.document();
    let mut families = document.families.values();
    let mut channels = document.families.values().flat_map(|family| family.channels.values());
    match call {
        Call::Read => true,
        Call::Submit => families.any(|family| family.requesters.contains(name)),
        Call::Revoke => families.any(|family| family.revokers.contains(name)),
        Call::Approve => channels.any(|channel| approves(channel, name)),
        Call::Review => channels.any(|channel| {
            channel.review.as_ref().is_some_and(|review| review.quorum.people().contains(name))
        }),
        Call::Compensate => families
            .filter_map(|family| family.controls.as_ref())
            .any(|rules| rules.quorum.people().contains(name)),
        Call::Object => document.root.people().contains(name),
        Call::Succeed => {
            let recovery = document.recovery.as_ref();
            document.root.people().contains(name)
                || recovery.is_some_and(|quorum| quorum.people().contains(name))
        }
        // Programs ask; what they asked for, people or the signer publish.
        Call::Publish => {
            let is_person = policy.identity(name).is_some_and(|identity| identity.kind == Kind::Person);
            is_person && families.any(|family| publishes(family, name))
        }
        Call::Sign => false,
    }
}
