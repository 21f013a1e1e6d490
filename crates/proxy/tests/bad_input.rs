//! Whatever a caller does wrong is said in a sentence, and nobody else is the worse for it.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use core::time::Duration;
use futures_util::{SinkExt, StreamExt};
use stage::{Phone, Proxy, ask, assert_trouble, frame, nobody, patiently, service, simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use vivavoce_proxy::config::Config;
use vivavoce_wire::{Code, FromProxy};

#[tokio::test]
async fn another_subprotocol_is_told_the_right_one() {
    let proxy = Proxy::to(nobody().await).await;
    for (headers, answered) in
        [(vec![("sec-websocket-protocol", "chat, superchat")], Some("chat")), (vec![], None)]
    {
        let mut phone = Phone::connect(&proxy, &headers).await;
        assert_eq!(phone.protocol.as_deref(), answered);
        assert_trouble(phone.wait_end().await, Code::BadSubprotocol, "vivavoce.v1");
    }
}

#[tokio::test]
async fn ours_is_chosen_among_several() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    let mut phone = Phone::connect(&proxy, &[("sec-websocket-protocol", "chat, vivavoce.v1")]).await;
    assert_eq!(phone.protocol.as_deref(), Some("vivavoce.v1"));
    phone.say(HELLO).await;
    phone.wait_ready().await;
}

