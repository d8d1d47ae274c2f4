//! What can go wrong between us and a TPM.

use thiserror::Error;

/// A device-side failure, named as a fact a person at the machine can act on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The certificate in NV does not carry the key that the standard template makes: another template made it.
    #[error(
        "the endorsement certificate at {index:#010x} does not belong to the key of the standard template"
    )]
    EkCertificateForeign {
        /// The NV index.
        index: u32,
    },
    /// No endorsement certificate at the index.
    #[error("this TPM holds no endorsement certificate at NV index {index:#010x}")]
    EkCertificateMissing {
        /// The NV index.
        index: u32,
    },
    /// Bytes from the server are not the structure they should be.
    #[error("the server's {what} is not a well-formed {structure}")]
    MalformedChallenge {
        /// Which field.
        what: &'static str,
        /// The TPM structure's name.
        structure: &'static str,
    },
    /// The device node does not exist.
    #[error("there is no TPM at {path}: {detail}")]
    NoTpm {
        /// The device node, or the TCTI.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// The device node may not be opened by this user.
    #[error("no right to use the TPM at {path}: run as root or join the group that owns it (usually tss)")]
    PermissionDenied {
        /// The device node.
        path: String,
    },
    /// A PCR index the TPM does not have.
    #[error("there is no PCR {0}")]
    PcrIndex(u32),
    /// The TCTI string cannot be understood.
    #[error(
        "{tcti:?} is no TCTI that is known here; use device:/dev/tpmrm0, swtpm:host=127.0.0.1,port=2321 or tabrmd:"
    )]
    Tcti {
        /// The string as given.
        tcti: String,
    },
    /// A TPM command failed.
    #[error("the TPM refused {command}: {detail}")]
    Tpm {
        /// The command, as the specification names it.
        command: &'static str,
        /// What the TPM or its library said.
        detail: String,
    },
}

impl Error {
    /// A stable name for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::EkCertificateForeign { .. } => "ek_certificate_foreign",
            Error::EkCertificateMissing { .. } => "ek_certificate_missing",
            Error::MalformedChallenge { .. } => "malformed_challenge",
            Error::NoTpm { .. } => "no_tpm",
            Error::PermissionDenied { .. } => "permission_denied",
            Error::PcrIndex(_) => "pcr_index",
            Error::Tcti { .. } => "tcti",
            Error::Tpm { .. } => "tpm",
        }
    }
}

/// Names the command that failed.
pub(crate) trait Command<T> {
    fn command(self, command: &'static str) -> Result<T, Error>;
}

impl<T> Command<T> for tss_esapi::Result<T> {
    fn command(self, command: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::Tpm { command, detail: error.to_string() })
    }
}
