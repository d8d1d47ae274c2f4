//! The appraisal: proof and golden values in, verdict out. Total; whatever is not proven good refuses.

use super::boot::{self, Boot};
use super::cause::{Explained, RootCause};
use super::finding::{Cause, Code, Part, Reason, Severity};
use super::policy::{Context, Policy};
use super::report::first_difference;
use super::roots::{measured_again, merge, root_causes, sort};
use super::status::{at_best, status, statuses};
use super::verdict::{
    ComponentVerdict, ImaCoverage, JudgedPcr, Proven, Status, SubVerdict, TrustVector, Verdict,
};
use super::{difference, runtime, token, unexplained};
use super::{evidence as facts, vector};
use crate::Timestamp;
use crate::authenticate::{self, AuthenticEvidence, AuthenticToken, Subject, Untold};
use crate::digest::in_hex;
use crate::reference::index::Index;
use crate::reference::{GoldenSource, ReferenceSet};

impl Policy {
    /// Judges authentic evidence without tokens: [`appraise_with_tokens`](Self::appraise_with_tokens).
    #[must_use]
    pub fn appraise(
        &self,
        evidence: &AuthenticEvidence<'_>,
        references: &ReferenceSet,
        context: &Context,
    ) -> Verdict {
        self.appraise_with_tokens(evidence, &[], references, context)
    }

    /// Judges authentic evidence and the tokens beside it. Every finding is reported, in a fixed order: the evidence itself, the golden
    /// values, the log, the PCRs, the boot, the runtime, the tokens.
    #[must_use]
    pub fn appraise_with_tokens(
        &self,
        evidence: &AuthenticEvidence<'_>,
        tokens: &[AuthenticToken],
        references: &ReferenceSet,
        context: &Context,
    ) -> Verdict {
        self.appraise_by(evidence, tokens, references, context, Vec::new())
    }

    /// The same, where something is found about the golden values themselves.
    pub(super) fn appraise_by(
        &self,
        evidence: &AuthenticEvidence<'_>,
        tokens: &[AuthenticToken],
        references: &ReferenceSet,
        context: &Context,
        about_release: Vec<Reason>,
    ) -> Verdict {
        let golden = references.golden();
        let mut reasons = facts::about_evidence(evidence, self, context);
        reasons.extend(about_release);
        reasons.extend(facts::about_golden(references, self, context));
        reasons.extend(facts::about_overlay(evidence, references));
        reasons.extend(facts::about_log(evidence, golden));
        reasons.extend(facts::about_userspace(evidence));
        let unexplained = unexplained::judge(evidence, references);
        reasons.extend(unexplained.reasons);
        let boot = boot::judge(evidence, references, &unexplained.diagnoses);
        reasons.extend(boot.reasons.iter().cloned());
        let runtime = runtime::judge(evidence, references);
        reasons.extend(runtime.reasons);
        let tokens = token::judge(tokens, Some(evidence), references);
        reasons.extend(tokens.reasons.iter().cloned());
        reasons.push(facts::limits());

        let by: Vec<Cause> = difference::attribute(&boot.differences);
        let mut causes = unexplained.causes;
        let mut differing = root_causes(&boot.differences, &by);
        measured_again(&mut differing, evidence);
        causes.extend(differing);
        causes.extend(runtime::causes(&reasons));
        merge(&mut causes);
        sort(&mut causes);

        let parts = statuses(&reasons, golden.ima.is_some());
        let components = components(references.index(), &boot, &reasons, parts.0);
        let vectors = vector::vectors(evidence, &boot, &reasons, parts, Some(golden));
        let mut source = references.source().clone();
        source.variant = boot.variant.clone().filter(|_| boot.explained);
        let tokens = tokens.verdicts(&reasons, vectors.whole.instance_identity);
        let of_tokens = tokens.iter().map(|token| token.verdict);
        let status = of_tokens.clone().fold(parts.0.worst(parts.1), |worst, token| worst.worst(token.status));
        Verdict {
            status,
            trust_vector: of_tokens
                .fold(vectors.whole, |whole, token| token::worse(whole, token.trust_vector)),
            tokens,
            boot: SubVerdict { status: parts.0, trust_vector: vectors.boot },
            runtime: SubVerdict { status: parts.1, trust_vector: vectors.runtime },
            components,
            reasons,
            causes,
            first_difference: first_difference(&boot.differences, &by, evidence),
            comparison: boot.comparison,
            golden: source,
            family: context.family.clone(),
            valid_until: lasting(references, status),
            device: device(evidence.quote().subject()),
            judged: boot
                .judged
                .iter()
                .map(|(pcr, bank)| JudgedPcr { pcr: (*pcr).into(), bank: bank.name() })
                .collect(),
            proven: Some(proven(evidence)),
            ima_checkpoint: runtime.checkpoint,
        }
    }

