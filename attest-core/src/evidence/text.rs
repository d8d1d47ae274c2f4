//! Text out of evidence, made harmless for terminals, logs and reports.
//!
//! Whoever writes a log chooses its strings. Line breaks, escape sequences and characters that are invisible or that
//! turn the direction of writing come out as `\u{1b}`, bytes that are no text as `\xff`.

mod pieces;

use core::fmt::{self, Write};

pub(crate) use pieces::Pieces;
use pieces::digits;

/// Bytes meant as UTF-8 (ASCII, mostly), up to the first NUL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Utf8<'a>(pub &'a [u8]);

/// Bytes meant as UTF-16, little-endian, up to the first NUL; an odd byte at the end is shown as such.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Utf16<'a>(pub &'a [u8]);

/// Text that is known to be such, all of it: a NUL in it is shown and ends nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(pub &'a str);

/// Text of an attacker's choosing, short enough for a message.
pub(crate) fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Pieces::new(f);
        write_text(&mut out, self.0)?;
        out.flush()
    }
}

impl<'a> Utf8<'a> {
    /// The bytes before the first NUL.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

impl Utf8<'_> {
    pub(crate) fn write(self, out: &mut Pieces<'_, '_>) -> fmt::Result {
        for chunk in self.bytes().utf8_chunks() {
            write_text(out, chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write_byte(out, *byte))?;
        }
        Ok(())
    }
}

impl fmt::Display for Utf8<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Pieces::new(f);
        self.write(&mut out)?;
        out.flush()
    }
}

impl fmt::Debug for Utf8<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Utf16<'_> {
    /// Its code units up to the first NUL.
    pub fn units(&self) -> impl Iterator<Item = u16> {
        let (pairs, _) = self.0.as_chunks::<2>();
        pairs.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0)
    }

    /// Whether it is exactly this text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        // Nearly every name that is asked for begins otherwise, and each event is asked for some ten.
        let begins = self.units().next() == text.encode_utf16().next();
        begins && self.units().eq(text.encode_utf16())
    }

    /// Whether it is whole code units, ends with a NUL and holds no other.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        let (pairs, odd) = self.0.as_chunks::<2>();
        odd.is_empty() && pairs.iter().position(|pair| *pair == [0, 0]) == pairs.len().checked_sub(1)
    }
}

impl Utf16<'_> {
    pub(crate) fn write(self, out: &mut Pieces<'_, '_>) -> fmt::Result {
        let (pairs, odd) = self.0.as_chunks::<2>();
        let mut rest = pairs;
        // Most of it is ASCII, and a row of it is taken whole.
        while let Some((row, after)) = rest.split_first_chunk::<ROW>() {
            if row.iter().fold(true, |all, unit| all & is_plain(*unit)) {
                out.few(row.map(|[low, _]| low))?;
                rest = after;
                continue;
            }
            let left = after.len();
            while rest.len() > left {
                let Some(after) = write_unit(out, rest)? else { return Ok(()) };
                rest = after;
            }
        }
        while !rest.is_empty() {
            let Some(after) = write_unit(out, rest)? else { return Ok(()) };
            rest = after;
        }
        odd.iter().try_for_each(|byte| write_byte(out, *byte))
    }
}

impl fmt::Display for Utf16<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Pieces::new(f);
        self.write(&mut out)?;
        out.flush()
    }
}

/// Code units that are looked at together.
const ROW: usize = 8;
/// Text of fewer bytes is put together with what follows it.
const SHORT: usize = 32;

const fn is_plain([low, high]: [u8; 2]) -> bool {
    (high == 0) & (low >= b' ') & (low <= b'~')
}

/// The first character of these code units; what follows it, or nothing behind a NUL.
fn write_unit<'u>(
    out: &mut Pieces<'_, '_>,
    units: &'u [[u8; 2]],
) -> Result<Option<&'u [[u8; 2]]>, fmt::Error> {
    let Some(([low, high], after)) = units.split_first() else { return Ok(None) };
    if is_plain([*low, *high]) {
        out.few([*low])?;
        return Ok(Some(after));
    }
    if [*low, *high] == [0, 0] {
        return Ok(None);
    }
    // A character is one unit or two.
    let both = units.iter().take(2).map(|pair| u16::from_le_bytes(*pair));
    match char::decode_utf16(both).next() {
        Some(Ok(char)) => {
            write_char(out, char)?;
            Ok(units.get(char.len_utf16()..))
        }
        Some(Err(lone)) => {
            write_escape(out, lone.unpaired_surrogate().into())?;
            Ok(Some(after))
        }
        None => Ok(None),
    }
}

