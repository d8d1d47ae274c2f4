//! In what a builder's word is not what the policy wants.

use crate::Digest;

/// In what provenance is not as its rule wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Built in another way.
    #[error("built by `{build_type}`")]
    BuildTypeUnexpected {
        /// `buildType`.
        build_type: String,
    },
    /// A builder that counts, but not for this.
    #[error("built by `{id}`, which may not build this")]
    BuilderUnexpected {
        /// Which.
        id: String,
    },
    /// Source code from a place that the rule does not know.
    #[error("source code from `{uri}` went into it")]
    DependencyUnexpected {
        /// From where.
        uri: String,
    },
    /// An external parameter has another value.
    #[error("the external parameter `{pointer}` has another value")]
    ParameterMismatch {
        /// Where it stands in `externalParameters` (RFC 6901).
        pointer: String,
    },
    /// An external parameter that the rule gives a value is not there.
    #[error("the external parameter `{pointer}` is missing")]
    ParameterMissing {
        /// Where it would stand.
        pointer: String,
    },
    /// An external parameter that the rule does not know.
    #[error("the external parameter `{pointer}` is not known")]
    ParameterUnexpected {
        /// Where it stands.
        pointer: String,
    },
    /// Which run of the pipeline made it is not said.
    #[error("`runDetails.metadata.invocationId` is missing, expected {expected}")]
    RunMissing {
        /// Which runs count.
        expected: String,
    },
    /// Made by a run that does not count.
    #[error("made by the run `{got}`, expected {expected}")]
    RunUnexpected {
        /// `runDetails.metadata.invocationId`.
        got: String,
        /// Which runs count.
        expected: String,
    },
    /// More than one revision of the source.
    #[error("{count} revisions of the source went into it")]
    SourceAmbiguous {
        /// How many.
        count: usize,
    },
    /// The source's commit is not given, as 40 or 64 lower-case hexadecimal digits.
    #[error("the commit of the source `{uri}` is not given")]
    SourceCommitMissing {
        /// From where.
        uri: String,
    },
    /// Not from the source that the rule wants.
    #[error("the source did not go into it")]
    SourceMissing,
    /// Another branch or tag, or none named.
    #[error("built from {}", git_ref.as_deref().unwrap_or("no named branch or tag"))]
    SourceRefUnexpected {
        /// Which, if it is named.
        git_ref: Option<String>,
    },
    /// An address that could be read in two ways.
    #[error("the source `{uri}` is not a plain address")]
    SourceUriUnclear {
        /// Which.
        uri: String,
    },
    /// The artifact is not among those that the builder made.
    #[error("the builder did not make {artifact}")]
    SubjectMissing {
        /// The artifact.
        artifact: Digest,
    },
    /// The builder names an artifact by digests that identify nothing, such as SHA-1.
    #[error("an artifact, {}, has only weak digests", name.as_deref().unwrap_or("without a name"))]
    SubjectWeak {
        /// What the builder calls it.
        name: Option<String>,
    },
    /// Who triggered the build is not where the rule says.
    #[error("who triggered the build is not at `{pointer}`")]
    TriggerMissing {
        /// Where it should stand in `buildDefinition` (RFC 6901).
        pointer: String,
    },
}

impl Failure {
    /// Stable name of this fact.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BuildTypeUnexpected { .. } => "provenance_build_type_unexpected",
            Self::BuilderUnexpected { .. } => "provenance_builder_unexpected",
            Self::DependencyUnexpected { .. } => "provenance_dependency_unexpected",
            Self::ParameterMismatch { .. } => "provenance_parameter_mismatch",
            Self::ParameterMissing { .. } => "provenance_parameter_missing",
            Self::ParameterUnexpected { .. } => "provenance_parameter_unexpected",
            Self::RunMissing { .. } => "provenance_run_missing",
            Self::RunUnexpected { .. } => "provenance_run_unexpected",
            Self::SourceAmbiguous { .. } => "provenance_source_ambiguous",
            Self::SourceCommitMissing { .. } => "provenance_source_commit_missing",
            Self::SourceMissing => "provenance_source_missing",
            Self::SourceRefUnexpected { .. } => "provenance_source_ref_unexpected",
            Self::SourceUriUnclear { .. } => "provenance_source_uri_unclear",
            Self::SubjectMissing { .. } => "provenance_artifact_missing",
            Self::SubjectWeak { .. } => "provenance_artifact_weak",
            Self::TriggerMissing { .. } => "provenance_trigger_missing",
        }
    }
}
