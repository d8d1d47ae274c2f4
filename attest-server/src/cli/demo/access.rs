//! The access system: it knows the verifier's address and nothing else, and decides by the token.

use std::net::SocketAddr;

use attest_core::{
    Timestamp,
    result::{AcceptedEar, EarVerifier, Expectations, PublicKey, VerifyingKey},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::Problem;
use crate::clock;

/// What the access system decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The device may come in.
    LetIn,
    /// It may not, for this reason.
    Refuse { because: String },
}

/// An access system with the verifier's public keys.
pub(super) struct AccessSystem {
    verifier: EarVerifier,
}

/// What comes with a request for access: a token, and proof of holding a key.
#[derive(Clone, Copy)]
pub(super) struct Presented<'a> {
    pub(super) token: &'a str,
    /// The key whose holder asks. A real access system learns it from the TLS handshake.
    pub(super) holder: &'a VerifyingKey,
}

impl AccessSystem {
    /// Fetches the verifier's key set.
    pub(super) async fn new(http: SocketAddr) -> Result<Self, Problem> {
        let jwks = get(http, "/.well-known/jwks.json").await?;
        let verifier = EarVerifier::from_jwks(&jwks).map_err(Problem::of)?;
        Ok(Self { verifier })
    }

    /// Decides as one that accepts results of a verifier in development, which the demonstration's is.
    pub(super) fn decide(&self, presented: &Presented<'_>) -> Decision {
        self.decide_at(presented, clock::now(), true)
    }

    /// Decides at some time, in development or in production.
    pub(super) fn decide_at(&self, presented: &Presented<'_>, now: Timestamp, development: bool) -> Decision {
        let expectations = Expectations { accept_development: development, ..Expectations::default() };
        match self.verifier.verify_jwt(presented.token, now, &expectations) {
            Err(error) => Decision::Refuse { because: error.code().to_owned() },
            Ok(ear) => judge(ear, presented.holder),
        }
    }
}

fn judge(ear: AcceptedEar, holder: &VerifyingKey) -> Decision {
    match ear.into_affirming() {
        Err(ear) => Decision::Refuse { because: format!("ear_status is {}", ear.status().as_str()) },
        Ok(ear) if ear.ear().confirmation() != Some(&PublicKey::from(holder)) => {
            Decision::Refuse { because: "cnf is another key".to_owned() }
        }
        Ok(_) => Decision::LetIn,
    }
}

/// HTTP GET on loopback: one request, one answer, closed.
async fn get(http: SocketAddr, path: &str) -> Result<String, Problem> {
    let mut stream = TcpStream::connect(http).await.map_err(Problem::of)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(Problem::of)?;
    let mut answer = String::new();
    // A key set has less than 1 KiB.
    stream.take(64 << 10).read_to_string(&mut answer).await.map_err(Problem::of)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(Problem::new(format!("GET {path} was not answered with 200"))),
    }
}
