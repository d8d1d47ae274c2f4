//! A server whose clock is not that of its witnesses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use attest_core::Timestamp;
use attest_core::release::leaf::Event;
use attest_server::witness::Witness;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::client::{Answer, Client, refusal};
use crate::mailbox::{Mailbox, precondition};
use crate::organisation::now;
use crate::site::Site;
use crate::watched::published;

/// A witness whose clock shows so many seconds more than it is.
struct Shifted {
    address: SocketAddr,
    by: Arc<AtomicI64>,
    task: tokio::task::JoinHandle<()>,
}

impl Shifted {
    async fn start(site: &Site, by: i64) -> Self {
        let witness = Witness::open(&site.path("w1"), std::slice::from_ref(&site.log_key)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, by) = (listener.local_addr().unwrap(), Arc::new(AtomicI64::new(by)));
        let shift = Arc::clone(&by);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let now = now().checked_add_signed(shift.load(Ordering::SeqCst)).unwrap();
                answer(stream, &witness, Timestamp::from_unix(now)).await;
            }
        });
        Self { address, by, task }
    }

    fn set(&self, by: i64) {
        self.by.store(by, Ordering::SeqCst);
    }

    async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn answer(mut stream: TcpStream, witness: &Witness, now: Timestamp) {
    let mut request = Vec::new();
    // Slower than whoever hands something in at once.
    sleep(Duration::from_millis(500)).await;
    let body = loop {
        let mut some = [0; 4_096];
        let len = stream.read(&mut some).await.unwrap();
        assert!(len > 0, "a request without an end");
        request.extend_from_slice(&some[..len]);
        let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let headers = String::from_utf8(request[..head].to_vec()).unwrap().to_lowercase();
        let length = headers.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        if request.len() >= head + 4 + length.parse::<usize>().unwrap() {
            break request.split_off(head + 4);
        }
    };
    let answer = witness.add_checkpoint(&body, now);
    let (status, kind, body) = (answer.status, answer.content_type, answer.body);
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes()).await;
}

async fn mailbox(site: Site, witness: Option<&Shifted>) -> Mailbox {
    let mut config =
        site.config(true, &witness.map(|witness| witness.address).into_iter().collect::<Vec<_>>());
    config.authority.as_mut().unwrap().refresh_seconds = 86_400;
    let server = site.serve(config).await;
    let client = Client::on(site.connect(server.grpc()).await);
    Mailbox { site, server, client }
}

async fn submit(m: &mut Mailbox, tag: &str) -> Answer {
    let request = m.request(tag);
    m.client.submit(&request, tag).await
}

/// What the health service says of it, once it says anything.
async fn is_healthy(m: &Mailbox) -> Option<bool> {
    let mut health = HealthClient::new(m.site.connect(m.server.grpc()).await);
    let request = HealthCheckRequest { service: "attest.authority".to_owned() };
    health.check(request).await.ok().map(|answer| answer.into_inner().status == 1)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < until, "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn unavailable(code: &str) -> (Code, String) {
    (Code::Unavailable, code.to_owned())
}

#[tokio::test]
async fn a67b_a_server_whose_clock_is_ahead_writes_nothing_until_it_is_right() {
    // The first thing that is handed in waits for what the witnesses say, for three seconds: where they need longer, all of it is begun anew.
    let (witness, mut m, refused) = loop {
        let site = Site::new(1, 1);
        let witness = Shifted::start(&site, -360).await;
        let since = Instant::now();
        let mut m = mailbox(site, Some(&witness)).await;
        let refused = submit(&mut m, "a").await;
        if refused.is_err() || since.elapsed() < Duration::from_secs(3) {
            break (witness, m, refused);
        }
        m.server.stop().await;
        witness.stop().await;
    };
    assert!(refused.as_ref().unwrap_err().message().contains("ahead of the witnesses' time"), "{refused:?}");
    assert_eq!(refusal(refused), unavailable("log_clock_ahead"));
    until("the health service says so", async || is_healthy(&m).await == Some(false)).await;
    // Nothing of it is in the log, and no word that it was turned away.
    assert!(matches!(m.leaves()[..], [Event::Policy { .. }]));
    // They are asked again without being told that anything changed.
    witness.set(0);
    until("it takes what is handed in", async || is_healthy(&m).await == Some(true)).await;
    submit(&mut m, "a").await.unwrap();
    published(&mut m.client, 2).await;
    m.server.stop().await;
    witness.stop().await;
}

#[tokio::test]
async fn a67b_a_server_whose_clock_is_behind_writes_nothing_by_what_it_knew_before_either() {
    let site = Site::new(1, 1);
    let witness = Shifted::start(&site, 0).await;
    let mut m = mailbox(site, Some(&witness)).await;
    let r = m.submitted(m.request("a"), "a").await;
    published(&mut m.client, 2).await;
    m.server.stop().await;
    // As if it were set back by ten minutes.
    witness.set(600);
    let mut m = mailbox(m.site, Some(&witness)).await;
    until("the witness is heard", async || is_healthy(&m).await == Some(false)).await;
    assert_eq!(refusal(submit(&mut m, "b").await), unavailable("log_clock_behind"));
    // What it would turn away otherwise is not turned away for good.
    let wrong = m.request_with("c", |r| r.channel = "none".try_into().unwrap());
    assert_eq!(refusal(m.client.submit(&wrong, "c").await), unavailable("log_clock_behind"));
    // What is written stays written.
    assert!(m.client.submit(&r, "a").await.unwrap().already);
    published(&mut m.client, 2).await;
    m.server.stop().await;
    witness.stop().await;
    // Without a witness that answers, what it signed is enough.
    let mut m = mailbox(m.site, None).await;
    assert_eq!(refusal(submit(&mut m, "b").await), unavailable("log_clock_behind"));
    until("the health service says so", async || is_healthy(&m).await == Some(false)).await;
    assert_eq!(m.leaves().len(), 2);
    m.server.stop().await;
}

#[tokio::test]
async fn a_witness_that_does_not_answer_keeps_nothing_from_being_written() {
    let site = Site::new(2, 2);
    // It takes the connection, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = site.config(true, &[silent.local_addr().unwrap(), silent.local_addr().unwrap()]);
    let server = site.serve(config).await;
    let client = Client::on(site.connect(server.grpc()).await);
    let mut m = Mailbox { site, server, client };
    submit(&mut m, "a").await.unwrap();
    let wrong = m.request_with("c", |r| r.channel = "none".try_into().unwrap());
    assert_eq!(refusal(m.client.submit(&wrong, "c").await), precondition("channel_unknown"));
    assert_eq!(is_healthy(&m).await, Some(true));
    m.server.stop().await;
}
