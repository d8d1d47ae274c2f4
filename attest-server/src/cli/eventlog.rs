//! `attest eventlog`.

#[path = "eventlog/state.rs"]
mod state;

use std::collections::BTreeMap;

use attest_core::Limits;
use attest_core::authenticate::replay::Replay;
use attest_core::evidence::Severity;
use attest_core::evidence::tcg_event::{self, Authenticated, SecureBootState, WindowsBoot};
use attest_core::evidence::tcg_log::{self, Event, EventLog};
use attest_core::evidence::text::Hex;
use clap::Args;
use serde::Serialize;

use self::state::{SecureBootJson, WindowsJson};
use super::looks::{self, Kind};
use super::{Exit, Failure, Output, Style, input, layout};

/// Parse and replay a TCG event log: crypto-agile, SHA-1 or CCEL
///
/// Shows every event, which of it is proven by a digest, and the PCR values that the log leads to. Ends with 0 if the log is well-formed and
/// tells one story; whether that is the story of a device only its quote can say.
#[derive(Args, Debug)]
pub(super) struct Eventlog {
    /// The log, as in /sys/kernel/security/tpm0/binary_bios_measurements.
    file: std::path::PathBuf,
}

impl Eventlog {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        let bytes = input::read_file(&self.file, limits.event_log_bytes)?;
        let log = EventLog::parse(&bytes, &limits).map_err(|error| malformed(&bytes, error))?;
        let findings = findings(&log);
        let answer = Answer::new(&log, &findings);
        if out.wants_json() {
            out.json(&answer);
        } else {
            answer.show(out, &log, &findings);
        }
        let refused = findings.iter().any(|finding| finding.severity() == Severity::Refuse);
        Ok(if refused { Exit::Refused } else { Exit::Good })
    }
}

/// Those of the log's form, and those of what it proves.
fn findings(log: &EventLog<'_>) -> Vec<tcg_log::Finding> {
    log.findings().iter().copied().chain(tcg_event::findings(log)).collect()
}

fn malformed(bytes: &[u8], error: tcg_log::Error) -> Failure {
    let offset = u64::try_from(error.offset).unwrap_or(u64::MAX);
    let hint = hint(bytes, error.event == 0);
    let detail = format!("{}{hint}", error.kind);
    Failure::malformed(error.code(), detail).at_offset(offset).at_event(error.event.into())
}

/// What another file than an event log seems to be, and who reads it.
fn hint(bytes: &[u8], at_first: bool) -> String {
    // Its first bytes may be an event by chance, or seem to be one.
    if let Some(log) = looks::userspace_log(bytes) {
        return format!(
            "; this looks like {log}, which `attest verify` and `attest quote` read as --userspace-log"
        );
    }
    // A wrong file shows in its first bytes; what it holds would be told as lengths that nobody meant.
    match looks::like(bytes).filter(|kind| at_first && *kind != Kind::EventLog) {
        Some(Kind::Json) => {
            "; this looks like JSON, and an event log does not begin so; a log of user space in JSON is \
                             for --userspace-log of `attest verify` and `attest quote`"
                .to_owned()
        }
        Some(kind) => format!("; this looks like {kind}, and an event log does not begin so"),
        None if at_first => "; an event log does not begin so".to_owned(),
        None => String::new(),
    }
}

#[derive(Serialize)]
struct Answer {
    format: &'static str,
    banks: Vec<&'static str>,
    startup_locality: u8,
    events: Vec<EventJson>,
    replayed: BTreeMap<&'static str, BTreeMap<u32, String>>,
    secure_boot: Option<bool>,
    secure_boot_state: SecureBootJson,
    windows: Option<WindowsJson>,
    findings: Vec<FindingJson>,
}

#[derive(Serialize)]
struct EventJson {
    index: u32,
    pcr: u32,
    #[serde(rename = "type")]
    event_type: String,
    type_code: u32,
    digests: BTreeMap<String, String>,
    data_authenticated: bool,
    /// Which part of the data the digest covers.
    authenticated: &'static str,
    family: &'static str,
    summary: String,
}

#[derive(Serialize)]
struct FindingJson {
    code: &'static str,
    severity: &'static str,
    event: Option<u32>,
    pcr: Option<u32>,
    detail: String,
}

