//! This boot's evidence in files, for people who learn golden values from it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Error, Logs, attestation_key, quote_with_values, write_private};
use crate::bank::{Bank, Selection, pcrs_json};
use crate::device::{AkAlgorithm, Device};

/// What firmware, boot loaders and kernels extend. 15 and above belong to the running system.
pub const PCRS: core::ops::RangeInclusive<u32> = 0..=14;

/// What is collected, and how.
#[derive(Clone, Debug)]
pub struct Collect {
    /// Which TPM.
    pub tcti: String,
    /// Where the attestation key is kept in the TPM.
    pub ak_handle: u32,
    /// Its algorithm, if it has to be made.
    pub algorithm: AkAlgorithm,
    /// Which banks are quoted.
    pub banks: Vec<Bank>,
    /// What the quote is made over. Nobody asked, so it proves no more than that the quote was not there before it.
    pub nonce: Vec<u8>,
    /// Where the logs come from.
    pub logs: Logs,
}

impl Collect {
    /// Writes `quote.attest`, `quote.sig`, `ak.pub`, `nonce.hex`, `pcrs.json` and the logs into this folder: what `attest golden learn` and
    /// `attest verify` take.
    ///
    /// # Errors
    /// Something is missing here, or the TPM fails.
    pub fn run(&self, out: &Path) -> Result<Vec<PathBuf>, Error> {
        self.logs.read()?;
        let mut device = Device::open(&self.tcti)?;
        let ak = attestation_key(&mut device, self.ak_handle, self.algorithm)?;
        let userspace_log = self.logs.lock_userspace()?;
        let selection = Selection::new(&self.banks, PCRS);
        let (quote, pcrs) = quote_with_values(&mut device, &ak, &self.nonce, &selection)?;
        let userspace_log = userspace_log.read()?;
        let [event_log, ima_list] = self.logs.read()?;
        let pcrs = (!pcrs.is_empty()).then(|| pcrs_json(&pcrs).to_string().into_bytes());
        fs::create_dir_all(out).map_err(|source| Error::File { path: out.to_owned(), source })?;
        let mut written = Vec::new();
        for (name, content) in [
            ("eventlog.bin", event_log),
            ("ima.bin", ima_list),
            ("userspace.log", userspace_log),
            ("quote.attest", Some(quote.attest)),
            ("quote.sig", Some(quote.signature)),
            ("ak.pub", Some(ak.public)),
            ("nonce.hex", Some(hex::encode(&self.nonce).into_bytes())),
            ("pcrs.json", pcrs),
        ] {
            let Some(content) = content else { continue };
            let path = out.join(name);
            write_private(&path, &content)?;
            written.push(path);
        }
        Ok(written)
    }
}
