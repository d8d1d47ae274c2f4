//! Who calls, and what they may call.

use attest_core::release::policy::{Channel, Kind};
use attest_core::release::{Name, Policy};

use super::{Denied, Fault, State};

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
    let missing = || {
        let detail = format!("`{name}` is not named for this in the policy that is followed");
        Err(Denied::new(Fault::Role, "role_missing", detail))
    };
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

fn is_named(policy: &Policy, name: &Name, call: Call) -> bool {
    let document = policy.document();
    let mut families = document.families.values();
    let mut channels = document.families.values().flat_map(|family| family.channels.values());
    let approves =
        |channel: &Channel| channel.approvals.as_ref().is_some_and(|quorum| quorum.people().contains(name));
    match call {
        Call::Read => true,
        Call::Submit => families.any(|family| family.requesters.contains(name)),
        Call::Revoke => families.any(|family| family.revokers.contains(name)),
        Call::Approve => channels.any(approves),
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
            is_person && (families.any(|family| family.requesters.contains(name)) || channels.any(approves))
        }
        Call::Sign => false,
    }
}
