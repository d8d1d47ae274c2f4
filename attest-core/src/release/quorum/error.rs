//! Why a text is no quorum.

use super::super::name;
use super::Name;

/// Why a text is no quorum, and in which of its lines, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something after the line `quorum`.
    #[error("line {line}: nothing may stand after the line `quorum`")]
    AfterTheEnd {
        /// Where.
        line: usize,
    },
    /// A group without members.
    #[error("line {line}: the group has no members")]
    GroupEmpty {
        /// Where.
        line: usize,
    },
    /// A group that is a member twice.
    #[error("the group `{group}` is asked for more than once")]
    GroupShared {
        /// Which.
        group: Name,
    },
    /// Two groups of one name.
    #[error("line {line}: there is a group `{group}` already")]
    GroupTwice {
        /// Where.
        line: usize,
        /// Its name.
        group: Name,
    },
    /// The quorum is of a group that does not stand before it.
    #[error("line {line}: there is no group `{group}`")]
    GroupUnknown {
        /// Where.
        line: usize,
        /// Its name.
        group: Name,
    },
    /// A group that nothing asks for.
    #[error("the group `{group}` is asked for by nothing")]
    GroupUnused {
        /// Which.
        group: Name,
    },
    /// Neither a group nor the quorum.
    #[error("line {line}: expected `group NAME K MEMBER…` or `quorum NAME`")]
    Keyword {
        /// Where.
        line: usize,
    },
    /// One member named twice in a group.
    #[error("line {line}: `{member}` stands there twice")]
    MemberTwice {
        /// Where.
        line: usize,
        /// Who.
        member: Name,
    },
    /// Not a name.
    #[error("line {line}: a name is missing or odd: {error}")]
    Name {
        /// Where.
        line: usize,
        /// Why.
        error: name::Error,
    },
    /// No line says which group it takes.
    #[error("the line `quorum NAME` is missing")]
    NoQuorum,
    /// Some members are groups and some are not.
    #[error("line {line}: a group is of people, or of groups that stand before it, not of both")]
    PeopleAndGroups {
        /// Where.
        line: usize,
    },
    /// Not a number of members.
    #[error("line {line}: `{got}` is no threshold, expected a number from 1 on, `any` or `all`")]
    Threshold {
        /// Where.
        line: usize,
        /// What stands there.
        got: String,
    },
    /// More than the group has.
    #[error("line {line}: {threshold} of {of} can never be reached")]
    ThresholdUnreachable {
        /// Where.
        line: usize,
        /// How many are asked for.
        threshold: usize,
        /// How many there are.
        of: usize,
    },
    /// More than fits.
    #[error("more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many fit.
        most: usize,
    },
    /// Each group can be filled, and all that are needed cannot, because they share people.
    #[error("it cannot be filled: each person fills one place, and its groups share too many")]
    Unreachable,
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AfterTheEnd { .. } => "quorum_after_the_end",
            Self::GroupEmpty { .. } => "quorum_group_empty",
            Self::GroupShared { .. } => "quorum_group_shared",
            Self::GroupTwice { .. } => "quorum_group_twice",
            Self::GroupUnknown { .. } => "quorum_group_unknown",
            Self::GroupUnused { .. } => "quorum_group_unused",
            Self::Keyword { .. } => "quorum_keyword",
            Self::MemberTwice { .. } => "quorum_member_twice",
            Self::Name { .. } => "quorum_name",
            Self::NoQuorum => "quorum_missing",
            Self::PeopleAndGroups { .. } => "quorum_people_and_groups",
            Self::Threshold { .. } => "quorum_threshold",
            Self::ThresholdUnreachable { .. } => "quorum_threshold_unreachable",
            Self::TooMany { .. } => "quorum_too_many",
            Self::Unreachable => "quorum_unreachable",
        }
    }
}
