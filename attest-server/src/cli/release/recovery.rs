//! What the recovery quorum wants, and `attest release object`, which stops it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use attest_core::Limits;
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::release::object::Object as _;
use attest_core::release::policy::Policy;
use attest_core::release::statement::{Objection, Recovery, Text};
use attest_core::release::view::LogView;
use attest_core::release::{Name, ObjectId, Words};
use clap::Args;
use serde_json::{Value, json};

use super::home::Home;
use super::known::Known;
use super::policy::{answer, for_recovery, pending};
use super::remote::{Recorded, Remote};
use super::{Desk, bytes, sign, words, write};
use crate::cli::{Exit, Failure, Output, Style, input};

/// How long witnesses may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Flags of `object`.
#[derive(Args, Debug)]
pub(super) struct Object {
    /// The policy that is not to be followed, `sha256:` and 64 digits; what waits now without it
    policy: Option<String>,
    /// Why
    #[arg(long, value_parser = words)]
    reason: Words,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Write the statement there as well
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Object {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let home = desk.home()?;
        let known = desk.known(out)?;
        let by = home.who(desk.by.as_ref())?;
        tell(&known.view, out);
        let waits = known.view.recovery().map(|pending| pending.policy().id());
        let policy = match &self.policy {
            Some(text) => ObjectId::from_text(text)
                .ok_or_else(|| Failure::usage("usage", "POLICY: expected sha256: and 64 digits"))?,
            None => waits.ok_or_else(|| Failure::malformed("recovery_not_pending", "nothing waits"))?,
        };
        out.flush();
        super::answer::confirm(&format!("Object to {policy}, {by}?"), self.yes)?;
        let mut objection = Objection {
            format: Objection::FORMAT.to_owned(),
            authority: known.view.authority(),
            policy,
            reason: self.reason,
            by,
            signature: String::new(),
        };
        let text = Text::objection(&objection);
        let key = home.signing_key(desk.key.as_deref())?;
        objection.signature = sign::sign_as::<Objection>(&known.policies()?, &objection.by, &key, &text)?;
        let encoded = bytes(&objection)?;
        if let Some(file) = &self.out {
            write(file, &encoded)?;
        }
        let at = known.server()?.object_to(encoded)?;
        let line = format!("the objection stands at index {} of the log: {policy} is not followed", at.index);
        answer(out, json!({ "policy": policy, "index": at.index, "already": at.already }), line);
        Ok(Exit::Good)
    }
}

/// Somebody's word for the second of these policies, which is to follow the first by recovery.
pub(super) fn statement(
    home: &Home,
    policies: &[&Policy; 2],
    by: &Name,
    key: &Path,
) -> Result<Vec<u8>, Failure> {
    let [_, policy] = policies;
    let mut statement = Recovery {
        format: Recovery::FORMAT.to_owned(),
        authority: home.authority,
        policy: policy.id(),
        by: by.clone(),
        signature: String::new(),
    };
    let text = Text::recovery(&statement, policy.document());
    statement.signature = sign::sign_as::<Recovery>(policies, by, key, &text)?;
    bytes(&statement)
}

/// Hands a policy in that is to wait, and keeps the first checkpoint by which witnesses saw that.
pub(super) fn hand_in(
    desk: &Desk,
    (file, policy): (&Path, &Policy),
    files: &[PathBuf],
    to: &Path,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let statements = super::statements::<Recovery>(files, "policy")?;
    let remote = desk.remote()?;
    let encoded = input::read_file(file, Limits::DEFAULT.release_object_bytes)?;
    let handed_in = remote.recover(encoded, statements.clone());
    let at = handed_in.map_err(|failure| {
        explained(desk, failure, |known| for_recovery(known, policy, files, &statements))
    })?;
    let id = policy.id();
    let seen = seen(&remote, at.index)?;
    write(to, &seen)?;
    let line = format!(
        "{id} waits from index {} of the log on. Keep {}: seven days after it, `attest release policy recovered`",
        at.index,
        to.display()
    );
    let checkpoint = to.display().to_string();
    let json = json!({ "policy": id, "index": at.index, "already": at.already, "checkpoint": checkpoint });
    answer(out, json, line);
    Ok(Exit::Good)
}

/// What the recovery quorum wanted takes effect, by the checkpoint from which its days are counted.
pub(super) fn end(desk: &Desk, policy: &Policy, note: Vec<u8>) -> Result<Recorded, Failure> {
    let ended = desk.remote()?.recovered(&policy.id(), note);
    ended.map_err(|failure| {
        // What is too early, or is no checkpoint of it, is told already.
        let is_quorum = failure.to_json()["error"]["code"] == "recovery_quorum_not_met";
        if is_quorum { explained(desk, failure, |known| pending(known, policy)) } else { failure }
    })
}

/// A refusal, with what the log says about it. It is read for the words alone: what the server said stays.
fn explained(desk: &Desk, failure: Failure, why: impl FnOnce(&mut Known) -> Vec<String>) -> Failure {
    if failure.exit() != Exit::Refused {
        return failure;
    }
    match desk.read() {
        Ok(mut known) => failure.with_lines(why(&mut known)),
        Err(_) => failure,
    }
}

/// A published checkpoint that has this leaf in it.
fn seen(remote: &Remote, index: u64) -> Result<Vec<u8>, Failure> {
    let since = Instant::now();
    loop {
        if let Ok(note) = remote.checkpoint() {
            let said = Checkpoint::unverified(&note, &Limits::DEFAULT);
            if said.is_ok_and(|checkpoint| checkpoint.head().size > index) {
                return Ok(note);
            }
        }
        if since.elapsed() > PATIENCE {
            let detail = "it is written down, and not witnessed yet: do the same again later";
            return Err(Failure::malformed("recovery_not_witnessed", detail));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// What waits, for programs.
pub(super) fn json(view: &LogView) -> Value {
    let pending = view.recovery().map(|pending| {
        json!({ "policy": pending.policy().id(), "index": pending.place().index,
                "earliest": pending.earliest().utc().to_string() })
    });
    pending.unwrap_or(Value::Null)
}

/// What waits, for people; nothing where nothing does.
pub(super) fn tell(view: &LogView, out: &mut Output) {
    let Some(pending) = view.recovery().filter(|_| !out.wants_json()) else { return };
    let (id, index, from) = (pending.policy().id(), pending.place().index, pending.earliest().utc());
    let line = format!(
        "the recovery quorum wants the policy {id} (index {index}); not before {from}, and not if a root member objects: \
         `attest release object`"
    );
    out.line(out.paint(Style::Bad, line));
}
