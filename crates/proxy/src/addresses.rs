//! Connections at one time from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections each address has.
#[derive(Debug)]
pub(crate) struct Addresses {
    most: u32,
    counts: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection among those of its address, until this is dropped.
#[derive(Debug)]
pub(crate) struct Connected {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Of each address, so many at most.
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, counts: Mutex::default() })
    }

    /// Counts one more connection; none, if that is one too many.
    pub(crate) fn connect(self: &Arc<Self>, address: IpAddr) -> Option<Connected> {
        let address = subscriber(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Connected { addresses: Arc::clone(self), address })
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// What one subscriber has as a whole: an address of IPv4, or 64 bits of IPv6 (RFC 6177 gives no site less).
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_count_and_gets_its_places_back() {
        let addresses = Addresses::new(2);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = addresses.connect(here);
        let second = addresses.connect(here);
        assert!(first.is_some() && second.is_some());
        assert!(addresses.connect(here).is_none() && addresses.connect(there).is_some());
        drop(first);
        assert!(addresses.connect(here).is_some());
        drop(second);
        assert!(addresses.counts.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[test]
    fn one_subscriber_is_one_address() {
        let addresses = Addresses::new(1);
        let _first = addresses.connect("2001:db8:1:2:3::4".parse().unwrap()).unwrap();
        assert!(addresses.connect("2001:db8:1:2:5::6".parse().unwrap()).is_none());
        assert!(addresses.connect("2001:db8:1:3::4".parse().unwrap()).is_some());
        let _second = addresses.connect("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(addresses.connect("192.0.2.1".parse().unwrap()).is_none());
    }
}
