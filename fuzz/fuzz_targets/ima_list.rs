//! Any bytes as an IMA list, binary or ASCII, as the later part of one, and as the signature of a file.
#![no_main]

use attest_core::{
    HashAlg, Limits,
    authenticate::{
        file_signature::{SignerKey, key_in_buffer},
        ima,
    },
    evidence::ima_log::{FileSignature, ImaLog, Position},
    reference::golden::key_from_pem,
};
use libfuzzer_sys::fuzz_target;

const KEY: &str = include_str!("../../tests/fixtures/ima-signatures/p256.pub.pem");

fuzz_target!(|bytes: &[u8]| {
    let _ = (FileSignature::parse(bytes), key_in_buffer(bytes));
    let after = Position { entries: 7, bytes: 1_000, hash_size: 20 };
    if let Ok(part) = ImaLog::parse_after(after, bytes, &Limits::DEFAULT) {
        assert!(part.position(part.len()).is_some_and(|end| end.bytes == 1_000 + bytes.len() as u64));
    }
    let Ok(list) = ImaLog::parse(bytes, &Limits::DEFAULT) else { return };
    let _ = list.findings(&Limits::DEFAULT);
    let key: SignerKey = key_from_pem(KEY).expect("a key");
    for entry in list.entries() {
        let _ = (
            entry.template_digest(HashAlg::Sha256),
            entry.name(),
            entry.buffer(),
            entry.appended_signature(),
        );
        if let (Some(told), Some(Ok(signature))) =
            (entry.file_digest(), entry.signature().map(FileSignature::parse))
        {
            let _ = key.verify(&signature, &told);
        }
    }
    let _ = ima::prefix_of_pcr_10(&list, HashAlg::Sha256, &attest_core::Digest::zero(HashAlg::Sha256));
});
