//! What the gates say of a request as it stands, told before anybody is asked for a yes: what fails whatever people do, apart from what waits for
//! them.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::release::approvals::{Counted, Counting};
use attest_core::release::built::Built;
use attest_core::release::evaluate::Failure as Gate;
use attest_core::release::key::CanonicalKey;
use attest_core::release::object;
use attest_core::release::policy::{KeyOf, Policy};
use attest_core::release::request::{Kind, Request};
use attest_core::release::statement::Described;
use attest_core::release::view::Mark;
use attest_core::release::{Name, ObjectId};
use serde::Serialize;

use super::finish::weigh;
use super::known::Known;
use crate::cli::layout::hanging;
use crate::cli::{Exit, Failure, Output, Style, printable};

/// A gate that is not passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    pub(super) gate: String,
    /// The stable code.
    pub(super) code: String,
    pub(super) detail: String,
    /// Whether nothing that people do, and no time that passes, makes it pass.
    pub(super) for_good: bool,
}

/// What the gates say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outlook {
    /// What fails as it stands.
    pub(super) failing: Vec<Told>,
    /// What waits for approvals, the signer, or the request's first second.
    pub(super) waiting: Vec<Told>,
    /// People whom the channel names for approvals and who do not count here: they asked for it, or triggered the build.
    pub(super) took_part: BTreeSet<Name>,
    /// Whose approval counts, as the signer would count now.
    pub(super) counted: BTreeSet<Name>,
}

impl Outlook {
    /// Why it is dead: what fails for good, if something does.
    pub(super) fn dead(&self) -> Option<&Told> {
        self.failing.iter().find(|told| told.for_good)
    }

    /// For people; nothing where nothing fails.
    pub(super) fn tell(&self, out: &mut Output) {
        if !self.failing.is_empty() {
            let ends = if self.dead().is_some() { "nothing mends it: ask anew" } else { "not now" };
            let words = format!("  gates        it cannot count as it stands ({ends})");
            out.line(out.paint(Style::Bad, words));
        }
        for Told { gate, code, detail, .. } in &self.failing {
            let head = format!("    {gate:<11} ");
            hanging(out, &out.paint(Style::Bad, head), 16, &format!("{} [{code}]", printable(detail)));
        }
        for Told { code, detail, .. } in &self.waiting {
            hanging(out, "  waits for    ", 15, &format!("{} [{code}]", printable(detail)));
        }
        if !self.took_part.is_empty() {
            let people: Vec<&str> = self.took_part.iter().map(Name::as_str).collect();
            let words =
                format!("{}: asked for it or triggered the build, and cannot approve it", people.join(", "));
            hanging(out, "  not counted  ", 15, &words);
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "failing": self.failing, "waiting": self.waiting, "cannot_approve": self.took_part,
            "counted": self.counted, "dead": self.dead().is_some(),
        })
    }
}

/// Weighs it: as the signer would where nothing was signed, and else as a verifier does.
pub(super) fn outlook(known: &mut Known, id: ObjectId) -> Result<Outlook, Failure> {
    match weighed(known, id) {
        // Whoever may ask can ask for what is no release.
        Err(failure) if failure.exit() == Exit::Refused => {
            Ok(Outlook { failing: vec![Told::unreadable(&failure)], ..Outlook::default() })
        }
        told => told,
    }
}

