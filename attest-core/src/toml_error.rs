//! Why a text is not the TOML that was expected, in one line.

use crate::evidence::text::{Text, shortened};

/// Of a message so many characters of its beginning and of its end are told: it may quote what stands in the text, and what was expected is its end.
const EACH_END: usize = 120;

/// Line, column (in characters, both from 1) and what is wrong there: one line of a few hundred characters at the most, whatever the text holds.
#[must_use]
pub fn described(text: &str, error: &toml::de::Error) -> String {
    let message = bounded(error.message());
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => {
            let line = before.matches('\n').count().saturating_add(1);
            let last = before.rsplit('\n').next().unwrap_or_default();
            let column = last.chars().count().saturating_add(1);
            format!("line {line}, column {column}: {message}")
        }
        // Its place is told by the names that lead to it, if at all.
        None => bounded(error.to_string().trim_end()),
    }
}

/// Without its middle where it is long.
fn bounded(message: &str) -> String {
    let most = EACH_END.saturating_mul(2);
    let length = message.chars().count();
    let one_line = |part: &str| Text(part).to_string();
    if length <= most {
        return one_line(&message.replace('\n', " "));
    }
    // Both ends are cut before they are made harmless, which makes them longer.
    let end: String = message.chars().skip(length.saturating_sub(EACH_END)).collect();
    let begin: String = message.chars().take(EACH_END).collect();
    format!("{} … {}", shortened(one_line(&begin), most), shortened(one_line(&end), most))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is asked")]
    struct Document {
        format: String,
        sizes: Option<BTreeMap<String, u8>>,
    }

    fn refused(text: &str) -> String {
        described(text, &toml::from_str::<Document>(text).unwrap_err())
    }

    #[test]
    fn says_where_and_what_was_expected() {
        for (text, told) in [
            ("format = 5", "line 1, column 10: invalid type: integer `5`, expected a string"),
            ("\u{fc} = 1", "line 1, column 1: "),
            (
                "format = \"a\"\n\n  famliy = 1",
                "line 3, column 3: unknown field `famliy`, expected `format` or `sizes`",
            ),
            ("", "line 1, column 1: missing field `format`"),
            ("format = \"\u{fc}\u{fc}\" x", "line 1, column 15: "),
        ] {
            assert!(refused(text).starts_with(told), "{}", refused(text));
        }
    }

    #[test]
    fn a57_what_stands_in_a_text_fills_no_screen_and_moves_no_cursor() {
        let long = format!("\"\u{202e}\\u001B{}\" = 1", "a".repeat(100_000));
        for text in [long, format!("format = \"x\"\nsizes = \"{}\"", "\\n\\u0007".repeat(10_000))] {
            let told = refused(&text);
            assert!(told.chars().count() < 600, "{told}");
            assert!(told.starts_with("line ") && told.contains("expected"), "{told}");
            assert_eq!(Text(&told).to_string(), told, "nothing in it is to be escaped");
        }
    }

    #[test]
    fn without_a_place_the_names_that_lead_to_it_are_told() {
        let table: toml::Table = toml::from_str("format = \"x\"\n[sizes]\na = 256").unwrap();
        let error = table.try_into::<Document>().unwrap_err();
        let told = described("", &error);
        assert!(told.contains("expected u8") && told.contains("sizes.a") && !told.contains('\n'), "{told}");
    }
}
