//! SSHSIG, OpenSSH's signatures over files (PROTOCOL.sshsig), as `ssh-keygen -Y sign` writes them.
//!
//! What is read: one armored signature and nothing else; version 1; no reserved bytes; SHA-256 or SHA-512; numbers in their shortest form; the
//! signature's type that of the key. ssh-keygen reads more (text after the armor, white space anywhere, a version 0, reserved bytes that
//! nothing signs, an Ed25519 s that is not reduced); all of that is refused. What is accepted here, ssh-keygen accepts too, so that others can
//! check it: lines may have any length, but do not end in CR LF.
//!
//! **An ECDSA signature (r, s) has a twin (r, n − s)** that anyone can write and that verifies too; tokens and ssh-agent make either, so both
//! are accepted. A signature's bytes therefore identify nothing: what it says is key, namespace and message, which are the same in both.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{PublicKey, wire};
use crate::reader::Reader;
use crate::release::key::{Curve, fixed};
use crate::{Digest, HashAlg, Limits};

mod error;
#[cfg(test)]
mod tests;

pub use error::Error;

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// What the token said about a touch and its user, as the signature covers it (CTAP 2.1, section 6.1; WebAuthn Level 2, section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    const UP: u8 = 0x01;
    const UV: u8 = 0x04;
    const BE: u8 = 0x08;
    const BS: u8 = 0x10;
    const AT: u8 = 0x40;
    const ED: u8 = 0x80;

    pub(super) const fn new(byte: u8) -> Self {
        Self(byte)
    }

    /// UP: someone touched the token.
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.0 & Self::UP != 0
    }

    /// UV: the token knew its user, by PIN or finger.
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.0 & Self::UV != 0
    }

    /// BE or BS: the key can be, or is, copied off the token (WebAuthn Level 3, section 6.1.3).
    #[must_use]
    pub const fn backup(self) -> bool {
        self.0 & (Self::BE | Self::BS) != 0
    }

    /// AT or ED: more follows in the authenticator data.
    pub(super) const fn attested_credential(self) -> bool {
        self.0 & Self::AT != 0
    }

    pub(super) const fn extensions(self) -> bool {
        self.0 & Self::ED != 0
    }

    /// As they were signed.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

/// What a signature proves about the person at the key, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// Nothing: whatever holds the key may have signed.
    Unproven,
    /// A touch of the token.
    Present,
    /// A touch, and the token knew its user.
    Verified,
}

/// A signature, well-formed and not believed.
#[derive(Clone, Debug)]
pub struct Signature {
    key: PublicKey,
    namespace: String,
    hash: HashAlg,
    /// Ed25519's 64 bytes, or r ‖ s, each as long as the field.
    value: Vec<u8>,
    touch: Option<(Flags, u32)>,
}

impl Signature {
    /// Reads one armored signature, which is all of the text but for one line end.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(armored: &str, limits: &Limits) -> Result<Self, Error> {
        check_length(armored.as_bytes(), limits)?;
        Self::from_blob(&dearmor(armored)?, limits)
    }

    /// Reads the bytes inside the armor.
    ///
    /// # Errors
    /// [`Error`].
    pub fn from_blob(blob: &[u8], limits: &Limits) -> Result<Self, Error> {
        check_length(blob, limits)?;
        let mut reader = Reader::new(blob);
        if reader.bytes(MAGIC.len()).map_err(wire::Error::from)? != MAGIC {
            return Err(Error::MagicUnexpected);
        }
        let version = reader.u32_be().map_err(wire::Error::from)?;
        if version != VERSION {
            return Err(Error::VersionUnsupported { version });
        }
        let key = PublicKey::read(wire::string(&mut reader)?, limits)?;
        let namespace = wire::text(&mut reader)?.to_owned();
        if namespace.is_empty() {
            return Err(Error::NamespaceEmpty);
        }
        if !wire::string(&mut reader)?.is_empty() {
            return Err(Error::ReservedNotEmpty);
        }
        let hash = match wire::text(&mut reader)? {
            "sha256" => HashAlg::Sha256,
            "sha512" => HashAlg::Sha512,
            name => return Err(Error::HashUnsupported { name: name.chars().take(64).collect() }),
        };
        let inner = wire::string(&mut reader)?;
        wire::finished(&reader)?;
        let (value, touch) = read_value(inner, &key)?;
        Ok(Self { key, namespace, hash, value, touch })
    }

    /// Whose it says it is: to look the key up, by its [`canonical`](PublicKey::canonical) form. Nothing is proven yet.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What it says it is for.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What it says of a touch, if the key is an `sk-` one. Nothing is proven yet.
    #[must_use]
    pub fn flags(&self) -> Option<Flags> {
        self.touch.map(|(flags, _)| flags)
    }

    /// Verifies that the enrolled `key` signed `message` for exactly this `namespace`, with at least the `demanded` presence.
    ///
    /// A signature of an `sk-` key always needs a touch, whatever is demanded.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify(
        &self,
        key: &PublicKey,
        namespace: &str,
        message: &[u8],
        demanded: Presence,
    ) -> Result<VerifiedSignature, Error> {
        // A65: an approval is no review.
        if self.namespace != namespace {
            return Err(Error::NamespaceMismatch { signed: self.namespace.clone() });
        }
        if !self.key.is_same_form(key) {
            return Err(Error::KeyMismatch);
        }
        let proven = self.presence()?;
        if proven < demanded {
            return Err(Error::PresenceInsufficient { demanded, proven });
        }
        if !key.canonical().verifies(&self.signed_bytes(message), &self.value) {
            return Err(Error::SignatureInvalid);
        }
        Ok(VerifiedSignature {
            key: self.key.clone(),
            namespace: self.namespace.clone(),
            message: HashAlg::Sha256.hash(&[message]),
            presence: proven,
            touch: self.touch,
        })
    }

    /// A66: what the token's own flags say.
    fn presence(&self) -> Result<Presence, Error> {
        match self.touch {
            None => Ok(Presence::Unproven),
            Some((flags, _)) if !flags.user_present() => Err(Error::UserPresenceMissing),
            Some((flags, _)) if flags.user_verified() => Ok(Presence::Verified),
            Some(_) => Ok(Presence::Present),
        }
    }

    /// What the key signed (PROTOCOL.sshsig, "Signed Data"; PROTOCOL.u2f, "SSH U2F signatures" for tokens).
    fn signed_bytes(&self, message: &[u8]) -> Vec<u8> {
        let mut signed = MAGIC.to_vec();
        let digest = self.hash.hash(&[message]);
        for field in [self.namespace.as_bytes(), &[], self.hash.name().as_bytes(), digest.as_bytes()] {
            wire::put(&mut signed, field);
        }
        let Some((flags, counter)) = self.touch else { return signed };
        let application = self.key.application().unwrap_or_default();
        let (application, signed) =
            (HashAlg::Sha256.hash(&[application.as_bytes()]), HashAlg::Sha256.hash(&[&signed]));
        [application.as_bytes(), &[flags.bits()], &counter.to_be_bytes(), signed.as_bytes()].concat()
    }
}

