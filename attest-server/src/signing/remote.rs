//! The release service over gRPC, with a certificate of the signer's own.

use attest_core::release::ObjectId;
use attest_proto::release::v1::{AttemptRequest, SignedRequest};
use tonic::Status;

use super::{Authority, Error, Unreached};
use crate::hsm;
use crate::remote::{self, Names};

/// The service's two interfaces.
pub struct Remote(remote::Remote);

impl Remote {
    /// A connection is made when the first thing is asked.
    ///
    /// # Errors
    /// [`Error::Authority`], [`Error::Io`] or a secret file's.
    pub fn new(names: Names<'_>) -> Result<Self, Error> {
        let remote = remote::Remote::lazy(&names).map_err(|error| match error {
            remote::Error::File(_, error) | remote::Error::Runtime(error) => Error::Io(error),
            remote::Error::Secret(error) => Error::Hsm(hsm::Error::from(error)),
            remote::Error::Unusable { .. } => Error::Authority(Unreached(error.to_string())),
        })?;
        Ok(Self(remote))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn refused(status: Status) -> Unreached {
    Unreached(format!("{:?}: {}", status.code(), status.message()))
}

impl Authority for Remote {
    fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached> {
        self.0.checkpoint().map_err(refused)
    }

    fn leaves(&mut self, first: u64) -> Result<Vec<Vec<u8>>, Unreached> {
        self.0.leaves(first).map(|answer| answer.leaves).map_err(refused)
    }

    fn object(&mut self, id: &ObjectId) -> Result<Option<Vec<u8>>, Unreached> {
        self.0.object(id).map_err(refused)
    }

    fn attempt(&mut self, request: &ObjectId, number: u32) -> Result<bool, Unreached> {
        let request = AttemptRequest { request_id: request.as_bytes().to_vec(), number };
        let recorded = self.0.mailbox(async |mut mailbox| mailbox.attempt(request).await).map_err(refused)?;
        Ok(!recorded.already)
    }

    fn signed(&mut self, request: &ObjectId, signatures: &[Vec<u8>]) -> Result<(), Unreached> {
        let request =
            SignedRequest { request_id: request.as_bytes().to_vec(), signatures: signatures.to_vec() };
        self.0.mailbox(async |mut mailbox| mailbox.signed(request).await).map(drop).map_err(refused)
    }
}
