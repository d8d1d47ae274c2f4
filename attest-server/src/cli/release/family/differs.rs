//! What a change changes, in words.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::Limits;
use attest_core::release::family::FamilyChange;
use attest_core::release::policy::Identity;
use attest_core::release::ssh::PublicKey;
use attest_core::release::{Name, Quorum};

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

fn keys(identity: &Identity) -> String {
    let one = |line: &str| {
        let key = PublicKey::parse_line(line, &Limits::DEFAULT);
        key.map_or_else(|_| line.to_owned(), |(key, _)| key.fingerprint())
    };
    let keys = identity
        .keys
        .iter()
        .map(|key| format!("{} in {} until {}", one(&key.key), key.protection.name(), key.until.utc()));
    keys.collect::<Vec<_>>().join(", ")
}

/// One line for each thing that is another: `+` for what is new, `-` for what is gone.
pub(super) fn differs(before: &FamilyChange, after: &FamilyChange) -> Vec<String> {
    let mut lines = Vec::new();
    for (who, identity) in &after.people {
        if before.people.get(who) != Some(identity) {
            let (name, organisation) = (&identity.name, &identity.organisation);
            lines.push(format!("+ {who} is {name} of {organisation}: {}", keys(identity)));
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
