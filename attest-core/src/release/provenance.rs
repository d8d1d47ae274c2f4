//! Provenance: what a builder says about how an artifact came to be. A DSSE envelope around an in-toto Statement v1 with the predicate of SLSA
//! Provenance v1.
//!
//! [`Provenance::verify`] asks whether the builder said it, [`Provenance::check`] whether what it said is what the policy wants; the one fails,
//! the other lists every failure. Fields that these specifications do not know are passed over, as they demand; what decides here is always the
//! presence of something, so that passing over it can only refuse. External parameters are the exception that SLSA makes, too: they come from
//! outside, so one that the rule does not name refuses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{CanonicalKey, dsse};
use crate::evidence::json;
use crate::{Digest, HashAlg, Limits};

mod error;
mod failure;
mod rule;
mod source;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use failure::Failure;
pub use rule::{Parameter, Place, ProvenanceRule, Refs};

/// `payloadType` of an in-toto Statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// `_type` of a Statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// `predicateType` of SLSA's provenance.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// The digests that identify an artifact. MD5, SHA-1 and their like do not.
const DIGESTS: [HashAlg; 3] = [HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512];

/// A builder that counts, and the keys that may speak in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Builder {
    /// `runDetails.builder.id` of what it signs.
    pub id: String,
    /// Its keys.
    pub keys: Vec<CanonicalKey>,
}

/// An artifact that the builder made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What the builder calls it. Digests decide, names only explain.
    pub name: Option<String>,
    /// Its SHA-256, SHA-384 and SHA-512, as far as they are there. Others do not count.
    pub digests: Vec<Digest>,
}

/// What the build took in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// Where it came from; empty if that is not said.
    pub uri: String,
    /// Its digests, by algorithm.
    pub digests: BTreeMap<String, String>,
}

/// What a builder that counts said with a key of its own. Made by [`Provenance::verify`] only.
#[derive(Clone, Debug)]
pub struct Provenance {
    builder_id: String,
    signers: BTreeSet<CanonicalKey>,
    subjects: Vec<Subject>,
    build_type: String,
    definition: Value,
    dependencies: Vec<Dependency>,
    run: Option<String>,
    statement: Digest,
}

impl Provenance {
    /// Verifies an envelope: one of the builders signed it, and it speaks in that builder's own name.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify(envelope: &[u8], builders: &[Builder], limits: &Limits) -> Result<Self, Error> {
        let envelope = dsse::Envelope::parse(envelope, limits)?;
        if envelope.payload_type() != PAYLOAD_TYPE {
            return Err(Error::PayloadTypeUnexpected { payload_type: cut(envelope.payload_type()) });
        }
        let keys: BTreeSet<_> = builders.iter().flat_map(|builder| &builder.keys).collect();
        let signed: BTreeSet<_> = keys.into_iter().filter(|key| envelope.is_signed_by(key)).collect();
        if signed.is_empty() {
            return Err(Error::NotSigned);
        }
        let provenance = Self::read(envelope.payload(), limits)?;
        // A70: each builder speaks for itself.
        let own = builders.iter().filter(|builder| builder.id == provenance.builder_id);
        let own: BTreeSet<_> = own.flat_map(|builder| &builder.keys).collect();
        let signers: BTreeSet<_> = own.intersection(&signed).map(|key| (**key).clone()).collect();
        if signers.is_empty() {
            return Err(Error::BuilderKeyMismatch { id: cut(&provenance.builder_id) });
        }
        Ok(Self { signers, ..provenance })
    }

    /// Reads the Statement; who signed it is not in it.
    fn read(payload: &[u8], limits: &Limits) -> Result<Self, Error> {
        let statement = json::parse(payload, &dsse::json_limits(limits))?;
        let said = text(&statement, "_type")?;
        if said != STATEMENT_TYPE {
            return Err(Error::StatementTypeUnexpected { statement_type: cut(said) });
        }
        let said = text(&statement, "predicateType")?;
        if said != PREDICATE_TYPE {
            return Err(Error::PredicateTypeUnexpected { predicate_type: cut(said) });
        }
        let subjects = array(&statement, "subject")?.iter().map(subject).collect::<Result<Vec<_>, _>>()?;
        if subjects.is_empty() {
            return Err(Error::SubjectMissing);
        }
        let predicate = object(&statement, "predicate")?;
        let definition = object(predicate, "buildDefinition")?;
        let run = object(predicate, "runDetails")?;
        let dependencies = array(definition, "resolvedDependencies")?.iter().map(dependency);
        Ok(Self {
            builder_id: text(object(run, "builder")?, "id")?.to_owned(),
            signers: BTreeSet::new(),
            subjects,
            build_type: text(definition, "buildType")?.to_owned(),
            definition: definition.clone(),
            dependencies: dependencies.collect::<Result<_, _>>()?,
            run: match field(run, "metadata") {
                None => None,
                Some(_) => optional_text(object(run, "metadata")?, "invocationId")?.map(ToOwned::to_owned),
            },
            statement: HashAlg::Sha256.hash(&[payload]),
        })
    }

    /// Everything in which this provenance of `artifact` is not as the rule wants it; nothing if it is.
    #[must_use]
    pub fn check(&self, rule: &ProvenanceRule, artifact: &Digest) -> Vec<Failure> {
        rule.check(self, artifact)
    }

    /// Whether the builder made what has this digest.
    #[must_use]
    pub fn has_subject(&self, artifact: &Digest) -> bool {
        self.subjects.iter().any(|subject| subject.digests.contains(artifact))
    }

    /// The builder, by the name that its key may use.
    #[must_use]
    pub fn builder_id(&self) -> &str {
        &self.builder_id
    }

    /// The builder's keys that signed, each once.
    #[must_use]
    pub const fn signers(&self) -> &BTreeSet<CanonicalKey> {
        &self.signers
    }

    /// What the builder made.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// How it builds: `buildDefinition.buildType`.
    #[must_use]
    pub fn build_type(&self) -> &str {
        &self.build_type
    }

    /// What the build took in, the source among it.
    #[must_use]
    pub fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// The one source that the rule wants, if there is exactly one.
    #[must_use]
    pub fn source(&self, rule: &ProvenanceRule) -> Option<&Dependency> {
        match rule.sources(self).as_slice() {
            [(dependency, _)] => Some(dependency),
            _ => None,
        }
    }

    /// The builder's name for this run: `runDetails.metadata.invocationId`.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// SHA-256 of the Statement: what the provenance is known by. The envelope's bytes identify nothing, for nobody signs them.
    #[must_use]
    pub const fn statement(&self) -> Digest {
        self.statement
    }

    /// Who triggered the build, from where the rule says: text that is not empty, or a number.
    #[must_use]
    pub fn on_behalf_of(&self, rule: &ProvenanceRule) -> Option<String> {
        let pointer = rule.on_behalf_of.as_deref()?;
        let is_parameter =
            ["/externalParameters/", "/internalParameters/"].iter().any(|p| pointer.starts_with(p));
        match self.definition.pointer(pointer).filter(|_| is_parameter)? {
            Value::String(name) if !name.is_empty() => Some(name.clone()),
            Value::Number(number) => number.as_u64().map(|number| number.to_string()),
            _ => None,
        }
    }

    /// `buildDefinition.externalParameters`.
    #[must_use]
    pub fn external_parameters(&self) -> Option<&Value> {
        field(&self.definition, "externalParameters")
    }
}

