//! Asking others over HTTP: witnesses, and logs that are verified from afar. What they answer is bounded in time and size, and never believed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// For one question and its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// An address that cannot be asked.
    #[error("{0}: not an address that can be asked: {1}")]
    Address(String, &'static str),
    /// Roots of servers that cannot be used.
    #[error("{0}: {1}")]
    Roots(String, String),
    /// Nobody answers, or not over this protocol.
    #[error("{0}: {1}")]
    Silent(String, io::Error),
    /// More than is read.
    #[error("{0}: the answer has more than {1} bytes")]
    TooLarge(String, usize),
    /// The answer does not come.
    #[error("{0}: no answer in time")]
    TooSlow(String),
}

/// Who asks, and whom it trusts to be called what they are called.
#[derive(Clone)]
pub(crate) struct Fetcher {
    tls: Option<TlsConnector>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

impl Fetcher {
    /// With these roots (PEM) for https; without any, only http is asked.
    pub(crate) fn new(roots: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = roots else { return Ok(Self { tls: None }) };
        let unusable = |problem: String| Error::Roots(path.display().to_string(), problem);
        let mut store = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            store.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        if store.is_empty() {
            return Err(unusable("there is no certificate in it (PEM)".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self { tls: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// GET, and at most so many bytes of an answer.
    pub(crate) async fn get(&self, url: &str, most: usize) -> Result<Reply, Error> {
        self.ask(Method::GET, url, Bytes::new(), most).await
    }

    /// POST.
    pub(crate) async fn post(&self, url: &str, body: Vec<u8>, most: usize) -> Result<Reply, Error> {
        self.ask(Method::POST, url, body.into(), most).await
    }

    async fn ask(&self, method: Method, url: &str, body: Bytes, most: usize) -> Result<Reply, Error> {
        let asked = timeout(PATIENCE, self.converse(method, url, body, most));
        asked.await.map_err(|_| Error::TooSlow(url.to_owned()))?
    }

    async fn converse(&self, method: Method, url: &str, body: Bytes, most: usize) -> Result<Reply, Error> {
        let address = |problem| Error::Address(url.to_owned(), problem);
        let silent = |error| Error::Silent(url.to_owned(), error);
        let uri: Uri = url.parse().map_err(|_| address("not a URL"))?;
        let authority = uri.authority().ok_or(address("no host"))?.clone();
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, authority.as_str())
            .header(USER_AGENT, concat!("attest/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|_| address("not a URL"))?;
        let (is_tls, port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(address("neither http nor https")),
        };
        let port = authority.port_u16().unwrap_or(port);
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(silent)?;
        let _ = stream.set_nodelay(true);
        if !is_tls {
            return exchange(url, stream, request, most).await;
        }
        let tls = self.tls.as_ref().ok_or(address("there are no roots for https"))?;
        let name = ServerName::try_from(host).map_err(|_| address("a name that no certificate has"))?;
        exchange(url, tls.connect(name, stream).await.map_err(silent)?, request, most).await
    }
}

async fn exchange(
    url: &str,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<Reply, Error> {
    let silent = |error: hyper::Error| Error::Silent(url.to_owned(), io::Error::other(error));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(silent)?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(request).await.map_err(silent)?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let body = Limited::new(response.into_body(), most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Error::TooLarge(url.to_owned(), most)
            } else {
                Error::Silent(url.to_owned(), io::Error::other(error))
            }
        })?;
        Ok(Reply { status, content_type, body: body.to_bytes() })
    };
    let answered = answered.await;
    driver.abort();
    answered
}
