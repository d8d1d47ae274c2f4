//! A certificate that signed is not yet one of a maker that counts.
use attest_core::release::ssh::attestation::{Attested, HardwareKey};

fn believe(attested: Attested) -> HardwareKey {
    attested
}

fn main() {}
