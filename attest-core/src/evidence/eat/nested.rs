//! Tokens in tokens (RFC 9711, section 4.2.18.3): another attester's token, whole, with a signature of its own. The outer signature binds it to
//! this place in this token, and says nothing about who made it.

use serde_json::Value as Json;

use super::error::Error;
use super::token::Token;
use super::wrapper::{self, Unwrapped};
use crate::Limits;

/// What is left of the bounds on submodules and on tokens in tokens.
pub(super) struct Nesting<'l> {
    pub(super) limits: &'l Limits,
    depth: usize,
    count: usize,
    submodules: usize,
}

impl<'l> Nesting<'l> {
    pub(super) const fn of(limits: &'l Limits) -> Self {
        Self { limits, depth: 0, count: 0, submodules: 0 }
    }

    /// A nested token, read. One that cannot be read leaves the outer one as it is, and stays unproven for that reason; only the bounds are the
    /// outer one's fault.
    fn token(&mut self, unwrapped: Result<Unwrapped, Error>) -> Result<Result<Box<Token>, Error>, Error> {
        let (depth, count) = (self.limits.nested_depth, self.limits.nested_tokens);
        if self.depth >= depth {
            return Err(Error::NestedTooDeep { limit: depth });
        }
        if self.count >= count {
            return Err(Error::NestedTooMany { limit: count });
        }
        self.count = self.count.saturating_add(1);
        self.depth = self.depth.saturating_add(1);
        let read = unwrapped.and_then(|unwrapped| Token::read(&unwrapped, self));
        self.depth = self.depth.saturating_sub(1);
        match read {
            Err(
                error @ (Error::NestedTooDeep { .. }
                | Error::NestedTooMany { .. }
                | Error::SubmodulesTooMany { .. }),
            ) => Err(error),
            read => Ok(read.map(Box::new)),
        }
    }

    /// So many more submodules, before any of them is read.
    pub(super) fn take_submodules(&mut self, count: usize) -> Result<(), Error> {
        let limit = self.limits.submodules;
        self.submodules = self.submodules.saturating_add(count);
        if self.submodules > limit { Err(Error::SubmodulesTooMany { limit }) } else { Ok(()) }
    }
}

/// CBOR in CBOR: the bytes of a tagged token or bundle.
pub(super) fn tagged(bytes: &[u8], nesting: &mut Nesting<'_>) -> Result<Result<Box<Token>, Error>, Error> {
    let unwrapped = wrapper::tagged(bytes, nesting.limits);
    nesting.token(unwrapped)
}

/// JSON-Selector: `["JWT", text]`, `["CBOR", base64url]`, `["BUNDLE", bundle]`. `None` if it is none of them.
pub(super) fn selected(
    selector: &Json,
    nesting: &mut Nesting<'_>,
) -> Option<Result<Result<Box<Token>, Error>, Error>> {
    let unwrapped = wrapper::selected(selector, nesting.limits)?;
    Some(nesting.token(unwrapped))
}

#[cfg(test)]
mod tests;
