//! What a change changes, in words.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::release::family::FamilyChange;
use attest_core::release::policy::Identity;
use attest_core::release::{Name, Quorum};
use serde_json::{Map, Value, json};

use crate::cli::release::token::fingerprint;
use crate::cli::{Failure, Output, Style, printable};

/// Every quorum, by what its people do.
fn quorums(change: &FamilyChange) -> BTreeMap<String, &Quorum> {
    let mut quorums = BTreeMap::from([("manages".to_owned(), &change.managers)]);
    quorums.extend(change.controls.as_ref().map(|quorum| ("vouches for controls".to_owned(), quorum)));
    for (called, channel) in &change.channels {
        let approvals = channel.approvals.as_ref();
        quorums.extend(approvals.map(|quorum| (format!("approves in {called}"), quorum)));
        quorums.extend(channel.review.as_ref().map(|quorum| (format!("reviews in {called}"), quorum)));
    }
    quorums
}

/// Everyone who stands in a rule, and in which.
pub(super) fn places(change: &FamilyChange) -> BTreeMap<&Name, BTreeSet<String>> {
    let mut places: BTreeMap<&Name, BTreeSet<String>> = BTreeMap::new();
    let mut stands = |who, place: &str| {
        places.entry(who).or_default().insert(place.to_owned());
    };
    change.requesters.iter().for_each(|who| stands(who, "asks for releases"));
    change.revokers.iter().for_each(|who| stands(who, "revokes"));
    for (what, quorum) in quorums(change) {
        for (group, people) in quorum.groups_of_people() {
            people.iter().for_each(|who| stands(who, &format!("{what} ({group})")));
        }
    }
    places
}

/// How many of each group are needed.
fn thresholds(change: &FamilyChange) -> BTreeMap<String, usize> {
    let of = |(what, quorum): (String, &Quorum)| {
        let tally = quorum.tally(&BTreeSet::new());
        tally.into_iter().map(|one| (format!("{what} ({})", one.group), one.need)).collect::<Vec<_>>()
    };
    quorums(change).into_iter().flat_map(of).collect()
}

/// How builders call them; whoever triggers a build does not approve it, so that counts.
fn accounts(identity: &Identity) -> String {
    let accounts: Vec<&str> = identity.accounts.iter().map(|account| account.as_str()).collect();
    if accounts.is_empty() { String::new() } else { format!("; to builders {}", accounts.join(", ")) }
}

fn keys(identity: &Identity) -> String {
    let keys = identity
        .keys
        .iter()
        .map(|key| format!("{} in {} until {}", fingerprint(key), key.protection.name(), key.until.utc()));
    keys.collect::<Vec<_>>().join(", ")
}

/// What a change changes.
pub(super) struct Differs {
    /// For people: [`differs`].
    pub(super) lines: Vec<String>,
    /// For programs: each field that is another, with what it was (`from`) and is to be (`to`); null where it is not there.
    pub(super) fields: Vec<Value>,
}

impl Differs {
    pub(super) fn of(before: &FamilyChange, after: &FamilyChange) -> Result<Self, Failure> {
        Ok(Self { lines: differs(before, after), fields: fields(before, after)? })
    }

    pub(super) fn tell(&self, out: &mut Output) {
        if out.wants_json() {
            return;
        }
        if self.lines.is_empty() {
            out.line("nothing changes");
        }
        for line in &self.lines {
            let style = if line.starts_with('-') { Style::Bad } else { Style::Good };
            let line = out.paint(style, printable(line));
            out.line(line);
        }
    }
}

/// What every change has of its own, and nobody's place.
const OWN: [&str; 5] = ["format", "not_after", "policy", "previous", "reason"];

fn fields(before: &FamilyChange, after: &FamilyChange) -> Result<Vec<Value>, Failure> {
    let json = |change: &FamilyChange| {
        let mut json = serde_json::to_value(change).map_err(|error| Failure::fault("family_json", error))?;
        if let Some(fields) = json.as_object_mut() {
            OWN.iter().for_each(|own| {
                fields.remove(*own);
            });
        }
        Ok::<_, Failure>(json)
    };
    let mut fields = Vec::new();
    walk("", &json(before)?, &json(after)?, &mut fields);
    Ok(fields)
}

/// Down to lists and single values.
fn walk(path: &str, before: &Value, after: &Value, fields: &mut Vec<Value>) {
    if before == after {
        return;
    }
    if before.is_object() && after.is_object() {
        let of = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let (was, is) = (of(before), of(after));
        for name in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let at = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
            walk(&path, &at(&was), &at(&is), fields);
        }
        return;
    }
    fields.push(json!({ "field": path, "from": before, "to": after }));
}

/// One line for each thing that is another: `+` for what is new, `-` for what is gone.
pub(in crate::cli::release) fn differs(before: &FamilyChange, after: &FamilyChange) -> Vec<String> {
    let mut lines = Vec::new();
    for (who, identity) in &after.people {
        if before.people.get(who) != Some(identity) {
            let (name, organisation) = (&identity.name, &identity.organisation);
            lines.push(format!(
                "+ {who} is {name} of {organisation}: {}{}",
                keys(identity),
                accounts(identity)
            ));
        }
    }
    for (who, identity) in &before.people {
        if !after.people.contains_key(who) {
            lines.push(format!("- {who} is nobody any more: {}", keys(identity)));
        }
    }
    let (was, is) = (places(before), places(after));
    let none = BTreeSet::new();
    let everyone: BTreeSet<&&Name> = was.keys().chain(is.keys()).collect();
    for who in everyone {
        let (was, is) = (was.get(*who).unwrap_or(&none), is.get(*who).unwrap_or(&none));
        lines.extend(is.difference(was).map(|place| format!("+ {who} {place}")));
        lines.extend(was.difference(is).map(|place| format!("- {who} {place}")));
    }
    let was = thresholds(before);
    for (group, need) in thresholds(after) {
        if let Some(before) = was.get(&group).filter(|before| **before != need) {
            lines.push(format!("+ {need} of those of whom each {group}, instead of {before}"));
        }
    }
    if lines.is_empty() && quorums(before) != quorums(after) {
        lines.push("+ more groups are needed".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_that_is_another_says_what_it_was() {
        let before = json!({ "requesters": ["alice"], "channels": { "stable": { "approvals": "one" } }, "people": {} });
        let after = json!({
            "requesters": ["alice", "bob"], "channels": { "stable": { "approvals": "one", "review": "two" } },
            "people": { "gateway.zoe": { "accounts": ["zoe"] } },
        });
        let mut fields = Vec::new();
        walk("", &before, &after, &mut fields);
        let zoe = json!({ "accounts": ["zoe"] });
        let expected = [
            json!({ "field": "channels.stable.review", "from": null, "to": "two" }),
            json!({ "field": "people.gateway.zoe", "from": null, "to": zoe }),
            json!({ "field": "requesters", "from": ["alice"], "to": ["alice", "bob"] }),
        ];
        assert_eq!(fields, expected);
        fields.clear();
        walk("", &after, &before, &mut fields);
        assert_eq!(fields[1], json!({ "field": "people.gateway.zoe", "from": zoe, "to": null }));
        fields.clear();
        walk("", &after, &after, &mut fields);
        assert!(fields.is_empty(), "{fields:?}");
    }
}
