//! What is fetched over HTTP: by relying parties `/.well-known/jwks.json` and `/.well-known/openid-configuration`, and by anyone the log, as
//! C2SP tlog-tiles lays it out, where this server keeps one.
//!
//! The documents are made once, at the start, so a request for them costs nothing and cannot fail. Files of the log are read away from the
//! network threads, so many at a time.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use attest_core::result::{VerifyingKey, key::jwks};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::listener::Connection;
use crate::log::{NotServed, Served, Site};

/// From a connection's first byte to the end of a request's headers.
const HEADERS: Duration = Duration::from_secs(10);

/// A connection's whole life. Nobody needs a second one for two small documents.
const LIFE: Duration = Duration::from_secs(60);

const JWKS: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The documents.
pub(crate) struct Documents {
    jwks: Bytes,
    discovery: Bytes,
    log: Option<Site>,
}

impl Documents {
    pub(crate) fn new(issuer: &str, key: &VerifyingKey, log: Option<Site>) -> Self {
        Self { jwks: jwks([key]).to_string().into(), discovery: discovery(issuer).to_string().into(), log }
    }

    async fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        // Short, so that a key that must go is gone soon.
        let document = |body: &Bytes| {
            Ok(Served { body: body.clone(), kind: "application/json", cache: "public, max-age=300" })
        };
        let served = match (path, &self.log) {
            (JWKS, _) => document(&self.jwks),
            (DISCOVERY, _) => document(&self.discovery),
            (path, Some(log)) => log.serve(path).await,
            (_, None) => Err(NotServed::Unknown),
        };
        match served {
            Ok(Served { body, kind, cache }) => {
                let mut response = Response::new(Full::new(body));
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
                response
            }
            Err(NotServed::Unknown) => plain(StatusCode::NOT_FOUND),
            Err(NotServed::Busy) => plain(StatusCode::SERVICE_UNAVAILABLE),
            Err(NotServed::Failed) => plain(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// OpenID Connect Discovery 1.0, section 3, as far as a program that checks signatures needs it. There is no login here.
fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}{JWKS}"),
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Serves until `stop` changes or the listener ends.
pub(crate) async fn serve(
    mut connections: mpsc::Receiver<io::Result<Connection>>,
    documents: Documents,
    mut stop: watch::Receiver<bool>,
) {
    let documents = Arc::new(documents);
    loop {
        let connection = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            connection = connections.recv() => connection,
        };
        match connection {
            Some(Ok(connection)) => drop(tokio::spawn(converse(connection, Arc::clone(&documents)))),
            Some(Err(_)) => {}
            None => return,
        }
    }
}

async fn converse(connection: Connection, documents: Arc<Documents>) {
    let service = service_fn(|request: Request<Incoming>| {
        let documents = Arc::clone(&documents);
        async move { Ok::<_, Infallible>(documents.answer(request.method(), request.uri().path()).await) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(connection), service);
    // Broken connections are the other end's affair.
    let _ = tokio::time::timeout(LIFE, conversation).await;
}
