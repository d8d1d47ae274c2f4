//! Golden values and a device side by side, in 80 columns.

use attest_core::Digest;
use attest_core::appraise::comparison::{Comparison, FirstDifference, Relation, Row, Side};
use attest_core::reference::golden::{Slot, SlotChange};

use super::layout::hanging;
use super::{Output, Style, printable};

/// Columns of a component's name; longer names are cut.
const NAME: usize = 22;
/// Hexadecimal digits of a digest: enough to tell two apart, the rest stands in the JSON.
const DIGEST: usize = 10;
/// Columns of one side: name, blank, digest.
const SIDE: usize = NAME + 1 + DIGEST;

/// Where golden values and boot part first.
pub(super) fn first(first: &FirstDifference, out: &mut Output) {
    let component = printable(&first.component);
    let what = match (first.relation, first.event) {
        (_, Some(event)) => {
            format!("{}, PCR {}, {component}", event_of(event, first.log), first.pcr)
        }
        (_, None) if first.at_end => format!("PCR {}, {component}, missing at its end", first.pcr),
        (_, None) => {
            let place = event_of(first.position, first.log);
            format!("PCR {}, {component}, missing before {place}", first.pcr)
        }
    };
    out.line("");
    out.line(format!("{} {what}", out.paint(Style::Strong, "First differs at")));
    // Where both say the same, the digests tell them apart.
    let is_alike =
        matches!((&first.expected, &first.got), (Some(one), Some(other)) if one.about == other.about);
    for (head, side) in [("golden", &first.expected), ("device", &first.got)] {
        let text = side.as_ref().map_or("nothing there", |side| match side.about.as_str() {
            "" => "(its event says nothing)",
            about => about,
        });
        let digest = side.as_ref().filter(|_| is_alike).map(|side| format!("{}  ", short(&side.digest)));
        let head = format!("  {} ", out.paint(Style::Dim, head));
        hanging(out, &head, 9, &format!("{}{}", digest.unwrap_or_default(), printable(text)));
    }
}

/// An event of the firmware's log, or a record of the other one: both are numbered from 0.
pub(super) fn event_of(event: u32, log: Option<&str>) -> String {
    log.map_or_else(|| format!("event {event}"), |log| format!("record {event} of the {log} log"))
}

fn short(digest: &str) -> String {
    digest.chars().take(DIGEST).collect()
}

/// Every PCR that differs.
pub(super) fn print(comparisons: &[Comparison], out: &mut Output) {
    for comparison in comparisons {
        out.line("");
        let name = format!("PCR {}  golden {}", comparison.pcr, printable(&comparison.golden));
        let name = cut(&name, SIDE + 4);
        let device = if comparison.proven { "this device" } else { "this device's log, not proven" };
        let title = format!("{name:<width$} | {device}", width = SIDE + 4);
        out.line(out.paint(Style::Strong, title));
        let mut rows = comparison.rows.iter().peekable();
        while let Some(row) = rows.next() {
            if !row.follows {
                print_row(row, out);
                continue;
            }
            let mut folded = vec![row];
            while let Some(next) = rows.next_if(|next| next.follows && next.cause == row.cause) {
                folded.push(next);
            }
            follows(&folded, out);
        }
        if comparison.rows.iter().filter_map(|row| row.device.as_ref()).any(|side| side.log.is_some()) {
            out.line(out.paint(Style::Dim, "    u0: record 0 of the userspace log, and so on"));
        }
        if comparison.omitted > 0 {
            out.line(format!("    {} more differences, which are not listed", comparison.omitted));
        }
    }
}

fn print_row(row: &Row, out: &mut Output) {
    let (mark, style) = match row.relation {
        Relation::Same => (' ', Style::Dim),
        Relation::Changed => ('~', Style::Warn),
        Relation::Missing => ('-', Style::Bad),
        Relation::Extra => ('+', Style::Bad),
    };
    if row.golden.is_none() && row.device.is_none() {
        out.line(out.paint(Style::Dim, format!("      {} the same", row.count)));
        return;
    }
    out.line(out.paint(style, line(mark, row.golden.as_ref(), row.device.as_ref())));
}

