//! What differs between two good machines of one family: a signed overlay brings one device's own digests for the slots that the golden
//! document marks as `per_device`, and for no others.
//!
//! An overlay is a compact JWS by a key that the document names. It is bound to the family, to the device, and to this very version of the
//! document; a new version wants new overlays. [`Overlay::verify`] is the only maker of the type, and
//! [`ReferenceSet::with_overlay`](super::ReferenceSet::with_overlay) the only use.

mod draft;
mod envelope;
mod error;
mod signer;
#[cfg(test)]
mod tests;

pub use draft::{Draft, DraftError};
pub use error::Error;
pub use signer::OverlaySigner;

use std::collections::BTreeSet;

use serde::Deserialize;

use super::ReferenceSet;
use super::golden::{Rule, Sequence};
use crate::digest::{Digest, HashAlg};
use crate::evidence::json;
use crate::{Limits, Timestamp};

/// What the payload says it is.
pub const FORMAT: &str = "attest-overlay/1";

/// How far the clocks of signer and verifier may be apart, in seconds.
const SKEW_SECONDS: u64 = 60;

/// The device that an overlay is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// The name of its attestation key: algorithm and digest (TPM 2.0 Part 1, Names).
    AkName(Vec<u8>),
    /// The SHA-256 of its endorsement key's certificate.
    EkSha256(Vec<u8>),
}

/// What the caller knows about the device that is judged.
#[derive(Clone, Copy, Debug)]
pub struct DeviceIds<'a> {
    /// Its attestation key's name; a bare key has none.
    pub ak_name: Option<&'a [u8]>,
    /// The SHA-256 of its endorsement key's certificate, if it is enrolled with one.
    pub ek_sha256: Option<&'a [u8]>,
}

/// Where a slot stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// In the alternative of this name.
    Sequence(String),
    /// In the variant of this name.
    Variant(String),
}

/// One slot's own digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlaySlot {
    /// Where.
    pub home: Home,
    /// The PCR.
    pub pcr: u8,
    /// Index of the slot in the PCR's sequence, from 0.
    pub slot: usize,
    /// Its component.
    pub component: String,
    /// A digest for each bank of the document.
    pub digests: Vec<Digest>,
}

