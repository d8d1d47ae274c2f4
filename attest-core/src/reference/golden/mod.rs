//! The golden document: what a good device of one family boots, in a form that a person reads, reviews and compares.
//!
//! PCR 0–3, 6 and 7 each have a list of alternative [`Sequence`]s. PCR 4, 5, 8, 9 and 11–15 belong to named [`Variant`]s: one variant
//! must explain all of them together, so that the kernel of one boot never passes with the initrd of another.

mod check;
mod diff;
mod error;
mod ima;
mod ima_text;
mod inherit;
mod items;
mod parse;
mod raw;
mod rule;
#[cfg(test)]
mod tests;
mod token;
mod write;

pub use check::{Lint, LintCode};
pub use diff::{Change, ChangeKind, SlotChange};
pub use error::Error;
pub use ima::{
    ImaBuffer, ImaFile, ImaGolden, ImaPath, ImaSigner, PathEffect, Response, SignerKeyGolden, key_from_pem,
};
pub use rule::{Departure, Listed, Rule, RuleKind, Terms, ValueRule, may_be_per_device};
pub use token::{TokenComponent, TokenGolden, TokenVariant};

use super::overlay::OverlaySigner;
use crate::digest::{Digest, HashAlg};

/// What a document's first line says it is.
pub const FORMAT: &str = "attest-golden/1";

/// PCRs whose sequences belong together in a variant.
pub const VARIANT_PCRS: [u8; 9] = [4, 5, 8, 9, 11, 12, 13, 14, 15];

/// PCRs that may be judged: 0–9 and 11–15. PCR 10 is IMA's and judged by `[ima]`; 16 and 20–23 can be reset; 17–19 are DRTM's.
#[must_use]
pub fn may_be_judged(pcr: u8) -> bool {
    matches!(pcr, 0..=9 | 11..=15)
}

/// Whether the PCR belongs to variants, not to alternatives of its own.
#[must_use]
pub fn in_variant(pcr: u8) -> bool {
    VARIANT_PCRS.contains(&pcr)
}

/// A golden document, well-formed and consistent. Whether people vouch for it is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// The device family it speaks of.
    pub family: String,
    /// What it is about, for people.
    pub description: Option<String>,
    /// The banks that may judge, weakest first: those the known-good firmware extended, never SHA-1.
    pub banks: Vec<HashAlg>,
    /// The PCRs that are judged, ascending.
    pub judged: Vec<u8>,
    /// PCRs that are not, each with its reason.
    pub not_judged: Vec<NotJudged>,
    /// Weaknesses that a person accepted, such as `secure_boot_off`.
    pub accepted: Vec<Accepted>,
    /// Firmware quirks that are tolerated, by name.
    pub workarounds: Vec<Workaround>,
    /// Alternatives for PCR 0–3, 6 and 7.
    pub sequences: Vec<Sequence>,
    /// Variants for the other PCRs.
    pub variants: Vec<Variant>,
    /// Digests that were good once: they explain, they never account.
    pub superseded: Vec<Superseded>,
    /// Golden values for IMA; without them runtime integrity is not judged.
    pub ima: Option<ImaGolden>,
    /// Who may sign overlays with a device's own digests.
    pub overlay_signers: Vec<OverlaySigner>,
    /// Golden values for attestation tokens, by profile.
    pub tokens: Vec<TokenGolden>,
}

/// Whether a quote vouched for the values when they were learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Learned from a log that a quote covered.
    Quoted,
    /// Learned from a log alone: whoever wrote the file decided what is good.
    LogOnly,
    /// Computed from the files of an update.
    Predicted,
    /// Written by a person.
    Reviewed,
}

/// Whether the order of the extends before the separator is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Exactly as written.
    #[default]
    Fixed,
    /// Extends before the separator may come in any order; each still uses exactly one slot.
    FreeBeforeSeparator,
}

/// The whole extend sequence of one PCR. Zero slots are a value too: nothing was extended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The PCR.
    pub pcr: u8,
    /// Which boot or release it came from; empty within a variant.
    pub name: String,
    /// How it was learned; within a variant the variant's.
    pub evidence: Evidence,
    /// PCR 0 alone: the startup locality (0, 3 or 4).
    pub startup_locality: u8,
    /// Whether the order before the separator counts.
    pub order: Order,
    /// PCR 8–15: the image of PCR 4 that always extends this PCR. A PCR that nothing golden extends could be filled by root.
    pub measured_by: Option<String>,
    /// The extends.
    pub slots: Vec<Slot>,
}

impl Sequence {
    /// Whether it leads to one value only: no slot may vary, and neither may the order.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.order == Order::Fixed && self.slots.iter().all(|slot| slot.rule.is_none())
    }
}

/// One golden extend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The named part of the boot.
    pub component: String,
    /// One digest for each of the document's banks, in their order.
    pub digests: Vec<Digest>,
    /// What the event said about itself, for people; nothing is compared with it.
    pub about: String,
    /// The rule by which this slot may vary.
    pub rule: Option<Rule>,
}

impl Slot {
    /// The digest for one bank.
    #[must_use]
    pub fn digest(&self, bank: HashAlg) -> Option<&Digest> {
        self.digests.iter().find(|d| d.alg() == bank)
    }
}

/// A PCR that is not judged, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotJudged {
    /// The PCR.
    pub pcr: u8,
    /// Why not.
    pub reason: String,
}

/// A weakness that a person accepted when the document was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// `secure_boot_off`, `shim_validation_off` or `test_keys`.
    pub weakness: String,
    /// Why.
    pub reason: String,
}

/// A firmware quirk that is tolerated because it is named here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workaround {
    /// Which.
    pub quirk: Quirk,
    /// Why.
    pub reason: String,
}

/// The quirks that can be tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// The log's SHA-1 digests do not replay to the quoted SHA-1 bank (seen in the wild); stronger banks still must.
    Sha1BankMismatch,
    /// Some PCR 0–7 has no separator.
    SeparatorMissing,
    /// Some PCR 0–7 has two separators.
    SeparatorDuplicate,
}

impl Quirk {
    const NAMES: [(Self, &'static str); 3] = [
        (Self::Sha1BankMismatch, "sha1_bank_mismatch"),
        (Self::SeparatorMissing, "separator_missing"),
        (Self::SeparatorDuplicate, "separator_duplicate"),
    ];

    /// Its name in the document.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(quirk, _)| *quirk == self).map_or("", |(_, name)| name)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(quirk, _)| *quirk)
    }
}

/// One whole boot: it explains PCR 4, 5, 8, 9 and 11–15 together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name, unique in the document.
    pub name: String,
    /// How it was learned.
    pub evidence: Evidence,
    /// The variant whose sequences it takes over but for `replace`.
    pub based_on: Option<String>,
    /// What differs from `based_on`.
    pub replace: Vec<Replacement>,
    /// Its own sequences, ascending by PCR; they win over those of `based_on`.
    pub sequences: Vec<Sequence>,
}

/// One slot that differs from the variant it is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The PCR.
    pub pcr: u8,
    /// Index of the slot in the PCR's sequence, from 0.
    pub slot: usize,
    /// The slot to stand there; its component must be the replaced one's.
    pub with: Slot,
}

/// A digest that was good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// The component.
    pub component: String,
    /// Its digests, any bank.
    pub digests: Vec<Digest>,
    /// Why it no longer counts.
    pub reason: String,
}
