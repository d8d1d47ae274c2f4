//! Accepting connections: bounded in number, in all and from one address, and no handshake waits for another.

mod share;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ring::digest;
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::Connected;

use self::share::{Share, Shares};

/// Connections that are ready and wait for the server to take them.
const READY: usize = 64;

/// After the operating system had no room for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// HTTP/2's connection preface (RFC 9113, section 3.4). Only after it does the HTTP/2 implementation look after a connection itself.
pub(crate) const HTTP2_OPENING: usize = 24;

/// HTTP/1's implementation waits for the first byte at the most.
pub(crate) const HTTP1_OPENING: usize = 1;

/// How clients come in.
pub(crate) struct Door {
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Connections at a time.
    pub(crate) connections: usize,
    /// How many of them one address may have: else whoever opens as many as there are, and says a word on each now and then, keeps everybody
    /// else out.
    pub(crate) per_address: usize,
    /// For the TLS handshake and the opening together.
    pub(crate) patience: Duration,
    /// Bytes that a client must send before it may be silent.
    pub(crate) opening: usize,
    /// Becomes true when the server stops: then nobody waits for an opening any more.
    pub(crate) stop: watch::Receiver<bool>,
}

/// One address's part of so many connections: a quarter. Devices behind one router, or a proxy before the server, have no more together.
pub(crate) const fn quarter(connections: usize) -> usize {
    connections.div_ceil(4)
}

/// A bound address.
pub(crate) struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
    door: Door,
}

impl Listener {
    pub(crate) async fn bind(address: SocketAddr, mut door: Door) -> io::Result<Self> {
        let tcp = TcpListener::bind(address).await?;
        let tls = door.tls.take().map(TlsAcceptor::from);
        let (places, shares) = (Arc::new(Semaphore::new(door.connections)), Arc::default());
        Ok(Self { tcp, tls, places, shares, door })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Connections, ready for their first request. Accepting ends when the receiver is dropped.
    pub(crate) fn connections(self) -> mpsc::Receiver<io::Result<Connection>> {
        let (ready, connections) = mpsc::channel(READY);
        tokio::spawn(self.accept_all(ready));
        connections
    }

    async fn accept_all(self, ready: mpsc::Sender<io::Result<Connection>>) {
        loop {
            // With no place left, clients wait in the kernel's backlog.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = ready.closed() => return,
                accepted = self.tcp.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            // Before a byte of TLS is read: it ends here, and costs its peer more than this server.
            let Some(share) = self.shares.take(peer.ip(), self.door.per_address) else {
                tracing::debug!(%peer, "this address has as many connections as one may have");
                continue;
            };
            let opening = Opening::begin(&self.door);
            let handshake =
                handshake(stream, peer, self.tls.clone(), opening, Held { _place: place, _share: share });
            let ready = ready.clone();
            // A task of its own: a client that says nothing holds up nobody but itself.
            tokio::spawn(async move {
                if let Some(connection) = handshake.await {
                    let _ = ready.send(Ok(connection)).await;
                }
            });
        }
    }
}

async fn handshake(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    mut opening: Opening,
    held: Held,
) -> Option<Connection> {
    // Without it, small answers would wait for the client's acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        let peer = Peer { address: peer, certificate_sha256: None, name: None };
        return Some(Connection { stream: Stream::Plain(stream), peer, opening: Some(opening), _held: held });
    };
    let shaken = tokio::select! {
        shaken = tls.accept(stream) => Some(shaken),
        () = &mut opening.over => None,
    };
    match shaken {
        Some(Ok(stream)) => {
            let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let certificate_sha256 = certificate.map(|der| sha256(der));
            let name = certificate.and_then(only_name);
            let peer = Peer { address: peer, certificate_sha256, name };
            Some(Connection {
                stream: Stream::Tls(Box::new(stream)),
                peer,
                opening: Some(opening),
                _held: held,
            })
        }
        Some(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
            None
        }
        None => {
            tracing::debug!(%peer, "a TLS handshake took too long");
            None
        }
    }
}

/// The one dNSName in a certificate. Of two nobody knows which one is meant.
fn only_name(der: &CertificateDer<'_>) -> Option<String> {
    let certificate = webpki::EndEntityCert::try_from(der).ok()?;
    let mut names = certificate.valid_dns_names();
    names.next().filter(|_| names.next().is_none()).map(str::to_owned)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Who is at the other end, as an extension of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// SHA-256 of the certificate that the client showed and that was checked.
    pub(crate) certificate_sha256: Option<[u8; 32]>,
    /// The one dNSName in it.
    pub(crate) name: Option<String>,
}

/// A connection that holds its place until it is dropped.
pub(crate) struct Connection {
    stream: Stream,
    peer: Peer,
    /// Until the client has said enough to be taken for one.
    opening: Option<Opening>,
    _held: Held,
}

/// A connection's place among all, and among those of its address.
struct Held {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

/// A client's first bytes, and until when they may come. It begins with the connection, TLS included.
struct Opening {
    missing: usize,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Opening {
    fn begin(door: &Door) -> Self {
        let (patience, mut stop) = (door.patience, door.stop.clone());
        let over = async move {
            // A timer that ran out and a server that stops are the same to a client that says nothing.
            let _ = timeout(patience, stop.wait_for(|stop| *stop)).await;
        };
        Self { missing: door.opening, over: Box::pin(over) }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        if let Some(opening) = &mut self.opening {
            let got = buffer.filled().len().saturating_sub(before);
            opening.missing = opening.missing.saturating_sub(got);
            if opening.missing == 0 {
                self.opening = None;
            } else if read.is_pending() && opening.over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
