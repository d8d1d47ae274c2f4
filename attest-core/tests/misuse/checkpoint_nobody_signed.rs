//! Witnesses vouch for what a log signed, not for what someone read.
use attest_core::audit::checkpoint::Checkpoint;
use attest_core::audit::witness::{WitnessQuorum, WitnessedCheckpoint};

fn believe(read: Checkpoint, quorum: &WitnessQuorum) {
    let _ = WitnessedCheckpoint::verify(read, quorum);
}

fn main() {}
