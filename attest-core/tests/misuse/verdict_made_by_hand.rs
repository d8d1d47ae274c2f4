//! A verdict comes from an appraisal.
use attest_core::appraise::{Status, Verdict};

fn forge(verdict: Verdict) -> Verdict {
    Verdict { status: Status::Affirming, ..verdict }
}

fn main() {}
