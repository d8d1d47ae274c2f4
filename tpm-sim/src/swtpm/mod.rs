//! Real software TPMs: manufactured with an endorsement certificate by a CA of our own, run as child processes that never outlive us.

mod maker;
mod ports;
mod process;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use maker::Maker;
pub use process::Swtpm;

/// Why there is no software TPM.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be made, read or copied.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No two adjacent ports are free.
    #[error("no two adjacent free ports on 127.0.0.1")]
    NoPorts,
    /// A program is missing or cannot be started.
    #[error("cannot run {program}: {source} (Debian packages: swtpm, swtpm-tools)")]
    Program {
        /// Its name.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// swtpm_setup failed.
    #[error("swtpm_setup failed:\n{log}")]
    Setup {
        /// Its log.
        log: String,
    },
    /// swtpm ended or did not listen in time.
    #[error("swtpm did not start:\n{log}")]
    Start {
        /// Its log.
        log: String,
    },
}

/// Attaches the path to a file error.
fn at<T>(path: impl Into<PathBuf>, result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|source| Error::File { path: path.into(), source })
}
