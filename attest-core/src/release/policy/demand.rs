//! What must vouch for a build, as a policy writes it, and as provenance is held against it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::key::CanonicalKey;
use super::super::name::{Name, Words};
use super::super::provenance::{Builder, Parameter, Place, ProvenanceRule, Refs};
use super::{KeyOf, Policy};

/// What must vouch for a build. Nothing is allowed that is not named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenanceDemand {
    /// Builders by the names of their identities, and the `builder.id` under which each speaks.
    pub builders: BTreeMap<Name, Words>,
    /// How they may build it: `buildType`.
    pub build_types: BTreeSet<Words>,
    /// The repository, as builders write it, without `git+` and `@ref`.
    pub source: PlaceRule,
    /// Branches and tags by their full names; none stands for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<PlaceRule>,
    /// Other repositories whose code may go into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_sources: Vec<PlaceRule>,
    /// External parameters by where they stand (RFC 6901).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<Words, ParameterRule>,
    /// Where in `buildDefinition` the builder says who triggered the build (RFC 6901): who that is approves nothing. Wanted where people
    /// approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Words>,
    /// The pipeline's runs that count, by the builder's `invocationId`: one, or those below an address, such as
    /// `https://ci.example.org/gateway/runs`. Without it any counts, named or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<PlaceRule>,
    /// How many different builders must have built the same; 2 is for channels of high risk.
    pub independent: u64,
}

/// A place, or all below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceRule {
    /// What stands below it, and not itself.
    Below(Words),
    /// This one.
    Exactly(Words),
}

/// What an external parameter may be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterRule {
    /// Anything, or missing.
    Any,
    /// This value, in JSON.
    Exactly(Words),
    /// Text that is one of these places, or stands below.
    Within(Vec<PlaceRule>),
}

impl ProvenanceDemand {
    /// The same as a rule; nothing where a parameter's value is no JSON.
    #[must_use]
    pub fn rule(&self) -> Option<ProvenanceRule> {
        let texts = |words: &BTreeSet<Words>| words.iter().map(ToString::to_string).collect();
        let parameter = |(at, rule): (&Words, &ParameterRule)| Some((at.to_string(), rule.parameter()?));
        let refs = match self.refs.as_slice() {
            [] => Refs::Any,
            refs => Refs::OneOf(places(refs)),
        };
        Some(ProvenanceRule {
            builders: self.builders.values().map(ToString::to_string).collect(),
            build_types: texts(&self.build_types),
            source: self.source.place(),
            refs,
            other_sources: places(&self.other_sources),
            parameters: self.parameters.iter().map(parameter).collect::<Option<_>>()?,
            on_behalf_of: self.on_behalf_of.as_ref().map(ToString::to_string),
            run: self.run.as_ref().map(PlaceRule::place),
        })
    }

    /// The builders, with those of their keys that count.
    #[must_use]
    pub fn builders(&self, policy: &Policy, counts: impl Fn(&CanonicalKey, &KeyOf) -> bool) -> Vec<Builder> {
        let one = |(name, id): (&Name, &Words)| {
            let own = policy.keys().filter(|(key, known)| known.identity == *name && counts(key, known));
            Builder { id: id.to_string(), keys: own.map(|(key, _)| key.clone()).collect() }
        };
        self.builders.iter().map(one).collect()
    }
}

fn places(rules: &[PlaceRule]) -> Vec<Place> {
    rules.iter().map(PlaceRule::place).collect()
}

impl PlaceRule {
    fn place(&self) -> Place {
        match self {
            Self::Below(above) => Place::Below(above.to_string()),
            Self::Exactly(one) => Place::Exactly(one.to_string()),
        }
    }
}

impl ParameterRule {
    fn parameter(&self) -> Option<Parameter> {
        Some(match self {
            Self::Any => Parameter::Any,
            Self::Exactly(json) => Parameter::Exactly(serde_json::from_str(json.as_str()).ok()?),
            Self::Within(rules) => Parameter::Within(places(rules)),
        })
    }
}
