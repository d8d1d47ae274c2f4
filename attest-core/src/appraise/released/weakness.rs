//! What devices of a family cannot prove, and what makes up for it. Nothing lifts a verdict above `warning` here: without a control, where the
//! policy wants one, it is a refusal.

use super::Releases;
use crate::Timestamp;
use crate::appraise::finding::{Code, Part, Reason, Severity};
use crate::release::evaluate::Release;
use crate::release::policy::{Capability, Weakness};
use crate::release::view::Compensation;

/// One thing that devices of the release's family cannot prove, and what is known of controls for it.
struct Weak<'w> {
    weakness: Weakness,
    code: Code,
    explain: &'static str,
    control: Option<&'w Compensation>,
}

fn weaknesses<'w>(release: &Release, by: &Releases<'w>) -> Vec<Weak<'w>> {
    let family = &release.request().family;
    let weak = |weakness, code, explain| {
        let control = by.view.compensation(family, weakness, by.time());
        Weak { weakness, code, explain, control }
    };
    let roots = release.has_weak_roots().then(|| {
        let explain = "the keys that the makers of this family put into it are known to be weak";
        weak(Weakness::WeakRoots, Code::WeakRoots, explain)
    });
    let capability = match release.capability() {
        Capability::Measured => None,
        Capability::None => {
            let explain = "devices of this family enforce nothing: what they say binds them to nothing";
            Some(weak(Weakness::None, Code::ReleaseCapabilityNone, explain))
        }
        Capability::VerifiedOnly => {
            let explain =
                "devices of this family verify signatures as they boot, and do not measure what they boot";
            Some(weak(Weakness::VerifiedOnly, Code::ReleaseVerifiedOnly, explain))
        }
    };
    roots.into_iter().chain(capability).collect()
}

/// Whether the policy that is followed now wants something that makes up for what devices of this family cannot prove.
fn wants_controls(release: &Release, by: &Releases<'_>) -> bool {
    let family = by.view.policy().and_then(|policy| policy.family(&release.request().family));
    family.is_some_and(|family| family.controls.is_some())
}

/// What a verdict says about it.
pub(super) fn reasons(release: &Release, by: &Releases<'_>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |code, severity, explain: String| {
        reasons.push(Reason::new(code, severity, Part::Evidence, explain));
    };
    for Weak { weakness, code, explain, control } in weaknesses(release, by) {
        add(code, Severity::Warn, explain.to_owned());
        match control.filter(|_| wants_controls(release, by)) {
            Some(one) => {
                let (id, until, done) = (one.id(), one.control().not_after.utc(), &one.control().control);
                let explain = format!("{} is made up for until {until}: {done} ({id})", weakness.name());
                add(Code::ReleaseCompensated, Severity::Info, explain);
            }
            None if wants_controls(release, by) => {
                let explain = format!("nothing makes up for {}, as the policy wants it", weakness.name());
                add(Code::ReleaseControlMissing, Severity::Refuse, explain);
            }
            None => {}
        }
    }
    reasons
}

/// When the first of the controls is over that a verdict stands on.
pub(super) fn lapses(release: &Release, by: &Releases<'_>) -> Option<Timestamp> {
    let controls = weaknesses(release, by).into_iter().filter_map(|weak| weak.control);
    controls.filter(|_| wants_controls(release, by)).map(|one| one.control().not_after).min()
}
