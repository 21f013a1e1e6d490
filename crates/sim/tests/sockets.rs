//! The door, with real sockets and a client of another make.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use vivavoce_sim::{Options, Script, serve};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATH: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

struct Simulator {
    port: u16,
    task: JoinHandle<std::io::Result<()>>,
}

impl Simulator {
    async fn start(script: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Script::parse(script).unwrap();
        let task = tokio::spawn(serve(listener, Options { script, time_scale: 20.0, ..Options::default() }));
        Self { port, task }
    }

    async fn connect(&self, path: &str) -> Result<Client, tungstenite::Error> {
        let request = format!("ws://127.0.0.1:{}{path}", self.port).into_client_request()?;
        tokio_tungstenite::connect_async(request).await.map(|(client, _)| client)
    }

    /// A client whose setup was answered.
    async fn call(&self) -> Client {
        let mut client = self.connect(&format!("{PATH}?key=k")).await.unwrap();
        send(&mut client, &setup()).await;
        assert_eq!(next(&mut client).await, json!({"setupComplete": {}}));
        client
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn setup() -> Value {
    json!({"setup": {"model": "models/gemini-3.8-live", "generationConfig": {"responseModalities": ["AUDIO"]},
        "outputAudioTranscription": {}}})
}

async fn send(client: &mut Client, message: &Value) {
    client.send(Message::text(message.to_string())).await.unwrap();
}

/// What comes next, within reason.
async fn receive(client: &mut Client) -> Option<Result<Message, tungstenite::Error>> {
    tokio::time::timeout(Duration::from_secs(20), client.next()).await.expect("something within 20 s")
}

async fn next(client: &mut Client) -> Value {
    match receive(client).await {
        Some(Ok(Message::Binary(bytes))) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("expected a binary frame, found {other:?}"),
    }
}

/// Frames up to the first that completes a turn.
async fn turn(client: &mut Client) -> Vec<Value> {
    let mut frames = Vec::new();
    loop {
        let frame = next(client).await;
        let done = frame["serverContent"]["turnComplete"] == true;
        frames.push(frame);
        if done {
            return frames;
        }
    }
}

async fn closed(client: &mut Client) -> (u16, String) {
    loop {
        match receive(client).await {
            Some(Ok(Message::Close(Some(close)))) => return (close.code.into(), close.reason.to_string()),
            Some(Ok(_)) => {}
            other => panic!("expected a close frame, found {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_call_over_either_slash_gets_its_answer() {
    let simulator = Simulator::start("").await;
    for slash in ["", "/"] {
        let mut client = simulator.connect(&format!("{slash}{PATH}?key=k")).await.unwrap();
        send(&mut client, &setup()).await;
        assert_eq!(next(&mut client).await, json!({"setupComplete": {}}));
        send(&mut client, &json!({"realtimeInput": {"text": "Hello"}})).await;
        let frames = turn(&mut client).await;
        assert!(frames.iter().any(|frame| frame["serverContent"]["modelTurn"].is_object()));
    }
}

#[tokio::test]
async fn a_spoken_turn_is_answered_over_binary_frames_too() {
    let simulator = Simulator::start("").await;
    let mut client = simulator.call().await;
    let wave = |n: usize| (6_000.0 * (n as f64 * 0.1).sin()) as i16;
    let mut pcm: Vec<u8> = (0..24_000).flat_map(|n| wave(n).to_le_bytes()).collect();
    pcm.resize(pcm.len() + 32_000, 0);
    for chunk in pcm.chunks(640) {
        let data = base64(chunk);
        let message = json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": data}}});
        client.send(Message::binary(message.to_string())).await.unwrap();
    }
    let frames = turn(&mut client).await;
    let words =
        frames.iter().filter_map(|frame| frame["serverContent"]["outputTranscription"]["text"].as_str());
    assert_eq!(words.collect::<String>(), "(your own 1.5 s, a little higher)");
}

#[tokio::test]
async fn paths_that_are_not_served_fail_at_the_upgrade() {
    let simulator = Simulator::start("[strict]\nv1_fails = true").await;
    for path in [PATH.replace("v1beta", "v1"), PATH.replace("v1beta", "v2"), "/ws/nothing".to_owned()] {
        match simulator.connect(&path).await {
            Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 404, "{path}"),
            other => panic!("expected 404 for {path}, found {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_missing_key_is_told_after_the_upgrade() {
    let simulator = Simulator::start("").await;
    let mut client = simulator.connect(PATH).await.unwrap();
    send(&mut client, &setup()).await;
    let (code, reason) = closed(&mut client).await;
    assert!(
        code == 1008 && reason.starts_with("Method doesn't allow unregistered callers"),
        "{code} {reason}"
    );
}

#[tokio::test]
async fn close_codes_and_reasons_reach_the_client() {
    let simulator = Simulator::start("[connection]\nlength_s = 10").await;
    let mut client = simulator.call().await;
    let (code, reason) = closed(&mut client).await;
    assert_eq!((code, reason.as_str()), (1011, "Deadline expired before operation could complete."));
}

#[tokio::test]
async fn a_cut_connection_ends_without_a_close_frame() {
    let simulator = Simulator::start("[[fault]]\nat_ms = 100\ndo = \"drop\"").await;
    let mut client = simulator.call().await;
    match receive(&mut client).await {
        Some(Err(_)) | None => {}
        Some(Ok(message)) => panic!("expected nothing, found {message:?}"),
    }
}

#[tokio::test]
async fn frames_are_text_and_pretty_on_demand() {
    let simulator = Simulator::start("[frames]\ntext = true\npretty = true").await;
    let mut client = simulator.connect(&format!("{PATH}?key=k")).await.unwrap();
    send(&mut client, &setup()).await;
    match receive(&mut client).await {
        Some(Ok(Message::Text(text))) => assert_eq!(text.as_str(), "{\n  \"setupComplete\": {}\n}\n"),
        other => panic!("expected a text frame, found {other:?}"),
    }
}

#[tokio::test]
async fn pongs_come_late_on_demand_and_keep_nothing_else_waiting() {
    // Twenty minutes of the simulator's time would be a minute here: later than this test lasts.
    for (pong_ms, pong_first) in [(0, true), (1_200_000, false)] {
        let simulator =
            Simulator::start(&format!("[connection]\nlength_s = 10000\npong_ms = {pong_ms}")).await;
        let mut client = simulator.call().await;
        client.send(Message::Ping("x".into())).await.unwrap();
        if pong_first {
            assert!(matches!(receive(&mut client).await, Some(Ok(Message::Pong(_)))));
        }
        send(&mut client, &json!({"realtimeInput": {"text": "Hello"}})).await;
        turn(&mut client).await;
    }
}

#[tokio::test]
async fn bad_frames_of_one_client_disturb_no_other() {
    let simulator = Simulator::start("").await;
    let mut good = simulator.call().await;
    for bad in
        [Message::text("{"), Message::binary(vec![0xff, 0xfe]), Message::text("{\"realtimeInput\":[]}")]
    {
        let mut client = simulator.call().await;
        client.send(bad).await.unwrap();
        assert_eq!(closed(&mut client).await.0, 1007);
    }
    let mut raw = TcpStream::connect(("127.0.0.1", simulator.port)).await.unwrap();
    raw.write_all(b"\0\x01\x02 not http at all\r\n\r\n").await.unwrap();
    send(&mut good, &json!({"realtimeInput": {"text": "Hello"}})).await;
    turn(&mut good).await;
}

#[tokio::test]
async fn many_calls_go_on_at_once() {
    let simulator = Simulator::start("").await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = simulator.call().await;
        send(&mut client, &json!({"realtimeInput": {"text": "Hello"}})).await;
        clients.push(client);
    }
    for mut client in clients {
        turn(&mut client).await;
    }
}

#[tokio::test]
async fn a_token_is_minted_and_opens_the_constrained_method() {
    let simulator = Simulator::start("").await;
    let body = r#"{"uses":1}"#;
    let mint = |key: &str| {
        format!(
            "POST /v1alpha/auth_tokens HTTP/1.1\r\nHost: x\r\n{key}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    assert!(http(simulator.port, &mint("")).await.starts_with("HTTP/1.1 403"));
    let answer = http(simulator.port, &mint("x-goog-api-key: k\r\n")).await;
    let json: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let name = json["name"].as_str().unwrap();
    assert!(name.starts_with("auth_tokens/"), "{answer}");
    let path = format!("{}Constrained?access_token={name}", PATH.replace("v1beta", "v1alpha"));
    let mut client = simulator.connect(&path).await.unwrap();
    send(&mut client, &setup()).await;
    assert_eq!(next(&mut client).await, json!({"setupComplete": {}}));
    let mut again = simulator.connect(&path).await.unwrap();
    send(&mut again, &setup()).await;
    assert_eq!(closed(&mut again).await, (1011, "Token has been used too many times".to_owned()));
}

#[tokio::test]
async fn a_session_is_written_down() {
    let directory = std::env::temp_dir().join(format!("vivavoce-sim-{}", std::process::id()));
    let simulator = Simulator::start(&format!("record = {directory:?}")).await;
    let mut client = simulator.call().await;
    let chunk = base64(&[1, 0].repeat(16_000));
    let audio = json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": chunk}}});
    send(&mut client, &audio).await;
    send(&mut client, &json!({"realtimeInput": {"text": "Hello"}})).await;
    turn(&mut client).await;
    client.close(None).await.unwrap();
    while let Some(Ok(_)) = receive(&mut client).await {}
    let heard = hound::WavReader::open(directory.join("session-1-in.wav")).unwrap();
    assert_eq!((heard.spec().sample_rate, heard.duration()), (16_000, 16_000));
    let spoken = hound::WavReader::open(directory.join("session-1-out.wav")).unwrap();
    assert!(spoken.spec().sample_rate == 24_000 && spoken.duration() > 24_000);
    let events = std::fs::read_to_string(directory.join("session-1.json")).unwrap();
    let events: Value = serde_json::from_str(&events).unwrap();
    let names: Vec<&str> =
        events["events"].as_array().unwrap().iter().filter_map(|event| event["event"].as_str()).collect();
    for name in
        ["connected", "setup_complete", "text", "answer", "audio", "generation_complete", "turn_complete"]
    {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_token_is_minted_only_with_a_key_that_opens_something() {
    let simulator = Simulator::start("[keys]\naccept = [\"good\"]").await;
    for (key, status) in [("good", 200), ("bad", 403), ("", 403)] {
        let request = format!(
            "POST /v1alpha/auth_tokens HTTP/1.1\r\nHost: x\r\nx-goog-api-key: {key}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        );
        let answer = http(simulator.port, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{key}: {answer}");
    }
}

async fn http(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
