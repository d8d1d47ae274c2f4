//! `attest golden`.

mod build;
mod foreign;
mod import;
mod learn;
mod overlay;
mod predict;

use std::path::PathBuf;

use attest_core::Limits;
use attest_core::reference;
use attest_core::reference::golden::{Change, ImaBuffer, ImaGolden, ImaPath, ImaSigner, Sequence};
use clap::{Args, Subcommand};
use serde_json::json;

use super::verify::read_document;
use super::{Exit, Failure, Output, Style, comparison, printable};
use crate::cli::layout::{WIDTH, wrapped};

/// Golden documents: learn, predict, import, show, compare, check, build; sign overlays
#[derive(Args, Debug)]
pub(super) struct Golden {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a draft from one or more known-good boots
    Learn(Box<learn::Learn>),
    /// Make a draft of what a maker's CoRIM says of his root of trust
    Import(Box<import::Import>),
    /// Add what an update will measure, before the first device boots it
    Predict(Box<predict::Predict>),
    /// Explain a document in words, or what another program's CoRIM holds
    Show {
        /// The golden document, or any CoRIM
        file: PathBuf,
    },
    /// Sign one device's own digests, from a boot of it that is known to be good
    Overlay(Box<overlay::Overlay>),
    /// What changed from one document to another
    Diff {
        /// The document that is used now
        old: PathBuf,
        /// The document to review
        new: PathBuf,
    },
    /// Write a document as an unsigned CoRIM, for programs
    Build(build::Build),
    /// What a reviewer should hear about
    Check {
        /// The golden document
        file: PathBuf,
    },
}

impl Golden {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let limits = Limits::DEFAULT;
        match self.command {
            Command::Learn(learn) => learn.run(&limits, out),
            Command::Import(import) => import.run(&limits, out),
            Command::Overlay(overlay) => overlay.run(&limits, out),
            Command::Predict(predict) => predict.run(&limits, out),
            Command::Build(build) => build.run(&limits, out),
            Command::Show { file } => foreign::show(&file, &limits, out),
            Command::Diff { old, new } => {
                let (old, new) = (read_document(&old, &limits)?, read_document(&new, &limits)?);
                diff(old.golden(), new.golden(), out);
                Ok(Exit::Good)
            }
            Command::Check { file } => Ok(check(read_document(&file, &limits)?.golden(), out)),
        }
    }
}

type Document = attest_core::reference::Golden;

fn show(document: &reference::Document, note: Option<&str>, out: &mut Output) {
    let golden = document.golden();
    if out.wants_json() {
        out.json(&summary(golden));
        return;
    }
    if let Some(note) = note {
        let note = out.paint(Style::Warn, printable(note));
        out.line(note);
    }
    let family = out.paint(Style::Strong, printable(&golden.family));
    let banks: Vec<&str> = golden.banks.iter().map(|bank| bank.name()).collect();
    let judged: Vec<String> = golden.judged.iter().map(ToString::to_string).collect();
    let by = match (banks.is_empty() || judged.is_empty(), golden.tokens.is_empty()) {
        (false, _) => format!("judged by {} in PCR {}", banks.join(", "), judged.join(" ")),
        (true, false) => "judged by tokens alone".to_owned(),
        (true, true) => "judges no PCR".to_owned(),
    };
    out.line(format!("{family}  {by}"));
    if let reference::document::Form::Corim { validity, tag_version } = document.form() {
        let from =
            validity.and_then(|v| v.not_before).map(|from| format!(" from {from}")).unwrap_or_default();
        let until = validity.map(|v| format!(" until {}", v.not_after)).unwrap_or_default();
        let period = if validity.is_some() { format!(", counts{from}{until}") } else { String::new() };
        out.line(format!("CoRIM, edition {tag_version}{period}"));
    }
    for not in &golden.not_judged {
        out.line(format!("PCR {} is not judged: {}", not.pcr, printable(&not.reason)));
    }
    for accepted in &golden.accepted {
        let mark = out.paint(Style::Warn, "accepted");
        out.line(format!("{mark} {}: {}", printable(&accepted.weakness), printable(&accepted.reason)));
    }
    show_rules(golden, out);
    for sequence in &golden.sequences {
        out.line("");
        let name = format!("PCR {} `{}`, {}", sequence.pcr, sequence.name, sequence.evidence.name());
        let heading = out.paint(Style::Strong, printable(&name));
        out.line(heading);
        show_slots(sequence, out);
    }
    for variant in &golden.variants {
        out.line("");
        let base = variant.based_on.as_deref().map(|base| format!(", based on `{base}`")).unwrap_or_default();
        let name = format!("variant `{}`, {}{base}", variant.name, variant.evidence.name());
        let heading = out.paint(Style::Strong, printable(&name));
        out.line(heading);
        for replacement in &variant.replace {
            let with = &replacement.with;
            let line = format!(
                "  PCR {} slot {}: {}  {}",
                replacement.pcr, replacement.slot, with.component, with.about
            );
            out.line(printable(&line));
        }
        for sequence in &variant.sequences {
            let by =
                sequence.measured_by.as_deref().map(|by| format!(", measured by {by}")).unwrap_or_default();
            out.line(printable(&format!(" PCR {}{by}", sequence.pcr)));
            show_slots(sequence, out);
        }
    }
    for old in &golden.superseded {
        out.line(printable(&format!("superseded {}: {}", old.component, old.reason)));
    }
    for token in &golden.tokens {
        out.line("");
        let profile = token.profile.as_deref().unwrap_or("no profile");
        let heading = out.paint(Style::Strong, printable(&format!("token `{}`, {profile}", token.name)));
        out.line(heading);
        for variant in &token.variants {
            out.line(printable(&format!(" variant `{}`", variant.name)));
            for one in &variant.components {
                let (kind, version) =
                    (one.kind.as_deref().unwrap_or("-"), one.version.as_deref().unwrap_or(""));
                let value: String = hex::encode(&one.value).chars().take(12).collect();
                out.line(printable(format!("  {kind:24} {value}  {version}").trim_end()));
            }
        }
    }
    if let Some(ima) = &golden.ima {
        out.line("");
        show_ima(ima, out);
    }
}

