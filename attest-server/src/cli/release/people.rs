//! Who may do what: offboarding, rotation, and the two lists that reviews ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::leaf::Event;
use attest_core::release::policy::{Channel, Family, Policy, PolicyDocument};
use attest_core::release::statement::{
    Approval, ControlStatement, FamilyStatement, Objection, Recovery, ReviewStatement, Revocation, Statement,
    Submission, Succession,
};
use attest_core::release::{Name, ObjectId, Quorum};
use clap::Args;
use serde_json::json;

use super::known::Known;
use super::state::{State, state};
use super::{Desk, name, policy, recovery, short, write};
use crate::cli::{Exit, Failure, Output, Style, printable};

/// Flags of `offboard`.
#[derive(Args, Debug)]
pub(super) struct Offboard {
    /// Who leaves
    #[arg(value_parser = name)]
    who: Name,
    /// Write the policy without them there (TOML), to be looked at, built, signed and handed in
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Flags of `rotate`.
#[derive(Args, Debug)]
pub(super) struct Rotate {
    /// Whose key changes: a person, a program, a builder, or a key that signs releases
    #[arg(value_parser = name)]
    who: Name,
    /// Their old keys may be in other hands: what they said from this index of the log on does not count; 0 where nobody knows since when
    #[arg(long, value_name = "INDEX")]
    compromised_from: Option<u64>,
    /// Write the policy in which that is so there (TOML)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// One thing to do, or to know.
struct Task {
    what: String,
}

fn tell(tasks: &[Task], out: &mut Output) {
    if out.wants_json() {
        return out.json(&json!({ "work": tasks.iter().map(|task| &task.what).collect::<Vec<_>>() }));
    }
    for task in tasks {
        out.line(format!("- {}", printable(&task.what)));
    }
}

/// Every place of the policy that names somebody.
fn named(document: &PolicyDocument, who: &Name) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut task = |what: String| tasks.push(Task { what });
    let quorum = |quorum: &Quorum| quorum.people().contains(who);
    if quorum(&document.root) {
        task("root quorum, whose members change by succession only".to_owned());
    }
    if document.recovery.as_ref().is_some_and(quorum) {
        task("recovery quorum".to_owned());
    }
    for (family_name, family) in &document.families {
        if family.requesters.contains(who) {
            task(format!("family {family_name}: asks for releases"));
        }
        if family.revokers.contains(who) {
            task(format!("family {family_name}: revokes"));
        }
        if family.managers.as_ref().is_some_and(|rules| quorum(&rules.quorum)) {
            task(format!("family {family_name}: manages who stands in its rules"));
        }
        if family.controls.as_ref().is_some_and(|rules| quorum(&rules.quorum)) {
            task(format!("family {family_name}: vouches for what makes up for its weakness"));
        }
        for (called, channel) in &family.channels {
            let Channel { approvals, review, provenance, .. } = channel;
            if approvals.as_ref().is_some_and(quorum) {
                task(format!("family {family_name}, channel {called}: approves"));
            }
            if review.as_ref().is_some_and(|review| quorum(&review.quorum)) {
                task(format!("family {family_name}, channel {called}: reviews"));
            }
            if provenance.as_ref().is_some_and(|demand| demand.builders.contains_key(who)) {
                task(format!("family {family_name}, channel {called}: builds"));
            }
        }
    }
    if let Some(key) = document.signing_keys.get(who) {
        let family = key.family.as_ref().map_or("no family", Name::as_str);
        task(format!("signing key for {} of {family}, in {}", key.purpose.name(), key.pkcs11));
    }
    for (called, witness) in &document.log.witnesses {
        if called == who {
            task(format!("witness of the log, {}", if witness.outside { "outside" } else { "own" }));
        }
    }
    tasks
}

/// What of theirs is open, and what would stop counting.
fn said(known: &mut Known, who: &Name, from: Option<u64>) -> Result<Vec<Task>, Failure> {
    let mut tasks = Vec::new();
    let leaves: Vec<(u64, Event)> =
        known.leaves.iter().zip(0..).map(|(leaf, index)| (index, leaf.event.clone())).collect();
    for (index, event) in leaves {
        let by = match event {
            Event::Approved { approval, requests } => {
                let by = known.read_object::<Approval>(approval).ok().map(|approval| approval.by);
                by.map(|by| (by, "approved", requests))
            }
            Event::Submitted { submission, request } => {
                let by = known.read_object::<Submission>(submission).ok().map(|submission| submission.by);
                by.map(|by| (by, "asked for", vec![request]))
            }
            _ => None,
        };
        let Some((_, did, requests)) = by.filter(|(by, ..)| by == who) else { continue };
        let stops = from.is_some_and(|from| index >= from);
        for request in requests {
            let is_open = matches!(state(known, request)?, State::Submitted { .. } | State::Quorate { .. });
            if stops {
                tasks.push(Task {
                    what: format!("index {index}: {did} {}, and that stops counting", short(&request)),
                });
            } else if is_open {
                tasks.push(Task {
                    what: format!("index {index}: {did} {}, which is still open", short(&request)),
                });
            }
        }
    }
    Ok(tasks)
}

/// What is followed, with the families as they say that they are.
fn document(known: &Known) -> Result<PolicyDocument, Failure> {
    known.view.document().ok_or_else(|| Failure::malformed("policy_missing", "the log has no policy"))
}

/// Whose each key is, those of people whom families brought in among them.
pub(super) fn keys_of(known: &Known, who: &Name) -> BTreeSet<ObjectId> {
    let policies = known.view.policy().into_iter().chain(known.view.changed(u64::MAX));
    let own = policies.flat_map(Policy::keys).filter(|(_, of)| of.identity == *who);
    own.map(|(key, _)| ObjectId::of(&key.spki_der())).collect()
}

/// Families whose managers can take somebody out of its rules without a succession, and how.
fn managed(document: &PolicyDocument, who: &Name) -> Vec<Task> {
    let managed = document.families.iter().filter(|(_, family)| family.managers.is_some());
    let managed = managed.filter(|(name, family)| is_in(family, name, who));
    let task = |(name, _): (&Name, &Family)| Task {
        what: format!(
            "family {name}: its managers can do that by themselves, `attest release family draft {name} --remove {who}`"
        ),
    };
    managed.map(task).collect()
}

/// The next policy, with a change, as a draft. What families say goes on where they do not name who leaves. It is whole only when people made it so: what is wrong with it, `policy build` says.
fn draft(
    known: &Known,
    path: &std::path::Path,
    leaves: Option<&Name>,
    change: impl FnOnce(&mut PolicyDocument),
) -> Result<Vec<Task>, Failure> {
    let (policy, mut tasks) = (known.policy()?, Vec::new());
    let mut next = policy.document().clone();
    for (name, family) in &mut next.families {
        let Some(rules) = &mut family.managers else { continue };
        rules.carries = known.view.policy_of_now(name).and_then(Policy::change);
        let last = known.view.changes_of(name).last().filter(|_| rules.carries.is_some());
        let own = last.and_then(|last| last.policy().family(name));
        let names = |who: &Name| own.is_some_and(|own| is_in(own, name, who));
        if leaves.is_some_and(names) {
            rules.carries = None;
            tasks.push(Task {
                what: format!("family {name}: its own change names them, and is not carried on; write its people into the policy, or have its managers change it first"),
            });
        }
    }
    next.version = next.version.saturating_add(1);
    next.previous = Some(policy.id());
    change(&mut next);
    write(path, policy::to_toml(&next)?.as_bytes())?;
    Ok(tasks)
}

/// Whether this family, of this name, has somebody in its rules.
fn is_in(family: &Family, name: &Name, who: &Name) -> bool {
    family.requesters.contains(who)
        || family.revokers.contains(who)
        || family.quorums(name).into_iter().any(|(_, quorum)| quorum.people().contains(who))
}

impl Offboard {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known()?;
        let document = document(&known)?;
        if !document.identities.contains_key(&self.who) {
            return Err(Failure::usage("identity_unknown", format!("the policy knows no `{}`", self.who)));
        }
        let mut tasks = named(&document, &self.who);
        tasks.extend(managed(&document, &self.who));
        tasks.extend(said(&mut known, &self.who, None)?);
        let (keys, who, size) = (keys_of(&known, &self.who).len(), &self.who, known.view.head().size);
        let suspend = format!("attest release revoke --suspend {who} --from-index {size}");
        let until = "for 14 days, until the succession; what they said before goes on counting";
        tasks.push(Task { what: format!("{keys} key(s): `{suspend}` holds them {until}") });
        if let Some(path) = &self.out {
            tasks.extend(draft(&known, path, Some(&self.who), |next| {
                next.identities.remove(&self.who);
                for family in next.families.values_mut() {
                    family.requesters.remove(&self.who);
                    family.revokers.remove(&self.who);
                }
            })?);
            tasks.push(Task {
                what: format!(
                    "{}: take them out of the quorums above, then `attest release policy build`",
                    path.display()
                ),
            });
        }
        tell(&tasks, out);
        Ok(Exit::Good)
    }
}