/// One line: mark, golden side, number of the event, device's side.
fn line(mark: char, golden: Option<&Side>, device: Option<&Side>) -> String {
    let event = device.and_then(number).unwrap_or_default();
    let golden = golden.map(side).unwrap_or_default();
    let device = device.map(side).unwrap_or_default();
    format!("  {mark} {golden:<SIDE$} | {event:>4} {device}").trim_end().to_owned()
}

/// `12`, or `u12` for a record of the userspace log.
fn number(side: &Side) -> Option<String> {
    let log = if side.log.is_some() { "u" } else { "" };
    side.event.map(|event| format!("{log}{event}"))
}

fn side(side: &Side) -> String {
    format!("{:<NAME$} {}", cut(&printable(&side.component), NAME), short(&side.digest))
}

/// What only follows from a cause that shows better elsewhere, in one paragraph.
fn follows(rows: &[&Row], out: &mut Output) {
    let Some(cause) = rows.first().and_then(|row| row.cause) else { return };
    let name = |row: &&Row| {
        let sides = [row.device.as_ref(), row.golden.as_ref()];
        let side = sides.into_iter().flatten().next();
        let component = side.map(|side| printable(&side.component)).unwrap_or_default();
        match (row.relation, side.and_then(number)) {
            (Relation::Missing, _) => format!("{component} missing"),
            (_, Some(event)) => format!("{component} ({event})"),
            (_, None) => component,
        }
    };
    let mut names: Vec<(String, usize)> = Vec::new();
    for name in rows.iter().map(name) {
        match names.last_mut().filter(|(last, _)| *last == name) {
            Some((_, times)) => *times += 1,
            None => names.push((name, 1)),
        }
    }
    let times =
        |(name, times): (String, usize)| if times > 1 { format!("{name} {times} times") } else { name };
    let names: Vec<String> = names.into_iter().map(times).collect();
    let head = format!("  {} ", out.paint(Style::Dim, '.'));
    hanging(out, &head, 4, &format!("follows from {cause}: {}", names.join(", ")));
}

/// The slots of one sequence that differ between two documents, side by side; what they say of themselves stands below.
pub(super) fn slots(changes: &[&SlotChange], out: &mut Output) {
    let Some(first) = changes.first() else { return };
    let title = format!("{:<width$} | new", cut(&printable(&first.sequence), SIDE + 4), width = SIDE + 4);
    out.line(out.paint(Style::Strong, title));
    for change in changes {
        let sides = (change.old.as_ref(), change.new.as_ref());
        let (mark, style) = match sides {
            (Some(_), Some(_)) => ('~', Style::Warn),
            (Some(_), None) => ('-', Style::Bad),
            _ => ('+', Style::Good),
        };
        let differs = |slot: &Slot, other: Option<&Slot>| {
            let is_other = |digest: &&Digest| other.is_none_or(|other| !other.digests.contains(digest));
            slot.digests.iter().find(is_other).or(slot.digests.first()).map(ToString::to_string)
        };
        let side = |slot: Option<&Slot>, other: Option<&Slot>| {
            slot.map(|slot| Side {
                event: None,
                log: None,
                component: slot.component.clone(),
                digest: differs(slot, other).unwrap_or_default(),
                about: slot.about.clone(),
            })
        };
        let (old, new) = (side(sides.0, sides.1), side(sides.1, sides.0));
        out.line(out.paint(style, line(mark, old.as_ref(), new.as_ref())));
        for (mark, slot, other) in [('-', sides.0, sides.1), ('+', sides.1, sides.0)] {
            let Some(slot) = slot.filter(|slot| {
                other.is_none_or(|other| (&other.about, &other.rule) != (&slot.about, &slot.rule))
            }) else {
                continue;
            };
            let rule = slot.rule.as_ref().map(|rule| format!(" (rule {})", rule.name())).unwrap_or_default();
            let text = format!("{}{rule}", printable(&slot.about));
            if !text.is_empty() {
                hanging(out, &format!("      {mark} "), 8, &text);
            }
        }
    }
}

/// The text in so many columns.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}~")
}

#[cfg(test)]
#[path = "comparison/tests.rs"]
mod tests;
