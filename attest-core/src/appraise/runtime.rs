//! Runtime integrity: what IMA measured after the boot, as far as the quote proves it.

use std::collections::BTreeMap;

use super::boot::Boot;
use super::finding::{Cause, Code, Part, Reason, RootCause, Severity};
use crate::authenticate::ima::{BootAggregate, Unproven};
use crate::authenticate::{AuthenticEvidence, AuthenticIma};
use crate::digest::{Digest, HashAlg};
use crate::evidence::ima_log::{BOOT_AGGREGATE, Entry, IMA_PCR};
use crate::evidence::tcg_event::authenticated_everywhere;
use crate::evidence::tcg_log::{Event, EventLog};
use crate::evidence::text::Utf8;
use crate::limits::Limits;
use crate::reference::component;
use crate::reference::golden::{Golden, ImaFile, ImaGolden, Response, Slot};

/// [`IMA_PCR`] as the quote counts.
const IMA: u8 = 10;

/// Judges the proven part of the list. Without golden values for files only what makes the list a lie is reported.
pub(super) fn judge(evidence: &AuthenticEvidence<'_>, golden: &Golden) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = told_by_firmware(evidence).into_iter().collect();
    let Some(ima) = evidence.ima() else {
        let missing = "there are golden values for measured files, but no IMA list";
        let reason = || Reason::new(Code::ImaMissing, Severity::Refuse, Part::Runtime, missing);
        reasons.extend(golden.ima.is_some().then(reason));
        return reasons;
    };
    reasons.extend(boot_aggregate(ima));
    reasons.extend(coverage(ima));
    reasons.extend(second_kernel(ima));
    if let Some(rules) = &golden.ima {
        reasons.extend(nothing_to_judge(evidence, ima, rules));
        Files::new(rules).judge(ima, &mut reasons);
    }
    reasons
}

/// Events of PCR 10 in the firmware's log: what IMA measured could be told there, where no file is judged.
fn told_by_firmware(evidence: &AuthenticEvidence<'_>) -> Option<Reason> {
    let first = evidence.extends(IMA).next().map(|event| event.index())?;
    let explain = "the firmware's log has events in PCR 10, which is IMA's: its list alone may explain it";
    let reason = Reason::new(Code::EventUnexpected, Severity::Refuse, Part::Runtime, explain);
    Some(Reason { pcr: Some(IMA_PCR), event: Some(first), component: Some("ima".into()), ..reason })
}

/// Another boot_aggregate that was extended: a second kernel went on with the first one's list, or a file bears that name.
fn second_kernel(ima: &AuthenticIma<'_>) -> Option<Reason> {
    let first = ima.proven_entries().find(|entry| entry.pcr == IMA_PCR).map(|entry| entry.index);
    let again = ima.proven_entries().find(|entry| is_boot_aggregate(entry) && Some(entry.index) != first)?;
    let explain = "the list has a second boot_aggregate: a kexec into a kernel that no boot measurement covers, or a file of that name";
    Some(Reason {
        pcr: Some(again.pcr),
        event: Some(again.index),
        component: Some("ima.boot_aggregate".into()),
        cause: Some(Cause::KexecOrLostList),
        ..Reason::new(Code::KexecOrLostList, Severity::Refuse, Part::Runtime, explain)
    })
}

fn is_boot_aggregate(entry: &Entry<'_>) -> bool {
    entry.name() == Some(BOOT_AGGREGATE)
}

