//! Any bytes as an endorsement key's certificate, as its issuer's, as a root and as the key. Only what the authority signed is accepted.
#![no_main]

use std::sync::LazyLock;

use attest_core::{
    Limits, Timestamp,
    authenticate::{
        AttestationKey,
        ek::{EkRoots, verify_ek},
    },
    evidence::tpm::Public,
};
use libfuzzer_sys::fuzz_target;

macro_rules! boot {
    ($path:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/boots/sb-grub/", $path))
            .as_slice()
    };
}

/// In December 2026, after the captured boots.
const NOW: Timestamp = Timestamp::from_unix(1_796_000_000);
const GENUINE: &[u8] = boot!("ek-rsa.crt");

/// The issuer itself as the root: one signature to check.
static ROOTS: LazyLock<EkRoots> = LazyLock::new(|| {
    let mut roots = EkRoots::new();
    roots.add(boot!("ek-ca/intermediate.pem")).expect("a certificate");
    roots
});

/// What the issuer signed: TBSCertificate, behind the outer header of four bytes, its own length in the next four.
fn signed() -> &'static [u8] {
    let len = usize::from(u16::from_be_bytes([GENUINE[6], GENUINE[7]]));
    &GENUINE[4..8 + len]
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    let public = Public::parse(boot!("ek-rsa.pub"), &limits).expect("a good key");
    if verify_ek(&ROOTS, bytes, &[], &public, NOW, &limits).is_ok() {
        assert!(bytes.windows(signed().len()).any(|bytes| bytes == signed()));
    }
    // The genuine certificate is of the same key whatever lies beside it in the chain.
    let key = |chain: &[&[u8]]| {
        let key = verify_ek(&ROOTS, GENUINE, chain, &public, NOW, &limits).ok()?;
        Some((key.identity(), key.certificate()))
    };
    let alone = key(&[]);
    assert!(alone.is_some() && key(&[bytes]).is_none_or(|key| Some(key) == alone));
    let mut roots = EkRoots::new();
    match roots.add(bytes) {
        Ok(count) => assert_eq!(roots.len(), count),
        Err(_) => assert!(roots.is_empty(), "all or nothing"),
    }
    let _ = AttestationKey::vouched(bytes, &limits);
});
