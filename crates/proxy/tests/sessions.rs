//! Who is let in, over real HTTP and real sockets: those who are vouched for, and none of those who only say so.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use core::time::Duration;
use ring::hmac;
use serde_json::{Value, json};
use stage::redis::Redis;
use stage::{Phone, Proxy, assert_trouble, get, nobody, patiently, simulator};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vivavoce_proxy::config::{Algorithm, Config, IssuerSettings, KeySource};
use vivavoce_proxy::environment::Environment;
use vivavoce_wire::message::Ready;
use vivavoce_wire::{Code, FromProxy, SUBPROTOCOL};

const TOKEN: &str = "5768337691:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8";
const OTHER_TOKEN: &str = "7342037359:AAFZehRPBRs8Seg40oDjTMIW8uTGPuW1zfQ";
const KEY: &str = "the signing key of these stories: 32 bytes and more";
const PAGE: &str = "https://page.example";

// ---- Who is let in.

#[tokio::test]
async fn init_data_gives_a_ticket_and_the_ticket_a_call() {
    let proxy = open().await;
    let answer = ask(&proxy, &json!({ "init_data": init_data(TOKEN, 7, now()) })).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json["expires_in"], 60);
    assert_eq!(answer.json["refresh_expires_in"], 43_200);
    assert_eq!(answer.json["url"], format!("ws://{}/ws", proxy.address));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    let (_phone, ready) = enters(&proxy, json!({ "ticket": answer.ticket() })).await;
    assert!(!ready.call.is_empty());
    assert!(metrics(&proxy).await.contains("vivavoce_sessions_total 1"));
}

#[tokio::test]
async fn the_ticket_names_the_call() {
    let proxy = open().await;
    let ticket = ticket(&proxy, 7).await;
    let claims = claims(&ticket);
    let (_phone, ready) = enters(&proxy, json!({ "ticket": ticket })).await;
    assert_eq!(claims["sid"], ready.call);
    assert_eq!((&claims["by"], &claims["sub"]), (&json!("telegram:5768337691"), &json!("7")));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
}

#[tokio::test]
async fn a_refresh_secret_serves_later_calls_and_changes_each_time() {
    let proxy = open().await;
    let first = ask(&proxy, &json!({ "init_data": init_data(TOKEN, 7, now()) })).await;
    let secret = first.json["refresh"].as_str().unwrap().to_owned();
    let second = ask(&proxy, &json!({ "refresh": secret })).await;
    assert_eq!(second.status, 201, "{second:?}");
    assert_ne!(second.json["refresh"], secret.as_str());
    assert!(second.json["refresh_expires_in"].as_u64().unwrap() <= 43_200);
    let again = ask(&proxy, &json!({ "refresh": secret })).await;
    assert_eq!(again.status, 201, "the answer may have been lost: {again:?}");
    let claims = [&first, &second, &again].map(|answer| claims(answer.ticket()));
    assert!(claims.iter().all(|claims| claims["sub"] == "7" && claims["by"] == "telegram:5768337691"));
    for answer in [second, again] {
        enters(&proxy, json!({ "ticket": answer.ticket() })).await;
    }
    let unknown = ask(&proxy, &json!({ "refresh": "x".repeat(43) })).await;
    assert!(unknown.is_refused(401, "not_admitted", "open it anew"), "{unknown:?}");
}

