//! What a change of people or keys touches: a list of work.

use std::collections::BTreeMap;

use attest_core::Timestamp;
use attest_core::release::catalogue::{Catalogue, Floors};
use attest_core::release::evaluate::{Now, Release};
use attest_core::release::key::CanonicalKey;
use attest_core::release::leaf::Event;
use attest_core::release::policy::{Custody, Family, Policy, PolicyDocument, SigningKey};
use attest_core::release::statement::{Revocation, Revoked};
use attest_core::release::view::Withdrawn;
use attest_core::release::{Name, ObjectId};
use serde_json::json;

use super::access::speakers;
use super::roles::roles;
use crate::cli::release::known::Known;
use crate::cli::release::short;
use crate::cli::release::state::{State, state};
use crate::cli::{Failure, Output, printable};

/// So many releases are told one by one.
const LISTED: usize = 20;

/// One thing to do, or to know.
pub(super) struct Task {
    pub(super) what: String,
}

impl From<String> for Task {
    fn from(what: String) -> Self {
        Self { what }
    }
}

pub(super) fn tell(tasks: &[Task], out: &mut Output) {
    if out.wants_json() {
        return out.json(&json!({ "work": tasks.iter().map(|task| &task.what).collect::<Vec<_>>() }));
    }
    for task in tasks {
        out.line(format!("- {}", printable(&task.what)));
    }
}

/// Every place of the policy that names somebody.
pub(super) fn named(document: &PolicyDocument, who: &Name) -> Vec<Task> {
    let mut tasks: Vec<String> = roles(document, who).into_iter().map(|(_, what)| what).collect();
    if let Some(key) = document.signing_keys.get(who) {
        let family = key.family.as_ref().map_or("no family", Name::as_str);
        tasks.push(format!("signing key for {} of {family}, in {}", key.purpose.name(), key.pkcs11));
    }
    for (called, key) in &document.signing_keys {
        if key.parent.as_ref() == Some(who) {
            tasks.push(format!("signing key {called} stands under it: it is replaced with it"));
        }
    }
    for (called, witness) in &document.log.witnesses {
        if called == who {
            tasks.push(format!("witness of the log, {}", if witness.outside { "outside" } else { "own" }));
        }
    }
    tasks.into_iter().map(Task::from).collect()
}

/// What of theirs is open, and what would stop counting.
pub(super) fn said(known: &mut Known, who: &Name, from: Option<u64>) -> Result<Vec<Task>, Failure> {
    let mut tasks: Vec<Task> = Vec::new();
    let leaves: Vec<(u64, Event)> =
        known.leaves.iter().zip(0..).map(|(leaf, index)| (index, leaf.event.clone())).collect();
    for (index, event) in leaves {
        if !speakers(known, event.clone()).contains(who) {
            continue;
        }
        let stops = from.is_some_and(|from| index >= from);
        let (did, requests) = match event {
            Event::Approved { requests, .. } => ("approved", requests),
            Event::Reviewed { request, .. } => ("reviewed", vec![request]),
            Event::Submitted { request, .. } => ("asked for", vec![request]),
            other => {
                let told = if stops { did_once(known, &other) } else { holds_on(known, index, &other) };
                tasks.extend(told.map(|did| format!("index {index}: {did}").into()));
                continue;
            }
        };
        for request in requests {
            let short = short(&request);
            let becomes = match state(known, request)? {
                _ if stops => "and that stops counting".to_owned(),
                State::Submitted { dead: false, .. } | State::Quorate { .. } => {
                    "which is still open".to_owned()
                }
                State::Provisional { until } => {
                    format!("which counts until {until}, and no longer unless it is reviewed")
                }
                _ => continue,
            };
            tasks.push(format!("index {index}: {did} {short}, {becomes}").into());
        }
    }
    Ok(tasks)
}

