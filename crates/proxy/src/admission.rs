//! Who may call. Tickets come to [`Admission::admit`]; until there are any, only this machine is let in.

use crate::config::Admitted;
use axum::http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};
use vivavoce_wire::message::Hello;
use vivavoce_wire::{Code, Trouble};

/// What decides who may call.
#[derive(Debug)]
pub(crate) struct Admission {
    origins: Vec<String>,
}

/// Somebody who was let in: who has the same name is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User(pub(crate) String);

/// What an HTTP request says of the one who sent it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    peer: IpAddr,
    host: Option<String>,
    origin: Option<String>,
    /// Whether somebody in between passed the request on.
    forwarded: bool,
}

impl Admission {
    pub(crate) fn new(admitted: &Admitted) -> Self {
        Self { origins: admitted.origins.clone() }
    }

    /// Whether anybody but this machine can be let in.
    #[expect(clippy::unused_self, reason = "tickets will make it depend on the settings")]
    pub(crate) const fn is_configured(&self) -> bool {
        false
    }

    /// Judges the page from which a browser calls; other programs name none.
    pub(crate) fn check_origin(&self, caller: &Caller) -> Result<(), Trouble> {
        let Some(origin) = &caller.origin else { return Ok(()) };
        if self.origins.contains(origin) || caller.is_own_page(origin) {
            return Ok(());
        }
        let sentence = "This page may not call this proxy: whoever runs the proxy has to add the page's origin to \
                        [admission] origins.";
        Err(Trouble::new(Code::NotAllowed, sentence))
    }

    /// Judges one who said hello; whose conversations they may go on with.
    pub(crate) fn admit(&self, hello: &Hello, caller: &Caller) -> Result<User, Trouble> {
        if caller.is_local() {
            return Ok(User("this machine".to_owned()));
        }
        let sentence = match hello.ticket {
            Some(_) => "This proxy takes no tickets yet: it only lets in callers on its own machine.",
            None => {
                "Without a ticket this proxy only lets in callers on its own machine, at http://127.0.0.1 or \
                 http://localhost, with no other proxy in between."
            }
        };
        Err(Trouble::new(Code::NotAdmitted, sentence))
    }
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
        }
    }

    /// A program or a page of this very machine: the peer, the name it used and the way it came all say so, which
    /// a foreign page in a local browser (by DNS rebinding) and a stranger behind a local reverse proxy cannot.
    fn is_local(&self) -> bool {
        let by_name = self.host.as_deref().is_some_and(|host| is_loopback_name(host_name(host)));
        self.peer.is_loopback() && by_name && !self.forwarded
    }

    fn is_own_page(&self, origin: &str) -> bool {
        let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        place.is_some() && place == self.host.as_deref()
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

#[cfg(test)]
mod tests {
    use super::*;
    use vivavoce_wire::message::{CodecName, Mode, Uplink};

    #[test]
    fn lets_in_this_machine_and_nobody_else() {
        for (peer, headers, admitted) in [
            ("127.0.0.1", vec![("host", "127.0.0.1:8003")], true),
            ("127.0.0.1", vec![("host", "localhost")], true),
            ("::1", vec![("host", "[::1]:8003")], true),
            ("::ffff:127.0.0.1", vec![("host", "LOCALHOST:8003")], true),
            ("127.0.0.1", vec![], false),
            ("127.0.0.1", vec![("host", "evil.example")], false),
            ("127.0.0.1", vec![("host", "127.0.0.1.evil.example")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("x-forwarded-for", "127.0.0.1")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("forwarded", "for=127.0.0.1")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("via", "1.1 proxy")], false),
            ("127.0.0.1", vec![("host", "localhost"), ("x-real-ip", "203.0.113.9")], false),
            ("192.168.1.7", vec![("host", "localhost")], false),
        ] {
            let verdict = admission().admit(&hello(), &caller(peer, &headers));
            assert_eq!(verdict.is_ok(), admitted, "{peer} {headers:?}");
        }
    }

    #[test]
    fn lets_its_own_page_call_and_those_listed() {
        for (origin, allowed) in [
            (None, true),
            (Some("http://localhost:8003"), true),
            (Some("http://LOCALHOST:8003"), true),
            (Some("https://listed.example"), true),
            (Some("http://listed.example"), false),
            (Some("http://localhost:8004"), false),
            (Some("https://evil.example"), false),
            (Some("null"), false),
        ] {
            let mut headers = vec![("host", "localhost:8003")];
            headers.extend(origin.map(|origin| ("origin", origin)));
            let verdict = admission().check_origin(&caller("127.0.0.1", &headers));
            assert_eq!(verdict.is_ok(), allowed, "{origin:?}");
        }
    }

    fn admission() -> Admission {
        Admission::new(&Admitted { origins: vec!["https://listed.example".to_owned()] })
    }

    fn caller(peer: &str, headers: &[(&'static str, &'static str)]) -> Caller {
        let headers = headers.iter().map(|&(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
        });
        Caller::new(SocketAddr::new(peer.parse().unwrap(), 50_000), &headers.collect())
    }

    fn hello() -> Hello {
        let audio = Uplink { rate_hz: 16_000, codec: CodecName::Pcm };
        let (resumable, resume) = (false, None);
        Hello {
            audio,
            ticket: None,
            client: None,
            greeting: true,
            mode: Mode::Open,
            resumable,
            resume,
            continues: false,
            functions: None,
        }
    }
}
