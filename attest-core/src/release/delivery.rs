//! A revocation on its way to verifiers by file, with what each needs to weigh it. A statement names its request by its digest alone, and a verifier
//! that has not read that request would not know whose revokers decide.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::object::{self, Blob, Object, ObjectId};
use super::request::{self, Request};
use super::statement::{Revocation, Revoked};
use crate::Limits;

/// What stands around the two objects, in bytes, at the most.
const AROUND: usize = 256;

/// A revocation, and the request that it is about. Nothing of it is believed: [`super::view::LogView::holding`] weighs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// [`Delivery::FORMAT`].
    pub format: String,
    /// The revocation's bytes.
    pub revocation: Blob,
    /// The request's bytes; none for a key or a control, or where they are not at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Blob>,
}

impl Object for Delivery {
    const FORMAT: &'static str = "attest-release-delivery/1";

    fn most_bytes(limits: &Limits) -> usize {
        limits.release_object_bytes.saturating_mul(2).saturating_add(AROUND)
    }
}

/// Why bytes bring no revocation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not such an object, or the revocation in it is none.
    #[error(transparent)]
    Object(#[from] object::Error),
    /// The request in it is none.
    #[error("the request that comes with the revocation: {0}")]
    Request(#[from] request::Error),
    /// A request that the revocation is not about.
    #[error("the request that comes with the revocation, {got}, is not what it revokes")]
    RequestMismatch {
        /// Which it is.
        got: ObjectId,
    },
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Object(error) => error.code(),
            Self::Request(error) => error.code(),
            Self::RequestMismatch { .. } => "delivery_request_mismatch",
        }
    }
}

impl Delivery {
    /// These bytes together.
    #[must_use]
    pub fn new(revocation: Vec<u8>, request: Option<Vec<u8>>) -> Self {
        Self { format: Self::FORMAT.to_owned(), revocation: Blob(revocation), request: request.map(Blob) }
    }

    /// Reads a delivery, or a revocation without anything around it, with what it says.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<(Self, Revocation), Error> {
        let delivery = match object::read::<Self>(bytes, limits) {
            Ok(delivery) => delivery,
            // Whatever else it may be is said of the revocation.
            Err(object::Error::Format { .. }) => Self::new(bytes.to_vec(), None),
            Err(error) => return Err(error.into()),
        };
        let revocation = delivery.revocation(limits)?;
        Ok((delivery, revocation))
    }

    /// What the revocation says, where the request that comes with it, if any does, is the one that it is about.
    ///
    /// # Errors
    /// [`Error`].
    pub fn revocation(&self, limits: &Limits) -> Result<Revocation, Error> {
        let revocation: Revocation = object::read(&self.revocation.0, limits)?;
        if let Some(Blob(request)) = &self.request {
            let got = ObjectId::of(request);
            if revocation.revokes != Revoked::Request(got) {
                return Err(Error::RequestMismatch { got });
            }
            Request::parse(request, limits)?;
        }
        Ok(revocation)
    }
}
