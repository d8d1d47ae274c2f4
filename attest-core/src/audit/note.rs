//! Signed notes: text, and under it lines of signatures (C2SP signed-note, Format).
//!
//! ```text
//! log.example/releases
//! 3
//! rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=
//!
//! — log.example/releases NQnKCvzwlR9w…
//! ```
//!
//! A [`SignedNote`] is well-formed and not believed. Anyone may add lines to a note, so lines of unknown keys are passed over and never
//! counted. Each line whose name and key id are those of a known [`VerifierKey`] must verify, also when the key has another good line:
//! whether a note is believed does not depend on the order of its lines, and a line that is wrong is not hidden behind one that is right
//! (C2SP signed-note, Signatures: "clients SHOULD reject the whole note").

mod key;
mod sign;

pub use key::{KeyType, VerifierKey};
pub(super) use sign::signed;
pub use sign::{SignEd25519, sign};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::Limits;
use crate::result::SignError;

/// What a signature line begins with: an em dash (U+2014) and a space.
const DASH: &str = "\u{2014} ";

/// Why bytes are not a signed note, a text not a verifier key, or a note not signed by a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A control character below U+0020 that is not a newline.
    #[error("a control character at offset {offset}")]
    ControlCharacter {
        /// Where, in bytes from the note's start.
        offset: usize,
    },
    /// A verifier key's id is not that of its name, type and public key.
    #[error("the key id is {got:08x}, and that of the key is {expected:08x}")]
    KeyIdMismatch {
        /// What name, type and public key hash to.
        expected: u32,
        /// What the text says.
        got: u32,
    },
    /// Not `name+id+key`: the id as eight lower-case hexadecimal digits, type and public key in standard base64.
    #[error("not a verifier key")]
    KeyMalformed,
    /// A signature type that is not read here.
    #[error("signature type {got:#04x} is not known")]
    KeyTypeUnknown {
        /// The type byte.
        got: u8,
    },
    /// A public key that is not the one text of a point, or one of the few points that let anyone sign for them.
    #[error("the public key is not a sound Ed25519 key")]
    KeyWeak,
    /// There is no signature, or no text, or no empty line between them.
    #[error("not a text, an empty line and signatures")]
    Malformed,
    /// A key name that is empty or has a space or a plus sign in it.
    #[error("a key name that is empty, or has a space or a plus sign")]
    NameMalformed,
    /// The bytes are not UTF-8.
    #[error("not UTF-8 from offset {offset}")]
    NotUtf8 {
        /// Where the first bad byte is.
        offset: usize,
    },
    /// No line is by this key.
    #[error("no signature by the key {key}")]
    NotSigned {
        /// The key, as its verifier key text.
        key: String,
    },
    /// The signer made none, or not that of the key it named.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A line says to be by a known key, and is not this key's signature over the text.
    #[error("signature line {line} is not by the key {key}")]
    SignatureInvalid {
        /// The key, as its verifier key text.
        key: String,
        /// Which line, from 1.
        line: usize,
    },
    /// A line under the text that is not a signature line.
    #[error("line {line} of the signatures is not a signature")]
    SignatureMalformed {
        /// Which line, from 1.
        line: usize,
    },
    /// More bytes than a note may have.
    #[error("a note of {got} bytes, more than {limit}")]
    TooLarge {
        /// How many there are.
        got: usize,
        /// The bound.
        limit: usize,
    },
    /// More signatures than a note may have.
    #[error("more than {limit} signatures")]
    TooManySignatures {
        /// The bound.
        limit: usize,
    },
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ControlCharacter { .. } => "note_control_character",
            Self::KeyIdMismatch { .. } => "note_key_id_mismatch",
            Self::KeyMalformed => "note_key_malformed",
            Self::KeyTypeUnknown { .. } => "note_key_type_unknown",
            Self::KeyWeak => "note_key_weak",
            Self::Malformed => "note_malformed",
            Self::NameMalformed => "note_name_malformed",
            Self::NotUtf8 { .. } => "note_not_utf8",
            Self::NotSigned { .. } => "note_not_signed",
            Self::Sign(error) => error.code(),
            Self::SignatureInvalid { .. } => "note_signature_invalid",
            Self::SignatureMalformed { .. } => "note_signature_malformed",
            Self::TooLarge { .. } => "note_too_large",
            Self::TooManySignatures { .. } => "note_too_many_signatures",
        }
    }
}

