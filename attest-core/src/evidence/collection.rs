//! All that one device sends, as one collection of messages (CMW, RFC 9999, section 3.3): its TPM's quote, the logs that explain it, and its tokens.
//!
//! A message is what its type says, whatever its label; [`KINDS`] are those of a TPM, for which no media type is registered. Each kind stands
//! there once, tokens excepted, and nothing is passed over: what nobody here can judge refuses the whole.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::bundle::Evidence;
use super::cmw::{self, Message};
use super::eat::{self, Form, Token};
use super::pcr_values::{self, PcrValues};
use crate::Limits;
use crate::reader::Reader;

/// What a collection of this kind may say that it is. It may also say nothing.
pub const PROFILE: &str = "urn:attest:cmw:device:1";

/// What TPM2_Quote returned: TPM2B_ATTEST and TPMT_SIGNATURE, one behind the other (TPM 2.0 Part 3, 18.4).
pub const QUOTE: &str = "application/vnd.attest.tpm2-quote";
/// The firmware's event log.
pub const EVENT_LOG: &str = "application/vnd.attest.tcg-event-log";
/// The kernel's IMA list, binary or ASCII.
pub const IMA_LIST: &str = "application/vnd.attest.ima-list";
/// The log of user space.
pub const USERSPACE_LOG: &str = "application/vnd.attest.userspace-log";
/// PCR values as JSON, `{"sha256":{"0":"…"}}`.
pub const PCR_VALUES: &str = "application/vnd.attest.pcr-values+json";
/// Every type of message that comes of a TPM and its machine.
pub const KINDS: [&str; 5] = [QUOTE, EVENT_LOG, IMA_LIST, USERSPACE_LOG, PCR_VALUES];

/// Why bytes are no such collection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No messages.
    #[error("a collection of no messages")]
    Empty,
    /// Two messages of one kind: which one is the device's?
    #[error("message {label:?}: a second `{kind}`")]
    MessageRepeated {
        /// The second one.
        label: String,
        /// Its type.
        kind: &'static str,
    },
    /// A message of a type that nobody here can judge.
    #[error("message {label:?}: `{kind}` is no evidence that is judged here")]
    MessageUnknown {
        /// Where.
        label: String,
        /// Its type, cut after 64 characters.
        kind: String,
    },
    /// The PCR values are malformed.
    #[error("message {label:?}: {error}")]
    PcrValues {
        /// Where.
        label: String,
        /// Why.
        error: pcr_values::Error,
    },
    /// The quote's size does not fit its bytes.
    #[error(
        "message {label:?}: TPM2B_ATTEST: {declared} bytes are declared, {left} follow, and a signature must follow them"
    )]
    QuoteMalformed {
        /// Where.
        label: String,
        /// What its size says.
        declared: usize,
        /// How many bytes are there.
        left: usize,
    },
    /// Logs or PCR values without a quote, which alone could prove them.
    #[error("message {label:?}: `{kind}` without a quote that it explains")]
    QuoteMissing {
        /// Where.
        label: String,
        /// Its type.
        kind: &'static str,
    },
    /// A token is malformed.
    #[error("message {label:?}: {error}")]
    Token {
        /// Where.
        label: String,
        /// Why.
        error: eat::Error,
    },
    /// More bytes than [`Limits::collection_bytes`].
    #[error("{len} bytes, more than {limit}")]
    TooLong {
        /// How many there are.
        len: usize,
        /// The bound.
        limit: usize,
    },
    /// The collection says that it is of another kind, whose rules nobody here knows.
    #[error("the collection says that it is `{got}`, not `{PROFILE}`")]
    TypeUnknown {
        /// What it says, cut after 64 characters.
        got: String,
    },
    /// Not a wrapper.
    #[error(transparent)]
    Wrapper(#[from] cmw::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "collection_empty",
            Self::MessageRepeated { .. } => "collection_message_repeated",
            Self::MessageUnknown { .. } => "collection_message_unknown",
            Self::PcrValues { error, .. } => error.code(),
            Self::QuoteMalformed { .. } => "collection_quote_malformed",
            Self::QuoteMissing { .. } => "collection_quote_missing",
            Self::Token { error, .. } => error.code(),
            Self::TooLong { .. } => "collection_too_long",
            Self::TypeUnknown { .. } => "collection_type_unknown",
            Self::Wrapper(error) => error.code(),
        }
    }
}

