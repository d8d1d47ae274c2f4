//! How many connections each address has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// What each network has now. One that has none is not in it, so it is no larger than there are connections.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<HashMap<IpAddr, usize>>);

/// One connection of a network, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    network: IpAddr,
}

impl Shares {
    /// One more, if it has less than `most`.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr, most: usize) -> Option<Share> {
        let network = network(peer);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.get(&network).copied().unwrap_or_default();
        if held >= most {
            return None;
        }
        all.insert(network, held.saturating_add(1));
        Some(Share { shares: Arc::clone(self), network })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = all.remove(&self.network).unwrap_or_default().saturating_sub(1);
        if held > 0 {
            all.insert(self.network, held);
        }
    }
}

/// Who has one address of IPv6 has the whole /64 (RFC 6177), and addresses of IPv4 come in both ways.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a53_addresses_of_one_network_have_one_share() {
        let shares = Arc::new(Shares::default());
        for (first, same, other) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ] {
            let take = |address: &str| shares.take(address.parse().unwrap(), 1);
            let held = take(first).unwrap();
            assert!(take(same).is_none(), "{same}");
            assert!(take(other).is_some(), "{other}");
            drop(held);
            assert!(take(same).is_some(), "{same}");
        }
        assert!(shares.0.lock().unwrap().is_empty(), "nothing is remembered of who is gone");
        assert!(shares.take("192.0.2.1".parse().unwrap(), 0).is_none());
    }
}
