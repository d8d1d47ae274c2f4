//! Whose word a statement is: that the key which signed it is enrolled for whoever it names, and counted when it was handed in.

use std::collections::BTreeMap;

use super::key::CanonicalKey;
use super::name::Name;
use super::object;
use super::policy::{KeyOf, Policy};
use super::ssh::Signature;
use super::statement::{self, Statement, Text};
use super::view::{LogView, Place};
use crate::{Limits, Timestamp};

/// Why a statement is not the word of whoever it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key's time is over, or has not come.
    #[error("the key did not count at {at}", at = .at.utc())]
    KeyExpired {
        /// When it was handed in.
        at: Timestamp,
    },
    /// A key of nobody, or of somebody else than it says.
    #[error("the key is not one of `{by}`")]
    KeyMismatch {
        /// Who is said to have signed.
        by: Name,
    },
    /// A key that may have been stolen.
    #[error("the key is suspended")]
    KeySuspended,
    /// Not signed, or not this.
    #[error(transparent)]
    Signature(#[from] statement::Error),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyExpired { .. } => "statement_key_expired",
            Self::KeyMismatch { .. } => "statement_key_mismatch",
            Self::KeySuspended => "statement_key_suspended",
            Self::Signature(error) => error.code(),
        }
    }
}

/// Where and when words are weighed.
#[derive(Clone, Copy, Debug)]
pub struct Hearing<'h> {
    /// Who is enrolled.
    pub policy: &'h Policy,
    /// What was taken back.
    pub view: &'h LogView,
    /// When the question is asked.
    pub now: Timestamp,
    /// The bounds.
    pub limits: &'h Limits,
}

impl Hearing<'_> {
    /// The key with which whoever the statement names signed this text, if it counted where the statement stands in the log.
    ///
    /// # Errors
    /// [`Error`].
    pub fn key<S: Statement>(&self, statement: &S, text: &Text, place: Place) -> Result<CanonicalKey, Error> {
        let key = self.voice(statement, text, place)?;
        // Inv. 8: what a key says from where on it is not trusted does not count.
        if self.view.is_suspended(&key, place.index, self.now) {
            return Err(Error::KeySuspended);
        }
        Ok(key)
    }

    /// The same whether the key is suspended or not: who speaks for the root, or only stands in the way of something, is not silenced by one
    /// person's word. By what a root quorum said they are.
    ///
    /// # Errors
    /// [`Error`].
    pub fn voice<S: Statement>(
        &self,
        statement: &S,
        text: &Text,
        place: Place,
    ) -> Result<CanonicalKey, Error> {
        let by = statement.by();
        let mismatch = || Error::KeyMismatch { by: by.clone() };
        let signature =
            Signature::parse(statement.signature(), self.limits).map_err(statement::Error::from)?;
        let key = signature.key().canonical();
        // A61: by the key itself, and only for the one whose it is.
        let known = self.policy.key(key).filter(|known| known.identity == *by).ok_or_else(mismatch)?;
        let enrolled = known.public_key(self.limits).ok_or_else(mismatch)?;
        statement::verify(statement, &enrolled, text, self.limits)?;
        self.counts(key, known, place)?;
        Ok(key.clone())
    }

    /// Who says so in these statements, which stand at one place: each person once, with a key that counts. `text` is what a statement's author
    /// signs, and nothing where it is about something else; `heard` is [`Hearing::key`] or [`Hearing::voice`].
    pub(super) fn people<S: Statement>(
        &self,
        statements: &[Vec<u8>],
        place: Place,
        text: impl Fn(&S) -> Option<Text>,
        heard: impl Fn(&Self, &S, &Text, Place) -> Result<CanonicalKey, Error>,
    ) -> BTreeMap<Name, CanonicalKey> {
        let word = |bytes: &Vec<u8>| {
            let statement: S = object::read(bytes, self.limits).ok()?;
            let key = heard(self, &statement, &text(&statement)?, place).ok()?;
            Some((statement.by().clone(), key))
        };
        statements.iter().filter_map(word).collect()
    }

    /// Inv. 8: what a key says after its time does not count.
    fn counts(&self, key: &CanonicalKey, known: &KeyOf, place: Place) -> Result<(), Error> {
        if !known.counts_at(place.at) {
            return Err(Error::KeyExpired { at: place.at });
        }
        if self.view.is_compromised(key, place.index) {
            return Err(Error::KeySuspended);
        }
        Ok(())
    }
}
