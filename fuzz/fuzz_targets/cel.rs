//! Any bytes as a canonical event log, in each of its three encodings.
#![no_main]

use attest_core::{
    Limits,
    evidence::cel::{Register, parse_cbor, parse_json, parse_tlv},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for parse in [parse_tlv, parse_json, parse_cbor] {
        match parse(bytes, &Limits::DEFAULT) {
            Err(error) => assert!(error.offset <= bytes.len()),
            Ok(records) => {
                for record in &records {
                    assert!(record.recnum.is_some(), "only systemd leaves numbers out");
                    assert!(!matches!(record.register, Register::Pcr(24..)));
                    assert!(!record.is_extended() || record.offset < bytes.len());
                }
            }
        }
    }
});
