//! Which release a request takes the place of. A rollback names one: whoever sits at a terminal is asked for it, a program is told what to give.

use attest_core::release::evaluate::Failure as Gate;
use attest_core::release::{Name, ObjectId};

use crate::cli::release::known::{Known, the_one};
use crate::cli::release::{answer, short};
use crate::cli::{Failure, printable};

/// So many releases are told, the newest first.
const LISTED: usize = 10;

/// What was a release of a family, in force or not by now.
pub(super) struct Candidate {
    id: ObjectId,
    version: String,
    security_version: u64,
    index: u64,
    is_in_force: bool,
}

impl Candidate {
    fn words(&self) -> String {
        let Self { id, version, security_version, index, is_in_force } = self;
        let now = if *is_in_force { "in force" } else { "in force no more" };
        let (id, version) = (short(id), printable(version));
        format!("{id}  {version}, security version {security_version}, published at index {index}, {now}")
    }
}

/// All that were ever released for this family, the newest first.
pub(super) fn candidates(known: &mut Known, family: &Name) -> Result<Vec<Candidate>, Failure> {
    let catalogue = known.catalogue()?;
    let published: Vec<(ObjectId, u64)> =
        known.view.published().map(|(id, place, _)| (id, place.index)).collect();
    let mut found = Vec::new();
    for (id, index) in published {
        if !catalogue.floors().was_released(&id, family, u64::MAX) {
            continue;
        }
        let request = known.request(id)?;
        let is_in_force = catalogue.releases().any(|release| release.id() == id);
        let (version, security_version) = (request.version.to_string(), request.security_version);
        found.push(Candidate { id, version, security_version, index, is_in_force });
    }
    found.sort_by_key(|one| core::cmp::Reverse(one.index));
    Ok(found)
}

/// This one, if it is among them: what was never released is no release to take the place of, and no approval makes it one.
pub(super) fn released(family: &Name, replaces: ObjectId, all: &[Candidate]) -> Result<ObjectId, Failure> {
    if all.iter().any(|one| one.id == replaces) {
        return Ok(replaces);
    }
    let gate = Gate::ReplacesNoRelease { replaces };
    let there = match all.is_empty() {
        true => format!("`{family}` has no release yet"),
        false => format!("expected one of {}", ids(all)),
    };
    Err(Failure::usage(gate.code(), format!("--replaces: {gate}; {there}")))
}

/// Their first digits and versions.
fn ids(all: &[Candidate]) -> String {
    let one = |one: &Candidate| format!("{} ({})", short(&one.id), printable(&one.version));
    let listed: Vec<String> = all.iter().take(LISTED).map(one).collect();
    let more = if all.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", listed.join(", "))
}

/// One of them, by the first digits of its id.
pub(super) fn chosen(family: &Name, all: &[Candidate]) -> Result<ObjectId, Failure> {
    let refused = |more: String| {
        let gate = Gate::ReplacesNothing;
        Failure::usage(gate.code(), format!("--kind rollback: {gate}; {more}"))
    };
    if all.is_empty() {
        return Err(refused(format!("`{family}` has no release yet")));
    }
    let lines: Vec<String> = all.iter().take(LISTED).map(Candidate::words).collect();
    let more = all.len().saturating_sub(LISTED);
    let more = if more > 0 { format!("\n  and {more} older") } else { String::new() };
    let listed = format!("released for {family}, the newest first:\n  {}{more}", lines.join("\n  "));
    let question = format!("{listed}\nWhich one does it take the place of? [the first digits of its id] ");
    match answer::ask(&question)? {
        Some(digits) => the_one(&digits, all.iter().map(|one| one.id)),
        None => Err(refused(format!("give --replaces with one of {}", ids(all)))),
    }
}
