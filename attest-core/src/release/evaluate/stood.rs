//! Whether a release counted where it was published: by the log up to there, whatever came later.

use super::super::view::{LogView, Place};
use super::{Failure, Gate, Now, Release, Weighing, weigh_now};

/// Gates that a release passes or not by whose keys are suspended or lost.
const OF_PEOPLE: [Gate; 4] = [Gate::Requester, Gate::Quorum, Gate::Provenance, Gate::Measurement];

/// Inv. 9: what decides about the releases behind it, so that who follows the log and who begins anew measure by the same.
pub(super) fn has_stood(release: &Release, failures: &[Failure], bundle: &[u8], by: &Weighing<'_>) -> bool {
    let (view, published) = (by.view, release.published);
    // Nobody's word is silenced, or nobody's was there: what is known now is what was known.
    let is_silenced = failures.iter().any(|failure| OF_PEOPLE.contains(&failure.gate()));
    if !(is_silenced && view.silences() || view.silenced_at(published)) {
        return failures.iter().all(|failure| comes_later(failure, release, by));
    }
    let then: LogView = view.as_of(published);
    let now = Now { clock: published.at, is_confirmed: true };
    let (then, failures) = weigh_now(bundle, &[], &Weighing { view: &then, now, ..*by });
    then.is_some() && failures.iter().all(|failure| comes_later(failure, release, by))
}

/// What may befall a release that counted, and takes nothing back of what it reached.
fn comes_later(failure: &Failure, release: &Release, by: &Weighing<'_>) -> bool {
    let (family, index) = (&release.request.family, release.published.index);
    let then = by.view.policy_of(family, index).and_then(|policy| policy.family(family));
    match failure {
        // The floor rose since, or the policy of now has no such family.
        Failure::BelowFloor { got, .. } => then.is_some_and(|then| {
            *got >= then.version_floor && *got >= by.floors.reached_before(family, index)
        }),
        Failure::FamilyUnknown { .. } => then.is_some(),
        // Nobody looked at it in time.
        Failure::Lapsed { deadline } => release.published.at <= *deadline,
        Failure::ClockUnconfirmed => true,
        _ => failure.befalls(release.published),
    }
}

impl Failure {
    /// Inv. 9: whether this befell a release after it was published, so that it keeps what it reached. One that somebody took back before was never
    /// a release, whoever published it.
    pub(in crate::release) fn befalls(&self, published: Place) -> bool {
        match self {
            Self::Revoked(withdrawn) => !withdrawn.is_before(published),
            _ => self.gate() == Gate::Freshness,
        }
    }
}
