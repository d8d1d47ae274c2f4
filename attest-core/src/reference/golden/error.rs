//! Why a golden document is refused.

use super::FORMAT;

/// Why a golden document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A based-on variant is unknown, or based on another one in turn.
    #[error("variant `{variant}` is based on `{based_on}`, which is not a variant with sequences of its own")]
    BaseUnknown {
        /// The variant.
        variant: String,
        /// What it names.
        based_on: String,
    },
    /// No bank, or one that may not judge.
    #[error("banks: {detail}")]
    Banks {
        /// What is wrong.
        detail: String,
    },
    /// A digest is not hexadecimal of its bank's length, or a bank's digest is missing.
    #[error("{place}: digest {bank}: {detail}")]
    Digest {
        /// Where.
        place: String,
        /// Which bank.
        bank: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// The same name or PCR twice where there may be one.
    #[error("{place}: `{what}` stands twice")]
    Duplicate {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
    /// The document says that it is something else.
    #[error("format is `{got}`, expected `{FORMAT}`")]
    Format {
        /// What it says.
        got: String,
    },
    /// A PCR of 8–15 has extends, but no image of PCR 4 is named that makes them.
    #[error(
        "{place}: PCR {pcr} needs `measured_by` with a component of this variant's PCR 4: root could fill it otherwise"
    )]
    MeasuredByMissing {
        /// The variant.
        place: String,
        /// The PCR.
        pcr: u8,
    },
    /// A judged PCR has no golden sequence, so it could never pass.
    #[error("{place}: PCR {pcr} is judged, but there is no sequence for it")]
    NoSequence {
        /// Where.
        place: String,
        /// The PCR.
        pcr: u8,
    },
    /// A PCR that cannot be judged, or stands in the wrong section.
    #[error("{place}: PCR {pcr} {detail}")]
    Pcr {
        /// Where.
        place: String,
        /// The PCR.
        pcr: u8,
        /// What is wrong.
        detail: &'static str,
    },
    /// A replacement names a slot that is not there, or another component's.
    #[error("variant `{variant}`: replace PCR {pcr} slot {slot}: {detail}")]
    Replacement {
        /// The variant.
        variant: String,
        /// The PCR.
        pcr: u8,
        /// The slot.
        slot: usize,
        /// What is wrong.
        detail: String,
    },
    /// A rule in a slot that it does not own.
    #[error("{place}: rule `{rule}` {detail}")]
    Rule {
        /// Where.
        place: String,
        /// The rule.
        rule: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// A value of a rule that is none, stands twice, or is written in another way than this program writes it.
    #[error("rule `{rule}`: `{value}` is no value of its kind, or stands twice, or out of order")]
    RuleValue {
        /// The rule.
        rule: String,
        /// The value; empty where one is missing.
        value: String,
    },
    /// The key of an overlay signer is not SubjectPublicKeyInfo for P-256 in base64.
    #[error("overlay signer `{name}`: the key is not a SubjectPublicKeyInfo for P-256 in base64")]
    SignerKey {
        /// The signer.
        name: String,
    },
    /// It is not TOML, or not of this shape.
    #[error("{detail}")]
    Syntax {
        /// Line, column and what was expected.
        detail: String,
    },
    /// The document is larger than the limit.
    #[error("{got} bytes, at most {limit}")]
    TooLarge {
        /// Its size in bytes.
        got: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// More keys, values and lists than a document of this length has.
    #[error("the document has {got} keys, values and lists, at most {limit} in a text of this length")]
    TooManyItems {
        /// How many.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// Variants have more slots than the limit, counted with what they inherit.
    #[error("the variants have {got} slots with those that they inherit, at most {limit}")]
    TooManySlots {
        /// How many, with those inherited.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// A value outside its vocabulary.
    #[error("{place}: `{got}` is not one of {expected}")]
    Value {
        /// Where.
        place: String,
        /// What stands there.
        got: String,
        /// What may.
        expected: &'static str,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BaseUnknown { .. } => "golden_base_unknown",
            Self::Banks { .. } => "golden_banks",
            Self::Digest { .. } => "golden_digest",
            Self::Duplicate { .. } => "golden_duplicate",
            Self::Format { .. } => "golden_format",
            Self::MeasuredByMissing { .. } => "golden_measured_by_missing",
            Self::NoSequence { .. } => "golden_no_sequence",
            Self::Pcr { .. } => "golden_pcr",
            Self::Replacement { .. } => "golden_replacement",
            Self::Rule { .. } => "golden_rule",
            Self::RuleValue { .. } => "golden_rule_value",
            Self::SignerKey { .. } => "golden_signer_key",
            Self::Syntax { .. } => "golden_syntax",
            Self::TooLarge { .. } => "golden_too_large",
            Self::TooManyItems { .. } => "golden_too_many_items",
            Self::TooManySlots { .. } => "golden_too_many_slots",
            Self::Value { .. } => "golden_value",
        }
    }
}
