//! `attest release control`: what makes up for what devices of a family cannot prove.

use std::path::PathBuf;

use attest_core::Timestamp;
use attest_core::release::object::Object as _;
use attest_core::release::policy::Weakness;
use attest_core::release::statement::{Control as Document, ControlStatement, Text};
use attest_core::release::{Name, ObjectId, Words};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::known::Known;
use super::policy::answer;
use super::{Desk, bytes, name, short, sign, words, write};
use crate::cli::{Exit, Failure, Output, Style, printable};

#[derive(Debug, Subcommand)]
pub(super) enum Control {
    /// Write what is done, to be signed by those whom the policy names for it
    New {
        /// The family
        #[arg(long, value_parser = name)]
        family: Name,
        /// What it makes up for; may be repeated
        #[arg(long = "for", value_name = "WEAKNESS", required = true)]
        compensates: Vec<Kind>,
        /// What is done
        #[arg(long, value_parser = words)]
        control: Words,
        /// Its last second, as 2027-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign that it is done
    Sign {
        /// The control
        file: PathBuf,
        /// Where to write the statement
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Hand it in, with the statements
    Submit {
        /// The control
        file: PathBuf,
        /// A statement
        #[arg(long = "statement", value_name = "FILE", required = true)]
        statements: Vec<PathBuf>,
    },
    /// Every control, and which of them stand
    List,
}

/// What devices cannot prove, as policies call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Nothing is enforced on them
    None,
    /// They verify what they boot, and do not measure it
    #[value(name = "verified_only")]
    VerifiedOnly,
    /// Their makers' keys are weak
    #[value(name = "weak_roots")]
    WeakRoots,
}

impl From<Kind> for Weakness {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::None => Self::None,
            Kind::VerifiedOnly => Self::VerifiedOnly,
            Kind::WeakRoots => Self::WeakRoots,
        }
    }
}

impl Control {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::New { family, compensates, control, until, out: to } => {
                let expected = "--until: expected a time as 2027-01-31T00:00:00Z";
                let document = Document {
                    format: Document::FORMAT.to_owned(),
                    authority: desk.home()?.authority,
                    family,
                    compensates: compensates.into_iter().map(Weakness::from).collect(),
                    control,
                    not_after: Timestamp::from_utc(&until)
                        .ok_or_else(|| Failure::usage("usage", expected))?,
                };
                let encoded = bytes(&document)?;
                write(&to, &encoded)?;
                let id = ObjectId::of(&encoded);
                answer(out, json!({ "control": id }), format!("{id} is written to {}", to.display()));
            }
            Self::Sign { file, out: to, yes } => {
                let (home, known) = (desk.home()?, desk.known(out)?);
                let (id, document) = read(&file)?;
                let mut statement = ControlStatement {
                    format: ControlStatement::FORMAT.to_owned(),
                    control: id,
                    by: home.who(desk.by.as_ref())?,
                    signature: String::new(),
                };
                let text = Text::control(&statement, id, &document)
                    .ok_or_else(|| Failure::fault("control", "the text is of another control"))?;
                if !out.wants_json() {
                    text.as_str().lines().for_each(|line| out.line(printable(line)));
                    out.flush();
                }
                super::answer::confirm(&format!("Is that done, {}?", statement.by), yes)?;
                let key = home.signing_key(desk.key.as_deref())?;
                let policies = known.policies()?;
                statement.signature =
                    sign::sign_as::<ControlStatement>(&policies, &statement.by, &key, &text)?;
                write(&to, &bytes(&statement)?)?;
                let by = &statement.by;
                answer(out, json!({ "control": id, "by": by }), format!("{by} vouches for {id}"));
            }
            Self::Submit { file, statements } => {
                let (id, document) = read(&file)?;
                let statements = super::statements::<ControlStatement>(&statements, "control")?;
                let remote = desk.remote()?;
                let at = remote.compensate(bytes(&document)?, statements)?;
                let line = format!("{} stands at index {} of the log", short(&id), at.index);
                answer(out, json!({ "control": id, "index": at.index, "already": at.already }), line);
            }
            Self::List => list(&desk.known(out)?, out),
        }
        Ok(Exit::Good)
    }
}

fn read(file: &std::path::Path) -> Result<(ObjectId, Document), Failure> {
    let (encoded, document) = super::read_object(file, "a control as `control new` writes it")?;
    Ok((ObjectId::of(&encoded), document))
}

/// The only control of the log whose id begins like this.
pub(super) fn find(known: &Known, prefix: &str) -> Result<ObjectId, Failure> {
    let digits = prefix.strip_prefix("sha256:").unwrap_or(prefix);
    let ids = known.view.compensations(known.now).map(|(one, _)| one.id());
    let mut found = ids.filter(|id| id.to_string().trim_start_matches("sha256:").starts_with(digits));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Failure::usage("control_unknown", format!("no control begins with `{prefix}`"))),
        (Some(_), Some(_)) => {
            Err(Failure::usage("control_ambiguous", format!("several controls begin with `{prefix}`")))
        }
    }
}

fn list(known: &Known, out: &mut Output) {
    let now = known.now.max(known.view.time());
    let all: Vec<_> = known.view.compensations(now).collect();
    if out.wants_json() {
        let all: Vec<_> = all
            .iter()
            .map(|(one, stands)| {
                let control = one.control();
                json!({ "control": one.id(), "index": one.place().index, "family": control.family,
                        "compensates": control.compensates, "done": control.control, "stands": stands,
                        "until": control.not_after.utc().to_string(), "by": one.people().collect::<Vec<_>>() })
            })
            .collect();
        return out.json(&json!({ "controls": all }));
    }
    if all.is_empty() {
        out.line("nobody ever vouched for a control");
    }
    for (one, stands) in all {
        let control = one.control();
        let kinds: Vec<&str> = control.compensates.iter().map(|weakness| weakness.name()).collect();
        let people: Vec<&str> = one.people().map(Name::as_str).collect();
        let (style, word) = if stands { (Style::Good, "stands") } else { (Style::Dim, "does not stand") };
        let word = out.paint(style, word);
        out.line(format!(
            "{}  {} ({}) until {}, by {}  {word}: {}",
            short(&one.id()),
            control.family,
            kinds.join(", "),
            control.not_after.utc(),
            people.join(", "),
            printable(control.control.as_str())
        ));
    }
}
