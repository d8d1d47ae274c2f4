//! `attest release approve`.

use std::path::PathBuf;

use attest_core::release::object::Object as _;
use attest_core::release::request::Kind;
use attest_core::release::statement::{Approval, Described, Text};
use attest_core::release::{Name, ObjectId};
use clap::Args;
use serde_json::json;

use super::known::Known;
use super::state::{State, state};
use super::words::Change;
use super::{Desk, answer, bytes, short, sign, write};
use crate::cli::{Exit, Failure, Output, Style, printable};

/// Flags of `approve`.
#[derive(Args, Debug)]
pub(super) struct Approve {
    /// Requests, by their ids or as many first digits as no other begins with
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// Everything that waits for this person, but for emergencies and rollbacks
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// "I computed the measurements from the artifacts myself": say it only if it is so
    #[arg(long)]
    recomputed: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Write the statement there, and hand in nothing
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// One text lists at most this many.
const TOGETHER: usize = 64;

impl Approve {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let home = desk.home()?;
        let mut known = Known::read(&home)?;
        let by = home.who(desk.by.as_ref())?;
        let ids = self.ids(&mut known, &by)?;
        let changes = self.changes(&mut known, &ids)?;
        if changes.is_empty() {
            if out.wants_json() {
                out.json(&json!({ "approved": [] }))
            } else {
                out.line("nothing waits for you")
            }
            return Ok(Exit::Good);
        }
        if !out.wants_json() {
            for change in &changes {
                change.tell(out);
                out.line("");
            }
            out.flush();
        }
        let approval = self.signed(desk, &known, &by, &changes)?;
        let encoded = bytes(&approval)?;
        let mut at = None;
        if let Some(path) = &self.out {
            write(path, &encoded)?;
        } else {
            at = Some(known.remote.approve(encoded)?);
        }
        if out.wants_json() {
            let ids: Vec<ObjectId> = changes.iter().map(|change| change.id).collect();
            let (index, already) = (at.map(|at| at.index), at.is_some_and(|at| at.already));
            out.json(&json!({ "approved": ids, "by": by, "index": index, "already": already }));
        } else {
            let done = out.paint(Style::Good, "approved");
            let ids: Vec<String> = changes.iter().map(|change| short(&change.id)).collect();
            let place = match (&self.out, at) {
                (Some(path), _) => format!("in {}, which is not handed in", path.display()),
                (None, Some(at)) => format!("at index {} of the log", at.index),
                (None, None) => String::new(),
            };
            out.line(format!("{done} {} {place}", ids.join(" ")));
        }
        Ok(Exit::Good)
    }

    /// What is approved, as it is shown. Of all that wait, what cannot be shown is passed over: whoever may ask could keep people from the others.
    fn changes(&self, known: &mut Known, ids: &[ObjectId]) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        for id in ids {
            match Change::read(known, *id) {
                Ok(change) => changes.push(change),
                Err(failure) if self.all && failure.exit() == Exit::Refused => {
                    eprintln!("{} is passed over: {}", short(id), printable(&failure.to_line()));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(changes)
    }

    fn signed(&self, desk: &Desk, known: &Known, by: &Name, changes: &[Change]) -> Result<Approval, Failure> {
        let first = changes.first().map(|change| change.request.policy);
        let policy = first.ok_or_else(|| Failure::usage("request_missing", "which requests?"))?;
        if changes.iter().any(|change| change.request.policy != policy) {
            return Err(Failure::usage(
                "approval_policy_mismatch",
                "these requests are made under different policies",
            ));
        }
        let described: Vec<_> =
            changes.iter().map(|change| Described { id: change.id, request: &change.request }).collect();
        let mut approval = Approval {
            format: Approval::FORMAT.to_owned(),
            authority: known.view.authority(),
            policy,
            requests: changes.iter().map(|change| change.id).collect(),
            recomputed: self.recomputed,
            by: by.clone(),
            signature: String::new(),
        };
        let text = Text::approval(&approval, &described)
            .ok_or_else(|| Failure::fault("approval", "the text is of other requests"))?;
        let question = match changes.len() {
            1 => format!("Release it, {by}?"),
            count => format!("Release all {count}, {by}?"),
        };
        answer::confirm(&question, self.yes)?;
        let key = desk.home()?.signing_key(desk.key.as_deref())?;
        approval.signature = sign::sign_as::<Approval>(&known.policies()?, by, &key, &text)?;
        Ok(approval)
    }

    fn ids(&self, known: &mut Known, by: &Name) -> Result<Vec<ObjectId>, Failure> {
        if !self.all {
            return self.ids.iter().map(|id| known.find(id)).collect();
        }
        let all: Vec<ObjectId> = known.said.requests().map(|(id, _)| *id).collect();
        let mut waiting = Vec::new();
        for id in all {
            if waiting.len() == TOGETHER {
                break;
            }
            if waits_for(known, id, by)? {
                waiting.push(id);
            }
        }
        Ok(waiting)
    }
}

/// Whether this person may still approve it, and has not.
fn waits_for(known: &mut Known, id: ObjectId, by: &Name) -> Result<bool, Failure> {
    let Ok(request) = known.request(id) else { return Ok(false) };
    let Some(policy) = known.view.policy_of_now(&request.family) else { return Ok(false) };
    let is_named = policy.id() == request.policy
        && policy
            .channel(&request.family, &request.channel)
            .and_then(|channel| channel.approvals.as_ref())
            .is_some_and(|quorum| quorum.people().contains(by));
    if !is_named || request.kind != Kind::Normal || request.requester == *by {
        return Ok(false);
    }
    Ok(matches!(state(known, id)?, State::Submitted { approved, .. } if !approved.contains(by)))
}
