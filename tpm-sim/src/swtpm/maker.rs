//! The manufacturer: a local CA and TPM states with certified endorsement keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use super::{Error, Swtpm, at};
use crate::bank::Bank;

/// swtpm's whole state is this one file of about 6 kB, which can be copied.
pub(super) const STATE_FILE: &str = "tpm2-00.permall";

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);

/// Makes TPMs. The CA and each serial number's state are made once and kept in the folder.
#[derive(Debug)]
pub struct Maker {
    folder: PathBuf,
    banks: Vec<Bank>,
    // Held for its destructor.
    _temporary: Option<TempDir>,
}

impl Maker {
    /// A maker in a temporary folder, gone when it is dropped.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn temporary(banks: &[Bank]) -> Result<Maker, Error> {
        let temporary =
            at(std::env::temp_dir(), tempfile::Builder::new().prefix("tpm-sim-maker-").tempdir())?;
        let mut maker = Maker::open(temporary.path(), banks)?;
        maker._temporary = Some(temporary);
        Ok(maker)
    }

    /// A maker that keeps its CA and its TPMs' states in a folder, made if it does not exist.
    ///
    /// # Errors
    /// The folder or the CA's configuration cannot be written.
    pub fn open(folder: &Path, banks: &[Bank]) -> Result<Maker, Error> {
        let maker = Maker { folder: folder.to_owned(), banks: banks.to_vec(), _temporary: None };
        let ca = maker.ca_folder();
        at(&ca, fs::create_dir_all(&ca))?;
        let shown = ca.display();
        maker.write(
            "ca/localca.conf",
            &format!(
                "statedir = {shown}\nsigningkey = {shown}/signkey.pem\nissuercert = {shown}/issuercert.pem\ncertserial = {shown}/certserial\n"
            ),
        )?;
        maker.write(
            "ca/localca.options",
            "--platform-manufacturer attest\n--platform-version 1\n--platform-model tpm-sim\n",
        )?;
        maker.write(
            "ca/setup.conf",
            &format!(
                "create_certs_tool = swtpm_localca\ncreate_certs_tool_config = {shown}/localca.conf\ncreate_certs_tool_options = {shown}/localca.options\n"
            ),
        )?;
        Ok(maker)
    }

    /// A running TPM with the factory state of this serial number: the same serial number is the same TPM, with its clock and counters
    /// as they left the factory.
    ///
    /// # Errors
    /// Setting up or starting fails.
    pub fn tpm(&self, serial: &str) -> Result<Swtpm, Error> {
        let state = self.manufacture(serial)?;
        Swtpm::start(&state.join(STATE_FILE))
    }

    /// A running TPM that never was before, with an endorsement key of its own.
    ///
    /// # Errors
    /// As [`Maker::tpm`].
    pub fn fresh_tpm(&self) -> Result<Swtpm, Error> {
        // Unique in this folder over processes and time; kept only until it is copied.
        let nth = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros());
        let state = self.manufacture(&format!("fresh-{}-{now}-{nth}", std::process::id()))?;
        let tpm = Swtpm::start(&state.join(STATE_FILE));
        at(&state, fs::remove_dir_all(&state))?;
        tpm
    }

    /// The EK CA's root certificate, PEM. It exists once a TPM was made.
    ///
    /// # Errors
    /// No TPM was made yet.
    pub fn root_pem(&self) -> Result<String, Error> {
        let path = self.ca_folder().join("swtpm-localca-rootca-cert.pem");
        at(&path, fs::read_to_string(&path))
    }

    /// The EK CA's issuing (intermediate) certificate, PEM.
    ///
    /// # Errors
    /// No TPM was made yet.
    pub fn intermediate_pem(&self) -> Result<String, Error> {
        let path = self.ca_folder().join("issuercert.pem");
        at(&path, fs::read_to_string(&path))
    }

    /// The folder with the state of a serial number's TPM, as it left the factory: for whoever powers swtpm on by other means.
    ///
    /// # Errors
    /// Setting up fails.
    pub fn manufacture(&self, serial: &str) -> Result<PathBuf, Error> {
        let state = self.folder.join("tpms").join(serial);
        if state.join(STATE_FILE).exists() {
            return Ok(state);
        }
        at(&state, fs::create_dir_all(&state))?;
        let log = state.join("setup.log");
        let banks: Vec<&str> = self.banks.iter().map(|bank| bank.name()).collect();
        let status = Command::new("swtpm_setup")
            .arg("--tpm2")
            .arg("--tpm-state")
            .arg(&state)
            .arg("--config")
            .arg(self.ca_folder().join("setup.conf"))
            .args([
                "--createek",
                "--create-ek-cert",
                "--lock-nvram",
                "--pcr-banks",
                &banks.join(","),
                "--overwrite",
                "--logfile",
            ])
            .arg(&log)
            .args(["--vmid", serial])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|source| Error::Program { program: "swtpm_setup", source })?;
        if status.success() && state.join(STATE_FILE).exists() {
            return Ok(state);
        }
        let log = fs::read_to_string(&log).unwrap_or_default();
        // A half-made state must not pass for a TPM the next time.
        at(&state, fs::remove_dir_all(&state))?;
        Err(Error::Setup { log })
    }

    fn ca_folder(&self) -> PathBuf {
        self.folder.join("ca")
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        at(&path, fs::write(&path, text))
    }
}