#[tokio::test]
async fn a_call_without_a_websocket_is_told_to_take_one() {
    let proxy = Proxy::to(nobody().await).await;
    let answer = http(&proxy, "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains(r#"{"error":{"code":"bad_message","message":"Calls are made over a WebSocket"#),
        "{answer}"
    );
}

#[tokio::test]
async fn sound_before_hello_is_out_of_order() {
    let proxy = Proxy::to(nobody().await).await;
    let mut phone = Phone::call(&proxy).await;
    phone.send(frame(vec![0; 640])).await;
    assert_trouble(phone.wait_end().await, Code::OutOfOrder, "hello");
}

#[tokio::test]
async fn what_is_no_message_is_told_what_was_expected() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    for (text, words) in [
        ("hello", "JSON"),
        (r#"{"type":"helo"}"#, "hello"),
        (r#"{"type":"hello"}"#, "audio"),
        (r#"{"type":"hello","audio":{"rate_hz":0}}"#, "8000 to 48000; found 0"),
        (r#"{"type":"hello","audio":{"rate_hz":1000000000}}"#, "found 1000000000"),
        (
            r#"{"type":"hello","audio":{"rate_hz":-1}}"#,
            "`rate_hz` is wrong: expected a whole number below 2^32; found `-1`",
        ),
    ] {
        let mut phone = Phone::call(&proxy).await;
        phone.say(text).await;
        let end = phone.wait_end().await;
        assert!(end.0.message.starts_with("This page and the proxy do not understand each other"));
        assert_trouble(end, Code::BadMessage, words);
    }
}

#[tokio::test]
async fn what_is_no_frame_is_told_what_was_expected() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    for (bytes, words) in [
        (vec![1, 2, 3], "20 header bytes"),
        (frame(vec![0; 641]), "odd count of 641 bytes"),
        (vec![9; 660], "byte 0 is the kind"),
    ] {
        let mut phone = Phone::introduced(&proxy).await;
        phone.send(bytes).await;
        assert_trouble(phone.wait_end().await, Code::BadMessage, words);
    }
}

#[tokio::test]
async fn a_frame_over_the_limit_is_told_the_limit() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    for bytes in [65_537, 1 << 20, 20 << 20] {
        let mut phone = Phone::introduced(&proxy).await;
        phone.wait_ready().await;
        phone.send_anyhow(vec![1; bytes]).await;
        assert_trouble(phone.wait_end().await, Code::TooLarge, "65536");
    }
}

#[tokio::test]
async fn who_says_nothing_is_asked_for_hello() {
    let hurry = |config: &mut Config| {
        config.limits.hello_deadline = Duration::from_millis(100);
    };
    let proxy = Proxy::with(hurry, None).await;
    let mut phone = Phone::call(&proxy).await;
    assert_trouble(phone.wait_end().await, Code::HelloTimeout, "hello");
}

#[tokio::test]
async fn strangers_are_not_let_in() {
    let proxy = Proxy::to(nobody().await).await;
    for (header, value, code) in [
        ("origin", "https://evil.example", Code::NotAllowed),
        ("origin", "null", Code::NotAllowed),
        ("host", "rebound.example:8003", Code::NotAdmitted),
        ("x-forwarded-for", "203.0.113.9", Code::NotAdmitted),
        ("forwarded", "for=203.0.113.9", Code::NotAdmitted),
    ] {
        let mut phone =
            Phone::connect(&proxy, &[("sec-websocket-protocol", "vivavoce.v1"), (header, value)]).await;
        if code == Code::NotAdmitted {
            phone.say(HELLO).await;
        }
        assert_trouble(phone.wait_end().await, code, "this");
    }
}

#[tokio::test]
async fn the_own_page_is_let_in() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    let origin = format!("http://{}", proxy.address);
    let mut phone =
        Phone::connect(&proxy, &[("sec-websocket-protocol", "vivavoce.v1"), ("origin", &origin)]).await;
    phone.say(HELLO).await;
    phone.wait_ready().await;
}

#[tokio::test]
async fn other_calls_go_on() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    let mut good = Phone::introduced(&proxy).await;
    good.wait_ready().await;
    let mut bad = Phone::introduced(&proxy).await;
    bad.wait_ready().await;
    bad.send(vec![0; 7]).await;
    assert_trouble(bad.wait_end().await, Code::BadMessage, "header");
    good.say(r#"{"type":"text","text":"Still there?"}"#).await;
    assert_eq!(good.wait_audio().await.epoch, 1);
}

#[tokio::test]
async fn one_line_too_many_is_told_to_wait() {
    let upstream = simulator(QUICK).await;
    let small = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        config.limits.calls = 1;
    };
    let proxy = Proxy::with(small, None).await;
    let mut first = Phone::introduced(&proxy).await;
    first.wait_ready().await;
    let mut second = Phone::introduced(&proxy).await;
    let end = second.wait_end().await;
    assert!(end.0.retry_after_ms.is_some());
    assert_trouble(end, Code::Limited, "busy");
}

#[tokio::test]
async fn a_refused_key_is_named() {
    let upstream = closing(1007, "API key not valid. Please pass a valid API key.").await;
    let proxy = Proxy::with(|config| config.upstream_url = Some(format!("ws://{upstream}")), Some("k")).await;
    let mut phone = Phone::introduced(&proxy).await;
    assert_trouble(phone.wait_end().await, Code::ServiceKey, "key");
}

#[tokio::test]
async fn a_key_that_the_service_repeats_goes_no_further() {
    let reason = "Invalid JSON payload received: api_key AQ.Ab8RN6notAKeyButLongEnough at 'setup'";
    let upstream = closing(1007, reason).await;
    let key = Some("AQ.Ab8RN6notAKeyButLongEnough");
    let proxy = Proxy::with(|config| config.upstream_url = Some(format!("ws://{upstream}")), key).await;
    let (trouble, _) = Phone::introduced(&proxy).await.wait_end().await;
    assert!(trouble.message.contains("at 'setup'"), "{}", trouble.message);
    assert!(!trouble.message.contains("Ab8RN6"), "{}", trouble.message);
}

#[tokio::test]
async fn a_refused_model_is_named() {
    let reason =
        "models/none is not found for API version v1beta, or is not supported for bidiGenerateContent";
    let proxy = Proxy::to(closing(1008, reason).await).await;
    let mut phone = Phone::introduced(&proxy).await;
    assert_trouble(phone.wait_end().await, Code::ServiceSetup, "model");
}

#[tokio::test]
async fn an_unreachable_service_is_said_to_be_so() {
    let proxy = Proxy::to(nobody().await).await;
    let mut phone = Phone::introduced(&proxy).await;
    let (trouble, code) = phone.wait_end().await;
    assert_eq!((trouble.code, code), (Code::ServiceUnreachable, 4502), "{}", trouble.message);
}

#[tokio::test]
async fn a_phone_that_reads_nothing_is_let_go() {
    let (gone, mut was_let_go) = tokio::sync::mpsc::channel(1);
    let upstream = service(move |mut socket| {
        let gone = gone.clone();
        async move {
            let _setup = socket.next().await;
            let flood = Message::binary(speech(48_000));
            let _ = socket.send(Message::text(r#"{"setupComplete":{}}"#)).await;
            while socket.send(flood.clone()).await.is_ok() {}
            let _ = gone.send(()).await;
        }
    })
    .await;
    let impatient = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        config.limits.unread = Duration::from_millis(300);
    };
    let proxy = Proxy::with(impatient, None).await;
    let phone = Phone::introduced(&proxy).await;
    patiently(was_let_go.recv()).await;
    drop(phone);
}

#[tokio::test]
async fn a_phone_that_only_ever_asks_is_let_go() {
    let upstream = simulator(QUICK).await;
    let impatient = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        config.limits.unread = Duration::from_millis(300);
    };
    let proxy = Proxy::with(impatient, None).await;
    let mut phone = Phone::introduced(&proxy).await;
    patiently(async { while phone.try_say(r#"{"type":"ping","id":1}"#).await {} }).await;
}

#[tokio::test]
async fn a_message_of_several_megabytes_is_heard_to_its_end() {
    let seconds = 120;
    let upstream = service(move |mut socket| async move {
        let _setup = socket.next().await;
        let _ = socket.send(Message::text(r#"{"setupComplete":{}}"#)).await;
        let _ = socket.send(Message::binary(speech(seconds * 48_000))).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    // All of it may be sent before it is heard.
    let settings = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        config.limits.ahead = Duration::from_secs(seconds as u64);
    };
    let proxy = Proxy::with(settings, None).await;
    let mut phone = Phone::introduced(&proxy).await;
    let mut frame = phone.wait_audio().await;
    for _ in 1..seconds {
        frame = phone.wait_audio().await;
    }
    assert_eq!(frame.position + frame.samples(), seconds as u64 * 24_000);
}

#[tokio::test]
async fn a_phone_that_talks_faster_than_the_service_listens_is_left_to_wait() {
    let (frames, pause) = (6_000, Duration::from_millis(300));
    let (tell, mut heard) = tokio::sync::mpsc::channel(1);
    let upstream = service(move |mut socket| {
        let tell = tell.clone();
        async move {
            let _setup = socket.next().await;
            let _ = socket.send(Message::text(r#"{"setupComplete":{}}"#)).await;
            tokio::time::sleep(pause).await;
            for _ in 0..frames {
                let Some(Ok(_)) = socket.next().await else { return };
            }
            let _ = tell.send(()).await;
        }
    })
    .await;
    let settings = |config: &mut Config| {
        config.upstream_url = Some(format!("ws://{upstream}"));
        (config.limits.frames_per_s, config.limits.bytes_per_s) = (10_000, 10_000_000);
    };
    let proxy = Proxy::with(settings, None).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    patiently(async {
        for _ in 0..frames {
            phone.send(frame(vec![1; 1280])).await;
        }
        assert_eq!(heard.recv().await, Some(()));
    })
    .await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_let_go() {
    let hurry = |config: &mut Config| config.limits.header_deadline = Duration::from_millis(300);
    let proxy = Proxy::with(hurry, None).await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut answers, mut requests) = stream.split();
    requests.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    // One that goes on without ever coming to its end, as Slowloris does.
    let trickle = async {
        while requests.write_all(b"X-A: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        core::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        ended = patiently(answers.read_to_end(&mut answer)) => drop(ended),
        () = trickle => {}
    }
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
}

#[tokio::test]
async fn values_that_lie_too_deep_are_told_how_deep_they_may() {
    let shallow = |config: &mut Config| config.limits.json_depth = 4;
    let proxy = Proxy::with(shallow, None).await;
    let mut phone = Phone::call(&proxy).await;
    phone.say(r#"{"type":"hello","audio":{"rate_hz":16000},"more":[[[[]]]]}"#).await;
    assert_trouble(phone.wait_end().await, Code::BadMessage, "at most 4 deep; found 5");
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"text","text":"[[[[[ is no depth"}"#).await;
    phone.say(r#"{"type":"text","text":"this is","more":[[[[]]]]}"#).await;
    assert_trouble(phone.wait_end().await, Code::BadMessage, "at most 4 deep; found 5");
    let question = r#"{"jwt":[[[[]]]]}"#;
    let answer = ask(
        proxy.address,
        &format!(
            "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{question}",
            question.len()
        ),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("at most 4 deep"), "{answer}");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap();
    let config = Config { listen, ..Default::default() };
    let error =
        vivavoce_proxy::server::Server::open(config, &Default::default()).await.err().unwrap().to_string();
    assert!(
        error.contains(&format!("port {}", listen.port())) && error.contains("choose another"),
        "{error}"
    );
}

#[tokio::test]
async fn calls_are_told_when_the_proxy_goes_down() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    let (end, ()) = tokio::join!(phone.wait_end(), proxy.stop());
    assert_trouble(end, Code::GoingAway, "");
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait(|message| matches!(message, FromProxy::Bye { .. }).then_some(())).await;
    assert_eq!(u16::from(phone.wait_close().await.code), 1000);
}

#[tokio::test]
async fn a_close_frame_is_answered_with_its_code() {
    let proxy = Proxy::to(simulator(QUICK).await).await;
    let mut phone = Phone::call(&proxy).await;
    phone.close(4000).await;
    assert_eq!(u16::from(phone.wait_close().await.code), 4000);
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"text","text":"Tell me something."}"#).await;
    phone.wait_audio().await;
    phone.close(1000).await;
    assert_eq!(u16::from(phone.wait_close().await.code), 1000);
}

/// A service that closes every conversation as soon as it has heard the setup.
async fn closing(code: u16, reason: &'static str) -> std::net::SocketAddr {
    service(move |mut socket| async move {
        let _setup = socket.next().await;
        let _ = socket.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await
}

/// What the service says when it says that many bytes of sound.
fn speech(bytes: usize) -> String {
    let part = vivavoce_gemini::Part::inline_data(vivavoce_gemini::Blob::pcm(24_000, vec![0; bytes].into()));
    let turn = vivavoce_gemini::Content { parts: vec![part], ..Default::default() };
    let content = vivavoce_gemini::ServerContent { model_turn: Some(turn), ..Default::default() };
    vivavoce_gemini::ServerMessage { server_content: Some(content), ..Default::default() }.encode()
}

async fn http(proxy: &Proxy, request: &str) -> String {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    patiently(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

const HELLO: &str = r#"{"type":"hello","audio":{"rate_hz":16000}}"#;

/// The parrot.
const QUICK: &str = "";
