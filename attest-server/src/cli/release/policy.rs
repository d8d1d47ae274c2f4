//! `attest release policy`: policies as people write them (TOML) and as they are signed (an object with one encoding).

mod carried;
mod differs;
mod floors;
mod key;
mod next;
mod open;
mod succeed;
mod why;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::release::object;
use attest_core::release::policy::{Error, Policy as Checked, PolicyDocument};
use attest_core::release::statement::{Succession, Text};
use attest_core::release::{Name, ObjectId};
use attest_core::toml_error::described;
use clap::Subcommand;
use serde_json::json;

use self::differs::Compared;
use super::{Desk, bytes, recovery, sign, unfit, write};
use crate::cli::{Exit, Failure, Output, Style, input, printable};

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// From TOML to the object, with every fault that there is
    Build {
        /// The policy, TOML
        file: PathBuf,
        /// Where to write the object
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// From the object to TOML
    Show {
        /// The object; the one that is followed now without it
        file: Option<PathBuf>,
        /// As the policy that would follow it: the number raised, the one before named; to be changed and built
        #[arg(long)]
        next: bool,
    },
    /// What a policy changes, field by field
    Diff {
        /// The object
        file: PathBuf,
        /// The policy before it, an object; the one that is followed now without it
        #[arg(long, value_name = "FILE")]
        before: Option<PathBuf>,
    },
    /// Another key of somebody whom a draft names; of hardware with what their token said when it was made
    AddKey(Box<key::AddKey>),
    /// Sign that a policy is to take the place of the one before, once you have seen what it changes
    Sign {
        /// The object
        file: PathBuf,
        /// Where to write the statement
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The root is lost: it is the recovery quorum that wants it, and the root that the policy names
        #[arg(long)]
        recovery: bool,
        /// The policy before it, an object, where the service cannot be reached
        #[arg(long, value_name = "FILE")]
        before: Option<PathBuf>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Hand in a policy, with the statements of the root members who want it
    Succeed {
        /// The object
        file: PathBuf,
        /// A root member's statement; of both policies' root quorums
        #[arg(long = "statement", value_name = "FILE", required = true)]
        statements: Vec<PathBuf>,
        /// The root is lost: the statements are of the recovery quorum, and of the root that the policy names. It waits for seven days
        #[arg(long, requires = "checkpoint")]
        recovery: bool,
        /// With --recovery: where to write the checkpoint from which the days are counted; keep it
        #[arg(long, value_name = "FILE", requires = "recovery")]
        checkpoint: Option<PathBuf>,
    },
    /// After seven days: what the recovery quorum wanted takes effect
    Recovered {
        /// The policy that waited: the object
        file: PathBuf,
        /// The checkpoint that was kept when it began to wait
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
    },
}

impl Policy {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        match self {
            Self::Build { file, out: to } => {
                let document = from_toml(&file, &limits)?;
                let (encoded, policy) =
                    checked(&document, &limits).map_err(|failure| failure.about(&file))?;
                write(&to, &encoded)?;
                told(&policy, &to, out);
            }
            Self::Show { file: Some(file), next: true } => next::show(&read(&file, &limits)?, None, out)?,
            Self::Show { file: Some(file), next: false } => show(read(&file, &limits)?.document(), out)?,
            Self::Show { file: None, next: true } => {
                let known = desk.known_behind("# ", out)?;
                next::show(known.policy()?, Some(&known), out)?;
            }
            Self::Show { file: None, next: false } => {
                let known = desk.known_behind("# ", out)?;
                show(known.policy()?.document(), out)?;
                recovery::tell(&known.view, out);
            }
            Self::AddKey(key) => key.run(out)?,
            Self::Diff { file, before } => {
                let compared = Compared::of(desk, before.as_deref(), &read(&file, &limits)?, out)?;
                compared.tell(out);
                if out.wants_json() {
                    out.json(&json!({ "changes": compared.changes, "carried": compared.carried, "ends": compared.ends,
                                     "ends_requests": compared.requests(), "resets_floors": compared.resets() }));
                }
            }
            Self::Sign { file, out: to, recovery, before, yes } => {
                let (home, policy) = (desk.home()?, read(&file, &limits)?);
                let (key, by) = (home.signing_key(desk.key.as_deref())?, home.who(desk.by.as_ref())?);
                let id = policy.id();
                let compared = Compared::of(desk, before.as_deref(), &policy, out)?;
                compared.tell(out);
                out.flush();
                super::answer::confirm(&format!("Is {id} to be followed from now on, {by}?"), yes)?;
                // People who come with the next policy sign it, too.
                let policies = [&compared.before, &policy];
                let statement = if recovery {
                    recovery::statement(&home, &policies, &by, &key)?
                } else {
                    succession(&policies, &by, &key)?
                };
                write(&to, &statement)?;
                let how = if recovery { " by recovery" } else { "" };
                let (requests, resets) = (compared.requests(), compared.resets());
                let Compared { changes, ends, carried, .. } = compared;
                let json = json!({ "policy": id, "by": by, "recovery": recovery, "changes": changes, "carried": carried,
                                   "ends": ends, "ends_requests": requests, "resets_floors": resets });
                answer(out, json, format!("{by} wants {id}{how}"));
            }
            Self::Succeed { file, statements, recovery: _, checkpoint: None } => {
                return succeed::run(desk, &file, &statements, out);
            }
            Self::Succeed { file, statements, recovery: _, checkpoint: Some(checkpoint) } => {
                let policy = read(&file, &limits)?;
                return recovery::hand_in(desk, (&file, &policy), &statements, &checkpoint, out);
            }
            Self::Recovered { file, checkpoint } => {
                let policy = read(&file, &limits)?;
                let id = policy.id();
                let note = input::read_file(&checkpoint, limits.note_bytes)?;
                let at = recovery::end(desk, &policy, note)?;
                let line = format!("{id} is followed from index {} of the log on", at.index);
                answer(out, json!({ "policy": id, "index": at.index, "already": at.already }), line);
            }
        }
        Ok(Exit::Good)
    }
}