#[tokio::test]
async fn a_jwt_of_a_listed_issuer_gives_a_ticket() {
    let tokens: Value = serde_json::from_str(include_str!("keys/tokens.json")).unwrap();
    let issuer = |algorithm, key| IssuerSettings {
        issuer: "https://id.example.org".into(),
        audience: "voice".into(),
        algorithm,
        key,
        native: false,
    };
    let text = |name: &str| KeySource::Text(tokens[name]["pem"].as_str().unwrap().to_owned());
    let mut environment = environment();
    environment.learn(["ID_SECRET"].into_iter(), &|_| Some(KEY.to_owned()));
    let issuers = vec![
        issuer(Algorithm::EdDsa, text("EdDSA")),
        issuer(Algorithm::RS256, text("RS256")),
        issuer(Algorithm::HS256, KeySource::Environment("ID_SECRET".into())),
    ];
    let proxy = within(environment, |config| config.admission.issuers = issuers).await;
    for name in ["EdDSA", "RS256"] {
        let answer = ask(&proxy, &json!({ "jwt": tokens[name]["token"] })).await;
        assert_eq!(answer.status, 201, "{name}: {answer:?}");
        assert_eq!(claims(answer.ticket())["by"], "https://id.example.org");
        assert!(answer.json.get("refresh").is_none(), "its issuer gives others");
        enters(&proxy, json!({ "ticket": answer.ticket() })).await;
    }
    let own = ask(&proxy, &json!({ "jwt": tokens["ES256"]["token"] })).await;
    assert!(own.is_refused(401, "not_admitted", "signed by nobody"), "{own:?}");
    // Our own tickets vouch for nobody else, whatever key they are signed with.
    let ticket = shell(&["--native"]);
    let answer = ask(&proxy, &json!({ "jwt": ticket })).await;
    assert!(answer.is_refused(401, "not_admitted", "another bot or site"), "{answer:?}");
}

#[tokio::test]
async fn nothing_gives_a_ticket_to_this_machine_alone() {
    let proxy = open().await;
    let mine = ask(&proxy, &json!({})).await;
    assert_eq!(mine.status, 201, "{mine:?}");
    assert!(mine.json.get("refresh").is_none());
    enters(&proxy, json!({ "ticket": mine.ticket() })).await;
    for headers in ["X-Forwarded-For: 203.0.113.9\r\n", "Forwarded: for=x\r\n", "Via: 1.1 x\r\n"] {
        let answer = post(&proxy, headers, "{}").await;
        assert!(answer.is_refused(401, "not_admitted", "own machine"), "{answer:?}");
    }
    let rebound = request(proxy.address, "POST", "evil.example", "", b"{}").await;
    assert!(rebound.is_refused(401, "not_admitted", "own machine"), "{rebound:?}");
    let closed = within(environment(), |config| config.admission.local = Some(false)).await;
    let answer = ask(&closed, &json!({})).await;
    assert!(answer.is_refused(401, "not_admitted", "own machine"), "{answer:?}");
}

#[tokio::test]
async fn a_ticket_from_the_shell_opens_a_call_from_a_program() {
    let proxy = within(environment(), |config| config.admission.local = Some(false)).await;
    let mut without = knocks(&proxy, None, json!({})).await;
    assert_trouble(without.wait_end().await, Code::NotAdmitted, "Without a ticket");
    let mut for_pages = knocks(&proxy, None, json!({ "ticket": shell(&[]) })).await;
    assert_trouble(for_pages.wait_end().await, Code::NotAllowed, "vivavoce ticket --native");
    let mut program = knocks(&proxy, None, json!({ "ticket": shell(&["--native", "--user", "ada"]) })).await;
    program.wait_ready().await;
}

#[tokio::test]
async fn tickets_of_the_key_before_open_calls_until_it_is_taken_away() {
    let with = |keys: &[&str]| {
        let signing_keys = keys.iter().map(|&key| key.to_owned()).collect();
        within(Environment { signing_keys, ..environment() }, |_| {})
    };
    let newest = "the key of tomorrow, which is of 32 bytes and more";
    let (before, both, after) = (open().await, with(&[newest, KEY]).await, with(&[newest]).await);
    let (old, new) = (ticket(&before, 7).await, ticket(&both, 7).await);
    enters(&both, json!({ "ticket": old })).await;
    enters(&after, json!({ "ticket": new })).await;
    for (proxy, ticket) in [(&before, new), (&after, ticket(&before, 7).await)] {
        let mut phone = knocks(proxy, Some(PAGE), json!({ "ticket": ticket })).await;
        assert_trouble(phone.wait_end().await, Code::NotAdmitted, "signed by nobody");
    }
}

// ---- Who is not.

