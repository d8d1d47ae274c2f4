//! What is wrong with a policy that can be read.

use core::fmt;

use super::super::name::Name;

/// Whose rule it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Approvals in a channel of a family.
    Approvals(Name, Name),
    /// What makes up for the weakness of a family.
    Controls(Name),
    /// Who changes who stands in the rules of a family.
    Managers(Name),
    /// The recovery quorum.
    Recovery,
    /// Requesters of a family.
    Requesters(Name),
    /// Reviews in a channel of a family.
    Review(Name, Name),
    /// Revokers of a family.
    Revokers(Name),
    /// The root quorum.
    Root,
    /// Builders in a channel of a family.
    Builders(Name, Name),
}

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// One account at a builder, of two identities.
    #[error("one account at a builder is of `{one}` and of `{other}`")]
    AccountShared {
        /// The first.
        one: Name,
        /// The second.
        other: Name,
    },
    /// Hardware that no maker vouches for.
    #[error("a key of `{identity}` is called hardware, and its attestation does not say so: {because}")]
    AttestationInvalid {
        /// Whose.
        identity: Name,
        /// The code of what is wrong with it.
        because: &'static str,
    },
    /// A change that is to be followed on, of a policy before which there was none.
    #[error("family `{family}`: the first policy carries no change on")]
    CarriesNothing {
        /// The family.
        family: Name,
    },
    /// A channel of a tier that wants people's word has no quorum.
    #[error("channel `{channel}` of `{family}`: its tier takes people's approvals, and no quorum is named")]
    ApprovalsMissing {
        /// The family.
        family: Name,
        /// The channel.
        channel: Name,
    },
    /// A period of no length, or one that is too long.
    #[error("{what}: {seconds} seconds, expected {least} to {most}")]
    Duration {
        /// Which.
        what: String,
        /// What stands there.
        seconds: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A rule that names nobody.
    #[error("{who}: nobody is named")]
    Empty {
        /// Whose.
        who: Who,
    },
    /// Only the first has no predecessor.
    #[error(
        "version {version} and the presence of `previous` do not agree: the first has none, and its version is 1"
    )]
    FirstOrNot {
        /// Its version.
        version: u64,
    },
    /// A group that is to stay as it is, and is none.
    #[error("family `{family}`: none of its quorums has a group of people `{group}`")]
    GroupUnknown {
        /// The family.
        family: Name,
        /// The group.
        group: Name,
    },
    /// A key that does not parse.
    #[error("a key of `{of}`: {because}")]
    KeyMalformed {
        /// Whose.
        of: Name,
        /// The code.
        because: &'static str,
    },
    /// One key that speaks for two, or twice for one.
    #[error("one key speaks for `{one}` and for `{other}`")]
    KeyShared {
        /// The first.
        one: Name,
        /// The second.
        other: Name,
    },
    /// Somebody who must sign has no key.
    #[error("`{identity}` has no key, and {who} need one")]
    KeyMissing {
        /// Who.
        identity: Name,
        /// For what.
        who: Who,
    },
    /// Log or witnesses that cannot be.
    #[error("the log: {because}")]
    Log {
        /// The code of what is wrong with it.
        because: &'static str,
    },
    /// Fewer people change who approves than approve: they would let in whom they like.
    #[error(
        "family `{family}`: {managers} people are enough to change who approves, and a release takes {approvals}"
    )]
    ManagersFewer {
        /// The family.
        family: Name,
        /// How many managers it takes.
        managers: usize,
        /// How many people a release takes.
        approvals: usize,
    },
    /// A quorum of managers that is gone when one of them is.
    #[error("family `{family}`: its managers cannot agree when one of them is lost")]
    ManagersFragile {
        /// The family.
        family: Name,
    },
    /// A rule that wants a person names something else.
    #[error("{who}: `{identity}` is none that may stand there")]
    NotOfThisKind {
        /// Whose.
        who: Who,
        /// Who stands there.
        identity: Name,
    },
    /// A tier that wants two people can do with one.
    #[error("{who}: {least} person is enough to fill it, and 2 are wanted")]
    OnePerson {
        /// Whose.
        who: Who,
        /// How many.
        least: usize,
    },
    /// A tier above `delegated` where everyone who watches the log is its own operator.
    #[error(
        "channel `{channel}` of `{family}`: its tier takes a witness who is not the log's operator, in each of their quorums"
    )]
    OutsideWitnessMissing {
        /// The family.
        family: Name,
        /// The channel.
        channel: Name,
    },
    /// A parameter's value that is no JSON.
    #[error("{who}: the value of a parameter is no JSON")]
    ParameterNotJson {
        /// Whose.
        who: Who,
    },
    /// Tokens are demanded, and too few people have one.
    #[error(
        "channel `{channel}` of `{family}`: approvals take a token's word, and too few people have a key of one"
    )]
    PresenceUnreachable {
        /// The family.
        family: Name,
        /// The channel.
        channel: Name,
    },
    /// A tier that wants provenance, and no rule for it; or a rule that asks for nobody's, or for more builders than there are.
    #[error("channel `{channel}` of `{family}`: {builders} builder(s), {independent} of whom must agree")]
    Provenance {
        /// The family.
        family: Name,
        /// The channel.
        channel: Name,
        /// How many are named.
        builders: usize,
        /// How many must agree.
        independent: u64,
    },
    /// Reviews belong to emergencies, and emergencies to reviews.
    #[error("channel `{channel}` of `{family}`: a review is wanted in tier emergency, and there alone")]
    ReviewOrNot {
        /// The family.
        family: Name,
        /// The channel.
        channel: Name,
    },
    /// A root quorum that is gone when one member is.
    #[error("the root quorum cannot be met when one of its members is lost")]
    RootFragile,
    /// A signing key for no family, or a root for one; a parent that is no root.
    #[error("signing key `{key}`: {because}")]
    SigningKey {
        /// Which.
        key: Name,
        /// Why.
        because: &'static str,
    },
    /// A period that ends before it begins.
    #[error("a key of `{of}` ends before it begins")]
    Timespan {
        /// Whose.
        of: Name,
    },
    /// A certificate of a maker of tokens that is none.
    #[error("a certificate of a maker of tokens: {because}")]
    TokenMaker {
        /// The code of what is wrong with it.
        because: &'static str,
    },
    /// Where people approve, whoever triggered the build must be known.
    #[error("{who}: `on_behalf_of` is missing, so whoever triggers a build could approve it")]
    TriggerUnasked {
        /// Whose.
        who: Who,
    },
    /// A tier above `delegated` where two quorums of witnesses need not have one in common: the log could show each a history of its own.
    #[error("channel `{channel}` of `{family}`: its tier takes more than half of the witnesses")]
    WitnessesDisjoint {
        /// The family.
        family: Name,
        /// The channel.
        channel: Name,
    },
    /// A name that leads nowhere.
    #[error("{who}: there is no identity `{identity}`")]
    Unknown {
        /// Whose.
        who: Who,
        /// The name.
        identity: Name,
    },
}

