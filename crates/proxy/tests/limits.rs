//! What a caller may cost, and how one is told who costs more.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use stage::redis::Redis;
use stage::{Phone, Proxy, assert_trouble, frame, get_with, patiently, simulator};
use std::process::Command;
use tokio::net::TcpStream;
use vivavoce_proxy::config::Config;
use vivavoce_proxy::environment::Environment;
use vivavoce_wire::Code;

#[tokio::test]
async fn a_call_that_lasted_long_enough_ends_with_a_sentence() {
    let (_proxy, mut phone) = talking(|config| config.limits.longest = Duration::from_millis(1_500)).await;
    assert_trouble(phone.wait_end().await, Code::Limited, "lasted 1 second,");
}

#[tokio::test]
async fn a_call_without_a_word_ends_and_one_with_words_does_not() {
    let (_proxy, mut phone) = talking(|config| config.limits.idle = Duration::from_millis(2_000)).await;
    for _ in 0..8 {
        phone.say(r#"{"type":"text","text":"Are you there?"}"#).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_trouble(phone.wait_end().await, Code::Limited, "Nobody has said anything for 2 seconds");
}

#[tokio::test]
async fn a_flood_of_frames_ends_a_call_and_what_was_kept_through_an_outage_does_not() {
    let (_proxy, mut phone) = talking(|config| config.limits.frames_per_s = 50).await;
    for _ in 0..450 {
        phone.send(frame(vec![0; 640])).await;
    }
    for _ in 0..4_000 {
        phone.send_anyhow(frame(vec![0; 2])).await;
    }
    assert_trouble(phone.wait_end().await, Code::Limited, "send slower");
}

#[tokio::test]
async fn large_frames_end_a_call_before_they_are_many() {
    let (_proxy, mut phone) = talking(|config| config.limits.bytes_per_s = 100_000).await;
    for _ in 0..20 {
        phone.send_anyhow(frame(vec![0; 60_000])).await;
    }
    assert_trouble(phone.wait_end().await, Code::Limited, "send slower");
}

#[tokio::test]
async fn who_comes_through_a_reverse_proxy_is_counted_by_the_address_that_this_saw() {
    let proxy = proxy(|config| {
        config.limits.connections_per_address = 1;
        config.trusted_hops = 1;
    })
    .await;
    // Nobody behind another proxy is let in without a ticket; how many they are is seen to first.
    let mut first = through(&proxy, "203.0.113.1, 192.0.2.1").await;
    let mut second = through(&proxy, "203.0.113.2, 192.0.2.1").await;
    assert_trouble(second.wait_end().await, Code::Limited, "from this address");
    let told = stage::get(proxy.operators, "/metrics").await;
    assert!(told.contains("vivavoce_refusals_total{reason=\"limited\"} 1\n"), "{told}");
    let mut other = through(&proxy, "192.0.2.2").await;
    for phone in [&mut first, &mut other] {
        phone.say(r#"{"type":"hello","audio":{"rate_hz":16000}}"#).await;
        assert_trouble(phone.wait_end().await, Code::NotAdmitted, "ticket");
    }
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_no_more() {
    let proxy = proxy(|config| config.limits.connections_per_address = 2).await;
    let mut first = Phone::introduced(&proxy).await;
    first.wait_ready().await;
    let second = Phone::call(&proxy).await;
    let answer = get_with(proxy.address, "/healthz", "").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    let json = answer.split("\r\n\r\n").nth(1).unwrap();
    let error: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(error["error"]["code"], "limited");
    drop(second);
    // Its place is free as soon as the proxy has heard of that.
    patiently(async { while !get_with(proxy.address, "/healthz", "").await.starts_with("HTTP/1.1 200 ") {} })
        .await;
    first.say(r#"{"type":"bye"}"#).await;
    first.wait_close().await;
}

#[tokio::test]
async fn so_many_may_be_about_to_say_hello_and_one_more_is_told_that_lines_are_busy() {
    let proxy = proxy(|config| config.limits.unintroduced = 2).await;
    let mut callers = [Phone::call(&proxy).await, Phone::call(&proxy).await, Phone::call(&proxy).await];
    let [first, second, third] = &mut callers;
    // Whoever comes last to their place.
    let (trouble, place) = tokio::select! {
        trouble = first.wait_end() => (trouble, 1),
        trouble = second.wait_end() => (trouble, 2),
        trouble = third.wait_end() => (trouble, 0),
    };
    assert_trouble(trouble, Code::Limited, "All lines are busy");
    callers[place].say(r#"{"type":"hello","audio":{"rate_hz":16000}}"#).await;
    callers[place].wait_ready().await;
    Phone::introduced(&proxy).await.wait_ready().await;
}

#[tokio::test]
async fn whoever_finds_no_place_at_the_door_waits_until_one_who_is_silent_has_had_their_time() {
    let proxy = proxy(|config| {
        config.limits.connections = 16;
        config.limits.header_deadline = Duration::from_millis(1_000);
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(proxy.address).await.unwrap());
    }
    let hung_up = poll_fn(|context| {
        let has_ended = silent.iter().any(|stream| stream.poll_read_ready(context).is_ready());
        if has_ended { Poll::Ready(()) } else { Poll::Pending }
    });
    let asked = get_with(proxy.address, "/healthz", "");
    tokio::pin!(asked);
    tokio::select! {
        biased;
        () = hung_up => {}
        answer = &mut asked => panic!("there was a place for them: {answer}"),
    }
    let answer = asked.await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

// ---- Of one user, over all proxies.

#[tokio::test]
async fn a_user_has_so_many_calls_at_two_proxies_together() {
    let redis = Redis::start().await;
    let change = |config: &mut Config| config.limits.calls_per_user = 2;
    let (one, two) = (sharing(&redis, change).await, sharing(&redis, change).await);
    let mut first = with_ticket(&one, "ann").await;
    let mut second = with_ticket(&two, "ann").await;
    for phone in [&mut first, &mut second] {
        phone.wait_ready().await;
    }
    let mut third = with_ticket(&two, "ann").await;
    assert_trouble(third.wait_end().await, Code::Limited, "end another one first");
    let mut other = with_ticket(&two, "bob").await;
    other.wait_ready().await;
    first.say(r#"{"type":"bye"}"#).await;
    first.wait_close().await;
    // As soon as it is written that the first is over.
    patiently(async { while with_ticket(&two, "ann").await.try_ready().await.is_none() {} }).await;
}

#[tokio::test]
async fn a_user_talks_for_so_long_in_a_day_at_two_proxies_together() {
    let redis = Redis::start().await;
    let change = |config: &mut Config| config.limits.daily.time = Some(Duration::from_secs(8));
    let (one, two) = (sharing(&redis, change).await, sharing(&redis, change).await);
    let mut first = with_ticket(&one, "ann").await;
    let mut second = with_ticket(&two, "ann").await;
    for phone in [&mut first, &mut second] {
        assert_trouble(phone.wait_end().await, Code::Limited, "come back tomorrow");
    }
    let mut third = with_ticket(&one, "ann").await;
    assert_trouble(third.wait_end().await, Code::Limited, "come back tomorrow");
    with_ticket(&one, "bob").await.wait_ready().await;
}

#[tokio::test]
async fn what_a_user_s_turns_cost_is_counted_by_the_service_s_own_figures() {
    let redis = Redis::start().await;
    let change = |config: &mut Config| config.limits.daily.micros = Some(1);
    let proxy = sharing(&redis, change).await;
    let mut phone = with_ticket(&proxy, "ann").await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"text","text":"Well?"}"#).await;
    assert_trouble(phone.wait_end().await, Code::Limited, "cost as much");
}

const KEY: &str = "the signing key of these stories: 32 bytes and more";

/// A proxy that takes tickets and shares what it knows.
async fn sharing(redis: &Redis, change: impl FnOnce(&mut Config)) -> Proxy {
    let upstream = simulator("").await;
    let settings = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        change(config);
    };
    let environment = Environment {
        redis_url: Some(redis.url()),
        signing_keys: vec![KEY.to_owned()],
        ..Environment::default()
    };
    Proxy::within(settings, environment).await
}

/// A phone that shows a ticket of this user's.
async fn with_ticket(proxy: &Proxy, user: &str) -> Phone {
    let ticket = Command::new(env!("CARGO_BIN_EXE_vivavoce"))
        .args(["ticket", "--native", "--user", user])
        .env("VIVAVOCE_SIGNING_KEY", KEY)
        .output()
        .unwrap();
    let ticket = String::from_utf8(ticket.stdout).unwrap();
    let mut phone = Phone::call(proxy).await;
    let hello = serde_json::json!({"type": "hello", "audio": {"rate_hz": 16_000}, "ticket": ticket.trim()});
    phone.say(&hello.to_string()).await;
    phone
}

/// A phone that came through a reverse proxy, which says so.
async fn through(proxy: &Proxy, addresses: &str) -> Phone {
    Phone::connect(proxy, &[("sec-websocket-protocol", "vivavoce.v1"), ("x-forwarded-for", addresses)]).await
}

async fn proxy(change: impl FnOnce(&mut Config)) -> Proxy {
    let upstream = simulator("").await;
    let settings = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        change(config);
    };
    Proxy::with(settings, None).await
}

async fn talking(change: impl FnOnce(&mut Config)) -> (Proxy, Phone) {
    let proxy = proxy(change).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    (proxy, phone)
}
