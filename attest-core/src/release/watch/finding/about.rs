//! What a finding is called, how much it matters, and what to do about it.

use super::{Finding, Severity};
use crate::release::view::Place;

impl Finding {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AttemptRepeated { .. } => "attempt_repeated",
            Self::AttemptUnfounded { .. } => "attempt_unfounded",
            Self::AttemptWithoutRequest { .. } => "attempt_without_request",
            Self::CounterAhead { .. } => "counter_ahead",
            Self::CounterBackwards { .. } => "counter_backwards",
            Self::CounterUnexplained { .. } => "counter_unexplained",
            Self::CounterUnreadable { .. } => "counter_unreadable",
            Self::DeviceUnreleased { .. } => "device_unreleased",
            Self::EmergencyDue { .. } => "emergency_due",
            Self::EmergencyLapsed { .. } => "emergency_lapsed",
            Self::FamilyChanged { .. } => "family_changed",
            Self::FeedLineTooLong { .. } => "feed_line_too_long",
            Self::FeedUnreadable { .. } => "feed_unreadable",
            Self::KeySuspended { .. } => "key_suspended",
            Self::LeafAntedated { .. } => "leaf_antedated",
            Self::LeafDoesNotCount { .. } => "leaf_does_not_count",
            Self::LogAhead { .. } => "log_ahead",
            Self::LogForked { .. } => "log_forked",
            Self::LogOlder { .. } => "log_older",
            Self::LogRolledBack { .. } => "log_rolled_back",
            Self::LogSplit { .. } => "log_split",
            Self::LogUnreadable { .. } => "log_unreadable",
            Self::ObjectWithheld { .. } => "object_withheld",
            Self::PolicyExpired { .. } => "policy_expired",
            Self::PolicyExpires { .. } => "policy_expires",
            Self::PolicyFollowed { .. } => "policy_followed",
            Self::PublicationUnfounded { .. } => "publication_unfounded",
            Self::RecoveryPending { .. } => "recovery_pending",
            Self::ReleaseFell { .. } => "release_fell",
            Self::SeenForeign { .. } => "seen_foreign",
            Self::SeenUnreadable { .. } => "seen_unreadable",
            Self::SignatureUnfounded { .. } => "signature_unfounded",
            Self::SignatureUnlogged(_) => "signature_unlogged",
            Self::SignatureWithoutAttempt { .. } => "signature_without_attempt",
            Self::SignatureWithoutRequest { .. } => "signature_without_request",
            Self::SignedTwice { .. } => "signed_twice",
            Self::SigningKeyExpires { .. } => "signing_key_expires",
            Self::Told { .. } => "program_alert",
            Self::TurnedAway { .. } => "turned_away",
            Self::ViewStale { .. } => "log_stale",
            Self::ViewTooOld { .. } => "log_too_old",
            Self::WitnessQuorumLost { .. } => "witness_quorum_lost",
            Self::WitnessSilent { .. } => "witness_silent",
        }
    }

    /// What it asks of people.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::FamilyChanged { .. } | Self::PolicyFollowed { .. } | Self::SeenForeign { .. } => {
                Severity::Note
            }
            Self::AttemptRepeated { .. }
            | Self::CounterUnreadable { .. }
            | Self::EmergencyDue { .. }
            | Self::EmergencyLapsed { .. }
            | Self::FeedUnreadable { .. }
            | Self::KeySuspended { .. }
            | Self::PolicyExpired { .. }
            | Self::PolicyExpires { .. }
            | Self::SeenUnreadable { .. }
            | Self::SigningKeyExpires { .. }
            | Self::TurnedAway { .. }
            | Self::ViewStale { .. }
            | Self::WitnessSilent { .. } => Severity::Warning,
            _ => Severity::Alert,
        }
    }

    /// Whether it is about something that happened: it is open until people close it, or whoever told it says that it is over. Anything else is
    /// over when it is not found any more.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::AttemptRepeated { .. }
                | Self::AttemptUnfounded { .. }
                | Self::AttemptWithoutRequest { .. }
                | Self::CounterAhead { .. }
                | Self::CounterBackwards { .. }
                | Self::CounterUnexplained { .. }
                | Self::DeviceUnreleased { .. }
                | Self::EmergencyLapsed { .. }
                | Self::FamilyChanged { .. }
                | Self::FeedLineTooLong { .. }
                | Self::KeySuspended { .. }
                | Self::LeafAntedated { .. }
                | Self::LeafDoesNotCount { .. }
                | Self::LogForked { .. }
                | Self::LogSplit { .. }
                | Self::PolicyFollowed { .. }
                | Self::PublicationUnfounded { .. }
                | Self::SignatureUnfounded { .. }
                | Self::SignatureUnlogged(_)
                | Self::SignatureWithoutAttempt { .. }
                | Self::SignatureWithoutRequest { .. }
                | Self::SignedTwice { .. }
                | Self::Told { .. }
                | Self::TurnedAway { .. }
        )
    }

    /// Where it stands in the log.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::AttemptRepeated { place, .. }
            | Self::AttemptUnfounded { place, .. }
            | Self::AttemptWithoutRequest { place, .. }
            | Self::FamilyChanged { place, .. }
            | Self::KeySuspended { place, .. }
            | Self::LeafDoesNotCount { place, .. }
            | Self::ObjectWithheld { place, .. }
            | Self::PolicyFollowed { place, .. }
            | Self::PublicationUnfounded { place, .. }
            | Self::SignatureUnfounded { place, .. }
            | Self::SignatureWithoutAttempt { place, .. }
            | Self::SignatureWithoutRequest { place, .. }
            | Self::SignedTwice { place, .. }
            | Self::TurnedAway { place, .. } => Some(*place),
            _ => None,
        }
    }

    /// What it is about, so that the same thing is told once.
    #[must_use]
    pub fn subject(&self) -> String {
        if let Some(place) = self.place() {
            return match self {
                Self::KeySuspended { key, .. } => format!("{} {}", place.index, key.sha256()),
                Self::ObjectWithheld { object, .. } => format!("{} {object}", place.index),
                _ => place.index.to_string(),
            };
        }
        match self {
            Self::CounterAhead { key, used, attempts, accounted } => {
                let gap = used.saturating_sub(attempts.saturating_add(*accounted));
                format!("{key} {gap}")
            }
            Self::CounterBackwards { key, used, before } => format!("{key} {used} {before}"),
            Self::CounterUnexplained { key, used, before, .. } => format!("{key} {before} {used}"),
            Self::CounterUnreadable { key, .. } => key.to_string(),
            Self::DeviceUnreleased { device, .. } => device.clone(),
            Self::EmergencyDue { request, .. }
            | Self::EmergencyLapsed { request, .. }
            | Self::ReleaseFell { request } => request.to_string(),
            Self::FeedLineTooLong { feed, at } => format!("{feed} {at}"),
            Self::FeedUnreadable { feed, .. } => feed.clone(),
            Self::LeafAntedated { index, .. } | Self::LogAhead { index, .. } => index.to_string(),
            Self::LogSplit { size, root } => format!("{size} {root}"),
            Self::LogForked { known, size } => format!("{known} {size}"),
            Self::PolicyExpired { version, .. } | Self::PolicyExpires { version, .. } => version.to_string(),
            Self::RecoveryPending { policy, .. } => policy.to_string(),
            Self::SeenForeign { what } | Self::SeenUnreadable { what, .. } => what.clone(),
            Self::SignatureUnlogged(seen) => format!("{} {}", seen.spki_sha256, seen.signed_sha256),
            Self::SigningKeyExpires { key, at } => format!("{key} {}", at.unix()),
            Self::Told { program, code, .. } => format!("{program} {code}"),
            Self::WitnessSilent { witness, .. } => witness.clone(),
            _ => String::new(),
        }
    }

    /// What to do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::AttemptRepeated { .. } => {
                "ask the signer's host whether it crashed between these attempts; if not, somebody else uses its key"
            }
            Self::AttemptUnfounded { .. }
            | Self::AttemptWithoutRequest { .. }
            | Self::CounterAhead { .. }
            | Self::CounterUnexplained { .. }
            | Self::SignatureUnfounded { .. }
            | Self::SignatureUnlogged(_)
            | Self::SignatureWithoutAttempt { .. }
            | Self::SignatureWithoutRequest { .. }
            | Self::SignedTwice { .. } => {
                "stop the signer, take its HSM offline, and give the family a new key by succession: `attest release rotate KEY`"
            }
            Self::CounterBackwards { .. } => {
                "find out who restored or replaced the HSM; what it signed meanwhile is not known"
            }
            Self::CounterUnreadable { .. } => {
                "mend what writes the counter: until then nobody sees a use of the key"
            }
            Self::DeviceUnreleased { .. } => {
                "keep the device off, and find out what it runs; give a signed image of it to `--seen`"
            }
            Self::EmergencyDue { .. } => "somebody who took no part reviews it: `attest release review`",
            Self::EmergencyLapsed { .. } => {
                "devices that run it are refused: release it the normal way, or roll back"
            }
            Self::KeySuspended { .. } => {
                "ask whoever it belongs to; for good it takes a succession: `attest release rotate`"
            }
            Self::LeafAntedated { .. } => {
                "whoever keeps the log lets an old key speak, or has a wrong clock: no verifier that saw the log follows it any further; continue it with a new key"
            }
            Self::LogAhead { .. } => {
                "set the clock of the log's server right: until this time has come no verifier follows the log"
            }
            Self::LeafDoesNotCount { .. } => {
                "somebody has the log's key, or its server: stop it, and continue with a new key"
            }
            Self::FamilyChanged { .. } => {
                "look whether it is what its managers wanted: `attest release family show`"
            }
            Self::FeedLineTooLong { .. } => {
                "look at that line in the file: no honest program writes one, and nobody was told what is in it"
            }
            Self::FeedUnreadable { .. } => {
                "have the program write JSON lines (`log.format = \"json\"`) into that file"
            }
            Self::LogForked { .. } | Self::LogSplit { .. } => {
                "keep both checkpoints; the log's key and witnesses are not to be trusted: pin a new authority once people know what happened"
            }
            Self::LogOlder { .. } | Self::LogRolledBack { .. } => {
                "whoever serves the log serves an old one: look at the server, its disk, and the way to it"
            }
            Self::LogUnreadable { .. } => "look at the log's server and the way to it",
            Self::ObjectWithheld { .. } => {
                "the log's server must serve it: until then nobody knows what was signed"
            }
            Self::PolicyExpired { .. } | Self::PolicyExpires { .. } => {
                "the root quorum signs the next policy: `attest release policy`"
            }
            Self::PolicyFollowed { .. } => {
                "look whether it is the one that you know of: `attest release policy show`"
            }
            Self::PublicationUnfounded { .. } => {
                "no verifier takes it; whoever could write it has the log's server or its key"
            }
            Self::RecoveryPending { .. } => {
                "ask the recovery quorum whether they want it; a root member who does not: `attest release object`"
            }
            Self::ReleaseFell { .. } => "have it approved again by others: a new request with the same bytes",
            Self::SeenForeign { .. } => "nothing, if another maker signed it",
            Self::SeenUnreadable { .. } => "give the file that was signed beside it: `--seen SIGNATURE,FILE`",
            Self::SigningKeyExpires { .. } => {
                "make the next key, and put it into the next policy: `attest signer make-key`"
            }
            Self::Told { .. } => "look at that program's own log, and its part of the documentation",
            Self::TurnedAway { .. } => {
                "ask whoever tried it: it may be a mistake, or somebody else with their key"
            }
            Self::ViewStale { .. } | Self::ViewTooOld { .. } => {
                "look whether witnesses still sign, and whether somebody holds the log back"
            }
            Self::WitnessQuorumLost { .. } => "bring witnesses back: until then nothing new counts",
            Self::WitnessSilent { .. } => "ask whoever runs it",
        }
    }
}