/// An overlay that a named signer signed for this device, family and document, and that has not expired.
#[derive(Clone, Debug)]
pub struct Overlay {
    ak_name: Vec<u8>,
    golden_sha256: String,
    sha256: String,
    signer: String,
    expires: Timestamp,
    slots: Vec<OverlaySlot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOverlay {
    format: String,
    family: String,
    golden_sha256: String,
    device: RawDevice,
    issued_at: u64,
    expires: u64,
    slots: Vec<RawSlot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDevice {
    ak_name: Option<String>,
    ek_sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSlot {
    sequence: Option<String>,
    variant: Option<String>,
    pcr: u8,
    slot: usize,
    component: String,
    digests: std::collections::BTreeMap<String, String>,
}

impl Overlay {
    /// Verifies an overlay: the signature first, then that it is meant for this family, document, device and time, and that every slot is one
    /// that the document gives away.
    ///
    /// # Errors
    /// [`Error`].
    pub fn verify(
        text: &str,
        references: &ReferenceSet,
        device: &DeviceIds<'_>,
        now: Timestamp,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let golden = references.golden();
        let text = text.trim_ascii();
        let (payload, signer) = envelope::open(text, &golden.overlay_signers, limits)?;
        let payload = json::parse(&payload, limits)?;
        let malformed = |detail: String| Error::Malformed { detail };
        let raw: RawOverlay = serde_json::from_value(payload).map_err(|e| malformed(e.to_string()))?;
        if raw.format != FORMAT {
            return Err(malformed(format!("it says `{}`", raw.format)));
        }
        if raw.family != golden.family {
            return Err(Error::FamilyMismatch { overlay: raw.family });
        }
        if references.source().document_sha256.as_ref() != Some(&raw.golden_sha256) {
            return Err(Error::GoldenMismatch { overlay: raw.golden_sha256 });
        }
        let ak_name = device.ak_name.ok_or(Error::DeviceUnknown)?;
        check_device(&raw.device, ak_name, device.ek_sha256)?;
        let (from, expires) = (Timestamp::from_unix(raw.issued_at), Timestamp::from_unix(raw.expires));
        if from > now.plus(SKEW_SECONDS) {
            return Err(Error::NotYetValid { from });
        }
        if expires <= now {
            return Err(Error::Expired { expired: expires });
        }
        let slots = raw.slots.into_iter().map(|slot| overlay_slot(slot, references));
        let slots = slots.collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = slots.iter().find(|s| !seen.insert((&s.home, s.pcr, s.slot))) {
            return Err(Error::SlotDuplicate { pcr: twice.pcr, slot: twice.slot });
        }
        if slots.is_empty() {
            return Err(Error::NoSlot);
        }
        Ok(Self {
            ak_name: ak_name.to_vec(),
            golden_sha256: raw.golden_sha256,
            sha256: HashAlg::Sha256.hash(&[text.as_bytes()]).to_string(),
            signer: signer.name.clone(),
            expires,
            slots,
        })
    }

    /// The attestation key's name of the device that it was verified for.
    #[must_use]
    pub fn ak_name(&self) -> &[u8] {
        &self.ak_name
    }

    /// SHA-256 of the document that it belongs to, hexadecimal.
    #[must_use]
    pub fn golden_sha256(&self) -> &str {
        &self.golden_sha256
    }

    /// SHA-256 of its own text, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whose key signed it, as the golden document names it.
    #[must_use]
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// Until when it counts.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Its slots.
    #[must_use]
    pub fn slots(&self) -> &[OverlaySlot] {
        &self.slots
    }
}

/// Exactly one way to name the device, and it names this one.
fn check_device(raw: &RawDevice, ak_name: &[u8], ek_sha256: Option<&[u8]>) -> Result<(), Error> {
    let (named, is) = match (&raw.ak_name, &raw.ek_sha256) {
        (Some(name), None) => (format!("ak_name {name}"), hex::encode(ak_name) == *name),
        (None, Some(digest)) => {
            (format!("ek_sha256 {digest}"), ek_sha256.is_some_and(|own| hex::encode(own) == *digest))
        }
        _ => return Err(Error::Malformed { detail: "device: one of ak_name and ek_sha256".into() }),
    };
    if is { Ok(()) } else { Err(Error::DeviceMismatch { overlay: named }) }
}

fn overlay_slot(raw: RawSlot, references: &ReferenceSet) -> Result<OverlaySlot, Error> {
    let RawSlot { sequence, variant, pcr, slot, component, digests } = raw;
    let home = match (sequence, variant) {
        (Some(name), None) => Home::Sequence(name),
        (None, Some(name)) => Home::Variant(name),
        _ => return Err(Error::Malformed { detail: "slot: one of sequence and variant".into() }),
    };
    let own = find(references, &home, pcr).and_then(|sequence| sequence.slots.get(slot));
    let own = own.filter(|own| own.component == component).ok_or(Error::SlotUnknown { pcr, slot })?;
    if own.rule != Some(Rule::PerDevice) {
        return Err(Error::SlotNotPerDevice { pcr, slot });
    }
    let bad = |bank: &str| Error::Digest { pcr, slot, bank: bank.to_owned() };
    let banks = &references.golden().banks;
    if let Some((extra, _)) = digests.iter().find(|(name, _)| banks.iter().all(|bank| bank.name() != **name))
    {
        return Err(bad(extra));
    }
    let digest = |bank: &HashAlg| {
        let text = digests.get(bank.name()).ok_or_else(|| bad(bank.name()))?;
        Digest::from_hex(*bank, text).ok_or_else(|| bad(bank.name()))
    };
    let digests = banks.iter().map(digest).collect::<Result<_, _>>()?;
    Ok(OverlaySlot { home, pcr, slot, component, digests })
}

fn find<'r>(references: &'r ReferenceSet, home: &Home, pcr: u8) -> Option<&'r Sequence> {
    match home {
        Home::Sequence(name) => {
            let index = references.index();
            index.sequence(index.alternative_named(pcr, name)?)
        }
        Home::Variant(name) => {
            let variant = references.variant_named(name)?;
            variant.sequences.iter().map(|s| &**s).find(|s| s.pcr == pcr)
        }
    }
}
