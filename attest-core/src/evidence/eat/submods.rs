//! Submodules: parts of a device with claims of their own (RFC 9711, section 4.2.18).

use super::claims::{Claims, label};
use super::cose;
use super::error::Error;
use super::nested::{self, Nesting};
use super::token::{Token, cwt_claims};
use crate::HashAlg;
use crate::evidence::json;
use crate::evidence::node::Node;

/// One submodule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submodule {
    /// Its name.
    pub name: String,
    /// What stands there.
    pub kind: SubmoduleKind,
}

/// What stands in a submodule's place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmoduleKind {
    /// Claims that the token's own attester makes about it: as true as the token.
    Claims(Box<Claims>),
    /// The digest of claims that travel beside the token; the claims, once they were found there.
    Detached {
        /// The digest's algorithm.
        alg: HashAlg,
        /// The digest.
        digest: Vec<u8>,
        /// The claims with that digest, if a bundle held them.
        claims: Option<Box<Claims>>,
    },
    /// A token of another attester, signed by a key that the outer signature says nothing about (4.2.18.3); or why what stands there cannot be
    /// read as one.
    Token(Result<Box<Token>, Error>),
}

impl SubmoduleKind {
    /// Its claims, if the token's signature covers them.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Claims(claims) => Some(claims),
            Self::Detached { claims, .. } => claims.as_deref(),
            Self::Token(_) => None,
        }
    }
}

/// The submodules of a claims set.
pub(super) fn parse(node: Node<'_>, nesting: &mut Nesting<'_>) -> Result<Vec<Submodule>, Error> {
    let Some(all) = node.get(&label::SUBMODS) else { return Ok(Vec::new()) };
    let malformed = Error::ClaimMalformed { claim: "submods", expected: "a map of text to submodules" };
    let all = all.members().filter(|all| !all.is_empty()).ok_or(malformed)?;
    nesting.take_submodules(all.len())?;
    let one = |(name, node): (&str, _)| Ok(Submodule { name: name.to_owned(), kind: kind(node, nesting)? });
    all.into_iter().map(one).collect()
}

fn kind(node: Node<'_>, nesting: &mut Nesting<'_>) -> Result<SubmoduleKind, Error> {
    let malformed = Error::ClaimMalformed { claim: "submods", expected: "claims, a token or a digest each" };
    if node.is_map() {
        return Ok(SubmoduleKind::Claims(Box::new(Claims::parse(node, nesting)?)));
    }
    let token = |read: Result<_, _>| Ok(SubmoduleKind::Token(read?));
    match node {
        // CBOR: a token is bytes if it is CBOR, and a JSON selector as text if it is JSON; a digest is an array.
        Node::Cbor(_) => match (node.bytes(), node.text(), node.items()) {
            (Some(bytes), ..) if cose::is_tagged(&bytes) => token(nested::tagged(&bytes, nesting)),
            (_, Some(text), _) => {
                let selector = json::parse(text.as_bytes(), nesting.limits).map_err(|_| malformed.clone())?;
                token(nested::selected(&selector, nesting).ok_or(malformed)?)
            }
            (.., Some(parts)) => digest(&parts).ok_or(malformed),
            _ => Err(malformed),
        },
        Node::Json(value) => match node.items().as_deref() {
            Some([selector, parts]) if selector.text() == Some("DIGEST") => {
                parts.items().and_then(|parts| digest(&parts)).ok_or(malformed)
            }
            Some(_) => token(nested::selected(value, nesting).ok_or(malformed)?),
            None => Err(malformed),
        },
    }
}

/// Detached-Submodule-Digest (4.2.18.2): an algorithm of the registry "COSE Algorithms" by number or name, and the digest. SHA-1 is none that counts.
fn digest(parts: &[Node<'_>]) -> Option<SubmoduleKind> {
    let [alg, digest] = parts else { return None };
    let alg = match (alg.integer(), alg.text()) {
        (Some(-16), _) | (_, Some("SHA-256")) => HashAlg::Sha256,
        (Some(-43), _) | (_, Some("SHA-384")) => HashAlg::Sha384,
        (Some(-44), _) | (_, Some("SHA-512")) => HashAlg::Sha512,
        _ => return None,
    };
    let digest = digest.bytes().filter(|digest| digest.len() == alg.size())?;
    Some(SubmoduleKind::Detached { alg, digest, claims: None })
}

/// Puts the claims sets of a bundle where the token holds their digests. Every one must have its place: one that the token says nothing about
/// is nobody's word.
pub(super) fn attach(
    claims: &mut Claims,
    detached: &[(String, Vec<u8>)],
    nesting: &mut Nesting<'_>,
) -> Result<(), Error> {
    for (name, bytes) in detached {
        let unexpected = || Error::DetachedUnexpected { name: super::error::cut(name, 64) };
        let place = claims.submods.iter_mut().find(|submod| submod.name == *name).ok_or_else(unexpected)?;
        let SubmoduleKind::Detached { alg, digest, claims } = &mut place.kind else {
            return Err(unexpected());
        };
        if alg.hash(&[bytes]).as_bytes() != digest.as_slice() {
            return Err(Error::DetachedDigestMismatch { name: super::error::cut(name, 64) });
        }
        *claims = Some(Box::new(read(bytes, nesting)?));
    }
    Ok(())
}

/// A bundle in CBOR holds CBOR, one in JSON holds JSON, whatever the token in it is. No claims set in CBOR begins like text.
fn read(bytes: &[u8], nesting: &mut Nesting<'_>) -> Result<Claims, Error> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return cwt_claims(bytes, 0, nesting);
    }
    let value = json::parse(bytes, nesting.limits).map_err(|error| Error::Json { offset: 0, error })?;
    if !value.is_object() {
        return Err(Error::NotClaims { offset: 0 });
    }
    Claims::parse(Node::Json(&value), nesting)
}
