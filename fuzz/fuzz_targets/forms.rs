//! Any bytes as bytes to be signed, for each purpose of a key, as a signed file and as a signed image: what passes for one purpose passes for no
//! other, and nothing verifies that nobody signed.
#![no_main]

use std::sync::LazyLock;

use attest_core::Limits;
use attest_core::release::form::{ReleaseKey, Subject, authenticode, corim, cose, subject};
use attest_core::release::object::ObjectId;
use attest_core::release::policy::Purpose;
use libfuzzer_sys::fuzz_target;

static SPKI: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let pkcs8 = include_bytes!("../../tests/fixtures/keys/p256.pk8");
    let prefix = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
    [&prefix[..], &pkcs8[pkcs8.len() - 65..]].concat()
});

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    let key = |purpose| ReleaseKey::new(&SPKI, purpose, None).expect("a key");
    let of = |purpose, image| subject(&key(purpose), bytes, image, &limits);
    let passes = [Purpose::Corim, Purpose::Cose, Purpose::Raw].map(|purpose| of(purpose, None).is_ok());
    assert!(passes.iter().filter(|passes| **passes).count() <= 1, "one form under two purposes");
    assert!(of(Purpose::Root, None).is_err() && of(Purpose::Authenticode, None).is_err());
    if let Ok(Subject::Measurements(_)) = of(Purpose::Corim, None) {
        let enclosed = corim::enclose(bytes, &[], &limits).expect("it was read");
        let signed =
            attest_core::reference::corim::SignedCorim::parse(&enclosed, &limits).expect("it was read");
        assert_eq!(signed.to_be_signed(), bytes);
    }
    assert!(cose::verify(&key(Purpose::Cose), bytes, bytes, &limits).is_err());
    assert!(authenticode::verify(&key(Purpose::Authenticode), bytes, &limits).is_err());
    if let Ok(attributes) = authenticode::to_be_signed(bytes, &limits) {
        let about = subject(&key(Purpose::Authenticode), &attributes, Some(bytes), &limits);
        let size = u64::try_from(bytes.len()).ok();
        assert_eq!(about, Ok(Subject::Artifact { sha256: ObjectId::of(bytes), size }));
        assert!(of(Purpose::Authenticode, Some(bytes)).is_err(), "the image for its attributes");
    }
});
