//! What the proxy answers over HTTP.

use crate::addresses::Connected;
use crate::admission::{Caller, session};
use crate::greeting::{self, SendOff};
use crate::house::House;
use crate::page;
use crate::phone::Phone;
use crate::rules::Rules;
use crate::upgrade::Upgrade;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use vivavoce_wire::{Code, SUBPROTOCOL, Trouble};

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Its place among the connections of its address, where that is counted: a call keeps it when HTTP is done.
    pub(crate) connected: Option<Arc<Connected>>,
}

/// All paths.
pub(crate) fn router(house: &Arc<House>, page: Option<&Path>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/config.json", get(config))
        .route("/ws", get(ws))
        .route("/v1/session", post(session::post).options(session::preflight).fallback(session::other))
        .method_not_allowed_fallback(other_method)
        .with_state(Arc::clone(house))
        .merge(page::router(page))
}

/// What answers a method that a path does not know.
async fn other_method(State(house): State<Arc<House>>) -> Response {
    house.metrics.refuse(Code::BadMessage.name());
    let detail = "this path is asked by another method: see docs/PROTOCOL.md";
    refuse(StatusCode::METHOD_NOT_ALLOWED, &Trouble::misunderstood(Code::BadMessage, detail))
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Tells the page where to call and who will answer.
async fn config(State(house): State<Arc<House>>) -> Response {
    let rules = house.rules();
    let mut config = serde_json::json!({
        "url": "/ws",
        "upstream": house.upstream,
        "model": rules.config.gemini.model,
    });
    if rules.admission.is_configured() {
        config["session"] = "/v1/session".into();
    }
    json(StatusCode::OK, &config)
}

/// Takes a call. What is wrong with one that wants a WebSocket is said on the WebSocket, for a browser shows its
/// page nothing of an HTTP answer to one.
async fn ws(State(house): State<Arc<House>>, mut request: Request) -> Response {
    let caller = caller(&request);
    let upgrade = match Upgrade::read(&mut request) {
        Ok(upgrade) => upgrade,
        Err(sentence) => {
            house.metrics.refuse(Code::BadMessage.name());
            return refuse(StatusCode::BAD_REQUEST, &Trouble::new(Code::BadMessage, sentence));
        }
    };
    let rules = house.rules();
    let (connected, crowded) = match connect(&house, &rules, &request) {
        Ok(connected) => (connected, None),
        Err(trouble) => (None, Some(trouble.into())),
    };
    let why = objection(&rules, &upgrade, &caller).or(crowded);
    let (response, socket) = upgrade.accept(rules.limits().max_frame_bytes);
    tokio::spawn(async move {
        let Some(socket) = socket.await else { return };
        let phone = Phone::open(socket, rules.limits().unread, connected);
        match why {
            Some(why) => greeting::send_away(&house, phone, why).await,
            None => greeting::receive(house, caller, phone).await,
        }
    });
    response
}

/// Why a caller is not even listened to.
fn objection(rules: &Rules, upgrade: &Upgrade, caller: &Caller) -> Option<SendOff> {
    if !upgrade.speaks_ours {
        let detail = format!("this socket speaks the subprotocol {SUBPROTOCOL}: name it when you connect");
        return Some(Trouble::misunderstood(Code::BadSubprotocol, detail).into());
    }
    rules.admission.check_origin(caller).err().map(Into::into)
}

/// A call's place among the connections of its address, which is counted here if not where connections are taken.
fn connect(house: &House, rules: &Rules, request: &Request<Body>) -> Result<Option<Arc<Connected>>, Trouble> {
    let hops = rules.config.trusted_hops as usize;
    if hops == 0 {
        return Ok(request.extensions().get().and_then(|peer: &Peer| peer.connected.clone()));
    }
    let sentence = "Too many connections from this address: close some first.";
    let crowded = || Trouble::new(Code::Limited, sentence).retry_after_ms(5_000);
    house
        .addresses
        .connect(origin(request, hops), rules.limits().connections_per_address)
        .map(|connected| Some(Arc::new(connected)))
        .ok_or_else(crowded)
}

/// Where a request came from before the last so many reverse proxies, each of which adds the one before it at the end of
/// `X-Forwarded-For`; what stands before that anybody may have written.
fn origin(request: &Request<Body>, hops: usize) -> IpAddr {
    let lines = request.headers().get_all("x-forwarded-for").into_iter();
    let named: Vec<_> =
        lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
    let place = named.len().checked_sub(hops).and_then(|index| named.get(index)?.trim().parse().ok());
    place.unwrap_or_else(|| peer(request).ip())
}

fn peer(request: &Request<Body>) -> SocketAddr {
    let nobody = (Ipv4Addr::UNSPECIFIED, 0).into();
    request.extensions().get().map_or(nobody, |peer: &Peer| peer.address)
}

/// Who sent a request.
pub(crate) fn caller(request: &Request<Body>) -> Caller {
    Caller::new(peer(request), request.headers())
}

/// An error over HTTP, the same object as on the socket.
pub(crate) fn refuse(status: StatusCode, trouble: &Trouble) -> Response {
    json(status, &serde_json::json!({ "error": trouble }))
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    (status, headers, value.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_the_outermost_of_our_own_proxies_saw() {
        let request = |lines: &[&str]| {
            let mut request = Request::builder();
            for line in lines {
                request = request.header("x-forwarded-for", *line);
            }
            let mut request = request.body(Body::empty()).unwrap();
            request.extensions_mut().insert(Peer { address: "10.0.0.9:1".parse().unwrap(), connected: None });
            request
        };
        for (lines, hops, expected) in [
            (&["192.0.2.1"][..], 1, "192.0.2.1"),
            (&["203.0.113.7, 192.0.2.1"], 1, "192.0.2.1"),
            (&["203.0.113.7", "192.0.2.1, 10.0.0.2"], 2, "192.0.2.1"),
            (&["2001:db8::1"], 1, "2001:db8::1"),
            (&[], 1, "10.0.0.9"),
            (&["192.0.2.1"], 2, "10.0.0.9"),
            (&["192.0.2.1, nonsense"], 1, "10.0.0.9"),
        ] {
            assert_eq!(origin(&request(lines), hops).to_string(), expected, "{lines:?}");
        }
    }
}
