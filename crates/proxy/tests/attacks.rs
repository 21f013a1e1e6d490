//! What those try who mean harm, over real sockets, beside people who only want to talk. Forged and stolen tickets are in
//! `sessions.rs`, floods in `limits.rs`, slow readers in `bad_input.rs`, what a webhook may lead to in `tools.rs`.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use core::time::Duration;
use serde_json::json;
use stage::{Folder, Phone, Proxy, assert_trouble, get, get_with, patiently, program, simulator, telegram};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vivavoce_proxy::config::Config;
use vivavoce_wire::message::TurnState;
use vivavoce_wire::{Code, FromProxy, SUBPROTOCOL};

#[tokio::test]
async fn a_thousand_silent_sockets_keep_nobody_waiting_and_are_let_go() {
    let upstream = simulator("").await;
    let hurry = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        config.limits.connections_per_address = 2_000;
        config.limits.header_deadline = PATIENCE;
        config.limits.hello_deadline = PATIENCE;
    };
    let proxy = Proxy::with(hurry, None).await;
    let mut silent = Vec::new();
    for number in 0..1_000 {
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"GET /ws HTTP/1.1\r\nHost: localhost\r\n").await.unwrap(),
            _ => upgrade(&mut stream, "").await,
        }
        silent.push(stream);
    }
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"text","text":"Is anybody there?"}"#).await;
    wait_answer(&mut phone).await;
    for mut stream in silent {
        let mut last_words = Vec::new();
        // It may be cut off; what counts is that it ends.
        let _ = patiently(stream.read_to_end(&mut last_words)).await;
    }
    phone.say(r#"{"type":"text","text":"And now?"}"#).await;
    wait_answer(&mut phone).await;
}

#[tokio::test]
async fn an_address_that_opens_a_thousand_sockets_gets_few_and_is_told_why() {
    let few = |config: &mut Config| config.limits.connections_per_address = 10;
    let proxy = Proxy::with(few, None).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(Phone::call(&proxy).await);
    }
    let mut told_why = 0;
    for _ in 0..1_000 {
        let answer = get(proxy.address, "/healthz").await;
        let is_told = answer.starts_with("HTTP/1.1 429 ");
        assert!(is_told || answer.is_empty(), "{answer}");
        told_why += u32::from(is_told);
    }
    assert!(told_why > 0, "nobody was told why");
    let told = get(proxy.operators, "/metrics").await;
    assert!(told.contains("vivavoce_refusals_total{reason=\"limited\"} 1000\n"), "{told}");
}

