//! Any bytes as a PE image: hashed in every bank, its signatures and sections read, and held against a prediction's promises.
#![no_main]

use attest_core::reference::predict::pe::Image;
use attest_core::{HashAlg, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(image) = Image::parse(bytes, &Limits::DEFAULT) else { return };
    let hash = image.authenticode(HashAlg::Sha256);
    let _ = (image.authenticode(HashAlg::Sha512), image.has_gaps(), image.is_padded(), image.signatures());
    for section in image.sections() {
        let (content, _) = section.in_memory();
        assert!(content.len() <= bytes.len());
    }
    // Trailing bytes are part of an unsigned image, and nothing may follow a signed one.
    let longer = [bytes, &[0; 8]].concat();
    match Image::parse(&longer, &Limits::DEFAULT) {
        Ok(longer) => assert!(!image.is_signed() && longer.authenticode(HashAlg::Sha256) != hash),
        Err(_) => assert!(image.is_signed()),
    }
});
