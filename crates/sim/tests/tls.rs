//! One port for those who speak TLS and those who do not.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use vivavoce_sim::{Certificate, Options, serve};

#[tokio::test]
async fn tls_is_answered_to_those_who_trust_the_authority() {
    let certificate = Certificate::make().unwrap();
    let address = simulator(Some(certificate.clone())).await;
    for name in ["localhost", "127.0.0.1"] {
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = trusting(&certificate).connect(name.try_into().unwrap(), stream).await.unwrap();
        assert!(ask(stream).await.starts_with("HTTP/1.1 404"));
    }
    assert!(ask(TcpStream::connect(address).await.unwrap()).await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn nobody_else_trusts_it() {
    let address = simulator(Some(Certificate::make().unwrap())).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let other = Certificate::make().unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let error = trusting(&other).connect(name, stream).await.unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}

#[tokio::test]
async fn without_a_certificate_there_is_no_tls() {
    let address = simulator(None).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let other = Certificate::make().unwrap();
    assert!(trusting(&other).connect("localhost".try_into().unwrap(), stream).await.is_err());
    assert!(ask(TcpStream::connect(address).await.unwrap()).await.starts_with("HTTP/1.1 404"));
}

async fn simulator(certificate: Option<Certificate>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, Options { certificate, ..Options::default() }));
    address
}

fn trusting(certificate: &Certificate) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.authority_pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Ended with or without TLS's own goodbye.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}