/// What somebody did that is about no request, and goes on when they leave: whoever takes their place looks after it.
fn holds_on(known: &mut Known, index: u64, event: &Event) -> Option<String> {
    Some(match event {
        Event::Compensated { control, .. } => {
            let now = known.now.max(known.view.time());
            let (one, _) =
                known.view.compensations(now).find(|(one, stands)| *stands && one.id() == *control)?;
            let until = one.control().not_after.utc();
            format!("vouched for the control {}, which stands until {until}", short(control))
        }
        Event::FamilyChanged { change, .. } => {
            let now = known.view.changed(u64::MAX).any(|policy| policy.change() == Some(*change));
            now.then(|| format!("wanted the change {} of a family, which is in force", short(change)))?
        }
        Event::Policy { policy, .. } => {
            let is_followed = known.view.policy().is_some_and(|followed| followed.id() == *policy);
            is_followed.then(|| format!("wanted the policy {}, which is followed now", short(policy)))?
        }
        Event::Recovery { policy, .. } => {
            let pending = known.view.recovery().filter(|pending| pending.place().index == index)?;
            let from = pending.earliest().utc();
            format!("wanted the policy {} as a recovery, which waits until {from}", short(policy))
        }
        Event::Revoked { revocation } => {
            let takes =
                |withdrawn: Option<&Withdrawn>| withdrawn.is_some_and(|one| one.revocation == *revocation);
            match known.read_object::<Revocation>(*revocation).ok()?.revokes {
                Revoked::Control(id) => takes(known.view.revoked(&id))
                    .then(|| format!("took the control {} back, and that stays", short(&id)))?,
                Revoked::Key { spki_sha256, .. } => {
                    let mut all = known.view.suspensions().iter();
                    let one = all.find(|one| one.place.index == index && known.now <= one.until)?;
                    let (key, until) = (short(&spki_sha256), one.until.utc());
                    format!("suspended the key {key}, which holds until {until}")
                }
                Revoked::Request(id) => takes(known.view.revoked(&id))
                    .then(|| format!("took {} back, and that stays", short(&id)))?,
            }
        }
        _ => return None,
    })
}

/// What somebody did that is about no request: what becomes of it when it was another one with their key.
fn did_once(known: &mut Known, event: &Event) -> Option<String> {
    let stays = "took effect and stays: look whether that was they";
    Some(match event {
        Event::Compensated { control, .. } => {
            format!("vouched for the control {}, and that stops counting", short(control))
        }
        Event::FamilyChanged { change, .. } => {
            format!("wanted the change {} of a family; it {stays}", short(change))
        }
        Event::Objected { .. } => format!("objected to a recovery; it {stays}"),
        Event::Policy { policy, .. } => format!("wanted the policy {}; it {stays}", short(policy)),
        Event::Recovery { policy, .. } => {
            format!(
                "wanted the policy {} as a recovery, and that stops counting while it waits",
                short(policy)
            )
        }
        Event::Revoked { revocation } => match known.read_object::<Revocation>(*revocation).ok()?.revokes {
            Revoked::Control(id) => format!("took the control {} back; it {stays}", short(&id)),
            Revoked::Key { spki_sha256, until, .. } => {
                format!(
                    "suspended the key {} until {}: look whether that was they",
                    short(&spki_sha256),
                    until.utc()
                )
            }
            Revoked::Request(id) => format!("took {} back; it {stays}", short(&id)),
        },
        Event::Approved { .. }
        | Event::Attempted { .. }
        | Event::Denied { .. }
        | Event::Published { .. }
        | Event::Recovered { .. }
        | Event::Reviewed { .. }
        | Event::Signed { .. }
        | Event::Submitted { .. } => return None,
    })
}

/// Releases that count now, and would not if these keys were suspended from this index of the log on until then.
pub(in crate::cli::release) fn falls(
    known: &mut Known,
    keys: &BTreeMap<ObjectId, CanonicalKey>,
    (from, until): (u64, Timestamp),
    by: &Name,
) -> Result<Vec<(ObjectId, String)>, Failure> {
    let before = known.catalogue()?;
    let view = known.view.supposing(keys.values().cloned(), from, until, by);
    let now = Now { clock: known.now, is_confirmed: true };
    let after = Catalogue::load(&view, &known.objects, &Floors::new(), now, &known.limits);
    let stays = |one: &Release| after.releases().any(|other| other.id() == one.id());
    Ok(before.releases().filter(|one| !stays(one)).map(|one| (one.id(), release(one))).collect())
}

