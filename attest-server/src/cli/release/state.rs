//! `attest release status`: where requests stand, by the log alone.

use std::collections::BTreeSet;

use attest_core::release::evaluate::{Failure as Gate, Standing};
use attest_core::release::view::Mark;
use attest_core::release::{Name, ObjectId};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::gates::{self, Told};
use super::known::Known;
use super::{Desk, recovery, short};
use crate::cli::layout::{WIDTH, hanging, wrapped};
use crate::cli::{Exit, Failure, Output, Style, printable};

/// Flags of `status`.
#[derive(Args, Debug)]
pub(super) struct Status {
    /// One request; all of them without it
    id: Option<String>,
}

/// Where a request stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum State {
    /// The signer was about to sign.
    Attempted,
    /// Enough people looked at it afterwards.
    Confirmed,
    /// Its time is over, and nobody signed for it.
    Expired,
    /// An emergency that nobody looked at in time.
    Lapsed,
    /// It counts.
    Published,
    /// An emergency that counts until then, unless somebody looks at it.
    Provisional { until: String },
    /// Enough people approved: the signer may sign.
    Quorate { approved: BTreeSet<Name> },
    /// It was published and does not count.
    Refused { gates: Vec<String> },
    /// It was taken back before it was signed for.
    Rejected { because: String },
    /// It was taken back.
    Revoked { because: String },
    /// It is signed and not published.
    Signed,
    /// It waits for people.
    Submitted {
        approved: BTreeSet<Name>,
        missing: Vec<String>,
        /// What fails whatever people do; nothing where it only waits.
        failing: Vec<Told>,
        /// Whether nothing mends that: who wants the release asks anew.
        dead: bool,
    },
    /// The family has gone on.
    Superseded,
}

impl State {
    const fn style(&self) -> Style {
        match self {
            Self::Confirmed | Self::Published => Style::Good,
            Self::Expired | Self::Superseded | Self::Submitted { dead: true, .. } => Style::Dim,
            Self::Lapsed | Self::Refused { .. } | Self::Rejected { .. } | Self::Revoked { .. } => Style::Bad,
            _ => Style::Warn,
        }
    }

    pub(super) fn words(&self) -> String {
        let people = |people: &BTreeSet<Name>| {
            let people: Vec<&str> = people.iter().map(Name::as_str).collect();
            if people.is_empty() { "by nobody yet".to_owned() } else { format!("by {}", people.join(", ")) }
        };
        match self {
            Self::Attempted => "attempted: the signer is about to sign".to_owned(),
            Self::Confirmed => "published, confirmed by review".to_owned(),
            Self::Expired => "expired".to_owned(),
            Self::Lapsed => "lapsed: nobody reviewed it in time".to_owned(),
            Self::Published => "published".to_owned(),
            Self::Provisional { until } => format!("published, lapses at {until} unless it is reviewed"),
            Self::Quorate { approved } => format!("quorate, approved {}", people(approved)),
            Self::Refused { gates } => format!("published, and does not count: {}", gates.join("; ")),
            Self::Rejected { because } => format!("rejected: {because}"),
            Self::Revoked { because } => format!("revoked: {because}"),
            Self::Signed => "signed, not published".to_owned(),
            Self::Submitted { failing, dead, .. } if !failing.is_empty() => {
                let told: Vec<String> =
                    failing.iter().map(|told| format!("{} [{}]", told.detail, told.code)).collect();
                format!("{}: {}", if *dead { "dead" } else { "cannot count now" }, told.join("; "))
            }
            Self::Submitted { approved, missing, .. } => {
                format!("waiting, approved {}; {}", people(approved), missing.join("; "))
            }
            Self::Superseded => "superseded".to_owned(),
        }
    }
}

/// Where this request stands.
pub(super) fn state(known: &mut Known, id: ObjectId) -> Result<State, Failure> {
    let signed = known.view.place(Mark::Signed, &id).is_some();
    let published = known.view.place(Mark::Published, &id).is_some();
    if let Some(withdrawn) = known.view.revoked(&id) {
        let because = withdrawn.reason.clone();
        return Ok(if signed { State::Revoked { because } } else { State::Rejected { because } });
    }
    if published {
        return published_state(known, id);
    }
    if signed {
        return Ok(State::Signed);
    }
    let request = known.request(id)?;
    if known.now > request.not_after {
        return Ok(State::Expired);
    }
    if known.view.place(Mark::Attempted, &id).is_some() {
        return Ok(State::Attempted);
    }
    if let Ok(Ok(quorate)) = known.quorate(id) {
        return Ok(State::Quorate { approved: quorate.approvers().clone() });
    }
    // Whoever may ask can ask for what is no release: that is theirs, and keeps nobody from the others.
    let outlook = gates::outlook(known, id)?;
    let dead = outlook.dead().is_some();
    let all = outlook.failing.iter().chain(&outlook.waiting);
    let missing = all.map(|told| format!("{} [{}]", told.detail, told.code)).collect();
    Ok(State::Submitted { approved: approvers(known, id)?, missing, failing: outlook.failing, dead })
}

