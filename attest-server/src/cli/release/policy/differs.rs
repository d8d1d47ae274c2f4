//! What another policy changes, field by field. Fields are not chosen: whatever a policy says, a change of it has a line.

use std::collections::BTreeSet;
use std::path::Path;

use attest_core::Limits;
use attest_core::release::policy::{Policy, PolicyDocument};
use attest_core::release::ssh::PublicKey;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::carried::carried;
use super::floors::{Reset, resets};
use super::open::{Ending, ending};
use super::read;
use crate::cli::release::Desk;
use crate::cli::release::known::Known;
use crate::cli::{Failure, Output, Style, printable};

/// Longer texts are keys and certificates: people compare their digests.
const LONGEST: usize = 100;

/// A policy beside the one that it is to follow.
pub(super) struct Compared {
    /// One line for each thing that is another: `+` for what is new, `-` for what is gone.
    pub(super) changes: Vec<String>,
    /// What families said of themselves, and what this policy does not carry on; nothing where only the log could tell.
    pub(super) ends: Option<Vec<String>>,
    /// What families said of themselves, and what this policy carries on; in words where the log is at hand.
    pub(super) carried: Vec<String>,
    /// Open requests that end with it; nothing where only the log could tell.
    pub(super) requests: Option<Vec<Ending>>,
    /// Families whose version floor begins anew with it.
    pub(super) resets: Vec<Reset>,
    /// The policy before it.
    pub(super) before: Policy,
}

impl Compared {
    /// Beside the policy in this file, or the one that is followed.
    pub(super) fn of(
        desk: &Desk,
        before: Option<&Path>,
        next: &Policy,
        out: &mut Output,
    ) -> Result<Self, Failure> {
        if let Some(before) = before {
            let before = read(before, &Limits::DEFAULT)?;
            let carried = carried(None, &before, next)?;
            let changes = changes(&before, next)?;
            let resets = resets(None, &before, next)?;
            return Ok(Self { changes, ends: None, carried, requests: None, resets, before });
        }
        let mut known = desk.known(out)?;
        let before = known.policy()?.clone();
        let changes = changes(&before, next)?;
        let carried = carried(Some(&known), &before, next)?;
        let ends = Some(ends(&known, next)?);
        // One that is followed already ends nothing more.
        let requests = if before.id() == next.id() { Vec::new() } else { ending(&mut known)? };
        let resets = resets(Some(&mut known), &before, next)?;
        Ok(Self { changes, ends, carried, requests: Some(requests), resets, before })
    }

    /// The open requests that end, for programs.
    pub(super) fn requests(&self) -> Option<Vec<Value>> {
        self.requests.as_ref().map(|requests| requests.iter().map(Ending::to_json).collect())
    }

    /// The version floors that begin anew, for programs.
    pub(super) fn resets(&self) -> Vec<Value> {
        self.resets.iter().map(Reset::to_json).collect()
    }

    pub(super) fn tell(&self, out: &mut Output) {
        if out.wants_json() {
            return;
        }
        if self.changes.is_empty() {
            out.line("nothing changes");
        }
        let ending: Vec<String> = self.requests.iter().flatten().map(Ending::line).collect();
        let resets: Vec<String> = self.resets.iter().map(Reset::line).collect();
        let all = self.changes.iter().chain(&self.carried).chain(self.ends.iter().flatten());
        for line in all.chain(&resets).chain(&ending) {
            let style = if line.starts_with('+') { Style::Good } else { Style::Bad };
            let line = out.paint(style, printable(line));
            out.line(line);
        }
        if self.ends.is_none() {
            out.line(
                "what families said of themselves, and which open requests end, is known where the log is",
            );
        }
    }
}

/// What changes from the policy that `next` says it follows. Beside any other one a harmless difference can be shown of a policy that is none.
fn changes(before: &Policy, next: &Policy) -> Result<Vec<String>, Failure> {
    let (was, is) = (before.document(), next.document());
    if is.previous != Some(before.id()) || was.version.checked_add(1) != Some(is.version) {
        let says = is.previous.map_or_else(|| "none".to_owned(), |previous| previous.to_string());
        let detail = format!(
            "it is compared with version {}, {}; version {} says that it follows {says}",
            was.version,
            before.id(),
            is.version
        );
        return Err(Failure::malformed("succession_does_not_follow", detail));
    }
    differs(was, is)
}

