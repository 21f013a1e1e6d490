//! The guard of a WebSocket that we opened: to the service, or, for `talk`, to a proxy.

use axum::http::HeaderMap;
use bytes::Bytes;
use core::time::Duration;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// A socket from the first try to connect. Dropping it says goodbye.
#[derive(Debug)]
pub(crate) struct Link {
    outbox: mpsc::Sender<Message>,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

/// What came of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It is open.
    Open,
    /// A text frame came.
    Text(Utf8Bytes),
    /// A binary frame came.
    Binary(Bytes),
    /// It is gone, or never came; nothing follows.
    Closed(Closed),
}

/// How a socket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The close code; 1005 where there was none, 1006 where there was no goodbye.
    pub(crate) code: u16,
    /// The close reason, or why there is no connection: `HTTP 403 …` where that was the answer.
    pub(crate) reason: String,
}

/// Where to, and how.
#[derive(Clone)]
pub(crate) struct Address {
    /// `ws://…` or `wss://…`.
    pub(crate) url: String,
    /// What else the request says.
    pub(crate) headers: HeaderMap,
    tls: Connector,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Address {
    /// `authorities` are trusted besides those that browsers trust.
    pub(crate) fn new(url: String, headers: HeaderMap, authorities: &[CertificateDer<'static>]) -> Self {
        Self { url, headers, tls: Connector::Rustls(Arc::new(tls_config(authorities))) }
    }

    async fn connect(&self) -> Result<Socket, Error> {
        let mut request = self.url.as_str().into_client_request()?;
        request.headers_mut().extend(self.headers.clone());
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES).write_buffer_size(0);
        let socket = connect_async_tls_with_config(request, Some(config), true, Some(self.tls.clone())).await;
        socket.map(|(socket, _response)| socket)
    }
}

impl Link {
    /// Begins to connect, once `former` has said goodbye.
    pub(crate) fn open(address: Address, former: Option<JoinHandle<()>>) -> Self {
        let (outbox, wishes) = mpsc::channel(MOST_WAITING);
        let (reports, events) = mpsc::channel(MOST_UNHEARD);
        let task = tokio::spawn(async move {
            if let Some(former) = former {
                let _ = timeout(GOODBYE, former).await;
            }
            converse(&address, wishes, &reports).await;
        });
        Self { outbox, events, task }
    }

    /// Waits for the next thing; may be dropped and called again without a loss.
    pub(crate) async fn next(&mut self) -> Event {
        self.events.recv().await.unwrap_or_else(|| lost("the connection was lost"))
    }

    /// Whether so little is unsent that more may be made.
    pub(crate) fn has_room(&self) -> bool {
        self.outbox.capacity() >= ROOM
    }

    /// Waits until there is room; it keeps nothing of the link but its end.
    pub(crate) fn room(&self) -> impl Future<Output = ()> + 'static {
        let outbox = self.outbox.clone();
        async move {
            // A closed outbox: the reason is on its way through the events.
            if outbox.reserve_many(ROOM).await.is_err() {
                core::future::pending::<()>().await;
            }
        }
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// More is unsent than one thing can lead to: how the link counts as closed.
    pub(crate) fn send(&self, message: Message) -> Result<(), Closed> {
        match self.outbox.try_send(message) {
            // A closed outbox: the reason is on its way through the events.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(Closed { code: 1006, reason: "it took nothing for too long".to_owned() })
            }
        }
    }

    /// Says goodbye after everything that waits; the task ends when the other side knows.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.task
    }
}

/// One connection from its beginning to its end.
async fn converse(address: &Address, wishes: mpsc::Receiver<Message>, reports: &mpsc::Sender<Event>) {
    let socket = tokio::select! {
        // Boxed: a handshake takes more room than the whole call after it, and gives it back.
        socket = timeout(CONNECT_DEADLINE, Box::pin(address.connect())) => socket,
        () = reports.closed() => return,
    };
    let refused = match socket {
        Ok(Ok(socket)) => {
            keep_alive(&socket);
            let (sink, stream) = socket.split();
            let _ = reports.send(Event::Open).await;
            let hung_up = async {
                reports.closed().await;
                sleep(LAST_WORDS).await;
            };
            tokio::select! {
                ((), ()) = async { tokio::join!(speak(sink, wishes, reports), listen(stream, reports)) } => {}
                () = hung_up => {}
            }
            return;
        }
        Ok(Err(error)) => explain(&error),
        Err(_elapsed) => format!("no connection within {} s", CONNECT_DEADLINE.as_secs()),
    };
    let _ = reports.send(lost(&refused)).await;
}

