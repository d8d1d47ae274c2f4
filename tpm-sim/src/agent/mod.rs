//! The agent of a real machine: enrols once, then answers challenges with the kernel's own logs.

mod collect;
mod logs;
mod state;
mod tokens;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

use crate::bank::{PcrValues, Selection};
use crate::client::{self, Address, Enrolment, Evidence, Judgement, Server};
use crate::device::{self, AkAlgorithm, AkTemplate, AttestationKey, Device, Quote};
use crate::subject;

pub use collect::{Collect, PCRS};
pub use logs::{DEFAULT_EVENT_LOG, DEFAULT_IMA_LIST, DEFAULT_USERSPACE_LOG, Logs, Source};
pub use state::State;
pub use tokens::TokenProgram;

/// A quote is repeated when PCRs moved while it was made (IMA measures all the time); after so many times their values are left out.
const QUOTE_ATTEMPTS: usize = 5;

/// Why the agent could not do its work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The key at the persistent handle is not the one that was enrolled.
    #[error(
        "the key at {handle:#010x} is not the enrolled attestation key; the TPM was cleared or replaced: enrol again"
    )]
    AkForeign {
        /// The persistent handle.
        handle: u32,
    },
    /// There is no key at the persistent handle.
    #[error("there is no attestation key at {handle:#010x}; the TPM was cleared: enrol again")]
    AkMissing {
        /// The persistent handle.
        handle: u32,
    },
    /// Talking to the server.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// Using the TPM.
    #[error(transparent)]
    Device(#[from] device::Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel shows no event log.
    #[error(
        "there is no event log at {path}: the kernel found none from the firmware, or securityfs is not mounted; \
         give its place (--event-log), or send none (--no-event-log)"
    )]
    NoEventLog {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A log may not be read by this user.
    #[error("no right to read {path}: run as root")]
    NoRight {
        /// Which.
        path: PathBuf,
    },
    /// The device is not enrolled.
    #[error("this device is not enrolled (no {path}); run attest-agent enrol first")]
    NotEnrolled {
        /// The state file.
        path: PathBuf,
    },
    /// The state file is damaged.
    #[error("{path} is damaged: {detail}")]
    State {
        /// The state file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// No subject key.
    #[error(transparent)]
    Subject(#[from] subject::Error),
    /// A program that should make a token made none.
    #[error("{program} made no token: {detail}")]
    Token {
        /// Which.
        program: PathBuf,
        /// Why.
        detail: String,
    },
}

impl Error {
    /// Whether the server judged and said no, rather than something being missing or broken here.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Error::Client(client::Error::Refused { .. }))
    }

    /// Whether something on this machine is missing, forbidden or wrongly named: for a person to put right.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Error::Client(error) => !matches!(
                error,
                client::Error::Connect { .. }
                    | client::Error::Refused { .. }
                    | client::Error::Reply(_)
                    | client::Error::NonceForeign
            ),
            Error::Device(error) => !matches!(error, device::Error::Tpm { .. }),
            Error::AkForeign { .. } | Error::State { .. } => false,
            _ => true,
        }
    }
}

/// What both commands need to know.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Which TPM.
    pub tcti: String,
    /// Which server.
    pub address: Address,
    /// Where the device's id and keys are kept.
    pub state_dir: PathBuf,
    /// The subject key's file; made in the state folder if not given.
    pub subject_key: Option<PathBuf>,
}

/// What enrolling needs besides.
#[derive(Clone, Debug)]
pub struct EnrolOptions {
    /// The family that the device claims.
    pub family: String,
    /// Certificates between the EK certificate and a root, PEM; those in the TPM's NV if not given.
    pub intermediates: Option<PathBuf>,
    /// Where the attestation key is kept in the TPM.
    pub ak_handle: u32,
    /// Its algorithm, if it has to be made.
    pub algorithm: AkAlgorithm,
}

impl Agent {
    /// Enrols this machine: an attestation key is made and kept in the TPM unless there is one, and the device's id is kept in the state
    /// folder.
    ///
    /// # Errors
    /// Something is missing here, or the server refuses.
    pub async fn enrol(&self, options: &EnrolOptions) -> Result<State, Error> {
        let given = options.intermediates.as_deref().map(certificates).transpose()?;
        create_private_dir(&self.state_dir)?;
        let mut device = Device::open(&self.tcti)?;
        let intermediates = match given {
            Some(certificates) => certificates,
            None => device.ek_chain()?,
        };
        let ek = device.any_endorsement_key()?;
        let ak = attestation_key(&mut device, options.ak_handle, options.algorithm)?;
        let server = Server::connect(&self.address).await?;
        let enrolment = Enrolment::new(&ek, &intermediates, &ak, &options.family);
        let enrolled = server.enrol(&mut device, &ek, &ak, enrolment).await?;
        let state = State {
            device_id: enrolled.device_id,
            family: options.family.clone(),
            ak_handle: options.ak_handle,
            ak_name: hex::encode(&ak.name),
        };
        state.save(&self.state_dir)?;
        Ok(state)
    }

