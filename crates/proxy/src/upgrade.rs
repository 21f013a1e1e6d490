//! From an HTTP request to a WebSocket.

use crate::frames::End;
use crate::socket::Socket;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use ring::digest;
use tokio::net::TcpStream;
use vivavoce_wire::SUBPROTOCOL;

/// A WebSocket that came in by HTTP.
pub(crate) type Incoming = Socket<TcpStream>;

/// A client's wish for a WebSocket, well-formed.
pub(crate) struct Upgrade {
    on_upgrade: OnUpgrade,
    accept: String,
    protocol: Option<HeaderValue>,
    /// Whether the client offered our subprotocol.
    pub(crate) speaks_ours: bool,
}

impl Upgrade {
    /// Reads the wish from a request.
    ///
    /// # Errors
    /// What is missing, as a sentence.
    pub(crate) fn read(request: &mut Request<Body>) -> Result<Self, &'static str> {
        let headers = request.headers();
        if request.method() != Method::GET || !names(headers, header::UPGRADE, "websocket") {
            return Err("Calls are made over a WebSocket: connect with one (ws:// or wss://).");
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err("The header Sec-WebSocket-Version must be 13.");
        }
        let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
            return Err("The header Sec-WebSocket-Key is missing.");
        };
        let accept = accept_key(key.as_bytes());
        let offered = offered(headers);
        let speaks_ours = offered.iter().any(|name| name == SUBPROTOCOL);
        let ours = speaks_ours.then(|| HeaderValue::from_static(SUBPROTOCOL));
        // Browsers drop a socket that answers none of their offers, and then nobody reads why.
        let protocol = ours.or_else(|| offered.first().and_then(|name| HeaderValue::from_str(name).ok()));
        let Some(on_upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Err("This connection cannot be turned into a WebSocket: connect over HTTP/1.1.");
        };
        Ok(Self { on_upgrade, accept, protocol, speaks_ours })
    }

    /// The answer that turns the connection into a WebSocket for messages of up to `most_bytes`, and the WebSocket, which is
    /// there once it was sent.
    pub(crate) fn accept(self, most_bytes: u32) -> (Response<Body>, impl Future<Output = Option<Incoming>>) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = self.protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let socket = async move {
            // Every connection here is a TCP stream that was given to hyper.
            let parts = self.on_upgrade.await.ok()?.downcast::<TokioIo<TcpStream>>().ok()?;
            Some(Socket::new(parts.io.into_inner(), &parts.read_buf, End::Server, most_bytes as usize))
        };
        (response, socket)
    }
}

/// By which a server shows that it understood what was asked for (RFC 6455 §4.2.2).
pub(crate) fn accept_key(key: &[u8]) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finish())
}

/// Whether a comma-separated header holds `name`.
fn names(headers: &HeaderMap, header: header::HeaderName, name: &str) -> bool {
    let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(name))
}

fn offered(headers: &HeaderMap) -> Vec<String> {
    let values =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_as_the_standard_s_example_does() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