impl Rotate {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known()?;
        let document = document(&known)?;
        let mut tasks = named(&document, &self.who);
        let keys = keys_of(&known, &self.who).into_iter();
        let lost: BTreeMap<ObjectId, u64> =
            keys.filter_map(|key| Some((key, self.compromised_from?))).collect();
        if tasks.is_empty() && !document.identities.contains_key(&self.who) {
            return Err(Failure::usage("identity_unknown", format!("the policy knows no `{}`", self.who)));
        }
        if let Some(from) = self.compromised_from {
            super::in_log(&known, "--compromised-from", from)?;
        }
        tasks.extend(said(&mut known, &self.who, self.compromised_from)?);
        if let Some(from) = self.compromised_from {
            tasks.push(Task {
                what: format!(
                    "now: `attest release revoke --suspend {} --from-index {from}` holds for 14 days",
                    self.who
                ),
            });
            tasks.push(Task {
                what: format!(
                    "for good: a succession that lists {} key(s) as compromised from index {from}",
                    lost.len()
                ),
            });
        }
        if let Some(path) = &self.out {
            tasks.extend(draft(&known, path, None, |next| next.compromised.extend(lost))?);
            tasks.push(Task {
                what: format!("{}: put the new key in, then `attest release policy build`", path.display()),
            });
        }
        tell(&tasks, out);
        Ok(Exit::Good)
    }
}

