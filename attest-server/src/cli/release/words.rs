//! What a request changes, in words: computed here from the bytes of the request and of what it takes the place of.

use attest_core::reference::Golden;
use attest_core::reference::corim::{SignedCorim, profile};
use attest_core::release::evaluate::Release;
use attest_core::release::form;
use attest_core::release::policy::{Custody, KeyOf, Purpose};
use attest_core::release::provenance::{Builder, Dependency, Provenance, ProvenanceRule};
use attest_core::release::request::Request;
use attest_core::release::view::Mark;
use attest_core::release::{CanonicalKey, ObjectId};
use attest_core::{Digest, HashAlg};

use super::gates::{self, Outlook, Told};
use super::known::Known;
use super::short;
use crate::cli::layout::hanging;
use crate::cli::{Failure, Output, Style, printable};

/// A request, and the release that it takes the place of.
pub(super) struct Change {
    pub(super) id: ObjectId,
    pub(super) request: Request,
    pub(super) golden: Option<Golden>,
    pub(super) source: Vec<Source>,
    pub(super) before: Option<Box<Change>>,
    /// Why it is compared with that one.
    compared: Compared,
    /// What it is to be compared with, and cannot be read, and why.
    unread: Option<(ObjectId, String)>,
    /// The newest release of the family that was published after it was asked for.
    since: Option<Since>,
    pub(super) outlook: Outlook,
}

/// A release: its request, its version, and the index of the log at which it was published.
type Since = (ObjectId, String, u64);

/// Why a request is compared with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    /// The request says what it takes the place of.
    Replaced,
    /// It was the newest release of the family when this was asked for.
    Newest,
}

/// Where a build came from.
pub(super) enum Source {
    /// Where it came from, which run of the builder's made it, if that is said, and which of the request's artifacts, by their digests.
    Counts { places: Vec<Dependency>, run: Option<String>, artifacts: Vec<String> },
    /// A stable code.
    CountsNot(String),
}

impl Change {
    /// Reads it, what is to be compared with, and what the gates say of it.
    pub(super) fn read(known: &mut Known, id: ObjectId) -> Result<Self, Failure> {
        let mut change = Self::alone(known, id)?;
        let (newest, since) = Self::neighbours(known, id, &change.request)?;
        let replaces = change.request.replaces;
        let is_release = match replaces {
            Some(replaced) => Self::was_released(known, replaced, id, &change.request)?,
            None => false,
        };
        // Whoever asks says what it takes the place of, and could say anything: what people are shown it beside was released.
        let (before, compared) = match replaces.filter(|_| is_release) {
            Some(replaced) => (Some(replaced), Compared::Replaced),
            None => (newest, Compared::Newest),
        };
        change.outlook = gates::outlook(known, id)?;
        match before.map(|before| (before, Self::base(known, before))) {
            Some((_, Ok(base))) => change.before = Some(Box::new(base)),
            Some((named, Err(failure))) => {
                let because = failure.to_json()["error"]["detail"].as_str().unwrap_or_default().to_owned();
                let detail = format!("what it is to be compared with, {named}, cannot be read: {because}");
                change.outlook.failing.push(Told::shown("request_base_missing", detail));
                change.unread = Some((named, because));
            }
            None => {}
        }
        change.compared = compared;
        change.since = since.filter(|(since, ..)| Some(*since) != before);
        Ok(change)
    }

    /// Whether this was a release of the same family before that was asked for, be it in force or not by now.
    fn was_released(
        known: &mut Known,
        named: ObjectId,
        id: ObjectId,
        request: &Request,
    ) -> Result<bool, Failure> {
        let (asked, others) = Self::others(known, id, request)?;
        Ok(others.iter().any(|(other, _, published)| *other == named && *published < asked))
    }

    /// The index of the log at which it was asked for, and every other release of its family: those that count and those that were withdrawn.
    fn others(known: &mut Known, id: ObjectId, request: &Request) -> Result<(u64, Vec<Since>), Failure> {
        let asked =
            known.view.place(Mark::Submitted, &id).map_or(known.view.head().size, |place| place.index);
        let catalogue = known.catalogue()?;
        let withdrawn = catalogue.withdrawn(&request.family).iter().map(|(release, _)| release);
        let all = catalogue.family(&request.family).iter().chain(withdrawn);
        let place = |one: &Release| (one.id(), one.request().version.to_string(), one.published().index);
        Ok((asked, all.filter(|one| one.id() != id).map(place).collect()))
    }

    /// What it is compared with, whole: of values that somebody holds back nobody may think that there were none.
    fn base(known: &mut Known, id: ObjectId) -> Result<Self, Failure> {
        let base = Self::alone(known, id)?;
        if base.golden.is_none() && base.request.measurements.is_some() {
            return Err(Failure::malformed("object_missing", "its golden values are not at hand"));
        }
        Ok(base)
    }

