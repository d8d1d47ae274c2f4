//! Runtime integrity: what IMA measured after the boot, as far as the quote proves it.

use super::boot::Boot;
use super::carried::{carried, kept};
use super::cause::RootCause;
use super::files::Files;
use super::finding::{Cause, Code, Part, Reason, Severity};
use crate::authenticate::ima::{BootAggregate, ToldAggregate, Unproven};
use crate::authenticate::{AuthenticEvidence, AuthenticIma, ImaCheckpoint, Judged};
use crate::digest::HashAlg;
use crate::evidence::ima_log::{Entry, IMA_PCR};
use crate::evidence::tcg_event::authenticated_everywhere;
use crate::evidence::tcg_log::{Event, EventLog};
use crate::limits::Limits;
use crate::reference::golden::{Golden, ImaGolden, ImaPath, PathEffect, Response, Slot};
use crate::reference::{ReferenceSet, component};

/// [`IMA_PCR`] as the quote counts.
const IMA: u8 = 10;

/// What the list comes to.
pub(super) struct Runtime {
    pub(super) reasons: Vec<Reason>,
    /// What a later quote of the same boot may go on from: only where nothing refuses.
    pub(super) checkpoint: Option<ImaCheckpoint>,
}

/// Judges the proven part of the list. Without golden values for files only what makes the list a lie is reported.
pub(super) fn judge(evidence: &AuthenticEvidence<'_>, references: &ReferenceSet) -> Runtime {
    let golden = references.golden();
    let mut reasons: Vec<Reason> = told_by_firmware(evidence).into_iter().collect();
    let Some(ima) = evidence.ima() else {
        let missing = "there are golden values for measured files, but no IMA list";
        let reason = || Reason::new(Code::ImaMissing, Severity::Refuse, Part::Runtime, missing);
        reasons.extend(golden.ima.is_some().then(reason));
        return Runtime { reasons, checkpoint: None };
    };
    reasons.extend(boot_aggregate(ima));
    reasons.extend(coverage(ima));
    reasons.extend(outside(ima));
    let document = references.source().document_sha256.clone().unwrap_or_default();
    let before = Before::of(ima, &document);
    if !before.is_of_document {
        let explain =
            "the beginning of the list was judged by another golden document: the whole list is wanted";
        reasons.push(Reason::new(Code::ImaCheckpointForeign, Severity::Refuse, Part::Runtime, explain));
    }
    let is_kexec = |reason: &Reason| reason.code == Code::KexecOrLostList;
    let (kexec, about_files): (Vec<_>, Vec<_>) = before.reasons.into_iter().partition(is_kexec);
    let mut about_entries = kexec;
    about_entries.extend(second_kernel(evidence, ima, golden.ima.as_ref()));
    reasons.extend(about_entries.iter().cloned());
    let Some(rules) = &golden.ima else { return Runtime { reasons, checkpoint: None } };
    reasons.extend(nothing_to_judge(evidence, ima, rules, references));
    let files = Files { rules, index: references.files(), references };
    let found = files.judge(ima, about_files, before.judged);
    about_entries.extend(found.about_entries.iter().cloned());
    reasons.extend(found.about_entries);
    reasons.extend(files.about_the_whole(&found.judged));
    let is_good = reasons.iter().all(|reason| reason.severity < Severity::Refuse) && ima.proves(IMA);
    let judged = Judged { document_sha256: document, reasons: kept(&about_entries), ..found.judged };
    let is_kept = is_good && about_entries.len() == judged.reasons.len();
    let checkpoint = is_kept.then(|| ima.checkpoint(evidence.quote(), judged)).flatten();
    Runtime { reasons, checkpoint }
}

/// What was judged of the beginning of the list, if only what follows was sent.
struct Before {
    is_of_document: bool,
    reasons: Vec<Reason>,
    judged: Judged,
}

impl Before {
    fn of(ima: &AuthenticIma<'_>, document: &str) -> Self {
        let Some(before) = ima.before() else {
            return Self { is_of_document: true, reasons: Vec::new(), judged: Judged::default() };
        };
        let reasons = before.judged.reasons.iter().map(carried).collect::<Option<Vec<_>>>();
        Self {
            // Findings that cannot be read again are not forgotten, either.
            is_of_document: !document.is_empty()
                && before.judged.document_sha256 == document
                && reasons.is_some(),
            reasons: reasons.unwrap_or_default(),
            judged: before.judged.clone(),
        }
    }
}

/// Events of PCR 10 in the firmware's log: what IMA measured could be told there, where no file is judged.
fn told_by_firmware(evidence: &AuthenticEvidence<'_>) -> Option<Reason> {
    let first = evidence.extends(IMA).next().map(|event| event.index())?;
    let explain =
        "a log beside IMA's list has events in PCR 10, which is IMA's: its own list alone may explain it";
    let reason = Reason::new(Code::EventUnexpected, Severity::Refuse, Part::Runtime, explain);
    Some(Reason { pcr: Some(IMA_PCR), event: Some(first), component: Some("ima".into()), ..reason })
}

