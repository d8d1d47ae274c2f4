//! CoRIM: the manifest around the tags.

use core::fmt;

use super::comid::Comid;
use super::digest::TaggedDigest;
use super::environment::{TAG_OID, uuid, write_uuid};
use super::error::Error;
use super::node::{Budget, Extension, Node};
use crate::evidence::cbor::Value;
use crate::limits::Limits;
use crate::time::Timestamp;

/// `tagged-unsigned-corim-map`.
pub(super) const TAG_CORIM: u64 = 501;
/// What drafts up to -02 put around any CoRIM.
pub(super) const TAG_ANY_CORIM: u64 = 500;
pub(super) const TAG_COSWID: u64 = 505;
pub(super) const TAG_COMID: u64 = 506;
pub(super) const TAG_COTS: u64 = 507;
pub(super) const TAG_COTL: u64 = 508;
pub(super) const TAG_URI: u64 = 32;
pub(super) const TAG_TIME: u64 = 1;

/// Where drafts put the tags differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As drafts have it since tag 502 is gone: every CoRIM and everything in it has a tag of its own.
    Now,
    /// A CoRIM signed inside tag 502, which said what it is. So the payload could leave out tag 501, and makers of network cards, for one,
    /// put the tag of a CoMID into its byte string instead of before it.
    Wrapped,
}

/// `corim-map`, parsed and not believed: whoever wrote the bytes says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corim<'a> {
    /// Which CoRIM it is.
    pub id: TagId<'a>,
    /// What it brings; at least one.
    pub tags: Vec<Tag<'a>>,
    /// Where further manifests can be found. Nothing here ever fetches one.
    pub dependent_rims: Vec<Locator<'a>>,
    /// The profile that explains it.
    pub profile: Option<Profile<'a>>,
    /// When it counts.
    pub validity: Option<Validity>,
    /// Who answers for it.
    pub entities: Vec<Entity<'a>>,
    /// Fields that only a profile explains.
    pub extensions: Vec<Extension<'a>>,
}

/// `$concise-tag-type-choice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag<'a> {
    /// A CoMID.
    Comid(Box<Comid<'a>>),
    /// A CoSWID (RFC 9393): kept as bytes, not judged by.
    Coswid(&'a [u8]),
    /// A list of the tags that count: kept as bytes, not judged by.
    Cotl(&'a [u8]),
    /// A trust anchor store (draft-ietf-rats-concise-ta-stores): kept as bytes, not judged by.
    Cots(&'a [u8]),
    /// A tag that is not known here.
    Other(u64),
}

impl Tag<'_> {
    /// What it is, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Comid(_) => "CoMID",
            Self::Coswid(_) => "CoSWID",
            Self::Cotl(_) => "list of tags",
            Self::Cots(_) => "trust anchor store",
            Self::Other(_) => "tag of an unknown kind",
        }
    }
}

/// `$corim-id-type-choice`, `$tag-id-type-choice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagId<'a> {
    /// A text.
    Text(&'a str),
    /// A UUID.
    Uuid([u8; 16]),
}

/// `corim-locator-map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locator<'a> {
    /// Where it is said to be.
    pub uris: Vec<&'a str>,
    /// What it should hash to.
    pub thumbprints: Vec<TaggedDigest<'a>>,
}

/// `$profile-type-choice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile<'a> {
    /// A URI.
    Uri(&'a str),
    /// An object identifier, BER-encoded content.
    Oid(&'a [u8]),
}

/// `validity-map`: both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second, if there is one.
    pub not_before: Option<Timestamp>,
    /// The last second.
    pub not_after: Timestamp,
}

/// `entity-map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity<'a> {
    /// `entity-name`.
    pub name: &'a str,
    /// `reg-id`.
    pub uri: Option<&'a str>,
    /// `role`; at least one.
    pub roles: Vec<i128>,
}

