//! Findings about the evidence as a whole, the golden values and the log.

use super::finding::{Code, Part, Reason, Severity};
use super::policy::{Context, LastSeen, Policy, Reset, Taken};
use crate::authenticate::quote::AuthenticQuote;
use crate::authenticate::{AuthenticEvidence, Outcome};
use crate::evidence::tcg_event;
use crate::evidence::tcg_log::{Finding, FindingKind, Format};
use crate::evidence::tpm::ClockInfo;
use crate::evidence::{FirmwareLog, UserspaceLog};
use crate::reference::ReferenceSet;
use crate::reference::golden::{Golden, Quirk};

/// Authenticity, identity and clock.
pub(super) fn about_evidence(
    evidence: &AuthenticEvidence<'_>,
    policy: &Policy,
    context: &Context,
) -> Vec<Reason> {
    let quote = evidence.quote();
    let mut reasons = about_device(context);
    let mut add = |code, severity, explain: String| {
        reasons.push(Reason::new(code, severity, Part::Evidence, explain));
    };
    if !quote.attributes_proven() {
        let explain = "the attestation key is a bare public key: nothing proves that it is restricted and lives in a TPM";
        add(Code::AkAttributesUnproven, Severity::Warn, explain.into());
    }
    let clock = quote.clock_info();
    if !clock.safe {
        let explain = "the TPM says that its clock may have gone back since it was last shut down orderly";
        add(Code::ClockUnsafe, taken(policy.clock_unsafe()), explain.into());
    }
    if let Some(last) = &context.last_seen {
        about_counters(quote, last, policy, &mut add);
    }
    reasons.extend(context.lease.and_then(|lease| within_lease(lease, clock, policy)));
    reasons
}

/// What the same TPM said before, against what it says now.
fn about_counters(
    quote: &AuthenticQuote<'_>,
    last: &LastSeen,
    policy: &Policy,
    add: &mut impl FnMut(Code, Severity, String),
) {
    let clock = quote.clock_info();
    if clock.reset_count < last.clock.reset_count {
        let explain = format!(
            "the TPM's reset counter went from {} back to {}",
            last.clock.reset_count, clock.reset_count
        );
        add(Code::ResetCountWentBack, Severity::Refuse, explain);
    } else if clock.reset_count > last.clock.reset_count {
        let times = clock.reset_count.saturating_sub(last.clock.reset_count);
        let explain = format!("the device was restarted {times} time(s) since it was last seen");
        add(Code::Rebooted, Severity::Info, explain);
    } else if clock.clock < last.clock.clock || clock.restart_count < last.clock.restart_count {
        let explain = format!(
            "the TPM's clock went from {} ms (restart {}) back to {} ms (restart {}) without a reset",
            last.clock.clock, last.clock.restart_count, clock.clock, clock.restart_count
        );
        add(Code::ClockWentBack, Severity::Refuse, explain);
    } else if clock.restart_count > last.clock.restart_count {
        let times = clock.restart_count.saturating_sub(last.clock.restart_count);
        let explain = format!(
            "the TPM was restarted or resumed {times} time(s) without a reset since it was last seen"
        );
        add(Code::Resumed, Severity::Info, explain);
    }
    if quote.firmware_version() != last.firmware_version {
        let explain = format!(
            "the TPM's firmware version was {:016x} and is {:016x}",
            last.firmware_version,
            quote.firmware_version()
        );
        add(Code::FirmwareVersionChanged, taken(policy.firmware_version_changed()), explain);
    }
}

/// PCRs that were reset without a boot (a flaw of a sleep state, the TPM's reset line) can be filled with golden values: only the counters
/// tell. A boot looks the same, so where devices do not boot on their own, the policy lets neither affirm while the credential for the time
/// before still counts.
fn within_lease(lease: ClockInfo, now: ClockInfo, policy: &Policy) -> Option<Reason> {
    let severity = match policy.reset_within_lease() {
        Reset::Accept => return None,
        Reset::Refuse => Severity::Refuse,
        Reset::Warn => Severity::Warn,
    };
    let explain = format!(
        "the TPM was reset or restarted (counters {}/{}, now {}/{}) while the verdict given before still counts, and nobody said that it \
         would be: PCRs that are reset without a boot look like this",
        lease.reset_count, lease.restart_count, now.reset_count, now.restart_count
    );
    let has_moved = (lease.reset_count, lease.restart_count) != (now.reset_count, now.restart_count);
    has_moved.then(|| Reason::new(Code::ResetWithinLease, severity, Part::Boot, explain))
}

