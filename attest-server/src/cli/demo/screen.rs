//! How the demonstration looks in a terminal of 80 columns.

use super::{
    super::{Output, Style, layout, printable},
    play::{Outcome, Place},
    scenes::Scene,
};

const WIDTH: usize = 80;

/// A numbered part of the demonstration.
pub(super) fn chapter(out: &mut Output, number: usize, title: &str) {
    let head = format!("{number}  {title} ");
    let rule = "─".repeat(WIDTH.saturating_sub(head.chars().count()));
    out.line("");
    let (head, rule) = (out.paint(Style::Strong, head), out.paint(Style::Dim, rule));
    out.line(format!("{head}{rule}"));
}

/// Text under a chapter.
pub(super) fn text(out: &mut Output, text: &str) {
    layout::hanging(out, "   ", 3, text);
}

/// A name and what belongs to it, in columns.
pub(super) fn field(out: &mut Output, name: &str, value: &str) {
    let head = out.paint(Style::Dim, format!("{name:<14}"));
    layout::hanging(out, &format!("   {head}"), 17, value);
}

/// A mark for good or bad, a title, and a word at the right margin.
fn row(out: &mut Output, good: bool, title: &str, word: &str) {
    let gap = WIDTH.saturating_sub(5 + title.chars().count() + word.chars().count());
    let style = if good { Style::Good } else { Style::Bad };
    let mark = out.paint(style, if good { "✔" } else { "✘" });
    let (title, word) = (out.paint(Style::Strong, title), out.paint(style, word));
    out.line(format!(" {mark} {title} {:gap$} {word}", ""));
}

/// How a scene ended: at most one cause and its place, one reason in words.
pub(super) fn outcome(out: &mut Output, scene: &Scene, outcome: &Outcome) {
    out.line("");
    let word = match outcome.status {
        "affirming" => "affirming",
        "not_enrolled" => "not enrolled",
        _ => "refused",
    };
    row(out, outcome.status == "affirming", scene.title, word);
    text(out, scene.story);
    let main = outcome.main_reason(scene.refused_for);
    if !outcome.causes.is_empty() {
        field(out, "cause", &printable(&causes(outcome)));
    } else if let Some(reason) = main {
        field(out, "code", &printable(&reason.code));
    }
    if let Some(reason) = main {
        let more = match outcome.reasons.len() {
            0 | 1 => String::new(),
            all => format!(" (and {} more)", all - 1),
        };
        field(out, "because", &format!("{}{more}", shortened(&printable(&reason.explain))));
    }
    if !outcome.as_expected {
        let warning = out.paint(Style::Bad, "This is not how the scene must end.");
        text(out, &warning);
    }
}

/// The first causes, each with the place where it shows first.
fn causes(outcome: &Outcome) -> String {
    const MOST: usize = 3;
    let place = |cause: &Place| match (cause.pcr, cause.event) {
        (Some(pcr), Some(event)) => format!("{} (PCR {pcr}, event {event})", cause.cause),
        (Some(pcr), None) => format!("{} (PCR {pcr})", cause.cause),
        (None, _) => cause.cause.clone(),
    };
    let mut told: Vec<_> = outcome.causes.iter().take(MOST).map(place).collect();
    if outcome.causes.len() > MOST {
        told.push("…".to_owned());
    }
    told.join(", ")
}

/// Digests cut to their first digits: here they are for people.
fn shortened(text: &str) -> String {
    let word = |word: &str| {
        let is_digest = word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest { format!("{}…", word.chars().take(12).collect::<String>()) } else { word.to_owned() }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What an access system decided.
pub(super) fn decision(out: &mut Output, good: bool, title: &str, word: &str) {
    row(out, good, title, word);
}

/// A command to type. Never wrapped, so that it can be copied.
pub(super) fn command(out: &mut Output, command: &str) {
    let prompt = out.paint(Style::Dim, "$");
    out.line(format!("     {prompt} {command}"));
}
