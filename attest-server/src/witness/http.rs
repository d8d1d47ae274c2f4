//! The witness's one call: `POST /add-checkpoint`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use attest_core::Limits;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::{Answer, Error, Witness};
use crate::clock;
use crate::listener::{Connection, Door, HTTP1_OPENING, Listener, quarter};

/// Connections at a time: logs and their retries.
const CONNECTIONS: usize = 256;
/// For a handshake, and for a request's headers.
const PATIENCE: Duration = Duration::from_secs(10);
/// For a request's body, which has at most some 130 KB.
const BODY: Duration = Duration::from_secs(10);
/// A connection's whole life; logs keep theirs.
const LIFE: Duration = Duration::from_secs(600);
/// Lines before the checkpoint: 63 hashes and the old size.
const LINES: usize = 4 << 10;

/// A witness that listens.
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Where.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// Starts a witness. When this returns, it listens.
///
/// # Errors
/// [`Error::Listen`].
pub async fn start(
    witness: Witness,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
) -> Result<Running, Error> {
    let (stop, stopped) = watch::channel(false);
    let door = Door {
        tls,
        connections: CONNECTIONS,
        per_address: quarter(CONNECTIONS),
        patience: PATIENCE,
        opening: HTTP1_OPENING,
        stop: stopped.clone(),
    };
    let listener = Listener::bind(address, door).await.map_err(Error::Listen)?;
    let address = listener.address().map_err(Error::Listen)?;
    let task = tokio::spawn(accept(listener, Arc::new(witness), stopped));
    Ok(Running { address, stop, task })
}

async fn accept(listener: Listener, witness: Arc<Witness>, mut stop: watch::Receiver<bool>) {
    let mut connections = listener.connections();
    loop {
        let connection = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            connection = connections.recv() => connection,
        };
        match connection {
            Some(Ok(connection)) => drop(tokio::spawn(converse(connection, Arc::clone(&witness)))),
            Some(Err(_)) => {}
            None => return,
        }
    }
}

async fn converse(connection: Connection, witness: Arc<Witness>) {
    let service = service_fn(|request: Request<Incoming>| {
        let witness = Arc::clone(&witness);
        async move { Ok::<_, Infallible>(respond(&answer(request, witness).await)) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(connection), service);
    // Broken connections are the other end's affair.
    let _ = timeout(LIFE, conversation).await;
}

async fn answer(request: Request<Incoming>, witness: Arc<Witness>) -> Answer {
    let plain = |status, body: &str| Answer {
        status,
        content_type: "text/plain; charset=utf-8",
        body: format!("{body}\n"),
    };
    if request.uri().path() != "/add-checkpoint" {
        return plain(404, "there is only /add-checkpoint");
    }
    if *request.method() != Method::POST {
        return plain(405, "POST");
    }
    let most = Limits::DEFAULT.note_bytes.saturating_add(LINES);
    let body = match timeout(BODY, Limited::new(request.into_body(), most).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return plain(413, "too large"),
        Ok(Err(_)) => return plain(400, "the body ended early"),
        Err(_) => return plain(408, "too slow"),
    };
    // It waits for the disk.
    let signed = spawn_blocking(move || witness.add_checkpoint(&body, clock::now())).await;
    signed.unwrap_or_else(|_| plain(500, "not signed"))
}

fn respond(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body.clone())));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    // Only a log keeps its place: who asks for anything else makes room for others.
    if !matches!(answer.status, 200 | 409) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if answer.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