fn published_state(known: &mut Known, id: ObjectId) -> Result<State, Failure> {
    let family = known.request(id)?.family;
    if let Err(failure) = known.is_whole(&family) {
        return Ok(State::Refused { gates: vec![failure.to_line()] });
    }
    let catalogue = known.catalogue()?;
    if let Some(release) = catalogue.releases().find(|release| release.id() == id) {
        let is_replaced = catalogue.releases().any(|other| other.request().replaces == Some(id));
        return Ok(match release.standing() {
            Standing::Provisional { until } => State::Provisional { until: until.utc().to_string() },
            Standing::Full if is_replaced => State::Superseded,
            Standing::Full if release.request().kind == attest_core::release::request::Kind::Emergency => {
                State::Confirmed
            }
            Standing::Full => State::Published,
        });
    }
    let failures =
        catalogue.refused().iter().find(|one| one.request == id).map(|one| one.failures.as_slice());
    Ok(match failures {
        Some([Gate::BelowFloor { .. }]) => State::Superseded,
        Some([Gate::Lapsed { .. }]) => State::Lapsed,
        Some(failures) => State::Refused { gates: failures.iter().map(ToString::to_string).collect() },
        None => State::Refused { gates: vec!["its bundle is not at hand".to_owned()] },
    })
}

/// Who handed in an approval, counted or not: the statements' own words.
pub(super) fn approvers(known: &mut Known, id: ObjectId) -> Result<BTreeSet<Name>, Failure> {
    let approvals = known.said.of_request(&id).map(|about| about.approvals.clone()).unwrap_or_default();
    let mut names = BTreeSet::new();
    for approval in approvals {
        if let Ok(approval) = known.read_object::<attest_core::release::statement::Approval>(approval) {
            names.insert(approval.by);
        }
    }
    Ok(names)
}

/// Where it was asked for.
fn index(known: &Known, id: &ObjectId) -> Option<u64> {
    known.view.place(Mark::Submitted, id).map(|place| place.index)
}

impl Status {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let ids = match &self.id {
            Some(id) => vec![known.find(id)?],
            None => known.said.requests().map(|(id, _)| *id).collect(),
        };
        let (mut all, mut withheld) = (Vec::new(), Vec::new());
        for id in ids {
            // Whoever has the log's key can name what nobody ever asked for: that keeps nobody from the others.
            if self.id.is_none() && known.object(id)?.is_none() {
                withheld.push(id);
                continue;
            }
            let request = known.request(id)?;
            all.push((id, request, state(&mut known, id)?));
        }
        if out.wants_json() {
            let requests: Vec<_> = all
                .iter()
                .map(|(id, request, state)| {
                    json!({ "request": id, "family": request.family, "channel": request.channel,
                            "version": request.version, "index": index(&known, id), "standing": state })
                })
                .collect();
            out.json(&json!({ "size": known.view.head().size, "seen": known.view.time().utc().to_string(),
                              "pending_recovery": recovery::json(&known.view), "requests": requests,
                              "withheld": withheld }));
            return Ok(Exit::Good);
        }
        let (size, seen) = (known.view.head().size, known.view.time().utc());
        let leaves = if size == 1 { "leaf" } else { "leaves" };
        out.line(format!("{size} {leaves}, seen by witnesses at {seen}"));
        recovery::tell(&known.view, out);
        for (id, request, state) in &all {
            let version = printable(request.version.as_str());
            let at = index(&known, id).map_or_else(String::new, |index| format!(", index {index}"));
            hanging(
                out,
                &format!("{}  ", short(id)),
                14,
                &format!("{} {version} ({}){at}", request.family, request.channel),
            );
            for line in wrapped(&printable(&state.words()), WIDTH - 4) {
                out.line(format!("    {}", out.paint(state.style(), line)));
            }
        }
        for id in &withheld {
            let who = if known.as_of().is_some() { "the copy" } else { "the server" };
            let words = out.paint(Style::Bad, format!("the log names it, and {who} has no such request"));
            out.line(format!("{}  {words}", short(id)));
        }
        Ok(Exit::Good)
    }
}