/// Another boot_aggregate that was extended: a second kernel went on with the first one's list, or a file bears that name.
fn second_kernel(
    evidence: &AuthenticEvidence<'_>,
    ima: &AuthenticIma<'_>,
    rules: Option<&ImaGolden>,
) -> Vec<Reason> {
    let is_resumed = ima.before().is_some();
    let first = ima.proven_entries().find(|entry| entry.pcr == IMA_PCR).map(|entry| entry.index);
    let again = ima.proven_boot_aggregates().filter(|entry| is_resumed || Some(entry.index) != first);
    let reason = |entry: Entry<'_>| {
        let quoted = |alg, pcr| evidence.pcrs().get(alg, u8::try_from(pcr).ok()?);
        // The second kernel reads the same PCRs as the first, unless something was measured in between.
        let is_same_boot = matches!(ToldAggregate::of(&entry).check(quoted), BootAggregate::Match { .. });
        let is_tolerated = rules.is_some_and(|rules| rules.kexec == Response::Warn) && is_same_boot;
        let severity = if is_tolerated { Severity::Warn } else { Severity::Refuse };
        let explain = "the list has a second boot_aggregate: a kexec into a kernel that no boot measurement covers, or a file of that name";
        Reason {
            pcr: Some(entry.pcr),
            event: Some(entry.index),
            component: Some("ima.boot_aggregate".into()),
            cause: Some(Cause::KexecOrLostList),
            ..Reason::new(Code::KexecOrLostList, severity, Part::Runtime, explain)
        }
    };
    again.map(reason).take(Limits::DEFAULT.findings).collect()
}

/// Golden values for no file, or a list that nothing proves: judging them would affirm by saying nothing.
fn nothing_to_judge(
    evidence: &AuthenticEvidence<'_>,
    ima: &AuthenticIma<'_>,
    rules: &ImaGolden,
    references: &ReferenceSet,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |code, severity, explain: &str| {
        let reason = Reason::new(code, severity, Part::Runtime, explain);
        reasons.push(Reason { component: Some("ima".into()), pcr: Some(IMA.into()), ..reason });
    };
    if rules.files.is_empty() && rules.signers.is_empty() {
        let explain = "the golden document has a section for measured files, and no file or signer in it";
        add(Code::GoldenMissing, Severity::Refuse, explain);
    }
    if references.files().has_weak() {
        add(
            Code::WeakBank,
            Severity::Warn,
            "golden files are known by SHA-1 digests, which are too weak to judge by",
        );
    }
    if !evidence.outcomes().iter().any(|(_, pcr, _)| *pcr == IMA) {
        let explain = "files are judged, but the quote does not cover PCR 10: nothing proves the list";
        add(Code::PcrNotQuoted, Severity::Refuse, explain);
    } else if !ima.is_in(IMA) {
        let explain = "there are golden values for measured files, but the list has no entry in PCR 10";
        add(Code::ImaMissing, Severity::Refuse, explain);
    } else if !ima.proves(IMA) {
        let explain = "files are judged, but no part of the list leads to the quoted PCR 10";
        add(Code::KexecOrLostList, Severity::Refuse, explain);
    } else if ima.coverage().is_some_and(|coverage| coverage.bank.strength() == 0) {
        let explain = "PCR 10 is quoted in the SHA-1 bank alone, which is too weak to judge by";
        add(Code::WeakBank, Severity::Refuse, explain);
    }
    reasons
}

fn boot_aggregate(ima: &AuthenticIma<'_>) -> Option<Reason> {
    let (code, severity, explain, expected, got) = match ima.boot_aggregate() {
        BootAggregate::Match { .. } => return None,
        BootAggregate::Mismatch { alg, expected, got } => (
            Code::BootAggregateMismatch,
            Severity::Refuse,
            format!(
                "boot_aggregate is not the {alg} digest of the quoted PCRs: the list belongs to another boot"
            ),
            vec![expected.to_string()],
            Some(got.to_string()),
        ),
        BootAggregate::Unproven(why) => {
            (Code::BootAggregateUnproven, Severity::Warn, unproven(why), Vec::new(), None)
        }
    };
    let reason = Reason::new(code, severity, Part::Runtime, explain);
    Some(Reason {
        pcr: Some(10),
        event: Some(0),
        component: Some("ima.boot_aggregate".into()),
        expected,
        got,
        ..reason
    })
}