impl fmt::Debug for Utf16<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Bytes in lower-case hexadecimal, at most 32 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        let shown = self.0.get(..32).unwrap_or(self.0);
        let len = shown.len().saturating_mul(2);
        // It fails only for another length.
        let _ = hex::encode_to_slice(shown, digits.get_mut(..len).unwrap_or_default());
        let digits = digits.get(..len).and_then(|digits| core::str::from_utf8(digits).ok());
        f.write_str(digits.unwrap_or_default())?;
        if self.0.len() > 32 { f.write_char('…') } else { Ok(()) }
    }
}

/// At most `most` characters of what `text` displays, `…` at the end where something was left out.
///
/// Stops writing early, so that a huge text costs no more than a short one.
#[must_use]
pub fn shortened(text: impl fmt::Display, most: usize) -> String {
    struct Short {
        out: String,
        left: usize,
    }
    impl Write for Short {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            if text.len() > self.out.capacity().saturating_sub(self.out.len()) {
                self.out.reserve(self.left);
            }
            // As many bytes are no more characters.
            if text.len() <= self.left {
                self.left = self.left.saturating_sub(text.chars().count());
                self.out.push_str(text);
                return Ok(());
            }
            match text.char_indices().nth(self.left) {
                None => {
                    self.left = self.left.saturating_sub(text.chars().count());
                    self.out.push_str(text);
                    Ok(())
                }
                Some((end, _)) => {
                    self.left = 0;
                    self.out.push_str(text.get(..end).unwrap_or_default());
                    Err(fmt::Error)
                }
            }
        }

        fn write_char(&mut self, char: char) -> fmt::Result {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.out.push(char);
            Ok(())
        }
    }
    // Most are shorter, and get their memory once; others twice.
    let mut short = Short { out: String::with_capacity(most.min(64)), left: most };
    if write!(short, "{text}").is_err() {
        short.out.push('…');
    }
    short.out
}

/// The text, its harmless ASCII as it stands.
fn write_text(out: &mut Pieces<'_, '_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().take_while(|byte| matches!(byte, b' '..=b'~')).count();
        let (head, tail) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        if head.len() < SHORT {
            out.ascii(head.as_bytes())?
        } else {
            out.text(head)?
        }
        let mut chars = tail.chars();
        if let Some(char) = chars.next() {
            write_char(out, char)?;
        }
        rest = chars.as_str();
    }
    Ok(())
}

fn write_char(out: &mut Pieces<'_, '_>, char: char) -> fmt::Result {
    if is_harmless(char) { out.char(char) } else { write_escape(out, char.into()) }
}

/// `\u{1b}`
fn write_escape(out: &mut Pieces<'_, '_>, code: u32) -> fmt::Result {
    let [high, low] = u8::try_from(code).map(digits).unwrap_or_default();
    if (0x10..=0xff).contains(&code) {
        return out.few([b'\\', b'u', b'{', high, low, b'}']);
    }
    out.few(*b"\\u{")?;
    out.hex(code.into(), 1)?;
    out.few(*b"}")
}

/// `\xff`
fn write_byte(out: &mut Pieces<'_, '_>, byte: u8) -> fmt::Result {
    let [high, low] = digits(byte);
    out.few([b'\\', b'x', high, low])
}