/// A note, well-formed and not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote<'a> {
    note: &'a str,
    text: &'a str,
    signatures: Vec<Signature>,
}

/// A signature line. Whose it is is what the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub key_id: u32,
    /// What follows the id: the shape is the key type's.
    pub bytes: Vec<u8>,
}

impl<'a> SignedNote<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// [`Error`]: bytes that are not exactly a note.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let (got, limit) = (bytes.len(), limits.note_bytes);
        if got > limit {
            return Err(Error::TooLarge { got, limit });
        }
        let note = core::str::from_utf8(bytes).map_err(|e| Error::NotUtf8 { offset: e.valid_up_to() })?;
        check_characters(note)?;
        // The last empty line: the text may have some of its own.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(Error::Malformed)?;
        let text = note.get(..text.len().saturating_add(1)).ok_or(Error::Malformed)?;
        let lines = lines.strip_suffix('\n').ok_or(Error::Malformed)?;
        let mut signatures = Vec::new();
        for (line, number) in lines.split('\n').zip(1..) {
            if signatures.len() >= limits.note_signatures {
                return Err(Error::TooManySignatures { limit: limits.note_signatures });
            }
            signatures.push(Signature::parse(line).ok_or(Error::SignatureMalformed { line: number })?);
        }
        Ok(Self { note, text, signatures })
    }

    /// The whole note.
    #[must_use]
    pub const fn note(&self) -> &'a str {
        self.note
    }

    /// The text, with its last newline: what signatures are over.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The signature lines, in their order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The signature lines alone.
    pub(super) fn into_signatures(self) -> Vec<Signature> {
        self.signatures
    }

    /// Checks that `key` signed the text: every line that names it is its signature, and there is one.
    /// A key of type [`KeyType::CosignatureV1`] signs no text: its lines verify as [cosignatures](super::witness) alone.
    ///
    /// # Errors
    /// [`Error::NotSigned`], [`Error::SignatureInvalid`].
    pub fn verify(&self, key: &VerifierKey) -> Result<(), Error> {
        let mut is_signed = false;
        for (signature, line) in self.signatures.iter().zip(1..) {
            if key.is_named_by(signature) {
                if !key.signed(self.text, &signature.bytes) {
                    return Err(Error::SignatureInvalid { key: key.to_string(), line });
                }
                is_signed = true;
            }
        }
        if is_signed { Ok(()) } else { Err(Error::NotSigned { key: key.to_string() }) }
    }
}

impl Signature {
    /// `— name base64(key id ‖ signature)`, without the newline. A signature has at least one byte.
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (key_id, signature) = bytes.split_first_chunk()?;
        if !is_name(name) || signature.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), key_id: u32::from_be_bytes(*key_id), bytes: signature.to_vec() })
    }
}

/// A signature line with its newline.
pub(super) fn line(name: &str, key_id: u32, signature: &[u8]) -> String {
    let encoded = STANDARD.encode([&key_id.to_be_bytes(), signature].concat());
    format!("{DASH}{name} {encoded}\n")
}

/// Key names are not empty and have neither Unicode spaces nor plus signs (C2SP signed-note, Format).
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+' || c < ' ')
}

/// No control characters below U+0020 but newlines (C2SP signed-note, Format).
fn check_characters(text: &str) -> Result<(), Error> {
    match text.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        Some(offset) => Err(Error::ControlCharacter { offset }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
