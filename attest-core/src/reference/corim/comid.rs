//! CoMID: what one module is, and the triples that speak of it.

use super::environment::{CryptoKey, Environment};
use super::error::Error;
use super::manifest::{Entity, TagId};
use super::measurement::{Element, Measurement};
use super::node::{Budget, Extension, Node};
use crate::limits::Limits;

/// `concise-mid-tag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comid<'a> {
    /// `language` of its texts.
    pub language: Option<&'a str>,
    /// Which tag it is.
    pub identity: TagIdentity<'a>,
    /// Who answers for it.
    pub entities: Vec<Entity<'a>>,
    /// Tags that it supplements (0) or replaces (1), by their ids.
    pub linked_tags: Vec<(TagId<'a>, i128)>,
    /// What it says.
    pub triples: Triples<'a>,
    /// Fields that only a profile explains.
    pub extensions: Vec<Extension<'a>>,
}

/// `tag-identity-map`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagIdentity<'a> {
    /// `tag-id`.
    pub id: TagId<'a>,
    /// `tag-version`: a later one has a larger number.
    pub version: u64,
}

/// `triples-map`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triples<'a> {
    /// What evidence should say.
    pub references: Vec<Statement<'a>>,
    /// What is so, though no evidence says it.
    pub endorsed: Vec<Statement<'a>>,
    /// Keys that are the identity of an environment.
    pub identity: Vec<KeyTriple<'a>>,
    /// Keys with which an environment signs evidence.
    pub attest_keys: Vec<KeyTriple<'a>>,
    /// Triples that are read as a list and go no further: none is judged by.
    pub carried: Vec<Carried>,
    /// Triples that only a profile explains.
    pub extensions: Vec<Extension<'a>>,
}

/// `reference-triple-record` and `endorsed-triple-record`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Of whom it speaks.
    pub environment: Environment<'a>,
    /// What it says; at least one.
    pub measurements: Vec<Measurement<'a>>,
}

/// `identity-triple-record` and `attest-key-triple-record`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTriple<'a> {
    /// Whose keys they are.
    pub environment: Environment<'a>,
    /// The keys; at least one.
    pub keys: Vec<CryptoKey<'a>>,
    /// The part of the environment, as a condition.
    pub element: Option<Element<'a>>,
    /// Whose word it must be, as a condition.
    pub authorized_by: Vec<CryptoKey<'a>>,
}

/// Triples of a kind that is not judged by here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Their name in the specification.
    pub kind: &'static str,
    /// How many there are.
    pub count: usize,
}

/// Kinds that are carried, by their keys in `triples-map`.
const CARRIED: [(i128, &str); 5] = [
    (4, "dependency-triples"),
    (5, "membership-triples"),
    (6, "coswid-triples"),
    (8, "conditional-endorsement-series-triples"),
    (10, "conditional-endorsement-triples"),
];

impl<'a> Comid<'a> {
    /// Reads a CoMID that is in no CoRIM: the map, without a tag.
    ///
    /// # Errors
    /// [`Error`], with its offset in `bytes`.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if bytes.len() > limits.golden_bytes {
            return Err(Error::TooLarge { got: bytes.len(), limit: limits.golden_bytes });
        }
        let value = Budget::new(bytes.len(), limits).parse(bytes, 0)?;
        Self::read(Node { value: &value, offset: 0 })
    }

    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("concise-mid-tag")?;
        let mut extensions = Vec::new();
        let entities = fields.take(2).map(|node| Entity::read_list(node, &mut extensions)).transpose()?;
        let comid = Self {
            language: fields.take(0).map(|node| node.text("language")).transpose()?,
            identity: TagIdentity::read(fields.need(1, "tag-identity")?)?,
            entities: entities.unwrap_or_default(),
            linked_tags: fields.take(3).map(linked_tags).transpose()?.unwrap_or_default(),
            triples: Triples::read(fields.need(4, "triples")?)?,
            extensions: Vec::new(),
        };
        extensions.extend(fields.extensions());
        Ok(Self { extensions, ..comid })
    }

    /// Every environment that a triple which can be judged by speaks of.
    pub fn environments(&self) -> impl Iterator<Item = &Environment<'a>> {
        let Triples { references, endorsed, identity, attest_keys, .. } = &self.triples;
        let statements = references.iter().chain(endorsed).map(|triple| &triple.environment);
        statements.chain(identity.iter().chain(attest_keys).map(|triple| &triple.environment))
    }
}

impl<'a> TagIdentity<'a> {
    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("tag-identity-map")?;
        let identity = Self {
            id: TagId::read(fields.need(0, "tag-id")?)?,
            version: fields.take(1).map(|node| node.uint("tag-version")).transpose()?.unwrap_or(0),
        };
        fields.closed()?;
        Ok(identity)
    }
}

fn linked_tags<'a>(node: Node<'_, 'a>) -> Result<Vec<(TagId<'a>, i128)>, Error> {
    node.list("linked-tags", |node| {
        let mut fields = node.fields("linked-tag-map")?;
        let id = TagId::read(fields.need(0, "linked-tag-id")?)?;
        let relation = fields.need(1, "tag-rel")?.integer("tag-rel")?;
        fields.closed()?;
        Ok((id, relation))
    })
}

impl<'a> Triples<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("triples-map")?.non_empty()?;
        let statements = |node: Node<'_, 'a>| node.list("triples", Statement::read);
        let keys = |node: Node<'_, 'a>| node.list("triples", KeyTriple::read);
        let triples = Self {
            references: fields.take(0).map(statements).transpose()?.unwrap_or_default(),
            endorsed: fields.take(1).map(statements).transpose()?.unwrap_or_default(),
            identity: fields.take(2).map(keys).transpose()?.unwrap_or_default(),
            attest_keys: fields.take(3).map(keys).transpose()?.unwrap_or_default(),
            ..Self::default()
        };
        let mut carried = Vec::new();
        for (label, kind) in CARRIED {
            if let Some(node) = fields.take(label) {
                let records =
                    node.list(kind, |record| record.pair(kind, "a list of records of two parts"))?;
                carried.push(Carried { kind, count: records.len() });
            }
        }
        Ok(Self { carried, extensions: fields.extensions(), ..triples })
    }
}

impl<'a> Statement<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let [environment, measurements] =
            node.pair("triple", "an array of an environment and its measurements")?;
        Ok(Self {
            environment: Environment::read(environment)?,
            measurements: measurements.list("measurements", Measurement::read)?,
        })
    }
}

impl<'a> KeyTriple<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let parts = node.array("triple")?;
        let (environment, keys, conditions) = match parts.as_slice() {
            [environment, keys] => (environment, keys, None),
            [environment, keys, conditions] => (environment, keys, Some(conditions)),
            _ => {
                return Err(node.unexpected("triple", "an array of an environment, its keys, and conditions"));
            }
        };
        let mut triple = Self {
            environment: Environment::read(*environment)?,
            keys: CryptoKey::read_list(*keys)?,
            element: None,
            authorized_by: Vec::new(),
        };
        if let Some(conditions) = conditions {
            let mut fields = conditions.fields("conditions")?.non_empty()?;
            triple.element = fields.take(0).map(Element::read).transpose()?;
            triple.authorized_by = fields.take(1).map(CryptoKey::read_list).transpose()?.unwrap_or_default();
            fields.closed()?;
        }
        Ok(triple)
    }
}
