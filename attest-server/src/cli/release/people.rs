//! Who may do what: offboarding, rotation, and the two lists that reviews ask for.

mod access;
mod roles;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::key::CanonicalKey;
use attest_core::release::policy::{Policy, PolicyDocument};
use attest_core::release::{Name, ObjectId};
use clap::Args;
use serde_json::json;

pub(super) use self::access::access_review;
use self::work::{Task, is_in, managed, named, said, signed_with, tell};
pub(super) use self::work::{falls, keys_of, listed};

use super::known::Known;
use super::state::{State, state};
use super::{Desk, name, policy, recovery, short, write};
use crate::cli::near::proposal;
use crate::cli::{Exit, Failure, Output};

/// How long one revoker's word keeps a key from counting, in seconds.
pub(super) const SUSPENSION: u64 = 14 * 86_400;

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
    /// Whose key changes: a person, a program, a builder, an organisation, a witness, or a key that signs releases
    #[arg(value_parser = name)]
    who: Name,
    /// Their old keys may be in other hands: what they said from this index of the log on does not count; 0 where nobody knows since when
    #[arg(long, value_name = "INDEX")]
    compromised_from: Option<u64>,
    /// Write the policy in which that is so there (TOML)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What is followed, with the families as they say that they are.
fn document(known: &Known) -> Result<PolicyDocument, Failure> {
    known.view.document().ok_or_else(|| Failure::malformed("policy_missing", "the log has no policy"))
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

impl Offboard {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let document = document(&known)?;
        if !document.identities.contains_key(&self.who) {
            let near = proposal(self.who.as_str(), document.identities.keys().map(Name::as_str));
            let detail = format!("the policy knows no `{}`{near}", self.who);
            return Err(Failure::usage("identity_unknown", detail));
        }
        let mut tasks = named(&document, &self.who);
        tasks.extend(managed(&document, &self.who));
        tasks.extend(said(&mut known, &self.who, None)?);
        let (keys, who, size) = (keys_of(&known, &self.who).len(), &self.who, known.view.head().size);
        if keys > 0 {
            let suspend = format!("attest release revoke --suspend {who} --from-index {size}");
            let until = "for 14 days, until the succession; what they said before goes on counting";
            tasks.push(Task { what: format!("{keys} key(s): `{suspend}` holds them {until}") });
        }
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
        let mut known = desk.known(out)?;
        let document = document(&known)?;
        let whose = self.whose(&document)?;
        if let Some(from) = self.compromised_from {
            super::in_log(&known, "--compromised-from", from)?;
        }
        let (mut tasks, mut lost) = (Vec::new(), BTreeMap::new());
        for who in &whose {
            let of = |task: Task| match whose.as_slice() {
                [_] => task,
                _ => Task { what: format!("{who}: {}", task.what) },
            };
            let (more, keys) = self.touches(&mut known, &document, who)?;
            tasks.extend(more.into_iter().map(of));
            lost.extend(keys.into_keys().filter_map(|key| Some((key, self.compromised_from?))));
        }
        if let Some(from) = self.compromised_from.filter(|_| !lost.is_empty()) {
            let keys = lost.len();
            let what =
                format!("for good: a succession that lists {keys} key(s) as compromised from index {from}");
            tasks.push(Task { what });
        }
        if let Some(path) = &self.out {
            tasks.extend(draft(&known, path, None, |next| next.compromised.extend(lost))?);
            let what = format!("{}: put the new key in, then `attest release policy build`", path.display());
            tasks.push(Task { what });
        }
        tell(&tasks, out);
        Ok(Exit::Good)
    }

    /// Somebody or something that the policy knows, or everybody of an organisation.
    fn whose(&self, document: &PolicyDocument) -> Result<Vec<Name>, Failure> {
        let who = &self.who;
        if document.identities.contains_key(who) || !named(document, who).is_empty() {
            return Ok(vec![who.clone()]);
        }
        let members = document.identities.iter().filter(|(_, one)| one.organisation == *who);
        let members: Vec<Name> = members.map(|(name, _)| name.clone()).collect();
        if members.is_empty() {
            let identities = document.identities.iter().flat_map(|(name, one)| [name, &one.organisation]);
            let others = document.signing_keys.keys().chain(document.log.witnesses.keys());
            let near = proposal(who.as_str(), identities.chain(others).map(Name::as_str));
            let detail = format!(
                "the policy knows no `{who}`: no identity, signing key, witness or organisation{near}"
            );
            return Err(Failure::usage("identity_unknown", detail));
        }
        Ok(members)
    }

    /// What hangs on one of them, and the keys with which they speak.
    fn touches(
        &self,
        known: &mut Known,
        document: &PolicyDocument,
        who: &Name,
    ) -> Result<(Vec<Task>, BTreeMap<ObjectId, CanonicalKey>), Failure> {
        let mut tasks = named(document, who);
        if let Some(key) = document.signing_keys.get(who) {
            tasks.extend(signed_with(known, who, key, self.compromised_from.is_some())?);
        }
        tasks.extend(said(known, who, self.compromised_from)?);
        let keys = keys_of(known, who);
        if let Some(from) = self.compromised_from.filter(|_| !keys.is_empty()) {
            let until = known.now.plus(SUSPENSION);
            let falls = falls(known, &keys, (from, until), who)?;
            tasks.extend(
                listed(&falls, "falls: without what they said it does not count").into_iter().map(Task::from),
            );
            let suspend = format!("attest release revoke --suspend {who} --from-index {from}");
            tasks.push(Task { what: format!("now: `{suspend}` holds for 14 days") });
        }
        if self.compromised_from.is_none() && !keys.is_empty() {
            tasks.extend(at_worst(known, &keys, who)?);
        }
        Ok((tasks, keys))
    }
}

/// What nobody said is so: what falls if these keys were in other hands ever since they were enrolled. Before that nothing counts by them, so that
/// is from the first leaf on.
fn at_worst(
    known: &mut Known,
    keys: &BTreeMap<ObjectId, CanonicalKey>,
    who: &Name,
) -> Result<Vec<Task>, Failure> {
    let until = known.now.plus(SUSPENSION);
    let falls = falls(known, keys, (0, until), who)?;
    if falls.is_empty() {
        let what = "at worst, a key in other hands since its enrolment: no release that counts now falls";
        return Ok(vec![Task::from(what.to_owned())]);
    }
    let told = listed(&falls, "falls").into_iter();
    let mut tasks: Vec<Task> = told
        .map(|line| Task { what: format!("at worst, a key in other hands since its enrolment: {line}") })
        .collect();
    let what = "if it may be in other hands: `--compromised-from INDEX` says what falls from there on; 0 where nobody knows since when";
    tasks.push(Task::from(what.to_owned()));
    Ok(tasks)
}

/// Inv.: no standing right to sign. What can be signed now, requests grant.
pub(super) fn who_can_sign_now(desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let mut known = desk.known(out)?;
    // By one that is too old no request is quorate, and by the log of today one may be.
    if let Some(as_of) = known.as_of().filter(|as_of| as_of.is_too_old()) {
        let (when, most) = (as_of.when(), as_of.most());
        let detail = format!(
            "the copy is as of {when}, and who can sign now is told by one of at most {most}: have a newer one"
        );
        return Err(Failure::malformed("copy_too_old", detail));
    }
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
