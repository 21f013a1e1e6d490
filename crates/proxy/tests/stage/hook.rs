//! A tool's webhook, as good or bad as the story wants it, and the settings of that tool.

use super::patiently;
use ring::hmac;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use vivavoce_proxy::config::{Config, ToolSettings};

/// What the tool's webhook and the proxy share.
pub(crate) const SECRET: &str = "a long random text";

/// A tool's settings as a file would have them, with more of them.
pub(crate) fn settings(more: &str) -> ToolSettings {
    Config::parse(&toml("http://127.0.0.1:1/webhook/x?y=1", more)).unwrap().tools.remove(0)
}

/// The same as text, for a webhook at `url`.
pub(crate) fn toml(url: &str, more: &str) -> String {
    format!(
        r#"
        [[tools]]
        name = "book_table"
        description = "Reserves a table."
        url = "{url}"
        secret_env = "TOOL_SECRET"
        confirm = false
        allow_private = true
        {more}
        [tools.parameters]
        type = "object"
        properties = {{ people = {{ type = "integer" }}, note = {{ type = "string" }} }}
        required = ["people"]
        additionalProperties = false
        "#
    )
}

/// What a webhook does with those who ask.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Json(&'static str),
    Text(&'static str),
    Html,
    Status(u16),
    Redirect(SocketAddr),
    /// 10 MB, with their length or without.
    Huge,
    Endless,
    Hangs,
    HangsInBody,
    Dies,
    DiesInBody,
    Nonsense,
    /// Two answers to one request.
    Twice,
    FailsTwice,
    /// The first request hangs, the others are answered.
    HangsOnce,
    /// Answers once it is [let](Hook::let_answer).
    WhenLet,
}

/// A webhook that notes all that it is asked.
pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<(usize, Vec<Request>)>>,
    asked: mpsc::Receiver<()>,
    left: mpsc::Receiver<()>,
    gate: Arc<Semaphore>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// As docs/TOOLS.md says how to check it.
    pub(crate) fn is_signed(&self) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let text = [self.headers["x-vivavoce-timestamp"].as_bytes(), b".", &self.body].concat();
        let hex = self.headers["x-vivavoce-signature"].strip_prefix("sha256=").unwrap();
        let tag: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        hmac::verify(&key, &text, &tag).is_ok()
    }
}

impl Hook {
    pub(crate) async fn open(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<(usize, Vec<Request>)>> = Arc::default();
        let (tell_asked, asked) = mpsc::channel(16);
        let (tell_left, left) = mpsc::channel(16);
        let (notes, gate) = (Arc::clone(&seen), Arc::new(Semaphore::new(0)));
        let opened = Arc::clone(&gate);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                notes.lock().unwrap().0 += 1;
                let (notes, tell_asked, tell_left) =
                    (Arc::clone(&notes), tell_asked.clone(), tell_left.clone());
                let gate = Arc::clone(&opened);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(request) = read(&mut stream).await else { return };
                    let tried = {
                        let mut notes = notes.lock().unwrap();
                        notes.1.push(request);
                        notes.1.len()
                    };
                    let _ = tell_asked.try_send(());
                    if matches!(kind, Kind::WhenLet) {
                        gate.acquire().await.unwrap().forget();
                    }
                    answer(kind, &mut stream, tried).await;
                    // Until the other side leaves.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                    let _ = tell_left.try_send(());
                });
            }
        });
        Self { address, seen, asked, left, gate }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().1.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().0
    }

    pub(crate) async fn until_asked(&mut self) {
        patiently(self.asked.recv()).await.unwrap();
    }

    pub(crate) async fn until_left(&mut self) {
        patiently(self.left.recv()).await.unwrap();
    }

    /// Lets one request be answered that waits for it.
    pub(crate) fn let_answer(&self) {
        self.gate.add_permits(1);
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    assert!(line.starts_with("POST "), "{line}");
    let mut headers = HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { path, headers, body })
}

async fn answer(kind: Kind, stream: &mut BufReader<TcpStream>, tried: usize) {
    let whole = |status: u16, kind: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let json = |body: &str| whole(200, "application/json", body);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let text = match kind {
        Kind::Json(body) => json(body),
        Kind::Text(body) => whole(200, "text/plain", body),
        Kind::Html => whole(200, "text/html", "<!DOCTYPE html><title>n8n</title>"),
        Kind::Status(status) => whole(status, "text/html", "<h1>Error</h1>"),
        Kind::Redirect(to) => {
            format!("HTTP/1.1 302 Found\r\nLocation: http://{to}/\r\nContent-Length: 0\r\n\r\n")
        }
        Kind::Huge => format!("{head}Content-Length: 10000000\r\n\r\n\"{}\"", "x".repeat(9_999_998)),
        Kind::Endless => {
            format!("{head}Transfer-Encoding: chunked\r\n\r\n")
                + &format!("{:x}\r\n{}\r\n", 1_000, "x".repeat(1_000)).repeat(10_000)
        }
        Kind::Hangs => return,
        Kind::HangsOnce if tried == 1 => return,
        Kind::HangsOnce | Kind::WhenLet => json(r#"{"output":"answered"}"#),
        Kind::HangsInBody => format!("{head}Content-Length: 50\r\n\r\n{{\"output\":"),
        Kind::Dies => {
            let _ = stream.shutdown().await;
            return;
        }
        Kind::DiesInBody => {
            let _ =
                stream.write_all(format!("{head}Content-Length: 50\r\n\r\n{{\"output\":").as_bytes()).await;
            let _ = stream.shutdown().await;
            return;
        }
        Kind::Nonsense => "220 mail.example ESMTP\r\n".to_owned(),
        Kind::Twice => json(r#"{"output":"first"}"#) + &json(r#"{"output":"second"}"#),
        Kind::FailsTwice if tried < 3 => whole(503, "text/html", "<h1>Wait</h1>"),
        Kind::FailsTwice => json(r#"{"output":"third"}"#),
    };
    // Who leaves in the middle of it has heard enough.
    let _ = stream.write_all(text.as_bytes()).await;
}
