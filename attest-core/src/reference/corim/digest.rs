//! Digests as CoRIM writes them: an algorithm by number or name, and bytes.

use super::error::Error;
use super::node::Node;
use crate::evidence::cbor::Value;
use crate::{Digest, HashAlg};

/// `digest`: `[alg, val]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaggedDigest<'a> {
    /// By an algorithm that is known here; the length is right.
    Known(Digest),
    /// By an algorithm with another number. It matches nothing.
    Number(i128, &'a [u8]),
    /// By an algorithm with another name. It matches nothing.
    Named(&'a str, &'a [u8]),
}

/// Numbers of the Named Information Hash Algorithm Registry (RFC 6920, 9.4), which CoRIMs use, and of COSE (RFC 9054, 2 and 3).
const NUMBERS: [(i128, HashAlg); 7] = [
    (1, HashAlg::Sha256),
    (7, HashAlg::Sha384),
    (8, HashAlg::Sha512),
    (-14, HashAlg::Sha1),
    (-16, HashAlg::Sha256),
    (-43, HashAlg::Sha384),
    (-44, HashAlg::Sha512),
];

/// Hash Function Textual Names (RFC 3279 and others), and a name of our own for the one that has none there.
const NAMES: [(&str, HashAlg); 5] = [
    ("sha-1", HashAlg::Sha1),
    ("sha-256", HashAlg::Sha256),
    ("sha-384", HashAlg::Sha384),
    ("sha-512", HashAlg::Sha512),
    ("sm3_256", HashAlg::Sm3_256),
];

impl<'a> TaggedDigest<'a> {
    pub(super) fn read(node: Node<'_, 'a>) -> Result<Self, Error> {
        let [alg, value] = node.pair("digest", "an array of algorithm and value")?;
        let bytes = value.bytes("digest value")?;
        let known = match alg.value {
            Value::Integer(number) => NUMBERS.iter().find(|(known, _)| known == number).map(|(_, alg)| *alg),
            Value::Text(name) => NAMES.iter().find(|(known, _)| known == name).map(|(_, alg)| *alg),
            _ => return Err(alg.unexpected("digest algorithm", "an integer or text")),
        };
        match (known, alg.value) {
            (Some(alg), _) => Digest::new(alg, bytes).map(Self::Known).ok_or(Error::DigestLength {
                offset: value.offset,
                alg,
                got: bytes.len(),
            }),
            (None, Value::Text(name)) => Ok(Self::Named(name, bytes)),
            (None, _) => Ok(Self::Number(alg.integer("digest algorithm")?, bytes)),
        }
    }

    /// `digests-type`: at least one, and no algorithm twice, under whatever name.
    pub(super) fn read_list(node: Node<'_, 'a>) -> Result<Vec<Self>, Error> {
        let nodes = node.filled("digests")?;
        let mut digests: Vec<Self> = Vec::with_capacity(nodes.len());
        for item in nodes {
            let digest = Self::read(item)?;
            if digests.iter().any(|other| other.same_alg(&digest)) {
                return Err(Error::DigestAlgorithmTwice { offset: item.offset, alg: digest.alg_name() });
            }
            digests.push(digest);
        }
        Ok(digests)
    }

    /// The digest, if its algorithm is known here.
    #[must_use]
    pub const fn known(&self) -> Option<Digest> {
        if let Self::Known(digest) = self { Some(*digest) } else { None }
    }

    /// Its algorithm in words.
    #[must_use]
    pub fn alg_name(&self) -> String {
        match self {
            Self::Known(digest) => digest.alg().name().to_owned(),
            Self::Number(number, _) => number.to_string(),
            Self::Named(name, _) => (*name).to_owned(),
        }
    }

    fn same_alg(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) => a.alg() == b.alg(),
            (Self::Number(a, _), Self::Number(b, _)) => a == b,
            (Self::Named(a, _), Self::Named(b, _)) => a == b,
            _ => false,
        }
    }
}

/// The digest as it is written: by its number in the Named Information registry, else by its name.
pub(super) fn write(digest: &Digest) -> Value<'_> {
    let number = NUMBERS.iter().find(|(number, alg)| *number > 0 && *alg == digest.alg());
    let name = || NAMES.iter().find(|(_, alg)| *alg == digest.alg()).map_or("", |(name, _)| *name);
    let alg = number.map_or_else(|| Value::Text(name()), |(number, _)| Value::Integer(*number));
    Value::Array(vec![alg, Value::Bytes(digest.as_bytes())])
}

/// The specification's comparison of `digests`: at least one algorithm in common, and no common one that differs, so that nobody can
/// choose the weaker one.
#[must_use]
pub fn accepts(reference: &[TaggedDigest<'_>], measured: &[Digest]) -> bool {
    let mut common = 0usize;
    for reference in reference.iter().filter_map(TaggedDigest::known) {
        for measured in measured.iter().filter(|measured| measured.alg() == reference.alg()) {
            if *measured != reference {
                return false;
            }
            common = common.saturating_add(1);
        }
    }
    common > 0
}
