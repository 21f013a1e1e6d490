//! `vivavoce talk`: a call from the terminal, with WAV files for a voice.
//!
//! - [`wav`]: what is said;
//! - [`player`]: a loudspeaker that nobody hears;
//! - [`tally`]: what is counted.

pub mod player;
pub mod tally;
pub mod wav;

use crate::dial::Address;
use crate::environment::Environment;
use crate::frames::Message;
use crate::link::{Closed, Event, Link};
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use player::Player;
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;
use tally::{Figures, Tally, milliseconds};
use tokio::time::{Instant, sleep_until};
use vivavoce_session::client::{ClientEvent, Who};
use vivavoce_session::{Client, ClientConfig, ClientInput, ClientOutput, Moment};
use vivavoce_wire::message::Mode;
use vivavoce_wire::{AudioFrame, FromProxy, MODEL_RATE_HZ, SUBPROTOCOL};
use wav::{Speech, WavError};

/// What to do in a call from the terminal.
#[derive(Clone, Debug)]
pub struct Talk {
    /// What to say: one turn a file, each after the answer to the one before.
    pub files: Vec<PathBuf>,
    /// The proxy's socket.
    pub url: String,
    /// What opens it, where it wants something.
    pub ticket: Option<String>,
    /// How the two sides share the line.
    pub mode: Mode,
    /// Where the answers go.
    pub output: Option<PathBuf>,
    /// Whose certificates are trusted.
    pub environment: Environment,
}

/// What came of a call.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// From the first try to connect to the service's readiness.
    pub connect_ms: f64,
    /// The figures of the first file.
    #[serde(flatten)]
    pub first: Figures,
    /// The figures of all files.
    pub turns: Vec<Figures>,
}

/// Why a call from the terminal came to nothing.
#[derive(Debug)]
pub enum TalkError {
    /// A file says nothing.
    Wav(WavError),
    /// The address is none.
    Url {
        /// What was given.
        found: String,
    },
    /// The call ended before everything was answered.
    Ended {
        /// Why, in a sentence.
        reason: String,
    },
    /// There was no answer.
    NoReply {
        /// To what.
        file: String,
        /// What there was in its place.
        what: &'static str,
    },
    /// The answer could not be written down.
    Output {
        /// Where to.
        file: PathBuf,
        /// What the system says.
        error: String,
    },
}

impl Talk {
    /// Makes the call, showing on `progress` how it goes.
    ///
    /// # Errors
    /// Why there was no answer, in a sentence.
    pub async fn run(&self, progress: &mut (dyn Write + Send)) -> Result<Outcome, TalkError> {
        let speeches = self.speeches()?;
        let rate_hz = speeches.front().map_or(MODEL_RATE_HZ, |(_, speech)| speech.rate_hz);
        let mut conversation = Conversation::new(self.address()?, self.config(rate_hz)?, progress);
        let connect_ms = conversation.connect().await?;
        let (mut turns, mut reply) = (Vec::new(), Vec::new());
        for (file, speech) in speeches {
            conversation.say(&file, speech).await?;
            let (figures, pcm) = conversation.answer(&file).await?;
            turns.push(figures);
            reply.extend(pcm);
        }
        conversation.hang_up().await;
        if let Some(output) = &self.output {
            write_wav(output, &reply)
                .map_err(|error| TalkError::Output { file: output.clone(), error: error.to_string() })?;
        }
        let first =
            turns.first().cloned().ok_or(TalkError::NoReply { file: String::new(), what: NOTHING })?;
        Ok(Outcome { connect_ms, first, turns })
    }

    /// All files, at the rate of the first: one call has one microphone.
    fn speeches(&self) -> Result<VecDeque<(String, Speech)>, TalkError> {
        let mut speeches = VecDeque::new();
        let mut rate_hz = None;
        for file in &self.files {
            let speech = Speech::read(file).map_err(TalkError::Wav)?;
            let rate_hz = *rate_hz.get_or_insert(speech.rate_hz);
            let speech = speech.at(rate_hz);
            speeches.extend(speech.map(|speech| (file.display().to_string(), speech)));
        }
        Ok(speeches)
    }

    fn address(&self) -> Result<Address, TalkError> {
        let url = socket_url(&self.url).ok_or_else(|| TalkError::Url { found: self.url.clone() })?;
        let mut headers = axum::http::HeaderMap::new();
        let name = axum::http::header::SEC_WEBSOCKET_PROTOCOL;
        headers.insert(name, axum::http::HeaderValue::from_static(SUBPROTOCOL));
        Ok(Address::new(url, headers, &self.environment.authorities))
    }