impl Fault {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AccountShared { .. } => "policy_account_shared",
            Self::ApprovalsMissing { .. } => "policy_approvals_missing",
            Self::AttestationInvalid { .. } => "policy_attestation_invalid",
            Self::CarriesNothing { .. } => "policy_carries_nothing",
            Self::Duration { .. } => "policy_duration",
            Self::Empty { .. } => "policy_empty",
            Self::FirstOrNot { .. } => "policy_first_or_not",
            Self::GroupUnknown { .. } => "policy_group_unknown",
            Self::KeyMalformed { .. } => "policy_key_malformed",
            Self::KeyMissing { .. } => "policy_key_missing",
            Self::KeyShared { .. } => "policy_key_shared",
            Self::Log { .. } => "policy_log",
            Self::ManagersFewer { .. } => "policy_managers_fewer",
            Self::ManagersFragile { .. } => "policy_managers_fragile",
            Self::NotOfThisKind { .. } => "policy_not_of_this_kind",
            Self::OnePerson { .. } => "policy_one_person",
            Self::OutsideWitnessMissing { .. } => "policy_outside_witness_missing",
            Self::ParameterNotJson { .. } => "policy_parameter_not_json",
            Self::PresenceUnreachable { .. } => "policy_presence_unreachable",
            Self::Provenance { .. } => "policy_provenance",
            Self::ReviewOrNot { .. } => "policy_review_or_not",
            Self::RootFragile => "policy_root_fragile",
            Self::SigningKey { .. } => "policy_signing_key",
            Self::Timespan { .. } => "policy_timespan",
            Self::TokenMaker { .. } => "policy_token_maker",
            Self::TriggerUnasked { .. } => "policy_trigger_unasked",
            Self::Unknown { .. } => "policy_unknown",
            Self::WitnessesDisjoint { .. } => "policy_witnesses_disjoint",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approvals(family, channel) => write!(f, "approvals in `{channel}` of `{family}`"),
            Self::Builders(family, channel) => write!(f, "builders in `{channel}` of `{family}`"),
            Self::Controls(family) => write!(f, "controls of `{family}`"),
            Self::Managers(family) => write!(f, "managers of `{family}`"),
            Self::Recovery => f.write_str("the recovery quorum"),
            Self::Requesters(family) => write!(f, "requesters of `{family}`"),
            Self::Review(family, channel) => write!(f, "reviews in `{channel}` of `{family}`"),
            Self::Revokers(family) => write!(f, "revokers of `{family}`"),
            Self::Root => f.write_str("the root quorum"),
        }
    }
}
