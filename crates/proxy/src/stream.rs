//! Connections that we open: TCP, and TLS where the address asks for it.

use axum::http::Uri;
use core::pin::Pin;
use core::task::{Context, Poll};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Destination<'u> {
    /// A name or an address, without the brackets of one of IPv6.
    pub(crate) host: &'u str,
    pub(crate) port: u16,
    is_tls: bool,
}

/// A connection, with TLS or without.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl<'u> Destination<'u> {
    /// That of an address of HTTP or of a WebSocket; none of another kind.
    pub(crate) fn of(url: &'u Uri) -> Option<Self> {
        let is_tls = match url.scheme_str()? {
            "wss" | "https" => true,
            "ws" | "http" => false,
            _ => return None,
        };
        let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
        Some(Self { host, port: url.port_u16().unwrap_or(if is_tls { 443 } else { 80 }), is_tls })
    }

    /// Makes of what leads there what may be spoken over.
    ///
    /// # Errors
    /// Whoever is there is not whom the address names, or no TLS is to be had with them.
    pub(crate) async fn join(&self, tcp: TcpStream, tls: &TlsConnector) -> io::Result<Stream> {
        tcp.set_nodelay(true)?;
        if !self.is_tls {
            return Ok(Stream::Plain(tcp));
        }
        let name = ServerName::try_from(self.host.to_owned());
        let name =
            name.map_err(|error: InvalidDnsNameError| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Stream::Tls(Box::new(tls.connect(name, tcp).await?)))
    }
}

impl Stream {
    /// What lies below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, room),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, room),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// TLS by ring; the roots that Mozilla trusts are compiled in, and `authorities` are trusted besides.
pub(crate) fn tls_config(authorities: &[CertificateDer<'static>]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_where_and_how() {
        for (url, expected) in [
            ("wss://voice.example.org/ws", Some(("voice.example.org", 443, true))),
            ("ws://127.0.0.1:8787", Some(("127.0.0.1", 8787, false))),
            ("https://[2001:db8::1]:8443/hook?a=1", Some(("2001:db8::1", 8443, true))),
            ("http://localhost/", Some(("localhost", 80, false))),
            ("ftp://example.org/", None),
            ("/only/a/path", None),
        ] {
            let url = url.parse().unwrap();
            let found = Destination::of(&url);
            assert_eq!(found.map(|found| (found.host, found.port, found.is_tls)), expected, "{url}");
        }
    }
}
