//! What the policy wants of provenance.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::source::{self, Source};
use super::{Dependency, Failure, Provenance};
use crate::Digest;

/// A name that may be one, or one of many below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This one.
    Exactly(String),
    /// What stands below it: it, `/` and more. `https://x/y` covers neither itself nor `https://x/y-evil`.
    Below(String),
}

impl Place {
    /// Whether `name` is one of these.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Exactly(one) => one == name,
            Self::Below(above) => {
                let above = above.strip_suffix('/').unwrap_or(above);
                let below = name.strip_prefix(above).and_then(|rest| rest.strip_prefix('/'));
                !above.is_empty() && below.is_some_and(source::is_plain)
            }
        }
    }
}

/// `https://x/y`, or `https://x/y/…` for what stands below it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(one) => f.write_str(one),
            Self::Below(above) => write!(f, "{}/…", above.strip_suffix('/').unwrap_or(above)),
        }
    }
}

/// Which branches and tags the source may be taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refs {
    /// Any, or none named.
    Any,
    /// These, by their full names (`refs/heads/main`, below `refs/tags`).
    OneOf(Vec<Place>),
}

/// What an external parameter may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Anything, with all that is in it, or missing.
    Any,
    /// This value.
    Exactly(Value),
    /// Text that one of these covers.
    Within(Vec<Place>),
}

impl Parameter {
    fn allows(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == value,
            Self::Within(places) => {
                value.as_str().is_some_and(|text| places.iter().any(|place| place.covers(text)))
            }
        }
    }
}

/// What provenance must say. Nothing is allowed that is not named: empty sets refuse everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenanceRule {
    /// The builders that may build this, by their ids.
    pub builders: BTreeSet<String>,
    /// How they may build it: `buildType`.
    pub build_types: BTreeSet<String>,
    /// The repository that it is built from, as the builder writes it, without `git+` and `@ref`.
    pub source: Place,
    /// The branches and tags that may be built.
    pub refs: Refs,
    /// Other repositories whose code may go into it.
    pub other_sources: Vec<Place>,
    /// The external parameters, by where they stand in `externalParameters` (RFC 6901, such as `/workflow/path`). One that is not here, and
    /// not in one that is here, refuses.
    pub parameters: BTreeMap<String, Parameter>,
    /// Where in `buildDefinition` the builder says who triggered the build (RFC 6901, such as `/internalParameters/github/actor`): whoever that
    /// is counts as requester. In `externalParameters` it is only the word of whoever asked for the build. `None` if nobody wants to know.
    pub on_behalf_of: Option<String>,
    /// The pipeline's runs that count, by the name that the builder gives each (`runDetails.metadata.invocationId`, an address): one, or those
    /// below one, by whole segments of its path. `None` if nobody wants to know.
    pub run: Option<Place>,
}

impl ProvenanceRule {
    pub(super) fn check(&self, provenance: &Provenance, artifact: &Digest) -> Vec<Failure> {
        let mut failures = Vec::new();
        if !self.builders.contains(provenance.builder_id()) {
            failures.push(Failure::BuilderUnexpected { id: provenance.builder_id().to_owned() });
        }
        if !self.build_types.contains(provenance.build_type()) {
            failures.push(Failure::BuildTypeUnexpected { build_type: provenance.build_type().to_owned() });
        }
        if !provenance.has_subject(artifact) {
            failures.push(Failure::SubjectMissing { artifact: *artifact });
            let weak = provenance.subjects().iter().filter(|subject| subject.digests.is_empty());
            failures.extend(weak.map(|subject| Failure::SubjectWeak { name: subject.name.clone() }));
        }
        self.check_source(provenance, &mut failures);
        self.check_dependencies(provenance, &mut failures);
        self.check_parameters(provenance, &mut failures);
        if let Some(pointer) = &self.on_behalf_of
            && provenance.on_behalf_of(self).is_none()
        {
            failures.push(Failure::TriggerMissing { pointer: pointer.clone() });
        }
        self.check_run(provenance, &mut failures);
        failures
    }

