//! Why a policy does not let a family change in this way.

use super::super::name::Name;
use super::super::policy::{Fault, Who};

/// In what a change goes below what the root wrote, or beyond its family.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another set of channels, or people where the root wants none, or none where it wants some.
    #[error("{what}: not as the policy has it")]
    ChannelMismatch {
        /// Where.
        what: String,
    },
    /// Somebody is brought in, and the root lets nobody be.
    #[error("`{who}`: the policy lets nobody be brought in whom it does not name")]
    EnrolmentNotAllowed {
        /// Who.
        who: Name,
    },
    /// What comes of it is no policy.
    #[error("it leads to {} fault(s) of the policy, the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Faults(Vec<Fault>),
    /// The root alone says who is in that group.
    #[error("{who}: only the root changes who is in the group `{group}`")]
    GroupFixed {
        /// Of which quorum.
        who: Who,
        /// Which.
        group: Name,
    },
    /// Somebody is called by a name that is not this family's, or that the policy gives to somebody else.
    #[error("`{who}`: whoever is brought in is called FAMILY.NAME, with a name that nobody has")]
    NameNotOfFamily {
        /// Who.
        who: Name,
    },
    /// The root did not let this family change itself.
    #[error("the policy names no managers of `{family}`")]
    NotManaged {
        /// Which.
        family: Name,
    },
    /// Only people are brought in.
    #[error("`{who}` is no person")]
    NotAPerson {
        /// Who.
        who: Name,
    },
    /// Somebody of an organisation that the root has nobody of in that group: two organisations that must agree would be one.
    #[error("{who}: `{member}` is of an organisation of which the policy has nobody in the group `{group}`")]
    OrganisationUnexpected {
        /// Of which quorum.
        who: Who,
        /// Which group.
        group: Name,
        /// Who.
        member: Name,
    },
    /// A key that is not kept as the root wants it.
    #[error("`{who}`: a key is not of hardware, and the policy wants that of whoever is brought in")]
    ProtectionMissing {
        /// Who.
        who: Name,
    },
    /// Other groups than the root's, or a lower threshold.
    #[error("{who}: other groups than the policy's, or fewer people than it wants")]
    QuorumWeakened {
        /// Whose.
        who: Who,
    },
    /// Somebody who could stop a release could not any more.
    #[error("`{revoker}` is a revoker by the policy, and stays one")]
    RevokerRemoved {
        /// Who.
        revoker: Name,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ChannelMismatch { .. } => "family_channel_mismatch",
            Self::EnrolmentNotAllowed { .. } => "family_enrolment_not_allowed",
            Self::Faults(_) => "family_faults",
            Self::GroupFixed { .. } => "family_group_fixed",
            Self::NameNotOfFamily { .. } => "family_name_not_of_family",
            Self::NotAPerson { .. } => "family_not_a_person",
            Self::NotManaged { .. } => "family_not_managed",
            Self::OrganisationUnexpected { .. } => "family_organisation_unexpected",
            Self::ProtectionMissing { .. } => "family_protection_missing",
            Self::QuorumWeakened { .. } => "family_quorum_weakened",
            Self::RevokerRemoved { .. } => "family_revoker_removed",
        }
    }
}
