//! Runtime integrity: what IMA measured after the boot.

use super::boot::Boot;
use super::finding::{Reason, RootCause};
use crate::authenticate::AuthenticEvidence;
use crate::reference::golden::Golden;

pub(super) fn judge(_evidence: &AuthenticEvidence<'_>, _golden: &Golden) -> Vec<Reason> {
    Vec::new()
}

pub(super) fn causes(_reasons: &[Reason]) -> Vec<RootCause> {
    Vec::new()
}

pub(super) fn measures_everything(_evidence: &AuthenticEvidence<'_>, _boot: &Boot, _golden: &Golden) -> bool {
    false
}