/// Whether a terminal shows this character as itself and nothing else happens.
pub(crate) fn is_harmless(char: char) -> bool {
    !char.is_control()
        && !matches!(char,
            // Invisible, or they change what stands around them (Unicode category Cf), and line separators.
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn a44_a58_control_characters_and_escapes_never_reach_a_terminal() {
        let hostile = "ok\u{1b}[2J\r\n\u{7}\u{202e}\u{200b}\u{9b}31m";
        let harmless = "ok\\u{1b}[2J\\u{d}\\u{a}\\u{7}\\u{202e}\\u{200b}\\u{9b}31m";
        assert_eq!(Utf8(hostile.as_bytes()).to_string(), harmless);
        assert_eq!(Utf16(&utf16(hostile)).to_string(), harmless);
        assert_eq!(Text(&format!("a\0{hostile}")).to_string(), format!("a\\u{{0}}{harmless}"));
        assert_eq!(Utf8(b"a\xff\x9bb").to_string(), "a\\xff\\x9bb");
        assert_eq!(Utf16(&[0x00, 0xd8, 0x41, 0x00, 0x42]).to_string(), "\\u{d800}A\\x42");
    }

    /// Pieces of plain text of every length around that of the piece that is written at once.
    #[test]
    fn plain_text_is_written_in_pieces_and_whole() {
        for len in [0_u8, 1, 63, 64, 65, 127, 128, 129, 200] {
            for (end, shown) in [("", ""), ("\n", "\\u{a}"), ("ß", "ß"), ("\u{7f}", "\\u{7f}")] {
                let plain: String = (0..len).map(|at| char::from(b' ' + at % 95)).collect();
                let (text, expected) = (format!("{plain}{end}{plain}"), format!("{plain}{shown}{plain}"));
                assert_eq!(Utf16(&utf16(&text)).to_string(), expected);
                assert_eq!(Utf8(text.as_bytes()).to_string(), expected);
                assert_eq!(Text(&text).to_string(), expected);
            }
        }
        assert_eq!(Utf16(&[&utf16("ab")[..], b"c"].concat()).to_string(), "ab\\x63");
        assert_eq!(Utf16(&[&utf16("ab\0")[..], b"c"].concat()).to_string(), "ab");
        for len in [0, 1, 31, 32] {
            assert_eq!(Hex(&vec![0x0f; len]).to_string(), "0f".repeat(len));
        }
    }

    proptest::proptest! {
        /// Rows and single units, characters of two units, lone halves and NULs: as a decoder of the whole text has them.
        #[test]
        fn utf16_is_shown_as_it_is_decoded(units in proptest::collection::vec(
            proptest::prop_oneof![6 => 0x20..0x7f_u16, 1 => 0..0x20_u16, 1 => 0xd7f0..0xe010_u16, 1 => 0..=u16::MAX],
            0..40,
        )) {
            let before_nul = units.iter().copied().take_while(|unit| *unit != 0);
            let expected: String = char::decode_utf16(before_nul)
                .map(|char| match char {
                    Ok(char) if is_harmless(char) => char.to_string(),
                    Ok(char) => format!("\\u{{{:x}}}", u32::from(char)),
                    Err(lone) => format!("\\u{{{:x}}}", lone.unpaired_surrogate()),
                })
                .collect();
            let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            proptest::prop_assert_eq!(Utf16(&bytes).to_string(), expected.clone());
            let all = expected.chars().count();
            for most in [0, 1, 5, 63, 64, 65, all] {
                let cut: String = expected.chars().take(most).collect();
                let end = if all > most { "…" } else { "" };
                proptest::prop_assert_eq!(shortened(Utf16(&bytes), most), format!("{cut}{end}"));
            }
        }
    }

    #[test]
    fn debug_is_the_same_text_in_quotes() {
        assert_eq!(format!("{:?} {:?}", Utf8(b"a\x1b\0b"), Utf16(&utf16("db"))), r#""a\u{1b}" "db""#);
    }

    #[test]
    fn text_ends_at_its_nul() {
        assert_eq!(Utf8(b"/vmlinuz\0rest").to_string(), "/vmlinuz");
        assert_eq!(Utf16(&utf16("db\0rest")).to_string(), "db");
        assert!(Utf16(&utf16("db\0")).is_terminated() && !Utf16(&utf16("d\0b\0")).is_terminated());
        assert!(Utf16(&utf16("db")).is("db") && !Utf16(&utf16("dbx")).is("db"));
    }

    #[test]
    fn a_long_text_is_cut_by_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äöü…");
        assert_eq!(Hex(&[0xab; 33]).to_string(), format!("{}…", "ab".repeat(32)));
    }
}
