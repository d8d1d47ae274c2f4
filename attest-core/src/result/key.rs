//! Public keys in results: the key that signs them ([`VerifyingKey`], P-256) and the key they are about ([`PublicKey`], `cnf`).

use core::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value as Json;

use super::claims::{Claim, Label, Node};
use crate::rsa_numbers::RsaNumbers;
use crate::{HashAlg, Limits, evidence::json};

mod spki;

const KTY: Label = Label::new("kty", 1);
const CRV: Label = Label::new("crv", -1);
const X: Label = Label::new("x", -2);
const Y: Label = Label::new("y", -3);
const N: Label = Label::new("n", -1);
const E: Label = Label::new("e", -2);

/// Why bytes are not a public key of a kind that is known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a JSON Web Key of a known kind.
    #[error("not a JSON Web Key for P-256, P-384, Ed25519 or RSA")]
    JwkUnexpected,
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// A JWK Set without a key that can verify ES256.
    #[error("no ES256 key in the key set")]
    NoKey,
    /// An RSA modulus that is not one of 2048 to 4096 bits in whole bytes, or an exponent that is even, small or longer than 32 bits.
    #[error("an RSA modulus of {bits} bits, or its exponent, is not one that counts")]
    RsaWeak {
        /// Length of the modulus as it was written.
        bits: usize,
    },
    /// Not SubjectPublicKeyInfo, DER, of a known kind.
    #[error("not a SubjectPublicKeyInfo for P-256, P-384, Ed25519 or RSA")]
    SpkiUnexpected,
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::JwkUnexpected => "key_jwk_unexpected",
            Self::Json(_) => "key_json_malformed",
            Self::NoKey => "key_none",
            Self::RsaWeak { .. } => "key_rsa_weak",
            Self::SpkiUnexpected => "key_spki_unexpected",
        }
    }
}

/// A public key that a result speaks about: the subject's key that the verdict is bound to (`cnf`, RFC 7800 and RFC 8747).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    P256 { x: [u8; 32], y: [u8; 32] },
    P384 { x: [u8; 48], y: [u8; 48] },
    Ed25519 { x: [u8; 32] },
    Rsa(RsaNumbers),
}

impl PublicKey {
    /// Reads SubjectPublicKeyInfo (RFC 5280), strict DER: P-256 and P-384 uncompressed, Ed25519, RSA of 2048 to 4096 bits.
    ///
    /// # Errors
    /// [`Error::SpkiUnexpected`] or [`Error::RsaWeak`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        spki::read(der).map(Self)
    }

    /// The key as a JSON Web Key (RFC 7517): its required members only.
    #[must_use]
    pub fn jwk(&self) -> Json {
        self.claim().to_json()
    }

    /// The key as a COSE_Key (RFC 9052, 7), deterministically encoded.
    #[must_use]
    pub fn cose_key(&self) -> Vec<u8> {
        self.claim().to_cbor()
    }

    /// SHA-256 of the JWK's required members (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        // The members come in alphabetical order and without white space, as RFC 7638, 3 wants them.
        let text = self.jwk().to_string();
        let digest = HashAlg::Sha256.hash(&[text.as_bytes()]);
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    pub(crate) fn claim(&self) -> Claim {
        let bytes = |bytes: &[u8]| Claim::Bytes(bytes.to_vec());
        Claim::Map(match &self.0 {
            Kind::P256 { x, y } => {
                let crv = Claim::Choice("P-256", 1);
                vec![(KTY, Claim::Choice("EC", 2)), (CRV, crv), (X, bytes(x)), (Y, bytes(y))]
            }
            Kind::P384 { x, y } => {
                let crv = Claim::Choice("P-384", 2);
                vec![(KTY, Claim::Choice("EC", 2)), (CRV, crv), (X, bytes(x)), (Y, bytes(y))]
            }
            Kind::Ed25519 { x } => {
                vec![(KTY, Claim::Choice("OKP", 1)), (CRV, Claim::Choice("Ed25519", 6)), (X, bytes(x))]
            }
            Kind::Rsa(rsa) => {
                let (n, e) = (bytes(rsa.modulus()), bytes(rsa.exponent()));
                vec![(KTY, Claim::Choice("RSA", 3)), (N, n), (E, e)]
            }
        })
    }

    /// Reads a JWK or COSE_Key; members beyond the required ones are ignored.
    pub(crate) fn from_node(node: Node<'_>) -> Option<Self> {
        #[derive(Clone, Copy)]
        enum Type {
            Ec,
            Okp,
            Rsa,
        }
        let kty =
            node.get(&KTY)?.choice(&[("EC", 2, Type::Ec), ("OKP", 1, Type::Okp), ("RSA", 3, Type::Rsa)])?;
        let bytes = |label| node.get(label)?.bytes();
        Some(Self(match kty {
            Type::Rsa => spki::rsa(&bytes(&N)?, &bytes(&E)?).ok()?,
            Type::Okp => {
                node.get(&CRV)?.choice(&[("Ed25519", 6, ())])?;
                Kind::Ed25519 { x: bytes(&X)?.try_into().ok()? }
            }
            Type::Ec => match node.get(&CRV)?.choice(&[("P-256", 1, 256), ("P-384", 2, 384)])? {
                256 => Kind::P256 { x: bytes(&X)?.try_into().ok()?, y: bytes(&Y)?.try_into().ok()? },
                _ => Kind::P384 { x: bytes(&X)?.try_into().ok()?, y: bytes(&Y)?.try_into().ok()? },
            },
        }))
    }
}