/// Some of them one by one, and how many more there are.
pub(in crate::cli::release) fn listed(all: &[(ObjectId, String)], becomes: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        all.iter().take(LISTED).map(|(_, release)| format!("{release} {becomes}")).collect();
    let more = all.len().saturating_sub(LISTED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn release(one: &Release) -> String {
    let request = one.request();
    let (id, index) = (short(&one.id()), one.published().index);
    format!("release {} of {} ({id}, published at index {index})", request.version, request.family)
}

/// What the key of the HSM that is called so signed or is to sign, and what its change means where.
pub(super) fn signed_with(
    known: &mut Known,
    called: &Name,
    key: &SigningKey,
    is_lost: bool,
) -> Result<Vec<Task>, Failure> {
    let mut tasks: Vec<Task> = Vec::new();
    let requests: Vec<ObjectId> = known.said.requests().map(|(id, _)| *id).collect();
    for id in requests {
        if known.object(id)?.is_none() {
            continue;
        }
        let names_it =
            known.request(id).is_ok_and(|request| request.sign.iter().any(|sign| sign.key == *called));
        if names_it
            && matches!(state(known, id)?, State::Submitted { dead: false, .. } | State::Quorate { .. })
        {
            let short = short(&id);
            tasks.push(
                format!("{short} is open and to be signed with it: ask for it anew under the next policy")
                    .into(),
            );
        }
    }
    let catalogue = known.catalogue()?;
    let signed = catalogue.releases().filter(|one| one.request().sign.iter().any(|sign| sign.key == *called));
    let signed: Vec<_> = signed.map(|one| (one.id(), release(one))).collect();
    let goes_on =
        "is signed with it, and goes on counting: for verifiers the log has its place and the people's word";
    tasks.extend(listed(&signed, goes_on).into_iter().map(Task::from));
    tasks.push(
        "devices that check such signatures themselves (UEFI's db, a boot loader's key) believe the old key until it is taken out there: \
         have what they are to run signed with the new one first"
            .to_owned()
            .into(),
    );
    if key.custody == Custody::Vendor {
        tasks.push("it is kept by a vendor: the new public key comes from there".to_owned().into());
    }
    if is_lost {
        tasks.push(
            "now: nobody suspends it, and nothing that it signs counts for verifiers without people's word; stop the signer, and have \
             `attest release monitor --seen` look at signatures that are found: nobody asked for those"
                .to_owned()
                .into(),
        );
        tasks.push("for good: a succession in which another key has its place".to_owned().into());
    }
    Ok(tasks)
}

/// Whose each key is, those of people whom families brought in among them.
pub(in crate::cli::release) fn keys_of(known: &Known, who: &Name) -> BTreeMap<ObjectId, CanonicalKey> {
    let policies = known.view.policy().into_iter().chain(known.view.changed(u64::MAX));
    let own = policies.flat_map(Policy::keys).filter(|(_, of)| of.identity == *who);
    own.map(|(key, _)| (ObjectId::of(&key.spki_der()), key.clone())).collect()
}

/// Families whose managers can take somebody out of its rules without a succession, and how.
pub(super) fn managed(document: &PolicyDocument, who: &Name) -> Vec<Task> {
    let managed = document.families.iter().filter(|(_, family)| family.managers.is_some());
    let managed = managed.filter(|(name, family)| is_in(family, name, who));
    let task = |(name, _): (&Name, &Family)| Task {
        what: format!(
            "family {name}: its managers can do that by themselves, `attest release family draft {name} --remove {who}`"
        ),
    };
    managed.map(task).collect()
}

/// Whether this family, of this name, has somebody in its rules.
pub(super) fn is_in(family: &Family, name: &Name, who: &Name) -> bool {
    family.requesters.contains(who)
        || family.revokers.contains(who)
        || family.quorums(name).into_iter().any(|(_, quorum)| quorum.people().contains(who))
}