#[tokio::test]
async fn no_compression_is_agreed_on_and_none_is_unpacked() {
    let proxy = Proxy::to(simulator("").await).await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    upgrade(&mut stream, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n").await;
    // A text whose bits say that it is compressed: 4 GB of zeros would come next.
    stream.write_all(&[0b1100_0001, 0x80 | 6, 0, 0, 0, 0, 0xec, 0xc1, 0x01, 0x0d, 0, 0]).await.unwrap();
    assert_told(stream, "a reserved bit is set although no extension was agreed on").await;
}

#[tokio::test]
async fn a_message_in_endless_pieces_is_refused_however_little_they_hold() {
    let proxy = Proxy::to(simulator("").await).await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    upgrade(&mut stream, "").await;
    let mut pieces = vec![0x01, 0x80, 0, 0, 0, 0];
    pieces.extend([0x00, 0x80, 0, 0, 0, 0].repeat(2_000));
    // It hangs up in the middle of them.
    let _ = stream.write_all(&pieces).await;
    assert_told(stream, "1024 pieces").await;
}

#[tokio::test]
async fn pieces_that_are_too_large_together_are_refused_before_the_last_is_there() {
    let small = |config: &mut Config| config.limits.max_frame_bytes = 10_000;
    let proxy = Proxy::with(small, None).await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    upgrade(&mut stream, "").await;
    for first in [0x02, 0x00] {
        let mut piece = vec![first, 0x80 | 126];
        piece.extend(6_000_u16.to_be_bytes());
        piece.extend([0; 4 + 6_000]);
        let _ = stream.write_all(&piece).await;
    }
    assert_told(stream, "Frames may hold up to 10000 bytes").await;
}

#[tokio::test]
async fn what_a_stranger_puts_into_a_header_comes_back_in_none() {
    let proxy = Proxy::to(simulator("").await).await;
    for header in [
        "Origin: https://evil.example%0d%0aSet-Cookie: evil=1",
        "Sec-WebSocket-Protocol: vivavoce.v1, evil%0d%0aSet-Cookie",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: evil",
        "X-Forwarded-For: evil",
        "Access-Control-Request-Headers: evil",
    ] {
        for path in ["/healthz", "/ws", "/v1/session", "/evil%0d%0aSet-Cookie:%20evil=1"] {
            let answer = get_with(proxy.address, path, &format!("{header}\r\n{UPGRADE}")).await;
            let (head, _) = answer.split_once("\r\n\r\n").unwrap();
            assert!(!head.to_lowercase().contains("evil"), "{header} {path}: {head}");
        }
        let answer = stage::ask(proxy.address, &question("localhost", &format!("{header}\r\n"), "{}")).await;
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("evil"), "{header}: {head}");
    }
    // A line break of its own ends a header, and makes no header of ours.
    let answer = get_with(proxy.address, "/healthz", "X: a\r\rSet-Cookie: evil=1\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains("evil"), "{answer}");
}

#[tokio::test]
async fn a_subprotocol_and_an_origin_that_are_answered_stay_in_their_headers() {
    let proxy = Proxy::to(simulator("").await).await;
    let evil = "evil.example%0d%0aSet-Cookie: evil=1";
    let offer = format!("Sec-WebSocket-Protocol: {evil}\r\n{UPGRADE}");
    let answer = get_with(proxy.address, "/ws", &offer).await;
    let known = ["connection", "date", "sec-websocket-accept", "sec-websocket-protocol", "upgrade"];
    assert_eq!(header_names(&answer), known, "{answer}");
    assert!(answer.contains("sec-websocket-protocol: evil"), "{answer}");
    // The origin of a page that the proxy serves itself, as far as the request goes.
    let answer =
        stage::ask(proxy.address, &question(evil, &format!("Origin: https://{evil}\r\n"), "{}")).await;
    let known = [
        "access-control-allow-origin",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "vary",
    ];
    assert_eq!(header_names(&answer), known, "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://evil"), "{answer}");
}

