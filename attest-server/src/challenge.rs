//! What a device is asked. The server gives challenges out and keeps none of them: the name of a challenge is the challenge itself, sealed so
//! that only this server can make and read it. So whoever asks for many fills nothing and keeps no device from its own, and learns nothing of
//! a device whose name he knows; what is kept is which ones were answered, until they would have expired anyway.

use std::{io, path::Path};

use attest_core::{Timestamp, result::PublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{aead, digest, error::Unspecified, hmac};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    dice::{self, NoRandomness},
    secret_file,
    service::Refusal,
    store::TpmClock,
};

/// Banks by name, and the PCRs of each.
pub(crate) type Selection = Vec<(String, Vec<u32>)>;

const PREFIX: &str = "chl-";

/// A name. A challenge for an RSA-4096 key and every bank there is takes some 4,000 bytes.
const NAME_BYTES: usize = 8_192;

/// What keys are derived from begins with this, so that the server's key says nothing else, now or later.
const PURPOSE: &[u8] = b"attest challenge 2\0";

const KEY_BYTES: usize = 32;
const RANDOM_BYTES: usize = 32;

/// A question to one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuedChallenge {
    /// The only device that may answer it.
    pub(crate) device_id: String,
    /// The server's half of the nonce. No two challenges have the same. In the name it stands before what is sealed.
    #[serde(skip)]
    pub(crate) server_random: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    #[serde(with = "in_hex")]
    pub(crate) subject_public_key: Vec<u8>,
    /// Banks by name, and the PCRs of each, as asked for.
    pub(crate) selection: Selection,
    /// What was known of the TPM's counters when the challenge was made. As long whatever they are: what is sealed still shows its length.
    #[serde(with = "in_one_length")]
    pub(crate) counters: Option<Counters>,
    /// Void after this time, in seconds since 1970-01-01T00:00:00Z.
    expires_at: u64,
}

/// What a quote says of the boot that it was made in (TPMS_CLOCK_INFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) reset_count: u32,
    pub(crate) restart_count: u32,
    /// Milliseconds.
    pub(crate) clock: u64,
}

impl From<TpmClock> for Counters {
    fn from(known: TpmClock) -> Self {
        let TpmClock { clock, reset_count, restart_count, .. } = known;
        Self { reset_count, restart_count, clock }
    }
}

impl IssuedChallenge {
    /// A new question.
    pub(crate) fn new(
        device_id: String,
        subject_public_key: Vec<u8>,
        selection: Selection,
        known: Option<TpmClock>,
        expires_at: Timestamp,
    ) -> Result<Self, NoRandomness> {
        Ok(Self {
            device_id,
            server_random: dice::bytes::<RANDOM_BYTES>()?.to_vec(),
            subject_public_key,
            selection,
            counters: known.map(Counters::from),
            expires_at: expires_at.unix(),
        })
    }

    /// What the quote must carry.
    pub(crate) fn nonce(&self) -> [u8; 32] {
        nonce(&self.server_random, &self.device_id, &self.subject_public_key)
    }

    /// Void after this time.
    pub(crate) const fn expires_at(&self) -> Timestamp {
        Timestamp::from_unix(self.expires_at)
    }
}

/// SHA-256(server random ‖ device id ‖ subject public key). The first two have fixed lengths, so no two triples give the same bytes.
fn nonce(server_random: &[u8], device_id: &str, subject_public_key: &[u8]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(server_random);
    hash.update(device_id.as_bytes());
    hash.update(subject_public_key);
    let mut nonce = [0; 32];
    nonce.copy_from_slice(hash.finish().as_ref());
    nonce
}

/// Whether a result can carry this key.
pub(crate) fn check_subject_key(spki: &[u8]) -> Result<(), Refusal> {
    PublicKey::from_spki_der(spki).map(drop).map_err(|error| Refusal::Malformed {
        code: "subject_key_malformed",
        detail: format!("subject_public_key: {error}"),
    })
}

/// The key by which the server knows its own challenges. Who has it can choose a nonce, and so have it answered beforehand; servers that
/// share a store share it, and no others do: what one spends another must know.
pub(crate) struct ChallengeKey(hmac::Key);

