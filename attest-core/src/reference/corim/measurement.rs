//! What a triple says: `measurement-map`, the values in it, and the specification's comparison of each kind of value.

use core::fmt;

use super::digest::TaggedDigest;
use super::environment::{CryptoKey, TAG_BYTES, TAG_OID, TAG_UUID, ueid, uuid, write_uuid};
use super::error::Error;
use super::node::{Extension, Node};
use crate::Digest;
use crate::evidence::cbor::{Key, Value};

const TAG_SVN: u64 = 552;
const TAG_MIN_SVN: u64 = 553;
const TAG_MASKED_RAW_VALUE: u64 = 563;
const TAG_INT_RANGE: u64 = 564;

/// `measurement-map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement<'a> {
    /// `mkey`: which part of the environment.
    pub element: Option<Element<'a>>,
    /// `mval`.
    pub values: Values<'a>,
    /// `authorized-by`: whose word it must be.
    pub authorized_by: Vec<CryptoKey<'a>>,
}

/// `$measured-element-type-choice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// A name.
    Name(&'a str),
    /// A number, such as a PCR.
    Number(u64),
    /// An object identifier.
    Oid(&'a [u8]),
    /// Something with a tag that is not known here, such as the labels of earlier PSA profiles.
    Other(u64, Value<'a>),
    /// A UUID.
    Uuid([u8; 16]),
}

/// `measurement-values-map`: at least one value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values<'a> {
    /// `version`, and its scheme, which has no meaning here: versions are compared for equality.
    pub version: Option<&'a str>,
    /// `svn`.
    pub svn: Option<Svn>,
    /// `digests`; empty if there are none.
    pub digests: Vec<TaggedDigest<'a>>,
    /// `flags`, by their numbers.
    pub flags: Vec<(u64, bool)>,
    /// `raw-value`, with its mask in either spelling.
    pub raw_value: Option<RawValue<'a>>,
    /// `mac-addr`: 6 or 8 bytes.
    pub mac_address: Option<&'a [u8]>,
    /// `ip-addr`: 4 or 16 bytes.
    pub ip_address: Option<&'a [u8]>,
    /// `serial-number`.
    pub serial_number: Option<&'a str>,
    /// `ueid`.
    pub ueid: Option<&'a [u8]>,
    /// `uuid`.
    pub uuid: Option<[u8; 16]>,
    /// `name`.
    pub name: Option<&'a str>,
    /// `cryptokeys`; empty if there are none.
    pub crypto_keys: Vec<CryptoKey<'a>>,
    /// `integrity-registers`, such as PCRs; empty if there are none.
    pub integrity_registers: Vec<(Register<'a>, Vec<TaggedDigest<'a>>)>,
    /// `int-range`.
    pub int_range: Option<IntRange>,
    /// Values by keys that only a profile explains.
    pub extensions: Vec<Extension<'a>>,
}

/// `svn-type-choice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Svn {
    /// Exactly this security version.
    Exactly(u64),
    /// This one or a later one.
    AtLeast(u64),
}

impl Svn {
    /// Whether the security version of some evidence is as this one wants it.
    #[must_use]
    pub const fn accepts(self, measured: u64) -> bool {
        match self {
            Self::Exactly(wanted) => measured == wanted,
            Self::AtLeast(least) => measured >= least,
        }
    }
}

/// `$raw-value-type-choice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawValue<'a> {
    /// The value.
    pub value: &'a [u8],
    /// Which of its bits are compared; all of them without a mask.
    pub mask: Option<&'a [u8]>,
}

impl RawValue<'_> {
    /// Whether these bytes are the same in every bit that the mask names. Other lengths never are.
    #[must_use]
    pub fn accepts(&self, measured: &[u8]) -> bool {
        if measured.len() != self.value.len() || self.mask.is_some_and(|mask| mask.len() != self.value.len())
        {
            return false;
        }
        let mask = self.mask.unwrap_or_default().iter().copied().chain(core::iter::repeat(0xff));
        self.value.iter().zip(measured).zip(mask).all(|((a, b), mask)| (a ^ b) & mask == 0)
    }
}

/// `integrity-register-id-type-choice`: the number 5 is not the text `5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register<'a> {
    /// Such as a PCR's index.
    Number(u64),
    /// A name.
    Name(&'a str),
}

