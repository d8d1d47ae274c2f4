//! Why an envelope is no provenance of a builder that counts.

use crate::HashAlg;
use crate::evidence::json;
use crate::release::dsse;

/// Why an envelope is no provenance of a builder that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It speaks in the name of a builder whose keys did not sign it.
    #[error("it speaks for the builder `{id}`, whose keys did not sign it")]
    BuilderKeyMismatch {
        /// The builder that it names, cut after 128 characters.
        id: String,
    },
    /// A digest that is not lower-case hexadecimal of its algorithm's length.
    #[error("a digest is not one of {}", alg.name())]
    DigestMalformed {
        /// The algorithm.
        alg: HashAlg,
    },
    /// The envelope.
    #[error(transparent)]
    Envelope(#[from] dsse::Error),
    /// A required field is missing or empty, or any field is of another type.
    #[error("`{field}` is missing or of another type")]
    FieldUnexpected {
        /// Which.
        field: &'static str,
    },
    /// The Statement is not strict JSON.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// No key of any builder signed it.
    #[error("no builder that counts signed it")]
    NotSigned,
    /// Something else than an in-toto Statement was signed.
    #[error("the payload is of type `{payload_type}`")]
    PayloadTypeUnexpected {
        /// What it is, cut after 128 characters.
        payload_type: String,
    },
    /// A Statement of something else than SLSA Provenance v1.
    #[error("the predicate is of type `{predicate_type}`")]
    PredicateTypeUnexpected {
        /// What it is, cut after 128 characters.
        predicate_type: String,
    },
    /// Not a Statement of version 1.
    #[error("the statement is of type `{statement_type}`")]
    StatementTypeUnexpected {
        /// What it is, cut after 128 characters.
        statement_type: String,
    },
    /// An artifact without any digest.
    #[error("an artifact has no digest")]
    SubjectDigestMissing,
    /// It is about no artifact.
    #[error("it is about no artifact")]
    SubjectMissing,
}

impl Error {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BuilderKeyMismatch { .. } => "provenance_builder_key_mismatch",
            Self::DigestMalformed { .. } => "provenance_digest_malformed",
            Self::Envelope(error) => error.code(),
            Self::FieldUnexpected { .. } => "provenance_field_unexpected",
            Self::Json(error) => error.code(),
            Self::NotSigned => "provenance_not_signed",
            Self::PayloadTypeUnexpected { .. } => "provenance_payload_type_unexpected",
            Self::PredicateTypeUnexpected { .. } => "provenance_predicate_type_unexpected",
            Self::StatementTypeUnexpected { .. } => "provenance_statement_type_unexpected",
            Self::SubjectDigestMissing => "provenance_subject_digest_missing",
            Self::SubjectMissing => "provenance_subject_missing",
        }
    }
}