fn unproven(why: Unproven) -> String {
    match why {
        Unproven::AllZero => "boot_aggregate is all zeros: the kernel found no bank that it could use, so nothing ties the list to \
                              this boot but PCR 10 itself"
            .into(),
        Unproven::ListNotQuoted => "the quote does not cover PCR 10: nothing proves the list".into(),
        Unproven::Missing => "the list does not begin with boot_aggregate: nothing ties it to this boot but PCR 10".into(),
        Unproven::NotQuoted { alg, pcr } => {
            format!("boot_aggregate covers PCR {pcr} of the {alg} bank, which is not quoted")
        }
        Unproven::AlgorithmUnknown => "boot_aggregate is in a hash that is not known here".into(),
    }
}

fn coverage(ima: &AuthenticIma<'_>) -> Option<Reason> {
    let padded = ima.coverage().filter(|coverage| coverage.padded)?;
    let explain = format!(
        "the kernel extends the {} bank with zero-padded SHA-1 digests: the list is proven no better than by SHA-1",
        padded.bank
    );
    let reason = Reason::new(Code::ImaPadded, Severity::Warn, Part::Runtime, explain);
    Some(Reason { pcr: Some(10), bank: Some(padded.bank.name()), ..reason })
}

/// Entries that are told and not judged, because the quote proves nothing of their PCRs. What is not judged does not affirm.
fn outside(ima: &AuthenticIma<'_>) -> Option<Reason> {
    let counts = ima.outside();
    let total = counts.values().fold(0_u32, |sum, count| sum.saturating_add(*count));
    let (first, _) = counts.first_key_value()?;
    let each: Vec<String> = counts.iter().map(|(pcr, count)| format!("{count} in PCR {pcr}")).collect();
    let entries = if total == 1 { "entry is" } else { "entries are" };
    let explain = format!(
        "{total} {entries} not judged, in PCRs that are not quoted or can be reset by the running system: {}",
        each.join(", ")
    );
    let reason = Reason::new(Code::ImaPcrNotProven, Severity::Warn, Part::Runtime, explain);
    let pcr = Some(u32::from(*first)).filter(|_| counts.len() == 1);
    Some(Reason { pcr, component: Some("ima".into()), ..reason })
}

/// Root causes among runtime findings, the first of each kind.
pub(super) fn causes(reasons: &[Reason]) -> Vec<RootCause> {
    let mut causes: Vec<RootCause> = Vec::new();
    let found = reasons.iter().filter(|r| r.component.as_deref().is_some_and(|c| c.starts_with("ima.")));
    for reason in found {
        let Some(cause) = reason.cause else { continue };
        if causes.iter().all(|known| known.cause != cause) {
            causes.push(RootCause {
                component: reason.component.clone(),
                pcr: reason.pcr,
                event: reason.event,
                ..RootCause::new(cause)
            });
        }
    }
    causes
}

/// Whether `executables` may say "approved at runtime": the list belongs to the boot, and a golden command line orders the measurements.
pub(super) fn measures_everything(evidence: &AuthenticEvidence<'_>, boot: &Boot, golden: &Golden) -> bool {
    let belongs = evidence.ima().is_some_and(
        |ima| matches!(ima.boot_aggregate(), BootAggregate::Match { alg } if alg != HashAlg::Sha1),
    );
    let rules = golden.ima.as_ref();
    let policy = rules.and_then(|ima| ima.measurement_policy.as_deref());
    // What accounts by its path alone is approved by nobody who has seen it.
    let by_path = |path: &ImaPath| path.effect == PathEffect::AccountsByPathAlone;
    if rules.is_some_and(|ima| ima.paths.iter().any(by_path)) {
        return false;
    }
    let variant = golden.variants.iter().find(|v| Some(&v.name) == boot.variant.as_ref());
    let sequences = variant.and_then(|v| golden.resolve(v).ok()).unwrap_or_default();
    // A sequence that is not judged was compared with nothing.
    let judged = sequences.iter().filter(|s| golden.judged.contains(&s.pcr));
    let mut cmdlines = judged.flat_map(|s| &s.slots).filter(|slot| slot.component.contains("cmdline"));
    let is_ordered = |policy: &str| !policy.is_empty() && cmdlines.any(|slot| orders(evidence, slot, policy));
    boot.explained && belongs && policy.is_some_and(is_ordered)
}

/// Whether the command line of this golden slot has the word, in text that the slot's digest covers.
fn orders(evidence: &AuthenticEvidence<'_>, slot: &Slot, policy: &str) -> bool {
    let is_slot = |event: &&Event<'_>| {
        slot.digests.iter().any(|digest| event.digest(digest.alg()) == Some(digest.as_bytes()))
    };
    let says = |event: &Event<'_>| component::about(event).split(' ').any(|word| word == policy);
    let events = evidence.log().map(EventLog::events).unwrap_or_default();
    events.iter().filter(is_slot).any(|event| authenticated_everywhere(event).is_some() && says(event))
}