/// `int-range-type-choice`: both ends belong to it; without one it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntRange {
    /// The least.
    pub min: Option<i128>,
    /// The most.
    pub max: Option<i128>,
}

impl IntRange {
    /// Whether the integer is in the range.
    #[must_use]
    pub fn accepts(&self, measured: i128) -> bool {
        self.min.is_none_or(|min| measured >= min) && self.max.is_none_or(|max| measured <= max)
    }
}

impl<'a> Measurement<'a> {
    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("measurement-map")?;
        let measurement = Self {
            element: fields.take(0).map(Element::read).transpose()?,
            values: Values::read(fields.need(1, "mval")?)?,
            authorized_by: fields.take(2).map(CryptoKey::read_list).transpose()?.unwrap_or_default(),
        };
        fields.closed()?;
        Ok(measurement)
    }
}

impl<'a> Element<'a> {
    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        const WHAT: &str = "mkey";
        Ok(match (node.value, node.tagged()) {
            (Value::Text(name), _) => Self::Name(name),
            (_, Some((TAG_OID, content))) => Self::Oid(content.bytes(WHAT)?),
            (_, Some((TAG_UUID, content))) => Self::Uuid(uuid(content)?),
            (_, Some((tag, content))) => Self::Other(tag, content.value.clone()),
            (Value::Integer(_), None) => Self::Number(node.uint(WHAT)?),
            _ => return Err(node.unexpected(WHAT, "an unsigned integer, a text, an OID or a UUID")),
        })
    }
}

impl<'a> Values<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("measurement-values-map")?.non_empty()?;
        let raw_value = fields.take(4);
        let mask = fields.take(5);
        let (flags, mut extensions) = fields.take(3).map(flags).transpose()?.unwrap_or_default();
        let mut values = Self {
            version: fields.take(0).map(version).transpose()?,
            svn: fields.take(1).map(svn).transpose()?,
            digests: fields.take(2).map(TaggedDigest::read_list).transpose()?.unwrap_or_default(),
            flags,
            raw_value: self::raw_value(raw_value, mask)?,
            mac_address: fields.take(6).map(|node| address(node, "mac-addr", [6, 8])).transpose()?,
            ip_address: fields.take(7).map(ip_address).transpose()?,
            serial_number: fields.take(8).map(|node| node.text("serial-number")).transpose()?,
            ueid: fields.take(9).map(ueid).transpose()?,
            uuid: fields.take(10).map(uuid).transpose()?,
            name: fields.take(11).map(|node| node.text("name")).transpose()?,
            crypto_keys: fields.take(13).map(CryptoKey::read_list).transpose()?.unwrap_or_default(),
            integrity_registers: fields.take(14).map(registers).transpose()?.unwrap_or_default(),
            int_range: fields.take(15).map(int_range).transpose()?,
            extensions: Vec::new(),
        };
        extensions.extend(fields.extensions());
        values.extensions = extensions;
        Ok(values)
    }

    /// The digests by algorithms that are known here.
    pub fn known_digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.digests.iter().filter_map(TaggedDigest::known)
    }
}

/// `version-map`.
fn version<'a>(node: Node<'_, 'a>) -> Result<&'a str, Error> {
    let mut fields = node.fields("version-map")?;
    let version = fields.need(0, "version")?.text("version")?;
    if let Some(scheme) = fields.take(1)
        && !matches!(scheme.value, Value::Integer(_) | Value::Text(_))
    {
        return Err(scheme.unexpected("version-scheme", "an integer or text"));
    }
    fields.closed()?;
    Ok(version)
}

fn svn(node: Node<'_, '_>) -> Result<Svn, Error> {
    match node.tagged() {
        None => node.uint("svn").map(Svn::Exactly),
        Some((TAG_SVN, content)) => content.uint("svn").map(Svn::Exactly),
        Some((TAG_MIN_SVN, content)) => content.uint("min-svn").map(Svn::AtLeast),
        Some(_) => Err(node.unexpected("svn", "an unsigned integer, plain or with tag 552 or 553")),
    }
}

/// Flags by their numbers.
type Flags = Vec<(u64, bool)>;

