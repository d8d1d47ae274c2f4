//! Why nothing is predicted.

use super::pe;
use crate::digest::HashAlg;
use crate::reference::golden;

/// Why nothing is predicted, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document has these values already.
    #[error("variant `{variant}` has exactly these values: the document needs no other")]
    AlreadyGolden {
        /// The variant that has them.
        variant: String,
    },
    /// A part that moves with another one is not given.
    #[error(
        "a new `{changed}` can change {} too: give {} too, or say with --keep that {}",
        list(missing),
        if missing.len() == 1 { "it" } else { "them" },
        if missing.len() == 1 { "it stays" } else { "they stay" }
    )]
    AlsoNeeded {
        /// What is new.
        changed: String,
        /// What else is measured of it, each with its PCR and form.
        missing: Vec<String>,
    },
    /// A PCR of 0–3, 6 or 7 has several alternatives and none is the variant's.
    #[error(
        "`{component}` stands in PCR {pcr}, which has the alternatives {}: base on the variant of one of these names",
        list(names)
    )]
    AlternativeAmbiguous {
        /// The component asked for.
        component: String,
        /// The PCR.
        pcr: u8,
        /// The alternatives' names.
        names: Vec<String>,
    },
    /// The component is there more than once, with different values.
    #[error(
        "`{component}` is several parts: {}; name one as COMPONENT@TEXT or COMPONENT@DIGEST",
        list(parts)
    )]
    Ambiguous {
        /// The component.
        component: String,
        /// Each part's text and the start of its digest.
        parts: Vec<String>,
    },
    /// A judging bank's digest is not given.
    #[error(
        "no {bank} digest for `{component}`, and the document judges by {bank}: give it too, or the file, or narrow the document with --banks"
    )]
    BankMissing {
        /// The component.
        component: String,
        /// The bank.
        bank: HashAlg,
    },
    /// A bank to judge by is not one of the base's.
    #[error("`{bank}` is not a bank of the base, so its other values are not known")]
    BankUnknown {
        /// The bank.
        bank: HashAlg,
    },
    /// What is measured is chosen on the machine.
    #[error(
        "section {section} is chosen by the machine's hardware: which one is measured cannot be computed from the file"
    )]
    DependsOnHardware {
        /// The section.
        section: &'static str,
    },
    /// No form is known in which a file or text of this component is measured.
    #[error("how `{component}` is measured from {what} is not known: give its digests")]
    FormUnknown {
        /// The component.
        component: String,
        /// `a file` or `a text`.
        what: &'static str,
    },
    /// What came out does not fit together.
    #[error(transparent)]
    Golden(#[from] golden::Error),
    /// A component is said to stay, and a replacement changes it.
    #[error("`{component}` is to be kept, and it changes")]
    KeptChanges {
        /// The component.
        component: String,
    },
    /// The new variant's name is taken.
    #[error("there is a variant or alternative `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Files are given for IMA, and the base does not judge any.
    #[error("the base has no [ima]: files are not judged")]
    NoIma,
    /// Nothing to replace.
    #[error("nothing is to be replaced")]
    NoReplacement,
    /// The file of a unified kernel image has no `.linux` section.
    #[error("`{file}` has no .linux section: it is no unified kernel image")]
    NotUnified {
        /// The file.
        file: String,
    },
    /// The new value is the old one.
    #[error("`{component}` is what the base has already: {about}")]
    NothingChanges {
        /// The component.
        component: String,
        /// What it is.
        about: String,
    },
    /// The part stands inside another one, which changes with it.
    #[error("`{component}` is a part of `{of}` in this boot: replace `{of}`")]
    PartOf {
        /// The component asked for.
        component: String,
        /// What it is in.
        of: &'static str,
    },
    /// A file is not an image.
    #[error("`{component}`: {file}: {error}")]
    Pe {
        /// The component.
        component: String,
        /// The file.
        file: String,
        /// Why.
        error: pe::Error,
    },
    /// PCR 11 of the base is not made of a name and a content for each section, as systemd-stub writes it since version 252.
    #[error("PCR 11 of the base is not what systemd-stub measures since version 252: slot {slot}")]
    StubForm {
        /// The slot.
        slot: usize,
    },
    /// The file is larger than the bound.
    #[error("{file}: {got} bytes; at most {limit} are read")]
    TooLarge {
        /// The file.
        file: String,
        /// How many.
        got: usize,
        /// The bound.
        limit: usize,
    },
    /// The base has no such component.
    #[error("the base has no `{component}`; it has {}", list(known))]
    Unknown {
        /// What was asked for.
        component: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The document's text of a slot is not what was hashed, or only a part of it.
    #[error(
        "the text of `{component}` does not hash to its digest ({about}): the document does not tell what was measured; give digests, or learn the base again"
    )]
    Unproven {
        /// The component.
        component: String,
        /// The text.
        about: String,
    },
    /// A UEFI variable's contents are not of its kind.
    #[error("`{component}`: {file}: {detail}")]
    Variable {
        /// The component.
        component: String,
        /// The file.
        file: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// The base has no such variant, or several and none was named.
    #[error("no variant `{variant}`; the base has {}", list(known))]
    VariantUnknown {
        /// What was asked for; empty if nothing was.
        variant: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlreadyGolden { .. } => "predict_already_golden",
            Self::AlsoNeeded { .. } => "predict_also_needed",
            Self::AlternativeAmbiguous { .. } => "predict_alternative_ambiguous",
            Self::Ambiguous { .. } => "predict_ambiguous",
            Self::BankMissing { .. } => "predict_bank_missing",
            Self::BankUnknown { .. } => "predict_bank_unknown",
            Self::DependsOnHardware { .. } => "predict_depends_on_hardware",
            Self::FormUnknown { .. } => "predict_form_unknown",
            Self::Golden(error) => error.code(),
            Self::KeptChanges { .. } => "predict_kept_changes",
            Self::NameTaken { .. } => "predict_name_taken",
            Self::NoIma => "predict_no_ima",
            Self::NoReplacement => "predict_no_replacement",
            Self::NotUnified { .. } => "predict_not_unified",
            Self::NothingChanges { .. } => "predict_nothing_changes",
            Self::PartOf { .. } => "predict_part_of",
            Self::Pe { error, .. } => error.code(),
            Self::StubForm { .. } => "predict_stub_form",
            Self::TooLarge { .. } => "predict_too_large",
            Self::Unknown { .. } => "predict_component_unknown",
            Self::Unproven { .. } => "predict_text_unproven",
            Self::Variable { .. } => "predict_variable",
            Self::VariantUnknown { .. } => "predict_variant_unknown",
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
