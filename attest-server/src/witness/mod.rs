//! A witness: a program of its own that signs only what continues the last checkpoint that it signed (C2SP tlog-witness).
//!
//! *What it promises:* of one log it never signs two histories. The decision is [`attest_core::audit::witness::decide`]; what it decided is on the
//! disk before the cosignature leaves, in one step with the decision, so neither a crash nor two askers at once make it sign twice. Its
//! state is made once, by name: one that was lost is not begun again by itself, for what was in it may have been signed.
//!
//! *Who is trusted:* nobody. A log is known by its key, an asker not at all.

mod http;
mod state;
#[cfg(test)]
mod tests;

use std::io;

use attest_core::audit::{checkpoint, note};

pub use http::{Running, start};
pub use state::{Answer, Witness};

use crate::log::KeyError;

/// Why there is no witness.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is one already.
    #[error("{0}: there is a witness here already")]
    Exists(String),
    /// The folder cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The key.
    #[error("witness key {0}")]
    Key(#[from] KeyError),
    /// The address cannot be listened on.
    #[error("{0}")]
    Listen(io::Error),
    /// Another process is this witness.
    #[error("{0}: another process is this witness")]
    Locked(String),
    /// A key of a log that cannot be used, or two logs of one origin.
    #[error("log {0}: {1}")]
    Log(String, checkpoint::Error),
    /// A text that is no verifier key.
    #[error("log {0}: {1}")]
    LogKey(String, note::Error),
    /// Two keys for one origin: only one would be looked at.
    #[error("log {0}: it is named twice")]
    LogRepeated(String),
    /// There is no state, or it is damaged. What was signed is not known.
    #[error("{0}: what this witness signed before is not known ({1}); it must not sign again")]
    State(String, String),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] crate::tls::Error),
}

impl Error {
    /// Stable text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "witness_exists",
            Self::Io(_) => "witness_io",
            Self::Key(_) => "witness_key",
            Self::Listen(_) => "witness_listen",
            Self::Locked(_) => "witness_locked",
            Self::Log(_, error) => error.code(),
            Self::LogKey(_, error) => error.code(),
            Self::LogRepeated(_) => "witness_log_repeated",
            Self::State(..) => "witness_state_lost",
            Self::Tls(_) => "witness_tls",
        }
    }
}