impl<'a> Corim<'a> {
    /// Reads an unsigned CoRIM: tag 501, and everything inside it.
    ///
    /// # Errors
    /// [`Error`], with its offset in `bytes`. A signed one is [`Error::Signed`].
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if bytes.len() > limits.golden_bytes {
            return Err(Error::TooLarge { got: bytes.len(), limit: limits.golden_bytes });
        }
        Self::read(bytes, 0, Form::Now, limits)
    }

    /// The same for bytes that stand at `offset` of a larger input, in that input's form.
    pub(super) fn read(bytes: &'a [u8], offset: usize, form: Form, limits: &Limits) -> Result<Self, Error> {
        let budget = &mut Budget::new(bytes.len(), limits);
        let value = budget.parse(bytes, offset)?;
        let outer = Node { value: &value, offset };
        let outer = outer.tagged().filter(|(tag, _)| *tag == TAG_ANY_CORIM).map_or(outer, |(_, inner)| inner);
        match (outer.tagged(), form) {
            (Some((TAG_CORIM, node)), _) => Self::map(node, form, limits, budget),
            (Some((super::signed::TAG_SIGNED_CORIM | super::signed::TAG_SIGN1, _)), _) => Err(Error::Signed),
            (None, Form::Wrapped) => Self::map(outer, form, limits, budget),
            _ => Err(outer.unexpected("CoRIM", "a map with tag 501, or signed with tag 18")),
        }
    }

    fn map(node: Node<'_, 'a>, form: Form, limits: &Limits, budget: &mut Budget) -> Result<Self, Error> {
        let mut fields = node.fields("corim-map")?;
        let tags = fields.need(1, "tags")?.filled("tags")?;
        if tags.len() > limits.corim_tags {
            return Err(Error::TooManyTags { got: tags.len(), limit: limits.corim_tags });
        }
        let mut extensions = Vec::new();
        let entities = fields.take(5).map(|node| Entity::read_list(node, &mut extensions)).transpose()?;
        let locators = |node: Node<'_, 'a>| node.list("dependent-rims", Locator::read);
        let corim = Self {
            id: TagId::read(fields.need(0, "id")?)?,
            tags: tags.into_iter().map(|node| Tag::read(node, form, budget)).collect::<Result<_, _>>()?,
            dependent_rims: fields.take(2).map(locators).transpose()?.unwrap_or_default(),
            profile: fields.take(3).map(Profile::read).transpose()?,
            validity: fields.take(4).map(Validity::read).transpose()?,
            entities: entities.unwrap_or_default(),
            extensions: Vec::new(),
        };
        extensions.extend(fields.extensions());
        Ok(Self { extensions, ..corim })
    }

    /// Its CoMIDs.
    pub fn comids(&self) -> impl Iterator<Item = &Comid<'a>> {
        self.tags.iter().filter_map(|tag| if let Tag::Comid(comid) = tag { Some(&**comid) } else { None })
    }
}

impl<'a> Tag<'a> {
    fn read(node: Node<'_, 'a>, form: Form, budget: &mut Budget) -> Result<Self, Error> {
        const WHAT: &str = "concise tag";
        let (tag, content) = match (node.tagged(), form) {
            (Some(tagged), _) => tagged,
            (None, Form::Wrapped) => return Self::read_inside(node, budget),
            (None, Form::Now) => return Err(node.unexpected(WHAT, "a tagged byte string")),
        };
        let (bytes, offset) = content.content(WHAT)?;
        Ok(match tag {
            TAG_COMID => {
                let value = budget.parse(bytes, offset)?;
                Self::Comid(Box::new(Comid::read(Node { value: &value, offset })?))
            }
            TAG_COSWID => Self::Coswid(bytes),
            TAG_COTL => Self::Cotl(bytes),
            TAG_COTS => Self::Cots(bytes),
            other => Self::Other(other),
        })
    }

