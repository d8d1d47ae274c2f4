//! Any bytes as an IMA list, binary or ASCII.
#![no_main]

use attest_core::{HashAlg, Limits, authenticate::ima, evidence::ima_log::ImaLog};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(list) = ImaLog::parse(bytes, &Limits::DEFAULT) else { return };
    let _ = list.findings(&Limits::DEFAULT);
    for entry in list.entries() {
        let _ =
            (entry.template_digest(HashAlg::Sha256), entry.name(), entry.file_digest(), entry.signature());
    }
    let _ = ima::prefix_of_pcr_10(&list, HashAlg::Sha256, &attest_core::Digest::zero(HashAlg::Sha256));
});
