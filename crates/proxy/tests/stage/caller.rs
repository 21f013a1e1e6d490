//! A phone with all that a page has: the machine that decides, a socket, a microphone, a loudspeaker, and real time.

use super::devices::{Loudspeaker, Microphone};
use super::wire::{Network, SOCKET_BYTES};
use bytes::Bytes;
use core::time::Duration;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use vivavoce_session::client::{BargeIn, ClientEvent};
use vivavoce_session::{Client, ClientConfig, ClientInput, ClientOutput, Moment};
use vivavoce_wire::message::{Mode, Ready};
use vivavoce_wire::{AudioFrame, FromProxy, SUBPROTOCOL};

/// A person with a phone.
pub(crate) struct Caller {
    pub(crate) microphone: Microphone,
    pub(crate) speaker: Loudspeaker,
    /// What the page was told.
    pub(crate) events: Vec<ClientEvent>,
    /// When each socket opened, when somebody listened, and when it was lost.
    pub(crate) opened: Vec<Instant>,
    pub(crate) readies: Vec<(Instant, Ready)>,
    pub(crate) losses: Vec<Instant>,
    /// The newest of the microphone's samples that was sent.
    sent_samples: u64,
    client: Client,
    network: SocketAddr,
    link: Option<Link>,
    began: Instant,
    wake_at: Option<Instant>,
    report_at: Instant,
}

impl Caller {
    /// Calls over a network, and waits until somebody listens.
    pub(crate) async fn calls(network: &Network, seed: u64) -> Self {
        let now = Instant::now();
        let mut caller = Self {
            microphone: Microphone::new(seed, now),
            speaker: Loudspeaker::new(now),
            events: Vec::new(),
            opened: Vec::new(),
            readies: Vec::new(),
            losses: Vec::new(),
            sent_samples: 0,
            client: Client::new(config(network.address, seed)),
            network: network.address,
            link: None,
            began: now,
            wake_at: None,
            report_at: now,
        };
        caller.handle(ClientInput::Start);
        caller.until("somebody listens", |caller| !caller.readies.is_empty()).await;
        caller
    }

    /// The person begins to speak for so long.
    pub(crate) fn speaks(&mut self, ms: usize) {
        self.microphone.speech_left = ms * 16;
    }

    /// Lets time pass.
    pub(crate) async fn passes(&mut self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        self.until("time passes", |_| Instant::now() >= until).await;
    }

    /// Goes on until something is so.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let give_up_at = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < give_up_at, "in vain: {what}; events {:?}", self.events);
            self.step().await;
        }
    }

    /// The page learns that the network is back.
    pub(crate) fn is_online(&mut self) {
        self.handle(ClientInput::Awake);
    }

    /// Switches the microphone off, waits until all of it was sent, hangs up and waits for the end.
    pub(crate) async fn hangs_up(&mut self) {
        self.microphone.is_on = false;
        let all = self.microphone.heard.len() as u64;
        self.until("all is said", |caller| caller.sent_samples >= all - caller.client.dropped_samples())
            .await;
        self.handle(ClientInput::HangUp);
        self.until("goodbye", |caller| caller.ended().is_some()).await;
    }

    /// Whether all of a turn of this length sounded.
    pub(crate) fn has_heard(&self, epoch: u32, samples: usize) -> bool {
        self.speaker.rendered(epoch).len() >= samples
    }

    /// The microphone's samples that the phone dropped, and said so.
    pub(crate) fn dropped_samples(&self) -> u64 {
        self.client.dropped_samples()
    }

    /// Why the call ended, if it did.
    pub(crate) fn ended(&self) -> Option<&str> {
        self.events.iter().find_map(|event| match event {
            ClientEvent::Ended { reason } => Some(reason.as_str()),
            _ => None,
        })
    }

    /// What the page was told that went wrong.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        let codes = self.events.iter().filter_map(|event| match event {
            ClientEvent::Error { code, .. } => Some(code.as_str()),
            _ => None,
        });
        codes.collect()
    }

    async fn step(&mut self) {
        let dues = [self.wake_at, self.microphone.due_at()];
        let wake_at = dues.into_iter().flatten().fold(self.report_at, Instant::min);
        tokio::select! {
            biased;
            event = next(&mut self.link) => self.happened(event),
            () = sleep_until(wake_at) => self.tick(Instant::now()),
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.microphone.due_at().is_some_and(|at| at <= now) {
            let frame = self.microphone.frame();
            let unsent = self.link.as_ref().map_or(0, |link| link.unsent.load(Ordering::Relaxed));
            self.handle(ClientInput::Unsent(unsent as u32));
            self.handle(ClientInput::Microphone(frame.into()));
        }
        if self.report_at <= now {
            self.report_at = now + REPORT_EVERY;
            let report = self.speaker.report(now);
            self.handle(ClientInput::Player(report));
        }
        if self.wake_at.is_some_and(|at| at <= now) {
            self.handle(ClientInput::Timeout);
        }
    }

    fn happened(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Open => {
                self.opened.push(now);
                self.handle(ClientInput::SocketOpen);
            }
            Event::Text(text) => {
                if let Ok(FromProxy::Ready(ready)) = FromProxy::decode(&text) {
                    self.readies.push((now, ready));
                }
                self.handle(ClientInput::SocketText(text));
            }
            Event::Binary(bytes) => self.handle(ClientInput::SocketBinary(bytes)),
            Event::Closed(code) => {
                self.link = None;
                self.losses.push(now);
                self.handle(ClientInput::SocketClosed { code, reason: String::new() });
            }
        }
    }

    fn handle(&mut self, input: ClientInput) {
        let now = Instant::now();
        self.client.handle(input, Moment::after_origin(now - self.began));
        loop {
            match self.client.poll() {
                ClientOutput::Timeout(at) => {
                    self.wake_at = at.map(|at| self.began + at.since_origin());
                    return;
                }
                ClientOutput::Open { url: _ } => self.link = Some(Link::open(self.network)),
                ClientOutput::SendText(text) => self.send(Message::text(text)),
                ClientOutput::SendBinary(bytes) => {
                    let frame = AudioFrame::decode(bytes.clone()).unwrap();
                    self.sent_samples = self.sent_samples.max(frame.position + frame.samples());
                    self.send(Message::Binary(bytes));
                }
                ClientOutput::CloseSocket { code, reason } => {
                    self.send(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })));
                    self.link = None;
                    self.losses.push(now);
                }
                ClientOutput::Play { epoch, position, pcm } => self.speaker.play(epoch, position, &pcm, now),
                ClientOutput::EndTurn { epoch, samples } => self.speaker.end(epoch, samples, now),
                ClientOutput::Flush { epoch } => self.speaker.flush(epoch, now),
                ClientOutput::Yield(_) | ClientOutput::Thresholds(_) => {}
                ClientOutput::Event(event) => self.events.push(event),
            }
        }
    }

    fn send(&self, message: Message) {
        if let Some(link) = &self.link {
            link.unsent.fetch_add(message.len(), Ordering::Relaxed);
            let _ = link.wishes.send(message);
        }
    }
}

