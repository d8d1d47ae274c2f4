//! Why there is no monitor.

use std::io;
use std::path::PathBuf;

/// Why there is no monitor, or it cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Its own files.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another process watches with this folder.
    #[error("{0}: another process watches with this folder")]
    Locked(PathBuf),
    /// There is no such file.
    #[error("{0}: there is no such file; --state names the folder that a monitor was started with")]
    Nothing(PathBuf),
    /// It was kept for another authority.
    #[error("{0}: what is remembered here is of another authority")]
    OtherAuthority(PathBuf),
    /// What is remembered cannot be read. Begun anew it would forget how far the log was seen.
    #[error("{0}: not what a monitor keeps there")]
    State(PathBuf),
}

impl Error {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "monitor_io",
            Self::Locked(_) => "monitor_locked",
            Self::Nothing(_) => "monitor_state_missing",
            Self::OtherAuthority(_) => "monitor_other_authority",
            Self::State(_) => "monitor_state_lost",
        }
    }
}
