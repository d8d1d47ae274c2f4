//! Tokens in tokens: each has a key of its own, and answers the same question (RFC 9711, section 4.2.18.3).

use super::{AuthenticToken, Error, TokenKey, check};
use crate::Timestamp;
use crate::authenticate::Nonce;
use crate::evidence::eat::{Claims, SubmoduleKind, Token};

/// The key that must have signed a token, and those that may have signed tokens in it.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'k> {
    /// The token's own.
    pub own: &'k TokenKey,
    /// Other keys of the same device. Which of them signed a nested token is found by trying: its signature must be by one of them, and not by
    /// that of a token around it.
    pub nested: &'k [TokenKey],
}

impl<'k> From<&'k TokenKey> for Keys<'k> {
    fn from(own: &'k TokenKey) -> Self {
        Self { own, nested: &[] }
    }
}

/// A submodule of which nothing is proven, and so nothing known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// The names of the submodules that lead to it, the outermost first.
    pub path: Vec<String>,
    /// Why.
    pub error: Error,
}

/// What became of a token's submodules that its own signature does not prove.
#[derive(Default)]
pub(super) struct Within {
    pub(super) proven: Vec<AuthenticToken>,
    pub(super) unproven: Vec<Unproven>,
}

/// What all of a token's submodules are proven with.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    pub(super) keys: &'q [TokenKey],
    pub(super) nonce: &'q Nonce,
    pub(super) now: Timestamp,
}

impl Question<'_> {
    /// Proves what stands in these claims and their submodules. `around` are the identities of the keys of the tokens around it.
    pub(super) fn ask(self, claims: &Claims, path: &[String], around: &[[u8; 32]]) -> Within {
        let mut within = Within::default();
        for submod in claims.submods() {
            let path = [path, core::slice::from_ref(&submod.name)].concat();
            let error = match &submod.kind {
                SubmoduleKind::Token(Ok(token)) => match self.prove(token, &path, around) {
                    Ok(token) => {
                        within.proven.push(token);
                        continue;
                    }
                    Err(error) => error,
                },
                SubmoduleKind::Token(Err(error)) => Error::Malformed(error.clone()),
                SubmoduleKind::Claims(claims) | SubmoduleKind::Detached { claims: Some(claims), .. } => {
                    let more = self.ask(claims, &path, around);
                    within.proven.extend(more.proven);
                    within.unproven.extend(more.unproven);
                    continue;
                }
                SubmoduleKind::Detached { claims: None, .. } => Error::DetachedMissing,
            };
            within.unproven.push(Unproven { path, error });
        }
        within
    }

    /// A nested token is one of an attester "with keys distinct from" the outer one's: who may sign for the whole may not speak for the part.
    fn prove(self, token: &Token, path: &[String], around: &[[u8; 32]]) -> Result<AuthenticToken, Error> {
        let mut reason = Error::NestedKeyMissing;
        for key in self.keys.iter().filter(|key| !around.contains(&key.identity())) {
            match check(token, key, self.nonce, self.now) {
                Ok(()) => return Ok(AuthenticToken::of(token.clone(), key, path.to_vec(), around, self)),
                // Another key's, perhaps.
                Err(Error::AlgorithmMismatch { .. } | Error::SignatureInvalid) => {}
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }
}

#[cfg(test)]
mod tests;
