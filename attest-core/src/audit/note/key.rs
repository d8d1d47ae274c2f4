//! Keys of notes.

use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::{Error, Signature, is_name};
use crate::HashAlg;
use crate::curves::ed25519_flaw;

/// What a key signs, and how (C2SP signed-note, Signature types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// 0x01: Ed25519 over the note's text. What logs sign their checkpoints with.
    Ed25519,
    /// 0x04: a witness's cosignature, with its time (C2SP tlog-cosignature, Ed25519 signed message).
    CosignatureV1,
}

impl KeyType {
    /// The type byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// A name, a type and an Ed25519 public key: whose signatures count. Its text, `name+id+base64(type ‖ key)`, is that of C2SP signed-note,
/// Verifier keys. Name, type and key are in the key id, so a key of one type or name is none of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    key_type: KeyType,
    public: [u8; 32],
}

impl VerifierKey {
    /// The key with this name, for signatures of this type.
    ///
    /// # Errors
    /// [`Error::NameMalformed`], [`Error::KeyWeak`].
    pub fn new(name: &str, key_type: KeyType, public: [u8; 32]) -> Result<Self, Error> {
        if !is_name(name) {
            return Err(Error::NameMalformed);
        }
        if ed25519_flaw(&public).is_some() {
            return Err(Error::KeyWeak);
        }
        Ok(Self { name: name.to_owned(), key_type, public })
    }

    /// Reads `name+id+base64(type ‖ key)`.
    ///
    /// # Errors
    /// [`Error::KeyMalformed`], [`Error::KeyTypeUnknown`], [`Error::NameMalformed`], [`Error::KeyWeak`], [`Error::KeyIdMismatch`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, rest) = text.split_once('+').ok_or(Error::KeyMalformed)?;
        let (id, encoded) = rest.split_once('+').ok_or(Error::KeyMalformed)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if id.len() != 8 || !id.bytes().all(is_digit) {
            return Err(Error::KeyMalformed);
        }
        let got = u32::from_str_radix(id, 16).map_err(|_| Error::KeyMalformed)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| Error::KeyMalformed)?;
        let (byte, public) = bytes.split_first().ok_or(Error::KeyMalformed)?;
        let key_type = KeyType::from_byte(*byte).ok_or(Error::KeyTypeUnknown { got: *byte })?;
        let key = Self::new(name, key_type, public.try_into().map_err(|_| Error::KeyMalformed)?)?;
        let expected = key.id();
        if got == expected { Ok(key) } else { Err(Error::KeyIdMismatch { expected, got }) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The public key, in the one encoding that a point has (RFC 8032, section 5.1.2).
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The key id: the first four bytes of SHA-256 over name, newline, type and public key (C2SP signed-note, Signatures).
    #[must_use]
    pub fn id(&self) -> u32 {
        let digest =
            HashAlg::Sha256.hash(&[self.name.as_bytes(), b"\n", &[self.key_type.byte()], &self.public]);
        u32::from_be_bytes(digest.as_bytes().first_chunk().copied().unwrap_or_default())
    }

    /// Whether a signature line says to be by this key. An id has 32 bits, so that is a hint and no proof.
    pub(in crate::audit) fn is_named_by(&self, signature: &Signature) -> bool {
        signature.key_id == self.id() && signature.name == self.name
    }

    /// Whether this is the key's signature over a note's text.
    pub(super) fn signed(&self, text: &str, signature: &[u8]) -> bool {
        self.key_type == KeyType::Ed25519 && self.verifies(text.as_bytes(), signature)
    }

    /// Whether this is the key's Ed25519 signature over a message, whatever the key's type.
    pub(in crate::audit) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

/// `name+id+base64(type ‖ key)`.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[self.key_type.byte()][..], &self.public].concat());
        write!(f, "{}+{:08x}+{key}", self.name, self.id())
    }
}
