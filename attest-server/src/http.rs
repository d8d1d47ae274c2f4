//! What relying parties fetch: `/.well-known/jwks.json` and `/.well-known/openid-configuration`.
//!
//! Both are made once, at the start, so a request costs nothing and cannot fail.

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
}

impl Documents {
    pub(crate) fn new(issuer: &str, key: &VerifyingKey) -> Self {
        Self { jwks: jwks([key]).to_string().into(), discovery: discovery(issuer).to_string().into() }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let body = match path {
            JWKS => &self.jwks,
            DISCOVERY => &self.discovery,
            _ => return plain(StatusCode::NOT_FOUND),
        };
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let mut response = Response::new(Full::new(body.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Short, so that a key that must go is gone soon.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
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
        let response = documents.answer(request.method(), request.uri().path());
        async { Ok::<_, Infallible>(response) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(connection), service);
    // Broken connections are the other end's affair.
    let _ = tokio::time::timeout(LIFE, conversation).await;
}