impl Answer {
    fn new(log: &EventLog<'_>, findings: &[tcg_log::Finding]) -> Self {
        let replay = Replay::new(log);
        let values = |alg| replay.values(alg).map(|(pcr, value)| (pcr, value.to_string())).collect();
        Self {
            format: log.format().name(),
            banks: log.banks().iter().map(|alg| alg.name()).collect(),
            startup_locality: log.startup_locality().unwrap_or_default(),
            events: log.events().iter().map(EventJson::new).collect(),
            replayed: replay.banks().map(|alg| (alg.name(), values(alg))).collect(),
            secure_boot: tcg_event::secure_boot(log),
            secure_boot_state: SecureBootJson::new(&SecureBootState::of(log)),
            windows: WindowsBoot::of(log).map(|boot| WindowsJson::new(&boot)),
            findings: findings.iter().map(FindingJson::new).collect(),
        }
    }

    fn show(&self, out: &mut Output, log: &EventLog<'_>, findings: &[tcg_log::Finding]) {
        let count = self.events.len();
        let title = format!("{} log, {count} events, banks {}", self.format, self.banks.join(" "));
        out.line(out.paint(Style::Strong, title));
        let state = match self.secure_boot {
            Some(true) => out.paint(Style::Good, "on"),
            Some(false) => out.paint(Style::Warn, "off"),
            None => out.paint(Style::Warn, "not proven by the log"),
        };
        out.line(format!("Secure Boot {state}, startup locality {}", self.startup_locality));
        self.secure_boot_state.show(out);
        if let Some(windows) = &self.windows {
            windows.show(out);
        }
        out.line("");
        out.line(out.paint(Style::Strong, "   #  PCR  data    what              as the log tells it"));
        for (event, raw) in self.events.iter().zip(log.events()) {
            event.show(out, raw);
        }
        out.line("");
        out.line(out.paint(
            Style::Dim,
            "proven: the digest covers the data; part: it covers the contents, not the name",
        ));
        out.line(out.paint(Style::Dim, "or prefix; hint: nothing does, whoever wrote the log chose it."));
        let what = if self.format == "ccel" { "Register" } else { "PCR" };
        for (bank, values) in &self.replayed {
            out.line("");
            out.line(out.paint(Style::Strong, format!("{what} values that this log leads to, {bank}")));
            for (pcr, value) in values {
                layout::hanging(out, &format!("{pcr:>5}  "), 7, value);
            }
        }
        let findings = self.findings.iter().zip(findings);
        layout::findings(
            out,
            findings.map(|(finding, raw)| {
                (raw.severity(), finding.code, place(finding.event, finding.pcr), finding.detail.clone())
            }),
        );
    }
}

impl EventJson {
    fn new(event: &Event<'_>) -> Self {
        let proven = tcg_event::authenticated_everywhere(event);
        Self {
            index: event.index,
            pcr: event.pcr,
            event_type: event.event_type.to_string(),
            type_code: event.event_type.0,
            digests: digests(event),
            data_authenticated: proven.is_some(),
            authenticated: proven.name(),
            family: tcg_event::decode(event).family(),
            summary: tcg_event::summary(event),
        }
    }

    fn show(&self, out: &mut Output, event: &Event<'_>) {
        let (proven, style) = match tcg_event::authenticated_everywhere(event) {
            Authenticated::No => ("hint", Style::Dim),
            Authenticated::WholeData | Authenticated::WholeDataAndNul | Authenticated::Variable => {
                ("proven", Style::Good)
            }
            _ => ("part", Style::Good),
        };
        let pcr = if event.pcr == u32::MAX { "-".to_owned() } else { event.pcr.to_string() };
        let proven = out.paint(style, format!("{proven:<6}"));
        let family = self.family.replace('_', " ");
        let head = format!("{:>4}  {pcr:>3}  {proven}  {family:<16}  ", self.index);
        layout::hanging(out, &head, 37, &self.summary);
    }
}

impl FindingJson {
    fn new(finding: &tcg_log::Finding) -> Self {
        Self {
            code: finding.code(),
            severity: finding.severity().name(),
            event: finding.event,
            pcr: finding.pcr,
            detail: finding.kind.to_string(),
        }
    }
}

/// Banks by name; an algorithm that is not known by its number.
fn digests(event: &Event<'_>) -> BTreeMap<String, String> {
    let name = |id| match attest_core::HashAlg::from_tpm(id) {
        Some(alg) => alg.name().to_owned(),
        None => format!("{id:#06x}"),
    };
    let full = |digest: &[u8]| digest.chunks(32).map(|part| Hex(part).to_string()).collect();
    event.raw_digests().map(|(id, digest)| (name(id), full(digest))).collect()
}

/// Where a finding is, for people.
pub(super) fn place(event: Option<u32>, pcr: Option<u32>) -> String {
    match (event, pcr) {
        (Some(event), Some(pcr)) => format!("event {event}, PCR {pcr}"),
        (Some(event), None) => format!("event {event}"),
        (None, Some(pcr)) => format!("PCR {pcr}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
#[path = "eventlog/tests.rs"]
mod tests;