fn show_ima(ima: &ImaGolden, out: &mut Output) {
    let required = ima.files.iter().filter(|file| file.required).count();
    out.line(format!("IMA: {} golden files, {required} of them required", ima.files.len()));
    let policy = ima.measurement_policy.as_deref().unwrap_or("not proven");
    let answers =
        [("unknown files", ima.unknown_files), ("violations", ima.violations), ("kexec", ima.kexec)];
    let answers = answers.map(|(what, response)| format!("{what} {}", response.name())).join(", ");
    out.line(printable(&format!("  measurement policy {policy}; {answers}")));
    for signer in &ima.signers {
        let sha256 = signer.key.sha256().to_string();
        let short = sha256.get(..12).unwrap_or_default();
        out.line(printable(&format!("  signer  {} {} {short}", signer.keyid, signer.name)));
    }
    for path in &ima.paths {
        let (pattern, effect) = (&path.pattern, path.effect.name());
        out.line(printable(&format!("  path    {pattern} {effect}: {}", path.reason)));
    }
    for buffer in &ima.buffers {
        let digest = buffer.digest.to_string();
        let short = digest.get(..12).unwrap_or_default();
        out.line(printable(&format!("  buffer  {} {short}  {}", buffer.name, buffer.about)));
    }
}

/// Each rule in words, then its values.
fn show_rules(golden: &Document, out: &mut Output) {
    for (name, rule) in golden.rules() {
        out.line("");
        let heading = out.paint(Style::Strong, printable(&format!("rule `{name}`")));
        let (pcr, component) = rule.kind().owner();
        out.line(format!("{heading}, {component} in PCR {pcr}: {}", printable(&rule.terms.words())));
        for value in rule.terms.values() {
            out.line(printable(&format!("  {value}")));
        }
    }
    for signer in &golden.overlay_signers {
        let line = format!("overlays may be signed by {} (key {})", signer.name, signer.id());
        out.line(printable(&line));
    }
}

fn show_slots(sequence: &Sequence, out: &mut Output) {
    if sequence.slots.is_empty() {
        out.line("  nothing is extended");
    }
    for slot in &sequence.slots {
        let digest = slot.digests.first().map(|d| d.to_string().chars().take(12).collect::<String>());
        let rule = slot.rule.as_ref().map(|rule| format!(" ({})", rule.name())).unwrap_or_default();
        let about: String = slot.about.chars().take(44).collect();
        let line = format!("  {:24} {}{rule}  {about}", slot.component, digest.unwrap_or_default());
        out.line(printable(line.trim_end()));
    }
}

fn summary(golden: &Document) -> serde_json::Value {
    let slots = |sequence: &Sequence| -> Vec<serde_json::Value> {
        let digests =
            |slot: &attest_core::reference::golden::Slot| -> serde_json::Map<String, serde_json::Value> {
                slot.digests.iter().map(|d| (d.alg().name().to_owned(), json!(d.to_string()))).collect()
            };
        let slots = sequence.slots.iter();
        slots
            .map(|slot| {
                json!({ "component": slot.component, "digests": digests(slot), "about": slot.about,
                        "rule": slot.rule.as_ref().map(|rule| rule.name()) })
            })
            .collect()
    };
    let sequence = |s: &Sequence| {
        json!({ "pcr": s.pcr, "name": s.name, "evidence": s.evidence.name(),
                "measured_by": s.measured_by, "slots": slots(s) })
    };
    let variants: Vec<_> = golden
        .variants
        .iter()
        .map(|v| {
            json!({ "name": v.name, "evidence": v.evidence.name(), "based_on": v.based_on,
                    "replaced": v.replace.len(),
                    "sequences": v.sequences.iter().map(sequence).collect::<Vec<_>>() })
        })
        .collect();
    json!({
        "family": golden.family,
        "banks": golden.banks.iter().map(|b| b.name()).collect::<Vec<_>>(),
        "judged": golden.judged,
        "not_judged": golden.not_judged.iter().map(|n| json!({"pcr": n.pcr, "reason": n.reason})).collect::<Vec<_>>(),
        "accepted": golden.accepted.iter().map(|a| json!({"weakness": a.weakness, "reason": a.reason})).collect::<Vec<_>>(),
        "sequences": golden.sequences.iter().map(sequence).collect::<Vec<_>>(),
        "variants": variants,
        "rules": golden.rules().into_iter().map(|(name, rule)| json!({
            "name": name, "kind": rule.kind().name(), "words": rule.terms.words(), "values": rule.terms.values()
        })).collect::<Vec<_>>(),
        "overlay_signers": golden.overlay_signers.iter().map(|s| json!({"name": s.name, "kid": s.id()})).collect::<Vec<_>>(),
        "ima_files": golden.ima.as_ref().map(|ima| ima.files.len()),
        "ima": golden.ima.as_ref().map(ima_summary),
    })
}

