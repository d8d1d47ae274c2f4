//! Quoted PCRs that the logs do not explain: each refuses, with the likely cause and what known thing would lead to its value.

use super::cause::{Explained, RootCause};
use super::explanation::{Lead, Search};
use super::finding::{Cause, Code, Explanation, Part, Reason, Severity};
use crate::authenticate::{AuthenticEvidence, Outcome};
use crate::digest::HashAlg;
use crate::limits::Limits;
use crate::reference::ReferenceSet;
use crate::reference::golden::Quirk;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Unexplained {
    pub(super) reasons: Vec<Reason>,
    pub(super) causes: Vec<RootCause>,
    /// One for each PCR, in the bank that is compared.
    pub(super) diagnoses: Vec<Diagnosis>,
}

/// Why one PCR is not explained.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) pcr: u8,
    pub(super) bank: HashAlg,
    /// Whether what the log says of the PCR is worth comparing: it has its events, and golden ones do not lead to the quoted value.
    pub(super) log_tells_more: bool,
    cause: Cause,
    or: Option<Cause>,
    found: Option<Lead>,
    outcome: Outcome,
}

/// Every quoted PCR that the logs do not explain.
pub(super) fn judge(evidence: &AuthenticEvidence<'_>, references: &ReferenceSet) -> Unexplained {
    let mut unexplained = Unexplained::default();
    let outcomes = evidence.outcomes().iter().copied().filter(|(_, _, o)| !o.is_explained());
    // PCR 16 and 20–23 can be reset from the running system, so neither a value nor its absence says anything.
    let mut outcomes = outcomes.filter(|(_, pcr, _)| !matches!(pcr, 16 | 20..=23)).peekable();
    let mut diagnoses: Vec<Diagnosis> = Vec::new();
    if outcomes.peek().is_some() {
        let mut search = Search::new(evidence, references, Limits::DEFAULT.explaining_extends);
        for (alg, pcr, outcome) in outcomes {
            let decides = evidence.deciding_bank(pcr) == Some(alg);
            if !decides && alg == HashAlg::Sha1 && has_quirk(references, Quirk::Sha1BankMismatch) {
                unexplained.reasons.push(tolerated_sha1(pcr));
            } else {
                diagnoses.push(diagnose(evidence, references, (alg, pcr, outcome), &mut search));
            }
        }
    }
    of_userspace(&mut diagnoses);
    of_good_registers(&mut diagnoses);
    for diagnosis in diagnoses {
        unexplained.reasons.push(reason(evidence, &diagnosis));
        add_cause(&mut unexplained.causes, &diagnosis);
        // The log's own words are compared once, in a bank that the document knows.
        let is_known = unexplained.diagnoses.iter().any(|known| known.pcr == diagnosis.pcr);
        if !is_known && references.golden().banks.contains(&diagnosis.bank) {
            unexplained.diagnoses.push(diagnosis);
        }
    }
    if evidence.log().is_none() {
        // Registers that say so, too, have said so first: one cause is one root.
        let missing = RootCause::new(Cause::LogMissing);
        unexplained.causes.push(RootCause { component: Some("log".into()), ..missing });
    }
    unexplained
}

fn diagnose(
    evidence: &AuthenticEvidence<'_>,
    references: &ReferenceSet,
    (alg, pcr, outcome): (HashAlg, u8, Outcome),
    search: &mut Search<'_>,
) -> Diagnosis {
    let sure = |cause: Cause| Diagnosis {
        pcr,
        bank: alg,
        log_tells_more: false,
        cause,
        or: None,
        found: None,
        outcome,
    };
    if outcome == Outcome::Ambiguous {
        return sure(Cause::LogIncomplete);
    }
    if pcr == 10 && (evidence.ima().is_some() || evidence.log().is_some()) {
        return sure(Cause::KexecOrLostList);
    }
    let found = search.explain(alg, pcr);
    if evidence.log().is_none() {
        return Diagnosis {
            found: found.filter(|found| found.what == Explanation::Golden),
            ..sure(Cause::LogMissing)
        };
    }
    let told = evidence.extends(pcr).count();
    let has_digests = !matches!(outcome, Outcome::NoEvents | Outcome::DigestMissing);
    let what = found.as_ref().map(|found| (found.what, found.by_log));
    let (cause, or) = match what {
        Some((Explanation::UserspacePhases, _)) => {
            (Cause::UserspaceMeasurementChanged, Some(Cause::UnloggedExtension))
        }
        Some((Explanation::Golden, _)) => (Cause::LogIncomplete, Some(Cause::UnloggedExtension)),
        // The log's events are in the PCR, and more.
        Some((Explanation::EventAppended | Explanation::EventRepeated, true)) => {
            (Cause::UnloggedExtension, Some(Cause::LogIncomplete))
        }
        // The log tells more than was extended, or another start.
        Some((_, true)) => (Cause::LogIncomplete, Some(Cause::UnloggedExtension)),
        // A log of another bank says nothing of this one.
        _ if told > 0 && !has_digests => (Cause::LogIncomplete, None),
        _ if lacks_events(references, pcr, told) => (Cause::LogIncomplete, Some(Cause::UnloggedExtension)),
        _ => (Cause::UnloggedExtension, Some(Cause::LogIncomplete)),
    };
    let found = found.or_else(|| {
        let banks: Vec<&str> =
            evidence.log().map(|log| log.banks()).unwrap_or_default().iter().map(|b| b.name()).collect();
        let words =
            format!("the log has no {alg} digests of its events there; its banks are {}", banks.join(", "));
        (told > 0 && !has_digests).then_some(Lead {
            what: Explanation::OtherBank,
            words,
            by_log: true,
            event: None,
        })
    });
    let found = found.or_else(|| {
        let other = evidence.outcomes().iter().find(|(_, p, o)| *p == pcr && *o == Outcome::Match)?;
        let words = format!("its events lead to PCR {pcr} in the {} bank: its {alg} digests are wrong, or the {alg} bank was extended alone", other.0);
        Some(Lead { what: Explanation::OtherBank, words, by_log: true, event: None })
    });
    let log_tells_more = has_digests && what.is_none_or(|(what, _)| what != Explanation::Golden);
    Diagnosis { pcr, bank: alg, log_tells_more, cause, or, found, outcome }
}

