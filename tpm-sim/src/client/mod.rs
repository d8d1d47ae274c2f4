//! The device's side of the gRPC interface: enrol, get a challenge, send evidence.

mod collection;
mod error;
mod road;

use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

pub use collection::collection;
pub use error::Error;
pub use road::{Challenge, Enrolled, Enrolment, Evidence, Judgement, Token};

use error::read;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Where the server is and how to trust it.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// `https://host:port`, or `http://127.0.0.1:port` for a development server.
    pub url: String,
    /// Root certificates, PEM. Needed for `https`: no root is trusted by default.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain, PEM, for mutual TLS.
    pub certificate: Option<PathBuf>,
    /// The client's private key, PEM.
    pub key: Option<PathBuf>,
}

/// A connection to a server.
#[derive(Clone, Debug)]
pub struct Server {
    channel: Channel,
}

impl Server {
    /// Connects.
    ///
    /// # Errors
    /// The address is malformed, a file cannot be read, or nobody answers (in TLS).
    pub async fn connect(address: &Address) -> Result<Server, Error> {
        let malformed = || Error::Address { url: address.url.clone() };
        let mut endpoint = Endpoint::from_shared(address.url.clone())
            .map_err(|_| malformed())?
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT);
        if address.url.starts_with("https:") {
            endpoint = endpoint.tls_config(tls(address)?).map_err(|_| malformed())?;
        }
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| Error::Connect { url: address.url.clone(), detail: error::chain(&error) })?;
        Ok(Server { channel })
    }
}

fn tls(address: &Address) -> Result<ClientTlsConfig, Error> {
    let mut config = ClientTlsConfig::new();
    let ca = address.ca.as_ref().ok_or(Error::NoRoots)?;
    config = config.ca_certificate(Certificate::from_pem(read(ca)?));
    match (&address.certificate, &address.key) {
        (Some(certificate), Some(key)) => {
            Ok(config.identity(Identity::from_pem(read(certificate)?, read(key)?)))
        }
        (None, None) => Ok(config),
        _ => Err(Error::HalfIdentity),
    }
}
