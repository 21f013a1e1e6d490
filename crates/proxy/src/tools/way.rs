//! The way to a webhook: its name is looked up once, and the very address that was looked at is connected to.

use super::webhook::Failure;
use crate::stream::{Destination, Stream, tls_config};
use axum::http::Uri;
use rustls::pki_types::CertificateDer;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

/// How webhooks are reached.
pub(crate) struct Way {
    tls: TlsConnector,
}

impl Way {
    /// `authorities` are trusted besides those that browsers trust.
    pub(crate) fn new(authorities: &[CertificateDer<'static>]) -> Self {
        Self { tls: Arc::new(tls_config(authorities)).into() }
    }

    /// Connects to a webhook, if it is on the internet or may be near.
    ///
    /// # Errors
    /// There is no such place, or none that may be reached.
    pub(crate) async fn connect(&self, url: &Uri, allow_private: bool) -> Result<Stream, Failure> {
        let to = Destination::of(url).ok_or_else(|| Failure::lasting("its address is none"))?;
        let found = lookup_host((to.host, to.port)).await;
        let found = found.map_err(|_| Failure::passing("its name is not known"))?;
        let found: Vec<SocketAddr> = found.filter(|to| allow_private || is_public(to.ip())).collect();
        if found.is_empty() {
            return Err(Failure::lasting("its address is on a private network, which is not allowed"));
        }
        let stream = TcpStream::connect(&found[..]).await;
        let stream = stream.map_err(|_| Failure::passing("it can't be reached"))?;
        let stream = to.join(stream, &self.tls).await;
        stream.map_err(|_| Failure::passing("no safe connection to it can be made"))
    }
}

/// Whether an address is one of the internet's, and no other machine's of the house or its cloud.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By the IANA's registry of special addresses.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        // This network, private ones, those of carriers, this machine, this link, protocols, documents, 6to4 relays,
        // benchmarks; then groups and what is reserved.
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224.., ..)
    );
    !is_special
}

/// Of what is assigned, 2000::/3, all but what leads to IPv4 by a tunnel or stands in documents; and the translations
/// of IPv4 by what they translate.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, .., g, h] = address.segments();
    let translated = || {
        let ([g1, g2], [h1, h2]) = (g.to_be_bytes(), h.to_be_bytes());
        is_public_v4(Ipv4Addr::new(g1, g2, h1, h2))
    };
    match (a, b) {
        (0x64, 0xFF9B) => address.segments()[2..6] == [0; 4] && translated(),
        (0x2001, 0..=0x1FF | 0xDB8) | (0x2002, _) => false,
        (0x3FFF, 0..=0xFFF) => false,
        (0x2000..=0x3FFF, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_internet_from_the_house() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("1.1.1.1", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("127.0.0.1", false),
            ("100.64.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.168.1.1", false),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1", true),
            ("64:ff9b::808:808", true),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::808:808", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::1", false),
            ("3fff::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