    fn config(&self, rate_hz: u32) -> Result<ClientConfig, TalkError> {
        Ok(ClientConfig {
            url: self.url.clone(),
            ticket: self.ticket.clone(),
            gets_tickets: false,
            client: Some(concat!("vivavoce talk ", env!("CARGO_PKG_VERSION")).to_owned()),
            uplink_rate_hz: rate_hz,
            greeting: false,
            continues: false,
            functions: None,
            mode: self.mode,
            kept_audio: KEPT_AUDIO,
            barge_in: vivavoce_session::client::BargeIn::default(),
            seed: u64::from(std::process::id()),
        })
    }
}

/// A call on its way.
struct Conversation<'p> {
    address: Address,
    client: Client,
    link: Option<Link>,
    player: Player,
    microphone: Microphone,
    tally: Tally,
    progress: Progress<'p>,
    began: Instant,
    /// Whether a socket ever opened.
    was_reached: bool,
    ready_at: Option<Instant>,
    ended: Option<String>,
    wake_at: Option<Instant>,
    report_at: Instant,
}

/// A microphone that hears files, and silence between them; it never stops while a call lasts.
struct Microphone {
    rate_hz: u32,
    speech: VecDeque<i16>,
    /// When its first frame was due, and how many were taken since; none before somebody listens.
    since: Option<(Instant, u64)>,
}

impl<'p> Conversation<'p> {
    fn new(address: Address, config: ClientConfig, progress: &'p mut (dyn Write + Send)) -> Self {
        let now = Instant::now();
        Self {
            address,
            microphone: Microphone { rate_hz: config.uplink_rate_hz, speech: VecDeque::new(), since: None },
            client: Client::new(config),
            link: None,
            player: Player::new(now),
            tally: Tally::default(),
            progress: Progress { to: progress, who: None },
            began: now,
            was_reached: false,
            ready_at: None,
            ended: None,
            wake_at: None,
            report_at: now,
        }
    }

    /// Calls, until somebody listens; says how long it took.
    async fn connect(&mut self) -> Result<f64, TalkError> {
        self.progress.line(&format!("calling {}", self.address.url));
        self.handle(ClientInput::Start);
        while self.ready_at.is_none() {
            self.step().await?;
        }
        let ready_at = self.ready_at.unwrap_or_else(Instant::now);
        self.microphone.since = Some((ready_at, 0));
        Ok(milliseconds(self.began, ready_at))
    }

    /// Speaks a file at the pace of speech.
    async fn say(&mut self, file: &str, speech: Speech) -> Result<(), TalkError> {
        self.progress.line(&format!("saying {file} ({:.1} s at {} Hz)", speech.seconds(), speech.rate_hz));
        self.tally = Tally::default();
        self.microphone.speech = speech.samples.into();
        self.handle(ClientInput::Press(true));
        while !self.microphone.speech.is_empty() {
            self.step().await?;
        }
        self.handle(ClientInput::Press(false));
        self.tally.spoken(Instant::now());
        Ok(())
    }

    /// Waits for the answer, and for the silence that belongs to the file.
    async fn answer(&mut self, file: &str) -> Result<(Figures, Vec<u8>), TalkError> {
        let silent_until = Instant::now() + SILENCE_AFTER;
        while self.tally.answer().is_none() || Instant::now() < silent_until {
            self.step().await?;
            if self.is_forsaken() {
                let what = if self.tally.has_soundless_answer() { SOUNDLESS } else { NOTHING };
                return Err(TalkError::NoReply { file: file.to_owned(), what });
            }
        }
        // Captions follow what is heard: the next file would cut what still plays of this answer.
        while self.player.is_sounding() {
            self.step().await?;
        }
        let late_until = Instant::now() + LATE_WORDS;
        while Instant::now() < late_until {
            self.step().await?;
        }
        let figures = self.tally.figures(file.to_owned());
        let silent = || TalkError::NoReply { file: file.to_owned(), what: NOTHING };
        let pcm = self.tally.answer().map(|turn| turn.pcm.clone()).unwrap_or_default();
        Ok((figures.ok_or_else(silent)?, pcm))
    }

    /// Whether the model has said nothing for so long that it will not.
    fn is_forsaken(&mut self) -> bool {
        let now = Instant::now();
        self.tally.answer().is_none()
            && !self.player.is_sounding()
            && self.tally.heard_at.is_some_and(|at| now.duration_since(at) > PATIENCE)
    }

