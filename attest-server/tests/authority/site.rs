//! A site in a folder: a log key, witnesses, a policy, a configuration, certificates; and the server and witnesses, in this process or in their
//! own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use attest_core::audit::note::KeyType;
use attest_core::release::ObjectId;
use attest_core::release::policy::PolicyDocument;
use attest_server::config::{Authority, Config, Tls};
use attest_server::log::NoteKey;
use attest_server::server::{self, Running};
use attest_server::witness::{self, Witness};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::organisation;

pub(crate) const ORIGIN: &str = "log.example/gateway";

/// What all of it is made of.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) policy: Value,
    pub(crate) pin: ObjectId,
    pub(crate) log_key: String,
    pub(crate) witness_keys: Vec<String>,
    servers: KeyPair,
    clients: KeyPair,
}

fn authority(called: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, called);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Site {
    /// With so many witnesses, of whom so many must sign.
    pub(crate) fn new(witnesses: usize, threshold: u64) -> Self {
        Self::with(witnesses, threshold, |_| {})
    }

    /// The same with another first policy.
    pub(crate) fn with(witnesses: usize, threshold: u64, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let log_key = NoteKey::make(&path("log.key"), ORIGIN).unwrap();
        let log_key = log_key.verifier(KeyType::Ed25519).unwrap().to_string();
        let witness_keys: Vec<String> = (1..=witnesses)
            .map(|number| {
                let state = path(&format!("w{number}"));
                Witness::make(&state, &format!("w{number}.example")).unwrap().to_string()
            })
            .collect();
        let names: Vec<String> = (1..=witnesses).map(|number| format!("w{number}")).collect();
        let rules: Vec<_> = names.iter().map(String::as_str).zip(witness_keys.iter().cloned()).collect();
        let mut policy = organisation::policy(&log_key, &rules, threshold);
        change(&mut policy);
        let bytes = organisation::encoded::<PolicyDocument>(policy.clone());
        fs::write(path("policy-1.cbor"), &bytes).unwrap();
        let (servers, clients) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let pem = |called: &str, key: &KeyPair| authority(called).self_signed(key).unwrap().pem();
        fs::write(path("servers.pem"), pem("servers", &servers)).unwrap();
        fs::write(path("clients.pem"), pem("clients", &clients)).unwrap();
        let pin = ObjectId::of(&bytes);
        let site = Self { policy, pin, log_key, witness_keys, servers, clients, folder };
        let (certificate, key) =
            site.leaf(&["localhost"], ExtendedKeyUsagePurpose::ServerAuth, "servers", &site.servers);
        fs::write(site.path("server.pem"), certificate).unwrap();
        fs::write(site.path("server.key"), key).unwrap();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn leaf(
        &self,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
        called: &str,
        by: &KeyPair,
    ) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &Issuer::new(authority(called), by)).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// The server's configuration: with TLS, or in development.
    pub(crate) fn config(&self, development: bool, witnesses: &[SocketAddr]) -> Config {
        let mut config = Config { data_directory: self.path("data"), development, ..Config::default() };
        config.listen.grpc.set_port(0);
        config.listen.http.set_port(0);
        // Many things are handed in at once, and each of them is on the disk before it is answered.
        config.limits.request_seconds = 600;
        if !development {
            config.tls = Tls {
                certificate: Some(self.path("server.pem")),
                key: Some(self.path("server.key")),
                client_ca: Some(self.path("clients.pem")),
                admin_certificates_sha256: Vec::new(),
            };
        }
        let urls =
            witnesses.iter().zip(1..).map(|(at, number)| (format!("w{number}"), format!("http://{at}")));
        config.authority = Some(Authority {
            folder: Some(self.path("log")),
            log_key: self.path("log.key"),
            policy_pin: self.pin.to_string(),
            first_policy: Some(self.path("policy-1.cbor")),
            signer_name: Some("signer".to_owned()),
            witnesses: urls.collect(),
            witness_ca: None,
            message_bytes: 8 << 20,
            denials_per_hour: 60,
            watchers: 4,
            refresh_seconds: 600,
        });
        config
    }

    /// The same as a file.
    pub(crate) fn config_file(&self, witnesses: &[String]) -> PathBuf {
        let mut text = format!(
            "data_directory = {:?}\n[authority]\nlog_key = {:?}\npolicy_pin = '{}'\nfirst_policy = {:?}\nfolder = {:?}\n[authority.witnesses]\n",
            self.path("data"),
            self.path("log.key"),
            self.pin,
            self.path("policy-1.cbor"),
            self.path("log"),
        );
        for (url, number) in witnesses.iter().zip(1..) {
            text += &format!("w{number} = '{url}'\n");
        }
        let path = self.path("attest.toml");
        fs::write(&path, text).unwrap();
        path
    }

    /// A witness in this process.
    pub(crate) async fn witness(&self, number: usize) -> witness::Running {
        let witness =
            Witness::open(&self.path(&format!("w{number}")), std::slice::from_ref(&self.log_key)).unwrap();
        witness::start(witness, "127.0.0.1:0".parse().unwrap(), None).await.unwrap()
    }

    pub(crate) async fn serve(&self, config: Config) -> Running {
        server::start(config).await.unwrap()
    }

    /// The certificate and the key of a client with these names, PEM.
    pub(crate) fn identity(&self, names: &[&str]) -> (String, String) {
        self.leaf(names, ExtendedKeyUsagePurpose::ClientAuth, "clients", &self.clients)
    }

    /// A connection of whoever has a certificate with these names.
    pub(crate) async fn connect_as(&self, server: &Running, names: &[&str]) -> Channel {
        self.endpoint_as(server.grpc(), names).connect().await.unwrap()
    }

    /// How whoever has a certificate with these names reaches a server.
    pub(crate) fn endpoint_as(&self, grpc: SocketAddr, names: &[&str]) -> Endpoint {
        let (certificate, key) = self.identity(names);
        let roots = fs::read_to_string(self.path("servers.pem")).unwrap();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(roots))
            .domain_name("localhost")
            .identity(Identity::from_pem(certificate, key));
        let endpoint = Endpoint::from_shared(format!("https://{grpc}")).unwrap();
        endpoint.tls_config(tls).unwrap()
    }

    pub(crate) async fn connect(&self, grpc: SocketAddr) -> Channel {
        Channel::from_shared(format!("http://{grpc}")).unwrap().connect().await.unwrap()
    }
}

