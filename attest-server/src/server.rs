//! The server as a whole: starts, serves, stops.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use attest_proto::{
    FILE_DESCRIPTOR_SET,
    release::v1::{audit_log_server::AuditLogServer, release_authority_server::ReleaseAuthorityServer},
    v1::{
        devices_server::DevicesServer, enrollment_server::EnrollmentServer, releases_server::ReleasesServer,
        verifier_server::VerifierServer,
    },
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use crate::{
    authority,
    challenge::ChallengeKey,
    clock,
    config::{self, Config},
    enroll,
    http::{self, Documents},
    intake::Intake,
    judge::{self, Judge},
    listener::{Door, HTTP1_OPENING, HTTP2_OPENING, Listener, quarter},
    log::Site,
    releases::{self, Follower, Releases},
    secret_file,
    service::{
        AuditLogService, DevicesService, EnrollmentService, ReleaseAuthorityService, ReleasesService, Shared,
        VerifierService,
    },
    signer::{self, FileSigner},
    store::{self, SqliteStore, Store},
    telemetry::Requests,
    tls,
    workers::Workers,
};

/// How often what expired is dropped.
const PURGE: Duration = Duration::from_secs(60);

/// HTTP/2 pings on quiet connections, and how long an answer may take.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(10);

/// A connection is asked to come again after this, so that no client keeps a place for ever.
const CONNECTION_LIFE: Duration = Duration::from_secs(30 * 60);

/// Streams that a client opened and reset, and that the server has not got rid of yet, before the connection is closed (CVE-2023-44487 and
/// its relatives).
const RESET_STREAMS: usize = 20;

/// Bytes of a request's headers.
const HEADER_BYTES: u32 = 16 << 10;

