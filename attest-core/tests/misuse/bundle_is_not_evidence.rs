//! Parsed is not proven.
use attest_core::appraise::{Context, Policy, Verdict};
use attest_core::evidence::Bundle;
use attest_core::reference::ReferenceSet;

fn judge(bundle: &Bundle<'_>, references: &ReferenceSet) -> Verdict {
    Policy::default().appraise(bundle, references, &Context::default())
}

fn main() {}