    /// Judges tokens that came without a quote: boot and runtime are `none`. Only for families whose golden values judge no boot; a device of
    /// another family that leaves its quote out is refused.
    #[must_use]
    pub fn appraise_tokens(
        &self,
        tokens: &[AuthenticToken],
        references: &ReferenceSet,
        context: &Context,
    ) -> Verdict {
        let golden = references.golden();
        let mut reasons = facts::about_tokens(golden, context);
        let judged = token::judge(tokens, None, references);
        reasons.extend(judged.reasons.iter().cloned());
        let subject = tokens.first().map(AuthenticToken::subject);
        let revoked = reasons.iter().any(|reason| reason.code == Code::Revoked);
        let identity = vector::instance_identity(subject.unwrap_or(&Subject::Vouched), revoked);
        let of_tokens = judged.verdicts(&reasons, identity);
        // Alone, the evidence as a whole: no part of a boot is judged.
        let start = status(at_best(&reasons), None, false);
        let nothing = SubVerdict { status: Status::None, trust_vector: TrustVector::default() };
        let vectors = of_tokens.iter().map(|token| token.verdict.trust_vector);
        let status = of_tokens.iter().fold(start, |worst, token| worst.worst(token.verdict.status));
        Verdict {
            status,
            trust_vector: vectors.fold(TrustVector::default(), token::worse),
            boot: nothing,
            runtime: nothing,
            tokens: of_tokens,
            components: Vec::new(),
            reasons,
            causes: Vec::new(),
            first_difference: None,
            comparison: Vec::new(),
            golden: references.source().clone(),
            family: context.family.clone(),
            valid_until: lasting(references, status),
            device: subject.and_then(device),
            judged: Vec::new(),
            ima_checkpoint: None,
            proven: None,
        }
    }

    /// The verdict on evidence that could not be proven: refused, and nothing in it is said to be so. `code` is the stable code of
    /// [`authenticate::Error`](crate::authenticate::Error) or of the check that came before it.
    #[must_use]
    pub fn refuse(
        &self,
        code: &'static str,
        detail: &str,
        source: GoldenSource,
        context: &Context,
    ) -> Verdict {
        let mut reason = Reason::new(Code::EvidenceNotAuthentic, Severity::Refuse, Part::Evidence, detail);
        reason.detail_code = Some(code);
        let mut reasons = vec![reason];
        reasons.extend(facts::development(context));
        let refused =
            SubVerdict { status: Status::Contraindicated, trust_vector: TrustVector::NOT_AUTHENTIC };
        Verdict {
            status: Status::Contraindicated,
            trust_vector: TrustVector::NOT_AUTHENTIC,
            boot: refused,
            runtime: refused,
            tokens: Vec::new(),
            components: Vec::new(),
            reasons,
            causes: Vec::new(),
            first_difference: None,
            comparison: Vec::new(),
            golden: source,
            family: context.family.clone(),
            valid_until: None,
            device: None,
            judged: Vec::new(),
            proven: None,
            ima_checkpoint: None,
        }
    }

    /// The same on evidence that was looked at: where the registers are known of which the logs tell too little, a cause names them, and says
    /// that nothing proves it.
    #[must_use]
    pub fn refuse_unproven(
        &self,
        error: &authenticate::Error,
        detail: &str,
        source: GoldenSource,
        context: &Context,
    ) -> Verdict {
        let causes = match error {
            authenticate::Error::PcrsUntold { untold, .. } => withheld(untold).into_iter().collect(),
            _ => Vec::new(),
        };
        Verdict { causes, ..self.refuse(error.code(), detail, source, context) }
    }