/// Inv.: no standing right to sign. What can be signed now, requests grant.
pub(super) fn who_can_sign_now(desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let mut known = desk.known()?;
    let all: Vec<ObjectId> = known.said.requests().map(|(id, _)| *id).collect();
    let mut grants = Vec::new();
    for id in all {
        // What cannot be had is signed by nobody.
        if known.object(id)?.is_none() {
            continue;
        }
        if let State::Quorate { approved } = state(&mut known, id)? {
            let request = known.request(id)?;
            grants.push((id, request, approved));
        }
    }
    if out.wants_json() {
        let grants: Vec<_> = grants
            .iter()
            .map(|(id, request, approved)| {
                json!({ "request": id, "family": request.family, "channel": request.channel, "approved": approved,
                        "keys": request.sign.iter().map(|sign| &sign.key).collect::<BTreeSet<_>>(),
                        "until": request.not_after.utc().to_string() })
            })
            .collect();
        out.json(&json!({ "grants": grants, "pending_recovery": recovery::json(&known.view) }));
        return Ok(Exit::Good);
    }
    recovery::tell(&known.view, out);
    if grants.is_empty() {
        out.line("nobody: no request is quorate, and there is no other right to sign");
    }
    for (id, request, approved) in grants {
        let people: Vec<&str> = approved.iter().map(Name::as_str).collect();
        for sign in &request.sign {
            let (key, until) = (&sign.key, request.not_after.utc());
            let line = format!(
                "{key}: once, for {} of {}, until {until}, by the word of {}",
                short(&id),
                request.family,
                people.join(", ")
            );
            out.line(line);
        }
    }
    Ok(Exit::Good)
}