/// A root member's word for the second of these policies, which is to follow the first.
fn succession(policies: &[&Checked; 2], by: &Name, key: &Path) -> Result<Vec<u8>, Failure> {
    let [_, policy] = policies;
    let mut statement = Succession {
        format: <Succession as object::Object>::FORMAT.to_owned(),
        policy: policy.id(),
        by: by.clone(),
        signature: String::new(),
    };
    let text = Text::succession(&statement, policy.document());
    statement.signature = sign::sign_as::<Succession>(policies, by, key, &text)?;
    bytes(&statement)
}

pub(super) use self::why::{for_recovery, pending};

pub(super) fn answer(out: &mut Output, json: serde_json::Value, line: String) {
    if out.wants_json() { out.json(&json) } else { out.line(line) }
}

/// Whose keys are all known to be lost: they stand in rules that they cannot fill.
fn silent(policy: &Checked) -> BTreeSet<&Name> {
    let lost = &policy.document().compromised;
    let (mut silent, mut speak) = (BTreeSet::new(), BTreeSet::new());
    for (key, of) in policy.keys() {
        let is_lost = lost.contains_key(&ObjectId::of(&key.spki_der()));
        if is_lost {
            silent.insert(&of.identity)
        } else {
            speak.insert(&of.identity)
        };
    }
    silent.difference(&speak).copied().collect()
}

/// The document in a TOML file.
pub(super) fn from_toml(path: &Path, limits: &Limits) -> Result<PolicyDocument, Failure> {
    let unfit = |error: &dyn std::fmt::Display| unfit(path, "a policy in TOML", "policy_toml", error);
    let text = String::from_utf8(input::read_file(path, limits.release_object_bytes)?);
    let text = text.map_err(|error| unfit(&error))?;
    toml::from_str(&text).map_err(|error| unfit(&described(&text, &error)))
}

/// The object, and the policy that it is.
pub(super) fn checked(document: &PolicyDocument, limits: &Limits) -> Result<(Vec<u8>, Checked), Failure> {
    let encoded = bytes(document)?;
    let policy = Checked::parse(&encoded, limits).map_err(|error| faults(&error))?;
    Ok((encoded, policy))
}

/// Every fault, a line each.
fn faults(error: &Error) -> Failure {
    let detail = match error {
        Error::Faults(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "),
        other => other.to_string(),
    };
    Failure::malformed(error.code(), detail)
}

/// Whether somebody gave what they edit.
fn is_toml(bytes: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(bytes) else { return false };
    // What somebody edits need not be whole yet.
    let says_so = |line: &str| line.starts_with("format = \"attest-release-policy/");
    !text.trim().is_empty() && (text.lines().any(says_so) || toml::from_str::<toml::Table>(text).is_ok())
}

pub(super) fn read(path: &Path, limits: &Limits) -> Result<Checked, Failure> {
    let bytes = input::read_file(path, limits.release_object_bytes)?;
    Checked::parse(&bytes, limits).map_err(|error| match error {
        Error::Faults(_) => faults(&error).about(path),
        _ if is_toml(&bytes) => {
            let detail = "this is text; build it first with `attest release policy build`, and give the object that it writes";
            Failure::malformed("policy_not_built", detail).about(path)
        }
        _ => unfit(path, "a policy as `policy build` writes it", error.code(), error),
    })
}

/// As people read it.
pub(super) fn to_toml(document: &PolicyDocument) -> Result<String, Failure> {
    toml::to_string_pretty(document).map_err(|error| Failure::fault("policy_toml", error))
}

fn show(document: &PolicyDocument, out: &mut Output) -> Result<(), Failure> {
    if out.wants_json() {
        out.json(document);
    } else {
        out.line(to_toml(document)?);
    }
    Ok(())
}

pub(super) fn told(policy: &Checked, path: &Path, out: &mut Output) {
    let (id, version) = (policy.id(), policy.document().version);
    let silent = silent(policy);
    if out.wants_json() {
        let out_file = path.display().to_string();
        return out.json(&json!({ "policy": id, "version": version, "out": out_file, "silent": silent }));
    }
    for name in &silent {
        let words = format!(
            "every key of `{name}` is in `compromised`: nobody can speak for `{name}` under this policy"
        );
        out.line(out.paint(Style::Warn, words));
    }
    let strong = out.paint(Style::Strong, id);
    out.line(format!("policy {version}: {strong}"));
    let people = policy.document().root.people();
    let people: Vec<&str> = people.iter().map(attest_core::release::Name::as_str).collect();
    let least = policy.document().root.least_people();
    out.line(format!("root: {least} of {}", printable(&people.join(", "))));
    out.line(format!("written to {}", path.display()));
}
