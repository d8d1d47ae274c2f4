//! A witness signs what it decided about, and nothing else.
use attest_core::Timestamp;
use attest_core::audit::checkpoint::SignedCheckpoint;
use attest_core::audit::note::SignEd25519;
use attest_core::audit::witness::Cosignable;

fn sign(checkpoint: SignedCheckpoint, signer: &dyn SignEd25519) {
    let _ = Cosignable { checkpoint, time: Timestamp::from_unix(0) }.cosign("witness.example", signer);
}

fn main() {}
