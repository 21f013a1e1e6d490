//! The way to a WebSocket that we open: a connection, and the upgrade.

use crate::frames::{Ear, End};
use crate::socket::Socket;
use crate::stream::{Destination, Stream, tls_config};
use crate::upgrade::accept_key;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::client::conn::http1;
use hyper::upgrade;
use hyper_util::rt::TokioIo;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where to, and how.
#[derive(Clone)]
pub(crate) struct Address {
    /// `ws://…` or `wss://…`.
    pub(crate) url: String,
    /// What else the request says.
    pub(crate) headers: HeaderMap,
    tls: TlsConnector,
    /// What finds the voice in what the other side says.
    ear: Option<Ear>,
}

impl Address {
    /// `authorities` are trusted besides those that browsers trust.
    pub(crate) fn new(url: String, headers: HeaderMap, authorities: &[CertificateDer<'static>]) -> Self {
        Self { url, headers, tls: Arc::new(tls_config(authorities)).into(), ear: None }
    }

    /// The same, where what the other side says is looked through for a voice.
    pub(crate) fn listening(self, ear: Ear) -> Self {
        Self { ear: Some(ear), ..self }
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// Why there is none, without the address, which may hold a credential: `HTTP 403 …` where that was the answer.
    pub(crate) async fn connect(&self) -> Result<Socket<Stream>, String> {
        let url: Uri = self.url.parse().map_err(|_| NO_ADDRESS)?;
        let stream = self.reach(&url).await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let key = key();
        let request = self.request(&url, &key)?;
        let upgraded = async {
            let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(format!("HTTP {}", answer.status()));
            }
            if !self.agrees(answer.headers(), &key) {
                return Err("it answers as no WebSocket does".to_owned());
            }
            upgrade::on(answer).await.map_err(|error| error.to_string())
        };
        let (upgraded, _connection) = tokio::join!(upgraded, connection.with_upgrades());
        let parts = upgraded?.downcast::<TokioIo<Stream>>().map_err(|_| "its connection was mistaken")?;
        let socket = Socket::new(parts.io.into_inner(), &parts.read_buf, End::Client, MOST_BYTES);
        Ok(socket.listening(self.ear))
    }

    async fn reach(&self, url: &Uri) -> Result<Stream, String> {
        let to = Destination::of(url).ok_or(NO_ADDRESS)?;
        let stream = TcpStream::connect((to.host, to.port)).await.map_err(|error| error.to_string())?;
        to.join(stream, &self.tls).await.map_err(|error| error.to_string())
    }

    fn request(&self, url: &Uri, key: &str) -> Result<Request<Body>, String> {
        let authority = url.authority().ok_or(NO_ADDRESS)?.as_str();
        let host = authority.rsplit_once('@').map_or(authority, |(_who, host)| host);
        let mut request = Request::builder()
            .uri(url.path_and_query().map_or("/", |path| path.as_str()))
            .header(header::HOST, host)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, key)
            .body(Body::empty())
            .map_err(|_| NO_ADDRESS)?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }

    /// Whether the other side understood what was asked for (RFC 6455 §4.1).
    fn agrees(&self, answer: &HeaderMap, key: &str) -> bool {
        let accept = answer.get(header::SEC_WEBSOCKET_ACCEPT);
        let (asked, protocol) =
            (self.headers.get(header::SEC_WEBSOCKET_PROTOCOL), answer.get(header::SEC_WEBSOCKET_PROTOCOL));
        accept.is_some_and(|accept| *accept == accept_key(key.as_bytes()))
            && protocol == asked
            && !answer.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
    }
}

/// By which the other side shows that it understood: anything that it cannot have seen before.
fn key() -> String {
    let mut bytes = [0; 16];
    // Without randomness, it is merely no proof; nothing is secret here.
    let _ = SystemRandom::new().fill(&mut bytes);
    STANDARD.encode(bytes)
}

const NO_ADDRESS: &str = "its address is none";

/// A minute of the model's voice as text: more than the service ever says at once.
const MOST_BYTES: usize = 16 << 20;
