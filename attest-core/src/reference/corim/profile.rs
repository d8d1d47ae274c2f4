//! Golden documents as CoRIM: the profile [`PROFILE`], written and read (`docs/corim-profile.md`).
//!
//! What CoRIM has words for becomes reference triples: each golden sequence is an environment with its extends as measurements, in
//! order, and the golden files are one more. Everything else of the document, sections of later versions included, travels as the
//! document spells it, in one extension of the CoMID and in one of each measurement. So the reader of the text form checks it all, once,
//! and a section that CoRIM knows nothing of cannot get lost on the way.

mod error;
mod measurement;
mod table;
#[cfg(test)]
mod tests;

pub use error::Error;

use measurement::Part;
use sha2::Digest as _;

use super::environment::TAG_BYTES;
use super::manifest::{TAG_COMID, TAG_CORIM, TAG_TIME, TAG_URI};
use super::{Class, Comid, Corim, Environment, Identifier, Profile, Statement, Tag, Triples, Validity};
use crate::evidence::cbor::{self, Key, Value};
use crate::reference::Golden;

/// The profile's identifier. Whatever changes its meaning changes it.
pub const PROFILE: &str = "urn:attest:corim:golden:1";

/// The key of the profile's own value, in `concise-mid-tag` and in `measurement-values-map`: negative keys are a profile's.
const OWN: i128 = -1;

/// What stands around the document: it says which edition this is, and is no part of what is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edition {
    /// `tag-version`: a later edition of the family's document has a larger one.
    pub tag_version: u64,
    /// `rim-validity`.
    pub validity: Option<Validity>,
}

/// The kinds of environments, by `layer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// An alternative for one PCR of the platform.
    Alternative,
    /// A PCR's sequence of a variant.
    Variant,
    /// The files that IMA measures.
    Files,
}

impl Layer {
    const NUMBERS: [(Self, u64); 3] = [(Self::Alternative, 0), (Self::Variant, 1), (Self::Files, 2)];

    fn number(self) -> u64 {
        Self::NUMBERS.iter().find(|(layer, _)| *layer == self).map_or(0, |(_, number)| *number)
    }

    fn from_number(number: u64) -> Option<Self> {
        Self::NUMBERS.iter().find(|(_, known)| *known == number).map(|(layer, _)| *layer)
    }
}

/// A reference triple of this profile.
struct Triple<'t> {
    layer: Layer,
    /// The name of the alternative or variant.
    group: Option<&'t str>,
    parts: Vec<Part<'t>>,
}

/// The document as an unsigned CoRIM in deterministic CBOR: equal documents are equal bytes.
///
/// # Errors
/// [`Error::Empty`] if it has no sequence and no file, so that a CoRIM would have nothing to say.
pub fn write(golden: &Golden, edition: &Edition) -> Result<Vec<u8>, Error> {
    let text = golden.to_toml();
    let document: toml::Table = toml::from_str(&text)
        .map_err(|e| Error::Unexpected { place: "document".into(), what: e.to_string() })?;
    let (triples, rest) = table::take_apart(&document)?;
    if triples.is_empty() {
        return Err(Error::Empty);
    }
    let family = golden.family.as_str();
    let name = format!("urn:attest:golden:{family}");
    let id = format!("{name}:{}", hex::encode(sha2::Sha256::digest(text.as_bytes())));
    let mut identity = vec![(Key::Integer(0), Value::Text(&name))];
    if edition.tag_version != 0 {
        identity.push((Key::Integer(1), Value::Integer(edition.tag_version.into())));
    }
    let references = triples.iter().map(|triple| triple.value(family)).collect();
    let comid = cbor::encode(&Value::Map(vec![
        (Key::Integer(1), Value::Map(identity)),
        (Key::Integer(4), Value::Map(vec![(Key::Integer(0), Value::Array(references))])),
        (Key::Integer(OWN), rest),
    ]));
    let mut corim = vec![
        (Key::Integer(0), Value::Text(&id)),
        (Key::Integer(1), Value::Array(vec![tagged(TAG_COMID, Value::Bytes(&comid))])),
        (Key::Integer(3), tagged(TAG_URI, Value::Text(PROFILE))),
    ];
    if let Some(Validity { not_before, not_after }) = edition.validity {
        let time = |at: crate::Timestamp| tagged(TAG_TIME, Value::Integer(at.unix().into()));
        let from = not_before.map(|from| (Key::Integer(0), time(from)));
        let period = from.into_iter().chain([(Key::Integer(1), time(not_after))]).collect();
        corim.push((Key::Integer(4), Value::Map(period)));
    }
    Ok(cbor::encode(&tagged(TAG_CORIM, Value::Map(corim))))
}

