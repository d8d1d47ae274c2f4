//! Requests that could not be judged.

use std::collections::HashMap;

use attest_proto::ERROR_DOMAIN;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    authority::{Denied, Fault},
    dice::NoRandomness,
    releases, store, workers,
};

/// Why a request got no answer. A refused *device* is not among these: it gets a verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The caller is not one of the configured administrators.
    #[error("only administrators may do this")]
    AdminRequired,
    /// The challenge was spent too late.
    #[error("the challenge has expired")]
    ChallengeExpired,
    /// The challenge was answered before.
    #[error("the challenge was answered before")]
    ChallengeSpent,
    /// There is no such challenge.
    #[error("there is no such challenge")]
    ChallengeUnknown,
    /// A part of a known device, with another partner.
    #[error("a part of this identity is enrolled with another partner")]
    Conflict {
        /// Which part.
        code: &'static str,
    },
    /// No checkpoint of the log is witnessed yet.
    #[error("enough witnesses have not signed a checkpoint yet")]
    CheckpointNone,
    /// What was handed in for a release is turned away.
    #[error("{0}")]
    Denied(Denied),
    /// Not a device id that this server can have given.
    #[error("that is no device id")]
    DeviceIdMalformed,
    /// The device was revoked.
    #[error("the device was revoked")]
    DeviceRevoked,
    /// There is no such device.
    #[error("there is no such device")]
    DeviceUnknown,
    /// The enrolment was not finished in time.
    #[error("the enrolment has expired")]
    EnrollmentExpired,
    /// The secret is not the one that the TPM would have decrypted.
    #[error("the secret is wrong")]
    EnrollmentSecretMismatch,
    /// There is no such enrolment, or it was answered before.
    #[error("there is no such enrolment, or it was answered before")]
    EnrollmentUnknown,
    /// The family is not in the configuration.
    #[error("no such device family is configured")]
    FamilyUnknown,
    /// The caller showed no certificate with exactly one name.
    #[error("a client certificate with one name is needed")]
    IdentityMissing,
    /// A leaf, or a tree, that is not published.
    #[error("the published log has {size} leaves")]
    LeafBeyondLog {
        /// How many are published.
        size: u64,
    },
    /// What was sent is malformed or not acceptable for enrolment.
    #[error("{detail}")]
    Malformed {
        /// Which check says so.
        code: &'static str,
        /// What it says.
        detail: String,
    },
    /// There is no such object.
    #[error("there is no such object")]
    ObjectUnknown,
    /// A revocation that does not count.
    #[error("{detail}")]
    NotHeld {
        /// Which check says so.
        code: &'static str,
        /// What it says.
        detail: String,
    },
    /// More work waits than may.
    #[error("too much work at once; try again later")]
    Overloaded,
    /// There is no such request for a release.
    #[error("there is no such request")]
    RequestUnknown,
    /// No log of releases is known yet.
    #[error("the log of releases cannot be read, so there is nothing to judge by; try again later")]
    ReleasesUnavailable,
    /// No log of releases is known yet, so nobody knows who may revoke: the pin is the digest of a policy, and not the policy.
    #[error(
        "no log of releases was read here since the start, so it is not known who may revoke, and the revocation is not kept; \
         no device is judged by a release here meanwhile. Deliver it again once `attest.releases` of the health service is serving"
    )]
    RevocationUnweighed,
    /// The server could not do its part. What it was stands in its log.
    #[error("the server could not do its part")]
    ServerFault {
        /// Which part.
        code: &'static str,
    },
    /// As many of this caller's answers are remembered as may be while there are so many of all.
    #[error("too many answers of yours are remembered; try again later")]
    TooManyAnswers,
    /// As many enrolments are open as may be, over all devices or of this one's endorsement key.
    #[error("too many enrolments are open")]
    TooManyEnrollments,
    /// As many calls of Watch are open as may be.
    #[error("too many calls of Watch are open")]
    TooManyWatchers,
    /// The device was never judged.
    #[error("there is no verdict about this device yet")]
    VerdictNone,
    /// A part of an IMA list that does not go on from where this server was.
    #[error("the whole IMA list is wanted: {because}")]
    WholeListWanted {
        /// Why.
        because: &'static str,
        /// Whether the device's own quote says so, and not the request alone, which anybody can write.
        is_proven: bool,
    },
}

