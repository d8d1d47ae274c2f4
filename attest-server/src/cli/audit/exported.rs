//! The release of an exported folder, weighed by the leaves and objects in it and by nobody's word.

use std::collections::BTreeMap;
use std::path::Path;

use attest_core::Limits;
use attest_core::release::ObjectId;
use attest_core::release::catalogue::{Catalogue, Floors};
use attest_core::release::evaluate::{Failure as Gate, Now};
use attest_core::release::view::{LogView, Mark};
use serde_json::json;

use super::verify::{Reader, Unread};
use crate::cli::input::read_file;
use crate::cli::layout::hanging;
use crate::cli::{Exit, Failure, Output, Style, printable};
use crate::clock;

const LIMITS: &Limits = &Limits::DEFAULT;

/// Where it stands.
pub(super) struct Release {
    request: ObjectId,
    standing: &'static str,
    detail: String,
    failures: Vec<(&'static str, &'static str, String)>,
    /// Files beside the log that do not say what it says.
    differing: Vec<String>,
}

impl Release {
    /// Good only where it counts: the log may be as it should be, and the release in it taken back.
    pub(super) fn exit(&self) -> Exit {
        if self.standing == "counts" && self.differing.is_empty() { Exit::Good } else { Exit::Refused }
    }

    /// Weighs what the folder calls the release, and holds what else lies in it against the log.
    pub(super) fn look(
        folder: &Path,
        reader: &Reader,
        view: &LogView,
        objects: BTreeMap<ObjectId, Vec<u8>>,
    ) -> Result<Self, Failure> {
        let weighed = Self::weigh(folder, reader, view, objects)?;
        let most = LIMITS.release_bundle_bytes;
        let differing = crate::cli::release::differing(folder, view.authority(), weighed.request, most)?;
        Ok(Self { differing, ..weighed })
    }

    /// Its request must stand in the log, and its bundle must be the one that was published.
    fn weigh(
        folder: &Path,
        reader: &Reader,
        view: &LogView,
        mut objects: BTreeMap<ObjectId, Vec<u8>>,
    ) -> Result<Self, Failure> {
        let request = ObjectId::of(&read_file(&folder.join("request.cbor"), LIMITS.release_object_bytes)?);
        if view.place(Mark::Submitted, &request).is_none() {
            let detail = format!("request.cbor is {request}, and the log knows of no such request");
            return Err(Failure::malformed("request_not_submitted", detail));
        }
        let of = |standing, detail| Self {
            request,
            standing,
            detail,
            failures: Vec::new(),
            differing: Vec::new(),
        };
        let bundle = ObjectId::of(&read_file(&folder.join("bundle.cbor"), LIMITS.release_bundle_bytes)?);
        let published = view.named(Mark::Published, &request);
        if let Some(published) = published.filter(|published| *published != bundle) {
            let detail = format!("bundle.cbor is {bundle}, and {published} was published");
            return Err(Failure::malformed("release_bundle_not_published", detail));
        }
        if let Some(withdrawn) = view.revoked(&request) {
            let detail = format!("at index {} of the log: {}", withdrawn.place.index, withdrawn.reason);
            return Ok(of("revoked", detail));
        }
        if published.is_none() {
            return Ok(of("not_published", "nothing was published for the request".to_owned()));
        }
        let named =
            view.published().map(|(_, _, bundle)| bundle).chain(view.reviews().map(|(_, review)| review));
        for id in named.collect::<Vec<_>>() {
            if let Some(bytes) = reader.object(id, LIMITS.release_bundle_bytes).map_err(Unread::failure)? {
                objects.insert(id, bytes);
            }
        }
        // Without a memory of what was seen before, nobody knows that an emergency's time is not over.
        let now = Now { clock: clock::now(), is_confirmed: false };
        let catalogue = Catalogue::load(view, &objects, &Floors::new(), now, LIMITS);
        if let Some(release) = catalogue.releases().find(|release| release.id() == request) {
            let (tier, index) = (release.tier().name(), release.published().index);
            return Ok(of("counts", format!("tier {tier}, published at index {index} of the log")));
        }
        let refused = catalogue.refused().iter().find(|one| one.request == request);
        let told = |gate: &Gate| (gate.gate().name(), gate.code(), gate.to_string());
        let failures = refused.map(|one| one.failures.iter().map(told).collect()).unwrap_or_default();
        Ok(Self {
            request,
            standing: "refused",
            detail: "it was published, and does not count".to_owned(),
            failures,
            differing: Vec::new(),
        })
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        let failures = self
            .failures
            .iter()
            .map(|(gate, code, detail)| json!({ "gate": gate, "code": code, "detail": detail }));
        json!({
            "request": self.request, "standing": self.standing, "detail": self.detail, "failures": failures.collect::<Vec<_>>(),
            "differing": self.differing,
        })
    }

    pub(super) fn tell(&self, out: &mut Output) {
        let style = match self.standing {
            "counts" => Style::Good,
            "not_published" => Style::Warn,
            _ => Style::Bad,
        };
        out.line(format!("release     {}", self.request));
        let words = out.paint(style, self.standing.replace('_', " "));
        out.line(format!("            {words}"));
        hanging(out, "            ", 12, &printable(&self.detail));
        for (gate, code, detail) in &self.failures {
            hanging(out, &format!("  {gate:<11} "), 14, &format!("{} [{code}]", printable(detail)));
        }
        if !self.differing.is_empty() {
            out.line(out.paint(Style::Bad, "folder      holds what its log does not say [export_differs]"));
        }
        for one in &self.differing {
            hanging(out, "            ", 12, one);
        }
    }
}
