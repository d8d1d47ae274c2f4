//! Only a chain to a root makes an endorsement key.
use attest_core::authenticate::ek::EndorsementKey;
use attest_core::Digest;

fn believe(identity: Digest, certificate: Digest) -> EndorsementKey {
    EndorsementKey { identity, certificate, not_der: Vec::new() }
}

fn main() {}
