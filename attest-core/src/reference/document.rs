//! A golden document in either of its forms: the text that people review, or the CoRIM that programs exchange.

use super::corim::{self, Corim, Validity, profile};
use super::golden::{self, Golden};
use crate::limits::Limits;
use crate::time::Timestamp;

/// A golden document as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    golden: Golden,
    form: Form,
}

/// In which form a document came, and what only that form says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An unsigned CoRIM.
    Corim {
        /// When it counts.
        validity: Option<Validity>,
        /// Which edition of the family's document it says to be.
        tag_version: u64,
    },
    /// Text. It counts as long as someone passes it in.
    Toml,
}

/// Why a golden document cannot be read or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not a CoRIM.
    #[error(transparent)]
    Corim(#[from] corim::Error),
    /// Its time is over.
    #[error("the golden document was valid until {until}")]
    Expired {
        /// Its last second.
        until: Timestamp,
    },
    /// Not a golden document.
    #[error(transparent)]
    Golden(#[from] golden::Error),
    /// Its time has not come.
    #[error("the golden document is valid from {from}")]
    NotYetValid {
        /// Its first second.
        from: Timestamp,
    },
    /// A CoRIM of another kind.
    #[error(transparent)]
    Profile(#[from] profile::Error),
    /// Text that is not UTF-8.
    #[error("offset {offset}: the text is not UTF-8")]
    TextNotUtf8 {
        /// Where it stops being so, in bytes.
        offset: usize,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Corim(error) => error.code(),
            Self::Expired { .. } => "golden_expired",
            Self::Golden(error) => error.code(),
            Self::NotYetValid { .. } => "golden_not_yet_valid",
            Self::Profile(error) => error.code(),
            Self::TextNotUtf8 { .. } => "not_utf8",
        }
    }

    /// Where in the file, in bytes, if the error has such a place.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        match self {
            Self::Corim(error) => error.offset(),
            Self::TextNotUtf8 { offset } => Some(*offset),
            _ => None,
        }
    }
}

impl Document {
    /// Reads a document; the first byte tells the forms apart.
    ///
    /// # Errors
    /// [`Error`]. A signed CoRIM is refused: its signature would be passed over.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        if !corim::is_cbor(bytes) {
            let text =
                core::str::from_utf8(bytes).map_err(|e| Error::TextNotUtf8 { offset: e.valid_up_to() })?;
            return Ok(Self { golden: Golden::parse(text, limits)?, form: Form::Toml });
        }
        Self::of_corim(&Corim::parse(bytes, limits)?)
    }

    /// The document in a CoRIM.
    ///
    /// # Errors
    /// [`Error::Profile`].
    pub fn of_corim(corim: &Corim<'_>) -> Result<Self, Error> {
        let tag_version = corim.comids().next().map_or(0, |comid| comid.identity.version);
        let form = Form::Corim { validity: corim.validity, tag_version };
        Ok(Self { golden: profile::read(corim)?, form })
    }

    /// What it says, for showing it: whether it still counts is not asked.
    #[must_use]
    pub const fn golden(&self) -> &Golden {
        &self.golden
    }

    /// In which form it came.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// When it counts; always without a period.
    #[must_use]
    pub const fn validity(&self) -> Option<Validity> {
        if let Form::Corim { validity, .. } = self.form { validity } else { None }
    }

    /// What it says, for judging by it at this time.
    ///
    /// # Errors
    /// [`Error::Expired`], [`Error::NotYetValid`].
    pub fn valid_at(self, now: Timestamp) -> Result<Golden, Error> {
        check_validity(self.validity(), now)?;
        Ok(self.golden)
    }
}

/// Whether a period holds now.
///
/// # Errors
/// [`Error::Expired`], [`Error::NotYetValid`].
pub fn check_validity(validity: Option<Validity>, now: Timestamp) -> Result<(), Error> {
    match validity {
        Some(Validity { not_before: Some(from), .. }) if from > now => Err(Error::NotYetValid { from }),
        Some(Validity { not_after, .. }) if not_after < now => Err(Error::Expired { until: not_after }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tcg_log::EventLog;
    use crate::reference::learn::{Boot, Choices, learn};
    use crate::testing::fixture;

    fn golden() -> Golden {
        let log = EventLog::parse(fixture!("boots/sb-grub/eventlog.bin"), &Limits::DEFAULT).unwrap();
        let boot =
            Boot { name: "b", log: &log, userspace: None, evidence: golden::Evidence::Quoted, files: None };
        learn("gateway", &[boot], &Choices::default()).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Document, Error> {
        Document::read(bytes, &Limits::DEFAULT)
    }

    fn corim(validity: Option<Validity>) -> Vec<u8> {
        profile::write(&golden(), &profile::Edition { tag_version: 3, validity }).unwrap()
    }

    #[test]
    fn both_forms_are_told_apart_and_say_the_same() {
        let text = read(golden().to_toml().as_bytes()).unwrap();
        let binary = read(&corim(None)).unwrap();
        assert_eq!(text.golden(), binary.golden());
        assert_eq!((text.form(), text.validity()), (Form::Toml, None));
        assert_eq!(binary.form(), Form::Corim { validity: None, tag_version: 3 });
    }

    #[test]
    fn a50_a_document_counts_within_its_period_only() {
        let at = Timestamp::from_unix;
        let document =
            || read(&corim(Some(Validity { not_before: Some(at(100)), not_after: at(200) }))).unwrap();
        assert_eq!(document().valid_at(at(99)), Err(Error::NotYetValid { from: at(100) }));
        assert_eq!(document().valid_at(at(100)), Ok(golden()));
        assert_eq!(document().valid_at(at(200)), Ok(golden()));
        assert_eq!(document().valid_at(at(201)), Err(Error::Expired { until: at(200) }));
        assert_eq!(document().golden(), &golden());
    }

    #[test]
    fn a_signed_corim_is_not_read_as_an_unsigned_one() {
        let signed = [&[0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40][..]].concat();
        assert_eq!(read(&signed), Err(Error::Corim(corim::Error::Signed)));
    }

    #[test]
    fn garbage_says_where_it_is_garbage() {
        let cut = &corim(None)[..100];
        let error = read(cut).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("cbor_truncated", Some(100)));
        assert_eq!(read(b"family = \"\xff\"").unwrap_err(), Error::TextNotUtf8 { offset: 10 });
        assert_eq!(read(b"\x01\x02").unwrap_err().code(), "golden_syntax");
        for empty in [&b""[..], b" \n\t\n"] {
            let error = read(empty).unwrap_err();
            let told =
                "the document is empty; expected a golden document, with `format = \"attest-golden/1\"`";
            assert_eq!((error.code(), &*error.to_string()), ("golden_syntax", told));
        }
        // UTF-16 by its byte order mark is text of another encoding, and no CBOR.
        assert_eq!(read(b"\xff\xfef\0").unwrap_err(), Error::TextNotUtf8 { offset: 0 });
        assert_eq!(read(b"\xfe\xff\0f").unwrap_err(), Error::TextNotUtf8 { offset: 0 });
        assert_eq!(read(b"\xa0").unwrap_err().offset(), Some(0));
    }
}
