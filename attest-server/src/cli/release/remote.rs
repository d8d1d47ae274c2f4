//! The authority's server, asked over gRPC. Nothing that it says is believed: the log is replayed, objects are hashed.

use std::time::Duration;

use attest_core::release::ObjectId;
use attest_proto::release::v1 as proto;
use proto::audit_log_client::AuditLogClient;
use proto::release_authority_client::ReleaseAuthorityClient;
use tokio::runtime::Runtime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::home::Home;
use crate::cli::{Failure, input};

const CONNECT: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(120);
const PEM_BYTES: usize = 1 << 20;
/// Golden values may have 64 MB.
const MESSAGE_BYTES: usize = 96 << 20;

/// A connection to the server.
pub(super) struct Remote {
    runtime: Runtime,
    channel: Channel,
}

/// Where a statement was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) index: u64,
    /// It stood there before.
    pub(super) already: bool,
}

impl Remote {
    pub(super) fn connect(home: &Home) -> Result<Self, Failure> {
        let missing = || Failure::usage("server_missing", "which server? `server` in release.toml");
        let url = home.server.as_deref().ok_or_else(missing)?;
        let unusable = |detail: String| Failure::usage("server_unusable", format!("{url}: {detail}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::fault("runtime", error))?;
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| unusable(error.to_string()))?
            .connect_timeout(CONNECT)
            .timeout(REQUEST);
        if url.starts_with("https:") {
            endpoint = endpoint.tls_config(tls(home)?).map_err(|error| unusable(error.to_string()))?;
        }
        let channel = runtime.block_on(endpoint.connect()).map_err(|error| unusable(chain(&error)))?;
        Ok(Self { runtime, channel })
    }

    fn authority(&self) -> ReleaseAuthorityClient<Channel> {
        ReleaseAuthorityClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
    }

    fn log(&self) -> AuditLogClient<Channel> {
        AuditLogClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES)
    }

    /// The newest checkpoint that enough witnesses signed.
    pub(super) fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        let mut log = self.log();
        let answer = self.runtime.block_on(log.get_checkpoint(proto::GetCheckpointRequest {}));
        Ok(answer.map_err(|status| refused(&status))?.into_inner().note)
    }

    /// Every leaf below the published checkpoint, from this one on.
    pub(super) fn leaves(&self, from: u64) -> Result<Vec<Vec<u8>>, Failure> {
        let mut log = self.log();
        let mut leaves = Vec::new();
        self.runtime.block_on(async {
            loop {
                let first = from.saturating_add(u64::try_from(leaves.len()).unwrap_or(u64::MAX));
                let request = proto::GetLeavesRequest { first, count: 1024 };
                let answer = log.get_leaves(request).await.map_err(|status| refused(&status))?.into_inner();
                let is_last = answer.leaves.is_empty();
                leaves.extend(answer.leaves);
                let read = from.saturating_add(u64::try_from(leaves.len()).unwrap_or(u64::MAX));
                if is_last || read >= answer.size {
                    return Ok(leaves);
                }
            }
        })
    }

    /// An object, if the server has it.
    pub(super) fn object(&self, id: &ObjectId) -> Result<Option<Vec<u8>>, Failure> {
        let mut log = self.log();
        let request = proto::GetObjectRequest { id: id.as_bytes().to_vec() };
        match self.runtime.block_on(log.get_object(request)) {
            // Whoever serves it may have changed it.
            Ok(answer) => Ok(Some(answer.into_inner().object).filter(|bytes| ObjectId::of(bytes) == *id)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(refused(&status)),
        }
    }

    pub(super) fn submit(
        &self,
        submission: Vec<u8>,
        request: Vec<u8>,
        objects: Vec<Vec<u8>>,
    ) -> Result<Recorded, Failure> {
        let request = proto::SubmitRequestRequest { submission, request, objects };
        self.recorded(self.runtime.block_on(self.authority().submit_request(request)))
    }

    pub(super) fn approve(&self, approval: Vec<u8>) -> Result<Recorded, Failure> {
        self.recorded(self.runtime.block_on(self.authority().approve(proto::ApproveRequest { approval })))
    }

    pub(super) fn review(&self, review: Vec<u8>) -> Result<Recorded, Failure> {
        self.recorded(self.runtime.block_on(self.authority().review(proto::ReviewRequest { review })))
    }

    pub(super) fn revoke(&self, revocation: Vec<u8>) -> Result<Recorded, Failure> {
        self.recorded(self.runtime.block_on(self.authority().revoke(proto::RevokeRequest { revocation })))
    }

    pub(super) fn succeed(&self, policy: Vec<u8>, successions: Vec<Vec<u8>>) -> Result<Recorded, Failure> {
        let request = proto::SucceedRequest { policy, successions };
        self.recorded(self.runtime.block_on(self.authority().succeed(request)))
    }

    pub(super) fn publish(&self, request: &ObjectId, bundle: Vec<u8>) -> Result<Recorded, Failure> {
        let request = proto::PublishRequest { request_id: request.as_bytes().to_vec(), bundle };
        self.recorded(self.runtime.block_on(self.authority().publish(request)))
    }

    fn recorded(
        &self,
        answer: Result<tonic::Response<proto::Recorded>, Status>,
    ) -> Result<Recorded, Failure> {
        let proto::Recorded { index, already, .. } = answer.map_err(|status| refused(&status))?.into_inner();
        Ok(Recorded { index, already })
    }
}

fn tls(home: &Home) -> Result<ClientTlsConfig, Failure> {
    let missing = || Failure::usage("ca_missing", "whose servers are trusted? `ca` in release.toml");
    let ca = input::read_file(home.ca.as_deref().ok_or_else(missing)?, PEM_BYTES)?;
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
    match (&home.certificate, &home.certificate_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) =
                (input::read_file(certificate, PEM_BYTES)?, input::read_file(key, PEM_BYTES)?);
            Ok(config.identity(Identity::from_pem(certificate, key)))
        }
        (None, None) => Ok(config),
        _ => Err(Failure::usage("certificate_incomplete", "`certificate` and `certificate_key` go together")),
    }
}

/// What the server says, by its stable code. Who cannot be reached is wrong usage; who refuses has judged.
fn refused(status: &Status) -> Failure {
    let code = status.get_details_error_info().map(|info| info.reason);
    let code = code.unwrap_or_else(|| format!("{:?}", status.code()).to_lowercase());
    let detail = crate::cli::printable(status.message());
    match status.code() {
        Code::Unavailable | Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied => {
            Failure::usage(code, detail)
        }
        Code::Internal | Code::Unknown | Code::DataLoss => Failure::fault(code, detail),
        _ => Failure::malformed(code, detail),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
