//! Known-good evidence in files, from which golden values are learned.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bank::{Bank, Selection, pcrs_json};
use crate::boot::debian::Parts;
use crate::device::{AkAlgorithm, AkTemplate};
use crate::scenario::{BANKS, Error};
use crate::swtpm::{self, Maker};

/// The PCRs that a learned boot is quoted over: what the firmware, shim, GRUB and IMA of these boots extend.
const PCRS: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14];

/// The boots that are known to be good, by folder name.
fn boots() -> [(&'static str, Parts); 2] {
    [("good", Parts::new()), ("updated", Parts::updated())]
}

/// Boots every known-good scenario once and writes its evidence into a folder of its own: `eventlog.bin`, `ima.bin`, `quote.attest`,
/// `quote.sig`, `ak.pub`, `nonce.hex`, `pcrs.json`. Beside them stand the EK CA's certificates, `ek-root.pem` and `ek-intermediate.pem`.
///
/// # Errors
/// A file cannot be written, or the TPM fails.
pub fn learn(maker: &Maker, out: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut tpm = maker.fresh_tpm()?;
    let mut folders = Vec::new();
    for (name, parts) in boots() {
        let folder = out.join(name);
        fs::create_dir_all(&folder).map_err(|source| file_error(&folder, source))?;
        tpm.reboot()?;
        let mut device = tpm.open()?;
        let record = parts.boot(&BANKS).run(&mut device)?;
        let ak = device.create_ak(&AkTemplate::new(AkAlgorithm::EccP256, b"learn"))?;
        let selection = Selection::new(&[Bank::Sha256], PCRS);
        // Not fresh for anybody, but different in every boot and stated beside the quote.
        let nonce = Bank::Sha256.hash(&[name.as_bytes(), &record.log.bytes()]);
        let quote = device.quote(&ak, &nonce, &selection)?;
        let pcrs = device.read_pcrs(&selection)?;
        let pcrs = pcrs_json(&pcrs).to_string();
        for (file, content) in [
            ("eventlog.bin", record.log.bytes()),
            ("ima.bin", record.ima.bytes()),
            ("quote.attest", quote.attest),
            ("quote.sig", quote.signature),
            ("ak.pub", ak.public.clone()),
            ("nonce.hex", hex::encode(&nonce).into_bytes()),
            ("pcrs.json", pcrs.into_bytes()),
        ] {
            write(&folder.join(file), &content)?;
        }
        folders.push(folder);
    }
    write(&out.join("ek-root.pem"), maker.root_pem()?.as_bytes())?;
    write(&out.join("ek-intermediate.pem"), maker.intermediate_pem()?.as_bytes())?;
    Ok(folders)
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    fs::write(path, content).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: std::io::Error) -> Error {
    Error::Swtpm(swtpm::Error::File { path: path.to_owned(), source })
}