    /// A70: a builder serves many pipelines, and its key says nothing of which one ran.
    fn check_run(&self, provenance: &Provenance, failures: &mut Vec<Failure>) {
        let Some(place) = &self.run else { return };
        match provenance.run() {
            None => failures.push(Failure::RunMissing { expected: place.to_string() }),
            Some(run) if !place.covers(run) => {
                failures.push(Failure::RunUnexpected { got: run.to_owned(), expected: place.to_string() });
            }
            Some(_) => {}
        }
    }

    /// The source, each revision of it once.
    pub(super) fn sources<'p>(&self, provenance: &'p Provenance) -> Vec<(&'p Dependency, Source<'p>)> {
        let git = provenance.dependencies().iter().filter(|dependency| source::is_git(dependency));
        let read = git.filter_map(|dependency| Some((dependency, source::read(&dependency.uri)?)));
        let own: BTreeSet<_> = read.filter(|(_, source)| self.source.covers(source.repository)).collect();
        own.into_iter().collect()
    }

    fn check_source(&self, provenance: &Provenance, failures: &mut Vec<Failure>) {
        let sources = self.sources(provenance);
        let [(dependency, source)] = sources.as_slice() else {
            failures.push(match sources.len() {
                0 => Failure::SourceMissing,
                count => Failure::SourceAmbiguous { count },
            });
            return;
        };
        if source::commit(dependency).is_none() {
            failures.push(Failure::SourceCommitMissing { uri: dependency.uri.clone() });
        }
        let is_allowed = match &self.refs {
            Refs::Any => true,
            Refs::OneOf(places) => {
                source.git_ref.is_some_and(|name| places.iter().any(|place| place.covers(name)))
            }
        };
        if !is_allowed {
            failures.push(Failure::SourceRefUnexpected { git_ref: source.git_ref.map(ToOwned::to_owned) });
        }
    }

    /// A70: source code beside the source. What is not source code, such as a compiler's image, is the builder's.
    fn check_dependencies(&self, provenance: &Provenance, failures: &mut Vec<Failure>) {
        let git = provenance.dependencies().iter().filter(|dependency| source::is_git(dependency));
        for dependency in git {
            let uri = dependency.uri.clone();
            match source::read(&dependency.uri) {
                None => failures.push(Failure::SourceUriUnclear { uri }),
                Some(source) => {
                    let mut known = core::iter::once(&self.source).chain(&self.other_sources);
                    if !known.any(|place| place.covers(source.repository)) {
                        failures.push(Failure::DependencyUnexpected { uri });
                    }
                }
            }
        }
    }

    /// A64: every external parameter is one that the rule knows, and is as it says.
    fn check_parameters(&self, provenance: &Provenance, failures: &mut Vec<Failure>) {
        let mut seen = BTreeSet::new();
        if let Some(parameters) = provenance.external_parameters() {
            self.check_parameter("", parameters, &mut seen, failures);
        }
        for (pointer, wanted) in &self.parameters {
            if *wanted != Parameter::Any && !seen.contains(pointer) {
                failures.push(Failure::ParameterMissing { pointer: pointer.clone() });
            }
        }
    }

    fn check_parameter(
        &self,
        pointer: &str,
        value: &Value,
        seen: &mut BTreeSet<String>,
        failures: &mut Vec<Failure>,
    ) {
        if is_unset(value) {
            return;
        }
        if let Some(wanted) = self.parameters.get(pointer) {
            seen.insert(pointer.to_owned());
            if !wanted.allows(value) {
                failures.push(Failure::ParameterMismatch { pointer: pointer.to_owned() });
            }
            return;
        }
        let Value::Object(members) = value else {
            failures.push(Failure::ParameterUnexpected { pointer: pointer.to_owned() });
            return;
        };
        for (name, value) in members {
            let name = name.replace('~', "~0").replace('/', "~1");
            self.check_parameter(&format!("{pointer}/{name}"), value, seen, failures);
        }
    }
}

/// Unset, null and empty are one (SLSA Provenance v1, "Parsing rules").
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
