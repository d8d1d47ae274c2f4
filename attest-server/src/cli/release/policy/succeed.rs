//! `attest release policy succeed`: a policy is handed in. Where it stood already, or what does not count, is told by names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::release::object;
use attest_core::release::policy::Policy;
use attest_core::release::speaker::Hearing;
use attest_core::release::ssh::Signature;
use attest_core::release::statement::{Statement as _, Succession, Text};
use attest_core::release::view::LogView;
use attest_core::release::{Name, ObjectId};
use serde_json::{Value, json};

use super::{answer, read};
use crate::cli::release::known::Known;
use crate::cli::release::remote::{Recorded, Remote};
use crate::cli::release::{Desk, statements};
use crate::cli::{Exit, Failure, Output, input};

/// Hands the policy in.
pub(super) fn run(desk: &Desk, file: &Path, files: &[PathBuf], out: &mut Output) -> Result<Exit, Failure> {
    let limits = Limits::DEFAULT;
    let policy = read(file, &limits)?;
    let said = statements::<Succession>(files, "policy")?;
    let encoded = input::read_file(file, limits.release_object_bytes)?;
    let handed_in = Remote::connect(&desk.home()?)?.succeed(encoded, said.clone());
    let at = match handed_in {
        Ok(at) => at,
        // The log is read for the words alone: what the server said stays.
        Err(failure) if failure.exit() == Exit::Refused => {
            return Err(match desk.known() {
                Ok(known) => failure.with_lines(why(&known, &policy, files, &said)),
                Err(_) => failure,
            });
        }
        Err(failure) => return Err(failure),
    };
    let known = if at.already { Some(desk.known()?) } else { None };
    tell(&policy, at, known.as_ref().map(|known| &known.view), out);
    Ok(Exit::Good)
}

/// Where it stands, what it follows, and what followed it.
fn tell(policy: &Policy, at: Recorded, view: Option<&LogView>, out: &mut Output) {
    let (id, document) = (policy.id(), policy.document());
    let follower = view.and_then(|view| follower(view, id));
    let mut line = format!("{id} stands at index {} of the log", at.index);
    if at.already {
        line.push_str(", and stood there before");
    }
    if let Some(previous) = document.previous {
        let before = document.version.saturating_sub(1);
        line.push_str(&format!(
            "\nit is version {}, and follows version {before}, {previous}",
            document.version
        ));
    }
    if let Some((next, index)) = follower {
        let version = next.document().version;
        line.push_str(&format!(
            "\nit is not followed any more: version {version}, {}, followed it at index {index}",
            next.id()
        ));
    }
    let by = follower.map(
        |(next, index)| json!({ "policy": next.id(), "version": next.document().version, "index": index }),
    );
    let json = json!({
        "policy": id, "index": at.index, "already": at.already, "version": document.version, "follows": document.previous,
        "followed_by": by.unwrap_or(Value::Null),
    });
    answer(out, json, line);
}

/// The policy that followed this one, and where it stands.
fn follower(view: &LogView, id: ObjectId) -> Option<(&Policy, u64)> {
    let next = view.policies().skip_while(|policy| policy.id() != id).nth(1)?;
    Some((next, index_of(view, next.id())?))
}

/// Where a policy that is or was followed stands.
fn index_of(view: &LogView, id: ObjectId) -> Option<u64> {
    (0..view.head().size).find(|index| view.policy_at(index + 1).is_some_and(|policy| policy.id() == id))
}

/// What does not fit: the policy's place among others, each statement that does not count, and what the quorums have.
fn why(known: &Known, policy: &Policy, files: &[PathBuf], said: &[Vec<u8>]) -> Vec<String> {
    let Some(followed) = known.view.policy() else { return Vec::new() };
    let mut lines = Vec::new();
    if policy.document().previous != Some(followed.id()) {
        let (version, id) = (followed.document().version, followed.id());
        let index = index_of(&known.view, id).unwrap_or_default();
        let says =
            policy.document().previous.map_or_else(|| "none".to_owned(), |previous| previous.to_string());
        lines.push(format!("version {version}, {id}, is followed from index {index} on, and this one says that it follows {says}"));
        lines.push("`attest release policy show --next` writes what the next policy is made from".to_owned());
    }
    let mut counted = [BTreeSet::new(), BTreeSet::new()];
    let mut heard = BTreeMap::new();
    for (file, bytes) in files.iter().zip(said) {
        let file = file.display();
        let Ok(statement) = object::read::<Succession>(bytes, &known.limits) else { continue };
        let by = statement.by().clone();
        let who = format!("{file}: `{by}`, {}", fingerprint(&statement, &known.limits));
        if let Some(before) = heard.insert(by.clone(), file.to_string()) {
            lines.push(format!("{who}: said the same in {before}, and each person counts once"));
        }
        for (under, counted) in [followed, policy].into_iter().zip(&mut counted) {
            match weigh(known, under, policy, &statement) {
                Ok(()) => {
                    counted.insert(by.clone());
                }
                Err(because) => {
                    let line = format!("{who}: {because}");
                    if !lines.contains(&line) {
                        lines.push(line);
                    }
                }
            }
        }
    }
    for (under, counted) in [followed, policy].into_iter().zip(&counted) {
        lines.extend(short(under, counted));
    }
    lines
}

/// Why this statement is nobody's word under this policy for the next one.
fn weigh(known: &Known, under: &Policy, next: &Policy, said: &Succession) -> Result<(), String> {
    if said.policy != next.id() {
        return Err(format!("it is about {}, another policy", said.policy));
    }
    if !under.document().root.people().contains(said.by()) {
        return Err(format!("they are not in the root quorum of version {}", under.document().version));
    }
    let hearing = Hearing { policy: under, view: &known.view, now: known.now, limits: &known.limits };
    let text = Text::succession(said, next.document());
    let heard = hearing.voice(said, &text, known.view.next_place());
    heard.map(|_| ()).map_err(|error| format!("{error}, by version {}", under.document().version))
}

/// What is missing from the root quorum of this policy; nothing where it is met.
fn short(policy: &Policy, counted: &BTreeSet<Name>) -> Option<String> {
    let root = &policy.document().root;
    if root.is_met_by(counted) {
        return None;
    }
    let groups = root.tally(counted).into_iter();
    let groups: Vec<String> =
        groups.map(|one| format!("{} of {} in the group {}", one.have.len(), one.need, one.group)).collect();
    let people: Vec<String> = root.people().into_iter().map(|name| name.to_string()).collect();
    let version = policy.document().version;
    Some(format!("the root quorum of version {version}, of {}, has {}", people.join(", "), groups.join(", ")))
}

/// The key that signed it, as `ssh-keygen -l` tells it.
fn fingerprint(said: &Succession, limits: &Limits) -> String {
    Signature::parse(said.signature(), limits)
        .map_or_else(|_| "no signature".to_owned(), |it| it.key().fingerprint())
}