fn weighed(known: &mut Known, id: ObjectId) -> Result<Outlook, Failure> {
    let request = known.request(id)?;
    let is_open = known.view.place(Mark::Attempted, &id).is_none();
    let failures = match known.view.named(Mark::Published, &id) {
        Some(bundle) => {
            let missing = || Failure::malformed("object_missing", format!("{bundle} is not at hand"));
            let bundle = known.object(bundle)?.ok_or_else(missing)?.to_vec();
            weigh(known, id, &bundle)?.err().unwrap_or_default()
        }
        None if known.view.place(Mark::Signed, &id).is_some() => {
            let bundle = super::bytes(&known.bundle(id)?)?;
            weigh(known, id, &bundle)?.err().unwrap_or_default()
        }
        None => {
            let mut failures = known.quorate(id)?.err().unwrap_or_default();
            failures.extend(pending(known, id, &request)?);
            failures
        }
    };
    let mut outlook = Outlook::default();
    let mut can_be_met = true;
    if let Some(policy) = policy(known, id, &request).cloned() {
        let built = built(known, id, &request, &policy)?;
        let mut took_part = built.map(|built| built.triggers).unwrap_or_default();
        took_part.insert(request.requester.clone());
        outlook.counted = counted(known, id, &request, &policy, &took_part)?.people.into_keys().collect();
        let channel = policy.channel(&request.family, &request.channel);
        if let Some(quorum) = channel.and_then(|channel| channel.approvals.as_ref()) {
            let named = quorum.people();
            let others: BTreeSet<Name> = named.difference(&took_part).cloned().collect();
            can_be_met = quorum.is_met_by(&others);
            outlook.took_part = named.intersection(&took_part).cloned().collect();
        }
    }
    for gate in &failures {
        let told = Told::of(known, id, &request, gate, &failures);
        let is_for_people = matches!(gate, Gate::QuorumMissing { .. }) && can_be_met;
        if waits(gate) || (is_open && (is_for_people || matches!(gate, Gate::MeasurementUnbound))) {
            outlook.waiting.push(told);
        } else {
            outlook.failing.push(told);
        }
    }
    Ok(outlook)
}

/// Inv. 11: an emergency that nobody looked at keeps the family's next one from counting, whoever signs it.
pub(super) fn pending(known: &mut Known, id: ObjectId, request: &Request) -> Result<Option<Gate>, Failure> {
    let Some(submitted) = known.view.place(Mark::Submitted, &id) else { return Ok(None) };
    if request.kind != Kind::Emergency {
        return Ok(None);
    }
    let other = known.catalogue()?.holds_up(&request.family, submitted, &known.view);
    Ok(other.map(|other| Gate::EmergencyPending { other }))
}

/// Whether a gate waits for what comes by itself: a step that is still to be made, or the request's first second.
fn waits(gate: &Gate) -> bool {
    match gate {
        Gate::NotLogged { .. } => true,
        Gate::Window { mark: Mark::Attempted, at, from, .. } => at < from,
        _ => false,
    }
}

impl Told {
    pub(super) fn of(known: &Known, id: ObjectId, request: &Request, gate: &Gate, all: &[Gate]) -> Self {
        let is_suspended = all.iter().any(|other| matches!(other, Gate::BuilderSuspended));
        let may_pass = match gate {
            Gate::ViewStale { .. }
            | Gate::VersionStep { .. }
            | Gate::BuilderSuspended
            | Gate::ClockUnconfirmed => true,
            // A suspension ends.
            Gate::Provenance(_) => is_suspended,
            Gate::Requester(_) => true,
            Gate::KeyTime { .. } => known.now < request.not_after,
            _ => waits(gate),
        };
        let detail = match gate {
            Gate::PolicyNotFollowed { .. } => followed_until(known, id, request),
            _ => None,
        };
        Self {
            gate: gate.gate().name().to_owned(),
            code: gate.code().to_owned(),
            detail: detail.unwrap_or_else(|| gate.to_string()),
            for_good: !may_pass,
        }
    }

    /// What people could not see as it is, so that nobody says yes to it unseen.
    pub(super) fn shown(code: &str, detail: String) -> Self {
        Self { gate: "request".to_owned(), code: code.to_owned(), detail, for_good: false }
    }

    fn unreadable(failure: &Failure) -> Self {
        let told = failure.to_json();
        let text = |name: &str| told["error"][name].as_str().unwrap_or_default().to_owned();
        Self { gate: "request".to_owned(), code: text("code"), detail: text("detail"), for_good: false }
    }
}

/// Under what it was asked for, and where that ended: the log's newest index says nothing of the request.
fn followed_until(known: &Known, id: ObjectId, request: &Request) -> Option<String> {
    let (view, family) = (&known.view, &request.family);
    let at = view.place(Mark::Submitted, &id)?.index;
    let policy = view.policy_of(family, at).filter(|policy| policy.id() == request.policy)?;
    let ended = (at..view.head().size).find(|index| {
        view.policy_of(family, index.saturating_add(1)).is_none_or(|later| !later.is(policy))
    })?;
    let version = policy.document().version;
    let since = view.policy_of(family, ended.saturating_add(1)).map(|later| later.document().version);
    Some(match since {
        Some(since) if since != version => format!(
            "asked for at index {at} under version {version} of the policy, whose place version {since} took at index {ended}"
        ),
        _ => format!(
            "asked for at index {at}, and at index {ended} others came to stand in the family's rules"
        ),
    })
}

