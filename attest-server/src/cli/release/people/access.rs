//! Whose word each leaf is, and the list that reviews of access ask for.

use attest_core::release::leaf::Event;
use attest_core::release::policy::PolicyDocument;
use attest_core::release::statement::{
    Approval, ControlStatement, FamilyStatement, Objection, Recovery, ReviewStatement, Revocation, Statement,
    Submission, Succession,
};
use attest_core::release::{Name, ObjectId};
use serde_json::{Value, json};

use super::document;
use super::roles::{Standing, Uses, roles, standings};
use crate::cli::release::known::Known;
use crate::cli::release::token::fingerprint;
use crate::cli::release::{Desk, short};
use crate::cli::{Exit, Failure, Output, Style, printable};

/// Whose word a leaf is about, as far as it can be had.
pub(super) fn speakers(known: &mut Known, event: Event) -> Vec<Name> {
    fn all<S: Statement>(known: &mut Known, ids: &[ObjectId]) -> Vec<Name> {
        let by = |id: &ObjectId| known.read_object::<S>(*id).ok().map(|said| said.by().clone());
        ids.iter().filter_map(by).collect()
    }
    match event {
        Event::Approved { approval, .. } => all::<Approval>(known, &[approval]),
        Event::Compensated { statements, .. } => all::<ControlStatement>(known, &statements),
        Event::FamilyChanged { statements, .. } => all::<FamilyStatement>(known, &statements),
        Event::Objected { objection } => all::<Objection>(known, &[objection]),
        Event::Policy { successions, .. } => all::<Succession>(known, &successions),
        Event::Recovery { recoveries, .. } => all::<Recovery>(known, &recoveries),
        Event::Reviewed { review, .. } => all::<ReviewStatement>(known, &[review]),
        Event::Revoked { revocation } => all::<Revocation>(known, &[revocation]),
        Event::Submitted { submission, .. } => all::<Submission>(known, &[submission]),
        Event::Attempted { .. }
        | Event::Denied { .. }
        | Event::Published { .. }
        | Event::Recovered { .. }
        | Event::Signed { .. } => Vec::new(),
    }
}

/// Who may do what, when their keys end, what they did last in each role, and which roles nobody used.
pub(in crate::cli::release) fn access_review(desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
    let mut known = desk.known(out)?;
    let (policy, document) = (known.policy()?.id(), document(&known)?);
    let uses = Uses::of(&mut known, &document)?;
    let standings = standings(&document, &uses);
    let rows: Vec<_> = document
        .identities
        .iter()
        .map(|(who, identity)| {
            let until = identity.keys.iter().map(|key| key.until).max();
            (who, identity, until, roles(&document, who))
        })
        .collect();
    if out.wants_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|(who, identity, until, roles)| {
                let keys: Vec<Value> = identity.keys.iter().map(|key| json!({
                    "key": fingerprint(key), "protection": key.protection, "until": key.until.utc().to_string()
                })).collect();
                let words: Vec<&String> = roles.iter().map(|(_, words)| words).collect();
                let used: Vec<Value> = roles.iter().map(|(role, words)| json!({
                    "role": words, "last_index": uses.last_in(who, role)
                })).collect();
                json!({ "identity": who, "kind": identity.kind, "organisation": identity.organisation, "keys": keys,
                        "keys_until": until.map(|until| until.utc().to_string()), "roles": words, "uses": used,
                        "last_index": uses.last(who) })
            })
            .collect();
        let suspended: Vec<Value> = suspensions(&known).iter().map(Suspended::json).collect();
        let built: Vec<Value> = builders(&document).iter().map(Builds::json).collect();
        let roles: Vec<Value> = standings.iter().map(Standing::json).collect();
        out.json(&json!({ "policy": policy, "identities": rows, "suspensions": suspended, "builders": built,
                          "roles": roles }));
        return Ok(Exit::Good);
    }
    for (who, identity, until, roles) in rows {
        let strong = out.paint(Style::Strong, who);
        let until = until.map_or("no key".to_owned(), |until| format!("keys until {}", until.utc()));
        let did = uses.last(who).map_or_else(
            || out.paint(Style::Warn, "did nothing yet"),
            |index| format!("last at index {index}"),
        );
        let kind = format!("{:?}", identity.kind).to_lowercase();
        out.line(format!("{strong} ({kind}, {}): {until}, {did}", identity.organisation));
        for key in &identity.keys {
            let (shown, held, until) = (fingerprint(key), key.protection.name(), key.until.utc());
            out.line(format!("  key {shown}, in {held}, until {until}"));
        }
        if roles.is_empty() {
            let unused = out.paint(Style::Warn, "  no role names them");
            out.line(unused);
        }
        for (role, words) in roles {
            let did = uses.last_in(who, &role).map_or_else(
                || out.paint(Style::Warn, "never used"),
                |index| format!("last at index {index}"),
            );
            out.line(format!("  {}, {did}", printable(&words)));
        }
    }
    for line in standings.iter().filter_map(Standing::words) {
        let line = out.paint(Style::Warn, printable(&line));
        out.line(line);
    }
    for one in builders(&document) {
        out.line(printable(&one.words()));
    }
    for one in suspensions(&known) {
        let line = out.paint(Style::Warn, printable(&one.words()));
        out.line(line);
    }
    Ok(Exit::Good)
}

/// A key that does not count now.
struct Suspended {
    key: ObjectId,
    of: Option<Name>,
    by: Name,
    from: u64,
    until: String,
    index: u64,
}

impl Suspended {
    fn words(&self) -> String {
        let of = self.of.as_ref().map_or("nobody any more", Name::as_str);
        let (key, by) = (short(&self.key), &self.by);
        let (index, from, until) = (self.index, self.from, &self.until);
        format!(
            "suspended by {by} at index {index}: the key {key} of {of}, from index {from} on, until {until}"
        )
    }

    fn json(&self) -> Value {
        json!({ "key": self.key, "identity": self.of, "by": self.by, "from_index": self.from, "until": self.until, "index": self.index })
    }
}

/// Those that are not over.
fn suspensions(known: &Known) -> Vec<Suspended> {
    let all = known.view.suspensions().iter().filter(|one| known.now <= one.until);
    all.map(|one| Suspended {
        key: ObjectId::of(&one.key.spki_der()),
        of: known.whose(&one.key),
        by: one.by.clone(),
        from: one.from_index,
        until: one.until.utc().to_string(),
        index: one.place.index,
    })
    .collect()
}

/// Who builds for a channel.
struct Builds<'d> {
    family: &'d Name,
    channel: &'d Name,
    builder: &'d Name,
    /// How it is called in provenance.
    id: String,
}

impl Builds<'_> {
    fn words(&self) -> String {
        let Self { family, channel, builder, id } = self;
        format!("{builder} builds for family {family}, channel {channel}, as {id}")
    }

    fn json(&self) -> Value {
        json!({ "family": self.family, "channel": self.channel, "builder": self.builder, "id": self.id })
    }
}

/// Who builds for which channel, and how they are called in provenance.
fn builders(document: &PolicyDocument) -> Vec<Builds<'_>> {
    let channels = document.families.iter().flat_map(|(family, rules)| {
        rules.channels.iter().map(move |(channel, rules)| (family, channel, rules))
    });
    let demands =
        channels.filter_map(|(family, channel, rules)| Some((family, channel, rules.provenance.as_ref()?)));
    let told = demands.flat_map(|(family, channel, demand)| {
        let builders = demand.builders.iter();
        builders.map(move |(builder, id)| Builds { family, channel, builder, id: id.to_string() })
    });
    told.collect()
}
