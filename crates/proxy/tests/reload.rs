//! Other settings for the program while it runs, as `kill -HUP` brings them.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stage::{Folder, Phone, ask, assert_trouble, frame, patiently, program, service, simulator};
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use vivavoce_wire::Code;

#[tokio::test]
async fn calls_that_begin_after_a_reload_have_the_new_limits_and_tools_and_running_ones_keep_theirs() {
    let (upstream, mut setups) = scribe().await;
    let mut program = Program::start("reload", "[limits]\ncalls = 1", upstream).await;
    let mut first = program.calls().await;
    first.wait_ready().await;
    assert_eq!(patiently(setups.recv()).await.unwrap()["tools"], Value::Null);
    assert_trouble(program.calls().await.wait_end().await, Code::Limited, "lines are busy");

    let tool = "[[tools]]\nname = \"send_email\"\ndescription = \"Sends an e-mail.\"\n\
                url = \"https://n8n.example/email\"\nsecret_env = \"EMAIL_SECRET\"\n";
    program.reload(&format!("[limits]\ncalls = 2\nframes_per_s = 10\n{tool}")).await;
    program.says("calls that begin from here on have them").await;
    let mut second = program.calls().await;
    second.wait_ready().await;
    let setup = patiently(setups.recv()).await.unwrap();
    assert_eq!(setup["tools"][0]["functionDeclarations"][0]["name"], "send_email");
    for phone in [&mut first, &mut second] {
        for _ in 0..200 {
            phone.send_anyhow(frame(vec![0; 2])).await;
        }
    }
    assert_trouble(second.wait_end().await, Code::Limited, "send slower");
    first.say(r#"{"type":"bye"}"#).await;
    assert_eq!(u16::from(first.wait_close().await.code), 1000);
}

#[tokio::test]
async fn whatever_is_wrong_is_logged_and_the_settings_stay() {
    let upstream = simulator("").await;
    let mut program = Program::start("refused", "[limits]\ncalls = 1", upstream).await;
    let mut first = program.calls().await;
    first.wait_ready().await;
    for (settings, words) in [
        ("[limits]\ncalls = 2\nclals = 3", "line 3: unknown key `limits.clals`"),
        ("[limits]\ncalls = 0", "line 2: `limits.calls` is a whole number"),
        ("page = \"/nowhere\"\n[limits]\ncalls = 2", "\"/nowhere\" is not there"),
        (
            "[limits]\ncalls = 2\n[[tools]]\nname = \"a\"\ndescription = \"b\"\nurl = \"https://c.example\"\n\
             secret_env = \"NOBODY_SET_THIS\"",
            "no NOBODY_SET_THIS",
        ),
    ] {
        program.reload(settings).await;
        let line = program.says("the settings stay as they were").await;
        assert!(line.contains(words), "{settings}: {line}");
        assert_trouble(program.calls().await.wait_end().await, Code::Limited, "lines are busy");
    }
}

#[tokio::test]
async fn what_waits_for_a_restart_is_named_and_the_rest_is_taken() {
    let upstream = simulator("").await;
    let mut program = Program::start("waits", "[limits]\ncalls = 1", upstream).await;
    let mut first = program.calls().await;
    first.wait_ready().await;
    program.reload("trusted_hops = 1\n[cluster]\naddress = \"elsewhere:1\"\n[limits]\ncalls = 2").await;
    program.says("what changed of trusted_hops, cluster.address waits for a restart").await;
    program.calls().await.wait_ready().await;
}

#[tokio::test]
async fn a_ticket_is_good_after_a_reload_too() {
    let upstream = simulator("").await;
    let mut program = Program::start("signs", "", upstream).await;
    let question =
        "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    let answer = ask(program.address, question).await;
    let answer: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    program.reload("[limits]\ncalls = 2").await;
    program.says("calls that begin from here on have them").await;
    let mut phone = Phone::call_at(program.address).await;
    let hello = json!({"type": "hello", "audio": {"rate_hz": 16_000}, "ticket": answer["ticket"]});
    phone.say(&hello.to_string()).await;
    phone.wait_ready().await;
}

/// The program with a file of settings.
struct Program {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    address: SocketAddr,
    folder: Folder,
}

impl Program {
    async fn start(name: &str, settings: &str, upstream: SocketAddr) -> Self {
        let folder = Folder::new(name);
        let file = folder.file("vivavoce.toml", settings);
        let (mut child, address) = program::serve(|command| {
            command.args(["--listen", "127.0.0.1:0", "--upstream", &format!("ws://{upstream}"), "--config"]);
            command.arg(file).env("EMAIL_SECRET", "a long random text that the webhook knows, too");
            command.stderr(Stdio::piped());
        })
        .await;
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log, address, folder }
    }

    /// Writes other settings and tells the program.
    async fn reload(&self, settings: &str) {
        self.folder.file("vivavoce.toml", settings);
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().await.unwrap().success());
    }

    /// Waits for a line of the log.
    async fn says(&mut self, words: &str) -> String {
        loop {
            let line = patiently(self.log.next_line()).await.unwrap().expect("it runs");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// A phone that says hello.
    async fn calls(&self) -> Phone {
        let mut phone = Phone::call_at(self.address).await;
        phone.say(r#"{"type":"hello","audio":{"rate_hz":16000}}"#).await;
        phone
    }
}

/// A service that takes every setup, writes it down, and says nothing more.
async fn scribe() -> (SocketAddr, mpsc::UnboundedReceiver<Value>) {
    let (write, setups) = mpsc::unbounded_channel();
    let upstream = service(move |mut socket| {
        let write = write.clone();
        async move {
            let Some(Ok(first)) = socket.next().await else { return };
            let first: Value = serde_json::from_str(first.to_text().unwrap()).unwrap();
            let _ = write.send(first["setup"].clone());
            socket.send(Message::text(r#"{"setupComplete":{}}"#)).await.unwrap();
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
    });
    (upstream.await, setups)
}
