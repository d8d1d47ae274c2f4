//! Text laid out for a terminal of 80 columns.

use super::{Output, Style};
use attest_core::evidence::Severity;

/// Columns of the terminal that every answer fits into.
pub(super) const WIDTH: usize = 80;

/// Prints `head` and then `text`, which goes on below itself where it is too long. `head` has `indent` columns and may be painted.
pub(super) fn hanging(out: &mut Output, head: &str, indent: usize, text: &str) {
    let mut lines = wrapped(text, WIDTH.saturating_sub(indent).max(20)).into_iter();
    let first = lines.next().unwrap_or_default();
    out.line(format!("{head}{first}").trim_end());
    for line in lines {
        out.line(format!("{:indent$}{line}", ""));
    }
}

/// A table of findings, the refusing ones in colour. Each is severity, code, where, and what it says.
pub(super) fn findings<'a>(
    out: &mut Output,
    findings: impl Iterator<Item = (Severity, &'a str, String, String)>,
) {
    let mut none = true;
    for (severity, code, place, detail) in findings {
        if core::mem::take(&mut none) {
            out.line("");
            out.line(out.paint(Style::Strong, "Findings"));
        }
        let style = match severity {
            Severity::Refuse => Style::Bad,
            Severity::Warn => Style::Warn,
            Severity::Info => Style::Dim,
        };
        let head = format!("  {} ", out.paint(style, format!("{:<6}", severity.name())));
        let place = if place.is_empty() { place } else { format!("{place}: ") };
        hanging(out, &head, 9, &format!("{place}{detail} [{code}]"));
    }
}

/// Lines of at most `width` characters, broken behind blanks, slashes and commas where there are any.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut columns) = (String::new(), 0);
    for piece in text.split_inclusive([' ', '/', ',']) {
        let len = piece.trim_end().chars().count();
        if columns > 0 && columns + len > width {
            lines.push(core::mem::take(&mut line).trim_end().to_owned());
            columns = 0;
        }
        for char in piece.chars() {
            if columns == width && char != ' ' {
                lines.push(core::mem::take(&mut line));
                columns = 0;
            }
            line.push(char);
            columns += 1;
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks_and_long_words_anywhere() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("ä ö ü", 3), ["ä ö", "ü"]);
        assert_eq!(wrapped("Pci(0x1,0x0)/HD(1)", 13), ["Pci(0x1,0x0)/", "HD(1)"]);
        for width in 1..30 {
            let text = "a bb/ccc,dddd eeeee  ffffff/ggggggg";
            let lines = wrapped(text, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{width} {lines:?}");
            let without_blanks = |text: &str| text.replace(' ', "");
            assert_eq!(without_blanks(&lines.concat()), without_blanks(text), "{width}");
        }
    }
}
