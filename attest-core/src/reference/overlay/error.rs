//! Why an overlay is refused.

use super::FORMAT;
use crate::Timestamp;
use crate::evidence::json;

/// Why an overlay is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `alg` is missing, or another than ES256: `none` too.
    #[error("the overlay's algorithm is not ES256")]
    AlgorithmUnexpected,
    /// Base64url with padding, with stray bits, or with other characters.
    #[error("part {part} of the overlay is not unpadded base64url")]
    Base64Malformed {
        /// Counted from 0.
        part: usize,
    },
    /// It is for another device.
    #[error("the overlay is for another device: {overlay}")]
    DeviceMismatch {
        /// Which one.
        overlay: String,
    },
    /// The attestation key came bare, so the device has no name that an overlay could be bound to.
    #[error("the device is not known by a TPM name: an overlay needs the AK as TPM2B_PUBLIC or TPMT_PUBLIC")]
    DeviceUnknown,
    /// A digest is not hexadecimal of its bank's length, or a bank's digest is missing.
    #[error("PCR {pcr} slot {slot}: no good digest for {bank}")]
    Digest {
        /// The PCR.
        pcr: u8,
        /// The slot.
        slot: usize,
        /// Which bank.
        bank: String,
    },
    /// It has expired.
    #[error("the overlay expired at {expired}")]
    Expired {
        /// When.
        expired: Timestamp,
    },
    /// It is for another device family.
    #[error("the overlay is for family `{overlay}`")]
    FamilyMismatch {
        /// Which one.
        overlay: String,
    },
    /// Not three parts of a compact JWS.
    #[error("not a compact JWS")]
    FormUnexpected,
    /// It was made for another golden document, or another version of this one.
    #[error("the overlay is for the golden document with SHA-256 {overlay}")]
    GoldenMismatch {
        /// Which one.
        overlay: String,
    },
    /// A header parameter that no overlay has: it may not bring its own key or name extensions.
    #[error("an unexpected header parameter")]
    HeaderUnexpected,
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// The payload is not of this shape.
    #[error("not an overlay of format {FORMAT}: {detail}")]
    Malformed {
        /// What is wrong.
        detail: String,
    },
    /// It was issued in the future.
    #[error("the overlay is not valid before {from}")]
    NotYetValid {
        /// When it becomes valid.
        from: Timestamp,
    },
    /// No slot: it says nothing.
    #[error("the overlay has no slot")]
    NoSlot,
    /// The signature does not verify with the named signer's key.
    #[error("the overlay's signature does not verify")]
    SignatureInvalid,
    /// The golden document does not name this key.
    #[error("the golden document does not let the key `{id}` sign overlays")]
    SignerUnknown {
        /// The key's id.
        id: String,
    },
    /// Two digests for one slot.
    #[error("PCR {pcr} slot {slot} stands twice")]
    SlotDuplicate {
        /// The PCR.
        pcr: u8,
        /// The slot.
        slot: usize,
    },
    /// The golden document does not give this slot away.
    #[error("PCR {pcr} slot {slot}: the golden document does not mark it as per_device")]
    SlotNotPerDevice {
        /// The PCR.
        pcr: u8,
        /// The slot.
        slot: usize,
    },
    /// The golden document has no such slot, or another component's.
    #[error("PCR {pcr} slot {slot}: the golden document has no such slot of this component")]
    SlotUnknown {
        /// The PCR.
        pcr: u8,
        /// The slot.
        slot: usize,
    },
    /// `typ` is another: a signature made for something else does not count.
    #[error("the signature was not made for an overlay")]
    TypeUnexpected,
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmUnexpected => "overlay_algorithm_unexpected",
            Self::Base64Malformed { .. } => "overlay_base64_malformed",
            Self::DeviceMismatch { .. } => "overlay_device_mismatch",
            Self::DeviceUnknown => "overlay_device_unknown",
            Self::Digest { .. } => "overlay_digest",
            Self::Expired { .. } => "overlay_expired",
            Self::FamilyMismatch { .. } => "overlay_family_mismatch",
            Self::FormUnexpected => "overlay_form_unexpected",
            Self::GoldenMismatch { .. } => "overlay_golden_mismatch",
            Self::HeaderUnexpected => "overlay_header_unexpected",
            Self::Json(_) => "overlay_json",
            Self::Malformed { .. } => "overlay_malformed",
            Self::NotYetValid { .. } => "overlay_not_yet_valid",
            Self::NoSlot => "overlay_no_slot",
            Self::SignatureInvalid => "overlay_signature_invalid",
            Self::SignerUnknown { .. } => "overlay_signer_unknown",
            Self::SlotDuplicate { .. } => "overlay_slot_duplicate",
            Self::SlotNotPerDevice { .. } => "overlay_slot_not_per_device",
            Self::SlotUnknown { .. } => "overlay_slot_unknown",
            Self::TypeUnexpected => "overlay_type_unexpected",
        }
    }
}
