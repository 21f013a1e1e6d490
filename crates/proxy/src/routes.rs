//! What the proxy answers over HTTP.

use crate::admission::Caller;
use crate::greeting;
use crate::house::House;
use crate::page;
use crate::phone::Phone;
use crate::upgrade::Upgrade;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use vivavoce_wire::{Code, SUBPROTOCOL, Trouble};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// All paths.
pub(crate) fn router(house: &Arc<House>, page: Option<&Path>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/config.json", get(config))
        .route("/ws", get(ws))
        .with_state(Arc::clone(house))
        .merge(page::router(page))
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Tells the page where to call and who will answer.
async fn config(State(house): State<Arc<House>>) -> Response {
    let config = serde_json::json!({
        "url": "/ws",
        "upstream": house.upstream,
        "model": house.config.gemini.model,
    });
    json(StatusCode::OK, &config)
}

/// Takes a call. What is wrong with one that wants a WebSocket is said on the WebSocket, for a browser shows its
/// page nothing of an HTTP answer to one.
async fn ws(State(house): State<Arc<House>>, mut request: Request) -> Response {
    let caller = caller(&request);
    let upgrade = match Upgrade::read(&mut request) {
        Ok(upgrade) => upgrade,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, &Trouble::new(Code::BadMessage, sentence)),
    };
    let trouble = objection(&house, &upgrade, &caller);
    let config = Phone::socket_config(house.config.limits.max_frame_bytes);
    let (response, socket) = upgrade.accept(config);
    tokio::spawn(async move {
        let Some(socket) = socket.await else { return };
        let phone = Phone::open(socket, house.config.limits.unread);
        match trouble {
            Some(trouble) => greeting::send_away(phone, trouble).await,
            None => greeting::receive(house, caller, phone).await,
        }
    });
    response
}

/// Why a caller is not even listened to.
fn objection(house: &House, upgrade: &Upgrade, caller: &Caller) -> Option<Trouble> {
    if !upgrade.speaks_ours {
        let detail = format!("this socket speaks the subprotocol {SUBPROTOCOL}: name it when you connect");
        return Some(Trouble::misunderstood(Code::BadSubprotocol, detail));
    }
    house.admission.check_origin(caller).err()
}

fn caller(request: &Request<Body>) -> Caller {
    let nobody = Peer((Ipv4Addr::UNSPECIFIED, 0).into());
    let Peer(peer) = request.extensions().get().copied().unwrap_or(nobody);
    Caller::new(peer, request.headers())
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
