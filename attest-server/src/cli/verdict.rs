//! A verdict for people: what was decided, why, and what to look at first.

use std::collections::BTreeMap;

use attest_core::appraise::comparison::Row;
use attest_core::appraise::{Code, Part, Reason, Severity, Status, Verdict};

use super::comparison::event_of;
use super::layout::hanging;
use super::{Output, Style, comparison, printable};

/// Columns of the narrowest terminal that must do.
const COLUMNS: usize = 80;
/// How many findings about files are told of each kind; the JSON has more.
const LISTED: usize = 10;

/// Prints a verdict.
pub(super) fn print(verdict: &Verdict, out: &mut Output) {
    let status = out.paint(style(verdict.status), verdict.status.as_str());
    out.line(format!("{status}  family {}", printable(&verdict.family)));
    let words = |status: Status| if status == Status::None { "not judged" } else { status.as_str() };
    let word = |name: &str, status: Status| format!("{name} {}", words(status));
    let part = |name: &str, status: Status, out: &Output| {
        format!("{name} {}", out.paint(style(status), words(status)))
    };
    let boot = part("boot", verdict.boot.status, out);
    let runtime = part("runtime", verdict.runtime.status, out);
    let golden = match (&verdict.golden.release, &verdict.golden.variant) {
        (Some(release), _) => format!("release {release}"),
        (None, Some(variant)) => format!("{} golden values, variant {variant}", verdict.golden.source),
        (None, None) => format!("{} golden values", verdict.golden.source),
    };
    let parts = |boot: &str, runtime: &str| format!("{boot}, {runtime}, ");
    let columns =
        parts(&word("boot", verdict.boot.status), &word("runtime", verdict.runtime.status)).chars().count();
    let by = format!("by {}", printable(&golden));
    if columns + by.chars().count() <= COLUMNS {
        out.line(parts(&boot, &runtime) + &by);
    } else {
        out.line(parts(&boot, &runtime).trim_end());
        paragraph(&by, 2, out);
    }
    if let Some(governed) = &verdict.golden.governed {
        let tier = verdict.golden.tier.as_deref().unwrap_or("unknown");
        let (version, index) = (printable(&governed.version), governed.log_index);
        out.line(format!("{version}, tier {tier}, index {index} of the log of {}", governed.authority));
        hanging(out, "passed ", 7, &governed.gates.join(" "));
        if !governed.file_keys.is_empty() {
            let keys = printable(&governed.file_keys.join(", "));
            paragraph(&format!("signed with a key in a file, which is for development: {keys}"), 2, out);
        }
    }
    for token in &verdict.tokens {
        // Only a token that is there proved a nonce.
        let is_there = token.nonce.is_some();
        let profile = if is_there { token.profile.unwrap_or("no profile") } else { "missing" };
        let status = part(&printable(&token.name), token.verdict.status, out);
        out.line(format!("token {status}  {profile}"));
    }
    if let Some(bank) = verdict.judged.first() {
        let pcrs: Vec<String> = verdict.judged.iter().map(|judged| judged.pcr.to_string()).collect();
        out.line(format!("judged PCR {} in {}", pcrs.join(" "), bank.bank));
    }
    causes(verdict, out);
    if let Some(first) = &verdict.first_difference {
        comparison::first(first, out);
    }
    comparison::print(&verdict.comparison, out);
    reasons(verdict, out);
}

fn causes(verdict: &Verdict, out: &mut Output) {
    if verdict.causes.is_empty() {
        return;
    }
    out.line("");
    let heading = out.paint(Style::Strong, "Likely causes");
    out.line(heading);
    for cause in &verdict.causes {
        let or = cause.or.map(|or| format!(" or {or}")).unwrap_or_default();
        let name = out.paint(Style::Bad, format!("{}{or}", cause.cause));
        let place = cause.component.as_deref().map(printable).unwrap_or_default();
        let pcr = cause.pcr.map(|pcr| format!(", PCR {pcr}")).unwrap_or_default();
        let event = cause.event.map(|event| format!(" {}", event_of(event, cause.log))).unwrap_or_default();
        let unproven = match (cause.unproven, &verdict.proven) {
            (false, _) => "",
            (true, Some(_)) => ", as the log says and nothing proves",
            (true, None) => ", perhaps: nothing proves it",
        };
        out.line(format!("  {name}  {place}{pcr}{event}{unproven}"));
        if !cause.explains.is_empty() {
            let explained: Vec<String> =
                cause.explains.iter().map(|e| place_of(e.pcr, e.event, e.log)).collect();
            paragraph(&format!("explains {}", explained.join(", ")), 6, out);
        }
        if !cause.perhaps.is_empty() {
            let perhaps: Vec<String> = cause.perhaps.iter().map(ToString::to_string).collect();
            paragraph(&format!("perhaps also {}, which it would hide", perhaps.join(", ")), 6, out);
        }
    }
}