    /// Answers one challenge: quote, logs, and a token of each of these programs; all of it as one collection if that is asked for.
    ///
    /// # Errors
    /// Something is missing here, or the server cannot judge. A refusing verdict is not an error.
    pub async fn attest(
        &self,
        logs: &Logs,
        programs: &[TokenProgram],
        is_collection: bool,
    ) -> Result<Judgement, Error> {
        let state = State::load(&self.state_dir)?;
        // What may be missing is looked for before anybody is asked anything.
        logs.read()?;
        logs.lock_userspace()?;
        let mut device = Device::open(&self.tcti)?;
        let ak = enrolled_key(&mut device, &state)?;
        let subject_key = self.subject_public_key()?;
        let server = Server::connect(&self.address).await?;
        let mut whole_list = false;
        loop {
            let challenge = server.challenge(&state.device_id, &subject_key).await?;
            let userspace_log = logs.lock_userspace()?;
            let (quote, pcrs) = quote_with_values(&mut device, &ak, &challenge.nonce, &challenge.selection)?;
            let userspace_log = userspace_log.read()?;
            // After the quote, so that the list is never shorter than what the quote covers.
            let [event_log, ima_list] = logs.read()?;
            let tokens = programs.iter().map(|program| program.run(&challenge.nonce));
            let tokens = tokens.collect::<Result<_, _>>()?;
            let evidence = Evidence::new(quote, event_log, ima_list, pcrs);
            let evidence = Evidence { userspace_log, tokens, is_collection, ..evidence };
            let known = if whole_list { 0 } else { challenge.ima_list_offset };
            match server.verify(&challenge.id, evidence.from_offset(known)).await {
                // A restart since the server last saw the list; once, since the whole list wants nothing before it.
                Err(error) if error.reason() == Some("ima_whole_list_wanted") && !whole_list => {
                    whole_list = true
                }
                judged => return Ok(judged?),
            }
        }
    }

    /// The public half of the subject key, which is made if there is none.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn subject_public_key(&self) -> Result<Vec<u8>, Error> {
        Ok(match &self.subject_key {
            Some(path) => subject::load(path)?,
            None => subject::load_or_generate(&self.state_dir.join("subject.pem"))?,
        })
    }
}

/// The attestation key at this handle, which is made if there is none.
fn attestation_key(
    device: &mut Device,
    handle: u32,
    algorithm: AkAlgorithm,
) -> Result<AttestationKey, device::Error> {
    match device.persistent_ak(handle)? {
        Some(ak) => Ok(ak),
        None => {
            let ak = device.create_ak(&AkTemplate::new(algorithm, b"attest-agent"))?;
            device.persist_ak(ak, handle)
        }
    }
}

fn enrolled_key(device: &mut Device, state: &State) -> Result<AttestationKey, Error> {
    let handle = state.ak_handle;
    let ak = device.persistent_ak(handle)?.ok_or(Error::AkMissing { handle })?;
    if hex::encode(&ak.name) == state.ak_name { Ok(ak) } else { Err(Error::AkForeign { handle }) }
}

/// A quote and the PCR values it was made over: the values before and after it are the same, so they are those in between.
fn quote_with_values(
    device: &mut Device,
    ak: &AttestationKey,
    nonce: &[u8],
    selection: &Selection,
) -> Result<(Quote, PcrValues), device::Error> {
    let mut before = device.read_pcrs(selection)?;
    let mut attempt = 1;
    loop {
        let quote = device.quote(ak, nonce, selection)?;
        let after = device.read_pcrs(selection)?;
        if before == after {
            return Ok((quote, after));
        }
        if attempt == QUOTE_ATTEMPTS {
            return Ok((quote, PcrValues::new()));
        }
        before = after;
        attempt += 1;
    }
}

/// Writes a file so that readers see the old or the new content, and only this user may read it.
///
/// # Errors
/// The file cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(|_| ()).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn create_private_dir(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Error::File { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let file_error = |source| Error::File { path: path.to_owned(), source };
    let pem = fs::read(path).map_err(file_error)?;
    CertificateDer::pem_slice_iter(&pem)
        .map(|der| der.map(|der| der.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| file_error(io::Error::new(io::ErrorKind::InvalidData, error.to_string())))
}
