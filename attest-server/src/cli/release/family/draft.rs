//! `attest release family draft`: the next change, begun with what is followed now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::family::FamilyChange;
use attest_core::release::policy::{Identity, Kind};
use attest_core::release::quorum;
use attest_core::release::{Name, Quorum, Words};
use attest_core::{Limits, Timestamp};
use clap::Args;
use serde_json::json;

use super::super::known::Known;
use super::super::policy::answer;
use super::super::token::{Period, Tokens, makers};
use super::super::{name, named, words, write};
use super::{as_it_is, differs};
use crate::cli::{Failure, Output};

const DAY: u64 = 86_400;
/// How long a change may wait for its managers.
const WAIT: u64 = 7 * DAY;
/// How long a new key counts.
const KEY: u64 = 365 * DAY;

/// Flags of `family draft`.
#[derive(Args, Debug)]
pub(in super::super) struct Draft {
    /// The family
    #[arg(value_parser = name)]
    family: Name,
    /// Why
    #[arg(long, value_parser = words)]
    reason: Words,
    /// Bring somebody in whom the policy does not name, as FAMILY.NAME=FILE with their public key as ssh-keygen writes it; may be repeated
    #[arg(long, value_name = "WHO=FILE", value_parser = named)]
    enrol: Vec<(Name, String)>,
    #[command(flatten)]
    tokens: Tokens,
    /// Who employs those who are brought in; the organisation of whoever they replace without it
    #[arg(long, value_name = "NAME", value_parser = name)]
    organisation: Option<Name>,
    /// Put one in the place of another, as OLD=NEW; may be repeated
    #[arg(long, value_name = "OLD=NEW", value_parser = named)]
    replace: Vec<(Name, String)>,
    /// Take somebody out; may be repeated
    #[arg(long, value_name = "WHO", value_parser = name)]
    remove: Vec<Name>,
    /// It is not taken later, as 2027-01-31T00:00:00Z; in seven days without it
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Draft {
    pub(super) fn run(self, known: &Known, out: &mut Output) -> Result<(), Failure> {
        let mut change = as_it_is(known, &self.family)?;
        change.reason = self.reason.clone();
        change.not_after = self.not_after(known)?;
        let instead = self.instead(known, &change)?;
        self.are_enrolled(known, &change)?;
        self.tokens.are_of(&self.enrol.iter().map(|(who, _)| who).collect())?;
        for (who, file) in &self.enrol {
            let identity = self.person(known, who, file, &instead)?;
            change.people.insert(who.clone(), identity);
        }
        replace(&mut change, &instead, known).map_err(|error| {
            let detail = format!("{}: too few people would be left: {error}", self.flags());
            Failure::usage(error.code(), detail)
        })?;
        let text = toml::to_string_pretty(&change).map_err(|error| Failure::fault("family_toml", error))?;
        write(&self.out, text.as_bytes())?;
        let path = self.out.display().to_string();
        let line = format!("{path}: look at it, then `attest release family build {path} --out …`");
        answer(out, json!({ "family": self.family, "out": path }), line);
        Ok(())
    }

    fn not_after(&self, known: &Known) -> Result<Timestamp, Failure> {
        let Some(until) = &self.until else { return Ok(known.now.plus(WAIT)) };
        let wrong = |expected: &str| Failure::usage("usage", format!("--until {until}: expected {expected}"));
        let at = Timestamp::from_utc(until).ok_or_else(|| wrong("a time as 2027-01-31T00:00:00Z"))?;
        let now = known.now.max(known.view.time());
        if at <= now {
            return Err(wrong(&format!("a time after now, {}", now.utc())));
        }
        Ok(at)
    }

    /// Who comes in whose place, or whose place is empty.
    fn instead(&self, known: &Known, change: &FamilyChange) -> Result<BTreeMap<Name, Option<Name>>, Failure> {
        let places = differs::places(change);
        let everyone: Vec<&str> = places.keys().map(|who| who.as_str()).collect();
        let stands = |flag: String, who: &Name| {
            if places.contains_key(who) {
                return Ok(());
            }
            let (family, everyone) = (&self.family, everyone.join(", "));
            let detail =
                format!("{flag}: `{who}` stands in no rule of `{family}`; expected one of {everyone}");
            Err(Failure::usage("identity_unknown", detail))
        };
        let mut instead = BTreeMap::new();
        let twice = |flag: String, who: &Name| {
            Failure::usage(
                "usage",
                format!("{flag}: `{who}` is removed or replaced already; expected each of them once"),
            )
        };
        for who in &self.remove {
            let flag = format!("--remove {who}");
            stands(flag.clone(), who)?;
            if instead.insert(who.clone(), None).is_some() {
                return Err(twice(flag, who));
            }
        }
        for (old, new) in &self.replace {
            let flag = format!("--replace {old}={new}");
            stands(flag.clone(), old)?;
            let new = name(new).map_err(|error| {
                Failure::usage(error.code(), format!("{flag}: expected OLD=NEW, two names: {error}"))
            })?;
            self.can_come(known, change, &flag, &new)?;
            if instead.insert(old.clone(), Some(new)).is_some() {
                return Err(twice(flag, old));
            }
        }
        Ok(instead)
    }

    /// Somebody whom the policy or the family names, or who is brought in with it.
    fn can_come(&self, known: &Known, change: &FamilyChange, flag: &str, who: &Name) -> Result<(), Failure> {
        let policy = known.policy()?;
        match policy.identity(who).or_else(|| change.people.get(who)).map(|identity| identity.kind) {
            Some(_) => Ok(()),
            None if self.enrol.iter().any(|(enrolled, _)| enrolled == who) => Ok(()),
            None => {
                let detail = format!(
                    "{flag}: nobody is called `{who}`; expected somebody whom the policy names, or who is brought in with --enrol {who}=FILE"
                );
                Err(Failure::usage("identity_unknown", detail))
            }
        }
    }

    /// Whether those of `--enrol` may come at all, before their keys are read.
    fn are_enrolled(&self, known: &Known, change: &FamilyChange) -> Result<(), Failure> {
        let (policy, family) = (known.policy()?, &self.family);
        let rules = policy.family(family).and_then(|family| family.managers.as_ref());
        let mut seen = BTreeSet::new();
        for (who, file) in &self.enrol {
            let flag = format!("--enrol {who}={file}");
            let wrong = |code: &str, detail: String| Err(Failure::usage(code, format!("{flag}: {detail}")));
            if rules.is_none_or(|rules| rules.enrol.is_none()) {
                let detail = format!(
                    "the policy lets the managers of `{family}` bring in nobody (`enrol`); expected somebody whom it names, with --replace"
                );
                return wrong("family_enrolment_not_allowed", detail);
            }
            let own =
                who.as_str().rsplit_once('.').filter(|(of, own)| *of == family.as_str() && !own.is_empty());
            if own.is_none() {
                return wrong(
                    "family_name_not_of_family",
                    format!("expected a name as {family}.NAME for whoever is brought in"),
                );
            }
            if policy.identity(who).is_some() || change.people.contains_key(who) || !seen.insert(who) {
                return wrong(
                    "family_name_not_of_family",
                    format!("`{who}` is somebody already; expected a name that nobody has"),
                );
            }
        }
        Ok(())
    }

    /// What was asked for, as it was typed.
    fn flags(&self) -> String {
        let removed = self.remove.iter().map(|who| format!("--remove {who}"));
        let replaced = self.replace.iter().map(|(old, new)| format!("--replace {old}={new}"));
        removed.chain(replaced).collect::<Vec<_>>().join(" ")
    }

    fn person(
        &self,
        known: &Known,
        who: &Name,
        file: &str,
        instead: &BTreeMap<Name, Option<Name>>,
    ) -> Result<Identity, Failure> {
        let document = known.view.document();
        let replaced = instead.iter().find(|(_, new)| new.as_ref() == Some(who)).map(|(old, _)| old);
        let of = document.and_then(|document| Some(document.identities.get(replaced?)?.organisation.clone()));
        let organisation = self.organisation.clone().or(of).ok_or_else(|| {
            Failure::usage(
                "usage",
                format!("--enrol {who}={file}: who employs `{who}`? --organisation NAME says so"),
            )
        })?;
        let period = Period { from: known.now, until: known.now.plus(KEY) };
        let key = self.tokens.key((who, file), &makers(&known.policy()?.document().token_makers)?, period)?;
        let called = words(who.as_str()).map_err(|error| Failure::usage(error.code(), error))?;
        let accounts = BTreeSet::new();
        Ok(Identity { kind: Kind::Person, name: called, organisation, keys: vec![key], accounts })
    }
}

/// Everywhere but among the root's revokers, who stay.
fn replace(
    change: &mut FamilyChange,
    instead: &BTreeMap<Name, Option<Name>>,
    known: &Known,
) -> Result<(), quorum::Error> {
    let people = |people: &BTreeSet<Name>| -> BTreeSet<Name> {
        let one = |who: &Name| instead.get(who).cloned().unwrap_or_else(|| Some(who.clone()));
        people.iter().filter_map(one).collect()
    };
    let within = |quorum: &Quorum| quorum.with_people(|_, members| people(members), &Limits::DEFAULT);
    change.requesters = people(&change.requesters);
    let root = known.view.policy().and_then(|policy| policy.family(&change.family));
    change.revokers = people(&change.revokers);
    change.revokers.extend(root.into_iter().flat_map(|family| family.revokers.iter().cloned()));
    change.managers = within(&change.managers)?;
    if let Some(controls) = &mut change.controls {
        *controls = within(controls)?;
    }
    for channel in change.channels.values_mut() {
        for quorum in [&mut channel.approvals, &mut channel.review].into_iter().flatten() {
            *quorum = within(quorum)?;
        }
    }
    change.people.retain(|who, _| !instead.contains_key(who));
    Ok(())
}