fn cut(text: &str) -> String {
    text.chars().take(128).collect()
}

/// A member that is set: null is not (SLSA Provenance v1, "Parsing rules").
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.get(name).filter(|value| !value.is_null())
}

fn text<'v>(value: &'v Value, name: &'static str) -> Result<&'v str, Error> {
    optional_text(value, name)?.ok_or(Error::FieldUnexpected { field: name })
}

fn optional_text<'v>(value: &'v Value, name: &'static str) -> Result<Option<&'v str>, Error> {
    match field(value, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty()).map(String::as_str)),
        Some(_) => Err(Error::FieldUnexpected { field: name }),
    }
}

fn object<'v>(value: &'v Value, name: &'static str) -> Result<&'v Value, Error> {
    field(value, name).filter(|value| value.is_object()).ok_or(Error::FieldUnexpected { field: name })
}

/// An array; an empty one where there is none.
fn array<'v>(value: &'v Value, name: &'static str) -> Result<&'v [Value], Error> {
    match field(value, name) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(Error::FieldUnexpected { field: name }),
    }
}

/// A DigestSet (in-toto Attestation Framework, digest_set).
fn digests(value: &Value) -> Result<BTreeMap<String, String>, Error> {
    let unexpected = Error::FieldUnexpected { field: "digest" };
    let Some(set) = field(value, "digest") else { return Ok(BTreeMap::new()) };
    let set = set.as_object().ok_or_else(|| unexpected.clone())?;
    let entry = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    set.iter().map(|member| entry(member).ok_or_else(|| unexpected.clone())).collect()
}

fn subject(value: &Value) -> Result<Subject, Error> {
    let name = optional_text(value, "name")?.map(ToOwned::to_owned);
    let set = digests(value)?;
    if set.is_empty() {
        return Err(Error::SubjectDigestMissing);
    }
    let mut digests = Vec::new();
    for alg in DIGESTS {
        let Some(hex) = set.get(alg.name()) else { continue };
        let is_lower = !hex.bytes().any(|byte| byte.is_ascii_uppercase());
        let digest = Digest::from_hex(alg, hex).filter(|_| is_lower);
        digests.push(digest.ok_or(Error::DigestMalformed { alg })?);
    }
    Ok(Subject { name, digests })
}

fn dependency(value: &Value) -> Result<Dependency, Error> {
    Ok(Dependency {
        uri: optional_text(value, "uri")?.unwrap_or_default().to_owned(),
        digests: digests(value)?,
    })
}
