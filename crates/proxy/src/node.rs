//! Between proxies that share their calls: a phone that comes to one while another has its call is passed on to that,
//! until it lets go of the call.

use crate::dial::Address;
use crate::frames::Message;
use crate::greeting;
use crate::house::{House, going_down};
use crate::link::{Event, Link};
use crate::phone::{Heard, Phone};
use crate::routes::refuse;
use crate::upgrade::Upgrade;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use core::time::Duration;
use std::sync::Arc;
use tokio::time::timeout;
use vivavoce_wire::message::{FromClient, Hello};
use vivavoce_wire::{AudioFrame, Code, SUBPROTOCOL, Trouble};

/// Where other proxies call; never reachable from the outside.
pub(crate) fn router(house: &Arc<House>) -> Router {
    Router::new().route("/node", get(node)).with_state(Arc::clone(house))
}

/// Takes a phone that another proxy passes on. What opens a call is its secret; who calls was seen to there.
async fn node(State(house): State<Arc<House>>, mut request: Request) -> Response {
    let upgrade = match Upgrade::read(&mut request) {
        Ok(upgrade) => upgrade,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, &Trouble::new(Code::BadMessage, sentence)),
    };
    let rules = house.rules();
    let (response, socket) = upgrade.accept(rules.limits().max_frame_bytes);
    tokio::spawn(async move {
        let Some(socket) = socket.await else { return };
        let phone = Phone::open(socket, rules.limits().unread, None);
        greeting::receive_from_elsewhere(house, phone).await;
    });
    response
}

/// Passes a phone on to the proxy at `owner`, until one of the two has had enough; gives it back if there is no proxy.
pub(crate) async fn pass_on(house: &House, owner: &str, hello: &Hello, phone: Phone) -> Result<(), Phone> {
    let mut headers = HeaderMap::new();
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, header::HeaderValue::from_static(SUBPROTOCOL));
    let mut link = Link::open(Address::new(format!("ws://{owner}/node"), headers, &[]), None);
    // A machine that is gone says nothing, not even that; its lease ends soon.
    if !matches!(timeout(REACH, link.next(true)).await, Ok(Event::Open)) {
        return Err(phone);
    }
    tracing::info!("passing a phone on to the proxy that has its call");
    house.metrics.passed_on.inc();
    let hello = FromClient::Hello(hello.clone());
    if link.send(Message::Text(hello.encode())).is_err() {
        return Err(phone);
    }
    converse(house, phone, link).await;
    Ok(())
}

async fn converse(house: &House, mut phone: Phone, mut link: Link) {
    let mut shutdown = house.shutdown.subscribe();
    loop {
        let has_room = link.has_room();
        let message = tokio::select! {
            heard = phone.next(has_room) => match heard {
                Heard::Text(text) => Message::Text(text),
                Heard::Binary(bytes) => Message::Binary(bytes),
                Heard::Alive => Message::Ping(bytes::Bytes::new()),
                Heard::Fault(trouble) => {
                    phone.send_trouble(trouble);
                    break;
                }
                Heard::Gone => break,
            },
            event = link.next(true) => match event {
                Event::Open | Event::Room | Event::Voice(_) => continue,
                Event::Text(text) => {
                    phone.send_text(text);
                    continue;
                }
                Event::Binary(bytes) => {
                    // A proxy sends nothing else that is binary.
                    if let Ok(frame) = AudioFrame::decode(bytes) {
                        phone.send_audio(frame, link.has_more());
                    }
                    continue;
                }
                Event::Closed(closed) => {
                    // 1005 and 1006 say that nothing was said, and may not be said.
                    let code = if matches!(closed.code, 1005 | 1006) { Code::GoingAway.close_code() } else { closed.code };
                    phone.send_close(code, &closed.reason);
                    break;
                }
            },
            () = going_down(&mut shutdown) => {
                phone.send_trouble(Trouble::new(Code::GoingAway, "The proxy is going down; the call is tried again."));
                break;
            }
        };
        if link.send(message).is_err() {
            phone.send_close(Code::GoingAway.close_code(), "");
            break;
        }
    }
    phone.close().await;
    drop(link.close());
}

/// Proxies that share their calls are near each other.
const REACH: Duration = Duration::from_secs(1);
