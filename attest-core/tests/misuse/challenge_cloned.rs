//! A challenge cannot be kept for a second answer.
use attest_core::authenticate::challenge::Challenge;

fn keep(challenge: &Challenge) -> Challenge {
    challenge.clone()
}

fn main() {}
