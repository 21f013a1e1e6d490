//! Connections at one time from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections each address has.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    counts: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection among those of its address, until this is dropped.
#[derive(Debug)]
pub(crate) struct Connected {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Counts one more connection; none, if its address has `most` of them.
    pub(crate) fn connect(self: &Arc<Self>, address: IpAddr, most: u32) -> Option<Connected> {
        let address = subscriber(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
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
}
