//! Devices judged by the releases of their family: which one they booted, and what that release is worth now.

mod weakness;

use super::finding::{Code, Part, Reason, Severity};
use super::policy::{Context, Policy};
use super::verdict::{Status, TrustVector, Verdict};
use crate::authenticate::{AuthenticEvidence, AuthenticToken, Guesses, NoGuesses};
use crate::reference::{GoldenSource, ReferenceSet};
use crate::release::choice::{Choice, Offer};
use crate::release::evaluate::{Now, Standing};
use crate::release::policy::{Capability, Freshness, Tier};
use crate::release::view::LogView;
use crate::{Limits, Timestamp};

/// How long a verdict counts about a device that verifies what it boots and does not measure it, in seconds: what it runs may change
/// without any trace.
const VERIFIED_ONLY: u64 = 60;

/// AR4SI, hardware: "recognised vulnerabilities" of what is genuine.
const UNSAFE: i8 = 32;

/// By what a device is judged: the releases of its family, under the newest view of the log.
#[derive(Clone, Copy, Debug)]
pub struct Releases<'r> {
    /// The releases.
    pub choice: &'r Choice,
    /// The log.
    pub view: &'r LogView,
    /// The time.
    pub now: Now,
    /// Whether two histories of the log were witnessed: then nobody knows which releases there are.
    pub is_forked: bool,
}

/// Puts a device's own digests into golden values: nothing where it has none, and a stable code with words where they do not count.
pub type Overlaying<'o> = &'o dyn Fn(&ReferenceSet) -> Result<Option<ReferenceSet>, (&'static str, String)>;

impl Releases<'_> {
    /// Where golden values come from before it is known which release a device booted.
    #[must_use]
    pub fn source(&self) -> GoldenSource {
        let best = self.choice.best(self.view, self.now);
        best.map_or_else(GoldenSource::no_release, |offer| offer.reference().source().clone())
    }

    /// What is tried where a device sends no PCR values: those of the best release.
    #[must_use]
    pub fn guesses(&self) -> &dyn Guesses {
        let best = self.choice.best(self.view, self.now);
        best.map_or(&NoGuesses, |offer| -> &dyn Guesses { offer.reference() })
    }

    /// The later of the clock and the witnesses' time.
    fn time(&self) -> Timestamp {
        self.now.clock.max(self.view.time())
    }
}

impl Policy {
    /// Judges authentic evidence by the release that the device booted: of those whose golden values the proven PCR values lead to, the best
    /// one that explains the boot, the files and the tokens. Where none does, by the best one that explains boot and files; else by the best
    /// of those with these PCR values, or the newest of the best tier, and the reasons are told against that.
    #[must_use]
    pub fn appraise_released(
        &self,
        evidence: &AuthenticEvidence<'_>,
        tokens: &[AuthenticToken],
        by: &Releases<'_>,
        overlaying: Overlaying<'_>,
        context: &Context,
    ) -> Verdict {
        let judged = |offer| self.by_offer(evidence, tokens, offer, by, overlaying, context);
        let (mut booted, mut first) = (None, None);
        let (offers, has_more) = by.choice.explaining(evidence, by.view, by.now);
        for offer in offers {
            let verdict = judged(offer);
            if !is_explained(&verdict) {
                first.get_or_insert(verdict);
            } else if refuses_token(&verdict) {
                // Two releases may boot the same and have other software behind a token.
                booted.get_or_insert(verdict);
            } else {
                return verdict;
            }
        }
        let mut nearest = booted.or(first);
        if let Some(verdict) = nearest.as_mut().filter(|_| has_more) {
            not_tried(&mut verdict.reasons);
        }
        let best = || by.choice.best(by.view, by.now).map(judged);
        nearest.or_else(best).unwrap_or_else(|| {
            let explain = "no release of this family counts: nothing says what a good device boots";
            let reason = Reason::new(Code::ReleaseMissing, Severity::Refuse, Part::Evidence, explain);
            self.refuse_golden(reason, evidence, None, context)
        })
    }

    fn by_offer(
        &self,
        evidence: &AuthenticEvidence<'_>,
        tokens: &[AuthenticToken],
        offer: &Offer,
        by: &Releases<'_>,
        overlaying: Overlaying<'_>,
        context: &Context,
    ) -> Verdict {
        let overlaid = match overlaying(offer.reference()) {
            Ok(overlaid) => overlaid,
            Err((code, detail)) => {
                return self.refuse_overlay(code, &detail, evidence, offer.reference(), context);
            }
        };
        let references = overlaid.as_ref().unwrap_or_else(|| offer.reference());
        let about = about_release(offer, by);
        let mut verdict = self.appraise_by(evidence, tokens, references, context, about);
        if verdict.reasons.iter().any(|reason| reason.code == Code::WeakRoots) {
            for vector in [&mut verdict.trust_vector, &mut verdict.boot.trust_vector] {
                *vector = TrustVector { hardware: vector.hardware.max(UNSAFE), ..*vector };
            }
        }
        let hard = by.view.counts_until();
        let short =
            (offer.release().capability() == Capability::VerifiedOnly).then(|| by.time().plus(VERIFIED_ONLY));
        // A refusal stands on nothing that could lapse.
        let stands = verdict.status != Status::Contraindicated;
        let control = weakness::lapses(offer.release(), by);
        let own = references.valid_until();
        let ends = offer.lapses().into_iter().chain([hard]).chain(short).chain(control).chain(own);
        verdict.valid_until = ends.min().filter(|_| stands);
        verdict
    }
}