/// Families whose managers said something that is followed now, and not under the next policy.
fn ends(known: &Known, next: &Policy) -> Result<Vec<String>, Failure> {
    let families = known.policy()?.document().families.keys();
    let followed = families.filter_map(|family| {
        let change = known.view.policy_of_now(family).and_then(Policy::change)?;
        let rules = next.family(family).and_then(|family| family.managers.as_ref());
        (rules.and_then(|rules| rules.carries) != Some(change)).then_some((family, change))
    });
    let line = |(family, change)| {
        format!("- families.{family}: what its managers said in {change} ends, as `carries` does not name it")
    };
    Ok(followed.map(line).collect())
}

fn differs(before: &PolicyDocument, after: &PolicyDocument) -> Result<Vec<String>, Failure> {
    let value = |document: &PolicyDocument| {
        serde_json::to_value(document).map_err(|error| Failure::fault("policy_json", error))
    };
    let mut lines = Vec::new();
    walk("", &value(before)?, &value(after)?, &mut lines);
    Ok(lines)
}

fn walk(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    if before == after {
        return;
    }
    if before.is_object() || after.is_object() {
        let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let (was, is) = (fields(before), fields(after));
        for name in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let at =
                |fields: &serde_json::Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
            walk(&path, &at(&was), &at(&is), lines);
        }
        return;
    }
    let (was, is) = (parts(before), parts(after));
    let had = lines.len();
    lines.extend(was.iter().filter(|part| !is.contains(part)).map(|part| format!("- {path}: {part}")));
    lines.extend(is.iter().filter(|part| !was.contains(part)).map(|part| format!("+ {path}: {part}")));
    if lines.len() == had {
        lines.push(format!("+ {path}: the same otherwise ordered: {}", is.join("; ")));
    }
}

/// The elements of a list, the lines of a text, or the thing itself.
fn parts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(elements) => elements.iter().map(word).collect(),
        Value::String(text) if text.contains('\n') => text.lines().map(str::to_owned).collect(),
        other => vec![word(other)],
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => short(text),
        Value::Array(elements) => elements.iter().map(word).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name} {}", word(value));
            fields.iter().filter(|(_, value)| !value.is_null()).map(field).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A key as `ssh-keygen -l` tells it, another long text by its digest, and anything else as it stands.
fn short(text: &str) -> String {
    if let Ok((key, _)) = PublicKey::parse_line(text, &Limits::DEFAULT) {
        let kind = text.split(' ').next().unwrap_or_default();
        return format!("{kind} {}", key.fingerprint());
    }
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    format!("a text of {} bytes, sha256:{}", text.len(), hex::encode(digest(&SHA256, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        walk("", before, after, &mut lines);
        lines
    }

    #[test]
    fn every_kind_of_change_has_a_line() {
        let before = json!({
            "version": 1, "root": "group root 2 alice bob\ngroup hsm 1 carol", "log": null, "gone": { "deep": true },
            "people": { "alice": { "keys": [{ "key": "one", "until": 5 }, { "key": "two", "until": 5 }] } },
            "order": ["a", "b"], "same": ["x"],
        });
        let after = json!({
            "version": 2, "root": "group root 1 alice bob\ngroup hsm 1 carol", "log": "log.example",
            "people": { "alice": { "keys": [{ "key": "two", "until": 6 }] } }, "order": ["b", "a"], "same": ["x"],
        });
        let expected = [
            "- gone.deep: true",
            "+ log: log.example",
            "+ order: the same otherwise ordered: b; a",
            "- people.alice.keys: key one, until 5",
            "- people.alice.keys: key two, until 5",
            "+ people.alice.keys: key two, until 6",
            "- root: group root 2 alice bob",
            "+ root: group root 1 alice bob",
            "- version: 1",
            "+ version: 2",
        ];
        assert_eq!(lines(&before, &after), expected);
        assert_eq!(lines(&before, &before), [""; 0]);
        let swapped: Vec<String> =
            lines(&after, &before).into_iter().filter(|line| line.contains("gone")).collect();
        assert_eq!(swapped, ["+ gone.deep: true"]);
    }

    #[test]
    fn a57_two_long_texts_that_end_alike_have_two_lines() {
        let text = |first: &str| json!({ "key": format!("{first}{}", "A".repeat(200)) });
        let told = lines(&text("1"), &text("2"));
        assert_eq!(told.len(), 2);
        assert_ne!(told[0][2..], told[1][2..]);
        assert!(told.iter().all(|line| line.len() < 120), "{told:?}");
    }

    #[test]
    fn a57_a_list_that_repeats_or_loses_a_repetition_is_another() {
        assert_eq!(lines(&json!({ "a": [1, 1] }), &json!({ "a": [1] })).len(), 1);
        assert_eq!(lines(&json!({ "a": [] }), &json!({ "a": null })).len(), 1, "absent is not empty");
        assert_eq!(lines(&json!({ "a": {} }), &json!({ "a": null })), [""; 0], "nothing in it either way");
    }
}
