//! How many items a document's text has, its lines and the parts of its keys counted. The TOML reader makes a value of each before the first unknown name can be refused; an item of two bytes takes a
//! hundred of memory and as long as an honest one of a hundred. Counting them first takes a look at each byte.

use super::error::Error;
use crate::limits::Limits;

/// Where in the text a byte stands.
#[derive(Clone, Copy)]
enum Inside {
    Comment,
    Nothing,
    /// A string of one line, by its quotation mark.
    Line(u8),
    /// One of several lines.
    Lines(u8),
}

const BASIC: u8 = b'"';
const LITERAL: u8 = b'\'';

/// Refuses a text of more keys, values, lists and lines than its length allows.
pub(super) fn check(text: &str, limits: &Limits) -> Result<(), Error> {
    let got = count(text.as_bytes());
    let share = text.len().checked_div(limits.golden_item_bytes).unwrap_or(0);
    let limit = limits.golden_items.saturating_add(share);
    if got > limit { Err(Error::TooManyItems { got, limit }) } else { Ok(()) }
}

/// What begins or follows an item, outside of strings and comments (TOML 1.0). Where the text is no TOML the reader says so.
fn count(text: &[u8]) -> usize {
    let (mut rest, mut inside, mut items) = (text, Inside::Nothing, 0_usize);
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        inside = match (inside, byte) {
            (Inside::Nothing, BASIC | LITERAL) => match triple(byte, behind) {
                Some(behind) => {
                    rest = behind;
                    Inside::Lines(byte)
                }
                None => Inside::Line(byte),
            },
            (Inside::Nothing, b'#') => Inside::Comment,
            (Inside::Nothing, b'[' | b'{' | b',' | b'=' | b'.' | b'\n') => {
                items = items.saturating_add(1);
                Inside::Nothing
            }
            (Inside::Line(BASIC) | Inside::Lines(BASIC), b'\\') => {
                rest = behind.split_first().map_or(behind, |(_, behind)| behind);
                inside
            }
            (Inside::Line(mark), _) if byte == mark => Inside::Nothing,
            (Inside::Comment | Inside::Line(_), b'\n') => {
                items = items.saturating_add(1);
                Inside::Nothing
            }
            (Inside::Lines(mark), _) if byte == mark => match triple(byte, behind) {
                Some(mut behind) => {
                    // One or two more belong to the string.
                    for _ in 0..2 {
                        behind = behind.strip_prefix(&[mark]).unwrap_or(behind);
                    }
                    rest = behind;
                    Inside::Nothing
                }
                None => inside,
            },
            _ => inside,
        };
    }
    items
}

/// What stands behind the second and third of three equal marks.
fn triple(mark: u8, behind: &[u8]) -> Option<&[u8]> {
    behind.strip_prefix(&[mark, mark])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_counted_outside_of_strings_and_comments() {
        for (text, items) in [
            ("", 0),
            ("a = 1\nb = [2, 3]\n", 6),
            ("a.b.c = 1.5\n\n#\n", 7),
            ("[[a]]\nb = { c = \"[{,=\", d = '[{,=' }\n", 9),
            ("# [{,=\na = 1 # ,,,\n", 3),
            ("a = \"\\\",,,\"\nb = 1", 3),
            // In a literal string nothing is escaped.
            ("a = '\\'\nb = [1]", 4),
            ("a = \"\"\"\n\"[\" ,, \"\"[ \\\"\"\",\n\"\"\"\nb = 1", 3),
            ("a = '''\n' ,,, ''[\\'''\nb = 1", 3),
            // The last quotation marks of a long string are its own: what follows is no string.
            ("a = [\"\"\"x\"\"\"\", 1, 2]", 4),
            ("a = [\"\"\"x\"\"\"\"\", 1, 2]", 4),
            ("a = ['''x''''', 1, 2]", 4),
            ("a = [\"\", 1, '', 2]", 5),
            // What is never closed ends with its line.
            ("a = \"[[[\nb = [1]", 4),
            ("a = \"x\\", 1),
        ] {
            assert_eq!(count(text.as_bytes()), items, "{text}");
        }
    }

    #[test]
    fn a47_a_document_of_items_without_end() {
        let limits = Limits::DEFAULT;
        let list = |items: usize| format!("x = [{}]", "0,".repeat(items));
        let allowed = |text: &str| limits.golden_items + text.len() / limits.golden_item_bytes;
        let (mut good, mut bad) = (0_usize, 1_usize << 20);
        while bad - good > 1 {
            let middle = good.midpoint(bad);
            if check(&list(middle), &limits).is_ok() { good = middle } else { bad = middle }
        }
        // The list itself and its key are two more.
        assert_eq!(good + 2, allowed(&list(good)));
        let refused = super::super::Golden::parse(&list(bad), &limits).unwrap_err();
        assert_eq!(refused, Error::TooManyItems { got: bad + 2, limit: allowed(&list(bad)) });
        assert_eq!(refused.code(), "golden_too_many_items");
        let told = super::super::Golden::parse(&list(good), &limits).unwrap_err();
        assert_eq!(told.code(), "golden_syntax", "it is read, and `x` is no name");
    }
}