    /// The newest release of the family when this was asked for, and the newest that came after it. What somebody took back is neither.
    fn neighbours(
        known: &mut Known,
        id: ObjectId,
        request: &Request,
    ) -> Result<(Option<ObjectId>, Option<Since>), Failure> {
        let (asked, mut others) = Self::others(known, id, request)?;
        others.retain(|(other, ..)| known.view.revoked(other).is_none());
        let newest = |is_before: bool| {
            let side = others.iter().filter(|(.., published)| (*published < asked) == is_before);
            side.max_by_key(|(.., published)| *published).cloned()
        };
        Ok((newest(true).map(|(newest, ..)| newest), newest(false)))
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
            source.push(Self::source(rule.as_ref(), &request, &bytes, &limits));
        }
        let golden = Self::golden(known, &request)?;
        let (compared, outlook) = (Compared::Newest, Outlook::default());
        Ok(Self { id, request, golden, source, before: None, compared, unread: None, since: None, outlook })
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
        request: &Request,
        envelope: &[u8],
        limits: &attest_core::Limits,
    ) -> Source {
        let Some((rule, builders)) = rule else {
            return Source::CountsNot("no rule asks for it".to_owned());
        };
        match Provenance::verify(envelope, builders, limits) {
            Ok(provenance) => {
                let artifacts = made(&provenance, request);
                // Where another thing came from says nothing of this one.
                if artifacts.is_empty() {
                    return Source::CountsNot("provenance_artifact_missing".to_owned());
                }
                let places = provenance.source(rule).into_iter().cloned().collect();
                Source::Counts { places, run: provenance.run().map(str::to_owned), artifacts }
            }
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
        // What people wrote stands below itself where it is long, so that none of it stands where a line of ours begins.
        hanging(out, "", 4, &format!("{}  {}", printable(&title), short(id)));
        out.line(format!("  request      {}", whole(id)));
        out.line(format!("  kind         {}", request.kind.name()));
        out.line(format!("  channel      {}", request.channel));
        let before = was.map(|was| format!(" (was {})", was.request.security_version)).unwrap_or_default();
        out.line(format!("  security     {}{before}", request.security_version));
        self.tell_compared(out);
        for artifact in &request.artifacts {
            let old = was.and_then(|was| was.request.artifacts.iter().find(|old| old.name == artifact.name));
            let change = match old {
                None => "new".to_owned(),
                Some(old) if old.sha256 == artifact.sha256 => "the same bytes".to_owned(),
                Some(old) => format!("was {} {}", printable(old.version.as_str()), short(&old.sha256)),
            };
            let called = printable(artifact.name.as_str());
            let words = format!("{called} {} bytes, {change}", artifact.size);
            hanging(out, "  artifact     ", 15, &words);
            out.line(format!("               {}", whole(&artifact.sha256)));
        }
        self.tell_golden(was, out);
        self.tell_source(out);
        for sign in &request.sign {
            let purpose = sign.purpose.name();
            out.line(format!("  to sign      {} bytes with {} for {purpose}", sign.size, sign.key));
            if let Some(kept) = kept(sign.custody) {
                out.line(out.paint(Style::Warn, format!("               {kept}")));
            }
        }
        out.line(format!("  until        {}", request.not_after.utc()));
        let words = format!("{}: {}", request.requester, printable(request.reason.as_str()));
        hanging(out, "  asked by     ", 15, &words);
        self.outlook.tell(out);
    }

    fn tell_compared(&self, out: &mut Output) {
        if let Some((named, because)) = &self.unread {
            let words = format!("{named}, which cannot be read: {}", printable(because));
            return hanging(out, &out.paint(Style::Bad, "  compared to  "), 15, &words);
        }
        let Some(was) = self.before.as_deref() else {
            out.line("  compared to  nothing: the family had no release in force when it was asked for");
            return;
        };
        let why = match self.compared {
            Compared::Replaced => "which it takes the place of",
            Compared::Newest => "the newest release when it was asked for",
        };
        let words = format!("{} {}", printable(was.request.version.as_str()), short(&was.id));
        hanging(out, "  compared to  ", 15, &words);
        out.line(format!("               {why}"));
        if was.request.security_version > self.request.security_version {
            out.line(out.paint(Style::Warn, "               that one is newer: this goes back"));
        }
        if let Some((id, version, index)) = &self.since {
            let words = format!("{} {} was published at index {index}", printable(version), short(id));
            hanging(out, &out.paint(Style::Warn, "  since then   "), 15, &words);
        }
    }

    fn tell_source(&self, out: &mut Output) {
        for source in &self.source {
            match source {
                Source::Counts { places, run, artifacts } => {
                    for place in places {
                        let digests: Vec<String> =
                            place.digests.iter().map(|(name, hex)| format!("{name}:{hex}")).collect();
                        let digests = digests.join(" ");
                        out.line(format!("  source       {} {}", printable(&place.uri), printable(&digests)));
                    }
                    let run = run.as_deref().map_or("the builder names none".to_owned(), printable);
                    hanging(out, "  by the run   ", 15, &run);
                    let artifacts = artifacts.iter().map(|one| printable(one)).collect::<Vec<_>>().join(", ");
                    hanging(out, "  built there  ", 15, &artifacts);
                }
                Source::CountsNot(code) => {
                    let words = format!("  source       provenance does not count: {code}");
                    out.line(out.paint(Style::Warn, words));
                }
            }
        }
        for artifact in self.not_built() {
            let line = format!("  source       of {}: nobody says where it came from", printable(artifact));
            out.line(out.paint(Style::Warn, line));
        }
    }

    /// Artifacts whose digest stands in no provenance that counts.
    fn not_built(&self) -> Vec<&str> {
        let is_built = |name: &str| {
            self.source.iter().any(|source| matches!(source, Source::Counts { artifacts, .. } if artifacts.iter().any(|one| one == name)))
        };
        let names = self.request.artifacts.iter().map(|artifact| artifact.name.as_str());
        names.filter(|name| !is_built(name)).collect()
    }

    fn tell_golden(&self, was: Option<&Self>, out: &mut Output) {
        match (&self.golden, was.and_then(|was| was.golden.as_ref())) {
            (None, _) => out.line("  golden       none"),
            (Some(_), None) if self.unread.is_some() => {
                out.line("  golden       nobody can say what changes");
            }
            (Some(_), None) => out.line("  golden       the first values"),
            (Some(new), Some(old)) => {
                let changes = old.diff(new);
                out.line(format!("  golden       {} change(s)", changes.len()));
                for change in changes {
                    let sides = [&change.old, &change.new].map(|side| side.as_deref().map(printable));
                    let words = match sides {
                        [Some(old), Some(new)] => format!(": {old} -> {new}"),
                        [Some(one), None] | [None, Some(one)] => format!(": {one}"),
                        [None, None] => String::new(),
                    };
                    let head = format!("    {:<9} ", change.kind.name());
                    hanging(out, &head, 14, &format!("{}{words}", printable(&change.place)));
                }
            }
        }
    }

    /// For programs.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let places = |golden: &Golden, new: &Golden| {
            let changes = golden.diff(new).into_iter();
            let told = changes.map(|one| {
                let kind = one.kind.name();
                serde_json::json!({ "kind": kind, "place": one.place, "old": one.old, "new": one.new })
            });
            told.collect::<Vec<_>>()
        };
        let before = self.before.as_deref();
        let changes = match (&self.golden, before.and_then(|before| before.golden.as_ref())) {
            (Some(new), Some(old)) => Some(places(old, new)),
            _ => None,
        };
        let source = self.source.iter().map(|source| match source {
            Source::Counts { places, run, artifacts } => serde_json::json!({
                "counts": true, "run": run, "artifacts": artifacts,
                "places": places.iter().map(|place| serde_json::json!({ "uri": place.uri, "digests": place.digests })).collect::<Vec<_>>(),
            }),
            Source::CountsNot(code) => serde_json::json!({ "counts": false, "because": code }),
        });
        serde_json::json!({
            "request": self.id, "content": self.request, "compared_to": before.map(|before| before.id),
            "not_compared": self.unread.as_ref().map(|(id, _)| id),
            "golden_changes": changes, "source": source.collect::<Vec<_>>(), "not_built": self.not_built(),
            "compared_because": before.map(|_| match self.compared {
                Compared::Replaced => "replaced",
                Compared::Newest => "newest",
            }),
            "since": self.since.as_ref().map(|(id, ..)| id), "gates": self.outlook.to_json(),
        })
    }
}

