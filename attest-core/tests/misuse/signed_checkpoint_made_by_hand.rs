//! That a log signed a checkpoint is shown by its signature alone.
use attest_core::audit::checkpoint::{Checkpoint, LogIdentity, SignedCheckpoint};

fn believe(checkpoint: Checkpoint, log: LogIdentity) -> SignedCheckpoint {
    SignedCheckpoint { checkpoint, log, note: String::new(), signatures: Vec::new() }
}

fn main() {}