    async fn hang_up(&mut self) {
        self.handle(ClientInput::HangUp);
        let until = Instant::now() + GOODBYE;
        while self.ended.is_none() && Instant::now() < until {
            if self.step().await.is_err() {
                break;
            }
        }
        if let Some(link) = self.link.take() {
            let _ = tokio::time::timeout(GOODBYE, link.close()).await;
        }
        self.progress.line("hung up");
    }

    /// Waits for one thing to happen and does what follows from it.
    async fn step(&mut self) -> Result<(), TalkError> {
        let frame_at = self.microphone.due_at();
        let wake_at = [self.wake_at, frame_at].into_iter().flatten().fold(self.report_at, Instant::min);
        tokio::select! {
            biased;
            event = next(&mut self.link) => self.happened(event),
            () = sleep_until(wake_at) => self.tick(Instant::now()),
        }
        match &self.ended {
            Some(reason) => Err(TalkError::Ended { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Does what is due at `now`.
    fn tick(&mut self, now: Instant) {
        if self.microphone.due_at().is_some_and(|at| at <= now) {
            let frame = self.microphone.frame();
            self.handle(ClientInput::Microphone(frame));
        }
        if self.report_at <= now {
            self.report_at = now + REPORT_EVERY;
            let report = self.player.report(now);
            self.handle(ClientInput::Player(report));
        }
        if self.wake_at.is_some_and(|at| at <= now) {
            self.handle(ClientInput::Timeout);
        }
    }

    /// Takes in what the socket brought. A page would try again where a call does not even begin; at a terminal the
    /// person does that better.
    fn happened(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Open => {
                self.was_reached = true;
                self.handle(ClientInput::SocketOpen);
            }
            Event::Text(text) => {
                if let Ok(message) = FromProxy::decode(&text) {
                    self.tally.message(&message, now);
                    if let (FromProxy::Error { error }, None) = (message, self.ready_at) {
                        self.ended = Some(error.message);
                        return;
                    }
                }
                self.handle(ClientInput::SocketText(text));
            }
            Event::Binary(bytes) => {
                if let Ok(frame) = AudioFrame::decode(bytes.clone()) {
                    self.tally.audio(&frame, now);
                }
                self.handle(ClientInput::SocketBinary(bytes));
            }
            Event::Room | Event::Voice(_) => {}
            Event::Closed(Closed { code, reason }) => {
                self.link = None;
                if !self.was_reached {
                    self.ended = Some(format!("nobody answers at {}: {reason}", self.address.url));
                    return;
                }
                self.handle(ClientInput::SocketClosed { code, reason });
            }
        }
    }

    /// Tells the client what happened and does what it wants.
    fn handle(&mut self, input: ClientInput) {
        self.client.handle(input, Moment::after_origin(self.began.elapsed()));
        loop {
            match self.client.poll() {
                ClientOutput::Timeout(at) => {
                    self.wake_at = at.map(|at| self.began + at.since_origin());
                    return;
                }
                ClientOutput::Open { url: _ } => self.link = Some(Link::open(self.address.clone(), None)),
                ClientOutput::SendText(text) => self.send(Message::Text(text)),
                ClientOutput::SendBinary(bytes) => self.send(Message::Binary(bytes)),
                ClientOutput::CloseSocket { code, reason } => {
                    self.send(Message::Close(Some((code, reason))));
                    self.link = None;
                }
                ClientOutput::Play { epoch, position, pcm } => {
                    self.player.play(epoch, position, pcm.len() as u64 / 2, Instant::now());
                }
                ClientOutput::EndTurn { epoch, samples: _ } => self.player.end(epoch, Instant::now()),
                ClientOutput::Flush { epoch } => self.player.flush(epoch, Instant::now()),
                // A file is not interrupted, and plays at once.
                ClientOutput::Yield(_) | ClientOutput::Thresholds(_) => {}
                ClientOutput::Event(event) => self.told(event),
            }
        }
    }

    fn send(&mut self, message: Message) {
        if let Some(Err(closed)) = self.link.as_mut().map(|link| link.send(message)) {
            self.progress.line(&format!("the proxy is gone: {}", closed.reason));
            self.link = None;
        }
    }

    fn told(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Ready { call, upstream, model } => {
                self.ready_at.get_or_insert_with(Instant::now);
                let took = milliseconds(self.began, Instant::now());
                self.progress.line(&format!("connected in {took} ms: call {call}, {upstream:?} ({model})"));
            }
            ClientEvent::Caption { who, text, .. } => self.progress.words(who, &text),
            ClientEvent::CaptionEnd { cut: true, .. } => self.progress.line("(interrupted)"),
            ClientEvent::Error { code, message } => self.progress.line(&format!("{code}: {message}")),
            ClientEvent::Ended { reason } => self.ended = Some(reason),
            ClientEvent::State { .. }
            | ClientEvent::CaptionEnd { .. }
            | ClientEvent::Tool(_)
            | ClientEvent::Muted { .. }
            | ClientEvent::Pulse { .. }
            | ClientEvent::Ticket => {}
        }
    }
}

impl Microphone {
    /// When the next frame is complete.
    fn due_at(&self) -> Option<Instant> {
        self.since.map(|(since, frames)| since + FRAME * u32::try_from(frames).unwrap_or(u32::MAX))
    }

    /// 20 ms of what is to be said, or of silence.
    fn frame(&mut self) -> Bytes {
        let Some((_, frames)) = &mut self.since else { return Bytes::new() };
        let edge = |frames: u64| frames * u64::from(self.rate_hz) / FRAMES_PER_SECOND;
        let count = edge(*frames + 1) - edge(*frames);
        *frames += 1;
        let samples = (0..count).map(|_| self.speech.pop_front().unwrap_or_default());
        samples.flat_map(i16::to_le_bytes).collect()
    }
}

/// How a call goes, for people.
struct Progress<'p> {
    to: &'p mut (dyn Write + Send),
    /// Whose words stand on the line that is not ended yet.
    who: Option<Who>,
}

impl Progress<'_> {
    fn line(&mut self, line: &str) {
        let _ = self.end_words().and_then(|()| writeln!(self.to, "{line}"));
    }

