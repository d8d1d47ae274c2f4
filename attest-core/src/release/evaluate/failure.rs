//! In what a release falls short: every gate that it does not pass, and where.

use super::super::approvals::NotCounted;
use super::super::built::NotBuilt;
use super::super::name::Name;
use super::super::object::{self, ObjectId};
use super::super::policy::{Custody, Purpose, Tier};
use super::super::request::{self, Kind};
use super::super::speaker;
use super::super::view::{Mark, Withdrawn};
use super::gate::Gate;
use crate::Timestamp;
use crate::reference::corim;

mod code;

/// One thing in which a release falls short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Another installation's.
    #[error("it is for the authority {got}, and {pinned} is pinned")]
    AuthorityMismatch {
        /// The one that it names.
        got: ObjectId,
        /// The one that is pinned.
        pinned: ObjectId,
    },
    /// Below what the family has reached.
    #[error("security version {got} is below {floor}, which the family has reached")]
    BelowFloor {
        /// The request's.
        got: u64,
        /// The family's.
        floor: u64,
    },
    /// The builds would be what is demanded, were no builder's key suspended or lost.
    #[error("the key of a builder is suspended or lost")]
    BuilderSuspended,
    /// The bundle cannot be read.
    #[error("the bundle: {0}")]
    Bundle(object::Error),
    /// Another bundle was published for this request, and one is.
    #[error("the bundle that was published for the request is {published}")]
    BundleNotPublished {
        /// Which one was.
        published: ObjectId,
    },
    /// The policy does not have such a channel.
    #[error("the family `{family}` has no channel `{channel}`")]
    ChannelUnknown {
        /// The request's family.
        family: Name,
        /// The request's channel.
        channel: Name,
    },
    /// An emergency, and nobody knows what time it is.
    #[error("whether an emergency's time is over is not known before the next checkpoint")]
    ClockUnconfirmed,
    /// The signed measurements do not count.
    #[error("the measurements: {0}")]
    Corim(corim::NotAuthentic),
    /// They are missing where the request has some, or there where it has none.
    #[error("{}", if *.expected { "the measurements are missing" } else { "the request has no measurements" })]
    CorimMissing {
        /// Whether the request has some.
        expected: bool,
    },
    /// Other measurements than those that were asked for.
    #[error("the measurements are {got}, the request is for {expected}")]
    CorimMismatch {
        /// SHA-256 of those at hand.
        got: ObjectId,
        /// SHA-256 of those in the request.
        expected: ObjectId,
    },
    /// There is another emergency that nobody has looked at.
    #[error("the emergency {other} of the same family was still to be reviewed")]
    EmergencyPending {
        /// Its request.
        other: ObjectId,
    },
    /// The policy does not have such a family.
    #[error("there is no family `{family}`")]
    FamilyUnknown {
        /// The request's.
        family: Name,
    },
    /// Golden values of another family.
    #[error("the measurements are of the family `{got}`")]
    GoldenFamilyMismatch {
        /// What they say.
        got: String,
    },
    /// Golden values that do not fit together, or are none of ours.
    #[error("the measurements: {code}: {detail}")]
    GoldenMalformed {
        /// The stable code.
        code: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// Golden values that nobody saw booting.
    #[error("`{what}` was not learned from a quoted boot, as the channel wants it")]
    GoldenNotBooted {
        /// Which sequence or variant.
        what: String,
    },
    /// Where it is kept is not good enough for this tier.
    #[error("the key `{key}` is not kept well enough for this tier")]
    KeyCustody {
        /// Which.
        key: Name,
        /// Where it is kept.
        custody: Custody,
    },
    /// The request says of a key what the policy does not.
    #[error("the request says of the key `{key}` that its custody is `{}`, and the policy that it is `{}`", .said.name(), .custody.name())]
    KeyCustodyMismatch {
        /// Which.
        key: Name,
        /// What the request says.
        said: Custody,
        /// What the policy says.
        custody: Custody,
    },
    /// Not a key of this family for this purpose.
    #[error("the key `{key}` is not for {} of this family", .purpose.name())]
    KeyScope {
        /// Which.
        key: Name,
        /// What it was to sign.
        purpose: Purpose,
    },
    /// Before or after its time.
    #[error("the key `{key}` did not count at {at}", at = .at.utc())]
    KeyTime {
        /// Which.
        key: Name,
        /// When it was to sign.
        at: Timestamp,
    },
    /// No such key.
    #[error("the policy has no key `{key}`")]
    KeyUnknown {
        /// Which.
        key: Name,
    },
    /// A kind of request that does not come this way.
    #[error("a request of kind `{}` does not fit a channel of tier {}", .kind.name(), .tier.name())]
    KindUnfit {
        /// The request's.
        kind: Kind,
        /// The channel's.
        tier: Tier,
    },
    /// Nobody looked at it in time.
    #[error("no review was handed in by {deadline}", deadline = .deadline.utc())]
    Lapsed {
        /// When it was over.
        deadline: Timestamp,
    },
    /// Measurements of which nobody says that they belong to the artifact.
    #[error("no build that counts made the measurements, and not every approver recomputed them")]
    MeasurementUnbound,
    /// Something that must stand in the log does not.
    #[error("the log does not say of the request: {mark:?}")]
    NotLogged {
        /// What.
        mark: Mark,
    },
    /// It takes the place of what was no release of this family by then.
    #[error("it says that it takes the place of {replaces}, which is no earlier release of the family")]
    ReplacesNoRelease {
        /// What it names.
        replaces: ObjectId,
    },
    /// A rollback of nothing.
    #[error("a rollback says which release it takes the place of, and this one names none")]
    ReplacesNothing,
    /// Whoever asked may not ask.
    #[error("`{by}` may not ask for this family")]
    NotRequester {
        /// Who.
        by: Name,
    },
    /// It was published as the release of another request.
    #[error("it was published for the request {published}, which is another one")]
    OtherRequest {
        /// Which.
        published: ObjectId,
    },
    /// A step before the one that it follows.
    #[error("in the log, {later:?} stands before {earlier:?}")]
    OutOfOrder {
        /// What must come first.
        earlier: Mark,
        /// What must come after it.
        later: Mark,
    },
    /// Nothing new is released under a policy that is over.
    #[error("the policy expired at {expired}, and the attempt to sign was made at {at}", expired = .expired.utc(), at = .at.utc())]
    PolicyExpired {
        /// Its last second.
        expired: Timestamp,
        /// When the attempt was made.
        at: Timestamp,
    },
    /// Another policy was followed by then, or others stood in the family's rules.
    #[error(
        "from index {index} of the log on another policy than the request's was followed, or others stood in the family's rules"
    )]
    PolicyNotFollowed {
        /// The leaf that decided it: by it the other policy came.
        index: u64,
    },
    /// A policy that was never followed.
    #[error("the policy {policy} was never followed")]
    PolicyUnknown {
        /// Which.
        policy: ObjectId,
    },
    /// The build is not what is demanded.
    #[error(transparent)]
    Provenance(#[from] NotBuilt),
    /// Too few people approved.
    #[error("{got} approval(s) count, which is no quorum{}", refused_too(.refused))]
    QuorumMissing {
        /// How many people's count.
        got: usize,
        /// Those that do not count, and why.
        refused: Vec<(ObjectId, NotCounted)>,
    },
    /// Not a request.
    #[error("the request: {0}")]
    Request(#[from] request::Error),
    /// Somebody took it back.
    #[error("it was revoked: {}", .0.reason)]
    Revoked(Withdrawn),
    /// Not the word of whoever asks.
    #[error("the submission: {0}")]
    Requester(#[from] speaker::Error),
    /// Not signed, or not this.
    #[error("what `{key}` signed is not what was approved")]
    SignatureInvalid {
        /// The key.
        key: Name,
    },
    /// As many signatures as things to sign.
    #[error("{got} signature(s), {expected} expected")]
    SignatureMissing {
        /// How many there are.
        got: usize,
        /// How many there must be.
        expected: usize,
    },
    /// Not those that the log names.
    #[error("the log names other signatures")]
    SignaturesNotLogged,
    /// A bundle with far too much in it.
    #[error("{count} {what}, at most {most} expected")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many fit.
        most: usize,
    },
    /// Not a submission of this request, as the request has it.
    #[error("the submission is not of this request by its requester")]
    SubmissionMismatch,
    /// It leaps.
    #[error("security version {got} is more than {step} above {floor}, which the family has reached")]
    VersionStep {
        /// The request's.
        got: u64,
        /// The family's.
        floor: u64,
        /// How much is a step.
        step: u64,
    },
    /// The log is known up to a time that is too long ago.
    #[error("the log is known up to {seen}, and {now} is too long after that", seen = .seen.utc(), now = .now.utc())]
    ViewStale {
        /// The witnesses' time.
        seen: Timestamp,
        /// When the question is asked.
        now: Timestamp,
    },
    /// It waited or was used for longer than the channel lets it, or outside of its own time.
    #[error("{mark:?} at {at} is outside of the request's time, {from} to {until}", at = .at.utc(), from = .from.utc(), until = .until.utc())]
    Window {
        /// What.
        mark: Mark,
        /// When.
        at: Timestamp,
        /// First second.
        from: Timestamp,
        /// Last second.
        until: Timestamp,
    },
    /// It wants more time than the channel gives.
    #[error("the request is for {seconds} s, its channel gives {most}")]
    WindowTooLong {
        /// How many seconds.
        seconds: u64,
        /// How many it may have.
        most: u64,
    },
}

/// How many approvals do not count, and why the first does not.
fn refused_too(refused: &[(ObjectId, NotCounted)]) -> String {
    let why =
        refused.first().map(|(_, why)| format!("; {} do not count, the first because {why}", refused.len()));
    why.unwrap_or_default()
}

impl Failure {
    /// The gate that is not passed.
    #[must_use]
    pub const fn gate(&self) -> Gate {
        match self {
            Self::AuthorityMismatch { .. }
            | Self::ChannelUnknown { .. }
            | Self::FamilyUnknown { .. }
            | Self::PolicyExpired { .. }
            | Self::PolicyNotFollowed { .. }
            | Self::PolicyUnknown { .. } => Gate::Policy,
            Self::Bundle(_)
            | Self::KindUnfit { .. }
            | Self::Request(_)
            | Self::TooMany { .. }
            | Self::WindowTooLong { .. } => Gate::Request,
            Self::NotRequester { .. } | Self::Requester(_) | Self::SubmissionMismatch => Gate::Requester,
            Self::QuorumMissing { .. } => Gate::Quorum,
            Self::BundleNotPublished { .. }
            | Self::NotLogged { .. }
            | Self::OtherRequest { .. }
            | Self::OutOfOrder { .. }
            | Self::Window { .. } => Gate::Order,
            Self::BuilderSuspended | Self::Provenance(_) => Gate::Provenance,
            Self::CorimMismatch { .. }
            | Self::CorimMissing { .. }
            | Self::GoldenFamilyMismatch { .. }
            | Self::GoldenMalformed { .. }
            | Self::GoldenNotBooted { .. }
            | Self::MeasurementUnbound => Gate::Measurement,
            Self::KeyCustody { .. }
            | Self::KeyCustodyMismatch { .. }
            | Self::KeyScope { .. }
            | Self::KeyTime { .. }
            | Self::KeyUnknown { .. } => Gate::Key,
            Self::Corim(corim::NotAuthentic::Expired { .. }) | Self::ViewStale { .. } => Gate::Freshness,
            Self::Corim(_)
            | Self::SignatureInvalid { .. }
            | Self::SignatureMissing { .. }
            | Self::SignaturesNotLogged => Gate::Signature,
            Self::Revoked(_) => Gate::Revocation,
            Self::ClockUnconfirmed | Self::EmergencyPending { .. } | Self::Lapsed { .. } => Gate::BreakGlass,
            Self::BelowFloor { .. }
            | Self::ReplacesNoRelease { .. }
            | Self::ReplacesNothing
            | Self::VersionStep { .. } => Gate::Version,
        }
    }
}