/// All of a digest, so that nobody who compares it is led by its beginning; it fits into a line.
fn whole(id: &ObjectId) -> String {
    id.to_string().trim_start_matches("sha256:").to_owned()
}

/// The request's artifacts that this build made: digests decide, names do not.
fn made(provenance: &Provenance, request: &Request) -> Vec<String> {
    let is_made = |sha256: &ObjectId| {
        Digest::new(HashAlg::Sha256, sha256.as_bytes()).is_some_and(|digest| provenance.has_subject(&digest))
    };
    let artifacts = request.artifacts.iter().filter(|artifact| is_made(&artifact.sha256));
    artifacts.map(|artifact| artifact.name.to_string()).collect()
}

/// What is to be known of a key that no HSM holds.
const fn kept(custody: Custody) -> Option<&'static str> {
    match custody {
        Custody::Asserted => Some("no HSM of the signer's: somebody says that the key is well kept"),
        Custody::File => Some("the key is in a file, for development: it could have been copied"),
        Custody::OfflineRoot | Custody::OnlineIntermediate | Custody::Vendor => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_no_hsm_keeps_is_told_before_people_approve() {
        assert!(kept(Custody::File).is_some_and(|words| words.contains("in a file, for development")));
        assert!(kept(Custody::Asserted).is_some_and(|words| words.contains("no HSM of the signer's")));
        for custody in [Custody::OfflineRoot, Custody::OnlineIntermediate, Custody::Vendor] {
            assert_eq!(kept(custody), None);
        }
    }
}
