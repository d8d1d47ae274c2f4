//! Public keys of OpenSSH, as a line of `authorized_keys` or `allowed_signers` carries them and as they stand in signatures: RFC 8709 (Ed25519),
//! RFC 5656, section 3.1 (ECDSA), OpenSSH's PROTOCOL.u2f (keys of FIDO tokens).
//!
//! RSA and DSA are not among them, nor are certificates: who may speak is the policy's word, not a certification authority's.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::wire;
use crate::reader::Reader;
use crate::release::key::{self, CanonicalKey, Curve};
use crate::{HashAlg, Limits};

mod error;
#[cfg(test)]
mod tests;

pub use error::Error;

/// What `application` of a FIDO key begins with: tokens use such keys for SSH alone (PROTOCOL.u2f).
const APPLICATION_PREFIX: &str = "ssh:";

/// The kinds of keys that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// `ecdsa-sha2-nistp256`
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    EcdsaP384,
    /// `ecdsa-sha2-nistp521`
    EcdsaP521,
    /// `ssh-ed25519`
    Ed25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: P-256, said to live in a FIDO token.
    SkEcdsaP256,
    /// `sk-ssh-ed25519@openssh.com`: Ed25519, said to live in a FIDO token.
    SkEd25519,
}

impl KeyType {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Ed25519,
        Self::SkEcdsaP256,
        Self::SkEd25519,
    ];

    /// As it is written, in the key and in its signatures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::EcdsaP384 => "ecdsa-sha2-nistp384",
            Self::EcdsaP521 => "ecdsa-sha2-nistp521",
            Self::Ed25519 => "ssh-ed25519",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
        }
    }

    /// Whether its signatures are made as FIDO tokens make them. That a token made them is another matter: only an attestation says so.
    #[must_use]
    pub const fn is_sk(self) -> bool {
        matches!(self, Self::SkEcdsaP256 | Self::SkEd25519)
    }

    /// The curve's name that stands in the key once more (RFC 5656, section 10.1).
    const fn curve(self) -> Option<(Curve, &'static str)> {
        match self {
            Self::EcdsaP256 | Self::SkEcdsaP256 => Some((Curve::P256, "nistp256")),
            Self::EcdsaP384 => Some((Curve::P384, "nistp384")),
            Self::EcdsaP521 => Some((Curve::P521, "nistp521")),
            Self::Ed25519 | Self::SkEd25519 => None,
        }
    }

    fn from_name(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| match name {
            "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512" => Error::RsaUnsupported,
            "ssh-dss" => Error::DsaUnsupported,
            name if name.contains("-cert-v0") => Error::CertificateUnsupported,
            name => Error::TypeUnknown { name: name.chars().take(64).collect() },
        })
    }
}

/// A public key as OpenSSH writes it. Keys are compared by [`canonical`](Self::canonical), never by their text: that is why this type has no
/// equality of its own.
#[derive(Clone, Debug)]
pub struct PublicKey {
    key_type: KeyType,
    canonical: CanonicalKey,
    application: Option<String>,
    blob: Vec<u8>,
}

impl PublicKey {
    /// Reads one line: type, base64, and perhaps a comment, which is returned beside the key. One line end may follow; options before the
    /// type may not.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse_line<'a>(line: &'a str, limits: &Limits) -> Result<(Self, &'a str), Error> {
        check_length(line.as_bytes(), limits)?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.chars().any(|char| char.is_control() && char != '\t') {
            return Err(Error::LineUnexpected);
        }
        let blank = [' ', '\t'];
        let (name, rest) = line.split_once(blank).ok_or(Error::LineUnexpected)?;
        let rest = rest.trim_start_matches(blank);
        let (base64, comment) = rest.split_once(blank).unwrap_or((rest, ""));
        let key_type = KeyType::from_name(name)?;
        let key = Self::from_blob(&STANDARD.decode(base64).map_err(|_| Error::Base64Malformed)?, limits)?;
        if key.key_type != key_type {
            return Err(Error::TypeMismatch { line: key_type, key: key.key_type });
        }
        Ok((key, comment.trim_matches(blank)))
    }

    /// Reads the bytes of a key, which are all of `blob`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn from_blob(blob: &[u8], limits: &Limits) -> Result<Self, Error> {
        Self::read(Reader::new(blob), limits)
    }

    /// The same for a key that stands in something larger.
    pub(super) fn read(mut reader: Reader<'_>, limits: &Limits) -> Result<Self, Error> {
        let blob = reader.rest();
        check_length(blob, limits)?;
        let key_type = KeyType::from_name(wire::text(&mut reader)?)?;
        let canonical = match key_type.curve() {
            None => CanonicalKey::ed25519(wire::string(&mut reader)?.rest())?,
            Some((curve, name)) => {
                if wire::text(&mut reader)? != name {
                    return Err(Error::CurveMismatch { key_type });
                }
                CanonicalKey::ecdsa(curve, wire::string(&mut reader)?.rest())?
            }
        };
        let application = if key_type.is_sk() { Some(application(&mut reader)?) } else { None };
        wire::finished(&reader)?;
        Ok(Self { key_type, canonical, application, blob: blob.to_vec() })
    }

    /// Its kind.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// A61: the key itself, by which it is counted and looked up.
    #[must_use]
    pub const fn canonical(&self) -> &CanonicalKey {
        &self.canonical
    }

    /// For keys of FIDO tokens: what the token knows the key's purpose by. Begins with `ssh:`.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// Its bytes on the wire.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// `SHA256:` and the unpadded base64 of the SHA-256 of its bytes: what `ssh-keygen -l` prints. For people; an `sk-` key and a plain one
    /// of the same point have two.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = HashAlg::Sha256.hash(&[&self.blob]);
        format!("SHA256:{}", STANDARD_NO_PAD.encode(digest.as_bytes()))
    }

    /// The line, without comment and line end.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{} {}", self.key_type.name(), STANDARD.encode(&self.blob))
    }

    /// Whether they are one key in one form: what a signature must carry to be one of this key. A plain key's signature is none of an `sk-`
    /// key with the same point, which would have wanted a touch.
    pub(super) fn is_same_form(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

fn check_length(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let (len, limit) = (bytes.len(), limits.public_key_bytes);
    if len > limit { Err(key::Error::TooLong { len, limit }.into()) } else { Ok(()) }
}

fn application(reader: &mut Reader<'_>) -> Result<String, Error> {
    let application = wire::text(reader)?;
    if !application.starts_with(APPLICATION_PREFIX) {
        return Err(Error::ApplicationUnexpected { application: application.chars().take(64).collect() });
    }
    Ok(application.to_owned())
}
