//! `attest release family`: who stands in a family's rules, by the word of its managers and within what the policy says.

pub(super) mod differs;
mod draft;

use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::release::family::{Error, FamilyChange};
use attest_core::release::object::Object as _;
use attest_core::release::policy::Policy;
use attest_core::release::statement::{FamilyStatement, Text};
use attest_core::release::{Name, ObjectId};
use attest_core::toml_error::described;
use clap::Subcommand;
use serde_json::json;

use self::differs::Differs;
use self::draft::Draft;
use super::known::Known;
use super::policy::answer;
use super::{Desk, bytes, name, sign, write};
use crate::cli::{Exit, Failure, Output, Style, input, printable};

#[derive(Debug, Subcommand)]
pub(super) enum Family {
    /// Everyone who stands in its rules now
    Show {
        /// The family
        #[arg(value_parser = name)]
        family: Name,
    },
    /// Write the next change (TOML), to be looked at and built
    Draft(Box<Draft>),
    /// From TOML to the object, with what changes and what is wrong with it
    Build {
        /// The change, TOML
        file: PathBuf,
        /// Where to write the object
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign a change, as a manager
    Sign {
        /// The object
        file: PathBuf,
        /// Where to write the statement
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Hand a change in, with the statements of the managers of before and after it
    Submit {
        /// The object
        file: PathBuf,
        /// A manager's statement
        #[arg(long = "statement", value_name = "FILE", required = true)]
        statements: Vec<PathBuf>,
    },
}

impl Family {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        match self {
            Self::Show { family } => show(&desk.known(out)?, &family, out)?,
            Self::Draft(draft) => draft.run(&desk.known(out)?, out)?,
            Self::Build { file, out: to } => {
                let unfit = |error: &dyn std::fmt::Display| {
                    super::unfit(&file, "a change in TOML, as `family draft` writes it", "family_toml", error)
                };
                let text = String::from_utf8(input::read_file(&file, limits.release_object_bytes)?)
                    .map_err(|error| unfit(&error))?;
                let change = toml::from_str(&text).map_err(|error| unfit(&described(&text, &error)))?;
                let encoded = bytes(&change)?;
                let id = ObjectId::of(&encoded);
                let differs =
                    weigh(&desk.known(out)?, id, &change, &limits).map_err(|failure| failure.about(&file))?;
                write(&to, &encoded)?;
                differs.tell(out);
                let Differs { lines, fields } = differs;
                let json = json!({
                    "change": id, "changes": lines, "fields": fields, "out": to.display().to_string()
                });
                answer(out, json, format!("{id} is written to {}", to.display()));
            }
            Self::Sign { file, out: to, yes } => {
                let home = desk.home()?;
                let (id, change) = read(&file)?;
                let known = desk.known(out)?;
                let differs = weigh(&known, id, &change, &limits).map_err(|failure| failure.about(&file))?;
                let mut statement = FamilyStatement {
                    format: FamilyStatement::FORMAT.to_owned(),
                    change: id,
                    by: home.who(desk.by.as_ref())?,
                    signature: String::new(),
                };
                let text = Text::family(&statement, id, &change)
                    .ok_or_else(|| Failure::fault("family", "the text is of another change"))?;
                if !out.wants_json() {
                    text.as_str().lines().for_each(|line| out.line(printable(line)));
                }
                differs.tell(out);
                out.flush();
                super::answer::confirm(&format!("Is that so from now on, {}?", statement.by), yes)?;
                let key = home.signing_key(desk.key.as_deref())?;
                // Managers of after it sign it, too, with the keys that it brings.
                let after =
                    change.applied_to(id, known.policy()?, &limits).map_err(|error| refused(&error))?;
                let mut policies = known.policies()?;
                policies.push(&after);
                statement.signature =
                    sign::sign_as::<FamilyStatement>(&policies, &statement.by, &key, &text)?;
                write(&to, &bytes(&statement)?)?;
                let by = &statement.by;
                let Differs { lines, fields } = &differs;
                let json = json!({ "change": id, "by": by, "changes": lines, "fields": fields });
                answer(out, json, format!("{by} wants {id}"));
            }
            Self::Submit { file, statements } => {
                let (id, change) = read(&file)?;
                let statements = super::statements::<FamilyStatement>(&statements, "family")?;
                let at = desk.remote()?.change_family(bytes(&change)?, statements)?;
                let line = format!("{id} stands at index {} of the log", at.index);
                answer(out, json!({ "change": id, "index": at.index, "already": at.already }), line);
            }
        }
        Ok(Exit::Good)
    }
}

fn read(file: &Path) -> Result<(ObjectId, FamilyChange), Failure> {
    let (encoded, change) = super::read_object(file, "a change as `family build` writes it")?;
    Ok((ObjectId::of(&encoded), change))
}

/// What is followed for this family now, as a change would say it.
fn as_it_is(known: &Known, family: &Name) -> Result<FamilyChange, Failure> {
    let policy = known.policy()?;
    if policy.family(family).is_none() {
        return Err(super::unknown_family(policy, family));
    }
    let now = known.view.policy_of_now(family).and_then(Policy::change);
    let last = known.view.changes_of(family).iter().rev().find(|one| one.policy().change() == now);
    let mut change = match last.filter(|_| now.is_some()) {
        Some(last) => last.change().clone(),
        None => {
            let nothing = super::words("nothing").map_err(|error| Failure::fault(error.code(), error))?;
            let authority = known.view.authority();
            FamilyChange::of(authority, policy, family, nothing, known.now)
                .ok_or_else(|| refused(&Error::NotManaged { family: family.clone() }))?
        }
    };
    (change.policy, change.previous) = (policy.id(), now);
    Ok(change)
}

/// What it changes; refused where it would not count, whoever wants it.
fn weigh(known: &Known, id: ObjectId, change: &FamilyChange, limits: &Limits) -> Result<Differs, Failure> {
    let before = as_it_is(known, &change.family)?;
    if (change.authority, change.policy) != (known.view.authority(), before.policy) {
        let detail = format!("the policy that is followed is {}", before.policy);
        return Err(Failure::malformed("family_change_under_another_policy", detail));
    }
    if change.previous != before.previous {
        let last = before.previous.map_or("none".to_owned(), |last| last.to_string());
        return Err(Failure::malformed(
            "family_change_does_not_follow",
            format!("the change that is followed is {last}"),
        ));
    }
    if change.not_after < known.now.max(known.view.time()) {
        return Err(Failure::malformed("family_change_over", "its time is over"));
    }
    change.applied_to(id, known.policy()?, limits).map_err(|error| refused(&error))?;
    Differs::of(&before, change)
}

fn refused(error: &Error) -> Failure {
    let detail = match error {
        Error::Faults(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "),
        other => other.to_string(),
    };
    Failure::malformed(error.code(), detail)
}

fn show(known: &Known, family: &Name, out: &mut Output) -> Result<(), Failure> {
    let now = as_it_is(known, family)?;
    if out.wants_json() {
        out.json(&json!({ "family": family, "change": now.previous, "is": now }));
        return Ok(());
    }
    let by =
        now.previous.map_or("as the policy has it".to_owned(), |change| format!("by the change {change}"));
    let title = out.paint(Style::Strong, family);
    out.line(format!("{title}, {by}"));
    for (who, places) in differs::places(&now) {
        let places: Vec<String> = places.into_iter().collect();
        out.line(format!("  {who}: {}", places.join("; ")));
    }
    Ok(())
}
