//! Why a policy that was handed in is not followed: each statement by name, key, and what it counts for, and what the quorums have. For a
//! succession as for a recovery.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attest_core::Limits;
use attest_core::release::key::CanonicalKey;
use attest_core::release::leaf::Event;
use attest_core::release::object;
use attest_core::release::policy::Policy;
use attest_core::release::speaker::{self, Hearing};
use attest_core::release::ssh::Signature;
use attest_core::release::statement::{Recovery, Statement, Succession, Text};
use attest_core::release::view::{Pending, Place};
use attest_core::release::{Name, ObjectId, Quorum};

use super::succeed::index_of;
use crate::cli::release::known::Known;

/// Somebody's word that a policy is to follow, and whose word is asked for.
pub(super) trait Wants: Statement {
    /// Which policy they want.
    fn wanted(&self) -> ObjectId;

    /// The authority that it names, where it does.
    fn authority(&self) -> Option<ObjectId>;

    /// What they signed.
    fn text(&self, next: &Policy) -> Text;

    /// Who is asked by the policy that is followed, and how they are called.
    fn asked(followed: &Policy) -> (&'static str, Option<&Quorum>);

    /// The key that counts, as the log weighs such a word.
    fn heard(&self, hearing: &Hearing<'_>, text: &Text, place: Place)
    -> Result<CanonicalKey, speaker::Error>;
}

impl Wants for Succession {
    fn wanted(&self) -> ObjectId {
        self.policy
    }

    fn authority(&self) -> Option<ObjectId> {
        None
    }

    fn text(&self, next: &Policy) -> Text {
        Text::succession(self, next.document())
    }

    fn asked(followed: &Policy) -> (&'static str, Option<&Quorum>) {
        ("root", Some(&followed.document().root))
    }

    fn heard(
        &self,
        hearing: &Hearing<'_>,
        text: &Text,
        place: Place,
    ) -> Result<CanonicalKey, speaker::Error> {
        hearing.voice(self, text, place)
    }
}

impl Wants for Recovery {
    fn wanted(&self) -> ObjectId {
        self.policy
    }

    fn authority(&self) -> Option<ObjectId> {
        Some(self.authority)
    }

    fn text(&self, next: &Policy) -> Text {
        Text::recovery(self, next.document())
    }

    fn asked(followed: &Policy) -> (&'static str, Option<&Quorum>) {
        ("recovery", followed.document().recovery.as_ref())
    }

    fn heard(
        &self,
        hearing: &Hearing<'_>,
        text: &Text,
        place: Place,
    ) -> Result<CanonicalKey, speaker::Error> {
        hearing.key(self, text, place)
    }
}

/// One of the two quorums that are asked.
struct Asked<'k> {
    under: &'k Policy,
    called: &'static str,
    quorum: Option<&'k Quorum>,
    counted: BTreeSet<Name>,
}

/// The statements in these files, each with its file's name.
pub(super) fn by_files<S: Wants>(files: &[PathBuf], said: &[Vec<u8>], limits: &Limits) -> Vec<(String, S)> {
    let both = files.iter().zip(said);
    both.filter_map(|(file, bytes)| Some((file.display().to_string(), object::read(bytes, limits).ok()?)))
        .collect()
}

/// Why a recovery that is handed in does not wait.
pub(in crate::cli::release) fn for_recovery(
    known: &Known,
    policy: &Policy,
    files: &[PathBuf],
    said: &[Vec<u8>],
) -> Vec<String> {
    why(known, policy, &by_files::<Recovery>(files, said, &known.limits), known.view.next_place())
}

/// Why what waits does not take effect: those who wanted it, where they said so in the log.
pub(in crate::cli::release) fn pending(known: &mut Known, policy: &Policy) -> Vec<String> {
    let waits = known.view.recovery().filter(|pending| pending.policy().id() == policy.id());
    let Some(place) = waits.map(Pending::place) else { return Vec::new() };
    let leaf = usize::try_from(place.index).ok().and_then(|index| known.leaves.get(index));
    let Some(Event::Recovery { recoveries, .. }) = leaf.map(|leaf| leaf.event.clone()) else {
        return Vec::new();
    };
    let from = format!("index {} of the log", place.index);
    let said =
        recoveries.into_iter().filter_map(|id| Some((from.clone(), known.read_object::<Recovery>(id).ok()?)));
    let said: Vec<_> = said.collect();
    why(known, policy, &said, place)
}

/// What does not fit, and what does: the policy's place among others, each statement, and what the quorums have. `said` has for each statement
/// where it comes from; all of them stand, or would stand, at `place`.
pub(super) fn why<S: Wants>(
    known: &Known,
    policy: &Policy,
    said: &[(String, S)],
    place: Place,
) -> Vec<String> {
    let Some(followed) = known.view.policy() else { return Vec::new() };
    let mut lines = Vec::new();
    if policy.document().previous != Some(followed.id()) {
        let (version, id) = (followed.document().version, followed.id());
        let index = index_of(&known.view, id).unwrap_or_default();
        let says =
            policy.document().previous.map_or_else(|| "none".to_owned(), |previous| previous.to_string());
        lines.push(format!("version {version}, {id}, is followed from index {index} on, and this one says that it follows {says}"));
        lines.push("`attest release policy show --next` writes what the next policy is made from".to_owned());
    }
    let (called, quorum) = S::asked(followed);
    let mut asked = [
        Asked { under: followed, called, quorum, counted: BTreeSet::new() },
        Asked {
            under: policy,
            called: "root",
            quorum: Some(&policy.document().root),
            counted: BTreeSet::new(),
        },
    ];
    let mut heard = BTreeMap::new();
    for (from, statement) in said {
        let by = statement.by().clone();
        let who = format!("{from}: `{by}`, {}", fingerprint(statement, &known.limits));
        if let Some(before) = heard.insert(by.clone(), from) {
            lines.push(format!("{who}: said the same in {before}, and each person counts once"));
        }
        for one in &mut asked {
            let told = match weigh(known, one, policy, (statement, place)) {
                Ok(()) => {
                    one.counted.insert(by.clone());
                    format!(
                        "{who}: it counts in the {} quorum of version {}",
                        one.called,
                        one.under.document().version
                    )
                }
                Err(because) => format!("{who}: {because}"),
            };
            if !lines.contains(&told) {
                lines.push(told);
            }
        }
    }
    lines.extend(asked.iter().filter_map(short));
    lines
}

/// Why this statement is nobody's word in this quorum for the next policy.
fn weigh<S: Wants>(
    known: &Known,
    asked: &Asked<'_>,
    next: &Policy,
    (said, place): (&S, Place),
) -> Result<(), String> {
    let Asked { under, called, quorum, .. } = asked;
    let version = under.document().version;
    if said.wanted() != next.id() {
        return Err(format!("it is about {}, another policy", said.wanted()));
    }
    if let Some(other) = said.authority().filter(|authority| *authority != known.view.authority()) {
        return Err(format!("it is for {other}, another authority"));
    }
    if !quorum.is_some_and(|quorum| quorum.people().contains(said.by())) {
        return Err(format!("they are not in the {called} quorum of version {version}"));
    }
    let hearing = Hearing { policy: under, view: &known.view, now: known.now, limits: &known.limits };
    let heard = said.heard(&hearing, &said.text(next), place);
    heard.map(|_| ()).map_err(|error| format!("{error}, by version {version}"))
}

/// What is missing from this quorum; nothing where it is met.
fn short(asked: &Asked<'_>) -> Option<String> {
    let Asked { under, called, quorum, counted } = asked;
    let version = under.document().version;
    let Some(quorum) = quorum else {
        return Some(format!("version {version} names no {called} quorum"));
    };
    if quorum.is_met_by(counted) {
        return None;
    }
    let groups = quorum.tally(counted).into_iter();
    let groups: Vec<String> =
        groups.map(|one| format!("{} of {} in the group {}", one.have.len(), one.need, one.group)).collect();
    let people: Vec<String> = quorum.people().into_iter().map(|name| name.to_string()).collect();
    Some(format!(
        "the {called} quorum of version {version}, of {}, has {}",
        people.join(", "),
        groups.join(", ")
    ))
}

/// The key that signed it, as `ssh-keygen -l` tells it.
fn fingerprint<S: Statement>(said: &S, limits: &Limits) -> String {
    Signature::parse(said.signature(), limits)
        .map_or_else(|_| "no signature".to_owned(), |it| it.key().fingerprint())
}
