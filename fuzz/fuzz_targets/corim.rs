//! Any bytes as a CoRIM, signed or not, and as a CoMID. A golden document that is read, or made of one, is written as one that
//! reads the same.
#![no_main]

use attest_core::{
    Limits,
    evidence::eat::PsaProfile,
    reference::{
        Document, Golden,
        corim::{Comid, Corim, SignedCorim, profile},
        import::{Choices, import},
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
    // What is imported is written as text that reads the same.
    let choices =
        Choices { family: "sensor", implementation: None, profile: PsaProfile::Tfm, signed_until: None };
    if let Ok(imported) = import(&corim, &choices) {
        let text = imported.golden.to_toml();
        assert_eq!(Golden::parse(&text, &limits).as_ref(), Ok(&imported.golden), "{text}");
    }
    let Ok(golden) = profile::read(&corim) else { return };
    // What can be written as text, at that: a document may say more than TOML keeps apart.
    let Ok(written) = profile::write(&golden, &profile::Edition::default()) else { return };
    let again = Corim::parse(&written, &limits).expect("what we write is read");
    assert_eq!(profile::read(&again).as_ref(), Ok(&golden));
});