fn config(address: SocketAddr, seed: u64) -> ClientConfig {
    ClientConfig {
        url: format!("ws://{address}/ws"),
        ticket: None,
        gets_tickets: false,
        client: None,
        uplink_rate_hz: 16_000,
        greeting: false,
        continues: false,
        functions: None,
        mode: Mode::Open,
        kept_audio: Duration::from_secs(30),
        barge_in: BargeIn::default(),
        seed,
    }
}

/// A socket, as a page has one.
struct Link {
    wishes: mpsc::UnboundedSender<Message>,
    events: mpsc::UnboundedReceiver<Event>,
    unsent: Arc<AtomicUsize>,
}

enum Event {
    Open,
    Text(String),
    Binary(Bytes),
    Closed(u16),
}

impl Link {
    fn open(address: SocketAddr) -> Self {
        let (wishes, wished) = mpsc::unbounded_channel();
        let (reports, events) = mpsc::unbounded_channel();
        let unsent = Arc::<AtomicUsize>::default();
        let waiting = Arc::clone(&unsent);
        tokio::spawn(async move {
            let code = talk(address, wished, &reports, &waiting).await.unwrap_or(1006);
            let _ = reports.send(Event::Closed(code));
        });
        Self { wishes, events, unsent }
    }
}

/// Carries a socket's words in both directions; the code with which the other side closed it, if it did.
async fn talk(
    address: SocketAddr,
    mut wished: mpsc::UnboundedReceiver<Message>,
    reports: &mpsc::UnboundedSender<Event>,
    unsent: &AtomicUsize,
) -> Option<u16> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.set_send_buffer_size(SOCKET_BYTES).ok()?;
    let stream = socket.connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let mut request = format!("ws://{address}/ws").into_client_request().ok()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await.ok()?;
    reports.send(Event::Open).ok()?;
    let (mut sink, mut stream) = socket.split();
    let speaks = async {
        while let Some(message) = wished.recv().await {
            let bytes = message.len();
            sink.send(message).await.ok()?;
            unsent.fetch_sub(bytes, Ordering::Relaxed);
        }
        let _ = timeout(GOODBYE, sink.close()).await;
        None
    };
    let listens = async {
        loop {
            let event = match stream.next().await?.ok()? {
                Message::Text(text) => Event::Text(text.as_str().to_owned()),
                Message::Binary(bytes) => Event::Binary(bytes),
                Message::Close(frame) => return Some(frame.map_or(1005, |frame| frame.code.into())),
                _ => continue,
            };
            reports.send(event).ok()?;
        }
    };
    tokio::select! {
        code = speaks => code,
        code = listens => code,
    }
}

/// The next thing from the socket; never, while there is none.
async fn next(link: &mut Option<Link>) -> Event {
    match link {
        Some(link) => link.events.recv().await.unwrap_or(Event::Closed(1006)),
        None => core::future::pending().await,
    }
}

/// What takes this long on a busy machine has not come.
const PATIENCE: Duration = Duration::from_secs(60);
/// As often as a page's player.
const REPORT_EVERY: Duration = Duration::from_millis(100);
/// A proxy that is there says goodbye within this.
const GOODBYE: Duration = Duration::from_secs(1);
