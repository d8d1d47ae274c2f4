//! Who a triple speaks of: `environment-map`, and the identifiers in it.

use core::fmt;

use super::digest::TaggedDigest;
use super::error::Error;
use super::node::Node;
use crate::evidence::cbor::Value;

pub(super) const TAG_UUID: u64 = 37;
pub(super) const TAG_OID: u64 = 111;
pub(super) const TAG_UEID: u64 = 550;
pub(super) const TAG_INT: u64 = 551;
pub(super) const TAG_BYTES: u64 = 560;

/// `environment-map`: at least one of the three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment<'a> {
    /// What kind of thing it is.
    pub class: Option<Class<'a>>,
    /// Which one.
    pub instance: Option<Identifier<'a>>,
    /// Which group of them.
    pub group: Option<Identifier<'a>>,
}

/// `class-map`: at least one of the five.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class<'a> {
    /// `class-id`.
    pub id: Option<Identifier<'a>>,
    /// `vendor`.
    pub vendor: Option<&'a str>,
    /// `model`.
    pub model: Option<&'a str>,
    /// `layer`.
    pub layer: Option<u64>,
    /// `index`.
    pub index: Option<u64>,
}

/// A tagged identifier of a class, an instance or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identifier<'a> {
    /// `tagged-bytes`.
    Bytes(&'a [u8]),
    /// Tag 551 of earlier drafts.
    Integer(i128),
    /// A key, or a digest of one.
    Key(Box<CryptoKey<'a>>),
    /// An object identifier (RFC 9090), BER-encoded content.
    Oid(&'a [u8]),
    /// Something with a tag that is not known here. It is equal to nothing but itself.
    Other(u64, Value<'a>),
    /// A universal entity id (RFC 9711).
    Ueid(&'a [u8]),
    /// A UUID.
    Uuid([u8; 16]),
}

/// A cryptographic key, a certificate, or a digest of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CryptoKey<'a> {
    /// A key identifier without a prescribed construction.
    Bytes(&'a [u8]),
    /// A PEM certificate.
    Certificate(&'a str),
    /// A DER certificate.
    CertificateDer(&'a [u8]),
    /// PEM certificates, one after the other.
    CertificatePath(&'a str),
    /// Digest of a certification path.
    CertificatePathThumbprint(TaggedDigest<'a>),
    /// Digest of a certificate.
    CertificateThumbprint(TaggedDigest<'a>),
    /// A COSE_Key or COSE_KeySet.
    CoseKey(Value<'a>),
    /// A PEM SubjectPublicKeyInfo.
    Key(&'a str),
    /// Digest of a key.
    KeyThumbprint(TaggedDigest<'a>),
    /// Something with a tag that is not known here.
    Other(u64, Value<'a>),
}

impl<'a> Environment<'a> {
    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("environment-map")?.non_empty()?;
        let environment = Self {
            class: fields.take(0).map(Class::read).transpose()?,
            instance: fields.take(1).map(|node| Identifier::read(node, "instance-id")).transpose()?,
            group: fields.take(2).map(|node| Identifier::read(node, "group-id")).transpose()?,
        };
        fields.closed()?;
        Ok(environment)
    }

    /// The specification's comparison: what this one says must be said, identically, by `other`; what it leaves out does not matter.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(wanted: Option<&T>, got: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| got == Some(wanted))
        }
        let class = match (&self.class, &other.class) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(a), Some(b)) => {
                same(a.id.as_ref(), b.id.as_ref())
                    && same(a.vendor.as_ref(), b.vendor.as_ref())
                    && same(a.model.as_ref(), b.model.as_ref())
                    && same(a.layer.as_ref(), b.layer.as_ref())
                    && same(a.index.as_ref(), b.index.as_ref())
            }
        };
        class
            && same(self.instance.as_ref(), other.instance.as_ref())
            && same(self.group.as_ref(), other.group.as_ref())
    }
}

impl<'a> Class<'a> {
    fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let mut fields = node.fields("class-map")?.non_empty()?;
        let class = Self {
            id: fields.take(0).map(|node| Identifier::read(node, "class-id")).transpose()?,
            vendor: fields.take(1).map(|node| node.text("vendor")).transpose()?,
            model: fields.take(2).map(|node| node.text("model")).transpose()?,
            layer: fields.take(3).map(|node| node.uint("layer")).transpose()?,
            index: fields.take(4).map(|node| node.uint("index")).transpose()?,
        };
        fields.closed()?;
        Ok(class)
    }
}

impl<'a> Identifier<'a> {
    pub(super) fn read(node: Node<'_, 'a>, what: &'static str) -> Result<Self, Error> {
        let Some((tag, content)) = node.tagged() else { return Err(node.unexpected(what, "a tagged value")) };
        Ok(match tag {
            TAG_BYTES => Self::Bytes(content.bytes(what)?),
            TAG_INT => Self::Integer(content.integer(what)?),
            TAG_OID => Self::Oid(content.bytes(what)?),
            TAG_UEID => Self::Ueid(ueid(content)?),
            TAG_UUID => Self::Uuid(uuid(content)?),
            554..=562 => Self::Key(Box::new(CryptoKey::read(node)?)),
            _ => Self::Other(tag, content.value.clone()),
        })
    }
}

impl<'a> CryptoKey<'a> {
    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        const WHAT: &str = "crypto-key";
        let Some((tag, content)) = node.tagged() else { return Err(node.unexpected(WHAT, "a tagged value")) };
        Ok(match tag {
            554 => Self::Key(content.text(WHAT)?),
            555 => Self::Certificate(content.text(WHAT)?),
            556 => Self::CertificatePath(content.text(WHAT)?),
            557 => Self::KeyThumbprint(TaggedDigest::read(content)?),
            558 => match content.value {
                Value::Map(_) | Value::Array(_) => Self::CoseKey(content.value.clone()),
                _ => return Err(content.unexpected(WHAT, "a COSE_Key or a COSE_KeySet")),
            },
            559 => Self::CertificateThumbprint(TaggedDigest::read(content)?),
            TAG_BYTES => Self::Bytes(content.bytes(WHAT)?),
            561 => Self::CertificatePathThumbprint(TaggedDigest::read(content)?),
            562 => Self::CertificateDer(content.bytes(WHAT)?),
            _ => Self::Other(tag, content.value.clone()),
        })
    }

    /// `[ + $crypto-key-type-choice ]`.
    pub(super) fn read_list(node: Node<'_, 'a>) -> Result<Vec<Self>, Error> {
        node.list("list of keys", Self::read)
    }

    /// What it is, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "key identifier",
            Self::Certificate(_) | Self::CertificateDer(_) => "certificate",
            Self::CertificatePath(_) => "certificate path",
            Self::CertificatePathThumbprint(_) => "thumbprint of a certificate path",
            Self::CertificateThumbprint(_) => "thumbprint of a certificate",
            Self::CoseKey(_) => "COSE key",
            Self::Key(_) => "public key",
            Self::KeyThumbprint(_) => "thumbprint of a key",
            Self::Other(..) => "something unknown",
        }
    }
}

pub(super) fn uuid(node: Node<'_, '_>) -> Result<[u8; 16], Error> {
    let bytes = node.sized("UUID", 16, "a byte string of 16 bytes")?;
    Ok(bytes.first_chunk().copied().unwrap_or_default())
}

/// A UEID has 7 to 33 bytes (RFC 9711, 4.2.1).
pub(super) fn ueid<'a>(node: Node<'_, 'a>) -> Result<&'a [u8], Error> {
    let bytes = node.bytes("UEID")?;
    if (7..=33).contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(node.unexpected("UEID", "a byte string of 7 to 33 bytes"))
    }
}

impl fmt::Display for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(class) = &self.class {
            parts.extend(class.id.as_ref().map(|id| format!("class {id}")));
            parts.extend(class.vendor.map(|vendor| format!("vendor `{vendor}`")));
            parts.extend(class.model.map(|model| format!("model `{model}`")));
            parts.extend(class.layer.map(|layer| format!("layer {layer}")));
            parts.extend(class.index.map(|index| format!("index {index}")));
        }
        parts.extend(self.instance.as_ref().map(|id| format!("instance {id}")));
        parts.extend(self.group.as_ref().map(|id| format!("group {id}")));
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&hex::encode(bytes)),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Key(key) => write!(f, "by {}", key.kind()),
            Self::Oid(bytes) => write!(f, "OID {}", hex::encode(bytes)),
            Self::Other(tag, _) => write!(f, "with tag {tag}"),
            Self::Ueid(bytes) => write!(f, "UEID {}", hex::encode(bytes)),
            Self::Uuid(bytes) => write_uuid(f, bytes),
        }
    }
}

pub(super) fn write_uuid(f: &mut fmt::Formatter<'_>, bytes: &[u8; 16]) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(f, "{dash}{byte:02x}")?;
    }
    Ok(())
}
