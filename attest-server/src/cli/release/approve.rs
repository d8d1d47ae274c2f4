//! `attest release approve`.

use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::release::key::CanonicalKey;
use attest_core::release::object::Object as _;
use attest_core::release::request::Kind;
use attest_core::release::ssh::{PublicKey, Signature};
use attest_core::release::statement::{Approval, Described, Text};
use attest_core::release::view::Mark;
use attest_core::release::{Name, ObjectId};
use clap::Args;
use serde_json::json;

use super::gates::{self, Outlook, Told};
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
    /// Do not ask. A request that cannot count as it stands is refused with this: without it you are shown why, and asked anew
    #[arg(long)]
    yes: bool,
    /// Write the statement there, and hand in nothing
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What was approved before, and the index of the log where.
type Before = (ObjectId, u64);

/// One text lists at most this many.
const TOGETHER: usize = 64;

impl Approve {
    pub(super) const fn hands_in(&self) -> bool {
        self.out.is_none()
    }

    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let home = desk.home()?;
        let mut known = desk.known(out)?;
        let by = home.who(desk.by.as_ref())?;
        let ids = self.ids(&mut known, &by)?;
        let key = home.signing_key(desk.key.as_deref()).ok().and_then(|key| public(&key));
        let (ids, before) = self.not_said_before(&mut known, &ids, &by, key.as_ref())?;
        if !before.is_empty() && !out.wants_json() {
            for (id, index) in &before {
                out.line(format!("{}: you already did, at index {index} of the log", short(id)));
            }
        }
        if let (true, Some((_, index))) = (ids.is_empty(), before.first()) {
            if out.wants_json() {
                let ids: Vec<ObjectId> = before.iter().map(|(id, _)| *id).collect();
                out.json(&json!({ "approved": ids, "by": by, "index": index, "already": true }));
            }
            return Ok(Exit::Good);
        }
        let changes: Vec<Change> =
            ids.iter().map(|id| Change::read(&mut known, *id)).collect::<Result<_, _>>()?;
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
        self.what_cannot_count(&changes, &by)?;
        let approval = self.signed(desk, &known, &by, &changes)?;
        let encoded = bytes(&approval)?;
        let mut at = None;
        if let Some(path) = &self.out {
            write(path, &encoded)?;
        } else {
            at = Some(known.server()?.approve(encoded)?);
        }
        if out.wants_json() {
            let ids: Vec<ObjectId> = changes.iter().map(|change| change.id).collect();
            let (index, already) = (at.map(|at| at.index), at.is_some_and(|at| at.already));
            let before: Vec<ObjectId> = before.iter().map(|(id, _)| *id).collect();
            out.json(
                &json!({ "approved": ids, "by": by, "index": index, "already": already, "before": before }),
            );
        } else if let Some(at) = at.filter(|at| at.already) {
            out.line(format!("you already did, at index {} of the log", at.index));
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

    /// What the same key said before, and where: one more statement of it says nothing more.
    fn not_said_before(
        &self,
        known: &mut Known,
        ids: &[ObjectId],
        by: &Name,
        key: Option<&CanonicalKey>,
    ) -> Result<(Vec<ObjectId>, Vec<Before>), Failure> {
        let (mut new, mut before) = (Vec::new(), Vec::new());
        for id in ids {
            let said = match key.filter(|_| self.out.is_none()) {
                Some(key) => said(known, *id, by, key, self.recomputed)?,
                None => None,
            };
            match said {
                _ if new.contains(id) => {}
                Some(index) => before.push((*id, index)),
                None => new.push(*id),
            }
        }
        Ok((new, before))
    }

    /// Before anybody signs: what no approval makes count is said, and asked about by itself.
    fn what_cannot_count(&self, changes: &[Change], by: &Name) -> Result<(), Failure> {
        let mut failing = Vec::new();
        for change in changes {
            if !can_count(&change.id, &change.outlook, by, self.yes)? {
                failing.push(short(&change.id));
            }
        }
        if failing.is_empty() {
            return Ok(());
        }
        let ids = failing.join(" ");
        answer::confirm(
            &format!("{ids} cannot count as it stands, whoever approves. Go on all the same, {by}?"),
            false,
        )
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
    let State::Submitted { approved, failing, .. } = state(known, id)? else { return Ok(false) };
    // What cannot count, or not even be shown, waits for nobody: whoever may ask could keep people from the others.
    if let Some(told) = failing.first() {
        eprintln!("{} is passed over: {} [{}]", short(&id), printable(&told.detail), told.code);
    }
    Ok(failing.is_empty() && !approved.contains(by))
}

/// Whether this person's approval can make it count. Who took part never approves it; what fails is approved by nobody's `--yes`.
fn can_count(id: &ObjectId, outlook: &Outlook, by: &Name, yes: bool) -> Result<bool, Failure> {
    let id = short(id);
    if outlook.took_part.contains(by) {
        let detail = format!("{id}: `{by}` asked for it, or triggered the build, and cannot approve it");
        return Err(Failure::malformed("approval_took_part", detail));
    }
    let Some(told) = outlook.failing.first() else { return Ok(true) };
    if yes {
        let (code, detail) = refusal(told);
        let gate = &told.gate;
        let detail =
            format!("{id} cannot count as it stands: {detail} (gate {gate}); without --yes you are asked");
        return Err(Failure::malformed(code, detail));
    }
    Ok(false)
}

/// The code and words of a refusal: as the server says them where it would turn the approval away, and else the gate's own.
fn refusal(told: &Told) -> (&str, String) {
    match told.code.as_str() {
        "release_revoked" => (
            "request_revoked",
            format!("it was revoked: {}", told.detail.trim_start_matches("it was revoked: ")),
        ),
        "release_window" => ("request_expired", "the request's time is over".to_owned()),
        code => (code, told.detail.clone()),
    }
}

/// Where this key said so of this request before, in this person's name and with no less in it. A token's touch is no part of a key: where
/// the channel wants one, only an approval that counts is one.
fn said(
    known: &mut Known,
    id: ObjectId,
    by: &Name,
    key: &CanonicalKey,
    recomputed: bool,
) -> Result<Option<u64>, Failure> {
    let limits = known.limits;
    let approvals = known.said.of_request(&id).map(|about| about.approvals.clone()).unwrap_or_default();
    let mut places = Vec::new();
    for approval in approvals {
        let Ok(said) = known.read_object::<Approval>(approval) else { continue };
        let Ok(signature) = Signature::parse(&said.signature, &limits) else { continue };
        let says_it = said.by == *by && said.recomputed >= recomputed && signature.key().canonical() == key;
        places.extend(known.view.place(Mark::Approved, &approval).filter(|_| says_it));
    }
    let Some(first) = places.iter().map(|place| place.index).min() else { return Ok(None) };
    let request = known.request(id)?;
    let policy = gates::policy(known, id, &request);
    let channel = policy.and_then(|policy| policy.channel(&request.family, &request.channel));
    let wants_touch = channel.is_some_and(|channel| channel.presence.is_some());
    let counts = !wants_touch || gates::outlook(known, id)?.counted.contains(by);
    Ok(counts.then_some(first))
}

/// The public half of a key, where a file has it: nobody is asked for a passphrase or a touch for it.
fn public(key: &Path) -> Option<CanonicalKey> {
    let beside = PathBuf::from(format!("{}.pub", key.display()));
    [beside.as_path(), key].into_iter().find_map(|file| {
        let text = std::fs::read_to_string(file).ok()?;
        let (key, _) = PublicKey::parse_line(text.lines().next()?, &Limits::DEFAULT).ok()?;
        Some(key.canonical().clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::try_from(text).unwrap()
    }

    fn told(code: &str) -> Told {
        let (gate, detail) = ("version".to_owned(), "it is below the floor".to_owned());
        Told { gate, code: code.to_owned(), detail, for_good: true }
    }

    #[test]
    fn a_script_approves_nothing_that_cannot_count() {
        let (id, by) = (ObjectId::of(b"request"), name("alice"));
        let good = Outlook::default();
        assert_eq!(can_count(&id, &good, &by, true), Ok(true));
        let waiting = Outlook { waiting: vec![told("release_quorum_missing")], ..Outlook::default() };
        assert_eq!(can_count(&id, &waiting, &by, true), Ok(true));
        let failing = Outlook { failing: vec![told("release_below_floor")], ..Outlook::default() };
        // A person is shown why, and asked.
        assert_eq!(can_count(&id, &failing, &by, false), Ok(false));
        let refused = can_count(&id, &failing, &by, true).unwrap_err();
        assert_eq!(refused.exit(), Exit::Refused);
        let line = refused.to_line();
        assert!(line.contains("it is below the floor (gate version)"), "{line}");
        assert!(line.ends_with("[release_below_floor]"), "{line}");
    }

    #[test]
    fn who_triggered_the_build_approves_nothing_of_it() {
        let id = ObjectId::of(b"request");
        let outlook = Outlook { took_part: [name("bob")].into(), ..Outlook::default() };
        assert_eq!(can_count(&id, &outlook, &name("alice"), true), Ok(true));
        for yes in [false, true] {
            let refused = can_count(&id, &outlook, &name("bob"), yes).unwrap_err();
            assert!(refused.to_line().ends_with("[approval_took_part]"), "{}", refused.to_line());
        }
    }
}