const fn taken(taken: Taken) -> Severity {
    match taken {
        Taken::Refuse => Severity::Refuse,
        Taken::Warn => Severity::Warn,
    }
}

pub(super) fn development(context: &Context) -> Vec<Reason> {
    let explain = "made in development mode: no access system should accept it";
    let mark = || Reason::new(Code::DevelopmentMode, Severity::Warn, Part::Evidence, explain);
    context.development.then(mark).into_iter().collect()
}

/// What the caller knows, whatever the evidence is.
fn about_device(context: &Context) -> Vec<Reason> {
    let mut reasons = development(context);
    if let Some(why) = &context.revoked {
        let explain = format!("the device is revoked: {why}");
        reasons.push(Reason::new(Code::Revoked, Severity::Refuse, Part::Evidence, explain));
    }
    reasons
}

/// Whether the golden values speak for devices like this one.
fn other_family(golden: &Golden, context: &Context) -> Option<Reason> {
    if golden.family == context.family {
        return None;
    }
    let explain =
        format!("the golden values are for `{}`, the device is a `{}`", golden.family, context.family);
    Some(Reason::new(Code::FamilyMismatch, Severity::Refuse, Part::Evidence, explain))
}

/// Whether there is anything to compare with, and for whom it speaks.
pub(super) fn about_golden(references: &ReferenceSet, policy: &Policy, context: &Context) -> Vec<Reason> {
    let golden = references.golden();
    let mut reasons: Vec<Reason> = other_family(golden, context).into_iter().collect();
    let mut add = |code, severity, explain: String| {
        reasons.push(Reason::new(code, severity, Part::Evidence, explain));
    };
    if golden.judged.is_empty() {
        add(Code::GoldenMissing, Severity::Refuse, "the golden document judges no PCR".into());
    }
    if policy.must_judge().is_empty() {
        add(
            Code::PolicyEmpty,
            Severity::Refuse,
            "the policy asks for no PCR: it would accept anything".into(),
        );
    }
    for pcr in policy.must_judge().iter().filter(|pcr| !golden.judged.contains(pcr)) {
        let explain = format!("the policy asks for PCR {pcr}, the golden document does not judge it");
        add(Code::PolicyNotCovered, Severity::Refuse, explain);
    }
    if references.is_log_only() {
        let explain = "golden values were learned from a log that no quote covered";
        add(Code::GoldenLogOnly, Severity::Warn, explain.into());
    }
    reasons
}

/// Whether an overlay's values are this device's.
pub(super) fn about_overlay(evidence: &AuthenticEvidence<'_>, references: &ReferenceSet) -> Option<Reason> {
    let device = references.bound_to()?;
    let explain = "the golden values carry the overlay of another device";
    let refusal = || Reason::new(Code::OverlayDeviceMismatch, Severity::Refuse, Part::Evidence, explain);
    (evidence.quote().key_name() != Some(device)).then(refusal)
}