#[tokio::test]
async fn a_name_adds_no_line_to_the_log_and_is_not_in_it() {
    for kind in ["text", "json"] {
        let program = Program::start(kind).await;
        let name = format!("Eve\n{FORGED} nobody\u{1b}[31m");
        // What a client calls itself is told, but within its quotes.
        let client = format!("Mallory\r\n{FORGED} somebody\u{1b}[31m");
        let user = json!({ "id": 7, "first_name": name, "username": name, "language_code": name });
        let body = json!({ "init_data": telegram::init_data(TOKEN, &user, now()) }).to_string();
        let answer = stage::ask(program.address, &question("localhost", "", &body)).await;
        let (_, answer) = answer.split_once("\r\n\r\n").unwrap();
        let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
        let ticket = answer["ticket"].as_str().unwrap_or_else(|| panic!("a ticket: {answer}"));
        let origin = format!("http://{}", program.address);
        let headers = [("sec-websocket-protocol", SUBPROTOCOL), ("origin", origin.as_str())];
        let mut phone = Phone::connect_to(&format!("ws://{}/ws", program.address), &headers).await;
        let hello =
            json!({ "type": "hello", "audio": { "rate_hz": 16_000 }, "ticket": ticket, "client": client });
        phone.say(&hello.to_string()).await;
        phone.wait_ready().await;
        phone.say(&json!({ "type": "text", "text": name }).to_string()).await;
        wait_answer(&mut phone).await;
        get(program.address, "/a%0a2026-11-25T00:00:00Z%20%20INFO%20a%20call%20of%20nobody").await;
        phone.say(r#"{"type":"bye"}"#).await;
        phone.wait_close().await;
        let log = program.stop().await;
        assert!(log.contains("call over"), "{kind}: {log}");
        assert!(!log.contains("Eve") && !log.contains("nobody") && !log.contains('\u{1b}'), "{kind}: {log}");
        assert!(log.contains("\"Mallory\\r\\n"), "{kind}: {log}");
        assert!(!log.split(['\r', '\n']).any(|line| line.starts_with(FORGED)), "{kind}: {log}");
    }
}

#[tokio::test]
async fn somebody_else_s_call_is_no_call_to_a_stranger() {
    let proxy = Proxy::to(simulator("").await).await;
    let mut phone = Phone::call(&proxy).await;
    phone.say(r#"{"type":"hello","audio":{"rate_hz":16000},"resumable":true}"#).await;
    let ready = phone
        .wait(|message| match message {
            FromProxy::Ready(ready) => Some(ready),
            _ => None,
        })
        .await;
    let secret = ready.secret.unwrap();
    let almost = format!("{}{}", &secret[1..], if secret.starts_with('A') { 'B' } else { 'A' });
    for guess in ["", "x", almost.as_str(), &secret[1..]] {
        let mut stranger = Phone::call(&proxy).await;
        let resume = json!({ "call": ready.call, "secret": guess, "next": 0 });
        let hello =
            json!({ "type": "hello", "audio": { "rate_hz": 16_000 }, "resumable": true, "resume": resume });
        stranger.say(&hello.to_string()).await;
        assert_trouble(stranger.wait_end().await, Code::NoSuchCall, "");
    }
    phone.say(r#"{"type":"text","text":"Are you still mine?"}"#).await;
    wait_answer(&mut phone).await;
}

// ---- What they need.

/// The whole program, with a bot and its log in a pipe.
struct Program {
    address: SocketAddr,
    child: tokio::process::Child,
    _folder: Folder,
}

impl Program {
    async fn start(log: &str) -> Self {
        let upstream = simulator("").await;
        let folder = Folder::new(&format!("attacks-{log}"));
        let file = folder.file("vivavoce.toml", "[admin]\nlisten = \"127.0.0.1:0\"\n");
        let (child, address) = program::serve(|command| {
            command.args(["--listen", "127.0.0.1:0", "--upstream", &format!("ws://{upstream}"), "--config"]);
            command
                .arg(file)
                .env("TELEGRAM_BOT_TOKEN", TOKEN)
                .env("VIVAVOCE_LOG", log)
                .env("RUST_LOG", "trace");
            command.env("VIVAVOCE_SIGNING_KEY", "the signing key of these stories: 32 bytes and more");
            command.stderr(Stdio::piped());
        })
        .await;
        Self { address, child, _folder: folder }
    }

    /// Goes down; all that it wrote to its log.
    async fn stop(mut self) -> String {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut log = String::new();
        patiently(self.child.stderr.take().unwrap().read_to_string(&mut log)).await.unwrap();
        log
    }
}

/// A question for a session, from the first line to the last.
fn question(host: &str, headers: &str, body: &str) -> String {
    let length = format!("Content-Length: {}\r\n", body.len());
    format!("POST /v1/session HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}{headers}\r\n{body}")
}

/// The names of an answer's headers, in the order of the alphabet. Whatever breaks a line counts as one.
fn header_names(answer: &str) -> Vec<String> {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    let lines = head.split(['\r', '\n']).filter(|line| !line.is_empty()).skip(1);
    let mut names: Vec<_> = lines.map(|line| line.split(':').next().unwrap().to_lowercase()).collect();
    names.sort();
    names
}

/// Opens a WebSocket by hand, and reads what the proxy says to that.
async fn upgrade(stream: &mut TcpStream, more: &str) {
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(patiently(stream.read_u8()).await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 101 ") && !answer.contains("extensions"), "{answer}");
}

/// The proxy says these words, and hangs up.
async fn assert_told(mut stream: TcpStream, words: &str) {
    let mut told = Vec::new();
    let _ = patiently(stream.read_to_end(&mut told)).await;
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains(words), "{words}: {told}");
}

async fn wait_answer(phone: &mut Phone) {
    phone
        .wait(|message| matches!(message, FromProxy::Turn { state: TurnState::Generated, .. }).then_some(()))
        .await;
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// How a line of the log might begin.
const FORGED: &str = "2026-11-25T00:00:00Z  INFO a call of";

const TOKEN: &str = "5768337691:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8";

/// Longer than it takes to open a thousand sockets, and less than anybody wants to wait.
const PATIENCE: Duration = Duration::from_secs(8);

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
