//! `attest quote`.

use std::collections::BTreeMap;

use attest_core::HashAlg;
use attest_core::Limits;
use attest_core::authenticate::{AuthenticEvidence, Outcome};
use attest_core::evidence::cel::Record;
use attest_core::evidence::{FirmwareLog, UserspaceLog};
use attest_core::reference::component;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::evidence::{EvidenceFlags, Files, NotAuthentic};
use super::{Exit, Failure, Output, Style, layout, printable};

/// Is a quote authentic, and do the logs explain it?
#[derive(Args, Debug)]
pub(super) struct Quote {
    #[command(flatten)]
    evidence: EvidenceFlags,
}

#[derive(Debug, Serialize)]
struct Finding {
    code: &'static str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcr: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<u32>,
    /// `userspace` where the event is a record of that log.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'static str>,
    detail: String,
}

impl Finding {
    fn new(code: &'static str, severity: &'static str, detail: impl Into<String>) -> Self {
        Self { code, severity, pcr: None, bank: None, event: None, log: None, detail: detail.into() }
    }
}

impl Quote {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        let files = self.evidence.read(&limits)?;
        match files.authenticate(&limits) {
            Ok(evidence) => Ok(report(&evidence, &files, out)),
            Err(why) => Ok(refuse(&why, out)),
        }
    }
}

fn refuse(why: &NotAuthentic, out: &mut Output) -> Exit {
    let (code, detail) = (why.code(), why.detail());
    if out.wants_json() {
        let finding = Finding::new(code, "refuse", detail.clone());
        out.json(&json!({
            "authentic": false,
            "code": code,
            "error": { "code": code, "detail": detail },
            "findings": [finding],
        }));
    } else {
        let verdict = out.paint(Style::Bad, "not authentic");
        out.line(format!("{verdict}  {} [{code}]", printable(&detail)));
    }
    Exit::Refused
}

fn report(evidence: &AuthenticEvidence<'_>, files: &Files, out: &mut Output) -> Exit {
    let logs_given = files.eventlog.is_some() || files.ima.is_some() || files.userspace_log.is_some();
    let findings = findings(evidence, logs_given);
    let refused = findings.iter().any(|finding| finding.severity == "refuse");
    if out.wants_json() {
        out.json(&document(evidence, logs_given, &findings));
    } else {
        print(evidence, logs_given, &findings, out);
    }
    if refused { Exit::Refused } else { Exit::Good }
}

fn findings(evidence: &AuthenticEvidence<'_>, logs_given: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !evidence.quote().attributes_proven() {
        let detail = "a bare key: nothing proves that it is restricted and lives in a TPM";
        findings.push(Finding::new("ak_attributes_unproven", "warn", detail));
    }
    if matches!(evidence.firmware_log(), FirmwareLog::Empty) {
        findings.push(Finding::new("log_empty", "refuse", "the event log is empty"));
    }
    for finding in evidence.log().map(|log| log.findings()).unwrap_or_default() {
        findings.push(Finding {
            pcr: finding.pcr,
            event: finding.event,
            ..Finding::new(finding.code(), finding.severity().name(), finding.kind.to_string())
        });
    }
    for finding in evidence.userspace().map(UserspaceLog::findings).unwrap_or_default() {
        findings.push(Finding {
            pcr: finding.pcr.map(u32::from),
            event: finding.record,
            log: Some("userspace"),
            ..Finding::new(finding.code(), finding.severity().name(), finding.kind.to_string())
        });
    }
    let quoted: Vec<u8> = {
        let mut pcrs: Vec<u8> = evidence.outcomes().iter().map(|(_, pcr, _)| *pcr).collect();
        pcrs.sort_unstable();
        pcrs.dedup();
        pcrs
    };
    for pcr in quoted {
        let banks = evidence.outcomes().iter().filter(|(_, p, _)| *p == pcr);
        if banks.clone().all(|(alg, ..)| alg.strength() == 0) {
            let detail =
                format!("PCR {pcr} is quoted in the SHA-1 bank alone, which is too weak to judge by");
            findings.push(Finding { pcr: Some(pcr.into()), ..Finding::new("weak_bank", "refuse", detail) });
        }
        for (alg, _, outcome) in banks.filter(|_| logs_given) {
            findings.extend(outcome_finding(evidence, *alg, pcr, *outcome));
        }
    }
    findings.extend(ima_finding(evidence));
    findings
}

fn outcome_finding(
    evidence: &AuthenticEvidence<'_>,
    alg: HashAlg,
    pcr: u8,
    outcome: Outcome,
) -> Option<Finding> {
    if outcome.is_explained() {
        return None;
    }
    let decides = evidence.deciding_bank(pcr) == Some(alg);
    let (code, severity, detail) = match outcome {
        Outcome::Ambiguous => (
            "story_ambiguous",
            "refuse",
            format!(
                "the IMA list and the log of user space both tell of PCR {pcr}: nothing proves how they belong together"
            ),
        ),
        _ if !decides => (
            "other_bank_mismatch",
            "warn",
            format!("the logs do not lead to PCR {pcr} in the {alg} bank; a stronger bank decides"),
        ),
        Outcome::NoEvents => (
            "no_events",
            "refuse",
            format!("PCR {pcr} ({alg}) has a value, but no log that was given explains it"),
        ),
        Outcome::DigestMissing => {
            ("digest_missing", "refuse", format!("an event of PCR {pcr} has no {alg} digest"))
        }
        _ => ("replay_mismatch", "refuse", format!("the logs do not lead to the quoted PCR {pcr} ({alg})")),
    };
    Some(Finding { pcr: Some(pcr.into()), bank: Some(alg.name()), ..Finding::new(code, severity, detail) })
}

