//! The configuration: what can be set, and what holds if it is not.

mod authority;
mod load;
mod releases;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use attest_core::release::policy::Tier;
use serde::Deserialize;

pub use authority::Authority;
pub(crate) use load::is_family_name;
pub use load::{Error, Overrides};
pub use releases::Releases;

/// Everything that can be set. In the file as TOML; each setting also as an environment variable, `ATTEST_` and its path in capitals with two
/// underscores between the steps (`ATTEST_LISTEN__GRPC`). Environment beats file, flags beat both. A setting that does not exist is an error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the store and the signing key are, unless their own settings say otherwise.
    pub data_directory: PathBuf,
    /// No TLS, loopback only, golden documents that nobody signed; every verdict says so. Only by the flag `--development`.
    #[serde(skip)]
    pub development: bool,
    /// Addresses.
    pub listen: Listen,
    /// Certificates.
    pub tls: Tls,
    /// The store.
    pub store: Store,
    /// The key that signs results, and what the results say.
    pub token: Token,
    /// Enrolment.
    pub enrollment: Enrollment,
    /// Challenges.
    pub challenge: Challenge,
    /// Bounds on what clients can make the server do.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
    /// The log of releases, if this server keeps it.
    pub authority: Option<Authority>,
    /// Released golden values, if families are judged by them.
    pub releases: Option<Releases>,
    /// Device families by name.
    pub families: BTreeMap<String, Family>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_directory: PathBuf::from("attest-data"),
            development: false,
            listen: Listen::default(),
            tls: Tls::default(),
            store: Store::default(),
            token: Token::default(),
            enrollment: Enrollment::default(),
            challenge: Challenge::default(),
            limits: Limits::default(),
            log: Log::default(),
            authority: None,
            releases: None,
            families: BTreeMap::new(),
        }
    }
}

/// Addresses to listen on. Port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// gRPC.
    pub grpc: SocketAddr,
    /// `/.well-known/…` over HTTPS (HTTP in development).
    pub http: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, 8443)),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 8444)),
        }
    }
}

/// TLS, PEM files. Without a certificate the server runs in development only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate, and the intermediates after it.
    pub certificate: Option<PathBuf>,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: Option<PathBuf>,
    /// With this, gRPC clients must show a certificate that chains to one of these.
    pub client_ca: Option<PathBuf>,
    /// SHA-256 fingerprints (hex) of the client certificates that may call the Devices service.
    pub admin_certificates_sha256: Vec<String>,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The SQLite file; `attest.db` in the data directory if absent.
    pub path: Option<PathBuf>,
}

/// Signed results.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// ES256 key, PKCS #8 DER, made if absent; `signing-key.p8` in the data directory if not set.
    pub key: Option<PathBuf>,
    /// `iss`, and the base of the address under which relying parties reach `/.well-known/…`. The HTTP listener's address if not set.
    pub issuer: Option<String>,
    /// How long a result may be used.
    pub lifetime_seconds: u64,
}

impl Default for Token {
    fn default() -> Self {
        Self { key: None, issuer: None, lifetime_seconds: 300 }
    }
}

/// Enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enrollment {
    /// PEM or DER files, or folders of them, with the TPM makers' root certificates. Without any, no device can enrol.
    pub ek_roots: Vec<PathBuf>,
    /// How long a device has between Begin and Activate. Some TPMs take seconds for one RSA operation.
    pub expires_seconds: u64,
    /// Enrolments that may be open at a time, over all clients. Each takes some 4 KB of the store.
    pub max_open: u32,
}

impl Default for Enrollment {
    fn default() -> Self {
        Self { ek_roots: Vec::new(), expires_seconds: 120, max_open: 10_000 }
    }
}

/// Challenges.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Challenge {
    /// How long a device has to answer.
    pub expires_seconds: u64,
    /// The file of the key by which the server knows its own challenges; in the data directory if absent. Servers that share a store share it, and
    /// no others.
    pub key: Option<PathBuf>,
}

impl Default for Challenge {
    fn default() -> Self {
        Self { expires_seconds: 120, key: None }
    }
}

/// Bounds on what clients can make the server do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// A message with evidence. An IMA list of 100,000 entries has 30 MB.
    pub evidence_message_bytes: usize,
    /// Requests that are not all there yet, over all clients; those beyond it are refused as `overloaded`. Not less than one message with
    /// evidence. The first `message_bytes` of each request do not count, so that the small ones get through.
    pub incoming_bytes: usize,
    /// Any other message. An EK certificate with its chain has less than 8 KB.
    pub message_bytes: usize,
    /// From the first byte of a request to its answer.
    pub request_seconds: u64,
    /// For the TLS handshake.
    pub handshake_seconds: u64,
    /// Connections at a time, each listener; a quarter of them from one address (of IPv6: from one /64), so that nobody keeps all others out.
    pub connections: usize,
    /// Requests at a time on one connection.
    pub requests_per_connection: u32,
    /// Verifications at a time; 0 means one each processor.
    pub verifications: usize,
    /// Verifications that may wait for their turn; any more are refused as `overloaded`. Each holds its evidence in memory.
    pub verifications_waiting: usize,
    /// For requests under way when the server is told to stop.
    pub shutdown_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            evidence_message_bytes: 32 << 20,
            incoming_bytes: 256 << 20,
            message_bytes: 64 << 10,
            request_seconds: 30,
            handshake_seconds: 10,
            connections: 4_096,
            requests_per_connection: 64,
            verifications: 0,
            verifications_waiting: 64,
            shutdown_seconds: 20,
        }
    }
}

/// Logs, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How they look.
    pub format: LogFormat,
    /// What is logged, as `tracing` understands it: `info`, `attest_server=debug,info` …
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: "info".to_owned() }
    }
}

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A JSON object a line.
    Json,
    /// For people.
    #[default]
    Pretty,
}

/// A device family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Family {
    /// `release`: the releases of this family judge it. Else a golden document; documents that nobody released are for development, and every
    /// verdict says so.
    pub golden: PathBuf,
    /// The tiers of releases that count for it; those of `releases` if absent.
    pub accepted_tiers: Option<Vec<Tier>>,
    /// A policy document, TOML: what must be judged, and how findings are taken that machines also have for good reasons. The default
    /// policy if absent.
    pub policy: Option<PathBuf>,
    /// A folder with signed overlays, each named for its device's AK: `NAME.jws`, the name in hexadecimal. Read when the device is judged.
    pub overlays: Option<PathBuf>,
    /// The PCRs that a quote must cover, by bank; what the golden document judges if absent.
    pub pcrs: Option<BTreeMap<String, Vec<u32>>>,
}

impl Config {
    /// The SQLite file.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.store.path.clone().unwrap_or_else(|| self.data_directory.join("attest.db"))
    }

    /// The file of the key by which the server knows its own challenges.
    #[must_use]
    pub fn challenge_key_path(&self) -> PathBuf {
        self.challenge.key.clone().unwrap_or_else(|| self.data_directory.join("challenge.key"))
    }

    /// The folder of the log of releases.
    #[must_use]
    pub fn log_folder(&self, authority: &Authority) -> PathBuf {
        authority.folder.clone().unwrap_or_else(|| self.data_directory.join("log"))
    }

    /// The file of the key that signs results.
    #[must_use]
    pub fn signing_key_path(&self) -> PathBuf {
        self.token.key.clone().unwrap_or_else(|| self.data_directory.join("signing-key.p8"))
    }
}