/// An object of the log: a bundle with golden values, and then some.
pub(crate) const OBJECT_BYTES: usize = 128 << 20;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log of releases.
    #[error(transparent)]
    Authority(#[from] authority::Error),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The key of challenges.
    #[error("challenge key {0}")]
    ChallengeKey(secret_file::Error),
    /// The data directory cannot be made.
    #[error("data directory {0}: {1}")]
    DataDirectory(PathBuf, io::Error),
    /// The address cannot be listened on.
    #[error("{setting} {address}: {error}")]
    Listen {
        /// Which.
        setting: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The golden documents.
    #[error(transparent)]
    Judge(#[from] judge::Error),
    /// A task ended with a panic.
    #[error("a task ended with a panic")]
    Panicked,
    /// The reflection service could not be made of the descriptors.
    #[error("reflection: {0}")]
    Reflection(String),
    /// The roots of a log that is fetched.
    #[error("releases.ca {0}")]
    Releases(String),
    /// The roots for endorsement keys.
    #[error(transparent)]
    Roots(#[from] enroll::RootsError),
    /// The signing key.
    #[error(transparent)]
    Signer(#[from] signer::Error),
    /// The store.
    #[error("store {0}: {1}")]
    Store(PathBuf, store::Error),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// A server that is listening.
pub struct Running {
    grpc: SocketAddr,
    http: SocketAddr,
    issuer: String,
    health: HealthReporter,
    stop: watch::Sender<bool>,
    shared: Arc<Shared>,
    patience: Duration,
    grpc_task: JoinHandle<Result<(), tonic::transport::Error>>,
    http_task: JoinHandle<()>,
    purge_task: JoinHandle<()>,
    follow_task: Option<JoinHandle<()>>,
    clock_task: Option<JoinHandle<()>>,
    authority_tasks: Option<authority::Tasks>,
}

/// Starts a server. When this returns, it listens.
///
/// # Errors
/// See [`Error`]: nothing is left running.
pub async fn start(config: Config) -> Result<Running, Error> {
    config.check()?;
    make_private_directory(&config.data_directory)
        .map_err(|error| Error::DataDirectory(config.data_directory.clone(), error))?;
    let (grpc_tls, http_tls) = match tls::Configs::load(&config.tls)? {
        Some(configs) if !config.development => (Some(configs.grpc), Some(configs.http)),
        // `check` lets nothing else through.
        _ => (None, None),
    };
    let signer = FileSigner::open(&config.signing_key_path())?;
    let challenge_key = ChallengeKey::open(&config.challenge_key_path()).map_err(Error::ChallengeKey)?;
    let ek_roots = enroll::read_roots(&config.enrollment.ek_roots)?;
    let path = config.store_path();
    let store = SqliteStore::open(&path).await.map_err(|error| Error::Store(path, error))?;

    let (stop, stopped) = watch::channel(false);
    let bind = async |setting, address, tls, opening| {
        let door = Door {
            tls,
            connections: config.limits.connections,
            per_address: quarter(config.limits.connections),
            patience: Duration::from_secs(config.limits.handshake_seconds),
            opening,
            stop: stopped.clone(),
        };
        let listening = Listener::bind(address, door).await;
        let bound = listening.and_then(|listener| Ok((listener.address()?, listener)));
        bound.map_err(|error| Error::Listen { setting, address, error })
    };
    let (grpc, grpc_listener) = bind("listen.grpc", config.listen.grpc, grpc_tls, HTTP2_OPENING).await?;
    let (http, http_listener) = bind("listen.http", config.listen.http, http_tls, HTTP1_OPENING).await?;

    let scheme = if config.development { "http" } else { "https" };
    let issuer = config.token.issuer.clone().unwrap_or_else(|| format!("{scheme}://{http}"));
    let issuer = issuer.trim_end_matches('/').to_owned();
    let opened = match config.authority.clone() {
        Some(settings) => {
            // It reads a whole log.
            let (config, stopped) = (config.clone(), stopped.clone());
            let runtime = tokio::runtime::Handle::current();
            let open = move || {
                let _entered = runtime.enter();
                authority::open(&config, &settings, stopped)
            };
            let opened = tokio::task::spawn_blocking(open).await;
            Some(opened.map_err(|_| Error::Panicked)??)
        }
        None => None,
    };
    let (authority, authority_tasks) = opened.map(|(authority, tasks)| (Arc::new(authority), tasks)).unzip();
    let store: Arc<dyn Store> = Arc::new(store);
    let followed =
        match releases::Settings::read(&config).map_err(|error| Error::Releases(error.to_string()))? {
            Some(settings) => {
                let opened = Follower::open(settings, Arc::clone(&store)).await;
                Some(opened.map_err(|error| Error::Store(config.store_path(), error))?)
            }
            None => None,
        };
    let (releases, mut follower) = followed.unzip();
    let pinned = |pin: &str| config.releases.as_ref().is_some_and(|releases| releases.authority == pin);
    let is_own = config.authority.as_ref().is_some_and(|authority| pinned(&authority.policy_pin));
    if let (Some(follower), Some(authority), true) = (&mut follower, &authority, is_own) {
        follower.hears(authority.set_back());
    }
    let judge = Judge::new(&config, releases.clone(), signer, issuer.clone(), clock::now())?;
    let site = authority.as_ref().map(|authority: &Arc<authority::Authority>| {
        Site::new(authority.files().clone(), authority.published(), OBJECT_BYTES)
    });
    let documents = Documents::new(judge.issuer(), judge.public_key(), site);
    let limits = config.limits.clone();
    let shared = Arc::new(Shared {
        workers: Workers::new(limits.verifications, limits.verifications_waiting),
        store,
        judge,
        challenge_key,
        ek_roots,
        authority,
        config,
    });
    let (health, routes) = routes(&shared, releases).await?;
    let follow_task = follower.map(|follower| tokio::spawn(follower.run(health.clone(), stopped.clone())));
    let clock_task = shared.authority.clone().map(|authority| {
        let health = health.clone();
        tokio::spawn(async move { authority.watch_clock(health).await })
    });
    let grpc_task = tokio::spawn(serve_grpc(routes, grpc_listener, limits.clone(), stopped.clone()));
    let http_task = tokio::spawn(http::serve(http_listener.connections(), documents, stopped));
    let purge_task = tokio::spawn(purge(Arc::clone(&shared.store)));
    let patience = Duration::from_secs(limits.shutdown_seconds);
    tracing::info!(%grpc, %http, issuer, development = shared.config.development, "listening");
    Ok(Running {
        grpc,
        http,
        issuer,
        health,
        stop,
        shared,
        patience,
        grpc_task,
        http_task,
        purge_task,
        follow_task,
        clock_task,
        authority_tasks,
    })
}

impl Running {
    /// Where gRPC listens.
    #[must_use]
    pub const fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Where HTTP listens.
    #[must_use]
    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    /// `iss` of the results.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Takes no more requests, lets those under way finish for as long as is configured, and closes the store.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        let _ = self.stop.send(true);
        match timeout(self.patience, &mut self.grpc_task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(%error, "gRPC ended with an error"),
            Ok(Err(error)) => tracing::error!(%error, "gRPC ended with a panic"),
            Err(_) => {
                tracing::warn!("requests were cut off");
                self.grpc_task.abort();
            }
        }
        self.purge_task.abort();
        let _ = self.http_task.await;
        if let Some(task) = self.follow_task {
            let _ = task.await;
        }
        if let Some(task) = self.clock_task {
            let _ = task.await;
        }
        if let Some(tasks) = self.authority_tasks {
            tasks.end().await;
        }
        self.shared.store.close().await;
        tracing::info!("stopped");
    }
}

async fn routes(
    shared: &Arc<Shared>,
    releases: Option<Arc<Releases>>,
) -> Result<(HealthReporter, Routes), Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    health.set_serving::<EnrollmentServer<EnrollmentService>>().await;
    health.set_serving::<VerifierServer<VerifierService>>().await;
    health.set_serving::<DevicesServer<DevicesService>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| Error::Reflection(error.to_string()))?;
    let limits = &shared.config.limits;
    let enrollment = EnrollmentServer::new(EnrollmentService::new(Arc::clone(shared)))
        .max_decoding_message_size(limits.message_bytes);
    let verifier = VerifierServer::new(VerifierService::new(Arc::clone(shared)))
        .max_decoding_message_size(limits.evidence_message_bytes);
    let devices = DevicesServer::new(DevicesService::new(Arc::clone(shared), releases.clone()))
        .max_decoding_message_size(limits.message_bytes);
    let mut routes = Routes::new(health_service)
        .add_service(reflection)
        .add_service(enrollment)
        .add_service(verifier)
        .add_service(devices);
    if let Some(releases) = releases {
        health.set_serving::<ReleasesServer<ReleasesService>>().await;
        let service = ReleasesServer::new(ReleasesService::new(Arc::clone(shared), releases))
            .max_decoding_message_size(limits.message_bytes);
        routes = routes.add_service(service);
    }
    if let (Some(authority), Some(settings)) = (&shared.authority, &shared.config.authority) {
        health.set_serving::<AuditLogServer<AuditLogService>>().await;
        health.set_serving::<ReleaseAuthorityServer<ReleaseAuthorityService>>().await;
        let development = shared.config.development;
        let audit_log = AuditLogServer::new(AuditLogService::new(Arc::clone(authority), development))
            .max_decoding_message_size(limits.message_bytes);
        let mailbox = ReleaseAuthorityService::new(Arc::clone(authority), development);
        let mailbox = ReleaseAuthorityServer::new(mailbox).max_decoding_message_size(settings.message_bytes);
        routes = routes.add_service(audit_log).add_service(mailbox);
    }
    Ok((health, routes))
}

async fn serve_grpc(
    routes: Routes,
    listener: Listener,
    limits: config::Limits,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    tonic::transport::Server::builder()
        .timeout(Duration::from_secs(limits.request_seconds))
        .max_concurrent_streams(limits.requests_per_connection)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER))
        .http2_max_pending_accept_reset_streams(Some(RESET_STREAMS))
        .http2_max_header_list_size(HEADER_BYTES)
        .max_connection_age(CONNECTION_LIFE)
        .layer(Requests)
        .layer(Intake::new(limits.incoming_bytes, limits.message_bytes))
        .add_routes(routes)
        .serve_with_incoming_shutdown(ReceiverStream::new(listener.connections()), async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        })
        .await
}

async fn purge(store: Arc<dyn Store>) {
    let mut ticks = interval(PURGE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match store.purge(clock::now()).await {
            Err(store::Error::Closed) => return,
            Err(error) => tracing::error!(%error, "what expired could not be dropped"),
            Ok(()) => {}
        }
    }
}

/// The store and the signing key are nobody else's business.
fn make_private_directory(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