/// A program of its own, which is killed with SIGKILL when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) said: Value,
}

impl Process {
    /// Starts `attest` with these arguments, and waits for the line in which it says where it listens.
    pub(crate) fn start(arguments: &[&str], log: &Path) -> Self {
        Self::start_under(&[], arguments, log)
    }

    /// The same under another program, which runs it.
    pub(crate) fn start_under(under: &[&str], arguments: &[&str], log: &Path) -> Self {
        let log = fs::File::options().create(true).append(true).open(log).unwrap();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .args(under)
            .arg(env!("CARGO_BIN_EXE_attest"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("setpriv (util-linux) starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("attest {arguments:?} did not start: {line}"));
        Self { child, said }
    }

    pub(crate) fn address(&self, what: &str) -> SocketAddr {
        self.said[what].as_str().unwrap().parse().unwrap()
    }

    /// In the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What sets a program's clock; nothing where it is not installed.
pub(crate) fn faketime() -> Option<PathBuf> {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/faketime/libfaketime.so.1",
    ];
    let found = places.into_iter().map(PathBuf::from).find(|place| place.exists());
    if found.is_none() {
        assert!(std::env::var_os("ATTEST_REQUIRE_FAKETIME").is_none(), "no libfaketime (Debian: faketime)");
        eprintln!("SKIPPED: no libfaketime (Debian: faketime)");
    }
    found
}