/// Golden values for no file, or a list that nothing proves: judging them would affirm by saying nothing.
fn nothing_to_judge(
    evidence: &AuthenticEvidence<'_>,
    ima: &AuthenticIma<'_>,
    rules: &ImaGolden,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |code, severity, explain: &str| {
        let reason = Reason::new(code, severity, Part::Runtime, explain);
        reasons.push(Reason { component: Some("ima".into()), pcr: Some(IMA.into()), ..reason });
    };
    if rules.files.is_empty() {
        let explain = "the golden document has a section for measured files, and no file in it";
        add(Code::GoldenMissing, Severity::Refuse, explain);
    }
    if rules.files.iter().any(|file| file.digest.alg().strength() == 0) {
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

/// Golden files, ready for look-up.
struct Files<'g> {
    rules: &'g ImaGolden,
    by_path: BTreeMap<&'g [u8], Vec<&'g ImaFile>>,
    by_digest: BTreeMap<&'g Digest, &'g ImaFile>,
}

impl<'g> Files<'g> {
    fn new(rules: &'g ImaGolden) -> Self {
        let mut by_path: BTreeMap<&[u8], Vec<&ImaFile>> = BTreeMap::new();
        for file in &rules.files {
            by_path.entry(file.path.as_bytes()).or_default().push(file);
        }
        let by_digest = rules.files.iter().map(|file| (&file.digest, file)).collect();
        Self { rules, by_path, by_digest }
    }

    fn judge(&self, ima: &AuthenticIma<'_>, reasons: &mut Vec<Reason>) {
        let mut found: BTreeMap<&[u8], ()> = BTreeMap::new();
        let mut kept: BTreeMap<Code, usize> = BTreeMap::new();
        for entry in ima.proven_entries() {
            // The first has been judged as what it is; a second one has refused.
            if is_boot_aggregate(&entry) {
                continue;
            }
            let reason = match self.entry(&entry) {
                Ok(file) => {
                    found.insert(file.path.as_bytes(), ());
                    continue;
                }
                Err(reason) => *reason,
            };
            let count = kept.entry(reason.code).or_default();
            *count = count.saturating_add(1);
            if *count <= Limits::DEFAULT.findings {
                reasons.push(reason);
            }
        }
        for file in self.rules.files.iter().filter(|file| file.required) {
            if !found.contains_key(file.path.as_bytes()) {
                let explain = format!("{} is required, and was not measured", file.path);
                let reason = Reason::new(Code::FileRequiredMissing, Severity::Refuse, Part::Runtime, explain);
                reasons.push(Reason {
                    pcr: Some(10),
                    component: Some("ima.files".into()),
                    expected: vec![file.digest.to_string()],
                    cause: Some(Cause::FileChanged),
                    ..reason
                });
            }
        }
    }

    /// The golden file that the entry is, or why it is none.
    fn entry(&self, entry: &Entry<'_>) -> Result<&'g ImaFile, Box<Reason>> {
        let name = entry.name().unwrap_or_default();
        let shown = || shown(name);
        let about = |code, severity, explain: String| {
            let reason = Reason::new(code, severity, Part::Runtime, explain);
            Reason {
                pcr: Some(entry.pcr),
                event: Some(entry.index),
                component: Some("ima.files".into()),
                ..reason
            }
        };
        if entry.is_violation() {
            let explain =
                format!("IMA could not measure {} faithfully: it was open for writing, or changed", shown());
            return Err(Box::new(about(Code::ImaViolation, severity(self.rules.violations), explain)));
        }
        let digest = entry.file_digest().and_then(|digest| digest.typed());
        let got = digest.map(|digest| digest.to_string());
        let at_path = self.by_path.get(name);
        if let Some(file) = at_path.and_then(|files| files.iter().find(|file| Some(file.digest) == digest)) {
            return Ok(file);
        }
        if let Some(files) = at_path {
            let explain = format!("{} is not the golden file", shown());
            return Err(Box::new(Reason {
                expected: files.iter().map(|file| file.digest.to_string()).collect(),
                got,
                cause: Some(Cause::FileChanged),
                ..about(Code::FileChanged, Severity::Refuse, explain)
            }));
        }
        if let Some(known) = digest.and_then(|digest| self.by_digest.get(&digest).copied()) {
            let explain = format!("{} has the golden content of {}", shown(), known.path);
            return Err(Box::new(Reason { got, ..about(Code::FileMoved, Severity::Warn, explain) }));
        }
        let explain = format!("{} has no golden value", shown());
        Err(Box::new(Reason {
            got,
            cause: Some(Cause::UnknownFile),
            ..about(Code::FileUnknown, severity(self.rules.unknown_files), explain)
        }))
    }
}

/// A name for people: harmless, and with what stands after a NUL, which is part of the name.
fn shown(name: &[u8]) -> String {
    let parts: Vec<String> = name.split(|byte| *byte == 0).map(|part| Utf8(part).to_string()).collect();
    parts.join("\\0")
}

const fn severity(response: Response) -> Severity {
    match response {
        Response::Refuse => Severity::Refuse,
        Response::Warn => Severity::Warn,
    }
}

/// Root causes among runtime findings, the first of each kind.
pub(super) fn causes(reasons: &[Reason]) -> Vec<RootCause> {
    let mut causes: Vec<RootCause> = Vec::new();
    let found = reasons
        .iter()
        .filter(|r| r.part == Part::Runtime && r.component.as_deref().is_some_and(|c| c.starts_with("ima.")));
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
    let policy = golden.ima.as_ref().and_then(|ima| ima.measurement_policy.as_deref());
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