    /// A byte string whose content has the tag: a CoMID, the only one that is seen so.
    fn read_inside(node: Node<'_, 'a>, budget: &mut Budget) -> Result<Self, Error> {
        let (bytes, offset) = node.content("concise tag")?;
        let value = budget.parse(bytes, offset)?;
        let inside = Node { value: &value, offset };
        match inside.tagged() {
            Some((TAG_COMID, comid)) => Ok(Self::Comid(Box::new(Comid::read(comid)?))),
            _ => Err(inside.unexpected("concise tag", "a CoMID with tag 506 in a byte string without one")),
        }
    }
}

impl<'a> TagId<'a> {
    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        match node.value {
            Value::Text(text) => Ok(Self::Text(text)),
            Value::Bytes(_) => uuid(node).map(Self::Uuid),
            _ => Err(node.unexpected("id", "a text or a UUID of 16 bytes")),
        }
    }
}

impl<'a> Locator<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let is_digest = |node: Node<'_, 'a>| matches!(node.value, Value::Array(items) if matches!(items.first(), Some(Value::Integer(_) | Value::Text(_))));
        let is_uri = |node: Node<'_, 'a>| !matches!(node.value, Value::Array(_));
        let mut fields = node.fields("corim-locator-map")?;
        let locator = Self {
            uris: fields.need(0, "href")?.one_or_more("href", is_uri, uri)?,
            thumbprints: fields
                .take(1)
                .map(|node| node.one_or_more("thumbprint", is_digest, TaggedDigest::read))
                .transpose()?
                .unwrap_or_default(),
        };
        fields.closed()?;
        Ok(locator)
    }
}

impl<'a> Profile<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        match node.tagged() {
            Some((TAG_OID, content)) => content.bytes("profile").map(Self::Oid),
            _ => uri(node).map(Self::Uri),
        }
    }
}

impl Validity {
    pub(super) fn read(node: Node<'_, '_>) -> Result<Self, Error> {
        let mut fields = node.fields("validity-map")?;
        let validity = Self {
            not_before: fields.take(0).map(time).transpose()?,
            not_after: time(fields.need(1, "not-after")?)?,
        };
        fields.closed()?;
        match validity.not_before {
            Some(from) if from > validity.not_after => Err(Error::ValidityReversed {
                offset: node.offset,
                from: from.unix(),
                until: validity.not_after.unix(),
            }),
            _ => Ok(validity),
        }
    }
}

impl<'a> Entity<'a> {
    pub(super) fn read_list(
        node: Node<'_, 'a>,
        extensions: &mut Vec<Extension<'a>>,
    ) -> Result<Vec<Self>, Error> {
        let mut entities = Vec::new();
        for node in node.filled("entities")? {
            let mut fields = node.fields("entity-map")?;
            entities.push(Self {
                name: fields.need(0, "entity-name")?.text("entity-name")?,
                uri: fields.take(1).map(uri).transpose()?,
                roles: fields.need(2, "role")?.list("role", |role| role.integer("role"))?,
            });
            extensions.extend(fields.extensions());
        }
        Ok(entities)
    }
}

/// `uri`: tag 32. Some producers leave the tag out, and the text cannot be mistaken for anything else.
pub(super) fn uri<'a>(node: Node<'_, 'a>) -> Result<&'a str, Error> {
    match node.tagged() {
        Some((TAG_URI, content)) => content.text("URI"),
        Some(_) => Err(node.unexpected("URI", "a text with tag 32")),
        None => node.text("URI"),
    }
}

/// `time`: tag 1 and whole seconds; nothing that is signed for was valid before 1970.
fn time(node: Node<'_, '_>) -> Result<Timestamp, Error> {
    match node.tagged() {
        Some((TAG_TIME, content)) => content.uint("time").map(Timestamp::from_unix),
        _ => Err(node.unexpected("time", "seconds with tag 1")),
    }
}

impl fmt::Display for TagId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Uuid(bytes) => write_uuid(f, bytes),
        }
    }
}

impl fmt::Display for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(uri) => f.write_str(uri),
            Self::Oid(bytes) => write!(f, "OID {}", hex::encode(bytes)),
        }
    }
}