    /// The verdict on authentic evidence of a device whose overlay does not count: refused without a look at what it booted, because what
    /// would be golden for it is not known. What the quote proves of itself stays. `code` is the stable code of
    /// [`overlay::Error`](crate::reference::overlay::Error) or of the shell that could not read it.
    #[must_use]
    pub fn refuse_overlay(
        &self,
        code: &'static str,
        detail: &str,
        evidence: &AuthenticEvidence<'_>,
        references: &ReferenceSet,
        context: &Context,
    ) -> Verdict {
        let mut reason = Reason::new(Code::OverlayRefused, Severity::Refuse, Part::Evidence, detail);
        reason.detail_code = Some(code);
        self.refuse_golden(reason, evidence, Some(references), context)
    }

    /// The same where there are no golden values for this device, whatever the reason is.
    pub(super) fn refuse_golden(
        &self,
        reason: Reason,
        evidence: &AuthenticEvidence<'_>,
        references: Option<&ReferenceSet>,
        context: &Context,
    ) -> Verdict {
        let (code, detail) = (reason.code.as_str(), reason.explain.clone());
        let golden = references.map(ReferenceSet::golden);
        let source = references.map_or_else(GoldenSource::no_release, |known| known.source().clone());
        let mut reasons = facts::about_evidence(evidence, self, context);
        reasons.push(reason);
        let parts = statuses(&reasons, golden.is_some_and(|golden| golden.ima.is_some()));
        let vectors = vector::vectors(evidence, &Boot::default(), &reasons, parts, golden);
        Verdict {
            trust_vector: vectors.whole,
            boot: SubVerdict { status: parts.0, trust_vector: vectors.boot },
            runtime: SubVerdict { status: parts.1, trust_vector: vectors.runtime },
            device: device(evidence.quote().subject()),
            proven: Some(proven(evidence)),
            reasons,
            ..self.refuse(code, &detail, source, context)
        }
    }
}

/// A log of user space that tells less than a good boot's.
fn withheld(untold: &Untold) -> Option<RootCause> {
    let mut pcrs = untold.userspace.iter().map(|pcr| u32::from(*pcr));
    let first = pcrs.next()?;
    let cause = if untold.has_userspace_log { Cause::LogIncomplete } else { Cause::LogMissing };
    Some(RootCause {
        or: Some(Cause::UnloggedExtension),
        component: Some("userspace".into()),
        pcr: Some(first),
        explains: pcrs.map(|pcr| Explained { pcr, event: None, log: None }).collect(),
        unproven: true,
        ..RootCause::new(cause)
    })
}

fn components(index: &Index, boot: &Boot, reasons: &[Reason], boot_status: Status) -> Vec<ComponentVerdict> {
    let refuses = |name: &str| {
        reasons.iter().any(|r| r.severity == Severity::Refuse && r.component.as_deref() == Some(name))
    };
    let proven = |pcr: u8| boot.judged.iter().any(|(judged, _)| *judged == pcr);
    let golden = boot.components.iter().map(|(number, pcr)| {
        let name = index.component(*number);
        let status = match (refuses(&name), proven(*pcr), boot_status) {
            (true, ..) => Status::Contraindicated,
            (false, false, _) => Status::None,
            (false, true, _) => Status::Affirming,
        };
        ComponentVerdict { name, status }
    });
    let mut all: Vec<ComponentVerdict> = golden.collect();
    let unknown =
        boot.reasons.iter().filter(|r| r.severity == Severity::Refuse).filter_map(|r| r.component.as_deref());
    for name in unknown {
        if all.iter().all(|c| *c.name != *name) {
            all.push(ComponentVerdict { name: name.into(), status: Status::Contraindicated });
        }
    }
    all
}

/// Until when what a verdict stands on counts. A refusal stands on nothing that could lapse.
fn lasting(references: &ReferenceSet, status: Status) -> Option<Timestamp> {
    references.valid_until().filter(|_| status != Status::Contraindicated)
}

fn device(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Enrolled { device_id } => Some(device_id.clone()),
        Subject::Vouched => None,
    }
}

fn proven(evidence: &AuthenticEvidence<'_>) -> Proven {
    let quote = evidence.quote();
    Proven {
        nonce: in_hex(quote.nonce().as_bytes()),
        ak_name: quote.key_name().map(in_hex),
        clock: quote.clock_info(),
        firmware_version: format!("{:016x}", quote.firmware_version()),
        ima: evidence.ima().and_then(|ima| ima.coverage()).map(|c| ImaCoverage {
            bank: c.bank.name(),
            entries_covered: c.entries_covered,
            entries_left_over: c.entries_left_over,
        }),
    }
}