fn ima_summary(ima: &ImaGolden) -> serde_json::Value {
    let signer = |s: &ImaSigner| json!({ "name": s.name, "keyid": s.keyid.to_string(), "key_sha256": s.key.sha256().to_string() });
    let path = |p: &ImaPath| json!({ "pattern": p.pattern, "effect": p.effect.name(), "reason": p.reason });
    let buffer =
        |b: &ImaBuffer| json!({ "name": b.name, "digest": format!("{:?}", b.digest), "about": b.about });
    json!({
        "measurement_policy": ima.measurement_policy,
        "unknown_files": ima.unknown_files.name(),
        "violations": ima.violations.name(),
        "kexec": ima.kexec.name(),
        "files": ima.files.len(),
        "required": ima.files.iter().filter(|file| file.required).map(|file| &file.path).collect::<Vec<_>>(),
        "signers": ima.signers.iter().map(signer).collect::<Vec<_>>(),
        "paths": ima.paths.iter().map(path).collect::<Vec<_>>(),
        "buffers": ima.buffers.iter().map(buffer).collect::<Vec<_>>(),
    })
}

fn diff(old: &Document, new: &Document, out: &mut Output) {
    let changes = old.diff(new);
    if out.wants_json() {
        let changes: Vec<_> = changes
            .iter()
            .map(|c| {
                let slot = c.slot.as_ref();
                let side = slot.and_then(|slot| slot.new.as_ref().or(slot.old.as_ref()));
                json!({ "kind": c.kind.name(), "place": c.place, "old": c.old, "new": c.new,
                        "pcr": slot.map(|slot| slot.pcr), "component": side.map(|side| &side.component) })
            })
            .collect();
        out.json(&json!({ "changes": changes }));
        return;
    }
    if changes.is_empty() {
        out.line("nothing that is judged differs");
    }
    let mut left = changes.iter().peekable();
    while let Some(change) = left.next() {
        if let Some(slot) = &change.slot {
            let mut together = vec![slot];
            let is_next = |next: &&Change| next.slot.as_ref().is_some_and(|s| s.sequence == slot.sequence);
            while let Some(next) = left.next_if(is_next) {
                together.extend(&next.slot);
            }
            comparison::slots(&together, out);
            continue;
        }
        let kind = change.kind.name();
        below(out, &format!("{kind} "), Style::Strong, &change.place);
        if let Some(old) = &change.old {
            below(out, "  - ", Style::Bad, old);
        }
        if let Some(new) = &change.new {
            below(out, "  + ", Style::Good, new);
        }
    }
}

/// Text behind a word, and below itself where it is too long: each line painted, so that no colour runs over what stands before it.
fn below(out: &mut Output, head: &str, style: Style, text: &str) {
    let indent = head.chars().count();
    let width = WIDTH.saturating_sub(indent);
    for (at, line) in wrapped(&printable(text), width).into_iter().enumerate() {
        let line = out.paint(style, line);
        if at == 0 {
            out.line(format!("{head}{line}"));
        } else {
            out.line(format!("{:indent$}{line}", ""));
        }
    }
}

fn check(golden: &Document, out: &mut Output) -> Exit {
    let lints = golden.check();
    let refused = lints.iter().any(|lint| lint.code.is_error());
    if out.wants_json() {
        let severity = |lint: &attest_core::reference::golden::Lint| {
            if lint.code.is_error() { "refuse" } else { "warn" }
        };
        let findings: Vec<_> = lints
            .iter()
            .map(|l| json!({ "code": l.code.as_str(), "severity": severity(l), "place": l.place, "detail": l.detail }))
            .collect();
        out.json(&json!({ "family": golden.family, "findings": findings }));
    } else if lints.is_empty() {
        out.line("nothing to remark");
    } else {
        for lint in &lints {
            let style = if lint.code.is_error() { Style::Bad } else { Style::Warn };
            let code = out.paint(style, lint.code.as_str());
            out.line(format!("{code}  {}: {}", printable(&lint.place), printable(&lint.detail)));
        }
    }
    if refused { Exit::Refused } else { Exit::Good }
}
