//! A TPM 2.0 on any TCTI: PCRs, endorsement key, attestation key, credential activation, quote.
//!
//! Everything here is blocking and belongs to one thread. A TPM behind swtpm serves one client at a time, so a [`Device`] is opened,
//! used and dropped.

mod ak;
mod ek;
mod error;
mod pcr;

use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::str::FromStr;

use tss_esapi::constants::StartupType;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::{Context, TctiNameConf};

pub use ak::{AkAlgorithm, AkTemplate, AttestationKey, DEFAULT_AK_HANDLE, Quote};
pub use ek::{EkKind, EndorsementKey};
pub use error::Error;

use error::Command as _;

/// An open TPM.
pub struct Device {
    context: Context,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").finish_non_exhaustive()
    }
}

impl Device {
    /// Opens the TPM behind a TCTI: `device:/dev/tpmrm0`, `swtpm:host=127.0.0.1,port=2321`, `tabrmd:`.
    ///
    /// # Errors
    /// The string is no TCTI, there is no such TPM, or this user may not open it.
    pub fn open(tcti: &str) -> Result<Device, Error> {
        if let Some(path) = tcti.strip_prefix("device:") {
            check_device_node(path)?;
        }
        let name = TctiNameConf::from_str(tcti.trim_end_matches(':'))
            .map_err(|_| Error::Tcti { tcti: tcti.to_owned() })?;
        let context = Context::new(name)
            .map_err(|error| Error::NoTpm { path: tcti.to_owned(), detail: error.to_string() })?;
        Ok(Device { context })
    }

    /// TPM2_Shutdown(CLEAR): an orderly power-off, after which the clock information stays `safe`.
    ///
    /// # Errors
    /// The TPM refuses.
    pub fn shutdown(&mut self) -> Result<(), Error> {
        self.context
            .execute_without_session(|context| context.shutdown(StartupType::Clear))
            .command("TPM2_Shutdown")
    }

    /// Runs a command authorized by the empty password, as every hierarchy and key here has it.
    fn with_password<T>(
        &mut self,
        command: &'static str,
        run: impl FnOnce(&mut Context) -> tss_esapi::Result<T>,
    ) -> Result<T, Error> {
        self.context.execute_with_session(Some(AuthSession::Password), run).command(command)
    }
}

/// The TSS library reports a missing node and a forbidden one alike, so the node is looked at first.
fn check_device_node(path: &str) -> Result<(), Error> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(Error::PermissionDenied { path: path.to_owned() })
        }
        Err(error) => Err(Error::NoTpm { path: path.to_owned(), detail: error.to_string() }),
    }
}
