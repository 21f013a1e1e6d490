//! Connections at one time from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections each address has.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    counts: Mutex<HashMap<Network, u32>>,
}

/// One connection among those of its address, until this is dropped.
#[derive(Debug)]
pub(crate) struct Connected {
    addresses: Arc<Addresses>,
    networks: Vec<Network>,
}

impl Addresses {
    /// Counts one more connection; none, if its address has `most` of them, or its site [`SITE`] times as many.
    pub(crate) fn connect(self: &Arc<Self>, address: IpAddr, most: u32) -> Option<Connected> {
        let networks = networks(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |(network, share): (&Network, u32)| {
            counts.get(network).is_some_and(|&count| count >= most.saturating_mul(share))
        };
        if networks.iter().zip([1, SITE]).any(is_full) {
            return None;
        }
        networks.iter().for_each(|network| *counts.entry(*network).or_default() += 1);
        drop(counts);
        Some(Connected { addresses: Arc::clone(self), networks })
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for network in &self.networks {
            if let Entry::Occupied(mut count) = counts.entry(*network) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }
}

/// What is counted as one for an address: that of IPv4; and of IPv6 the network of 64 bits, which is the least that anybody gets, and
/// the site of 48, which is the most that one gets without a reason, and may hold many subscribers of a mobile network (RFC 6177).
fn networks(address: IpAddr) -> Vec<Network> {
    match address.to_canonical() {
        IpAddr::V6(v6) => [64, 48].map(|bits| (IpAddr::V6(prefix(v6, bits)), bits)).into(),
        v4 @ IpAddr::V4(_) => vec![(v4, 32)],
    }
}

fn prefix(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> bits))
}

/// An address with nothing behind so many bits of it.
type Network = (IpAddr, u8);

/// A site has as many connections as so many of its networks.
const SITE: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_count_and_gets_its_places_back() {
        let addresses = Arc::new(Addresses::default());
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = addresses.connect(here, 2);
        let second = addresses.connect(here, 2);
        assert!(first.is_some() && second.is_some());
        assert!(addresses.connect(here, 2).is_none() && addresses.connect(there, 2).is_some());
        drop(first);
        assert!(addresses.connect(here, 2).is_some());
        drop(second);
        assert!(addresses.counts.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[test]
    fn one_subscriber_is_one_address() {
        let addresses = Arc::new(Addresses::default());
        let _first = addresses.connect("2001:db8:1:2:3::4".parse().unwrap(), 1).unwrap();
        assert!(addresses.connect("2001:db8:1:2:5::6".parse().unwrap(), 1).is_none());
        assert!(addresses.connect("2001:db8:1:3::4".parse().unwrap(), 1).is_some());
        let _second = addresses.connect("::ffff:192.0.2.1".parse().unwrap(), 1).unwrap();
        assert!(addresses.connect("192.0.2.1".parse().unwrap(), 1).is_none());
    }

    #[test]
    fn whoever_has_many_networks_of_a_site_has_the_places_of_four() {
        let addresses = Arc::new(Addresses::default());
        let come =
            |network: u16| addresses.connect(Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1).into(), 2);
        let mut came: Vec<_> = (0..8).map(|network| come(network).unwrap()).collect();
        assert!(come(8).is_none(), "the site has eight");
        let other = "2001:db8:2::1".parse().unwrap();
        assert!(addresses.connect(other, 2).is_some(), "and another its own");
        came.pop();
        assert!(come(8).is_some());
        drop(came);
        assert!(addresses.counts.lock().unwrap().is_empty(), "who is refused leaves nothing behind");
    }
}
