//! Why the signer cannot go on.

use std::io;
use std::path::PathBuf;

use attest_core::Timestamp;
use attest_core::release::policy::Custody;
use attest_core::release::{form, object, view};

use crate::hsm;

/// The service did not answer, or refused.
#[derive(Debug, thiserror::Error)]
#[error("the release service: {0}")]
pub struct Unreached(pub String);

/// Why the signer cannot go on. What it remembers stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The service.
    #[error(transparent)]
    Authority(#[from] Unreached),
    /// The bytes, or what they are about.
    #[error("what is to be signed with `{key}`: {error}")]
    Form {
        /// The key.
        key: String,
        /// Why.
        error: form::Error,
    },
    /// Keys in files pass for no others: what is signed with them is marked by the policy, the request and each verdict.
    #[error("the policy says of `{key}` that its custody is `{}`, and this signer has keys in files, for development: expected `file`", .custody.name())]
    HeldInFile {
        /// The key.
        key: String,
        /// Where it is kept, as the policy says.
        custody: Custody,
    },
    /// The HSM.
    #[error(transparent)]
    Hsm(#[from] hsm::Error),
    /// The HSM's keys were used more often than this signer used them.
    #[error(
        "the HSM's keys were used {used} times, and this signer knows of {known}: somebody else uses them"
    )]
    HsmCounter {
        /// What the HSM says.
        used: u64,
        /// What this signer did.
        known: u64,
    },
    /// The image that is to be signed is not here.
    #[error("the image sha256:{0} is wanted in the folder `images`")]
    ImageMissing(String),
    /// Own files.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What is remembered cannot be read: whether the HSM was asked is not known.
    #[error("{0}: not what this signer keeps there; what it signed is not known")]
    Journal(PathBuf),
    /// Another process is this signer.
    #[error("{0}: another process is this signer")]
    Locked(PathBuf),
    /// The log is shorter than it was.
    #[error("the log has {got} leaves, and had {seen} before")]
    LogBackwards {
        /// Now.
        got: u64,
        /// Before.
        seen: u64,
    },
    /// The log is another one than before.
    #[error("the log's first {seen} leaves are not those that were seen before: two histories")]
    LogForked {
        /// How many were seen.
        seen: u64,
    },
    /// The log is as witnesses signed it before.
    #[error("the log's checkpoint is from {}, and one from {} was seen", got.utc(), seen.utc())]
    LogOlder {
        /// Its time.
        got: Timestamp,
        /// That of the newest one.
        seen: Timestamp,
    },
    /// An object.
    #[error(transparent)]
    Object(#[from] object::Error),
    /// The log names a request that cannot be put together.
    #[error("the request {0}: {1}")]
    Request(String, String),
    /// What one request names is more than is looked at.
    #[error("the request's objects are more than {most} bytes")]
    RequestTooLarge {
        /// How many may be.
        most: usize,
    },
    /// The log says of a request that something else was signed for it than this signer has.
    #[error("the log names other signatures for {0} than this signer made")]
    SignedByAnother(String),
    /// Nobody knows so often whether the HSM signed.
    #[error("{most} attempts were made for the request")]
    TooManyAttempts {
        /// How many may be.
        most: u32,
    },
    /// More than a log and its objects take.
    #[error("the release service has more than {most} bytes to tell")]
    TooMuch {
        /// How many are held.
        most: usize,
    },
    /// There is no view of the log.
    #[error(transparent)]
    View(#[from] view::Error),
    /// The service has not what it names.
    #[error("the release service withholds {0}")]
    Withheld(String),
}

impl Error {
    /// Whether somebody may have done what only this signer does, or shows it another log: people must hear of it.
    #[must_use]
    pub const fn is_alarming(&self) -> bool {
        matches!(
            self,
            Self::HsmCounter { .. }
                | Self::Journal(_)
                | Self::LogBackwards { .. }
                | Self::LogForked { .. }
                | Self::SignedByAnother(_)
        )
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Authority(_) => "signer_authority",
            Self::Form { error, .. } => error.code(),
            Self::HeldInFile { .. } => "signer_held_in_file",
            Self::Hsm(error) => error.code(),
            Self::HsmCounter { .. } => "signer_hsm_counter",
            Self::ImageMissing(_) => "signer_image_missing",
            Self::Io(_) => "signer_io",
            Self::Journal(_) => "signer_journal_lost",
            Self::Locked(_) => "signer_locked",
            Self::LogBackwards { .. } => "signer_log_backwards",
            Self::LogForked { .. } => "signer_log_forked",
            Self::LogOlder { .. } => "signer_log_older",
            Self::Object(error) => error.code(),
            Self::Request(..) => "signer_request",
            Self::RequestTooLarge { .. } => "signer_request_too_large",
            Self::SignedByAnother(_) => "signer_signed_by_another",
            Self::TooManyAttempts { .. } => "signer_too_many_attempts",
            Self::TooMuch { .. } => "signer_too_much",
            Self::View(error) => error.code(),
            Self::Withheld(_) => "signer_withheld",
        }
    }
}
