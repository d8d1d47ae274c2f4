//! What a monitor says, each thing under its own code.

use super::super::key::CanonicalKey;
use super::super::name::Name;
use super::super::object::ObjectId;
use super::super::view::Place;
use super::seen::Seen;
use crate::Timestamp;
use crate::audit::tree::Hash;

mod about;
mod severity;

pub use self::severity::Severity;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// More attempts than things to sign.
    #[error("{attempts} attempts to sign {things} thing(s) of the request {request}")]
    AttemptRepeated {
        /// The request.
        request: ObjectId,
        /// Where.
        place: Place,
        /// How many are in the log.
        attempts: u64,
        /// How many there are to sign.
        things: u64,
    },
    /// The signer is about to sign what may not be signed.
    #[error("an attempt to sign for the request {request}, which may not be signed for: {}", because.join(", "))]
    AttemptUnfounded {
        /// The request.
        request: ObjectId,
        /// Where.
        place: Place,
        /// The stable code of each gate's failure.
        because: Vec<&'static str>,
    },
    /// The signer is about to sign what nobody asked for.
    #[error("an attempt to sign for {request}, which nobody asked for")]
    AttemptWithoutRequest {
        /// What it names.
        request: ObjectId,
        /// Where.
        place: Place,
    },
    /// The HSM signed more often than the log has attempts.
    #[error(
        "the HSM signed {used} times with `{key}`, and the log has attempts for {attempts}, and {accounted} are accounted for"
    )]
    CounterAhead {
        /// The key.
        key: Name,
        /// What the HSM says.
        used: u64,
        /// What the log has.
        attempts: u64,
        /// What people know of.
        accounted: u64,
    },
    /// The HSM has forgotten signatures.
    #[error("the HSM counts {used} signatures of `{key}`, and counted {before} before")]
    CounterBackwards {
        /// The key.
        key: Name,
        /// What the HSM says.
        used: u64,
        /// What it said.
        before: u64,
    },
    /// The HSM signed more often since it was asked before than there was anything to sign for; attempts that were not used hide it in the sum.
    #[error(
        "the HSM counts {used} signatures of `{key}`, and counted {before} before: {unasked} for no attempt that was open then or came since"
    )]
    CounterUnexplained {
        /// The key.
        key: Name,
        /// What the HSM says.
        used: u64,
        /// What it said before.
        before: u64,
        /// How many nobody asked for.
        unasked: u64,
    },
    /// Nobody knows how often the HSM signed.
    #[error("the counter of `{key}`: {because}")]
    CounterUnreadable {
        /// The key.
        key: Name,
        /// Why.
        because: String,
    },
    /// A device runs what no release lists.
    #[error("the device {device} of `{family}` runs what no release lists: {}", because.join(", "))]
    DeviceUnreleased {
        /// Its id.
        device: String,
        /// Its family.
        family: String,
        /// The codes of its verdict.
        because: Vec<String>,
    },
    /// An emergency that nobody looked at, and there is little time left.
    #[error("nobody has reviewed the emergency release {request}, which lapses at {}", deadline.utc())]
    EmergencyDue {
        /// The release.
        request: ObjectId,
        /// When it lapses.
        deadline: Timestamp,
    },
    /// An emergency that nobody looked at.
    #[error("nobody reviewed the emergency release {request}, which lapsed at {}", deadline.utc())]
    EmergencyLapsed {
        /// The release.
        request: ObjectId,
        /// When it lapsed.
        deadline: Timestamp,
    },
    /// A family says who stands in its rules: people should know why.
    #[error("`{family}` is in the hands of other people: {change}")]
    FamilyChanged {
        /// Where.
        place: Place,
        /// Which.
        family: Name,
        /// The change.
        change: ObjectId,
    },
    /// A line of a program that nobody reads.
    #[error("{feed}: the line that begins at byte {at} is too long to be read, and was passed over")]
    FeedLineTooLong {
        /// Its file.
        feed: String,
        /// Where the line begins.
        at: u64,
    },
    /// What a program writes cannot be read.
    #[error("{feed}: {because}")]
    FeedUnreadable {
        /// Its file.
        feed: String,
        /// Why.
        because: String,
    },
    /// Somebody says that a key is lost.
    #[error("`{by}` suspended the {} key whose SHA-256 is {}", key.kind(), key.sha256())]
    KeySuspended {
        /// Where.
        place: Place,
        /// Which.
        key: CanonicalKey,
        /// Whose word it is.
        by: Name,
    },
    /// A leaf with a time before what witnesses had signed then: with an old time, keys that expired speak.
    #[error(
        "leaf {index} says that it is of {}, and witnesses had signed the leaves before it at {}", at.utc(), seen_at.utc()
    )]
    LeafAntedated {
        /// Where.
        index: u64,
        /// Its time.
        at: Timestamp,
        /// The witnesses' of the leaves before it, as it was seen here.
        seen_at: Timestamp,
    },
    /// A policy or a revocation that does not count. An honest log turns such away.
    #[error("a policy or revocation is in the log and does not count: {because}")]
    LeafDoesNotCount {
        /// Where.
        place: Place,
        /// The stable code.
        because: &'static str,
    },
    /// A leaf whose time has not come by the witnesses.
    #[error("leaf {index} says that it is of {}, and witnesses signed it at {}", at.utc(), witnessed.utc())]
    LogAhead {
        /// Where.
        index: u64,
        /// Its time.
        at: Timestamp,
        /// The witnesses'.
        witnessed: Timestamp,
    },
    /// Two histories were witnessed.
    #[error(
        "two histories of the log were witnessed: one with {known} leaves that was followed, and one with {size}"
    )]
    LogForked {
        /// The leaves of what was followed.
        known: u64,
        /// The leaves of the other one.
        size: u64,
    },
    /// Witnessed before what is known.
    #[error("the log's checkpoint is from {}, and one from {} was seen", got.utc(), known.utc())]
    LogOlder {
        /// Its time.
        got: Timestamp,
        /// That of the newest one.
        known: Timestamp,
    },
    /// Leaves are gone.
    #[error("the log has {got} leaves, and had {known}")]
    LogRolledBack {
        /// How many it has.
        got: u64,
        /// How many it had.
        known: u64,
    },
    /// The log's key signed a history that is not this one. Too few witnesses signed it, or this one would not be followed.
    #[error("the log's key signed another history, of {size} leaves")]
    LogSplit {
        /// The leaves of the other one.
        size: u64,
        /// Its root.
        root: Hash,
    },
    /// It cannot be read, or is none.
    #[error("the log cannot be followed: {detail}")]
    LogUnreadable {
        /// The stable code.
        because: &'static str,
        /// The same in words.
        detail: String,
    },
    /// What the log names cannot be had.
    #[error("the object {object}, which the log names, is withheld")]
    ObjectWithheld {
        /// Where it is named.
        place: Place,
        /// Which.
        object: ObjectId,
    },
    /// Nothing new is released under it.
    #[error("the policy, version {version}, is over since {}", at.utc())]
    PolicyExpired {
        /// Its version.
        version: u64,
        /// Its last second.
        at: Timestamp,
    },
    /// Soon nothing new is released under it.
    #[error("the policy, version {version}, is over at {}", at.utc())]
    PolicyExpires {
        /// Its version.
        version: u64,
        /// Its last second.
        at: Timestamp,
    },
    /// The root quorum wanted it.
    #[error("a new policy is followed, version {version}")]
    PolicyFollowed {
        /// Where.
        place: Place,
        /// Its version.
        version: u64,
    },
    /// What was published does not count.
    #[error("what was published for the request {request} does not count: {}", because.join(", "))]
    PublicationUnfounded {
        /// The request.
        request: ObjectId,
        /// Where.
        place: Place,
        /// The stable code of each gate's failure.
        because: Vec<&'static str>,
    },
    /// The recovery quorum wants a policy, and gets it unless a root member objects.
    #[error("the recovery quorum wants the policy {policy} (index {index}), and gets it at {} if no root member objects", earliest.utc())]
    RecoveryPending {
        /// Which.
        policy: ObjectId,
        /// Where it stands.
        index: u64,
        /// Before then it does not take effect.
        earliest: Timestamp,
    },
    /// A release lost approvals, and so its quorum.
    #[error(
        "the release {request} does not count any more: a key that approved it, asked for it or built it is suspended or lost"
    )]
    ReleaseFell {
        /// The release.
        request: ObjectId,
    },
    /// No key of the authority made the signature.
    #[error("{what}: no key of any policy made this signature")]
    SeenForeign {
        /// What was found.
        what: String,
    },
    /// What was found cannot be looked at.
    #[error("{what}: {because}")]
    SeenUnreadable {
        /// What was found.
        what: String,
        /// Why.
        because: String,
    },
    /// A second result for one request.
    #[error("another signature than the first one was written down for the request {request}")]
    SignedTwice {
        /// The request.
        request: ObjectId,
        /// Where.
        place: Place,
    },
    /// What was signed may not be signed, or is not what the log says.
    #[error("it was signed for the request {request}, which may not be signed for: {}", because.join(", "))]
    SignatureUnfounded {
        /// The request.
        request: ObjectId,
        /// Where.
        place: Place,
        /// The stable code of each gate's failure.
        because: Vec<&'static str>,
    },
    /// A key of the authority signed, and the log does not know of it.
    #[error("`{}` signed {}, and no attempt in the log is for that", .0.key, .0.signed_sha256)]
    SignatureUnlogged(Seen),
    /// The HSM was asked more often than was written down.
    #[error("{needed} thing(s) were signed for the request {request}, after {attempts} attempt(s)")]
    SignatureWithoutAttempt {
        /// The request.
        request: ObjectId,
        /// Where.
        place: Place,
        /// How many attempts stand before it.
        attempts: u64,
        /// How many are needed.
        needed: u64,
    },
    /// Nobody asked for it.
    #[error("it was signed for {request}, which nobody asked for")]
    SignatureWithoutRequest {
        /// What the leaf names.
        request: ObjectId,
        /// Where.
        place: Place,
    },
    /// A key that signs releases ends.
    #[error("the signing key `{key}` ends at {}", at.utc())]
    SigningKeyExpires {
        /// Which.
        key: Name,
        /// Its last second.
        at: Timestamp,
    },
    /// A verifier or a signer says something itself.
    #[error("{program} says {code}: {detail}")]
    Told {
        /// Which.
        program: String,
        /// Its own stable code.
        code: String,
        /// The same in words.
        detail: String,
    },
    /// Somebody tried what they may not.
    #[error("what somebody handed in was turned away, by the rule `{because}`")]
    TurnedAway {
        /// Where.
        place: Place,
        /// The stable code.
        because: Name,
    },
    /// The log is so old that what was revoked since may count for much.
    #[error("the log is known up to {}: verdicts count less", seen.utc())]
    ViewStale {
        /// The witnesses' time.
        seen: Timestamp,
    },
    /// The log is so old that nothing is judged by it.
    #[error("the log is known up to {}: verifiers refuse every device", seen.utc())]
    ViewTooOld {
        /// The witnesses' time.
        seen: Timestamp,
    },
    /// Too few witnesses signed what the log serves.
    #[error("{got} of the witnesses signed the log's checkpoint, and {threshold} are needed")]
    WitnessQuorumLost {
        /// How many signed.
        got: usize,
        /// How many must have.
        threshold: usize,
    },
    /// A witness does not sign any more.
    #[error("the witness `{witness}` was not seen to sign since {}", since.utc())]
    WitnessSilent {
        /// Its name.
        witness: String,
        /// When it was.
        since: Timestamp,
    },
}
