//! `attest release publish` and `verify`.

use std::path::PathBuf;

use attest_core::release::ObjectId;
use attest_core::release::bundle::Bundle;
use attest_core::release::catalogue::Floors;
use attest_core::release::evaluate::{self, Failure as Gate, Gate as Name, Release, Standing};
use attest_core::release::object;
use attest_core::release::request::Request;
use attest_core::release::view::Mark;
use clap::Args;
use serde_json::json;

use super::known::Known;
use super::{Desk, bytes, gates, short, unfit};
use crate::cli::{Exit, Failure, Output, Style, input, printable};

/// Flags of `publish`.
#[derive(Args, Debug)]
pub(super) struct Publish {
    /// The request
    id: String,
}

impl Publish {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let id = known.find(&self.id)?;
        if known.view.place(Mark::Signed, &id).is_none() {
            return unsigned(&mut known, id, out);
        }
        let bundle = bytes(&known.bundle(id)?)?;
        let mut failures = weigh(&mut known, id, &bundle)?.err().unwrap_or_default();
        if known.view.place(Mark::Published, &id).is_none() {
            let request = known.request(id)?;
            failures.extend(gates::pending(&mut known, id, &request)?);
        }
        // All but what comes of publishing it is asked before.
        let others: Vec<&Gate> =
            failures.iter().filter(|one| **one != Gate::NotLogged { mark: Mark::Published }).collect();
        if !others.is_empty() {
            tell(&others, out);
            return Ok(Exit::Refused);
        }
        let named = ObjectId::of(&bundle);
        let at = known.server()?.publish(&id, bundle)?;
        if out.wants_json() {
            out.json(&json!({ "request": id, "bundle": named, "index": at.index, "already": at.already }));
        } else {
            let done = out.paint(Style::Good, "published");
            out.line(format!("{done} {} at index {} of the log", short(&id), at.index));
        }
        Ok(Exit::Good)
    }
}

/// Why there is nothing to publish yet: what the signer waits for, or that it has not run.
fn unsigned(known: &mut Known, id: ObjectId, out: &mut Output) -> Result<Exit, Failure> {
    let failures = known.quorate(id)?.err().unwrap_or_default();
    if failures.is_empty() {
        let detail = format!("{}: approved and not signed yet: the signer has not run", short(&id));
        return Err(Failure::malformed("release_not_signed", detail));
    }
    tell(&failures.iter().collect::<Vec<_>>(), out);
    Ok(Exit::Refused)
}

/// Flags of `verify`.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The request whose release is weighed, or a bundle's file
    release: String,
}

impl Verify {
    pub(super) fn run(self, desk: &Desk, out: &mut Output) -> Result<Exit, Failure> {
        let mut known = desk.known(out)?;
        let file = PathBuf::from(&self.release);
        let (id, bundle) = if file.is_file() {
            let bundle = input::read_file(&file, known.limits.release_bundle_bytes)?;
            let read: Bundle = object::read(&bundle, &known.limits)
                .map_err(|error| unfit(&file, "a release's bundle", error.code(), error))?;
            (ObjectId::of(&read.request.0), bundle)
        } else {
            let id = known.find(&self.release).map_err(|failure| {
                let is_path = self.release.contains(['/', '.']);
                let what = if file.exists() { "no file that can be read" } else { "there is no such file" };
                let missing = || Failure::usage("file_unreadable", format!("{}: {what}", self.release));
                if is_path { missing() } else { failure }
            })?;
            let published = known.view.named(Mark::Published, &id);
            let published = published.ok_or_else(|| {
                Failure::malformed(
                    "release_not_published",
                    format!("{}: nothing was published for it", short(&id)),
                )
            })?;
            let missing = || Failure::malformed("object_missing", format!("{published} is not at hand"));
            (id, known.object(published)?.ok_or_else(missing)?.to_vec())
        };
        match weigh(&mut known, id, &bundle)? {
            Ok(release) => {
                good(&release, out);
                Ok(Exit::Good)
            }
            Err(failures) => {
                tell(&failures.iter().collect::<Vec<_>>(), out);
                Ok(Exit::Refused)
            }
        }
    }
}

