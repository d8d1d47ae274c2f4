//! The release service over gRPC, with a certificate of the signer's own.

use std::path::Path;
use std::time::Duration;

use attest_core::release::ObjectId;
use attest_proto::release::v1::audit_log_client::AuditLogClient;
use attest_proto::release::v1::release_authority_client::ReleaseAuthorityClient;
use attest_proto::release::v1::{
    AttemptRequest, GetCheckpointRequest, GetLeavesRequest, GetObjectRequest, SignedRequest,
};
use tokio::runtime::Runtime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use super::{Authority, Error, Unreached};
use crate::{file, secret_file};

/// No answer comes after this.
const DEADLINE: Duration = Duration::from_secs(30);
/// Golden values of a family are megabytes, and images' bytes to be signed are not: what a server that lies can make us hold.
const MESSAGE_BYTES: usize = 80 << 20;
const PEM_BYTES: u64 = 1 << 20;

/// The service's two interfaces.
pub struct Remote {
    runtime: Runtime,
    log: AuditLogClient<Channel>,
    mailbox: ReleaseAuthorityClient<Channel>,
}

/// Who is asked, and who asks.
#[derive(Clone, Copy, Debug)]
pub struct Names<'n> {
    /// `https://host:port`.
    pub url: &'n str,
    /// Who vouches for the service: PEM.
    pub ca: Option<&'n Path>,
    /// The signer's own certificate, PEM, and its private key, which only its owner can read.
    pub own: Option<(&'n Path, &'n Path)>,
}

impl Remote {
    /// A connection is made when the first thing is asked.
    ///
    /// # Errors
    /// [`Error::Authority`], [`Error::Io`] or a secret file's.
    pub fn new(names: Names<'_>) -> Result<Self, Error> {
        let unreached = |error: &dyn std::fmt::Display| Error::Authority(Unreached(error.to_string()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut endpoint = Endpoint::from_shared(names.url.to_owned()).map_err(|error| unreached(&error))?;
        endpoint = endpoint.timeout(DEADLINE).connect_timeout(DEADLINE);
        if names.url.starts_with("https:") {
            let mut tls = ClientTlsConfig::new();
            if let Some(ca) = names.ca {
                tls = tls.ca_certificate(Certificate::from_pem(file::read(ca, PEM_BYTES)?));
            }
            if let Some((certificate, key)) = names.own {
                let key = secret_file::read(key).map_err(crate::hsm::Error::from)?;
                tls = tls.identity(Identity::from_pem(file::read(certificate, PEM_BYTES)?, &key[..]));
            }
            endpoint = endpoint.tls_config(tls).map_err(|error| unreached(&error))?;
        }
        let channel = runtime.block_on(async { endpoint.connect_lazy() });
        Ok(Self {
            runtime,
            log: AuditLogClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES),
            mailbox: ReleaseAuthorityClient::new(channel),
        })
    }
}

fn refused(status: &Status) -> Unreached {
    Unreached(format!("{:?}: {}", status.code(), status.message()))
}

impl Authority for Remote {
    fn checkpoint(&mut self) -> Result<Vec<u8>, Unreached> {
        let answer = self.runtime.block_on(self.log.get_checkpoint(GetCheckpointRequest {}));
        Ok(answer.map_err(|status| refused(&status))?.into_inner().note)
    }

    fn leaves(&mut self, first: u64) -> Result<Vec<Vec<u8>>, Unreached> {
        let answer = self.runtime.block_on(self.log.get_leaves(GetLeavesRequest { first, count: 1024 }));
        Ok(answer.map_err(|status| refused(&status))?.into_inner().leaves)
    }

    fn object(&mut self, id: &ObjectId) -> Result<Option<Vec<u8>>, Unreached> {
        let request = GetObjectRequest { id: id.as_bytes().to_vec() };
        match self.runtime.block_on(self.log.get_object(request)) {
            Ok(answer) => Ok(Some(answer.into_inner().object)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(refused(&status)),
        }
    }

    fn attempt(&mut self, request: &ObjectId, number: u32) -> Result<(), Unreached> {
        let request = AttemptRequest { request_id: request.as_bytes().to_vec(), number };
        self.runtime.block_on(self.mailbox.attempt(request)).map(drop).map_err(|status| refused(&status))
    }

    fn signed(&mut self, request: &ObjectId, signatures: &[Vec<u8>]) -> Result<(), Unreached> {
        let request =
            SignedRequest { request_id: request.as_bytes().to_vec(), signatures: signatures.to_vec() };
        self.runtime.block_on(self.mailbox.signed(request)).map(drop).map_err(|status| refused(&status))
    }
}