/// Sends what is wished for, then says goodbye.
async fn speak(
    mut sink: SplitSink<Socket, Message>,
    mut wishes: mpsc::Receiver<Message>,
    reports: &mpsc::Sender<Event>,
) {
    while let Some(message) = wishes.recv().await {
        match timeout(UNTAKEN, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_elapsed) => {
                let _ = reports.send(lost("it took nothing for too long")).await;
                return;
            }
        }
    }
    let _ = timeout(GOODBYE, sink.close()).await;
}

/// Has the system notice a peer that is gone although nothing is sent to it.
fn keep_alive(socket: &Socket) {
    let stream = match socket.get_ref() {
        MaybeTlsStream::Plain(stream) => stream,
        MaybeTlsStream::Rustls(stream) => stream.get_ref().0,
        _ => return,
    };
    let rhythm = socket2::TcpKeepalive::new().with_time(ALIVE_EVERY).with_interval(ALIVE_EVERY);
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_keepalive(&rhythm) {
        tracing::debug!(%error, "a socket option was refused");
    }
}

/// Reports what is said, until either side has had enough.
async fn listen(mut stream: SplitStream<Socket>, reports: &mpsc::Sender<Event>) {
    loop {
        let message = tokio::select! {
            message = stream.next() => message,
            () = reports.closed() => {
                let _ = timeout(GOODBYE, hear_out(&mut stream)).await;
                return;
            }
        };
        let Some(event) = event(message) else { continue };
        let is_last = matches!(event, Event::Closed(_));
        let unheard = reports.send(event).await.is_err();
        if is_last {
            let _ = timeout(GOODBYE, hear_out(&mut stream)).await;
        }
        if is_last || unheard {
            return;
        }
    }
}

/// What a frame means; none for those that only show that somebody is there.
fn event(message: Option<Result<Message, Error>>) -> Option<Event> {
    match message {
        Some(Ok(Message::Text(text))) => Some(Event::Text(text)),
        Some(Ok(Message::Binary(bytes))) => Some(Event::Binary(bytes)),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
        Some(Ok(Message::Close(Some(frame)))) => {
            let reason = frame.reason.as_str().to_owned();
            Some(Event::Closed(Closed { code: frame.code.into(), reason }))
        }
        Some(Ok(Message::Close(None))) => Some(Event::Closed(Closed { code: 1005, reason: String::new() })),
        Some(Err(error)) => Some(lost(&explain(&error))),
        None => Some(lost("the connection was lost")),
    }
}

/// Reads to the end, so that both sides' goodbyes are said.
async fn hear_out(stream: &mut SplitStream<Socket>) {
    while let Some(Ok(_)) = stream.next().await {}
}

fn lost(reason: &str) -> Event {
    Event::Closed(Closed { code: 1006, reason: reason.to_owned() })
}

/// Why there is no connection, without the address, which may hold a credential.
fn explain(error: &Error) -> String {
    match error {
        Error::Http(response) => format!("HTTP {}", response.status()),
        Error::Url(_) => "its address is none".to_owned(),
        other => other.to_string(),
    }
}

/// TLS by ring; the roots that Mozilla trusts are compiled in.
pub(crate) fn tls_config(authorities: &[CertificateDer<'static>]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A piece of the model's voice as it usually comes. The socket fills so much with zeros for each read; what is larger gets
/// its own room.
const READ_BYTES: usize = 4 * 1024;

/// More than [`ROOM`] and all that one thing can lead to: half a minute of early sound, its ends and its texts.
const MOST_WAITING: usize = 8_192;

/// Some seconds of the model's voice: more than that waits on the network for one who does not listen.
const MOST_UNHEARD: usize = 64;

/// What must be free before more is made: what may be unsent are some 2,000 frames of 20 ms, or 40 s.
const ROOM: usize = MOST_WAITING - 2_000;

/// One that takes nothing for so long is not there.
const UNTAKEN: Duration = Duration::from_secs(30);

/// What is still to be said to one that is hung up on.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A minute and some probes until a silent peer counts as gone.
const ALIVE_EVERY: Duration = Duration::from_secs(20);

/// DNS, TCP, TLS and the upgrade over a bad line.
const CONNECT_DEADLINE: Duration = Duration::from_secs(15);

/// One that is there answers a goodbye within this.
const GOODBYE: Duration = Duration::from_secs(1);