/// `flags-map`: the flags of the specification, and what a profile adds.
fn flags<'a>(node: Node<'_, 'a>) -> Result<(Flags, Vec<Extension<'a>>), Error> {
    let mut fields = node.fields("flags-map")?.non_empty()?;
    let mut flags = Vec::new();
    for number in 0..=10u8 {
        if let Some(flag) = fields.take(i128::from(number)) {
            flags.push((u64::from(number), flag.bool("flag")?));
        }
    }
    Ok((flags, fields.extensions()))
}

fn raw_value<'a>(
    value: Option<Node<'_, 'a>>,
    mask: Option<Node<'_, 'a>>,
) -> Result<Option<RawValue<'a>>, Error> {
    const WHAT: &str = "raw-value";
    let Some(node) = value else {
        return mask.map_or(Ok(None), |mask| Err(mask.unexpected("raw-value-mask", "beside a raw-value")));
    };
    let raw = match node.tagged() {
        Some((TAG_BYTES, content)) => {
            let mask = mask.map(|mask| mask.bytes("raw-value-mask")).transpose()?;
            RawValue { value: content.bytes(WHAT)?, mask }
        }
        Some((TAG_MASKED_RAW_VALUE, content)) if mask.is_none() => {
            let [value, mask] = content.pair(WHAT, "an array of value and mask")?;
            RawValue { value: value.bytes(WHAT)?, mask: Some(mask.bytes("mask")?) }
        }
        _ => return Err(node.unexpected(WHAT, "bytes with tag 560, or value and one mask with tag 563")),
    };
    match raw.mask {
        Some(mask) if mask.len() != raw.value.len() => {
            Err(Error::MaskLength { offset: node.offset, value: raw.value.len(), mask: mask.len() })
        }
        _ => Ok(Some(raw)),
    }
}

fn address<'a>(node: Node<'_, 'a>, what: &'static str, sizes: [usize; 2]) -> Result<&'a [u8], Error> {
    let bytes = node.bytes(what)?;
    if sizes.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(node.unexpected(what, "an address of one of its two lengths"))
    }
}

/// An IPv4 or IPv6 address, with or without the tags 52 and 54 (RFC 9164).
fn ip_address<'a>(node: Node<'_, 'a>) -> Result<&'a [u8], Error> {
    match node.tagged() {
        None => address(node, "ip-addr", [4, 16]),
        Some((52, content)) => content.sized("ip-addr", 4, "4 bytes"),
        Some((54, content)) => content.sized("ip-addr", 16, "16 bytes"),
        Some(_) => Err(node.unexpected("ip-addr", "an IPv4 or IPv6 address")),
    }
}

fn registers<'a>(node: Node<'_, 'a>) -> Result<Vec<(Register<'a>, Vec<TaggedDigest<'a>>)>, Error> {
    const WHAT: &str = "integrity-registers";
    let entries = node.fields(WHAT)?.non_empty()?.into_entries();
    let register = |(offset, key, digests): (usize, Key<'a>, Node<'_, 'a>)| {
        let wrong = Error::TypeUnexpected {
            offset,
            what: "integrity register",
            expected: "an unsigned integer or text",
        };
        let id = match key {
            Key::Integer(number) => Register::Number(u64::try_from(number).map_err(|_| wrong)?),
            Key::Text(name) => Register::Name(name),
            Key::Bytes(_) => return Err(wrong),
        };
        Ok((id, TaggedDigest::read_list(digests)?))
    };
    entries.map(register).collect()
}

fn int_range(node: Node<'_, '_>) -> Result<IntRange, Error> {
    const WHAT: &str = "int-range";
    let end = |node: Node<'_, '_>| match node.value {
        Value::Null => Ok(None),
        _ => node.integer(WHAT).map(Some),
    };
    match node.tagged() {
        None => node.integer(WHAT).map(|value| IntRange { min: Some(value), max: Some(value) }),
        Some((TAG_INT_RANGE, content)) => {
            let [min, max] = content.pair(WHAT, "an array of two ends")?;
            Ok(IntRange { min: end(min)?, max: end(max)? })
        }
        Some(_) => Err(node.unexpected(WHAT, "an integer, or two ends with tag 564")),
    }
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
            Self::Oid(bytes) => write!(f, "OID {}", hex::encode(bytes)),
            Self::Other(tag, _) => write!(f, "element with tag {tag}"),
            Self::Uuid(bytes) => write_uuid(f, bytes),
        }
    }
}
