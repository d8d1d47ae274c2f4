//! Names in governed objects, and words of people: what they may be made of, so that a text that is signed reads the same for everybody.

use core::borrow::Borrow;
use core::fmt;

use serde::{Deserialize, Serialize};

/// The name of an identity, a family, a channel, a group or a key: 1 to 64 lower-case ASCII letters, digits, `.`, `_` and `-`, a letter
/// or digit first. No two names look alike, and none can be taken for another word of a statement's text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Words that people wrote, on one line: 1 to 500 characters, none of which is a control character, invisible, or turns the direction of
/// writing; no blank at either end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Words(String);

/// Why a text is no name, or no words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A character that does not belong there.
    #[error("character {at} ({char:?}) cannot stand there")]
    Character {
        /// Counted from 0.
        at: usize,
        /// Which.
        char: char,
    },
    /// Nothing, or more than fits.
    #[error("{chars} characters, 1 to {most} expected")]
    Length {
        /// How many there are.
        chars: usize,
        /// How many fit.
        most: usize,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Character { .. } => "name_character",
            Self::Length { .. } => "name_length",
        }
    }
}

const NAME_CHARS: usize = 64;
const WORDS_CHARS: usize = 500;

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Words {
    /// The words as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str, most: usize, fits: impl Fn(usize, char) -> bool) -> Result<(), Error> {
    let chars = text.chars().count();
    if chars == 0 || chars > most {
        return Err(Error::Length { chars, most });
    }
    match text.chars().enumerate().find(|(at, char)| !fits(*at, *char)) {
        Some((at, char)) => Err(Error::Character { at, char }),
        None => Ok(()),
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let is_letter = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
        check(&text, NAME_CHARS, |at, char| is_letter(char) || (at > 0 && matches!(char, '.' | '_' | '-')))?;
        Ok(Self(text))
    }
}

impl TryFrom<String> for Words {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let last = text.chars().count().saturating_sub(1);
        let is_inside = |at: usize| at > 0 && at < last;
        check(&text, WORDS_CHARS, |at, char| match char {
            ' ' => is_inside(at),
            _ => crate::evidence::text::is_harmless(char) && !char.is_whitespace(),
        })?;
        // A58: with blanks enough, words go on where a terminal's next line begins, and look like a line of ours.
        let mut blanks = text.chars().zip(text.chars().skip(1)).enumerate();
        if let Some((at, _)) = blanks.find(|(_, pair)| *pair == (' ', ' ')) {
            return Err(Error::Character { at: at.saturating_add(1), char: ' ' });
        }
        Ok(Self(text))
    }
}

impl TryFrom<&str> for Name {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<&str> for Words {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_few_letters() {
        for name in ["a", "7", "alice", "linux.efi", "gate-way_2", &"x".repeat(64)] {
            assert_eq!(Name::try_from(name).unwrap().as_str(), name);
        }
        let character = |at, char| Err(Error::Character { at, char });
        assert_eq!(Name::try_from("Alice"), character(0, 'A'));
        assert_eq!(Name::try_from("al ice"), character(2, ' '));
        assert_eq!(Name::try_from("-a"), character(0, '-'));
        assert_eq!(Name::try_from("\u{430}lice"), character(0, '\u{430}'), "a Cyrillic a");
        assert_eq!(Name::try_from("alice\n"), character(5, '\n'));
        assert_eq!(Name::try_from(""), Err(Error::Length { chars: 0, most: 64 }));
        assert_eq!(Name::try_from("x".repeat(65)), Err(Error::Length { chars: 65, most: 64 }));
    }

    #[test]
    fn every_code_is_its_own_and_stable() {
        assert_eq!(Error::Character { at: 0, char: ' ' }.code(), "name_character");
        assert_eq!(Error::Length { chars: 0, most: 64 }.code(), "name_length");
    }

    #[test]
    fn a58_words_that_would_forge_a_line_or_hide_one() {
        for words in
            ["a", "Fixes CVE-2026-1: the boot loader's \"set\" command", "größer, 更新", &"x".repeat(500)]
        {
            assert_eq!(Words::try_from(words).unwrap().as_str(), words);
        }
        let lies = [
            "a\nquorum met",
            "a\rb",
            "a\u{1b}[2K",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{2028}b",
            "a\tb",
            "a\u{a0}b",
        ];
        for lie in lies {
            assert!(matches!(Words::try_from(lie), Err(Error::Character { at: 1, .. })), "{lie:?}");
        }
        assert_eq!(Words::try_from(" a"), Err(Error::Character { at: 0, char: ' ' }));
        assert_eq!(Words::try_from("a "), Err(Error::Character { at: 1, char: ' ' }));
        assert_eq!(
            Words::try_from("a  b"),
            Err(Error::Character { at: 2, char: ' ' }),
            "to the next line's begin"
        );
        assert_eq!(Words::try_from(""), Err(Error::Length { chars: 0, most: 500 }));
        assert_eq!(Words::try_from("ü".repeat(501)), Err(Error::Length { chars: 501, most: 500 }));
    }
}