#[tokio::test]
async fn what_telegram_did_not_sign_gives_no_ticket() {
    let proxy = open().await;
    let good = init_data(TOKEN, 7, now());
    for (raw, words) in [
        (good.replace("%22id%22%3A7", "%22id%22%3A8"), "signed by nobody"),
        (init_data(OTHER_TOKEN, 7, now()), "signed by nobody"),
        (init_data(TOKEN, 7, now() - 3_700), "too old"),
        (init_data(TOKEN, 7, now() + 120), "of the future"),
        (format!("{good}&user=%7B%22id%22%3A8%7D"), "neither a ticket nor"),
        (String::new(), "neither a ticket nor"),
        ("hello".into(), "neither a ticket nor"),
    ] {
        let answer = ask(&proxy, &json!({ "init_data": raw })).await;
        assert!(answer.is_refused(401, "not_admitted", words), "{raw}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "the page must read it");
    }
    let counted = metrics(&proxy).await;
    for count in [r#"{reason="forged"} 2"#, r#"{reason="stale"} 1"#, r#"{reason="future"} 1"#] {
        assert!(counted.contains(&format!("vivavoce_refusals_total{count}")), "{counted}");
    }
}

#[tokio::test]
async fn forged_stale_future_foreign_and_junk_tickets_open_nothing() {
    let proxy = open().await;
    let good = ticket(&proxy, 7).await;
    let (head, _) = good.rsplit_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap());
    let later = |seconds: u64| json!({ "iat": now() + seconds, "exp": now() + seconds + 60 });
    for (ticket, words) in [
        (signed("another key than that of the proxy", &good, &json!({})), "signed by nobody"),
        (format!("{head}.{}", "A".repeat(43)), "signed by nobody"),
        (signed(KEY, &good, &json!({ "iat": now() - 120, "exp": now() - 60 })), "too old"),
        (signed(KEY, &good, &later(60)), "of the future"),
        (signed(KEY, &good, &json!({ "by": "telegram:7342037359" })), "another bot or site"),
        (signed(KEY, &good, &json!({ "aud": "another" })), "another bot or site"),
        (unsigned, "neither a ticket nor"),
        ("hello".into(), "neither a ticket nor"),
        (String::new(), "neither a ticket nor"),
        ("dmljdGltOnNlc3Npb246MQ==".into(), "neither a ticket nor"),
    ] {
        let mut phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
        assert_trouble(phone.wait_end().await, Code::NotAdmitted, words);
    }
    enters(&proxy, json!({ "ticket": signed(KEY, &good, &json!({})) })).await;
}

#[tokio::test]
async fn a_ticket_opens_one_call_however_many_show_it_at_once() {
    let proxy = open().await;
    let ticket = ticket(&proxy, 7).await;
    let tries = (0..8).map(|_| async {
        let mut phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
        phone.try_ready().await.is_some()
    });
    let entered = futures_util::future::join_all(tries).await;
    assert_eq!(entered.iter().filter(|&&entered| entered).count(), 1, "{entered:?}");
    let mut late = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
    assert_trouble(late.wait_end().await, Code::NotAdmitted, "tap again");
}

#[tokio::test]
async fn two_proxies_take_a_ticket_once_and_know_each_other_s_secrets() {
    let redis = Redis::start().await;
    let shared = || Environment { redis_url: Some(redis.url()), ..environment() };
    let (one, two) = (within(shared(), |_| {}).await, within(shared(), |_| {}).await);
    let first = ask(&one, &json!({ "init_data": init_data(TOKEN, 7, now()) })).await;
    enters(&two, json!({ "ticket": first.ticket() })).await;
    for proxy in [&one, &two] {
        let mut phone = knocks(proxy, Some(PAGE), json!({ "ticket": first.ticket() })).await;
        assert_trouble(phone.wait_end().await, Code::NotAdmitted, "opens one only");
    }
    let second = ask(&two, &json!({ "refresh": first.json["refresh"] })).await;
    assert_eq!(second.status, 201, "{second:?}");
    let tries = [&one, &two].map(|proxy| async {
        let mut phone = knocks(proxy, Some(PAGE), json!({ "ticket": second.ticket() })).await;
        phone.try_ready().await.is_some()
    });
    let entered = futures_util::future::join_all(tries).await;
    assert!(entered[0] != entered[1], "{entered:?}");
}

