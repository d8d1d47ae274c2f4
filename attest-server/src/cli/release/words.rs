//! What a request changes, in words: computed here from the bytes of the request and of what it takes the place of.

use attest_core::reference::Golden;
use attest_core::reference::corim::{SignedCorim, profile};
use attest_core::release::form;
use attest_core::release::policy::{KeyOf, Purpose};
use attest_core::release::provenance::{Builder, Dependency, Provenance, ProvenanceRule};
use attest_core::release::request::Request;
use attest_core::release::view::Mark;
use attest_core::release::{CanonicalKey, ObjectId};

use super::known::Known;
use super::short;
use crate::cli::{Failure, Output, Style, printable};

/// A request, and the release that it takes the place of.
pub(super) struct Change {
    pub(super) id: ObjectId,
    pub(super) request: Request,
    pub(super) golden: Option<Golden>,
    pub(super) source: Vec<Source>,
    pub(super) before: Option<Box<Change>>,
}

/// Where a build came from.
pub(super) enum Source {
    Counts(Vec<Dependency>),
    /// A stable code.
    CountsNot(String),
}

impl Change {
    /// Reads it, and what is to be compared with.
    pub(super) fn read(known: &mut Known, id: ObjectId) -> Result<Self, Failure> {
        let mut change = Self::alone(known, id)?;
        let before = match change.request.replaces {
            Some(before) => Some(before),
            None => {
                let catalogue = known.catalogue()?;
                let others = catalogue.family(&change.request.family).iter();
                others.rev().map(attest_core::release::evaluate::Release::id).find(|other| *other != id)
            }
        };
        change.before = before.and_then(|id| Self::alone(known, id).ok()).map(Box::new);
        Ok(change)
    }

    fn alone(known: &mut Known, id: ObjectId) -> Result<Self, Failure> {
        let request = known.request(id)?;
        let rule = Self::rule(known, id, &request);
        let mut source = Vec::new();
        for envelope in request.provenance.clone() {
            let limits = known.limits;
            let Some(bytes) = known.object(envelope)?.map(<[u8]>::to_vec) else {
                source.push(Source::CountsNot("provenance_envelope_missing".to_owned()));
                continue;
            };
            source.push(Self::source(rule.as_ref(), &bytes, &limits));
        }
        let golden = Self::golden(known, &request)?;
        Ok(Self { id, request, golden, source, before: None })
    }

    /// What its channel wants of a build, and the keys of builders that count.
    fn rule(known: &Known, id: ObjectId, request: &Request) -> Option<(ProvenanceRule, Vec<Builder>)> {
        let (view, now) = (&known.view, known.now);
        let policy = view.policy_named(&request.policy)?;
        let demand = policy.channel(&request.family, &request.channel)?.provenance.as_ref()?;
        let index = view.place(Mark::Submitted, &id).map_or(view.head().size, |place| place.index);
        let counts = |key: &CanonicalKey, known: &KeyOf| {
            known.counts_at(request.not_before) && !view.is_suspended(key, index, now)
        };
        Some((demand.rule()?, demand.builders(policy, counts)))
    }

    fn source(
        rule: Option<&(ProvenanceRule, Vec<Builder>)>,
        envelope: &[u8],
        limits: &attest_core::Limits,
    ) -> Source {
        let Some((rule, builders)) = rule else {
            return Source::CountsNot("no rule asks for it".to_owned());
        };
        match Provenance::verify(envelope, builders, limits) {
            Ok(provenance) => Source::Counts(provenance.source(rule).into_iter().cloned().collect()),
            Err(error) => Source::CountsNot(error.code().to_owned()),
        }
    }

    /// The golden values that are to be signed, out of the bytes to be signed.
    fn golden(known: &mut Known, request: &Request) -> Result<Option<Golden>, Failure> {
        let limits = known.limits;
        let Some(sign) = request.sign.iter().find(|sign| sign.purpose == Purpose::Corim) else {
            return Ok(None);
        };
        let Some(bytes) = known.object(sign.sha256)? else { return Ok(None) };
        let malformed = |error: &dyn std::fmt::Display| Failure::malformed("golden_malformed", error);
        let enclosed = form::corim::enclose(bytes, &[], &limits).map_err(|error| malformed(&error))?;
        let signed = SignedCorim::parse(&enclosed, &limits).map_err(|error| malformed(&error))?;
        let corim = signed.unverified(&limits).map_err(|error| malformed(&error))?;
        profile::read(&corim).map(Some).map_err(|error| malformed(&error))
    }

