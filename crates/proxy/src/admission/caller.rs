//! What an HTTP request says of the one who sent it.

use axum::http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// What an HTTP request says of the one who sent it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    peer: IpAddr,
    host: Option<String>,
    origin: Option<String>,
    /// Whether somebody in between passed the request on.
    forwarded: bool,
    /// Whether that one says that it came to them over TLS.
    secure: bool,
}

impl Caller {
    pub(crate) fn new(peer: SocketAddr, headers: &HeaderMap) -> Self {
        let text = |name| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        };
        let forwarded = |name: &header::HeaderName| {
            let name = name.as_str();
            matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-")
        };
        Self {
            peer: peer.ip().to_canonical(),
            host: text(header::HOST),
            origin: text(header::ORIGIN),
            forwarded: headers.keys().any(forwarded),
            secure: text(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https"),
        }
    }

    /// A program or a page of this very machine: the peer, the name it used and the way it came all say so, which
    /// a foreign page in a local browser (by DNS rebinding) and a stranger behind a local reverse proxy cannot.
    pub(super) fn is_local(&self) -> bool {
        let by_name = self.host.as_deref().is_some_and(|host| is_loopback_name(host_name(host)));
        self.peer.is_loopback() && by_name && !self.forwarded
    }

    /// The page that calls, as its browser names it; programs have none.
    pub(super) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Whether the page came from the very place that is called.
    pub(super) fn is_own_page(&self, origin: &str) -> bool {
        let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        place.is_some() && place == self.host.as_deref()
    }
}

impl Caller {
    /// Where calls go, by the name that the caller used for this proxy; none if that is no name. Only this machine's own
    /// names are called without TLS: no browser gives a microphone to any other page that came without.
    pub(super) fn socket_url(&self) -> Option<String> {
        let host = self.host.as_deref().filter(|host| !host.is_empty())?;
        if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte)) {
            return None;
        }
        let is_plain = is_loopback_name(host_name(host)) && !self.secure;
        Some(format!("{}://{host}/ws", if is_plain { "ws" } else { "wss" }))
    }
}

/// The name in a Host header, without its port.
fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Whether a name means this machine on every machine.
pub(crate) fn is_loopback_name(name: &str) -> bool {
    let by_number = name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    by_number || name == "localhost" || name.ends_with(".localhost")
}

const X_FORWARDED_PROTO: header::HeaderName = header::HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
pub(crate) mod tests {
    use super::*;

    /// One who calls from `peer` with these headers.
    pub(crate) fn caller(peer: &str, headers: &[(&'static str, &'static str)]) -> Caller {
        let headers = headers.iter().map(|&(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
        });
        Caller::new(SocketAddr::new(peer.parse().unwrap(), 50_000), &headers.collect())
    }

    #[test]
    fn calls_go_where_the_caller_found_the_proxy() {
        for (headers, url) in [
            (vec![("host", "127.0.0.1:8003")], Some("ws://127.0.0.1:8003/ws")),
            (vec![("host", "[::1]:8003")], Some("ws://[::1]:8003/ws")),
            (vec![("host", "Voice.example.org")], Some("wss://voice.example.org/ws")),
            (vec![("host", "localhost"), ("x-forwarded-proto", "https")], Some("wss://localhost/ws")),
            (vec![("host", "a/b")], None),
            (vec![("host", "a@b")], None),
            (vec![("host", "")], None),
            (vec![], None),
        ] {
            assert_eq!(caller("127.0.0.1", &headers).socket_url().as_deref(), url, "{headers:?}");
        }
    }
}
