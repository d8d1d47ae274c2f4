//! PCR values count only under an authentic quote.
use attest_core::authenticate::pcrs::{PcrValues, QuotedPcrs};
use attest_core::evidence::tpm::Attest;

fn believe(attest: &Attest<'_>, values: &PcrValues) {
    let _ = QuotedPcrs::from_values(attest, values);
}

fn main() {}
