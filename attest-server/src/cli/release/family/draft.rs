//! `attest release family draft`: the next change, begun with what is followed now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::release::family::FamilyChange;
use attest_core::release::policy::{Identity, IdentityKey, Kind, Protection};
use attest_core::release::quorum;
use attest_core::release::ssh::PublicKey;
use attest_core::release::{Name, Quorum, Words};
use attest_core::{Limits, Timestamp};
use clap::Args;
use serde_json::json;

use super::super::known::Known;
use super::super::policy::answer;
use super::super::{name, named, words, write};
use super::as_it_is;
use crate::cli::{Failure, Output, input};

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
        change.not_after = match &self.until {
            None => known.now.plus(WAIT),
            Some(until) => Timestamp::from_utc(until)
                .ok_or_else(|| Failure::usage("usage", "--until: expected a time as 2027-01-31T00:00:00Z"))?,
        };
        let mut instead: BTreeMap<Name, Option<Name>> =
            self.remove.iter().map(|who| (who.clone(), None)).collect();
        for (old, new) in &self.replace {
            let new = name(new).map_err(|error| Failure::usage(error.code(), error))?;
            instead.insert(old.clone(), Some(new));
        }
        for (who, file) in &self.enrol {
            let identity = self.person(known, who, file, &instead)?;
            change.people.insert(who.clone(), identity);
        }
        replace(&mut change, &instead, known).map_err(|error| Failure::usage(error.code(), error))?;
        let text = toml::to_string_pretty(&change).map_err(|error| Failure::fault("family_toml", error))?;
        write(&self.out, text.as_bytes())?;
        let path = self.out.display().to_string();
        let line = format!("{path}: look at it, then `attest release family build {path} --out …`");
        answer(out, json!({ "family": self.family, "out": path }), line);
        Ok(())
    }

    fn person(
        &self,
        known: &Known,
        who: &Name,
        file: &str,
        instead: &BTreeMap<Name, Option<Name>>,
    ) -> Result<Identity, Failure> {
        let limits = Limits::DEFAULT;
        let bytes = input::read_file(std::path::Path::new(file), limits.public_key_bytes)?;
        let line = String::from_utf8(bytes).map_err(|error| Failure::malformed("key_malformed", error))?;
        let (key, _) =
            PublicKey::parse_line(&line, &limits).map_err(|error| Failure::malformed(error.code(), error))?;
        let document = known.view.document();
        let replaced = instead.iter().find(|(_, new)| new.as_ref() == Some(who)).map(|(old, _)| old);
        let of = document.and_then(|document| Some(document.identities.get(replaced?)?.organisation.clone()));
        let organisation =
            self.organisation.clone().or(of).ok_or_else(|| {
                Failure::usage("usage", format!("who employs `{who}`? --organisation NAME"))
            })?;
        let key = IdentityKey {
            key: key.to_line(),
            protection: Protection::Software,
            from: known.now,
            until: known.now.plus(KEY),
            attestation: None,
        };
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
