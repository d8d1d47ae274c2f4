//! A document is not vouched for by being well-formed.
use attest_core::appraise::{Context, Policy, Verdict};
use attest_core::authenticate::AuthenticEvidence;
use attest_core::reference::Golden;

fn judge(evidence: &AuthenticEvidence<'_>, golden: &Golden) -> Verdict {
    Policy::default().appraise(evidence, golden, &Context::default())
}

fn main() {}
