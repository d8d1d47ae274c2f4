//! Whether the builds that a request names are what its channel demands, and who triggered them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::name::Name;
use super::object::ObjectId;
use super::policy::{Policy, ProvenanceDemand};
use super::provenance::{self, Builder, Failure, Provenance, ProvenanceRule};
use super::request::Request;
use crate::digest::Digest;
use crate::{HashAlg, Limits};

/// What the provenance of a request comes to.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// Who triggered a build, as far as the policy knows them: none of them approves.
    pub triggers: BTreeSet<Name>,
    /// Everything in which it is not what is demanded; nothing if it is.
    pub failures: Vec<NotBuilt>,
    /// What counts, to ask whether something else came out of the same builds.
    believed: Vec<Provenance>,
}

/// In what a build is not what is demanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotBuilt {
    /// Too few builders made this, each by itself.
    #[error("{got} builder(s) made `{artifact}` as the rule wants it, {needed} are needed")]
    BuildersMissing {
        /// What.
        artifact: String,
        /// How many did.
        got: usize,
        /// How many must.
        needed: u64,
    },
    /// An envelope that the request names is not at hand.
    #[error("the provenance {id} is not at hand")]
    EnvelopeMissing {
        /// Which.
        id: ObjectId,
    },
    /// An envelope that does not count.
    #[error("the provenance {id}: {error}")]
    EnvelopeRefused {
        /// Which.
        id: ObjectId,
        /// Why.
        error: provenance::Error,
    },
    /// One that the request does not name.
    #[error("the provenance {id} is not named by the request")]
    EnvelopeUnexpected {
        /// Which.
        id: ObjectId,
    },
    /// The rule is not kept.
    #[error("`{artifact}` by `{builder}`: {failure}")]
    Rule {
        /// What was built.
        artifact: String,
        /// By whom.
        builder: String,
        /// In what.
        failure: Failure,
    },
    /// Somebody triggered a build whom the policy does not know: it could be one of those who approve, by another name.
    #[error("`{account}` triggered the build, and nobody has that account")]
    TriggerUnknown {
        /// What the builder calls them.
        account: String,
    },
}

impl NotBuilt {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BuildersMissing { .. } => "provenance_builders_missing",
            Self::EnvelopeMissing { .. } => "provenance_envelope_missing",
            Self::EnvelopeRefused { error, .. } => error.code(),
            Self::EnvelopeUnexpected { .. } => "provenance_envelope_unexpected",
            Self::Rule { failure, .. } => failure.code(),
            Self::TriggerUnknown { .. } => "provenance_trigger_unknown",
        }
    }
}

impl Built {
    /// Holds the envelopes that are at hand against what is demanded of each artifact of the request. `builders` are those whose word counts,
    /// with the keys that do ([`ProvenanceDemand::builders`]).
    #[must_use]
    pub fn of<'e>(
        policy: &Policy,
        demand: &ProvenanceDemand,
        request: &Request,
        envelopes: impl IntoIterator<Item = &'e [u8]>,
        builders: &[Builder],
        limits: &Limits,
    ) -> Self {
        let mut built = Self::default();
        let sent: BTreeMap<ObjectId, &[u8]> =
            envelopes.into_iter().map(|envelope| (ObjectId::of(envelope), envelope)).collect();
        let named: BTreeSet<ObjectId> = request.provenance.iter().copied().collect();
        let unexpected = sent.keys().filter(|id| !named.contains(*id));
        built.failures.extend(unexpected.map(|id| NotBuilt::EnvelopeUnexpected { id: *id }));
        for id in &named {
            let Some(envelope) = sent.get(id) else {
                built.failures.push(NotBuilt::EnvelopeMissing { id: *id });
                continue;
            };
            match Provenance::verify(envelope, builders, limits) {
                Ok(provenance) => built.believed.push(provenance),
                Err(error) => built.failures.push(NotBuilt::EnvelopeRefused { id: *id, error }),
            }
        }
        // A policy whose rule cannot be read is none.
        let Some(rule) = demand.rule() else { return built };
        built.artifacts(request, &rule, demand.independent);
        built.triggered(policy, &rule);
        built
    }

    /// Whether a build that counts made what has this digest, too.
    #[must_use]
    pub fn made(&self, sha256: &ObjectId) -> bool {
        let digest = digest(sha256);
        self.believed.iter().any(|provenance| digest.is_some_and(|digest| provenance.has_subject(&digest)))
    }

    fn artifacts(&mut self, request: &Request, rule: &ProvenanceRule, needed: u64) {
        for artifact in &request.artifacts {
            let Some(digest) = digest(&artifact.sha256) else { continue };
            let mut builders = BTreeSet::new();
            let mut failures = Vec::new();
            for provenance in &self.believed {
                let own = provenance.check(rule, &digest);
                if own.is_empty() {
                    builders.insert(provenance.builder_id());
                }
                failures.extend(own.into_iter().map(|failure| NotBuilt::Rule {
                    artifact: artifact.name.to_string(),
                    builder: provenance.builder_id().to_owned(),
                    failure,
                }));
            }
            let got = builders.len();
            // A71: another artifact's provenance says nothing of this one, and nothing against it.
            if u64::try_from(got).is_ok_and(|got| got < needed) {
                self.failures.push(NotBuilt::BuildersMissing {
                    artifact: artifact.name.to_string(),
                    got,
                    needed,
                });
                self.failures.extend(failures);
            }
        }
    }

    fn triggered(&mut self, policy: &Policy, rule: &ProvenanceRule) {
        for provenance in &self.believed {
            // That it is missing where it is wanted, the rule says.
            let Some(account) = provenance.on_behalf_of(rule) else { continue };
            match policy.account(&account) {
                Some(name) => {
                    self.triggers.insert(name.clone());
                }
                None => self.failures.push(NotBuilt::TriggerUnknown { account }),
            }
        }
    }
}

fn digest(sha256: &ObjectId) -> Option<Digest> {
    Digest::new(HashAlg::Sha256, sha256.as_bytes())
}
