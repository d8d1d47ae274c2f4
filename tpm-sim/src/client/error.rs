//! What can go wrong between device and server.

use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::device;

/// Why there is no answer, or why the answer is no.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's address cannot be understood.
    #[error("{url:?} is no server address; use https://host:port")]
    Address {
        /// As given.
        url: String,
    },
    /// Nobody answers, or TLS fails.
    #[error("cannot reach the server at {url}: {detail}")]
    Connect {
        /// As given.
        url: String,
        /// Why.
        detail: String,
    },
    /// The TPM.
    #[error(transparent)]
    Device(#[from] device::Error),
    /// A file with certificates or keys cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A client certificate without its key, or the reverse.
    #[error("a client certificate and its key belong together: give both or neither")]
    HalfIdentity,
    /// An `https` address without root certificates.
    #[error("the server's certificate cannot be checked: give the file with its root certificate (--ca)")]
    NoRoots,
    /// The nonce is not the one for this device and this subject key: a quote over it would vouch for somebody else.
    #[error("the server's nonce is not made for this device and this subject key; nothing was quoted")]
    NonceForeign,
    /// The server refused the request.
    #[error("the server refused: {message} ({reason})")]
    Refused {
        /// The stable reason (`google.rpc.ErrorInfo`), or the gRPC code's name.
        reason: String,
        /// The gRPC code.
        code: Code,
        /// In words.
        message: String,
    },
    /// The server answered something that is not in the interface.
    #[error("the server's answer lacks {0}")]
    Reply(&'static str),
}

impl Error {
    /// The server's stable reason, if it was the server that refused.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Error::Refused { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Error {
        let reason = status
            .get_details_error_info()
            .map_or_else(|| format!("{:?}", status.code()).to_lowercase(), |info| info.reason);
        Error::Refused { reason, code: status.code(), message: status.message().to_owned() }
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}
