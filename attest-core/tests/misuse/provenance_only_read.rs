//! What is in an envelope is no builder's word until its signature is verified.
use attest_core::release::dsse::Envelope;
use attest_core::release::{Provenance, ProvenanceRule};
use attest_core::{Digest, Limits};

fn believe(read: Envelope, rule: &ProvenanceRule, artifact: &Digest) -> bool {
    Provenance::read(read.payload(), &Limits::DEFAULT).is_ok_and(|said| said.check(rule, artifact).is_empty())
}

fn main() {}