/// The log as such: missing, empty, or with findings of its own.
pub(super) fn about_log(evidence: &AuthenticEvidence<'_>, golden: &Golden) -> Vec<Reason> {
    let refuse = |code, explain: &str| vec![Reason::new(code, Severity::Refuse, Part::Boot, explain)];
    let log = match evidence.firmware_log() {
        FirmwareLog::Missing => {
            return refuse(Code::LogMissing, "there is no event log: nothing says what was booted");
        }
        FirmwareLog::Empty => {
            let explain = "the event log is empty: nothing says what was booted, though the quote is good";
            return refuse(Code::LogEmpty, explain);
        }
        FirmwareLog::Given(log) if log.format() == Format::Ccel => {
            return refuse(Code::LogNotOfTpm, "a CCEL log tells of other registers than the quoted PCRs");
        }
        FirmwareLog::Given(log) => log,
    };
    let tolerated = |quirk| golden.workarounds.iter().any(|w| w.quirk == quirk);
    let reason = |finding: &Finding| {
        let quirk = match finding.kind {
            FindingKind::DuplicateSeparator => Some(Quirk::SeparatorDuplicate),
            FindingKind::SeparatorMissing => Some(Quirk::SeparatorMissing),
            _ => None,
        };
        let tolerated = quirk.filter(|quirk| tolerated(*quirk));
        let (code, severity, explain) = match tolerated {
            Some(quirk) => (
                Code::WorkaroundUsed,
                Severity::Info,
                format!("tolerated as `{}`: {}", quirk.name(), finding.kind),
            ),
            None => (Code::LogFinding, severity(finding, golden), finding.kind.to_string()),
        };
        Reason {
            detail_code: Some(finding.code()),
            pcr: finding.pcr,
            event: finding.event,
            ..Reason::new(code, severity, Part::Boot, explain)
        }
    };
    // What the boot says of itself counts where the quote proves it; a register that the log does not explain refuses by itself.
    let is_proven = |finding: &Finding| {
        let pcr = finding.pcr.and_then(|pcr| u8::try_from(pcr).ok());
        pcr.and_then(|pcr| evidence.outcome(evidence.deciding_bank(pcr)?, pcr))
            .is_some_and(Outcome::is_explained)
    };
    let told: Vec<Finding> =
        tcg_event::findings_in(log, &evidence.pcrs().banks()).into_iter().filter(is_proven).collect();
    log.findings().iter().chain(&told).map(reason).collect()
}

/// What a finding weighs beside golden values: what a boot says of itself in a judged register, people have reviewed by its digests, so
/// there it only explains. A key that was never to be shipped must have been accepted by name, and so must keys that are not proven: no
/// log is better for what it hides.
fn severity(finding: &Finding, golden: &Golden) -> Severity {
    let is_judged =
        finding.pcr.and_then(|pcr| u8::try_from(pcr).ok()).is_some_and(|pcr| golden.judged.contains(&pcr));
    match finding.kind {
        FindingKind::TestKey { .. } | FindingKind::TestKeyUnproven
            if golden.accepted.iter().all(|a| a.weakness != "test_keys") =>
        {
            finding.severity()
        }
        kind if is_judged && kind.is_of_the_boot() => Severity::Info,
        _ => finding.severity(),
    }
}

/// The log of user space, by its own findings.
pub(super) fn about_userspace(evidence: &AuthenticEvidence<'_>) -> Vec<Reason> {
    let findings = evidence.userspace().map(UserspaceLog::findings).unwrap_or_default();
    let reason = |finding: &crate::evidence::userspace_log::Finding| Reason {
        detail_code: Some(finding.code()),
        component: Some("userspace".into()).filter(|_| finding.severity() == Severity::Refuse),
        pcr: finding.pcr.map(u32::from),
        event: finding.record,
        log: Some("userspace"),
        ..Reason::new(Code::LogFinding, finding.severity(), Part::Boot, finding.kind.to_string())
    };
    findings.iter().map(reason).collect()
}

/// Tokens that came without a quote: the device, the golden values, and that no quote was wanted.
pub(super) fn about_tokens(golden: &Golden, context: &Context) -> Vec<Reason> {
    let mut reasons = about_device(context);
    reasons.extend(other_family(golden, context));
    let mut refuse =
        |code, explain| reasons.push(Reason::new(code, Severity::Refuse, Part::Evidence, explain));
    if golden.tokens.is_empty() {
        refuse(Code::GoldenMissing, "the golden document judges no token");
    }
    if !golden.judged.is_empty() {
        let explain =
            "the golden values judge a boot, and there is no quote: what is left out is not passed over";
        refuse(Code::QuoteMissing, explain);
    }
    reasons
}

/// What no boot verdict can say.
pub(super) fn limits() -> Reason {
    let explain = "not proven by a boot verdict: what a hibernation image, a kexec or a root file system that is not measured \
                   brought in, and that the TPM is still in the machine it was enrolled with";
    Reason::new(Code::Limits, Severity::Info, Part::Evidence, explain)
}
