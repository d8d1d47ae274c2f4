//! `attest ima`.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::authenticate::ima::ImaReplay;
use attest_core::evidence::Severity;
use attest_core::evidence::ima_log::{self, BOOT_AGGREGATE, Entry, Format, IMA_PCR, ImaLog};
use attest_core::evidence::text::{Hex, Utf8, shortened};
use attest_core::{HashAlg, Limits};
use clap::Args;
use serde::Serialize;

use super::{Exit, Failure, Output, Style, input, layout};

/// The banks that TPMs have and kernels extend.
const BANKS: [HashAlg; 4] = [HashAlg::Sha1, HashAlg::Sha256, HashAlg::Sha384, HashAlg::Sha512];
/// A list longer than this shows its first entries only.
const SHOWN: usize = 40;

/// Parse and replay an IMA measurement list, binary or ASCII
///
/// Shows the entries and the values of PCR 10 that the list leads to. Ends with 0 if the list is well-formed and every template digest is that
/// of its entry; whether it is the list of a device only its quote can say.
#[derive(Args, Debug)]
pub(super) struct Ima {
    /// The list, as in /sys/kernel/security/ima/binary_runtime_measurements.
    file: std::path::PathBuf,
}

impl Ima {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        let bytes = input::read_file(&self.file, limits.ima_bytes)?;
        let list = ImaLog::parse(&bytes, &limits).map_err(malformed)?;
        let findings = list.findings(&limits);
        let answer = Answer::new(&list, &findings);
        if out.wants_json() {
            out.json(&answer);
        } else {
            answer.show(out, &list, &findings);
        }
        let refused = findings.iter().any(|finding| finding.severity() == Severity::Refuse);
        Ok(if refused { Exit::Refused } else { Exit::Good })
    }
}

fn malformed(error: ima_log::Error) -> Failure {
    let offset = u64::try_from(error.offset).unwrap_or(u64::MAX);
    // A wrong file shows in its first bytes; what it holds would be told as lengths that nobody meant.
    let hint = if error.entry == 0 { "; an IMA list does not begin so" } else { "" };
    let detail = format!("{}{hint}", error.kind);
    Failure::malformed(error.code(), detail).at_offset(offset).at_event(error.entry.into())
}

/// Bank to value.
type Values = BTreeMap<&'static str, String>;

#[derive(Serialize)]
struct Answer<'l> {
    format: &'static str,
    templates: BTreeSet<&'l str>,
    /// The hash of the list's own template digests.
    template_hash: &'static str,
    entries: usize,
    violations: usize,
    replayed: Values,
    replayed_padded: Values,
    other_pcrs: BTreeMap<u32, Values>,
    boot_aggregate: Option<BootAggregate>,
    findings: Vec<FindingJson>,
}

#[derive(Serialize)]
struct BootAggregate {
    alg: String,
    digest: String,
}

#[derive(Serialize)]
struct FindingJson {
    code: &'static str,
    severity: &'static str,
    entry: Option<u32>,
    pcr: Option<u32>,
    detail: String,
}

impl<'l> Answer<'l> {
    fn new(list: &'l ImaLog<'_>, findings: &[ima_log::Finding]) -> Self {
        let replay = ImaReplay::new(list, &BANKS);
        let values = |pcr| -> Values {
            let value = |alg: HashAlg| Some((alg.name(), replay.value(alg, pcr)?.to_string()));
            BANKS.into_iter().filter_map(value).collect()
        };
        let padded = |alg: HashAlg| Some((alg.name(), replay.padded_value(alg, IMA_PCR)?.to_string()));
        let strong = BANKS.into_iter().filter(|alg| *alg != HashAlg::Sha1);
        Self {
            format: match list.format() {
                Format::Ascii => "ascii",
                Format::Binary => "binary",
            },
            templates: list.templates(),
            template_hash: list.template_alg().name(),
            entries: list.len(),
            violations: list.violations(),
            replayed: values(IMA_PCR),
            replayed_padded: strong.filter_map(padded).collect(),
            other_pcrs: replay.pcrs().filter(|pcr| *pcr != IMA_PCR).map(|pcr| (pcr, values(pcr))).collect(),
            boot_aggregate: list.entry(0).and_then(boot_aggregate),
            findings: findings.iter().map(FindingJson::new).collect(),
        }
    }

    fn show(&self, out: &mut Output, list: &ImaLog<'_>, findings: &[ima_log::Finding]) {
        let templates: Vec<_> = self.templates.iter().copied().collect();
        let (entries, format) = (self.entries, self.format);
        let noun = if entries == 1 { "entry" } else { "entries" };
        let title = format!("{format} list, {entries} {noun}, templates {}", templates.join(" "));
        out.line(out.paint(Style::Strong, title));
        out.line("");
        out.line(out.paint(Style::Strong, "     #  PCR  digest                    name"));
        list.entries().take(SHOWN).for_each(|entry| show_entry(out, &entry));
        if entries > SHOWN {
            out.line(out.paint(Style::Dim, format!("        and {} more", entries - SHOWN)));
        }
        let mut table = |title: String, values: &Values| {
            out.line("");
            out.line(out.paint(Style::Strong, title));
            for (bank, value) in values {
                layout::hanging(out, &format!("  {bank:<8}"), 10, value);
            }
        };
        if !self.replayed.is_empty() {
            table("PCR 10 that this list leads to".to_owned(), &self.replayed);
            table(
                "PCR 10 where the kernel extends zero-padded SHA-1 digests".to_owned(),
                &self.replayed_padded,
            );
        }
        for (pcr, values) in &self.other_pcrs {
            table(format!("PCR {pcr} that this list leads to"), values);
        }
        let findings = self.findings.iter().zip(findings);
        layout::findings(
            out,
            findings.map(|(finding, raw)| {
                let place = raw.entry.map(|entry| format!("entry {entry}")).unwrap_or_default();
                (raw.severity(), finding.code, place, finding.detail.clone())
            }),
        );
    }
}

impl FindingJson {
    fn new(finding: &ima_log::Finding) -> Self {
        Self {
            code: finding.code(),
            severity: finding.severity().name(),
            entry: finding.entry,
            pcr: finding.pcr,
            detail: finding.kind.to_string(),
        }
    }
}

fn boot_aggregate(entry: Entry<'_>) -> Option<BootAggregate> {
    let digest = entry.file_digest().filter(|_| entry.name() == Some(BOOT_AGGREGATE))?;
    let hex = digest.bytes.chunks(32).map(|part| Hex(part).to_string()).collect();
    Some(BootAggregate { alg: Utf8(digest.algorithm.as_bytes()).to_string(), digest: hex })
}

fn show_entry(out: &mut Output, entry: &Entry<'_>) {
    let digest = match entry.file_digest() {
        _ if entry.is_violation() => "violation".to_owned(),
        Some(digest) => {
            shortened(format_args!("{}:{}", Utf8(digest.algorithm.as_bytes()), Hex(digest.bytes)), 23)
        }
        None => "-".to_owned(),
    };
    let digest = if entry.is_violation() {
        out.paint(Style::Warn, format!("{digest:<24}"))
    } else {
        format!("{digest:<24}")
    };
    let head = format!("{:>6}  {:>3}  {digest}  ", entry.index, entry.pcr);
    let name = entry.name().map(|name| Utf8(name).to_string());
    layout::hanging(out, &head, 39, name.as_deref().unwrap_or("-"));
}

#[cfg(test)]
#[path = "ima/tests.rs"]
mod tests;
