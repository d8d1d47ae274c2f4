//! A signature that was read is not one that was verified.
use attest_core::release::ssh::{Signature, VerifiedSignature};

fn count(_: &VerifiedSignature) {}

fn believe(read: &Signature) {
    count(read);
}

fn main() {}