#[tokio::test]
async fn a_user_asks_for_so_many_tickets_a_minute_at_two_proxies_together() {
    let redis = Redis::start().await;
    let shared = || Environment { redis_url: Some(redis.url()), ..environment() };
    let few = |config: &mut Config| config.admission.sessions_per_minute = 3;
    let (one, two) = (within(shared(), few).await, within(shared(), few).await);
    let raw = init_data(TOKEN, 7, now());
    let mut secret = String::new();
    for proxy in [&one, &two, &one] {
        let answer = ask(proxy, &json!({ "init_data": raw })).await;
        assert_eq!(answer.status, 201, "showing the same again is allowed: {answer:?}");
        secret = answer.json["refresh"].as_str().unwrap().to_owned();
    }
    for body in [json!({ "init_data": raw }), json!({ "refresh": secret })] {
        let answer = ask(&two, &body).await;
        assert!(answer.is_refused(429, "limited", "try again in a minute"), "{answer:?}");
        assert_eq!(answer.json["error"]["retry_after_ms"], 60_000);
        assert_eq!(answer.header("retry-after"), Some("60"));
    }
    assert_eq!(
        ask(&two, &json!({ "init_data": init_data(TOKEN, 8, now()) })).await.status,
        201,
        "another user"
    );
}

#[tokio::test]
async fn a_call_is_taken_up_again_with_the_used_ticket_and_by_nobody_else() {
    let redis = Redis::start().await;
    let shared = || Environment { redis_url: Some(redis.url()), ..environment() };
    let (one, two) = (within(shared(), |_| {}).await, within(shared(), |_| {}).await);
    let mine = ticket(&one, 7).await;
    let (mut phone, ready) = enters(&one, json!({ "ticket": mine, "resumable": true })).await;
    let other = ticket(&one, 8).await;
    for proxy in [&one, &two] {
        for (ticket, code, words) in [
            (json!(other), Code::NotAllowed, "somebody else's"),
            (json!("forged"), Code::NotAdmitted, "neither"),
        ] {
            let mut thief = knocks(proxy, Some(PAGE), resume(&ready, &ticket)).await;
            assert_trouble(thief.wait_end().await, code, words);
        }
    }
    // Nor did that cost the caller anything.
    phone.say(r#"{"type":"ping","id":1}"#).await;
    phone.wait(|message| matches!(message, FromProxy::Pong { id: 1 }).then_some(())).await;
    drop(phone);
    let (phone, again) = enters(&one, resume(&ready, &json!(mine))).await;
    assert_eq!(again.call, ready.call);
    drop(phone);
    for proxy in [&one, &two] {
        let mut nobody = knocks(proxy, Some(PAGE), resume(&again, &Value::Null)).await;
        // This machine may call without a ticket, as itself.
        assert_trouble(nobody.wait_end().await, Code::NotAllowed, "somebody else's");
    }
    let (_phone, again) = enters(&two, resume(&again, &json!(mine))).await;
    assert_eq!(again.call, ready.call, "on the other proxy, too");
}

#[tokio::test]
async fn a_fresh_ticket_that_takes_a_call_up_again_opens_no_other() {
    let proxy = open().await;
    let (phone, ready) =
        enters(&proxy, json!({ "ticket": ticket(&proxy, 7).await, "resumable": true })).await;
    drop(phone);
    let fresh = ticket(&proxy, 7).await;
    let (_phone, again) = enters(&proxy, resume(&ready, &json!(fresh))).await;
    assert_eq!(again.call, ready.call);
    let mut second = knocks(&proxy, Some(PAGE), json!({ "ticket": fresh })).await;
    assert_trouble(second.wait_end().await, Code::NotAdmitted, "opens one only");
}

#[tokio::test]
async fn pages_of_other_origins_get_no_ticket_and_use_none() {
    let proxy = open().await;
    let body = json!({ "init_data": init_data(TOKEN, 7, now()) }).to_string();
    for origin in [
        "null",
        "https://evil.example",
        "https://page.example.evil.example",
        "http://page.example",
        "https://page.example:8443",
    ] {
        let answer = post(&proxy, &format!("Origin: {origin}\r\n"), &body).await;
        assert!(answer.is_refused(403, "not_allowed", "[admission] origins"), "{origin}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("vary"), Some("Origin"));
        let preflight =
            request(proxy.address, "OPTIONS", "localhost", &format!("Origin: {origin}\r\n"), b"").await;
        assert_eq!(preflight.status, 403, "{preflight:?}");
        let ticket = ticket(&proxy, 7).await;
        let mut phone = knocks(&proxy, Some(origin), json!({ "ticket": ticket })).await;
        assert_trouble(phone.wait_end().await, Code::NotAllowed, "[admission] origins");
    }
    let asks = format!("Origin: {PAGE}\r\nAccess-Control-Request-Method: POST\r\n");
    let preflight = request(proxy.address, "OPTIONS", "localhost", &asks, b"").await;
    assert_eq!(preflight.status, 204, "{preflight:?}");
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "content-type"),
        ("vary", "Origin"),
    ] {
        assert_eq!(preflight.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_question_are_told_what_was_expected() {
    let proxy = open().await;
    let bomb = |open: &str| format!(r#"{{"init_data":{}"#, open.repeat(8_000 / open.len()));
    for (body, words) in [
        (String::new(), "EOF"),
        ("hello".into(), "expected value"),
        ("[]".into(), "invalid"),
        (r#"{"init_data":7}"#.into(), "invalid type"),
        (r#"{"init_data":"a","jwt":"b"}"#.into(), "found several"),
        (r#"{"jwt":"a","jwt":"b"}"#.into(), "duplicate field"),
        (r#"{"token":"a"}"#.into(), "unknown field"),
        (bomb("["), "at most 128 deep; found 8001"),
        (bomb(r#"{"a":"#), "at most 128 deep"),
        ("[".repeat(16_000), "at most 128 deep"),
    ] {
        let answer = post(&proxy, "", &body).await;
        assert!(answer.is_refused(400, "bad_message", words), "{answer:?}");
    }
    let large = format!(r#"{{"init_data":"{}"}}"#, "x".repeat(16 * 1024));
    let answer = post(&proxy, "", &large).await;
    assert!(answer.is_refused(413, "too_large", "16384 bytes"), "{answer:?}");
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let answer = raw(
        proxy.address,
        &format!("{}Transfer-Encoding: chunked\r\n\r\n{chunked}", head("POST", "localhost")),
    )
    .await;
    assert!(answer.is_refused(413, "too_large", "16384 bytes"), "{answer:?}");
    let answer = request(proxy.address, "GET", "localhost", "", b"").await;
    assert!(answer.is_refused(405, "bad_message", "by POST"), "{answer:?}");
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
}

#[tokio::test]
async fn a_question_that_never_ends_is_not_waited_for() {
    let proxy =
        within(environment(), |config| config.limits.body_deadline = Duration::from_millis(300)).await;
    let begun = format!("{}Content-Length: 100\r\n\r\n{{", head("POST", "localhost"));
    let asked_at = Instant::now();
    let answer = raw(proxy.address, &begun).await;
    assert!(asked_at.elapsed() < Duration::from_secs(5));
    assert!(answer.is_refused(408, "bad_message", "in time"), "{answer:?}");
}

#[tokio::test]
async fn a_registry_that_is_away_lets_nobody_in() {
    let mut redis = Redis::start().await;
    let proxy = within(Environment { redis_url: Some(redis.url()), ..environment() }, |_| {}).await;
    let ticket = ticket(&proxy, 7).await;
    redis.dies();
    let answer = ask(&proxy, &json!({ "init_data": init_data(TOKEN, 7, now()) })).await;
    assert!(answer.is_refused(503, "unavailable", "registry"), "{answer:?}");
    let mut phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
    assert_trouble(phone.wait_end().await, Code::Unavailable, "registry");
    redis.is_back().await;
    enters(&proxy, json!({ "ticket": ticket })).await;
}

#[tokio::test]
async fn a_ticket_whose_call_came_to_nothing_is_good_still() {
    let nowhere = nobody().await;
    let proxy = within(environment(), |config| config.upstream_url = Some(format!("ws://{nowhere}"))).await;
    let ticket = ticket(&proxy, 7).await;
    let tries = async || {
        let mut phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
        phone.wait_end().await.0.code
    };
    assert_eq!(tries().await, Code::ServiceUnreachable);
    // It is given back once the call is put away.
    patiently(async { while tries().await != Code::ServiceUnreachable {} }).await;
}

#[tokio::test]
async fn a_ticket_is_used_by_one_who_leaves_before_anybody_answers() {
    let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = service.local_addr().unwrap();
    let proxy = within(environment(), |config| config.upstream_url = Some(format!("ws://{address}"))).await;
    let ticket = ticket(&proxy, 7).await;
    let phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
    let _silent = patiently(service.accept()).await.unwrap();
    drop(phone);
    patiently(async { while !get(proxy.operators, "/metrics").await.contains("vivavoce_calls 0\n") {} })
        .await;
    let mut phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
    assert_trouble(phone.wait_end().await, Code::NotAdmitted, "opens one only");
}

#[tokio::test]
async fn a_ticket_is_used_by_a_call_that_the_service_will_never_take() {
    let upstream = simulator("[keys]\nrefuse = { code = 1008, reason = \"API key not valid.\" }").await;
    let proxy = within(environment(), |config| config.upstream_url = Some(format!("ws://{upstream}"))).await;
    let ticket = ticket(&proxy, 7).await;
    let mut phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
    assert_trouble(phone.wait_end().await, Code::ServiceKey, "key");
    patiently(async { while !get(proxy.operators, "/metrics").await.contains("vivavoce_calls 0\n") {} })
        .await;
    let mut phone = knocks(&proxy, Some(PAGE), json!({ "ticket": ticket })).await;
    assert_trouble(phone.wait_end().await, Code::NotAdmitted, "opens one only");
}

#[tokio::test]
async fn refresh_secrets_are_worth_nothing_once_their_bot_has_another_token() {
    let redis = Redis::start().await;
    let shared = || Environment { redis_url: Some(redis.url()), ..environment() };
    let one = within(shared(), |_| {}).await;
    let secret = ask(&one, &json!({ "init_data": init_data(TOKEN, 7, now()) })).await.json["refresh"].clone();
    let (bot, rest) = TOKEN.split_once(':').unwrap();
    let other: String = rest.chars().rev().collect();
    let changed = Environment { bot_tokens: vec![format!("{bot}:{other}")], ..shared() };
    let two = within(changed, |_| {}).await;
    let answer = ask(&two, &json!({ "refresh": secret })).await;
    assert!(answer.is_refused(401, "not_admitted", "another bot or site"), "{answer:?}");
    assert_eq!(ask(&one, &json!({ "refresh": secret })).await.status, 201);
}

#[tokio::test]
async fn calls_go_where_the_settings_say() {
    let proxy = within(environment(), |config| {
        config.admission.public_url = Some("wss://voice.example.org/ws".into());
    })
    .await;
    assert_eq!(ask(&proxy, &json!({})).await.json["url"], "wss://voice.example.org/ws");
    let proxy = open().await;
    let body = json!({ "init_data": init_data(TOKEN, 7, now()) }).to_string();
    let answer =
        request(proxy.address, "POST", "Voice.example.org", "X-Forwarded-Proto: https\r\n", body.as_bytes())
            .await;
    assert_eq!(answer.json["url"], "wss://voice.example.org/ws");
}

#[test]
fn without_a_key_of_its_own_the_shell_makes_no_tickets() {
    for key in [None, Some("short")] {
        let mut command = vivavoce(&[]);
        command.env_remove("VIVAVOCE_SIGNING_KEY");
        let done = command.envs(key.map(|key| ("VIVAVOCE_SIGNING_KEY", key))).output().unwrap();
        assert_eq!(done.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&done.stderr).contains("VIVAVOCE_SIGNING_KEY"), "{done:?}");
        assert!(done.stdout.is_empty());
    }
}

// ---- The stage.

fn environment() -> Environment {
    let bot_tokens = vec![TOKEN.to_owned()];
    Environment { bot_tokens, signing_keys: vec![KEY.to_owned()], ..Environment::default() }
}

async fn open() -> Proxy {
    within(environment(), |_| {}).await
}

async fn within(environment: Environment, change: impl FnOnce(&mut Config)) -> Proxy {
    let upstream = simulator("").await;
    let settings = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        config.admission.origins = vec![PAGE.to_owned()];
        change(config);
    };
    Proxy::within(settings, environment).await
}

/// What the proxy answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    json: Value,
}

impl Answer {
    fn ticket(&self) -> &str {
        self.json["ticket"].as_str().unwrap_or_else(|| panic!("a ticket: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    fn is_refused(&self, status: u16, code: &str, words: &str) -> bool {
        let error = &self.json["error"];
        self.status == status
            && error["code"] == code
            && error["message"].as_str().is_some_and(|message| message.contains(words))
            && self.json.as_object().unwrap().len() == 1
            && self.header("cache-control") == Some("no-store")
    }
}

/// Asks as the page does.
async fn ask(proxy: &Proxy, body: &Value) -> Answer {
    post(proxy, &format!("Origin: {PAGE}\r\nContent-Type: application/json\r\n"), &body.to_string()).await
}

async fn post(proxy: &Proxy, headers: &str, body: &str) -> Answer {
    request(proxy.address, "POST", &proxy.address.to_string(), headers, body.as_bytes()).await
}

fn head(method: &str, host: &str) -> String {
    format!("{method} /v1/session HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n")
}

async fn request(address: SocketAddr, method: &str, host: &str, headers: &str, body: &[u8]) -> Answer {
    let body = String::from_utf8_lossy(body);
    raw(address, &format!("{}Content-Length: {}\r\n{headers}\r\n{body}", head(method, host), body.len()))
        .await
}

async fn raw(address: SocketAddr, text: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A proxy that has read enough may hang up on the rest.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = patiently(stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("an answer: {answer}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), json: serde_json::from_str(body).unwrap_or(Value::Null) }
}

async fn ticket(proxy: &Proxy, user: u64) -> String {
    let answer = ask(proxy, &json!({ "init_data": init_data(TOKEN, user, now()) })).await;
    answer.ticket().to_owned()
}

/// What Telegram gives a Mini App of the bot with this token.
fn init_data(token: &str, user: u64, auth_date: u64) -> String {
    stage::telegram::init_data(token, &json!({ "id": user, "first_name": "Ada & Co" }), auth_date)
}

/// The same ticket with other claims, signed with this key.
fn signed(key: &str, ticket: &str, other: &Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut claims = claims(ticket);
    for (name, value) in other.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let (header, _) = ticket.split_once('.').unwrap();
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn claims(ticket: &str) -> Value {
    use base64::Engine;
    let claims = ticket.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// A ticket that `vivavoce ticket` makes.
fn shell(arguments: &[&str]) -> String {
    let done = vivavoce(arguments).env("VIVAVOCE_SIGNING_KEY", KEY).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn vivavoce(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vivavoce"));
    command.arg("ticket").args(arguments);
    command
}

/// A phone that has said hello, from a page or from a program.
async fn knocks(proxy: &Proxy, origin: Option<&str>, mut more: Value) -> Phone {
    let mut headers = vec![("sec-websocket-protocol", SUBPROTOCOL)];
    headers.extend(origin.map(|origin| ("origin", origin)));
    let mut phone = Phone::connect(proxy, &headers).await;
    more["type"] = "hello".into();
    more["audio"] = json!({ "rate_hz": 16_000 });
    // One that is not listened to may be gone.
    phone.try_say(&more.to_string()).await;
    phone
}

/// A phone on the page that is let in.
async fn enters(proxy: &Proxy, more: Value) -> (Phone, Ready) {
    let mut phone = knocks(proxy, Some(PAGE), more).await;
    let ready = phone
        .wait(|message| match message {
            FromProxy::Ready(ready) => Some(ready),
            _ => None,
        })
        .await;
    (phone, ready)
}

fn resume(ready: &Ready, ticket: &Value) -> Value {
    let secret = ready.secret.as_deref().unwrap();
    json!({ "ticket": ticket, "resumable": true, "resume": { "call": ready.call, "secret": secret, "next": 0 } })
}

async fn metrics(proxy: &Proxy) -> String {
    get(proxy.operators, "/metrics").await
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