/// Whose word a leaf is about, as far as it can be had.
fn speakers(known: &mut Known, event: Event) -> Vec<Name> {
    fn all<S: Statement>(known: &mut Known, ids: &[ObjectId]) -> Vec<Name> {
        let by = |id: &ObjectId| known.read_object::<S>(*id).ok().map(|said| said.by().clone());
        ids.iter().filter_map(by).collect()
    }
    match event {
        Event::Approved { approval, .. } => all::<Approval>(known, &[approval]),
        Event::Compensated { statements, .. } => all::<ControlStatement>(known, &statements),
        Event::FamilyChanged { statements, .. } => all::<FamilyStatement>(known, &statements),
        Event::Objected { objection } => all::<Objection>(known, &[objection]),
        Event::Policy { successions, .. } => all::<Succession>(known, &successions),
        Event::Recovery { recoveries, .. } => all::<Recovery>(known, &recoveries),
        Event::Reviewed { review, .. } => all::<ReviewStatement>(known, &[review]),
        Event::Revoked { revocation } => all::<Revocation>(known, &[revocation]),
        Event::Submitted { submission, .. } => all::<Submission>(known, &[submission]),
        Event::Attempted { .. }
        | Event::Denied { .. }
        | Event::Published { .. }
        | Event::Recovered { .. }
        | Event::Signed { .. } => Vec::new(),
    }
}

/// Who may do what, when their keys end, and what they did last.
pub(super) fn access_review(desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let mut known = desk.known()?;
    let (policy, document) = (known.policy()?.id(), document(&known)?);
    let mut last: BTreeMap<Name, u64> = BTreeMap::new();
    let leaves: Vec<(u64, Event)> =
        known.leaves.iter().zip(0..).map(|(leaf, index)| (index, leaf.event.clone())).collect();
    for (index, event) in leaves {
        last.extend(speakers(&mut known, event).into_iter().map(|by| (by, index)));
    }
    let rows: Vec<_> = document
        .identities
        .iter()
        .map(|(who, identity)| {
            let until = identity.keys.iter().map(|key| key.until).max();
            let roles: Vec<String> = named(&document, who).into_iter().map(|task| task.what).collect();
            (who, identity, until, roles, last.get(who).copied())
        })
        .collect();
    if out.wants_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|(who, identity, until, roles, last)| {
                json!({ "identity": who, "kind": identity.kind, "organisation": identity.organisation,
                        "keys_until": until.map(|until| until.utc().to_string()), "roles": roles, "last_index": last })
            })
            .collect();
        out.json(&json!({ "policy": policy, "identities": rows }));
        return Ok(Exit::Good);
    }
    for (who, identity, until, roles, last) in rows {
        let strong = out.paint(Style::Strong, who);
        let until = until.map_or("no key".to_owned(), |until| format!("keys until {}", until.utc()));
        let did = last.map_or_else(
            || out.paint(Style::Warn, "did nothing yet"),
            |index| format!("last at index {index}"),
        );
        let kind = format!("{:?}", identity.kind).to_lowercase();
        out.line(format!("{strong} ({kind}, {}): {until}, {did}", identity.organisation));
        if roles.is_empty() {
            let unused = out.paint(Style::Warn, "  no role names them");
            out.line(unused);
        }
        for role in roles {
            out.line(format!("  {role}"));
        }
    }
    Ok(Exit::Good)
}
