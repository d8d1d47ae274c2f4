use std::{net::SocketAddr, time::Duration};

use attest_proto::v1;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use crate::harness::{Clients, FAMILY, Server, enrolled, refusal};

pub(crate) async fn http_get(address: SocketAddr, path: &str) -> String {
    http(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
}

async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn oversized_messages_are_refused() {
    let server = Server::start_with(|config| config.limits.evidence_message_bytes = 100_000).await;
    let mut clients = server.clients().await;
    let request = v1::BeginRequest {
        ek_certificate: vec![0; 65 << 10],
        family: FAMILY.to_owned(),
        ..v1::BeginRequest::default()
    };
    let status = clients.enrollment.begin(request).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    let evidence = v1::Evidence { ima_list: Some(vec![0; 100_000]), ..v1::Evidence::default() };
    let status = clients.verify("x", evidence).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    // The connection is still good.
    let evidence = v1::Evidence { ima_list: Some(vec![0; 90_000]), ..v1::Evidence::default() };
    assert_eq!(refusal(clients.verify("x", evidence).await).1, "challenge_unknown");
}

/// A request of `Verify` whose message never ends, after this many bytes of it.
async fn half_a_request(address: SocketAddr, bytes: usize) -> TcpStream {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/attest.v1.Verifier/Verify"),
        (":authority", "x"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        // A literal that is not indexed (RFC 7541, 6.2.2).
        for (mark, text) in [(&[0][..], name), (&[], value)] {
            headers.extend(mark);
            headers.push(u8::try_from(text.len()).unwrap());
            headers.extend(text.as_bytes());
        }
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&[frame(4, 0, 0, &[]), frame(1, 4, 1, &headers)].concat()).await.unwrap();
    let mut message = vec![0; bytes];
    message[1..5].copy_from_slice(&90_000_u32.to_be_bytes());
    for part in message.chunks(16_384) {
        stream.write_all(&frame(0, 0, 1, part)).await.unwrap();
    }
    stream
}

#[tokio::test]
async fn a53_requests_that_never_end_do_not_fill_the_memory() {
    let server = Server::start_with(|config| {
        (config.limits.message_bytes, config.limits.evidence_message_bytes) = (1_024, 100_000);
        config.limits.incoming_bytes = 100_000;
    })
    .await;
    let mut clients = server.clients().await;
    let mut verify = async |bytes| {
        let evidence = v1::Evidence { ima_list: Some(vec![0; bytes]), ..v1::Evidence::default() };
        refusal(clients.verify("x", evidence).await).1
    };
    assert_eq!(verify(60_000).await, "challenge_unknown");
    let endless = half_a_request(server.running.grpc(), 60_000).await;
    let in_time = async {
        while verify(60_000).await != "overloaded" {}
        assert_eq!(verify(500).await, "challenge_unknown", "small requests get through");
        drop(endless);
        while verify(60_000).await != "challenge_unknown" {}
    };
    tokio::time::timeout(Duration::from_secs(60), in_time)
        .await
        .expect("what came in is counted, and given back");
}

#[tokio::test]
async fn a53_silent_connections_hold_up_nobody() {
    let (server, mut clients, tpm, device_id) = enrolled().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(server.running.grpc()).await.unwrap());
        silent.push(TcpStream::connect(server.running.http()).await.unwrap());
    }
    let work = async {
        let mut other = Clients::connect(server.running.grpc()).await;
        other.attest(&device_id, &tpm).await.unwrap();
        clients.attest(&device_id, &tpm).await.unwrap();
        assert!(http_get(server.running.http(), "/.well-known/jwks.json").await.contains("ES256"));
    };
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("held up");
}

#[tokio::test]
async fn the_well_known_documents() {
    let server = Server::start().await;
    let address = server.running.http();
    let text = http_get(address, "/.well-known/openid-configuration").await;
    assert!(text.starts_with("HTTP/1.1 200"));
    let document: serde_json::Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(document["issuer"], server.running.issuer());
    assert_eq!(document["jwks_uri"], format!("{}/.well-known/jwks.json", server.running.issuer()));

    assert!(http_get(address, "/").await.starts_with("HTTP/1.1 404"));
    assert!(http_get(address, "/.well-known/../attest.db").await.starts_with("HTTP/1.1 404"));
    let post =
        "POST /.well-known/jwks.json HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert!(http(address, post).await.starts_with("HTTP/1.1 405"));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(64 << 10));
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may hang up while this is under way.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
}

#[tokio::test]
async fn answers_carry_the_request_id() {
    let server = Server::start().await;
    let mut clients = server.clients().await;
    let mut request = tonic::Request::new(v1::ListRequest::default());
    request.metadata_mut().insert("x-request-id", "trace-1".parse().unwrap());
    let response = clients.devices.list(request).await.unwrap();
    assert_eq!(response.metadata().get("x-request-id").unwrap(), "trace-1");
    let response = clients.devices.list(v1::ListRequest::default()).await.unwrap();
    assert!(response.metadata().get("x-request-id").unwrap().to_str().unwrap().starts_with("req-"));
}

#[tokio::test]
async fn health_and_reflection_answer() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    let server = Server::start().await;
    let address = format!("http://{}", server.running.grpc());
    let channel = tonic::transport::Channel::from_shared(address).unwrap().connect().await.unwrap();
    for service in ["", "attest.v1.Enrollment", "attest.v1.Verifier", "attest.v1.Devices"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let response = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(response.status(), ServingStatus::Serving, "{service}");
    }
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["attest.v1.Enrollment", "attest.v1.Verifier", "attest.v1.Devices", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|listed| listed == name), "{names:?}");
    }
}

#[tokio::test]
async fn a53_a_client_that_never_opens_is_shown_out() {
    let server = Server::start_with(|config| config.limits.handshake_seconds = 1).await;
    for opening in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut stream = TcpStream::connect(server.running.grpc()).await.unwrap();
        stream.write_all(opening).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(25), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{opening:?}");
    }
    // A client that has opened may be silent for longer.
    let mut clients = server.clients().await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    clients.devices.list(v1::ListRequest::default()).await.unwrap();
}
