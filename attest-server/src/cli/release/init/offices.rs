//! Who may put another policy in the place of the first one, and who may change who stands in the family's rules.

use std::collections::BTreeSet;

use attest_core::Limits;
use attest_core::release::policy::{ManagerRules, PolicyDocument, Protection};
use attest_core::release::{Name, Quorum};
use clap::{Args, ValueEnum};

use super::{name, quorum};
use crate::cli::{Failure, Output, printable};

/// Flags of `init` about people beside those who approve.
#[derive(Args, Debug)]
pub(super) struct Offices {
    /// Somebody of the root, who puts the next policy in the place of this one: a --person's name, or NAME=FILE; each --person without it
    #[arg(long = "root", value_name = "NAME[=FILE]", value_parser = someone)]
    root: Vec<Someone>,
    /// How many of the root it takes
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    root_quorum: usize,
    /// Somebody who does so after seven days if the root is lost: a --person's name, or NAME=FILE; nobody without it
    #[arg(long = "recovery", value_name = "NAME[=FILE]", value_parser = someone)]
    recovery: Vec<Someone>,
    /// How many of them it takes
    #[arg(long, value_name = "NUMBER", default_value_t = 2, requires = "recovery")]
    recovery_quorum: usize,
    /// A manager, who changes who stands in the family's rules: a --person's name, or NAME=FILE. Without it each --person, where there are two
    /// more than managers must agree, so that one can leave; else the root alone
    #[arg(long = "manager", value_name = "NAME[=FILE]", value_parser = someone)]
    managers: Vec<Someone>,
    /// How many managers it takes; as many as approve without it, and two at least
    #[arg(long, value_name = "NUMBER")]
    manager_quorum: Option<usize>,
    /// What must hold the keys of people whom managers bring in; without it they bring in nobody whom the policy does not name
    #[arg(long, value_name = "PROTECTION")]
    enrol: Option<Held>,
    /// The root alone changes who stands in the family's rules
    #[arg(long, conflicts_with_all = ["managers", "manager_quorum", "enrol"])]
    no_managers: bool,
}

/// What holds keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Held {
    Hardware,
    Software,
}

/// Somebody, and the file with their key where they are named by it.
type Someone = (Name, Option<String>);

/// `NAME`, or `NAME=FILE`.
fn someone(text: &str) -> Result<Someone, String> {
    let (left, right) =
        text.split_once('=').map_or((text, None), |(left, right)| (left, Some(right.to_owned())));
    Ok((name(left).map_err(|error| error.to_string())?, right))
}

fn names(people: &[Someone]) -> BTreeSet<Name> {
    people.iter().map(|(name, _)| name.clone()).collect()
}

impl Offices {
    /// Everyone who is named, and by which flag.
    pub(super) fn holders(&self) -> impl Iterator<Item = (&'static str, &Name, Option<&String>)> {
        let all = [("root", &self.root), ("recovery", &self.recovery), ("manager", &self.managers)];
        all.into_iter()
            .flat_map(|(flag, people)| people.iter().map(move |(name, file)| (flag, name, file.as_ref())))
    }

    /// The root quorum, of those who approve where nobody is named.
    pub(super) fn root(&self, people: &BTreeSet<Name>, limits: &Limits) -> Result<Quorum, Failure> {
        let named = names(&self.root);
        quorum("root", self.root_quorum, if named.is_empty() { people } else { &named }, limits)
    }

    pub(super) fn recovery(&self, limits: &Limits) -> Result<Option<Quorum>, Failure> {
        let named = names(&self.recovery);
        if named.is_empty() {
            return Ok(None);
        }
        quorum("recovery", self.recovery_quorum, &named, limits).map(Some)
    }

    /// The managers. Of people who could not do without one of them nothing is made unasked.
    pub(super) fn managers(
        &self,
        people: &BTreeSet<Name>,
        approvals: usize,
        limits: &Limits,
    ) -> Result<Option<ManagerRules>, Failure> {
        let least = self.manager_quorum.unwrap_or(approvals.max(2));
        let named = names(&self.managers);
        let is_asked = !named.is_empty() || self.manager_quorum.is_some() || self.enrol.is_some();
        // When one of them has left, those who stay must still be able to lose one.
        let is_of_use = people.len() >= least.saturating_add(2);
        if self.no_managers || !(is_asked || is_of_use) {
            return Ok(None);
        }
        let named = if named.is_empty() { people } else { &named };
        let enrol = self.enrol.map(|held| match held {
            Held::Hardware => Protection::Hardware,
            Held::Software => Protection::Software,
        });
        let quorum = quorum("managers", least, named, limits)?;
        Ok(Some(ManagerRules { quorum, fixed: BTreeSet::new(), enrol, carries: None }))
    }

    /// Who may do so, for people.
    pub(super) fn tell(&self, document: &PolicyDocument, family: &Name, out: &mut Output) {
        let of = |quorum: &Quorum| {
            let people: Vec<String> = quorum.people().iter().map(ToString::to_string).collect();
            format!("{} of {}", quorum.least_people(), printable(&people.join(", ")))
        };
        out.line(match &document.recovery {
            Some(quorum) => format!("recovery, if the root is lost: {}", of(quorum)),
            None => "recovery, if the root is lost: nobody (--recovery)".to_owned(),
        });
        let managers = document.families.get(family).and_then(|family| family.managers.as_ref());
        out.line(match managers {
            Some(rules) => {
                let enrol = rules
                    .enrol
                    .map_or("nobody new".to_owned(), |kept| format!("people with keys in {}", kept.name()));
                format!("managers of {family}: {}; they may bring in {enrol}", of(&rules.quorum))
            }
            None => format!("managers of {family}: nobody but the root (--manager)"),
        });
    }
}