fn place_of(pcr: u32, event: Option<u32>, log: Option<&str>) -> String {
    event.map_or_else(|| format!("PCR {pcr}"), |event| format!("PCR {pcr} {}", event_of(event, log)))
}

fn reasons(verdict: &Verdict, out: &mut Output) {
    // A warning of the evidence as a whole lowers nothing: only claims have a status.
    let lowers = |reason: &&Reason| reason.severity == Severity::Warn && reason.part != Part::Evidence;
    for (heading, style, severity, is_lowering) in [
        ("Refused because", Style::Bad, Severity::Refuse, false),
        ("Warned because", Style::Warn, Severity::Warn, true),
        ("To look at", Style::Warn, Severity::Warn, false),
        ("For information", Style::Dim, Severity::Info, false),
    ] {
        let of = |reason: &&Reason| reason.severity == severity && lowers(reason) == is_lowering;
        let found: Vec<_> = verdict.reasons.iter().filter(of).collect();
        if found.is_empty() {
            continue;
        }
        let (follows, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|reason| follows(verdict, reason));
        out.line("");
        let heading = out.paint(Style::Strong, heading);
        out.line(heading);
        let mut told: BTreeMap<Code, (usize, usize)> = BTreeMap::new();
        for reason in found {
            let (listed, more) = told.entry(reason.code).or_default();
            if reason.part == Part::Runtime && (*listed == LISTED || reason.left_out.is_some()) {
                *more += reason.left_out.unwrap_or(1);
                continue;
            }
            *listed += 1;
            let code = reason.detail_code.unwrap_or(reason.code.as_str());
            let mark = out.paint(style, code);
            let place = match (reason.pcr, reason.event) {
                (Some(pcr), event) => format!("  {}", place_of(pcr, event, reason.log)),
                (None, _) => String::new(),
            };
            let component = reason.component.as_deref().map(printable).unwrap_or_default();
            out.line(format!("  {mark}{place}  {component}").trim_end());
            paragraph(&printable(&reason.explain), 6, out);
            for expected in &reason.expected {
                hanging(out, "      expected ", 15, &printable(expected));
            }
            if let Some(got) = &reason.got {
                hanging(out, "      got      ", 15, &printable(got));
            }
        }
        for (code, (listed, more)) in told.into_iter().filter(|(_, (_, more))| *more > 0) {
            out.line(format!("  and {more} more {code}, {} in all", listed + more));
        }
        if !follows.is_empty() {
            out.line(format!(
                "  and {} that follow from these: above in short, with --json in full",
                follows.len()
            ));
        }
    }
}

/// Whether the reason is a difference that follows from one that is told. What could be a root as well is told.
fn follows(verdict: &Verdict, reason: &Reason) -> bool {
    let is_of = |row: &&Row| match (reason.event, &row.device, &row.golden) {
        (Some(event), Some(device), _) => (device.event, device.log) == (Some(event), reason.log),
        (None, None, Some(golden)) => {
            reason.component.as_deref() == Some(golden.component.as_str())
                && reason.expected.contains(&golden.digest)
        }
        _ => false,
    };
    let of_pcr = verdict.comparison.iter().filter(|c| Some(c.pcr) == reason.pcr && c.proven);
    let mut rows = of_pcr.flat_map(|comparison| &comparison.rows).filter(is_of).peekable();
    rows.peek().is_some() && rows.all(|row| row.follows)
}

const fn style(status: Status) -> Style {
    match status {
        Status::None => Style::Dim,
        Status::Affirming => Style::Good,
        Status::Warning => Style::Warn,
        Status::Contraindicated => Style::Bad,
    }
}

/// Words wrapped at the last column, indented.
fn paragraph(text: &str, indent: usize, out: &mut Output) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > COLUMNS {
            out.line(format!("{:indent$}{line}", ""));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        out.line(format!("{:indent$}{line}", ""));
    }
}

#[cfg(test)]
mod tests;
