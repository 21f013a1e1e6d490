//! Spans of calls at a collector: `cargo test -p vivavoce-proxy --features otel --test telemetry`.

#![cfg(all(unix, feature = "otel"))]
#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use stage::{Folder, Phone, patiently, program, simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;

#[tokio::test]
async fn a_collector_is_sent_the_span_of_a_call_and_nothing_that_was_said() {
    let (collector, mut batches) = collector().await;
    let upstream = simulator("").await;
    let folder = Folder::new("telemetry");
    let file = folder.file("vivavoce.toml", "[admin]\nlisten = \"127.0.0.1:0\"\n");
    let (mut child, address) = program::serve(|command| {
        command.args(["--listen", "127.0.0.1:0", "--upstream", &format!("ws://{upstream}"), "--config"]);
        // The log may say less: spans are their own affair.
        command.arg(file).env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector).env("RUST_LOG", "warn");
    })
    .await;
    let mut phone = Phone::call_at(address).await;
    phone.say(r#"{"type":"hello","audio":{"rate_hz":16000}}"#).await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"text","text":"a word that stays here"}"#).await;
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(patiently(child.wait()).await.unwrap().success());
    let batch = patiently(batches.recv()).await.unwrap();
    let holds = |words: &str| batch.windows(words.len()).any(|found| found == words.as_bytes());
    for words in ["service.name", "vivavoce", "call begins", "call over"] {
        assert!(holds(words), "{words}");
    }
    assert!(!holds("a word that stays here"));
}

#[tokio::test]
async fn an_address_that_is_none_is_said_at_the_start() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_vivavoce"));
    program.args(["serve", "--listen", "127.0.0.1:0"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", "no address");
    let output = patiently(program.output()).await.unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(complaint.contains("no spans can be sent as OTEL_EXPORTER_OTLP_"), "{complaint}");
}

/// A collector, and the bodies of what it was sent.
async fn collector() -> (String, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (batch, batches) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            batch.send(take(stream).await).unwrap();
        }
    });
    (url, batches)
}

/// Takes one request, by the book, and answers that all is well.
async fn take(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request broke off");
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if bytes.len() >= end + 4 + length.trim().parse::<usize>().unwrap() {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await
                .unwrap();
            return bytes.split_off(end + 4);
        }
    }
}