pub(super) fn weigh(
    known: &mut Known,
    id: ObjectId,
    bundle: &[u8],
) -> Result<Result<Release, Vec<Gate>>, Failure> {
    // What cannot be read is weighed as what it is.
    let read = object::read::<Bundle>(bundle, &known.limits).ok();
    if let Some(request) = read.and_then(|bundle| Request::parse(&bundle.request.0, &known.limits).ok()) {
        known.is_whole(&request.family)?;
    }
    let catalogue = known.catalogue()?;
    let floors: Floors = catalogue.floors().clone();
    let reviews: Vec<ObjectId> =
        known.view.reviews().filter(|(request, _)| *request == id).map(|(_, review)| review).collect();
    for review in &reviews {
        known.object(*review)?;
    }
    let reviews: Vec<&[u8]> =
        reviews.iter().filter_map(|id| known.objects.get(id)).map(Vec::as_slice).collect();
    let alone = evaluate::evaluate(bundle, &reviews, &known.weighing(&floors));
    // What other releases of the family have to do with it, only all of them together tell: one emergency at a time.
    let named = ObjectId::of(bundle);
    let refused = catalogue.refused().iter().find(|one| one.request == id && one.bundle == named);
    Ok(match (alone, refused) {
        (Ok(_), Some(refused)) => Err(refused.failures.clone()),
        (alone, _) => alone,
    })
}

/// When an emergency lapses that nobody has looked at.
fn provisional(release: &Release) -> Option<String> {
    match release.standing() {
        Standing::Provisional { until } => Some(until.utc().to_string()),
        _ => None,
    }
}

fn good(release: &Release, out: &mut Output) {
    let request = release.request();
    if out.wants_json() {
        let gates: Vec<&str> = Name::ALL.iter().map(|gate| gate.name()).collect();
        return out.json(&json!({
            "counts": true, "request": release.id(), "bundle": release.bundle(), "tier": release.tier().name(),
            "family": request.family, "version": request.version, "security_version": request.security_version,
            "log_index": release.published().index, "approvers": release.approvers(), "gates": gates, "failures": [],
            "lapses": provisional(release),
        }));
    }
    let done = out.paint(Style::Good, "counts");
    let version = printable(request.version.as_str());
    let (tier, index) = (release.tier().name(), release.published().index);
    out.line(format!("{done}: {} {version}, tier {tier}, index {index} of the log", request.family));
    if let Some(until) = provisional(release) {
        out.line(out.paint(Style::Warn, format!("until {until}, and no longer unless it is reviewed")));
    }
    let approvers: Vec<&str> = release.approvers().iter().map(attest_core::release::Name::as_str).collect();
    out.line(format!("approved by {}", approvers.join(", ")));
    for gate in Name::ALL {
        let passed = out.paint(Style::Good, "passed");
        out.line(format!("  {:<12} {passed}", gate.name()));
    }
}

fn tell(failures: &[&Gate], out: &mut Output) {
    if out.wants_json() {
        let failures: Vec<_> = failures
            .iter()
            .map(|one| json!({ "gate": one.gate().name(), "code": one.code(), "detail": one.to_string() }))
            .collect();
        return out.json(&json!({ "counts": false, "failures": failures }));
    }
    let bad = out.paint(Style::Bad, "does not count");
    out.line(bad);
    for gate in Name::ALL {
        let own: Vec<&&Gate> = failures.iter().filter(|one| one.gate() == gate).collect();
        let style = if own.is_empty() { Style::Good } else { Style::Bad };
        let word = out.paint(style, if own.is_empty() { "passed" } else { "failed" });
        out.line(format!("  {:<12} {word}", gate.name()));
        for one in own {
            out.line(format!("    {} [{}]", printable(&one.to_string()), one.code()));
        }
    }
}