/// A list beside a quote that leaves its PCR out.
fn ima_finding(evidence: &AuthenticEvidence<'_>) -> Option<Finding> {
    let quoted = evidence.outcomes().iter().any(|(_, pcr, _)| *pcr == 10);
    let detail = "an IMA list is given, but PCR 10 is not quoted: the list proves nothing";
    let finding = || Finding { pcr: Some(10), ..Finding::new("ima_not_quoted", "warn", detail) };
    (evidence.ima().is_some() && !quoted).then(finding)
}

fn document(evidence: &AuthenticEvidence<'_>, logs_given: bool, findings: &[Finding]) -> serde_json::Value {
    let quote = evidence.quote();
    let clock = quote.clock_info();
    let mut selection: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let mut replay: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
    for (alg, pcr, outcome) in evidence.outcomes() {
        selection.entry(alg.name()).or_default().push(*pcr);
        if logs_given {
            replay.entry(alg.name()).or_default().insert(pcr.to_string(), outcome.name());
        }
    }
    let ima = evidence.ima().and_then(|ima| ima.coverage());
    let ima = ima.map(|c| {
        json!({
            "bank": c.bank.name(),
            "entries_covered": c.entries_covered,
            "entries_left_over": c.entries_left_over,
        })
    });
    let mut document = json!({
        "authentic": true,
        "signature_algorithm": quote.algorithm(),
        "nonce": hex::encode(quote.nonce().as_bytes()),
        "selection": selection,
        "replay": replay,
        "clock": {
            "clock": clock.clock,
            "reset_count": clock.reset_count,
            "restart_count": clock.restart_count,
            "safe": clock.safe,
        },
        "firmware_version": format!("{:016x}", quote.firmware_version()),
        "findings": findings,
    });
    let userspace =
        evidence.userspace().map(|log| json!({ "format": log.format().name(), "records": records(log) }));
    if let (Some(object), Some(userspace)) = (document.as_object_mut(), userspace) {
        object.insert("userspace_log".into(), userspace);
    }
    if let (Some(object), Some(ima)) = (document.as_object_mut(), ima) {
        object.insert("ima".into(), ima);
    }
    if let (Some(object), Some(name)) = (document.as_object_mut(), quote.key_name()) {
        object.insert("ak_name".into(), json!(hex::encode(name)));
    }
    document
}

/// What each record tells, and whether its digests prove the text.
fn records(log: &UserspaceLog) -> Vec<serde_json::Value> {
    let record = |record: &Record| {
        json!({
            "index": record.index,
            "pcr": record.pcr(),
            "component": component::of_record(record),
            "content_type": record.content.type_name(),
            "data_authenticated": record.is_authenticated_everywhere(),
            "summary": record.content.summary(),
        })
    };
    log.records().iter().map(record).collect()
}

fn print(evidence: &AuthenticEvidence<'_>, logs_given: bool, findings: &[Finding], out: &mut Output) {
    let quote = evidence.quote();
    let verdict = out.paint(Style::Good, "authentic");
    out.line(format!("{verdict}  {}, nonce {}", quote.algorithm(), hex::encode(quote.nonce().as_bytes())));
    let clock = quote.clock_info();
    out.line(format!(
        "clock      {} ms, reset {}, restart {}, {}; TPM firmware {:016x}",
        clock.clock,
        clock.reset_count,
        clock.restart_count,
        if clock.safe { "safe" } else { "not safe" },
        quote.firmware_version()
    ));
    for bank in evidence.pcrs().banks() {
        let outcomes = evidence.outcomes().iter().filter(|(alg, ..)| *alg == bank);
        let cells: Vec<String> = outcomes
            .map(|(_, pcr, outcome)| match outcome {
                _ if !logs_given => pcr.to_string(),
                Outcome::Match => out.paint(Style::Good, format!("{pcr}=match")),
                Outcome::Reset => out.paint(Style::Dim, format!("{pcr}=reset")),
                other => out.paint(Style::Bad, format!("{pcr}={}", other.name())),
            })
            .collect();
        for (at, line) in cells.chunks(6).enumerate() {
            let head = if at == 0 { bank.name() } else { "" };
            out.line(format!("{head:10} {}", line.join("  ")));
        }
    }
    if let Some(c) = evidence.ima().and_then(|ima| ima.coverage()) {
        out.line(format!(
            "IMA        {} entries covered by the quote ({}), {} left over",
            c.entries_covered, c.bank, c.entries_left_over
        ));
    }
    for record in evidence.userspace().map(UserspaceLog::records).unwrap_or_default() {
        let proven = if record.is_authenticated_everywhere() { "proven" } else { "hint" };
        let pcr = record.pcr().map_or("-".to_owned(), |pcr| pcr.to_string());
        let head = format!("userspace  {:>4}  {pcr:>3}  {proven:<6}  ", record.index);
        layout::hanging(out, &head, 29, &record.content.summary());
    }
    for finding in findings {
        let style = if finding.severity == "refuse" { Style::Bad } else { Style::Warn };
        let mark = out.paint(style, finding.severity);
        out.line(format!("{mark}  {} [{}]", finding.detail, finding.code));
    }
}
