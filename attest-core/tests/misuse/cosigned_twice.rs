//! One decision is one cosignature.
use attest_core::audit::note::SignEd25519;
use attest_core::audit::witness::Cosignable;

fn sign(cosignable: Cosignable, signer: &dyn SignEd25519) {
    let _ = cosignable.cosign("witness.example", signer);
    let _ = cosignable.cosign("witness.example", signer);
}

fn main() {}
