//! Extending and reading PCRs.

use tss_esapi::handles::PcrHandle;
use tss_esapi::structures::{Digest, DigestValues, PcrSelectionList};
use tss_esapi::tss2_esys::{TPML_PCR_SELECTION, TPMS_PCR_SELECTION};

use tss_esapi::interface_types::algorithm::HashingAlgorithm;

use super::Device;
use super::error::{Command as _, Error};
use crate::bank::{Bank, Digests, PcrValues, Selection};

/// TPM2_PCR_Read returns at most this many digests (TPML_DIGEST).
const DIGESTS_PER_READ: usize = 8;

impl Device {
    /// TPM2_PCR_Extend: one digest per bank. A bank that the TPM does not have active is ignored by it.
    ///
    /// # Errors
    /// No such PCR, or the TPM refuses.
    pub fn extend(&mut self, pcr: u32, digests: &Digests) -> Result<(), Error> {
        let handle = pcr_handle(pcr)?;
        let mut values = DigestValues::new();
        for (&bank, digest) in digests {
            values.set(
                hashing_algorithm(bank),
                Digest::try_from(digest.as_slice()).command("TPM2_PCR_Extend")?,
            );
        }
        self.with_password("TPM2_PCR_Extend", |context| context.pcr_extend(handle, values))
    }

    /// TPM2_PCR_Read over the whole selection, in as many commands as it takes. Banks that the TPM does not have are left out.
    ///
    /// # Errors
    /// The TPM refuses.
    pub fn read_pcrs(&mut self, selection: &Selection) -> Result<PcrValues, Error> {
        let mut values = PcrValues::new();
        for &(bank, mask) in selection.banks() {
            let indices: Vec<u32> = Selection::indices(mask).collect();
            for chunk in indices.chunks(DIGESTS_PER_READ) {
                let list = selection_list(&Selection::new(&[bank], chunk.iter().copied()))?;
                let (_, _, digests) = self
                    .context
                    .execute_without_session(|context| context.pcr_read(list))
                    .command("TPM2_PCR_Read")?;
                if digests.len() == chunk.len() {
                    let read = chunk
                        .iter()
                        .copied()
                        .zip(digests.value().iter().map(|digest| digest.value().to_vec()));
                    values.entry(bank).or_default().extend(read);
                }
            }
        }
        Ok(values)
    }
}

fn pcr_handle(pcr: u32) -> Result<PcrHandle, Error> {
    // The ESYS handle of a PCR is its index.
    PcrHandle::try_from(pcr).map_err(|_| Error::PcrIndex(pcr))
}

fn hashing_algorithm(bank: Bank) -> HashingAlgorithm {
    match bank {
        Bank::Sha1 => HashingAlgorithm::Sha1,
        Bank::Sha256 => HashingAlgorithm::Sha256,
        Bank::Sha384 => HashingAlgorithm::Sha384,
        Bank::Sha512 => HashingAlgorithm::Sha512,
    }
}

/// TPML_PCR_SELECTION in the order of the selection. The library's own builder goes through a hash map and loses that order.
pub(super) fn selection_list(selection: &Selection) -> Result<PcrSelectionList, Error> {
    let mut list = TPML_PCR_SELECTION::default();
    for (slot, &(bank, mask)) in list.pcrSelections.iter_mut().zip(selection.banks()) {
        *slot = TPMS_PCR_SELECTION { hash: bank.alg_id(), sizeofSelect: 3, pcrSelect: mask.to_le_bytes() };
        list.count += 1;
    }
    PcrSelectionList::try_from(list).command("TPML_PCR_SELECTION")
}
