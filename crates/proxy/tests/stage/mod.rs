//! What the stories need: a proxy on a port of its own, a phone, and a service that does as told.

#![allow(dead_code, reason = "each story uses a part of the stage")]
#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

pub(crate) mod caller;
pub(crate) mod devices;
pub(crate) mod hook;
pub(crate) mod house;
pub(crate) mod model;
pub(crate) mod program;
pub(crate) mod redis;
pub(crate) mod tape;
pub(crate) mod telegram;
pub(crate) mod wire;

use core::time::Duration;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use vivavoce_proxy::config::Config;
use vivavoce_proxy::environment::Environment;
use vivavoce_proxy::server::Server;
use vivavoce_sim::{Options, Script};
use vivavoce_wire::message::Ready;
use vivavoce_wire::{AudioFrame, Code, Codec, FromProxy, Kind, SUBPROTOCOL, Trouble};

/// A proxy that ends with the story.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// Where it tells operators how it does.
    pub(crate) operators: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy whose calls go to `upstream`.
    pub(crate) async fn to(upstream: SocketAddr) -> Self {
        Self::with(|config| config.upstream_url = Some(format!("ws://{upstream}")), None).await
    }

    /// A proxy with other settings than the defaults.
    pub(crate) async fn with(change: impl FnOnce(&mut Config), key: Option<&str>) -> Self {
        Self::within(change, Environment { key: key.map(str::to_owned), ..Environment::default() }).await
    }

    /// The same in another environment.
    pub(crate) async fn within(change: impl FnOnce(&mut Config), environment: Environment) -> Self {
        let any = ([127, 0, 0, 1], 0).into();
        let mut config = Config { listen: any, admin: Some(any), ..Config::default() };
        change(&mut config);
        let server = Server::open(config, &environment).await.unwrap();
        let address = server.address().unwrap();
        let operators = server.operators().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, operators, stop: Some(stop), task }
    }

    /// The socket for calls.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Goes down and waits until it is.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        let task = std::mem::replace(&mut self.task, tokio::spawn(async {}));
        patiently(task).await.unwrap();
    }
}

/// A simulator that does as `script` says, a hundred times as fast as the model.
pub(crate) async fn simulator(script: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Script::parse(script).unwrap();
    tokio::spawn(vivavoce_sim::serve(listener, Options { script, ..Options::default() }));
    address
}

/// A phone as simple as can be.
pub(crate) struct Phone {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) protocol: Option<String>,
}

impl Phone {
    /// Connects with our subprotocol.
    pub(crate) async fn call(proxy: &Proxy) -> Self {
        Self::connect(proxy, &[("sec-websocket-protocol", SUBPROTOCOL)]).await
    }

    /// The same with a proxy that may be in another process.
    pub(crate) async fn call_at(address: SocketAddr) -> Self {
        Self::connect_to(&format!("ws://{address}/ws"), &[("sec-websocket-protocol", SUBPROTOCOL)]).await
    }