/// A signature that is one: this key signed this message for this namespace. Made by [`Signature::verify`] only.
#[derive(Clone, Debug)]
pub struct VerifiedSignature {
    key: PublicKey,
    namespace: String,
    message: Digest,
    presence: Presence,
    touch: Option<(Flags, u32)>,
}

impl VerifiedSignature {
    /// Whose it is.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What it is for.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// SHA-256 of the message.
    #[must_use]
    pub const fn message(&self) -> Digest {
        self.message
    }

    /// What it proves about the person at the key.
    #[must_use]
    pub const fn presence(&self) -> Presence {
        self.presence
    }

    /// The token's flags, if the key is an `sk-` one.
    #[must_use]
    pub fn flags(&self) -> Option<Flags> {
        self.touch.map(|(flags, _)| flags)
    }

    /// The token's counter, if the key is an `sk-` one. Many tokens count all their keys together, some do not count.
    #[must_use]
    pub fn counter(&self) -> Option<u32> {
        self.touch.map(|(_, counter)| counter)
    }
}

fn check_length(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let (len, limit) = (bytes.len(), limits.ssh_signature_bytes);
    if len > limit { Err(Error::TooLong { len, limit }) } else { Ok(()) }
}

/// The bytes in the armor.
fn dearmor(text: &str) -> Result<Vec<u8>, Error> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<&str> = text.split('\n').collect();
    let [BEGIN, lines @ .., END] = lines.as_slice() else { return Err(Error::ArmorUnexpected) };
    if lines.iter().any(|line| line.is_empty() || line.starts_with('-')) {
        return Err(Error::ArmorUnexpected);
    }
    STANDARD.decode(lines.concat()).map_err(|_| Error::Base64Malformed)
}

type Value = (Vec<u8>, Option<(Flags, u32)>);

/// The signature itself: its type, its numbers, and for tokens flags and counter.
fn read_value(mut reader: Reader<'_>, key: &PublicKey) -> Result<Value, Error> {
    let name = wire::text(&mut reader)?;
    if name != key.key_type().name() {
        return Err(Error::TypeMismatch { signature: name.chars().take(64).collect() });
    }
    let inner = wire::string(&mut reader)?;
    let value = match key.canonical().curve() {
        None => {
            let value: [u8; 64] =
                inner.rest().try_into().map_err(|_| Error::LengthUnexpected { len: inner.rest().len() })?;
            value.to_vec()
        }
        Some(curve) => ecdsa(inner, curve)?,
    };
    let touch = if key.key_type().is_sk() {
        let flags = Flags::new(reader.u8().map_err(wire::Error::from)?);
        Some((flags, reader.u32_be().map_err(wire::Error::from)?))
    } else {
        None
    };
    wire::finished(&reader)?;
    match touch {
        // What such flags announce is not in what OpenSSH signs.
        Some((flags, _)) if flags.attested_credential() || flags.extensions() => {
            Err(Error::FlagsUnexpected { flags: flags.bits() })
        }
        touch => Ok((value, touch)),
    }
}

/// r and s (RFC 5656, section 3.1.2).
fn ecdsa(mut reader: Reader<'_>, curve: Curve) -> Result<Vec<u8>, Error> {
    let (r, s) = (wire::unsigned(&mut reader)?, wire::unsigned(&mut reader)?);
    wire::finished(&reader)?;
    fixed(r, s, curve).ok_or(Error::LengthUnexpected { len: r.len().max(s.len()) })
}