    fn words(&mut self, who: Who, words: &str) {
        let _ = self.add_words(who, words);
    }

    fn add_words(&mut self, who: Who, words: &str) -> io::Result<()> {
        if self.who != Some(who) {
            self.end_words()?;
            let name = match who {
                Who::User => "  you:",
                Who::Model => "model:",
            };
            write!(self.to, "{name} ")?;
            self.who = Some(who);
        }
        write!(self.to, "{words}")?;
        self.to.flush()
    }

    fn end_words(&mut self) -> io::Result<()> {
        match self.who.take() {
            Some(_) => writeln!(self.to),
            None => Ok(()),
        }
    }
}

/// The next thing from the proxy; never, while there is no socket.
async fn next(link: &mut Option<Link>) -> Event {
    match link {
        Some(link) => link.next(true).await,
        None => core::future::pending().await,
    }
}

/// The socket that an address means: `http` is `ws`, and a proxy's calls are at `/ws`.
fn socket_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return None,
    };
    let rest = rest.trim_end_matches('/');
    let path = if rest.contains('/') { "" } else { "/ws" };
    let url = format!("{scheme}://{rest}{path}");
    url.parse::<axum::http::Uri>()
        .is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()))
        .then_some(url)
}

fn write_wav(path: &PathBuf, pcm: &[u8]) -> Result<(), hound::Error> {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: MODEL_RATE_HZ, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in vivavoce_dsp::pcm::from_le_bytes(pcm) {
        writer.write_sample(sample)?;
    }
    writer.finalize()
}

impl fmt::Display for TalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wav(error) => error.fmt(f),
            Self::Url { found } => {
                write!(f, "the proxy's address is like ws://127.0.0.1:8003/ws; found \"{found}\"")
            }
            Self::Ended { reason } if reason.is_empty() => f.write_str("the call ended before the answer"),
            Self::Ended { reason } => f.write_str(reason),
            Self::NoReply { file, what } => write!(f, "no reply to {file}: {what}"),
            Self::Output { file, error } => write!(f, "cannot write \"{}\": {error}", file.display()),
        }
    }
}

impl std::error::Error for TalkError {}

const NOTHING: &str = "the model said nothing for 30 s";

const SOUNDLESS: &str = "a turn without a sound, and nothing for 30 s";

/// How long the model may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file's end is silent this long, whatever the answer does.
const SILENCE_AFTER: Duration = Duration::from_secs(1);

/// Transcripts keep no order with the sound: the last words may come after the turn's end.
const LATE_WORDS: Duration = Duration::from_millis(250);

/// Nobody speaks before somebody listens.
const KEPT_AUDIO: Duration = Duration::from_secs(30);

const FRAME: Duration = Duration::from_millis(20);
const FRAMES_PER_SECOND: u64 = 50;

/// As often as a page's player.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// A proxy that is there says goodbye within this.
const GOODBYE: Duration = Duration::from_secs(2);