/// One device's evidence, out of its wrapper. Nothing in it is believed; what the parts are is for [`Bundle::parse`](super::Bundle::parse) to say.
#[derive(Clone, Debug, Default)]
pub struct Collection<'a> {
    quote: Option<Cow<'a, [u8]>>,
    /// Of the quote, how many bytes are TPMS_ATTEST behind their size.
    attest_len: usize,
    event_log: Option<Cow<'a, [u8]>>,
    ima: Option<Cow<'a, [u8]>>,
    userspace_log: Option<Cow<'a, [u8]>>,
    pcrs: Option<PcrValues>,
    tokens: Vec<Token>,
}

impl<'a> Collection<'a> {
    /// Takes a collection apart, in CBOR or JSON, and those in it. A message alone is a collection of one.
    ///
    /// # Errors
    /// [`Error`], with the labels that lead to the message.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let limit = limits.collection_bytes;
        if bytes.len() > limit {
            return Err(Error::TooLong { len: bytes.len(), limit });
        }
        let cmw = cmw::read(bytes, &Limits { token_bytes: limit, ..*limits })?;
        if let Some(other) = cmw.collections.iter().flatten().find(|kind| *kind != PROFILE) {
            return Err(Error::TypeUnknown { got: super::text::cut(other, 64) });
        }
        let mut out = Self::default();
        let mut unproven = None;
        for message in cmw.messages {
            let kind = out.take(message, limits)?;
            unproven = unproven.or_else(|| kind.filter(|(_, kind)| *kind != QUOTE));
        }
        match unproven {
            Some((label, kind)) if out.quote.is_none() => Err(Error::QuoteMissing { label, kind }),
            None if out.quote.is_none() && out.tokens.is_empty() => Err(Error::Empty),
            _ => Ok(out),
        }
    }

    /// Puts one message in its place; of those of a TPM, tells which it was.
    fn take(
        &mut self,
        message: Message<'a>,
        limits: &Limits,
    ) -> Result<Option<(String, &'static str)>, Error> {
        let Message { label, kind, content } = message;
        let media = kind.media().unwrap_or_default();
        let Some(kind) = KINDS.into_iter().find(|known| **known == *media) else {
            let form = Form::of(&kind)
                .map_err(|_| Error::MessageUnknown { label: label.clone(), kind: kind.to_string() })?;
            let token = Token::parse_as(&content, form, limits);
            self.tokens.push(token.map_err(|error| Error::Token { label, error })?);
            return Ok(None);
        };
        let place = match kind {
            QUOTE => {
                self.attest_len = attest_len(&content, &label)?;
                &mut self.quote
            }
            EVENT_LOG => &mut self.event_log,
            IMA_LIST => &mut self.ima,
            USERSPACE_LOG => &mut self.userspace_log,
            _ => {
                let values = PcrValues::from_json(&content, limits);
                let values = values.map_err(|error| Error::PcrValues { label: label.clone(), error })?;
                if self.pcrs.replace(values).is_some() {
                    return Err(Error::MessageRepeated { label, kind });
                }
                return Ok(Some((label, kind)));
            }
        };
        if place.replace(content).is_some() {
            return Err(Error::MessageRepeated { label, kind });
        }
        Ok(Some((label, kind)))
    }

    /// What the TPM and its machine say, to be parsed; `None` if the collection holds tokens alone.
    #[must_use]
    pub fn evidence(&self) -> Option<Evidence<'_>> {
        let (attest, signature) = self.quote.as_deref()?.get(2..)?.split_at_checked(self.attest_len)?;
        Some(Evidence {
            attest,
            signature,
            event_log: self.event_log.as_deref(),
            ima: self.ima.as_deref(),
            userspace_log: self.userspace_log.as_deref(),
            pcrs: self.pcrs.clone(),
            ..Evidence::default()
        })
    }

    /// Its tokens, in the order in which they stand.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }
}

/// The size before TPMS_ATTEST, which must leave room for a signature.
fn attest_len(quote: &[u8], label: &str) -> Result<usize, Error> {
    let mut reader = Reader::new(quote);
    let declared = reader.array().map_or(0, |size| usize::from(u16::from_be_bytes(size)));
    let left = reader.rest().len();
    if declared == 0 || declared >= left {
        return Err(Error::QuoteMalformed { label: label.to_owned(), declared, left });
    }
    Ok(declared)
}