/// The policy that the request is made under, with its family's people as they were.
pub(super) fn policy<'k>(known: &'k Known, id: ObjectId, request: &Request) -> Option<&'k Policy> {
    let place = known.view.place(Mark::Submitted, &id);
    let own = place.and_then(|place| known.view.policy_of(&request.family, place.index));
    own.filter(|own| own.id() == request.policy).or_else(|| known.view.policy_named(&request.policy))
}

/// What its builds come to; nothing where the channel asks for none.
pub(super) fn built(
    known: &mut Known,
    id: ObjectId,
    request: &Request,
    policy: &Policy,
) -> Result<Option<Built>, Failure> {
    let mut envelopes = Vec::new();
    for envelope in &request.provenance {
        envelopes.extend(known.object(*envelope)?.map(<[u8]>::to_vec));
    }
    let channel = policy.channel(&request.family, &request.channel);
    let Some(demand) = channel.and_then(|channel| channel.provenance.as_ref()) else { return Ok(None) };
    let Some(place) = known.view.place(Mark::Submitted, &id) else { return Ok(None) };
    let (view, now) = (&known.view, known.now);
    let counts = |key: &CanonicalKey, known: &KeyOf| {
        known.counts_at(place.at) && !view.is_suspended(key, place.index, now)
    };
    let builders = demand.builders(policy, counts);
    let envelopes = envelopes.iter().map(Vec::as_slice);
    Ok(Some(Built::of(policy, demand, request, envelopes, &builders, &known.limits)))
}

/// Which of the approvals count, as signer and verifier count them.
fn counted(
    known: &mut Known,
    id: ObjectId,
    request: &Request,
    policy: &Policy,
    took_part: &BTreeSet<Name>,
) -> Result<Counted, Failure> {
    let Some(place) = known.view.place(Mark::Submitted, &id) else { return Ok(Counted::default()) };
    let bundle = known.bundle(id)?;
    let read =
        |bytes: &object::Blob| Some((ObjectId::of(&bytes.0), Request::parse(&bytes.0, &known.limits).ok()?));
    let companions: BTreeMap<ObjectId, Request> = bundle.companions.iter().filter_map(read).collect();
    let counting = Counting {
        view: &known.view,
        policy,
        request: Described { id, request },
        companions: &companions,
        took_part,
        after: place.index,
        before: known.view.place(Mark::Attempted, &id).map(|place| place.index),
        now: known.now.max(known.view.time()),
        limits: &known.limits,
    };
    Ok(counting.count(bundle.approvals.iter().map(|approval| approval.0.as_slice())))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_waits_for_its_first_second_does_not_fail_and_what_is_over_does() {
        let at = attest_core::Timestamp::from_unix;
        let window = |now| Gate::Window { mark: Mark::Attempted, at: at(now), from: at(10), until: at(20) };
        assert!(waits(&window(9)));
        assert!(!waits(&window(21)));
        assert!(waits(&Gate::NotLogged { mark: Mark::Published }));
        assert!(!waits(&Gate::BelowFloor { got: 1, floor: 2 }));
    }

    #[test]
    fn lines_about_gates_fit_into_80_columns() {
        let told = |detail: &str, for_good| Told {
            gate: "measurement".to_owned(),
            code: "release_measurement_unbound".to_owned(),
            detail: detail.repeat(9),
            for_good,
        };
        let outlook = Outlook {
            failing: vec![told("not what was asked for ", true)],
            waiting: vec![told("it waits for people ", false)],
            ..Outlook::default()
        };
        assert!(outlook.dead().is_some());
        let screen = Screen::default();
        let mut out = Output::to_writer(false, Box::new(screen.clone()));
        outlook.tell(&mut out);
        out.flush();
        let shown = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
        assert!(shown.contains("    measurement not what was asked for"), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }
}
