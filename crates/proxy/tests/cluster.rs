//! Several proxies share their calls: each can go on with the calls of all.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use serde_json::{Value, json};
use stage::house::{House, Nginx};
use stage::{Phone, Proxy, assert_trouble, frame, patiently};
use std::net::SocketAddr;
use vivavoce_wire::message::{Ready, TurnState};
use vivavoce_wire::{Code, FromProxy};

/// Whether a proxy's metrics hold this.
async fn operators_hear(proxy: &Proxy, what: &str) -> bool {
    let answer = stage::get(proxy.operators, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("# EOF\n"), "{answer}");
    answer.contains(what)
}

/// A phone that says a resumable hello, and what `ready` said.
async fn begins(address: SocketAddr) -> (Phone, Ready) {
    says_hello(address, json!({ "resumable": true })).await
}

/// A phone that takes a call up again.
async fn takes_up(address: SocketAddr, ready: &Ready, next: u32) -> (Phone, Ready) {
    says_hello(address, resume(&ready.call, ready.secret.as_deref().unwrap(), next)).await
}

fn resume(call: &str, secret: &str, next: u32) -> Value {
    json!({ "resumable": true, "resume": { "call": call, "secret": secret, "next": next } })
}

async fn says_hello(address: SocketAddr, more: Value) -> (Phone, Ready) {
    let mut phone = greets(address, more).await;
    let ready = phone
        .wait(|message| match message {
            FromProxy::Ready(ready) => Some(ready),
            _ => None,
        })
        .await;
    phone.say(r#"{"type":"received","next":0}"#).await;
    (phone, ready)
}

async fn greets(address: SocketAddr, mut more: Value) -> Phone {
    let mut phone = Phone::call_at(address).await;
    more["type"] = "hello".into();
    more["audio"] = json!({ "rate_hz": 16_000 });
    phone.say(&more.to_string()).await;
    phone
}

/// Says something for a second, silence after it; then waits for the end of the answer.
async fn converses(phone: &mut Phone, first: u32) -> u32 {
    let buzz = |at: u32| if at < 16_000 { ((at % 114) as i16 - 57) * 150 } else { 0 };
    for (index, start) in (0..32_000_u32).step_by(320).enumerate() {
        let pcm = (start..start + 320).flat_map(|at| buzz(at).to_le_bytes()).collect();
        phone.send(numbered(first + index as u32, pcm)).await;
    }
    wait_complete(phone).await;
    first + 100
}

fn numbered(sequence: u32, pcm: Vec<u8>) -> Vec<u8> {
    let mut frame = vivavoce_wire::AudioFrame::decode(frame(pcm).into()).unwrap();
    frame.sequence = sequence;
    frame.encode().to_vec()
}

async fn wait_complete(phone: &mut Phone) {
    let complete =
        |message| matches!(message, FromProxy::Turn { state: TurnState::Complete, .. }).then_some(());
    phone.wait(complete).await;
}

/// Waits until the service's handle is safe; from which word on it is not.
async fn wait_committed(phone: &mut Phone) -> u32 {
    let committed = |message| match message {
        FromProxy::Committed { next } => Some(next),
        _ => None,
    };
    phone.wait(committed).await
}

#[tokio::test]
async fn another_proxy_goes_on_with_the_calls_of_one_that_was_killed() {
    let house = House::of_two_answers("killed").await;
    let (mut first, second) = (house.process().await, house.proxy().await);
    let (mut phone, ready) = begins(first.address).await;
    converses(&mut phone, 0).await;
    let safe = wait_committed(&mut phone).await;
    first.child.kill().await.unwrap();
    let began = std::time::Instant::now();
    let (mut phone, again) = takes_up(second.address, &ready, 40).await;
    println!("a talking call {} ms after the kill", began.elapsed().as_millis());
    assert_eq!((&again.call, again.next), (&ready.call, Some(safe)));
    assert!(again.secret.is_some() && again.secret != ready.secret);
    converses(&mut phone, safe).await;
    assert_eq!(house.setups()[..], [false, true]);
}

#[tokio::test]
async fn a_phone_that_comes_to_another_proxy_is_passed_on_until_its_call_has_moved() {
    let house = House::of_two_answers("passed-on").await;
    let (first, second) = (house.proxy().await, house.proxy().await);
    let (mut phone, ready) = begins(first.address).await;
    converses(&mut phone, 0).await;
    wait_committed(&mut phone).await;
    drop(phone);
    patiently(async {
        while !operators_hear(&first, "vivavoce_parked_calls 1").await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(!operators_hear(&first, "vivavoce_parked_bytes 0\n").await, "something is kept for it");
    // Where it still was, it is told to come again; then it is where it came.
    let mut phone = greets(second.address, resume(&ready.call, ready.secret.as_deref().unwrap(), 40)).await;
    let again = phone
        .wait(|message| match message {
            FromProxy::Ready(ready) => Some(ready),
            _ => None,
        })
        .await;
    let (trouble, close) = phone.wait_end().await;
    assert_trouble((trouble, close), Code::GoingAway, "goes on with this call");
    let (mut phone, moved) = takes_up(second.address, &again, 40).await;
    assert_eq!(moved.call, ready.call);
    converses(&mut phone, moved.next.unwrap()).await;
    assert!(
        operators_hear(&first, "vivavoce_calls 0\n").await
            && operators_hear(&second, "vivavoce_calls 1\n").await
    );
    assert!(operators_hear(&second, "vivavoce_calls_taken_over_total 1").await);
    first.stop().await;
    assert_eq!(house.setups()[..], [false, true]);
}

#[tokio::test]
async fn calls_move_when_their_proxy_is_told_to_go_down() {
    let house = House::of_two_answers("drained").await;
    let (first, second) = (house.proxy().await, house.proxy().await);
    let (mut phone, ready) = begins(first.address).await;
    converses(&mut phone, 0).await;
    let safe = wait_committed(&mut phone).await;
    let going_down = tokio::spawn(first.stop());
    assert_trouble(phone.wait_end().await, Code::GoingAway, "goes on with this call");
    let (mut phone, again) = takes_up(second.address, &ready, 40).await;
    assert_eq!((&again.call, again.next), (&ready.call, Some(safe)));
    converses(&mut phone, safe).await;
    going_down.await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_goes_down_is_asked_by_operators_and_reached_by_other_proxies_to_the_end() {
    let house = House::of_two_answers("reached").await;
    let (first, second) = (house.proxy().await, house.proxy().await);
    let (mut phone, ready) = begins(first.address).await;
    // Half a sentence, so that the call finds no quiet moment to move at.
    let buzz = |at: u32| ((at % 114) as i16 - 57) * 150;
    for (index, start) in (0..16_000_u32).step_by(320).enumerate() {
        let pcm = (start..start + 320).flat_map(|at| buzz(at).to_le_bytes()).collect();
        phone.send(numbered(index as u32, pcm)).await;
    }
    phone.say(r#"{"type":"ping","id":1}"#).await;
    phone.wait(|message| matches!(message, FromProxy::Pong { id: 1 }).then_some(())).await;
    drop(phone);
    let operators = first.operators;
    let going_down = tokio::spawn(first.stop());
    patiently(async { while !stage::get(operators, "/readyz").await.contains("going down") {} }).await;
    assert!(stage::get(operators, "/metrics").await.contains("vivavoce_calls 1\n"));
    let mut phone = greets(second.address, resume(&ready.call, ready.secret.as_deref().unwrap(), 0)).await;
    phone.wait_ready().await;
    assert!(operators_hear(&second, "vivavoce_phones_passed_on_total 1\n").await);
    assert!(operators_hear(&second, "vivavoce_calls 0\n").await);
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    going_down.await.unwrap();
}

#[tokio::test]
async fn a_call_lasts_as_long_as_one_may_whoever_leads_it() {
    let house = House::of_two_answers("longest").await;
    let short = |config: &mut vivavoce_proxy::config::Config| {
        config.limits.longest = std::time::Duration::from_secs(3);
    };
    let (first, second) = (house.proxy_with(short).await, house.proxy_with(short).await);
    let began = std::time::Instant::now();
    let (mut phone, ready) = begins(first.address).await;
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    let going_down = tokio::spawn(first.stop());
    assert_trouble(phone.wait_end().await, Code::GoingAway, "goes on with this call");
    let (mut phone, _) = takes_up(second.address, &ready, 40).await;
    assert_trouble(phone.wait_end().await, Code::Limited, "lasted 3 seconds");
    assert!(began.elapsed().as_millis() < 5_400, "{:?}", began.elapsed());
    going_down.await.unwrap();
}

#[tokio::test]
async fn no_other_secret_opens_a_call_and_no_call_is_opened_that_is_over() {
    let house = House::of_two_answers("foreign").await;
    let (first, second) = (house.proxy().await, house.proxy().await);
    let (mut phone, ready) = begins(first.address).await;
    let (mut other, theirs) = begins(first.address).await;
    let secret = ready.secret.clone().unwrap();
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    for (call, secret) in [
        (&theirs.call, secret.as_str()),
        (&theirs.call, ""),
        (&theirs.call, "x".repeat(2_000).as_str()),
        (&ready.call, secret.as_str()),
        (&"no such call".to_owned(), secret.as_str()),
        (&"}:{*".to_owned(), secret.as_str()),
    ] {
        for proxy in [&first, &second] {
            let mut stranger = greets(proxy.address, resume(call, secret, 0)).await;
            assert_trouble(stranger.wait_end().await, Code::NoSuchCall, "begin a new one");
        }
    }
    other.say(r#"{"type":"ping","id":7}"#).await;
    other.wait(|message| matches!(message, FromProxy::Pong { id: 7 }).then_some(())).await;
}

#[tokio::test]
async fn running_calls_go_on_without_the_registry_and_new_ones_wait_for_it() {
    let mut house = House::of_two_answers("away").await;
    let (first, second) = (house.proxy().await, house.process().await);
    let (mut phone, ready) = begins(first.address).await;
    house.redis.dies();
    let said = converses(&mut phone, 0).await;
    for address in [first.address, second.address] {
        let mut refused = greets(address, json!({})).await;
        let (trouble, close) = refused.wait_end().await;
        assert_eq!(trouble.retry_after_ms, Some(2_000));
        assert_trouble((trouble, close), Code::Unavailable, "try again");
    }
    assert!(stage::get(first.operators, "/readyz").await.starts_with("HTTP/1.1 503 "));
    // One that is here can be taken up again all the same.
    drop(phone);
    let (mut phone, again) = takes_up(first.address, &ready, 40).await;
    assert_eq!((&again.call, again.next), (&ready.call, Some(said)));
    house.redis.is_back().await;
    // What it lost is written again: the other proxy can go on from there.
    wait_committed(&mut phone).await;
    drop(phone);
    let mut phone = greets(second.address, resume(&again.call, again.secret.as_deref().unwrap(), 40)).await;
    phone.wait_ready().await;
    let (mut fresh, _) = begins(second.address).await;
    converses(&mut fresh, 0).await;
}

#[tokio::test]
async fn a_user_goes_on_with_their_last_conversation_or_begins_a_new_one() {
    let house = House::of_two_answers("continued").await;
    let (first, second) = (house.proxy().await, house.proxy().await);
    let (mut phone, _) = begins(first.address).await;
    converses(&mut phone, 0).await;
    wait_committed(&mut phone).await;
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    for (hello, is_resumed) in [(json!({ "continue": true }), true), (json!({}), false)] {
        let (mut phone, ready) = says_hello(second.address, hello).await;
        assert_eq!(ready.next, None, "it is a new call");
        phone.say(r#"{"type":"bye"}"#).await;
        phone.wait_close().await;
        assert_eq!(house.setups().last(), Some(&is_resumed));
    }
}

#[tokio::test]
async fn calls_are_counted_over_all_proxies() {
    let house = House::of_two_answers("counted").await;
    let few = |config: &mut vivavoce_proxy::config::Config| config.limits.calls_in_all = Some(2);
    let (first, second) = (house.proxy_with(few).await, house.proxy_with(few).await);
    let (mut phone, _) = begins(first.address).await;
    let (_other, _) = begins(second.address).await;
    for proxy in [&first, &second] {
        let mut late = greets(proxy.address, json!({})).await;
        assert_trouble(late.wait_end().await, Code::Limited, "All lines are busy");
        assert!(operators_hear(proxy, "vivavoce_refusals_total{reason=\"limited\"} 1\n").await);
    }
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    patiently(async { while says_hello_or_not(second.address).await.is_none() {} }).await;
}

#[tokio::test]
async fn who_found_no_place_still_has_their_last_conversation() {
    let house = House::of_two_answers("no-place").await;
    let proxy = house.proxy_with(|config| config.limits.calls_in_all = Some(1)).await;
    let (mut phone, _) = begins(proxy.address).await;
    converses(&mut phone, 0).await;
    wait_committed(&mut phone).await;
    let mut late = greets(proxy.address, json!({ "continue": true })).await;
    assert_trouble(late.wait_end().await, Code::Limited, "All lines are busy");
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    patiently(async {
        loop {
            let mut phone = greets(proxy.address, json!({ "continue": true })).await;
            if phone.try_ready().await.is_some() {
                return;
            }
        }
    })
    .await;
    assert_eq!(house.setups()[..], [false, true]);
}

#[tokio::test]
async fn a_call_that_finds_no_room_with_another_proxy_is_not_lost() {
    let house = House::of_two_answers("no-room").await;
    let first = house.proxy().await;
    let second = house.proxy_with(|config| config.limits.calls = 1).await;
    let (mut phone, ready) = begins(first.address).await;
    converses(&mut phone, 0).await;
    let safe = wait_committed(&mut phone).await;
    let (mut other, _) = begins(second.address).await;
    first.stop().await;
    let mut early = greets(second.address, resume(&ready.call, ready.secret.as_deref().unwrap(), 40)).await;
    assert_trouble(early.wait_end().await, Code::Unavailable, "as soon as one is free");
    other.say(r#"{"type":"bye"}"#).await;
    other.wait_close().await;
    let again = patiently(async {
        loop {
            let hello = resume(&ready.call, ready.secret.as_deref().unwrap(), 40);
            let mut phone = greets(second.address, hello).await;
            if let Some(again) = phone.try_ready().await {
                return again;
            }
        }
    })
    .await;
    assert_eq!((again.call, again.next), (ready.call, Some(safe)));
}

/// A phone in a new call, if there is room for it.
async fn says_hello_or_not(address: SocketAddr) -> Option<Ready> {
    greets(address, json!({})).await.try_ready().await
}

#[tokio::test]
async fn behind_nginx_a_call_goes_on_whichever_proxy_is_killed() {
    let house = House::of_two_answers("nginx-house").await;
    let mut proxies = [house.process().await, house.process().await];
    let nginx = Nginx::before(proxies.each_ref().map(|proxy| proxy.address)).await;
    let (mut phone, mut ready) = begins(nginx.address).await;
    let mut said = 0;
    for proxy in &mut proxies {
        said = converses(&mut phone, said).await;
        wait_committed(&mut phone).await;
        // Both die in turn, and come back at their ports: one of them leads the call.
        proxy.child.kill().await.unwrap();
        (phone, ready) = patiently(async {
            loop {
                let mut phone =
                    greets(nginx.address, resume(&ready.call, ready.secret.as_deref().unwrap(), 400)).await;
                match phone.try_ready().await {
                    Some(again) => return (phone, again),
                    None => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
                }
            }
        })
        .await;
        phone.say(r#"{"type":"received","next":0}"#).await;
        said = ready.next.unwrap_or(said);
        *proxy = house.process_at(proxy.address).await;
    }
    converses(&mut phone, said).await;
}