impl Verdict {
    /// Whether some release lists what genuine evidence shows, be it withdrawn or not: nothing where no releases judged it, where nothing is
    /// proven, or where nobody looked at what was booted.
    #[must_use]
    pub fn is_released(&self) -> Option<bool> {
        let has = |code| self.reasons.iter().any(|reason| reason.code == code);
        let is_judged = self.golden.source == GoldenSource::no_release().source && self.proven.is_some();
        (is_judged && !has(Code::OverlayRefused)).then(|| is_explained(self) && !has(Code::ReleaseMissing))
    }
}

/// Whether this release is the one that was booted, whatever else is wrong.
fn is_explained(verdict: &Verdict) -> bool {
    let refuses = |reason: &Reason| {
        let is_about_values =
            matches!(reason.part, Part::Boot | Part::Runtime) || reason.code == Code::OverlayRefused;
        is_about_values && reason.severity == Severity::Refuse
    };
    !verdict.reasons.iter().any(refuses)
}

/// Whether a token is not what this release says, or not there.
fn refuses_token(verdict: &Verdict) -> bool {
    let refuses = |reason: &Reason| reason.part == Part::Token && reason.severity == Severity::Refuse;
    verdict.reasons.iter().any(refuses)
}

/// More releases lead to these PCR values than a boot is judged by, and none of those explains it: that no other one does was not seen.
fn not_tried(reasons: &mut Vec<Reason>) {
    let explain = format!(
        "more than {} releases lead to these PCR values: only the best of them were tried, and an older one may explain what this one does not",
        Limits::DEFAULT.judged_releases
    );
    let at = reasons.iter().position(|reason| reason.part != Part::Evidence).unwrap_or(reasons.len());
    reasons.insert(at, Reason::new(Code::ReleasesNotTried, Severity::Warn, Part::Evidence, explain));
}

/// What a release does to a verdict, whatever was measured.
fn about_release(offer: &Offer, by: &Releases<'_>) -> Vec<Reason> {
    let (release, mut reasons) = (offer.release(), Vec::new());
    let mut add = |code, severity, detail_code, explain: String| {
        let reason = Reason::new(code, severity, Part::Evidence, explain);
        reasons.push(Reason { detail_code, ..reason });
    };
    let named = || format!("the release {} ({})", release.request().version, release.id());
    if let Some(why) = offer.not_now(by.view, by.now) {
        let explain = format!("{} does not count any more: {}", named(), why.detail);
        add(Code::ReleaseWithdrawn, Severity::Refuse, Some(why.code), explain);
    } else if let Standing::Provisional { until } = release.standing() {
        let explain = format!(
            "{} was let in without waiting; nobody has looked at it, and it lapses at {}",
            named(),
            until.utc()
        );
        add(Code::EmergencyReleaseUnreviewed, Severity::Warn, None, explain);
    }
    if !offer.is_accepted() {
        let explain =
            format!("{} is of tier `{}`, which is not accepted here", named(), release.tier().name());
        add(Code::ReleaseTierNotAccepted, Severity::Refuse, None, explain);
    }
    if offer.is_accepted() && matches!(release.tier(), Tier::Dev | Tier::Delegated) {
        // What the request says of its keys was held against the policy.
        let has_file_key = release.request().file_keys().next().is_some();
        let key = if has_file_key { ", and it was signed with a key in a file, for development" } else { "" };
        let tier = release.tier().name();
        let explain = format!("{} is of tier `{tier}`, which needs nobody's approval{key}", named());
        add(Code::ReleaseLowAssurance, Severity::Warn, None, explain);
    }
    let stale = match by.view.freshness(by.time()) {
        Freshness::Fresh => None,
        Freshness::Stale => Some(Severity::Warn),
        Freshness::TooOld => Some(Severity::Refuse),
    };
    if let Some(severity) = stale {
        let seen = by.view.time().utc();
        let explain =
            format!("the log of releases is known up to {seen}: what was revoked since is not known");
        add(Code::ReleaseViewStale, severity, None, explain);
    }
    if by.is_forked {
        let explain = "two histories of the log of releases were witnessed: nobody knows which one holds";
        add(Code::ReleaseLogForked, Severity::Refuse, None, explain.to_owned());
    }
    reasons.extend(weakness::reasons(release, by));
    reasons
}

#[cfg(test)]
mod tests;
