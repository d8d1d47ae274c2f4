//! Why a CoRIM is not a golden document, or a golden document no CoRIM.

use super::PROFILE;
use crate::reference::golden;

/// Why a CoRIM is not a golden document, or a golden document no CoRIM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document has no sequence and no file.
    #[error("the document has no golden value that a CoRIM could carry")]
    Empty,
    /// The document in it does not fit together.
    #[error(transparent)]
    Golden(#[from] golden::Error),
    /// Something is not there that every document of this profile has.
    #[error("{place}: {what} is missing")]
    Missing {
        /// Where.
        place: String,
        /// What.
        what: &'static str,
    },
    /// Another profile, or none.
    #[error("its profile is {}, not `{PROFILE}`: it is no golden document", .got.as_deref().map_or_else(|| "none".into(), |got| format!("`{got}`")))]
    ProfileForeign {
        /// What it says.
        got: Option<String>,
    },
    /// Something that this profile does not have. Passing over it would judge by less than its author wrote.
    #[error("{place}: {what}, which a golden document does not have")]
    Unexpected {
        /// Where.
        place: String,
        /// What.
        what: String,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "corim_golden_empty",
            Self::Golden(error) => error.code(),
            Self::Missing { .. } => "corim_golden_missing",
            Self::ProfileForeign { .. } => "corim_profile_foreign",
            Self::Unexpected { .. } => "corim_golden_unexpected",
        }
    }
}