/// Whether every golden sequence that is compared has more events in this PCR than the log tells.
fn lacks_events(references: &ReferenceSet, pcr: u8, told: usize) -> bool {
    let mut golden = references.index().of_register(pcr).take(Limits::DEFAULT.compared).peekable();
    golden.peek().is_some() && golden.all(|(sequence, _)| sequence.slots.len() > told)
}

/// PCR 15 is for user space alone: where it was at work in PCR 11, unlogged as well, that explains it.
fn of_userspace(diagnoses: &mut [Diagnosis]) {
    if diagnoses.iter().all(|diagnosis| diagnosis.cause != Cause::UserspaceMeasurementChanged) {
        return;
    }
    for diagnosis in diagnoses.iter_mut().filter(|d| d.pcr == 15 && d.cause == Cause::UnloggedExtension) {
        diagnosis.cause = Cause::UserspaceMeasurementChanged;
        diagnosis.or = Some(Cause::UnloggedExtension);
    }
}

/// A register that is golden in one bank was told wrongly in all: what else would lead to it in a bank that the document lacks says no more.
fn of_good_registers(diagnoses: &mut [Diagnosis]) {
    let is_golden = |d: &&Diagnosis| d.found.as_ref().is_some_and(|found| found.what == Explanation::Golden);
    let good: Vec<_> = diagnoses.iter().filter(is_golden).map(|d| (d.pcr, d.cause, d.or)).collect();
    for diagnosis in diagnoses.iter_mut().filter(|d| d.cause == Cause::UserspaceMeasurementChanged) {
        if let Some((_, cause, or)) = good.iter().find(|(pcr, ..)| *pcr == diagnosis.pcr) {
            (diagnosis.cause, diagnosis.or) = (*cause, *or);
        }
    }
}

fn add_cause(causes: &mut Vec<RootCause>, diagnosis: &Diagnosis) {
    let pcr = Some(u32::from(diagnosis.pcr));
    match causes.iter_mut().find(|c| c.cause == diagnosis.cause) {
        Some(known) if known.pcr != pcr => {
            let at = Explained { pcr: diagnosis.pcr.into(), event: None, log: None };
            if !known.explains.contains(&at) {
                known.explains.push(at);
            }
        }
        Some(_) => {}
        None => causes.push(RootCause {
            or: diagnosis.or,
            component: Some(component(diagnosis).to_owned()),
            pcr,
            ..RootCause::new(diagnosis.cause)
        }),
    }
}

fn has_quirk(references: &ReferenceSet, quirk: Quirk) -> bool {
    references.golden().workarounds.iter().any(|w| w.quirk == quirk)
}

fn tolerated_sha1(pcr: u8) -> Reason {
    let explain = format!(
        "tolerated as `{}`: the log does not replay to PCR {pcr} in the SHA-1 bank",
        Quirk::Sha1BankMismatch.name()
    );
    Reason {
        bank: Some(HashAlg::Sha1.name()),
        pcr: Some(pcr.into()),
        ..Reason::new(Code::WorkaroundUsed, Severity::Info, Part::Boot, explain)
    }
}

fn reason(evidence: &AuthenticEvidence<'_>, diagnosis: &Diagnosis) -> Reason {
    let Diagnosis { pcr, bank: alg, outcome, .. } = *diagnosis;
    let part = if pcr == 10 { Part::Runtime } else { Part::Boot };
    let decides = evidence.deciding_bank(pcr) == Some(alg);
    let (code, explain) = match outcome {
        Outcome::Ambiguous => (
            Code::StoryAmbiguous,
            format!(
                "the IMA list and the log of user space both tell of PCR {pcr}: nothing proves how they belong together"
            ),
        ),
        _ if diagnosis.cause == Cause::KexecOrLostList => (
            Code::KexecOrLostList,
            "the IMA list does not lead to PCR 10: a kexec whose list was not carried over, or a list that was lost or cut".into(),
        ),
        Outcome::NoEvents => {
            (Code::PcrWithoutEvents, format!("PCR {pcr} ({alg}) has a value, but no event explains it"))
        }
        _ if !decides => (
            Code::OtherBankMismatch,
            format!("the log's events do not lead to PCR {pcr} in the quoted {alg} bank; a stronger bank decides"),
        ),
        _ => (Code::ReplayMismatch, format!("the log's events do not lead to the quoted PCR {pcr} ({alg})")),
    };
    let got = match outcome {
        Outcome::Mismatch { replayed } => Some(replayed.to_string()),
        _ => None,
    };
    let words = diagnosis.found.as_ref().map(|found| format!("; {}", found.words)).unwrap_or_default();
    Reason {
        bank: Some(alg.name()),
        pcr: Some(pcr.into()),
        component: Some(component(diagnosis).into()),
        expected: evidence.pcrs().get(alg, pcr).map(|value| value.to_string()).into_iter().collect(),
        got,
        cause: Some(diagnosis.cause),
        event: diagnosis.found.as_ref().and_then(|found| found.event),
        explanation: diagnosis.found.as_ref().map(|found| found.what),
        ..Reason::new(code, Severity::Refuse, part, explain + &words)
    }
}

const fn component(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.pcr {
        10 => "ima",
        11..=15 => "userspace",
        _ => "log",
    }
}
