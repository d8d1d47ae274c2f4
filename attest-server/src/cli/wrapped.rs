//! A device's evidence that came in one wrapper: quote, logs and tokens of one collection.

use std::path::{Path, PathBuf};

use attest_core::Limits;
use attest_core::authenticate::{AuthenticEvidence, AuthenticToken, Challenge, Nonce, TokenKey};
use attest_core::evidence::Collection;

use super::Failure;
use super::evidence::{EvidenceFlags, Files};
use super::input::read_file;
use super::verify::NotProven;
use crate::clock;

/// The bytes of a collection, and the keys of which one must have signed each token in it.
pub(super) struct Wrapped {
    bytes: Vec<u8>,
    keys: Vec<Vec<u8>>,
}

/// What came out of it. Nothing is believed yet.
pub(super) struct Opened<'w> {
    collection: Collection<'w>,
    keys: Vec<TokenKey>,
}

impl Wrapped {
    pub(super) fn read(path: &Path, keys: &[PathBuf], limits: &Limits) -> Result<Self, Failure> {
        let key = |path: &PathBuf| read_file(path, limits.public_key_bytes);
        Ok(Self {
            bytes: read_file(path, limits.collection_bytes)?,
            keys: keys.iter().map(key).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn open(&self, limits: &Limits) -> Result<Opened<'_>, NotProven> {
        let key = |key: &Vec<u8>| TokenKey::vouched(key, limits).map_err(|e| (e.code(), e.to_string()));
        let keys = self.keys.iter().map(key).collect::<Result<_, _>>()?;
        let collection = Collection::parse(&self.bytes, limits).map_err(|e| (e.code(), e.to_string()))?;
        Ok(Opened { collection, keys })
    }
}

impl Opened<'_> {
    /// Quote and logs, with the key and nonce that the flags name; `None` if there are tokens alone.
    pub(super) fn files(&self, flags: &EvidenceFlags, limits: &Limits) -> Result<Option<Files>, Failure> {
        self.collection.evidence().map(|evidence| flags.with(evidence, limits)).transpose()
    }

    /// Every token, by one of the keys, beside the quote.
    pub(super) fn beside(&self, evidence: &AuthenticEvidence<'_>) -> Result<Vec<AuthenticToken>, NotProven> {
        let tokens = self.collection.tokens().iter().cloned();
        let proven = tokens.map(|token| evidence.authenticate_token_by_any(token, &self.keys, clock::now()));
        proven.collect::<Result<_, _>>().map_err(|error| (error.code(), error.to_string()))
    }

    /// The same where there is no quote.
    pub(super) fn alone(&self, nonce: Option<&str>) -> Result<Vec<AuthenticToken>, NotProven> {
        let nonce = hex::decode(nonce.unwrap_or_default())
            .map_err(|error| ("nonce_not_hexadecimal", format!("--nonce: {error}")))?;
        let nonce = Nonce::given(&nonce).map_err(|error| (error.code(), error.to_string()))?;
        let tokens = self.collection.tokens().iter().cloned();
        let proven = tokens.map(|token| {
            let challenge = Challenge::offline(nonce.clone());
            AuthenticToken::authenticate_by_any(token, &self.keys, challenge, clock::now())
        });
        proven.collect::<Result<_, _>>().map_err(|error| (error.code(), error.to_string()))
    }
}

#[cfg(test)]
mod tests;
