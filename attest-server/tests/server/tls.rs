use std::{fs, net::SocketAddr, path::Path, time::Duration};

use attest_proto::v1::{self, releases_client::ReleasesClient};
use attest_server::{
    config::{Config, Tls},
    server::{self, Running},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tonic::{
    Code,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use crate::{
    harness::{Clients, FAMILY, config_in, refusal, sha256},
    incremental::{Boot, attest, judge_files, wanted},
    organisation::Organisation,
    releases::by_releases,
    soft_tpm::{Maker, SoftTpm},
};

struct Authority {
    key: KeyPair,
}

struct Leaf {
    certificate: String,
    key: String,
    sha256: String,
}

impl Authority {
    fn new() -> Self {
        Self { key: KeyPair::generate().unwrap() }
    }

    fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn pem(&self) -> String {
        Self::params().self_signed(&self.key).unwrap().pem()
    }

    fn leaf(&self, usage: ExtendedKeyUsagePurpose) -> Leaf {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &Issuer::new(Self::params(), &self.key)).unwrap();
        let sha256 = hex::encode(sha256(&[certificate.der()]));
        Leaf { certificate: certificate.pem(), key: key.serialize_pem(), sha256 }
    }
}

struct TlsServer {
    _folder: tempfile::TempDir,
    servers: Authority,
    clients: Authority,
    maker: Maker,
    running: Running,
}

async fn start(change: impl FnOnce(&mut Config, &Path, &Authority)) -> TlsServer {
    let folder = tempfile::tempdir().unwrap();
    let (servers, clients) = (Authority::new(), Authority::new());
    let leaf = servers.leaf(ExtendedKeyUsagePurpose::ServerAuth);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let maker = Maker::new();
    let mut config = config_in(folder.path(), &maker);
    config.development = false;
    config.tls = Tls {
        certificate: Some(file("server.pem", &leaf.certificate)),
        key: Some(file("server.key", &leaf.key)),
        client_ca: Some(file("clients.pem", &clients.pem())),
        admin_certificates_sha256: vec![],
    };
    change(&mut config, folder.path(), &clients);
    let running = server::start(config).await.unwrap();
    TlsServer { _folder: folder, servers, clients, maker, running }
}

impl TlsServer {
    async fn connect(&self, client: Option<&Leaf>) -> Result<Channel, tonic::transport::Error> {
        connect(self.running.grpc(), &self.servers, client).await
    }

    /// Somebody with a certificate of his own.
    async fn somebody(&self) -> Clients {
        let leaf = self.clients.leaf(ExtendedKeyUsagePurpose::ClientAuth);
        Clients::on(self.connect(Some(&leaf)).await.unwrap())
    }
}

async fn connect(
    address: SocketAddr,
    servers: &Authority,
    client: Option<&Leaf>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(servers.pem())).domain_name("localhost");
    if let Some(client) = client {
        tls = tls.identity(Identity::from_pem(&client.certificate, &client.key));
    }
    Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?.connect().await
}

async fn list(channel: Channel) -> Result<v1::ListResponse, tonic::Status> {
    let mut clients = Clients::on(channel);
    Ok(clients.devices.list(v1::ListRequest::default()).await?.into_inner())
}

/// A request that every client may make; a code of ours means that it arrived.
async fn reaches(channel: Channel) -> bool {
    let result = Clients::on(channel).activate("x", vec![]).await;
    tonic_types::StatusExt::get_details_error_info(&result.unwrap_err()).is_some()
}

#[tokio::test]
async fn mutual_tls_lets_only_clients_of_its_authority_in() {
    let server = start(|_, _, _| {}).await;
    let good = server.clients.leaf(ExtendedKeyUsagePurpose::ClientAuth);
    assert!(reaches(server.connect(Some(&good)).await.unwrap()).await);

    let foreign = Authority::new().leaf(ExtendedKeyUsagePurpose::ClientAuth);
    let wrong_usage = server.clients.leaf(ExtendedKeyUsagePurpose::ServerAuth);
    for client in [None, Some(&foreign), Some(&wrong_usage)] {
        // TLS 1.3 tells the client only when it first reads.
        let reached = match server.connect(client).await {
            Ok(channel) => reaches(channel).await,
            Err(_) => false,
        };
        assert!(!reached);
    }
    // Nor in plain text.
    let plain = Endpoint::from_shared(format!("http://{}", server.running.grpc())).unwrap().connect().await;
    if let Ok(channel) = plain {
        assert!(!reaches(channel).await);
    }
}

#[tokio::test]
async fn devices_are_for_listed_administrators() {
    let folder = tempfile::tempdir().unwrap();
    let clients = Authority::new();
    let (admin, device) = (
        clients.leaf(ExtendedKeyUsagePurpose::ClientAuth),
        clients.leaf(ExtendedKeyUsagePurpose::ClientAuth),
    );
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, clients.pem()).unwrap();
    let server = start(|config, _, _| {
        config.tls.client_ca = Some(ca);
        config.tls.admin_certificates_sha256 = vec![admin.sha256.to_uppercase()];
    })
    .await;
    assert!(list(server.connect(Some(&admin)).await.unwrap()).await.is_ok());
    let result = list(server.connect(Some(&device)).await.unwrap()).await;
    assert_eq!(refusal(result), (Code::PermissionDenied, "admin_required".to_owned()));
}

