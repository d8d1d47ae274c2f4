//! `attest release policy succeed`: a policy is handed in. Where it stood already, or what does not count, is told by names.

use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::release::ObjectId;
use attest_core::release::policy::Policy;
use attest_core::release::statement::Succession;
use attest_core::release::view::LogView;
use serde_json::{Value, json};

use super::floors::{Reset, resets};
use super::open::{Ending, ending};
use super::why::{by_files, why};
use super::{answer, read};
use crate::cli::release::known::Known;
use crate::cli::release::remote::Recorded;
use crate::cli::release::{Desk, statements};
use crate::cli::{Exit, Failure, Output, input, printable};

/// Hands the policy in.
pub(super) fn run(desk: &Desk, file: &Path, files: &[PathBuf], out: &mut Output) -> Result<Exit, Failure> {
    let limits = Limits::DEFAULT;
    let policy = read(file, &limits)?;
    let said = statements::<Succession>(files, "policy")?;
    let encoded = input::read_file(file, limits.release_object_bytes)?;
    // Who cannot have the log now hears nothing of it, and hands in all the same.
    let will = desk.read().and_then(|mut known| Will::of(&mut known, &policy)).ok();
    let handed_in = desk.remote()?.succeed(encoded, said.clone());
    let at = match handed_in {
        Ok(at) => at,
        // The log is read for the words alone: what the server said stays.
        Err(failure) if failure.exit() == Exit::Refused => {
            return Err(match desk.read() {
                Ok(known) => {
                    let said = by_files::<Succession>(files, &said, &known.limits);
                    failure.with_lines(why(&known, &policy, &said, known.view.next_place()))
                }
                Err(_) => failure,
            });
        }
        Err(failure) => return Err(failure),
    };
    let known = if at.already { Some(desk.read()?) } else { None };
    let will = if at.already { None } else { will };
    tell(&policy, at, known.as_ref().map(|known| &known.view), will.as_ref(), out);
    Ok(Exit::Good)
}

/// What a policy does that is followed.
struct Will {
    ends: Vec<Ending>,
    resets: Vec<Reset>,
}

impl Will {
    fn of(known: &mut Known, policy: &Policy) -> Result<Self, Failure> {
        let before = known.policy()?.clone();
        Ok(Self { ends: ending(known)?, resets: resets(Some(known), &before, policy)? })
    }
}

/// Where it stands, what it follows, and what followed it.
fn tell(policy: &Policy, at: Recorded, view: Option<&LogView>, will: Option<&Will>, out: &mut Output) {
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
    for one in will.into_iter().flat_map(|will| will.resets.iter().map(Reset::line)) {
        line.push_str(&format!("\n{}", printable(&one)));
    }
    for one in will.into_iter().flat_map(|will| will.ends.iter().map(Ending::line)) {
        line.push_str(&format!("\n{}", printable(&one)));
    }
    let ends: Option<Vec<Value>> = will.map(|will| will.ends.iter().map(Ending::to_json).collect());
    let resets: Option<Vec<Value>> = will.map(|will| will.resets.iter().map(Reset::to_json).collect());
    let by = follower.map(
        |(next, index)| json!({ "policy": next.id(), "version": next.document().version, "index": index }),
    );
    let json = json!({
        "policy": id, "index": at.index, "already": at.already, "version": document.version, "follows": document.previous,
        "followed_by": by.unwrap_or(Value::Null), "ends_requests": ends,
        "resets_floors": resets,
    });
    answer(out, json, line);
}

/// The policy that followed this one, and where it stands.
fn follower(view: &LogView, id: ObjectId) -> Option<(&Policy, u64)> {
    let next = view.policies().skip_while(|policy| policy.id() != id).nth(1)?;
    Some((next, index_of(view, next.id())?))
}

/// Where a policy that is or was followed stands.
pub(super) fn index_of(view: &LogView, id: ObjectId) -> Option<u64> {
    (0..view.head().size).find(|index| view.policy_at(index + 1).is_some_and(|policy| policy.id() == id))
}
