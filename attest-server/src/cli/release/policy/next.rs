//! `attest release policy show --next`: the policy as it is, as the one that would follow it; people begin with that and change what is to change.

use attest_core::release::policy::{Policy, PolicyDocument};

use crate::cli::release::known::Known;
use crate::cli::{Failure, Output};

/// The number raised, the one before named, and nothing else another. Where the log is known, what families said of themselves goes on.
pub(super) fn of(policy: &Policy, known: Option<&Known>) -> PolicyDocument {
    let mut next = policy.document().clone();
    next.version = next.version.saturating_add(1);
    next.previous = Some(policy.id());
    if let Some(known) = known {
        for (name, family) in &mut next.families {
            if let Some(rules) = &mut family.managers {
                rules.carries = known.view.policy_of_now(name).and_then(Policy::change);
            }
        }
    }
    next
}

/// As TOML, with what is done with it in comments.
pub(super) fn show(policy: &Policy, known: Option<&Known>, out: &mut Output) -> Result<(), Failure> {
    let next = of(policy, known);
    if out.wants_json() {
        out.json(&next);
        return Ok(());
    }
    let (version, before, id) = (next.version, policy.document().version, policy.id());
    out.line(format!("# Version {version}, as version {before} has it, {id}."));
    out.line("# Change what is to change; then build it, have the root quorum sign it, and hand it in:");
    out.line("#   attest release policy build next.toml --out next.cbor");
    out.line("#   attest release policy sign next.cbor --out NAME.cbor");
    out.line("#   attest release policy succeed next.cbor --statement NAME.cbor --statement …");
    if let Some(pending) = known.and_then(|known| known.view.recovery()) {
        let (waits, from) = (pending.policy().id(), pending.earliest().utc());
        out.line(format!(
            "# The recovery quorum wants {waits}, not before {from}, if no root member objects."
        ));
    }
    out.line(super::to_toml(&next)?);
    Ok(())
}
