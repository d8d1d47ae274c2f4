//! Submodules: parts of a device with claims of their own (RFC 9711, section 4.2.18).

use super::claims::{Claims, label};
use super::cose;
use super::error::Error;
use super::token::cwt_claims;
use crate::evidence::json;
use crate::evidence::node::Node;
use crate::{HashAlg, Limits};

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
    /// A token of another attester, signed by a key that the outer signature says nothing about.
    Token {
        /// `cwt`, `jwt` or `bundle`, as it says itself.
        form: &'static str,
    },
}

impl SubmoduleKind {
    /// Its claims, if the token's signature covers them.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Claims(claims) => Some(claims),
            Self::Detached { claims, .. } => claims.as_deref(),
            Self::Token { .. } => None,
        }
    }
}

/// The submodules of a claims set.
pub(super) fn parse(node: Node<'_>) -> Result<Vec<Submodule>, Error> {
    let Some(all) = node.get(&label::SUBMODS) else { return Ok(Vec::new()) };
    let malformed = Error::ClaimMalformed { claim: "submods", expected: "a map of text to submodules" };
    let all = all.members().filter(|all| !all.is_empty()).ok_or(malformed)?;
    all.into_iter().map(|(name, node)| Ok(Submodule { name: name.to_owned(), kind: kind(node)? })).collect()
}

fn kind(node: Node<'_>) -> Result<SubmoduleKind, Error> {
    let malformed = Error::ClaimMalformed { claim: "submods", expected: "claims, a token or a digest each" };
    if node.is_map() {
        return Ok(SubmoduleKind::Claims(Box::new(Claims::parse(node)?)));
    }
    match node {
        // CBOR: a token is bytes if it is CBOR and text if it is JSON; a digest is an array.
        Node::Cbor(_) => match (node.bytes(), node.text(), node.items()) {
            (Some(token), ..) if cose::is_tagged(&token) => Ok(SubmoduleKind::Token { form: "cwt" }),
            (_, Some(text), _) if text.trim_start().starts_with('[') => {
                Ok(SubmoduleKind::Token { form: "jwt" })
            }
            (.., Some(parts)) => digest(&parts).ok_or(malformed),
            _ => Err(malformed),
        },
        // JSON: [type, value].
        Node::Json(_) => {
            let parts = node.items().ok_or(malformed.clone())?;
            let [selector, value] = parts.as_slice() else { return Err(malformed) };
            match selector.text() {
                Some("JWT") if value.text().is_some() => Ok(SubmoduleKind::Token { form: "jwt" }),
                Some("CBOR") if value.bytes().is_some() => Ok(SubmoduleKind::Token { form: "cwt" }),
                Some("BUNDLE") if value.items().is_some() => Ok(SubmoduleKind::Token { form: "bundle" }),
                Some("DIGEST") => value.items().and_then(|parts| digest(&parts)).ok_or(malformed),
                _ => Err(malformed),
            }
        }
    }
}

/// Detached-Submodule-Digest: an algorithm of the registry "COSE Algorithms" by number or name, and the digest. SHA-1 is none that counts.
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
    limits: &Limits,
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
        *claims = Some(Box::new(read(bytes, limits)?));
    }
    Ok(())
}

/// A bundle in CBOR holds CBOR, one in JSON holds JSON, whatever the token in it is. No claims set in CBOR begins like text.
fn read(bytes: &[u8], limits: &Limits) -> Result<Claims, Error> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return cwt_claims(bytes, 0, limits);
    }
    let value = json::parse(bytes, limits).map_err(|error| Error::Json { offset: 0, error })?;
    if value.is_object() { Claims::parse(Node::Json(&value)) } else { Err(Error::NotClaims { offset: 0 }) }
}