impl ChallengeKey {
    /// Reads the key, or makes one if there is no such file.
    pub(crate) fn open(path: &Path) -> Result<Self, secret_file::Error> {
        let random = || {
            let bytes = Zeroizing::new(dice::bytes::<KEY_BYTES>().map_err(io::Error::other)?);
            Ok(Zeroizing::new(bytes.to_vec()))
        };
        let bytes = secret_file::read_or_make(path, random)?;
        Self::new(&bytes).ok_or_else(|| secret_file::Error::NotOurs(path.to_owned()))
    }

    fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY_BYTES).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The name that goes to the device, and comes back with its answer: the random half of the nonce, and the rest sealed.
    pub(crate) fn name(&self, challenge: &IssuedChallenge) -> Result<String, NameError> {
        let mut sealed = serde_json::to_vec(challenge)?;
        let (key, nonce) = self.sealing(&challenge.server_random)?;
        key.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut sealed)?;
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&challenge.server_random[..], &sealed].concat())))
    }

    /// The challenge of this name, if this server gave it out. Whether it has expired or was answered is not asked.
    pub(crate) fn recognise(&self, name: &str) -> Option<IssuedChallenge> {
        let bytes = name.strip_prefix(PREFIX).filter(|_| name.len() <= NAME_BYTES)?;
        let mut bytes = URL_SAFE_NO_PAD.decode(bytes).ok()?;
        let (random, sealed) = bytes.split_at_mut_checked(RANDOM_BYTES)?;
        let (key, nonce) = self.sealing(random).ok()?;
        let body = key.open_in_place(nonce, aead::Aad::empty(), sealed).ok()?;
        // Ours, and yet of another form: given out by another version.
        let challenge: IssuedChallenge = serde_json::from_slice(body).ok()?;
        Some(IssuedChallenge { server_random: random.to_vec(), ..challenge })
    }

    /// Each challenge has a key of its own, for its random bytes are its own: so the nonce may be the same for all.
    fn sealing(&self, random: &[u8]) -> Result<(aead::LessSafeKey, aead::Nonce), Unspecified> {
        let derived = hmac::sign(&self.0, &[PURPOSE, random].concat());
        let key = aead::UnboundKey::new(&aead::CHACHA20_POLY1305, derived.as_ref())?;
        Ok((aead::LessSafeKey::new(key), aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])))
    }
}

/// A challenge that has no name: nothing that a device sends leads here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NameError {
    #[error("the challenge cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the challenge cannot be sealed")]
    Sealing,
}

impl From<Unspecified> for NameError {
    fn from(_: Unspecified) -> Self {
        Self::Sealing
    }
}

mod in_hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Counters, known or not, in so many digits.
mod in_one_length {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Counters;

    /// One byte that says whether they are known, and the numbers, big-endian.
    type Bytes = [u8; 17];

    pub(super) fn serialize<S: Serializer>(counters: &Option<Counters>, to: S) -> Result<S::Ok, S::Error> {
        let mut bytes: Bytes = [0; 17];
        if let Some(Counters { reset_count, restart_count, clock }) = counters {
            bytes[0] = 1;
            bytes[1..5].copy_from_slice(&reset_count.to_be_bytes());
            bytes[5..9].copy_from_slice(&restart_count.to_be_bytes());
            bytes[9..].copy_from_slice(&clock.to_be_bytes());
        }
        to.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Counters>, D::Error> {
        let mut bytes: Bytes = [0; 17];
        hex::decode_to_slice(String::deserialize(from)?, &mut bytes).map_err(D::Error::custom)?;
        let [known, a, b, c, d, e, f, g, h, clock @ ..] = bytes;
        Ok((known == 1).then_some(Counters {
            reset_count: u32::from_be_bytes([a, b, c, d]),
            restart_count: u32::from_be_bytes([e, f, g, h]),
            clock: u64::from_be_bytes(clock),
        }))
    }
}

#[cfg(test)]
mod tests;
