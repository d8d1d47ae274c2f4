//! TLS by rustls and ring: certificates in, configurations out.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject as _},
};

use crate::config;

/// Why there is no TLS configuration. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A certificate authority for clients cannot be used.
    #[error("{0}: {1}")]
    ClientCa(PathBuf, String),
    /// A file holds nothing of what it should.
    #[error("{0}: there is no {1} in it (PEM)")]
    Empty(PathBuf, &'static str),
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// Certificate and key cannot be used, or not together.
    #[error("{0} and {1}: {2}")]
    KeyPair(PathBuf, PathBuf, rustls::Error),
    /// Not PEM.
    #[error("{0}: not PEM: {1}")]
    NotPem(PathBuf, String),
}

/// The configurations of the two listeners.
pub struct Configs {
    /// HTTP/2; with `client_ca`, clients must show a certificate.
    pub grpc: Arc<ServerConfig>,
    /// HTTP/1.1; relying parties have no certificates.
    pub http: Arc<ServerConfig>,
}

impl Configs {
    /// Reads the files. `None` when no certificate is configured.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(tls: &config::Tls) -> Result<Option<Self>, Error> {
        let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else { return Ok(None) };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = match &tls.client_ca {
            Some(path) => Some(client_verifier(path, &provider)?),
            None => None,
        };
        let config = |clients: Option<Arc<dyn ClientCertVerifier>>, protocol: &[u8]| {
            let unusable = |error| Error::KeyPair(certificate.clone(), key.clone(), error);
            let chain = certificates(certificate)?;
            let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(unusable)?;
            let builder = match clients {
                Some(clients) => builder.with_client_cert_verifier(clients),
                None => builder.with_no_client_auth(),
            };
            let mut config = builder.with_single_cert(chain, private_key(key)?).map_err(unusable)?;
            config.alpn_protocols = vec![protocol.to_vec()];
            Ok(Arc::new(config))
        };
        Ok(Some(Self { grpc: config(clients, b"h2")?, http: config(None, b"http/1.1")? }))
    }
}

fn client_verifier(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let unusable = |problem: String| Error::ClientCa(path.to_owned(), problem);
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unusable(error.to_string()))
}

/// All certificates of a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all = CertificateDer::pem_file_iter(path).map_err(|error| of_pem(path, error))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| of_pem(path, error))?;
    if all.is_empty() { Err(Error::Empty(path.to_owned(), "certificate")) } else { Ok(all) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => Error::Empty(path.to_owned(), "private key"),
        error => of_pem(path, error),
    })
}

fn of_pem(path: &Path, error: pem::Error) -> Error {
    match error {
        pem::Error::Io(error) => Error::File(path.to_owned(), error),
        error => Error::NotPem(path.to_owned(), error.to_string()),
    }
}
