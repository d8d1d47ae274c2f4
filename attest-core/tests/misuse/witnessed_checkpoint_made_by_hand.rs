//! One log's word is not that of its witnesses.
use attest_core::Timestamp;
use attest_core::audit::checkpoint::SignedCheckpoint;
use attest_core::audit::witness::WitnessedCheckpoint;

fn believe(signed: SignedCheckpoint) -> WitnessedCheckpoint {
    WitnessedCheckpoint { signed, time: Timestamp::from_unix(0), seen_by: Timestamp::from_unix(0), cosignatures: Vec::new() }
}

fn main() {}
