//! Making a key in a token, as [`faults`](super::faults) wants it kept. Other programs leave what they do not name to the token, and some
//! tokens let such keys decrypt and unwrap, too.

use std::fmt;
use std::str::FromStr;

use cryptoki::error::Error as P11;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};

use super::token::{Token, public_key};
use super::{Error, Failure, KeyUri};
use crate::dice;

/// What kind of key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// On P-256.
    P256,
    /// On P-384.
    P384,
    /// RSA with a modulus of so many bits.
    Rsa(u16),
}

impl KeyKind {
    /// Every kind that counts.
    pub const ALL: [Self; 6] =
        [Self::P256, Self::P384, Self::Ed25519, Self::Rsa(2048), Self::Rsa(3072), Self::Rsa(4096)];

    fn mechanism(self) -> Mechanism<'static> {
        match self {
            Self::Ed25519 => Mechanism::EccEdwardsKeyPairGen,
            Self::P256 | Self::P384 => Mechanism::EccKeyPairGen,
            Self::Rsa(_) => Mechanism::RsaPkcsKeyPairGen,
        }
    }

    /// What only the public half is told.
    fn parameters(self) -> Vec<Attribute> {
        match self {
            Self::Ed25519 => vec![Attribute::EcParams(b"\x06\x03\x2b\x65\x70".to_vec())],
            Self::P256 => vec![Attribute::EcParams(b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07".to_vec())],
            Self::P384 => vec![Attribute::EcParams(b"\x06\x05\x2b\x81\x04\x00\x22".to_vec())],
            Self::Rsa(bits) => {
                vec![Attribute::ModulusBits(u64::from(bits).into()), Attribute::PublicExponent(vec![1, 0, 1])]
            }
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519 => f.write_str("ed25519"),
            Self::P256 => f.write_str("p256"),
            Self::P384 => f.write_str("p384"),
            Self::Rsa(bits) => write!(f, "rsa{bits}"),
        }
    }
}

impl FromStr for KeyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("one of {}", Self::ALL.map(|kind| kind.to_string()).join(", ")))
    }
}

impl Token {
    /// Makes a key pair where the URI says that it will be, unless there is one, and returns its SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`Error`].
    pub fn make(&mut self, uri: &str, kind: KeyKind) -> Result<Vec<u8>, Error> {
        self.try_make(uri, kind).map_err(|failure| match failure {
            Failure::Final(error) => error,
            Failure::Away(why) => Error::Unavailable(why),
        })
    }

    fn try_make(&mut self, uri: &str, kind: KeyKind) -> Result<Vec<u8>, Failure> {
        let refused = |error: P11| Failure::Final(Error::Unavailable(error.to_string()));
        let parsed = KeyUri::parse(uri).map_err(|source| Error::Uri { uri: uri.to_owned(), source })?;
        let session = self.open_to_write(&parsed)?;
        let mut name = Vec::new();
        name.extend(parsed.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
        name.extend(parsed.id.clone().map(Attribute::Id));
        let template =
            [&[Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true)][..], &name].concat();
        let count = session.find_objects(&template).map_err(refused)?.len();
        if count > 0 {
            return Err(Error::KeyNotOne { uri: uri.to_owned(), count: count.saturating_add(1) }.into());
        }
        // The halves find each other by it.
        if parsed.id.is_none() {
            let id = dice::bytes::<16>().map_err(|error| Error::Unavailable(error.to_string()))?;
            name.push(Attribute::Id(id.to_vec()));
        }
        let public = [
            &[
                Attribute::Token(true),
                Attribute::Private(false),
                Attribute::Verify(true),
                Attribute::Encrypt(false),
                Attribute::Wrap(false),
            ][..],
            &kind.parameters(),
            &name,
        ];
        let private = [
            &[
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Modifiable(false),
                Attribute::Sign(true),
                Attribute::SignRecover(false),
                Attribute::Decrypt(false),
                Attribute::Unwrap(false),
                Attribute::Derive(false),
            ][..],
            &name,
        ];
        let (_, made) = session
            .generate_key_pair(&kind.mechanism(), &public.concat(), &private.concat())
            .map_err(refused)?;
        public_key(&session, made)?.ok_or_else(|| Error::KeyOther { uri: uri.to_owned() }.into())
    }
}