    /// For people.
    pub(super) fn tell(&self, out: &mut Output) {
        let Self { id, request, before, .. } = self;
        let was = before.as_deref();
        let title = format!("{} of {}, {}", request.version, request.family, request.kind.name());
        let title = out.paint(Style::Strong, printable(&title));
        out.line(format!("{title}  {}", short(id)));
        out.line(format!("  channel      {}", request.channel));
        let before = was.map(|was| format!(" (was {})", was.request.security_version)).unwrap_or_default();
        out.line(format!("  security     {}{before}", request.security_version));
        if let Some(was) = was {
            out.line(format!(
                "  compared to  {} {}",
                printable(was.request.version.as_str()),
                short(&was.id)
            ));
        }
        for artifact in &request.artifacts {
            let old = was.and_then(|was| was.request.artifacts.iter().find(|old| old.name == artifact.name));
            let change = match old {
                None => "new".to_owned(),
                Some(old) if old.sha256 == artifact.sha256 => "the same bytes".to_owned(),
                Some(old) => format!("was {} {}", printable(old.version.as_str()), short(&old.sha256)),
            };
            let called = printable(artifact.name.as_str());
            out.line(format!(
                "  artifact     {called} {} {} bytes, {change}",
                short(&artifact.sha256),
                artifact.size
            ));
        }
        self.tell_golden(was, out);
        for source in &self.source {
            match source {
                Source::Counts(places) => {
                    for place in places {
                        let digests: Vec<String> =
                            place.digests.iter().map(|(name, hex)| format!("{name}:{hex}")).collect();
                        out.line(format!(
                            "  source       {} {}",
                            printable(&place.uri),
                            printable(&digests.join(" "))
                        ));
                    }
                }
                Source::CountsNot(code) => {
                    let warn =
                        out.paint(Style::Warn, format!("  source       provenance does not count: {code}"));
                    out.line(warn);
                }
            }
        }
        for sign in &request.sign {
            let purpose = sign.purpose.name();
            out.line(format!("  to sign      {} bytes with {} for {purpose}", sign.size, sign.key));
        }
        out.line(format!("  until        {}", request.not_after.utc()));
        out.line(format!("  asked by     {}: {}", request.requester, printable(request.reason.as_str())));
    }

    fn tell_golden(&self, was: Option<&Self>, out: &mut Output) {
        match (&self.golden, was.and_then(|was| was.golden.as_ref())) {
            (None, _) => out.line("  golden       none"),
            (Some(_), None) => out.line("  golden       the first values"),
            (Some(new), Some(old)) => {
                let changes = old.diff(new);
                out.line(format!("  golden       {} change(s)", changes.len()));
                for change in changes {
                    out.line(format!("    {}", printable(&change.place)));
                }
            }
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let places = |golden: &Golden, new: &Golden| {
            golden.diff(new).into_iter().map(|change| change.place).collect::<Vec<_>>()
        };
        let before = self.before.as_deref();
        let changes = match (&self.golden, before.and_then(|before| before.golden.as_ref())) {
            (Some(new), Some(old)) => Some(places(old, new)),
            _ => None,
        };
        let source = self.source.iter().map(|source| match source {
            Source::Counts(places) => serde_json::json!({
                "counts": true,
                "places": places.iter().map(|place| serde_json::json!({ "uri": place.uri, "digests": place.digests })).collect::<Vec<_>>(),
            }),
            Source::CountsNot(code) => serde_json::json!({ "counts": false, "because": code }),
        });
        serde_json::json!({
            "request": self.id, "content": self.request, "compared_to": before.map(|before| before.id),
            "golden_changes": changes, "source": source.collect::<Vec<_>>(),
        })
    }
}
