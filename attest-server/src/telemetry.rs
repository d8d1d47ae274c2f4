//! Logs, and the id that ties a request's lines together.

use std::{
    io,
    task::{Context, Poll},
};

use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response};
use tower::{Layer, Service};
use tracing::{Instrument as _, info_span};
use tracing_subscriber::EnvFilter;

use crate::{
    config::{Log, LogFormat},
    dice,
    listener::Peer,
};

/// The metadata key of a request's id, in requests and answers.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// A filter that `tracing` does not understand.
#[derive(Debug, thiserror::Error)]
#[error("log.filter: {0}")]
pub struct FilterError(String);

/// Sends this process's logs to standard error. Does nothing when they go somewhere already.
///
/// # Errors
/// [`FilterError`].
pub fn start(log: &Log) -> Result<(), FilterError> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|error| FilterError(error.to_string()))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Fails only when there is a subscriber already.
    let _ = match log.format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Pretty => logs.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
    };
    Ok(())
}

/// A client's own id for a request, if it can do no harm in a log; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_harmless(id));
    given.map(str::to_owned).or_else(|| dice::name("req").ok()).unwrap_or_else(|| "req".to_owned())
}

fn is_harmless(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Gives every request its span and its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requests;

impl<S> Layer<S> for Requests {
    type Service = RequestSpans<S>;

    fn layer(&self, inner: S) -> RequestSpans<S> {
        RequestSpans { inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct RequestSpans<S> {
    inner: S,
}

impl<S, In, Out> Service<Request<In>> for RequestSpans<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let id = request_id(request.headers());
        let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
        // The path is the client's: shown in debug form, which escapes, and cut.
        let path: String = request.uri().path().chars().take(100).collect();
        let span = info_span!("request", request_id = %id, rpc = ?path, peer = ?peer);
        let answer = self.inner.call(request);
        let future = async move {
            let mut answer = answer.await?;
            if let Ok(id) = HeaderValue::from_str(&id) {
                answer.headers_mut().insert(REQUEST_ID, id);
            }
            Ok(answer)
        };
        Box::pin(future.instrument(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(value: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        request_id(&headers)
    }

    #[test]
    fn a_clients_request_id_is_kept() {
        assert_eq!(id_for(b"trace-7.a_B"), "trace-7.a_B");
    }

    #[test]
    fn a58_a_request_id_that_could_forge_a_log_line_is_replaced() {
        for lie in [&b"a b"[..], b"a\tb", b"\"}", b"\xff", b"", &[b'a'; 65]] {
            assert!(dice::is_name("req", &id_for(lie)), "{lie:?}");
        }
        assert!(dice::is_name("req", &request_id(&HeaderMap::new())));
    }
}
