//! The release service, asked over gRPC: by the signer, and by people's `attest release`, each with a certificate of its own. Nothing that it
//! answers is believed: the log is replayed, objects are hashed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use attest_core::release::ObjectId;
use attest_proto::release::v1 as proto;
use attest_proto::v1::releases_client::ReleasesClient;
use proto::audit_log_client::AuditLogClient;
use proto::release_authority_client::ReleaseAuthorityClient;
use tokio::runtime::Runtime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Response, Status};

use crate::{file, secret_file};

const CONNECT: Duration = Duration::from_secs(30);
/// No answer comes after this.
const DEADLINE: Duration = Duration::from_secs(60);
/// Golden values may have 64 MB. What a server that lies can make us hold.
const MESSAGE_BYTES: usize = 96 << 20;
const PEM_BYTES: u64 = 1 << 20;
/// Leaves that are asked for at once.
const LEAVES: u32 = 1024;

/// Who is asked, and who asks.
#[derive(Clone, Copy, Debug)]
pub struct Names<'n> {
    /// `https://host:port`, or `http://127.0.0.1:port` in development.
    pub url: &'n str,
    /// Who vouches for the service: PEM.
    pub ca: Option<&'n Path>,
    /// A certificate of one's own, PEM, and its private key, which only its owner can read.
    pub own: Option<(&'n Path, &'n Path)>,
}

/// Why the service cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    #[error(transparent)]
    Runtime(io::Error),
    #[error(transparent)]
    Secret(#[from] secret_file::Error),
    #[error("{url}: {detail}")]
    Unusable { url: String, detail: String },
}

/// The service's two interfaces.
pub(crate) struct Remote {
    runtime: Runtime,
    channel: Channel,
}

impl Remote {
    /// A connection is made when the first thing is asked.
    pub(crate) fn lazy(names: &Names<'_>) -> Result<Self, Error> {
        // A thread of its own keeps the connection alive between two questions.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(Error::Runtime)?;
        let endpoint = endpoint(names)?;
        let channel = runtime.block_on(async { endpoint.connect_lazy() });
        Ok(Self { runtime, channel })
    }

    /// A connection is made now.
    pub(crate) fn connect(names: &Names<'_>) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Error::Runtime)?;
        let channel = runtime.block_on(endpoint(names)?.connect());
        let channel = channel.map_err(|error| unusable(names, &error))?;
        Ok(Self { runtime, channel })
    }

    fn log(&self) -> AuditLogClient<Channel> {
        AuditLogClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES)
    }

    /// Asks the mailbox.
    pub(crate) fn mailbox<T>(
        &self,
        ask: impl AsyncFnOnce(ReleaseAuthorityClient<Channel>) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let mailbox = ReleaseAuthorityClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES);
        self.runtime.block_on(ask(mailbox)).map(Response::into_inner)
    }

    /// Asks a verifier about releases.
    pub(crate) fn releases<T>(
        &self,
        ask: impl AsyncFnOnce(ReleasesClient<Channel>) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        self.runtime.block_on(ask(ReleasesClient::new(self.channel.clone()))).map(Response::into_inner)
    }

    /// The newest checkpoint that enough witnesses signed.
    pub(crate) fn checkpoint(&self) -> Result<Vec<u8>, Status> {
        let answer = self.runtime.block_on(self.log().get_checkpoint(proto::GetCheckpointRequest {}))?;
        Ok(answer.into_inner().note)
    }

    /// Leaves from this one on, some of them; and how many there are below the published checkpoint.
    pub(crate) fn leaves(&self, first: u64) -> Result<proto::GetLeavesResponse, Status> {
        let request = proto::GetLeavesRequest { first, count: LEAVES };
        Ok(self.runtime.block_on(self.log().get_leaves(request))?.into_inner())
    }

    /// An object, if the service has it: by its bytes, not by its word.
    pub(crate) fn object(&self, id: &ObjectId) -> Result<Option<Vec<u8>>, Status> {
        let request = proto::GetObjectRequest { id: id.as_bytes().to_vec() };
        match self.runtime.block_on(self.log().get_object(request)) {
            Ok(answer) => Ok(Some(answer.into_inner().object).filter(|bytes| ObjectId::of(bytes) == *id)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }
}

fn endpoint(names: &Names<'_>) -> Result<Endpoint, Error> {
    let endpoint = Endpoint::from_shared(names.url.to_owned()).map_err(|error| unusable(names, &error))?;
    let endpoint = endpoint.connect_timeout(CONNECT).timeout(DEADLINE);
    if names.url.starts_with("https:") {
        endpoint.tls_config(tls(names)?).map_err(|error| unusable(names, &error))
    } else {
        Ok(endpoint)
    }
}

fn tls(names: &Names<'_>) -> Result<ClientTlsConfig, Error> {
    let read = |path: &Path| file::read(path, PEM_BYTES).map_err(|error| Error::File(path.to_owned(), error));
    let mut tls = ClientTlsConfig::new();
    if let Some(ca) = names.ca {
        tls = tls.ca_certificate(Certificate::from_pem(read(ca)?));
    }
    if let Some((certificate, key)) = names.own {
        let key = secret_file::read(key)?;
        tls = tls.identity(Identity::from_pem(read(certificate)?, &key[..]));
    }
    Ok(tls)
}

/// With all that led to it.
fn unusable(names: &Names<'_>, error: &dyn std::error::Error) -> Error {
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        detail = format!("{detail}: {error}");
        source = error.source();
    }
    Error::Unusable { url: names.url.to_owned(), detail }
}