/// A P-256 public key that ES256 signatures are checked with. Its id is its thumbprint.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifyingKey {
    point: [u8; 65],
    id: String,
}

impl VerifyingKey {
    /// The key with this uncompressed point: 0x04, x, y. Whether it is on the curve shows at the first verification, which fails if not.
    ///
    /// # Errors
    /// [`Error::SpkiUnexpected`] unless it is 65 bytes that begin with 4.
    pub fn from_point(point: &[u8]) -> Result<Self, Error> {
        let point: [u8; 65] = point.try_into().map_err(|_| Error::SpkiUnexpected)?;
        if point.first() != Some(&4) {
            return Err(Error::SpkiUnexpected);
        }
        let mut key = Self { point, id: String::new() };
        key.id = URL_SAFE_NO_PAD.encode(PublicKey::from(&key).thumbprint());
        Ok(key)
    }

    fn coordinates(&self) -> ([u8; 32], [u8; 32]) {
        let [_, xy @ ..] = &self.point;
        let (x, y) = xy.split_first_chunk().unwrap_or((&[0; 32], &[]));
        (*x, y.first_chunk().copied().unwrap_or_default())
    }

    /// The key in this SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// [`Error::SpkiUnexpected`] unless it is a P-256 key.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        Self::from_public(&PublicKey::from_spki_der(der)?).ok_or(Error::SpkiUnexpected)
    }

    /// The key in this JSON Web Key.
    ///
    /// # Errors
    /// [`Error::Json`], or [`Error::JwkUnexpected`] unless it is a P-256 key that may verify ES256 signatures.
    pub fn from_jwk(text: &str) -> Result<Self, Error> {
        Self::from_jwk_value(&json::parse(text.as_bytes(), &Limits::DEFAULT)?).ok_or(Error::JwkUnexpected)
    }

    /// The ES256 keys of a JWK Set (RFC 7517, 5). Keys of other kinds and for other uses are left out.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::JwkUnexpected`] if it is no key set, [`Error::NoKey`].
    pub fn from_jwks(text: &str) -> Result<Vec<Self>, Error> {
        let set = json::parse(text.as_bytes(), &Limits::DEFAULT)?;
        let keys = set.get("keys").and_then(Json::as_array).ok_or(Error::JwkUnexpected)?;
        let keys: Vec<_> = keys.iter().filter_map(Self::from_jwk_value).collect();
        if keys.is_empty() { Err(Error::NoKey) } else { Ok(keys) }
    }

    fn from_jwk_value(jwk: &Json) -> Option<Self> {
        let says = |name, wanted: &str| jwk.get(name).is_none_or(|value| value.as_str() == Some(wanted));
        if !says("alg", "ES256") || !says("use", "sig") {
            return None;
        }
        Self::from_public(&PublicKey::from_node(Node::Json(jwk))?)
    }

    fn from_public(key: &PublicKey) -> Option<Self> {
        let Kind::P256 { x, y } = &key.0 else { return None };
        Self::from_point(&[&[4][..], x, y].concat()).ok()
    }

    /// The uncompressed point: 0x04, x, y.
    #[must_use]
    pub const fn point(&self) -> &[u8; 65] {
        &self.point
    }

    /// Its id: the unpadded base64url of its thumbprint (RFC 7638).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its SubjectPublicKeyInfo, DER.
    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        [spki::P256_PREFIX, self.point.as_slice()].concat()
    }

    /// The key as a JSON Web Key with `kid`, `alg` and `use`.
    #[must_use]
    pub fn jwk(&self) -> Json {
        let (x, y) = self.coordinates();
        serde_json::json!({
            "kty": "EC",
            "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
            "kid": self.id,
            "alg": "ES256",
            "use": "sig",
        })
    }

    /// Whether `signature` (r ‖ s, 32 bytes each) is this key's ES256 signature over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let key =
            ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, &self.point);
        key.verify(message, signature).is_ok()
    }
}

impl From<&VerifyingKey> for PublicKey {
    fn from(key: &VerifyingKey) -> Self {
        let (x, y) = key.coordinates();
        Self(Kind::P256 { x, y })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id)
    }
}

/// A JWK Set (RFC 7517, 5) for `/.well-known/jwks.json`.
#[must_use]
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a VerifyingKey>) -> Json {
    serde_json::json!({ "keys": keys.into_iter().map(VerifyingKey::jwk).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests;