/// The document in a CoRIM of this profile.
///
/// # Errors
/// [`Error`]: another profile, anything that this profile does not have (it is named, not passed over), or a document that does not fit
/// together.
pub fn read(corim: &Corim<'_>) -> Result<Golden, Error> {
    let Corim { id: _, tags, dependent_rims, profile, validity: _, entities: _, extensions } = corim;
    if *profile != Some(Profile::Uri(PROFILE)) {
        return Err(Error::ProfileForeign { got: profile.map(|profile| profile.to_string()) });
    }
    refuse_first(extensions.iter().map(super::Extension::place), "corim-map")?;
    refuse_first(dependent_rims.iter().map(|_| "a dependent manifest".to_owned()), "corim-map")?;
    let mut comids =
        tags.iter().map(|tag| if let Tag::Comid(comid) = tag { Ok(comid) } else { Err(tag.kind()) });
    let first = comids.next().and_then(Result::ok);
    let comid =
        first.ok_or_else(|| Error::Missing { place: "tags".into(), what: "the CoMID of the document" })?;
    refuse_first(comids.map(|other| format!("a further {}", other.err().unwrap_or("CoMID"))), "tags")?;
    read_comid(comid)
}

fn read_comid(comid: &Comid<'_>) -> Result<Golden, Error> {
    const PLACE: &str = "concise-mid-tag";
    let Comid { language: _, identity: _, entities: _, linked_tags, triples, extensions } = comid;
    let Triples { references, endorsed, identity, attest_keys, carried, extensions: further } = triples;
    refuse_first(linked_tags.iter().map(|_| "a linked tag".to_owned()), PLACE)?;
    refuse_first(endorsed.iter().map(|_| "an endorsed value".to_owned()), PLACE)?;
    refuse_first(identity.iter().chain(attest_keys).map(|_| "a key".to_owned()), PLACE)?;
    refuse_first(carried.iter().map(|carried| carried.kind.to_owned()), PLACE)?;
    refuse_first(further.iter().map(super::Extension::place), PLACE)?;
    let rest = extensions.iter().find(|extension| extension.key == Key::Integer(OWN));
    refuse_first(extensions.iter().filter(|other| Some(*other) != rest).map(super::Extension::place), PLACE)?;
    let rest =
        rest.ok_or(Error::Missing { place: PLACE.into(), what: "the golden document's own fields" })?;
    let family = rest.value.get_key(Key::Text("family")).and_then(Value::as_text).unwrap_or_default();
    let triples = references.iter().map(|statement| Triple::read(statement, family));
    let document = table::put_together(triples.collect::<Result<_, _>>()?, &rest.value)?;
    Ok(Golden::from_table(document)?)
}

impl<'t> Triple<'t> {
    fn value<'s>(&'s self, family: &'s str) -> Value<'s> {
        let layer = Value::Integer(self.layer.number().into());
        let class = Value::Map(vec![(Key::Integer(2), Value::Text(family)), (Key::Integer(3), layer)]);
        let mut environment = vec![(Key::Integer(0), class)];
        if let Some(group) = self.group {
            environment.push((Key::Integer(2), tagged(TAG_BYTES, Value::Bytes(group.as_bytes()))));
        }
        let parts = self.parts.iter().map(Part::value).collect();
        Value::Array(vec![Value::Map(environment), Value::Array(parts)])
    }

    fn read(statement: &'t Statement<'t>, family: &str) -> Result<Self, Error> {
        let Statement { environment, measurements } = statement;
        let foreign = || Error::Unexpected {
            place: "reference-triples".into(),
            what: format!("an environment of another shape: {environment}"),
        };
        let Environment {
            class: Some(Class { id: None, vendor: None, model: Some(model), layer: Some(layer), index: None }),
            instance: None,
            group,
        } = environment
        else {
            return Err(foreign());
        };
        let layer = Layer::from_number(*layer).filter(|_| *model == family).ok_or_else(foreign)?;
        let group = match group {
            Some(Identifier::Bytes(name)) => Some(core::str::from_utf8(name).map_err(|_| foreign())?),
            Some(_) => return Err(foreign()),
            None => None,
        };
        if group.is_some() == (layer == Layer::Files) {
            return Err(foreign());
        }
        Ok(Self { layer, group, parts: measurements.iter().map(Part::read).collect::<Result<_, _>>()? })
    }
}

fn tagged(tag: u64, value: Value<'_>) -> Value<'_> {
    Value::Tag(tag, Box::new(value))
}

/// Nothing of these may be there: what this profile does not have would be passed over otherwise.
fn refuse_first(found: impl IntoIterator<Item = String>, place: &str) -> Result<(), Error> {
    match found.into_iter().next() {
        None => Ok(()),
        Some(what) => Err(Error::Unexpected { place: place.into(), what }),
    }
}