    /// Connects with these headers.
    pub(crate) async fn connect(proxy: &Proxy, headers: &[(&'static str, &str)]) -> Self {
        Self::connect_to(&proxy.url(), headers).await
    }

    /// The same with a proxy that may be in another process.
    pub(crate) async fn connect_to(url: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut request = url.into_client_request().unwrap();
        for &(name, value) in headers {
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let (socket, response) = patiently(tokio_tungstenite::connect_async(request)).await.unwrap();
        let protocol = response.headers().get("sec-websocket-protocol");
        Self { protocol: protocol.map(|name| name.to_str().unwrap().to_owned()), socket }
    }

    /// Connects and says hello at 16 kHz.
    pub(crate) async fn introduced(proxy: &Proxy) -> Self {
        let mut phone = Self::call(proxy).await;
        phone.say(r#"{"type":"hello","audio":{"rate_hz":16000}}"#).await;
        phone
    }

    pub(crate) async fn say(&mut self, json: &str) {
        self.socket.send(Message::text(json)).await.unwrap();
    }

    /// Sends a message; says whether that went well.
    pub(crate) async fn try_say(&mut self, json: &str) -> bool {
        self.socket.send(Message::text(json)).await.is_ok()
    }

    pub(crate) async fn send(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    /// Begins to close the socket.
    pub(crate) async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "enough".into() };
        self.socket.send(Message::Close(Some(frame))).await.unwrap();
    }

    /// Sends what the proxy may not want to hear to the end.
    pub(crate) async fn send_anyhow(&mut self, bytes: Vec<u8>) {
        let _ = self.socket.send(Message::binary(bytes)).await;
    }

    /// Waits for the next message that `choose` takes; audio and other messages pass by.
    pub(crate) async fn wait<T>(&mut self, mut choose: impl FnMut(FromProxy) -> Option<T>) -> T {
        patiently(async {
            loop {
                match self.socket.next().await.expect("the call goes on").expect("the socket is open") {
                    Message::Text(text) => {
                        let message = FromProxy::decode(&text).unwrap();
                        let shown = format!("{message:?}");
                        if let Some(chosen) = choose(message) {
                            return chosen;
                        }
                        assert!(!shown.starts_with("Error"), "{shown}");
                    }
                    Message::Close(frame) => panic!("closed: {frame:?}"),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Waits for `ready`; none if trouble comes, or the end.
    pub(crate) async fn try_ready(&mut self) -> Option<Ready> {
        patiently(async {
            loop {
                if let Message::Text(text) = self.socket.next().await?.ok()? {
                    match FromProxy::decode(&text).unwrap() {
                        FromProxy::Ready(ready) => return Some(ready),
                        FromProxy::Error { .. } => return None,
                        _ => {}
                    }
                }
            }
        })
        .await
    }

    pub(crate) async fn wait_ready(&mut self) {
        self.wait(|message| matches!(message, FromProxy::Ready(_)).then_some(())).await;
    }

    /// Waits for the error that ends the call, and for the close code.
    pub(crate) async fn wait_end(&mut self) -> (Trouble, u16) {
        let trouble = self
            .wait(|message| match message {
                FromProxy::Error { error } => Some(error),
                _ => None,
            })
            .await;
        (trouble, self.wait_close().await.code.into())
    }

    /// Waits for the goodbye and for the connection's end.
    pub(crate) async fn wait_close(&mut self) -> CloseFrame {
        patiently(async {
            let mut close = None;
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => close = frame,
                    Some(Ok(_)) => {}
                    Some(Err(Error::ConnectionClosed)) | None => return close.expect("a goodbye"),
                    Some(Err(error)) => panic!("the goodbye did not arrive: {error}"),
                }
            }
        })
        .await
    }

    /// Waits for the next frame of sound, or for the next message.
    pub(crate) async fn wait_anything(&mut self) -> Result<AudioFrame, FromProxy> {
        patiently(async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Binary(bytes) => return Ok(AudioFrame::decode(bytes).unwrap()),
                    Message::Text(text) => return Err(FromProxy::decode(&text).unwrap()),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Waits for the next piece of the model's voice.
    pub(crate) async fn wait_audio(&mut self) -> AudioFrame {
        patiently(async {
            loop {
                if let Message::Binary(bytes) = self.socket.next().await.unwrap().unwrap() {
                    return AudioFrame::decode(bytes).unwrap();
                }
            }
        })
        .await
    }
}

/// The error and its close code, as they go together.
#[track_caller]
pub(crate) fn assert_trouble((trouble, close_code): (Trouble, u16), code: Code, words: &str) {
    assert_eq!((trouble.code, close_code), (code, code.close_code()), "{}", trouble.message);
    assert!(trouble.message.contains(words), "{}", trouble.message);
}

/// A microphone frame.
pub(crate) fn frame(pcm: Vec<u8>) -> Vec<u8> {
    let payload = pcm.into();
    let frame =
        AudioFrame { kind: Kind::Microphone, codec: Codec::Pcm, epoch: 0, sequence: 0, position: 0, payload };
    frame.encode().to_vec()
}

/// A service that takes one connection after the other and does with it what `act` does.
pub(crate) async fn service<F>(act: impl Fn(WebSocketStream<TcpStream>) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            tokio::spawn(act(socket));
        }
    });
    address
}

/// Asks for a page; the whole answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    get_with(address, path, "").await
}

/// The same with further headers.
pub(crate) async fn get_with(address: SocketAddr, path: &str, headers: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"))
        .await
}

/// Sends a request as it is; the whole answer.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    patiently(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A port that nobody listens on.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A folder that goes with the story.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vivavoce-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Chance that repeats itself: xorshift64*.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Anything below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 |= u64::from(self.0 == 0);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 20)
    }
}

/// What takes this long on a busy machine has not come.
pub(crate) async fn patiently<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it came in time")
}