#[tokio::test]
async fn a56_every_call_of_administrators_by_anybody_else() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let server = start(|config, _, _| {
        let organisation = Organisation::begin(&log, FAMILY, 0);
        organisation.publish();
        by_releases(config, organisation.authority(), Some(&log), None);
    })
    .await;
    let device = server.clients.leaf(ExtendedKeyUsagePurpose::ClientAuth);
    let channel = server.connect(Some(&device)).await.unwrap();
    let (mut devices, mut releases) =
        (Clients::on(channel.clone()).devices, ReleasesClient::new(channel.clone()));
    let refused = [
        refusal(devices.get(v1::GetRequest::default()).await),
        refusal(devices.list(v1::ListRequest::default()).await),
        refusal(devices.last_verdict(v1::LastVerdictRequest::default()).await),
        refusal(devices.revoke(v1::RevokeRequest::default()).await),
        refusal(devices.enroll_token_key(v1::EnrollTokenKeyRequest::default()).await),
        refusal(releases.get_state(v1::GetStateRequest::default()).await),
        refusal(releases.hold_revocation(v1::HoldRevocationRequest::default()).await),
    ];
    for (at, refused) in refused.into_iter().enumerate() {
        assert_eq!(refused, (Code::PermissionDenied, "admin_required".to_owned()), "{at}");
    }
}

#[tokio::test]
async fn a53_how_far_a_list_was_judged_is_told_to_nobody_but_who_brought_it() {
    let server = start(|config, _, _| judge_files(config)).await;
    let (mut own, mut stranger) = (server.somebody().await, server.somebody().await);
    let (mut tpm, boot) = (SoftTpm::new(&server.maker), Boot::captured());
    let id = own.enroll(&mut tpm).await.unwrap();
    attest(&mut own, (&id, &tpm), &boot, None).await.1.unwrap();
    let judged = u64::try_from(boot.list.len()).unwrap();
    let offset = async |clients: &mut Clients| clients.challenge(&id).await.unwrap().ima_list_offset;
    assert_eq!((offset(&mut own).await, offset(&mut stranger).await), (judged, 0));
    // What is so and what is not get one answer, even for the device's own quote.
    for guessed in [judged, judged - 1] {
        let (_, refused) = attest(&mut stranger, (&id, &tpm), &boot, Some(guessed)).await;
        assert_eq!(refusal(refused), wanted());
    }
    assert_eq!(offset(&mut own).await, judged);
    // The device got a new certificate.
    let mut renewed = server.somebody().await;
    attest(&mut renewed, (&id, &tpm), &boot, None).await.1.unwrap();
    assert_eq!((offset(&mut renewed).await, offset(&mut own).await), (judged, 0));
}

#[tokio::test]
async fn without_client_certificates_nobody_is_an_administrator() {
    let server = start(|config, _, _| config.tls.client_ca = None).await;
    let channel = server.connect(None).await.unwrap();
    assert!(reaches(channel.clone()).await);
    assert_eq!(refusal(list(channel).await).1, "admin_required");
}

#[tokio::test]
async fn a53_slow_handshakes_hold_up_nobody_and_end() {
    let server = start(|config, _, _| config.limits.handshake_seconds = 1).await;
    let good = server.clients.leaf(ExtendedKeyUsagePurpose::ClientAuth);
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.running.grpc()).await.unwrap();
        // The beginning of a ClientHello, and then nothing.
        stream.write_all(&[0x16, 3, 1, 2]).await.unwrap();
        slow.push(stream);
    }
    // One behind the other they would take longer.
    gets_in(&server, &good, Duration::from_secs(60)).await;
    let mut byte = [0];
    let ended = tokio::io::AsyncReadExt::read(&mut slow[0], &mut byte);
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.expect("not ended");
    assert!(matches!(ended, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a53_idle_connections_that_fill_every_place_make_way() {
    let server = start(|config, _, _| {
        config.limits.handshake_seconds = 1;
        config.limits.connections = 4;
    })
    .await;
    let good = server.clients.leaf(ExtendedKeyUsagePurpose::ClientAuth);
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(server.running.grpc()).await.unwrap());
    }
    gets_in(&server, &good, Duration::from_secs(60)).await;
}

/// In this time, by one connection or another: a handshake has a second, and a slow machine may need longer for one.
async fn gets_in(server: &TlsServer, client: &Leaf, at_most: Duration) {
    let tries = async {
        loop {
            if let Ok(channel) = server.connect(Some(client)).await
                && reaches(channel).await
            {
                return;
            }
        }
    };
    tokio::time::timeout(at_most, tries).await.expect("held up");
}

#[tokio::test]
async fn bad_certificates_are_named() {
    let start = async |change: &dyn Fn(&mut Config)| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config_in(folder.path(), &Maker::new());
        config.development = false;
        let leaf = Authority::new().leaf(ExtendedKeyUsagePurpose::ServerAuth);
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        fs::write(&certificate, leaf.certificate).unwrap();
        fs::write(&key, leaf.key).unwrap();
        config.tls.certificate = Some(certificate);
        config.tls.key = Some(key);
        change(&mut config);
        server::start(config).await.err().map(|error| error.to_string())
    };
    assert_eq!(start(&|_| {}).await, None);
    let missing = start(&|config| config.tls.key = Some("/nonexistent.pem".into())).await.unwrap();
    assert!(missing.contains("/nonexistent.pem"), "{missing}");
    let swapped = start(&|config| config.tls.key = config.tls.certificate.clone()).await.unwrap();
    assert!(swapped.contains("no private key"), "{swapped}");
    let empty = start(&|config| config.tls.client_ca = config.tls.key.clone()).await.unwrap();
    assert!(empty.contains("no certificate"), "{empty}");
}
