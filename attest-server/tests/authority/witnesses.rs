//! Witnesses as the server meets them: that answer, that do not, that know of another history, that lie.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use attest_core::release::leaf::{Event, Leaf};
use attest_core::{Limits, Timestamp};
use attest_proto::release::v1::GetCheckpointRequest;
use attest_server::log::{NoteKey, Writer};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::client::{Client, refusal};
use crate::killed::History;
use crate::organisation::bytes;
use crate::site::Site;
use crate::watched::published;

/// Somebody who answers everything with this, and is no witness.
async fn liar(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 4_096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

async fn is_published(client: &mut Client) -> bool {
    client.log.get_checkpoint(GetCheckpointRequest {}).await.is_ok()
}

#[tokio::test]
async fn nothing_is_published_before_enough_witnesses_have_signed() {
    let site = Site::new(2, 2);
    let first = site.witness(1).await;
    // A port that nobody else gets, and on which nobody listens yet.
    let held = TcpSocket::new_v4().unwrap();
    held.set_reuseaddr(true).unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = held.local_addr().unwrap();
    let server = site.serve(site.config(true, &[first.address(), free])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    sleep(Duration::from_millis(800)).await;
    assert_eq!(refusal(client.log.get_checkpoint(GetCheckpointRequest {}).await).1, "checkpoint_none");
    assert!(!site.path("log/checkpoint").exists());
    // It is asked again until it is there.
    let witness =
        attest_server::witness::Witness::open(&site.path("w2"), std::slice::from_ref(&site.log_key)).unwrap();
    let _second = attest_server::witness::start(witness, free, None).await.unwrap();
    let note = published(&mut client, 1).await;
    assert_eq!(note.matches("w1.example").count() + note.matches("w2.example").count(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a68_what_is_no_cosignature_does_not_count() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n\u{2014} w2.example AAAAAAAAAAAAAAAA\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 2\r\n\r\n0\n",
        "HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 9\r\n\r\n99999999\n",
        "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
    ] {
        let site = Site::new(2, 2);
        let first = site.witness(1).await;
        let server = site.serve(site.config(true, &[first.address(), liar(answer).await])).await;
        let mut client = Client::on(site.connect(server.grpc()).await);
        sleep(Duration::from_millis(400)).await;
        assert!(!is_published(&mut client).await, "{answer}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_witness_that_lies_keeps_the_others_word_from_nobody() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 130\r\n\r\n\u{2014} w3.example ";
    let site = Site::new(3, 2);
    let key = attest_core::audit::note::VerifierKey::parse(&site.witness_keys[2]).unwrap();
    // A line of its own key, which is not its signature.
    let line = [&key.id().to_be_bytes()[..], &[7; 72]].concat();
    let line = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, line);
    let answer: &'static str =
        format!("{answer}{line}\n").replace("130", &(16 + line.len()).to_string()).leak();
    let (first, second) = (site.witness(1).await, site.witness(2).await);
    let at = [first.address(), second.address(), liar(answer).await];
    let server = site.serve(site.config(true, &at)).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    let note = published(&mut client, 1).await;
    assert!(!note.contains("w3.example"), "{note}");
    server.stop().await;
}

#[tokio::test]
async fn a68_a_log_that_shows_two_histories_is_not_witnessed() {
    let site = Site::new(1, 1);
    let witness = site.witness(1).await;
    let server = site.serve(site.config(true, &[witness.address()])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    client.submit(&crate::organisation::request(site.pin, site.pin, "a"), "a").await.unwrap();
    published(&mut client, 2).await;
    server.stop().await;
    // The operator writes the log anew, with its own key: another second leaf, and a third.
    std::fs::rename(site.path("log"), site.path("told")).unwrap();
    let key = NoteKey::open(&site.path("log.key")).unwrap();
    let mut writer = Writer::open(&site.path("log"), key, &Limits::DEFAULT, |_, _| {}).unwrap();
    let policy = std::fs::read(site.path("policy-1.cbor")).unwrap();
    writer.keep(&policy).unwrap();
    let at = Timestamp::from_unix(1_700_000_000);
    let first = Leaf::new(at, Event::Policy { policy: site.pin, successions: vec![] });
    let denied = |object| Leaf::new(at, Event::Denied { object, because: "x".try_into().unwrap() });
    writer.append(&[bytes(&first), bytes(&denied(site.pin)), bytes(&denied(site.pin))]).unwrap();
    drop(writer);
    let server = site.serve(site.config(true, &[witness.address()])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    sleep(Duration::from_millis(800)).await;
    assert!(!is_published(&mut client).await);
    server.stop().await;
    // The history that was told goes on.
    std::fs::remove_dir_all(site.path("log")).unwrap();
    std::fs::rename(site.path("told"), site.path("log")).unwrap();
    let server = site.serve(site.config(true, &[witness.address()])).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    client.submit(&crate::organisation::request(site.pin, site.pin, "b"), "b").await.unwrap();
    published(&mut client, 3).await;
    server.stop().await;
}

#[tokio::test]
async fn witnesses_are_asked_again_while_nothing_is_written() {
    let site = Site::new(1, 1);
    let witness = site.witness(1).await;
    let mut config = site.config(true, &[witness.address()]);
    config.authority.as_mut().unwrap().refresh_seconds = 1;
    let server = site.serve(config).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    let first = published(&mut client, 1).await;
    let since = Instant::now();
    let later = loop {
        let later = published(&mut client, 1).await;
        if later != first {
            break later;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "the same tree at a later time");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(first.lines().nth(2), later.lines().nth(2));
    server.stop().await;
}

/// What a server with this certificate and key of the site shows.
fn shown(site: &Site) -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(site.path("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(site.path("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.map(Result::unwrap).collect(), key);
    Arc::new(config.unwrap())
}

/// Whether anything is published in this time, by a witness that is reached by such an address, where these roots are trusted.
async fn is_published_over(scheme: &str, host: &str, roots: &str, at_most: Duration) -> bool {
    let site = Site::new(1, 1);
    let witness =
        attest_server::witness::Witness::open(&site.path("w1"), std::slice::from_ref(&site.log_key)).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let witness = attest_server::witness::start(witness, listen, Some(shown(&site))).await.unwrap();
    let mut config = site.config(true, &[]);
    let authority = config.authority.as_mut().unwrap();
    let url = format!("{scheme}://{host}:{}", witness.address().port());
    authority.witnesses = [("w1".to_owned(), url)].into();
    authority.witness_ca = Some(site.path(roots));
    let server = site.serve(config).await;
    let mut client = Client::on(site.connect(server.grpc()).await);
    let since = Instant::now();
    while !is_published(&mut client).await && since.elapsed() < at_most {
        sleep(Duration::from_millis(50)).await;
    }
    let is_published = is_published(&mut client).await;
    server.stop().await;
    is_published
}

#[tokio::test]
async fn a_witness_over_https_is_the_one_that_its_certificate_names() {
    let (long, short) = (Duration::from_secs(60), Duration::from_secs(2));
    assert!(is_published_over("https", "localhost", "servers.pem", long).await);
    for (scheme, host, roots, why) in [
        ("https", "localhost", "clients.pem", "by roots that are not trusted"),
        ("https", "127.0.0.1", "servers.pem", "in the name of another host"),
        ("http", "localhost", "servers.pem", "without TLS"),
    ] {
        assert!(!is_published_over(scheme, host, roots, short).await, "{why}");
    }
}

/// Asks on a connection that is kept: the answer's status, or nothing where the witness closed it.
async fn asked_on(stream: &mut TcpStream, line: &str, body: &[u8]) -> Option<u16> {
    let head = format!("{line} HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n", body.len());
    // What was closed meanwhile may take it or not.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    let mut answer = Vec::new();
    let (head, length) = loop {
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            break (head.to_owned(), head.len() + 4 + length.parse::<usize>().unwrap());
        }
        if stream.read_buf(&mut answer).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    while answer.len() < length {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{head}");
    }
    head.get(9..12).unwrap().parse().ok()
}

#[tokio::test]
async fn a53_who_is_no_log_keeps_no_place_at_a_witness() {
    let site = Site::new(1, 1);
    let witness = site.witness(1).await;
    let log = History::new(&site, "one");
    let add = "POST /add-checkpoint";
    for (line, body, status) in [
        (add, b"old".to_vec(), 400),
        ("POST /", Vec::new(), 404),
        ("GET /add-checkpoint", Vec::new(), 405),
        (add, vec![b'x'; 1 << 20], 413),
    ] {
        let mut stream = TcpStream::connect(witness.address()).await.unwrap();
        // A log asks again and again, and keeps its place, also where it forgot how far it was.
        let first = asked_on(&mut stream, add, &log.asks(0, 3)).await.unwrap();
        assert!(matches!(first, 200 | 409), "{first}");
        assert_eq!(asked_on(&mut stream, add, &log.asks(2, 3)).await, Some(409));
        assert_eq!(asked_on(&mut stream, add, &log.asks(3, 3)).await, Some(200));
        assert_eq!(asked_on(&mut stream, line, &body).await, Some(status), "{line}");
        assert_eq!(
            asked_on(&mut stream, add, &log.asks(3, 3)).await,
            None,
            "{line}: it makes room for others"
        );
    }
    witness.stop().await;
}
