//! Who asks, as far as the connection says.

use std::net::IpAddr;

use ring::digest;

use crate::{listener::Peer, service::Refusal};

/// The client certificate where one was shown, else the network address. Those that share one are one caller.
///
/// It says nothing about devices: theirs are the keys in their TPMs, whoever carries their evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller([u8; 32]);

impl Caller {
    /// Who sent this request.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Result<Self, Refusal> {
        let peer = request.extensions().get::<Peer>().ok_or_else(|| {
            tracing::error!("a request came over no connection");
            Refusal::ServerFault { code: "caller_unknown" }
        })?;
        Ok(Self::at(peer))
    }

    fn at(peer: &Peer) -> Self {
        match (peer.certificate_sha256, peer.address.ip().to_canonical()) {
            (Some(sha256), _) => Self::hashed(b"certificate\0", &sha256),
            (None, IpAddr::V4(address)) => Self::hashed(b"ipv4\0", &address.octets()),
            // Whoever has one address of IPv6 has the 64 bits behind it, too.
            (None, IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::hashed(b"ipv6\0", &[a, b, c, d, e, f, g, h])
            }
        }
    }

    fn hashed(kind: &[u8], name: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &[kind, name].concat()).as_ref());
        Self(hash)
    }

    /// As it is stored.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(address: &str, certificate_sha256: Option<[u8; 32]>) -> Caller {
        Caller::at(&Peer { address: address.parse().unwrap(), certificate_sha256, name: None })
    }

    #[test]
    fn a_caller_is_its_certificate_or_its_address() {
        let one = caller("192.0.2.1:5", None);
        assert_eq!(caller("192.0.2.1:6", None), one, "another connection");
        assert_eq!(caller("[::ffff:192.0.2.1]:6", None), one, "the same address, as IPv6 writes it");
        assert_ne!(caller("192.0.2.2:5", None), one);
        assert_eq!(caller("[2001:db8::1]:5", None), caller("[2001:db8::ffff:2]:5", None));
        assert_ne!(caller("[2001:db8::1]:5", None), caller("[2001:db8:0:1::1]:5", None));
        let certified = caller("192.0.2.1:5", Some([1; 32]));
        assert_eq!(caller("[2001:db8::1]:5", Some([1; 32])), certified);
        assert_ne!(caller("192.0.2.1:5", Some([2; 32])), certified);
        assert_ne!(certified, one);
    }

    #[test]
    fn a_request_over_no_connection_has_no_caller() {
        let unknown = Refusal::ServerFault { code: "caller_unknown" };
        assert_eq!(Caller::of(&tonic::Request::new(())), Err(unknown));
    }
}
