//! Text out of evidence, made harmless for terminals, logs and reports.
//!
//! Whoever writes a log chooses its strings. Line breaks, escape sequences and characters that are invisible or that
//! turn the direction of writing come out as `\u{1b}`, bytes that are no text as `\xff`.

use core::fmt::{self, Write};

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
        write_text(f, self.0)
    }
}

impl<'a> Utf8<'a> {
    /// The bytes before the first NUL.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

impl fmt::Display for Utf8<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.bytes().utf8_chunks() {
            write_text(f, chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
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
        self.units().eq(text.encode_utf16())
    }

    /// Whether it is whole code units, ends with a NUL and holds no other.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        let (pairs, odd) = self.0.as_chunks::<2>();
        odd.is_empty() && pairs.iter().position(|pair| *pair == [0, 0]) == pairs.len().checked_sub(1)
    }
}

impl fmt::Display for Utf16<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Most of it is ASCII, which is written a piece at a time.
        let (mut piece, mut len, mut units) = ([0; 64], 0_usize, 0_usize);
        for unit in char::decode_utf16(self.units().inspect(|_| units = units.saturating_add(1))) {
            if let (Ok(char @ ' '..='~'), Some(slot)) = (&unit, piece.get_mut(len)) {
                *slot = u8::try_from(*char).unwrap_or(b'?');
                len = len.saturating_add(1);
                continue;
            }
            write_ascii(f, &piece, core::mem::take(&mut len))?;
            match unit {
                Ok(char) => write_char(f, char)?,
                Err(lone) => write!(f, "\\u{{{:x}}}", lone.unpaired_surrogate())?,
            }
        }
        write_ascii(f, &piece, len)?;
        let (pairs, odd) = self.0.as_chunks::<2>();
        let terminated = units < pairs.len();
        if terminated { Ok(()) } else { odd.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}")) }
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
        write_ascii(f, &digits, len)?;
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
            // As many bytes are no more characters.
            if text.len() <= self.left {
                self.left = self.left.saturating_sub(text.chars().count());
                self.out.push_str(text);
                return Ok(());
            }
            text.chars().try_for_each(|char| self.write_char(char))
        }

        fn write_char(&mut self, char: char) -> fmt::Result {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.out.push(char);
            Ok(())
        }
    }
    // Most are shorter, and get their memory once.
    let mut short = Short { out: String::with_capacity(most.min(64)), left: most };
    if write!(short, "{text}").is_err() {
        short.out.push('…');
    }
    short.out
}

/// The text, its harmless ASCII as it stands.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().take_while(|byte| matches!(byte, b' '..=b'~')).count();
        let (head, tail) = rest.split_at_checked(plain).unwrap_or((rest, ""));
        f.write_str(head)?;
        let mut chars = tail.chars();
        if let Some(char) = chars.next() {
            write_char(f, char)?;
        }
        rest = chars.as_str();
    }
    Ok(())
}

/// The first bytes of a piece, which are ASCII.
fn write_ascii(f: &mut fmt::Formatter<'_>, piece: &[u8], len: usize) -> fmt::Result {
    let ascii = piece.get(..len).and_then(|bytes| core::str::from_utf8(bytes).ok());
    f.write_str(ascii.unwrap_or_default())
}

fn write_char(f: &mut fmt::Formatter<'_>, char: char) -> fmt::Result {
    if is_harmless(char) { f.write_char(char) } else { write!(f, "\\u{{{:x}}}", u32::from(char)) }
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
