//! Making an overlay from a boot that is known to be good.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Device, FORMAT, Home, OverlaySlot, envelope};
use crate::Timestamp;
use crate::authenticate::{AuthenticEvidence, Outcome};
use crate::digest::HashAlg;
use crate::evidence::Extend;
use crate::evidence::tcg_event::Whole;
use crate::reference::golden::{Rule, Sequence, Slot, in_variant};
use crate::reference::{Golden, ReferenceSet, ResolvedVariant};

/// Why no overlay is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// The golden document marks no slot as per_device.
    #[error("the golden document marks no slot as per_device")]
    NothingPerDevice,
    /// The boot is not one of the golden boots, whatever the marked slots hold.
    #[error(
        "PCR {pcr}: the boot differs from every golden sequence in more than the slots marked as per_device"
    )]
    OtherBoot {
        /// The PCR.
        pcr: u8,
    },
    /// The quote does not prove what the log says of a marked slot's PCR in this bank.
    #[error("PCR {pcr} is not proven in {bank}: quote it in every bank that the log tells of, with a log that explains it", bank = .bank.name())]
    NotProven {
        /// The PCR.
        pcr: u8,
        /// The bank.
        bank: HashAlg,
    },
    /// The document has no digest of its own to bind to.
    #[error("the golden document has no digest that an overlay could be bound to")]
    Unbound,
}

impl DraftError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotProven { .. } => "overlay_not_proven",
            Self::NothingPerDevice => "overlay_nothing_per_device",
            Self::OtherBoot { .. } => "overlay_other_boot",
            Self::Unbound => "overlay_unbound",
        }
    }
}

/// An overlay before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The device family.
    pub family: String,
    /// SHA-256 of the golden document, hexadecimal.
    pub golden_sha256: String,
    /// The device.
    pub device: Device,
    /// When it is made.
    pub issued_at: Timestamp,
    /// Until when it counts.
    pub expires: Timestamp,
    /// The device's own digests.
    pub slots: Vec<OverlaySlot>,
}

impl Draft {
    /// Takes the digests of the marked slots from a proven boot. Everything else of the boot must be golden.
    ///
    /// # Errors
    /// [`DraftError`].
    pub fn from_boot(
        references: &ReferenceSet,
        evidence: &AuthenticEvidence<'_>,
        device: Device,
        (issued_at, expires): (Timestamp, Timestamp),
    ) -> Result<Self, DraftError> {
        let golden = references.golden();
        let extends = |pcr: u8| -> Vec<Extend<'_, '_>> { evidence.extends(pcr).collect() };
        let mut slots = Vec::new();
        for pcr in golden.judged.iter().copied() {
            let own: Vec<&Sequence> = references.sequences().filter(|s| s.pcr == pcr).collect();
            if !own.iter().any(|s| is_marked(s)) {
                continue;
            }
            let events = extends(pcr);
            let fitting =
                own.into_iter().find(|s| fits(s, &events, golden)).ok_or(DraftError::OtherBoot { pcr })?;
            check_proven(evidence, pcr, &events, &golden.banks)?;
            slots.extend(take(&Home::Sequence(fitting.name.clone()), fitting, &events, golden));
        }
        let marked = |variant: &&ResolvedVariant| variant.sequences.iter().any(|s| is_marked(s));
        if references.variants().any(|v| marked(&v)) {
            let judged = |s: &&Arc<Sequence>| golden.judged.contains(&s.pcr);
            let fits_all = |variant: &&ResolvedVariant| {
                variant.sequences.iter().filter(judged).all(|s| fits(s, &extends(s.pcr), golden))
            };
            let variant = references.variants().find(fits_all);
            let first = golden.judged.iter().copied().find(|pcr| in_variant(*pcr));
            let variant = variant.ok_or(DraftError::OtherBoot { pcr: first.unwrap_or_default() })?;
            for sequence in variant.sequences.iter().filter(judged) {
                let (home, events) = (Home::Variant(variant.name.clone()), extends(sequence.pcr));
                if is_marked(sequence) {
                    check_proven(evidence, sequence.pcr, &events, &golden.banks)?;
                }
                slots.extend(take(&home, sequence, &events, golden));
            }
        }
        if slots.is_empty() {
            return Err(DraftError::NothingPerDevice);
        }
        let golden_sha256 = references.source().document_sha256.clone().ok_or(DraftError::Unbound)?;
        Ok(Self { family: golden.family.clone(), golden_sha256, device, issued_at, expires, slots })
    }

