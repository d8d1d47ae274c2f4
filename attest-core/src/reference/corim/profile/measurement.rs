//! One measurement of the profile: a PCR's head, an extend or a file.

use super::{Error, OWN};
use crate::Digest;
use crate::evidence::cbor::{Key, Value};
use crate::reference::corim::digest::{self, TaggedDigest};
use crate::reference::corim::{Element, Measurement, Values};

/// A measurement of this profile.
pub(super) struct Part<'t> {
    pub(super) element: Name<'t>,
    pub(super) digests: Vec<Digest>,
    /// `name`: what people read.
    pub(super) about: Option<&'t str>,
    /// What else the document says about it, by its own names; nothing if empty.
    pub(super) rest: Vec<(Key<'t>, Value<'t>)>,
}

/// `mkey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'t> {
    /// A PCR: the head of its sequence.
    Pcr(u64),
    /// A component, or a file's path.
    Component(&'t str),
}

impl<'t> Part<'t> {
    pub(super) fn value(&self) -> Value<'_> {
        let element = match self.element {
            Name::Pcr(pcr) => Value::Integer(pcr.into()),
            Name::Component(name) => Value::Text(name),
        };
        let mut values = Vec::new();
        if !self.digests.is_empty() {
            let digests = self.digests.iter().map(digest::write).collect();
            values.push((Key::Integer(2), Value::Array(digests)));
        }
        if let Some(about) = self.about {
            values.push((Key::Integer(11), Value::Text(about)));
        }
        // A head always has its own value, also an empty one: a map of values must hold something.
        if !self.rest.is_empty() || values.is_empty() {
            values.push((Key::Integer(OWN), Value::Map(self.rest.clone())));
        }
        Value::Map(vec![(Key::Integer(0), element), (Key::Integer(1), Value::Map(values))])
    }

    pub(super) fn read(measurement: &'t Measurement<'t>) -> Result<Self, Error> {
        let Measurement { element, values, authorized_by } = measurement;
        let place = || match element {
            Some(element) => format!("measurement of {element}"),
            None => "measurement".into(),
        };
        let unexpected = |what: &str| Error::Unexpected { place: place(), what: what.into() };
        let element = match element {
            Some(Element::Number(pcr)) => Name::Pcr(*pcr),
            Some(Element::Name(name)) => Name::Component(name),
            _ => return Err(unexpected("an mkey that is neither a PCR nor a name")),
        };
        let Values {
            version: None,
            svn: None,
            digests,
            flags,
            raw_value: None,
            mac_address: None,
            ip_address: None,
            serial_number: None,
            ueid: None,
            uuid: None,
            name,
            crypto_keys,
            integrity_registers,
            int_range: None,
            extensions,
        } = values
        else {
            return Err(unexpected("a value beside digests and name"));
        };
        if !(flags.is_empty()
            && crypto_keys.is_empty()
            && integrity_registers.is_empty()
            && authorized_by.is_empty())
        {
            return Err(unexpected("a value beside digests and name"));
        }
        let rest = match extensions.as_slice() {
            [] => Vec::new(),
            [own] if own.key == Key::Integer(OWN) => match &own.value {
                Value::Map(entries) => entries.clone(),
                _ => return Err(unexpected("a value of its own that is no map")),
            },
            more => {
                let what = more.iter().find(|extension| extension.key != Key::Integer(OWN));
                return Err(unexpected(&what.map(super::super::Extension::place).unwrap_or_default()));
            }
        };
        let known = |digest: &TaggedDigest<'_>| {
            digest.known().ok_or_else(|| unexpected(&format!("a digest by {}", digest.alg_name())))
        };
        let digests = digests.iter().map(known).collect::<Result<_, _>>()?;
        Ok(Self { element, digests, about: *name, rest })
    }
}