impl Refusal {
    /// Stable name: `google.rpc.ErrorInfo.reason`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::AdminRequired => "admin_required",
            Self::ChallengeExpired => "challenge_expired",
            Self::ChallengeSpent => "challenge_spent",
            Self::ChallengeUnknown => "challenge_unknown",
            Self::CheckpointNone => "checkpoint_none",
            Self::Denied(denied) => denied.code,
            Self::IdentityMissing => "identity_missing",
            Self::LeafBeyondLog { .. } => "leaf_beyond_log",
            Self::ObjectUnknown => "object_unknown",
            Self::RequestUnknown => "request_unknown",
            Self::TooManyWatchers => "too_many_watchers",
            Self::Conflict { code }
            | Self::Malformed { code, .. }
            | Self::NotHeld { code, .. }
            | Self::ServerFault { code } => code,
            Self::DeviceIdMalformed => "device_id_malformed",
            Self::DeviceRevoked => "device_revoked",
            Self::DeviceUnknown => "device_unknown",
            Self::EnrollmentExpired => "enrollment_expired",
            Self::EnrollmentSecretMismatch => "enrollment_secret_mismatch",
            Self::EnrollmentUnknown => "enrollment_unknown",
            Self::FamilyUnknown => "family_unknown",
            Self::Overloaded => "overloaded",
            Self::ReleasesUnavailable | Self::RevocationUnweighed => "releases_unavailable",
            Self::TooManyAnswers => "too_many_answers",
            Self::TooManyEnrollments => "too_many_enrollments",
            Self::VerdictNone => "verdict_none",
            Self::WholeListWanted { .. } => "ima_whole_list_wanted",
        }
    }

    /// The only place that chooses a gRPC status.
    const fn status(&self) -> Code {
        match self {
            Self::Denied(denied) => match denied.fault {
                Fault::Log | Fault::Overloaded => Code::Unavailable,
                Fault::Malformed => Code::InvalidArgument,
                Fault::NotNow => Code::FailedPrecondition,
                Fault::Role => Code::PermissionDenied,
                Fault::Unknown => Code::NotFound,
            },
            Self::CheckpointNone | Self::ObjectUnknown | Self::RequestUnknown => Code::NotFound,
            Self::IdentityMissing => Code::Unauthenticated,
            Self::LeafBeyondLog { .. } => Code::OutOfRange,
            Self::TooManyWatchers => Code::ResourceExhausted,
            Self::AdminRequired | Self::EnrollmentSecretMismatch => Code::PermissionDenied,
            Self::ChallengeExpired
            | Self::DeviceRevoked
            | Self::EnrollmentExpired
            | Self::FamilyUnknown
            | Self::NotHeld { .. }
            | Self::WholeListWanted { .. } => Code::FailedPrecondition,
            Self::ChallengeSpent
            | Self::ChallengeUnknown
            | Self::DeviceUnknown
            | Self::EnrollmentUnknown
            | Self::VerdictNone => Code::NotFound,
            Self::Conflict { .. } => Code::AlreadyExists,
            Self::DeviceIdMalformed | Self::Malformed { .. } => Code::InvalidArgument,
            Self::Overloaded | Self::ReleasesUnavailable | Self::RevocationUnweighed => Code::Unavailable,
            Self::ServerFault { .. } => Code::Internal,
            Self::TooManyAnswers | Self::TooManyEnrollments => Code::ResourceExhausted,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        tracing::info!(code = refusal.code(), "request refused");
        let details =
            ErrorDetails::with_error_info(refusal.code(), ERROR_DOMAIN, HashMap::<String, String>::new());
        Self::with_error_details(refusal.status(), refusal.to_string(), details)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        tracing::error!(%error, "the store failed");
        Self::ServerFault { code: "store_failed" }
    }
}

impl From<releases::Error> for Refusal {
    fn from(error: releases::Error) -> Self {
        match error {
            releases::Error::Delivery(error) => {
                Self::Malformed { code: error.code(), detail: error.to_string() }
            }
            releases::Error::RequestUnknown
            | releases::Error::RevocationsFull { .. }
            | releases::Error::View(_) => Self::NotHeld { code: error.code(), detail: error.to_string() },
            releases::Error::CheckpointMissing => Self::RevocationUnweighed,
            error => {
                tracing::error!(%error, "a revocation could not be taken");
                Self::ServerFault { code: error.code() }
            }
        }
    }
}

impl From<NoRandomness> for Refusal {
    fn from(error: NoRandomness) -> Self {
        tracing::error!(%error, "no random bytes");
        Self::ServerFault { code: "no_randomness" }
    }
}

impl From<workers::Error> for Refusal {
    fn from(error: workers::Error) -> Self {
        match error {
            workers::Error::Overloaded => Self::Overloaded,
            workers::Error::Panicked => {
                tracing::error!("a worker panicked");
                Self::ServerFault { code: "worker_panicked" }
            }
        }
    }
}