    /// What the signer signs with ES256.
    #[must_use]
    pub fn signing_input(&self, key_id: &str) -> String {
        envelope::signing_input(&self.payload().to_string(), key_id)
    }

    /// The overlay, from what was signed and the signature (r ‖ s). Whether it counts, [`Overlay::verify`](super::Overlay::verify) says.
    #[must_use]
    pub fn signed(input: String, signature: &[u8; 64]) -> String {
        envelope::compact(input, signature)
    }

    fn payload(&self) -> Value {
        let device = match &self.device {
            Device::AkName(name) => json!({ "ak_name": hex::encode(name) }),
            Device::EkSha256(digest) => json!({ "ek_sha256": hex::encode(digest) }),
        };
        let slots: Vec<Value> = self.slots.iter().map(slot).collect();
        json!({
            "format": FORMAT,
            "family": self.family,
            "golden_sha256": self.golden_sha256,
            "device": device,
            "issued_at": self.issued_at.unix(),
            "expires": self.expires.unix(),
            "slots": slots,
        })
    }
}

fn slot(slot: &OverlaySlot) -> Value {
    let digests: serde_json::Map<String, Value> =
        slot.digests.iter().map(|d| (d.alg().name().to_owned(), json!(d.to_string()))).collect();
    let (kind, name) = match &slot.home {
        Home::Sequence(name) => ("sequence", name),
        Home::Variant(name) => ("variant", name),
    };
    json!({ kind: name, "pcr": slot.pcr, "slot": slot.slot, "component": slot.component, "digests": digests })
}

fn is_marked(sequence: &Sequence) -> bool {
    sequence.slots.iter().any(|slot| slot.rule == Some(Rule::PerDevice))
}

/// Whether all but the marked slots are golden, in order. Appraisal with the overlay decides; this finds the sequence.
fn fits(sequence: &Sequence, events: &[Extend<'_, '_>], golden: &Golden) -> bool {
    let is_golden = |(slot, event): (&Slot, &Extend<'_, '_>)| match &slot.rule {
        Some(Rule::PerDevice) => true,
        Some(Rule::Values(rule)) => {
            let value = event.firmware().and_then(|event| Whole::read(event, &golden.banks).ok());
            value.is_some_and(|value| rule.terms.accept(&value).is_ok())
        }
        Some(Rule::ExitBootServicesRepeat) | None => has(slot, *event, &golden.banks),
    };
    sequence.slots.len() == events.len() && sequence.slots.iter().zip(events).all(is_golden)
}

fn has(slot: &Slot, event: Extend<'_, '_>, banks: &[HashAlg]) -> bool {
    let same = |bank: &HashAlg| slot.digest(*bank).map(|d| d.as_bytes()) == event.digest(*bank);
    banks.iter().all(same)
}

/// What is signed is proven in each bank: the digests of one that the quote does not cover are whatever the log says.
fn check_proven(
    evidence: &AuthenticEvidence<'_>,
    pcr: u8,
    events: &[Extend<'_, '_>],
    banks: &[HashAlg],
) -> Result<(), DraftError> {
    let is_told = |bank: &&HashAlg| events.iter().any(|event| event.digest(**bank).is_some());
    let is_proven = |bank: HashAlg| evidence.outcome(bank, pcr) == Some(Outcome::Match);
    let unproven = banks.iter().filter(is_told).find(|bank| !is_proven(**bank));
    unproven.map_or(Ok(()), |bank| Err(DraftError::NotProven { pcr, bank: *bank }))
}

fn take(home: &Home, sequence: &Sequence, events: &[Extend<'_, '_>], golden: &Golden) -> Vec<OverlaySlot> {
    let slots = sequence.slots.iter().zip(events).enumerate();
    let marked = slots.filter(|(_, (slot, _))| slot.rule == Some(Rule::PerDevice));
    marked
        .map(|(at, (slot, event))| OverlaySlot {
            home: home.clone(),
            pcr: sequence.pcr,
            slot: at,
            component: slot.component.clone(),
            digests: golden.banks.iter().filter_map(|bank| event.typed_digest(*bank)).collect(),
        })
        .collect()
}
