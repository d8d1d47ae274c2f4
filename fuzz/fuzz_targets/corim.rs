//! Any bytes as a CoRIM, signed or not, and as a CoMID. A golden document that is read is written as one that reads the same.
#![no_main]

use attest_core::{
    Limits,
    reference::{
        Document,
        corim::{Comid, Corim, SignedCorim, profile},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::DEFAULT;
    let _ = Comid::parse(bytes, &limits);
    if let Ok(signed) = SignedCorim::parse(bytes, &limits) {
        let _ = signed.unverified(&limits);
    }
    if let Err(error) = Document::read(bytes, &limits) {
        assert!(error.offset().is_none_or(|offset| offset <= bytes.len()));
    }
    let Ok(corim) = Corim::parse(bytes, &limits) else { return };
    if let Ok(values) = corim.reference_values() {
        let _ = values.final_pcrs().count();
    }
    let Ok(golden) = profile::read(&corim) else { return };
    // What can be written as text, at that: a document may say more than TOML keeps apart.
    let Ok(written) = profile::write(&golden, &profile::Edition::default()) else { return };
    let again = Corim::parse(&written, &limits).expect("what we write is read");
    assert_eq!(profile::read(&again).as_ref(), Ok(&golden));
});
