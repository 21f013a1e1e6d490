//! The guard of a WebSocket that we opened: to the service, or, for `talk`, to a proxy.

use crate::alarm::Alarm;
use crate::dial::Address;
use crate::frames::{Content, Kind, Message};
use crate::line::Line;
use crate::outbox::Outbox;
use crate::socket::{Gone, Socket};
use crate::stream::Stream;
use bytes::Bytes;
use core::future::{Future, poll_fn};
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use vivavoce_gemini::RealtimeInput;

/// A socket from the first try to connect. Dropping it says goodbye. What is sent goes at once where the socket takes it, and
/// else while [`Self::next`] is waited for.
#[derive(Debug)]
pub(crate) struct Link {
    stage: Stage,
}

/// Where a socket stands.
#[derive(Debug)]
enum Stage {
    /// It is on its way, or the reason why it will not come; this waits for it.
    Connecting(oneshot::Receiver<Result<Outgoing, String>>, JoinHandle<()>, Outbox<Said>),
    Open(Box<Line<Stream, Said>>),
    /// Goodbye is being said, if there was anybody to say it to.
    Over(Option<JoinHandle<()>>),
}

type Outgoing = Socket<Stream>;

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Message(Message),
    /// 16 kHz PCM, which is the service's message once it goes out.
    Speech(Bytes),
}

impl From<Message> for Said {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl Content for Said {
    fn kind(&self) -> Kind {
        match self {
            Self::Message(message) => message.kind(),
            Self::Speech(_) => Kind::Text,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.bytes(),
            Self::Speech(pcm) => RealtimeInput::speech_bytes(pcm.len()),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) => message.write(out),
            Self::Speech(pcm) => RealtimeInput::write_speech(pcm, out),
        }
    }
}

/// What came of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It is open.
    Open,
    /// A text frame came.
    Text(String),
    /// A binary frame came.
    Binary(Bytes),
    /// Sound came that the address's ear found.
    Voice(Bytes),
    /// So little is unsent again that more may be made.
    Room,
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

impl Link {
    /// Begins to connect, once `former` has said goodbye.
    pub(crate) fn open(address: Address, former: Option<JoinHandle<()>>) -> Self {
        let (report, coming) = oneshot::channel();
        let task = tokio::spawn(async move {
            if let Some(former) = former {
                let _ = timeout(GOODBYE, former).await;
            }
            connect(&address, report).await;
        });
        Self { stage: Stage::Connecting(coming, task, Outbox::new()) }
    }

    /// Waits for the next thing, which is nothing that is said unless it may be read; may be dropped and called again
    /// without a loss.
    pub(crate) async fn next(&mut self, may_read: bool) -> Event {
        let mut alarm = Alarm::default();
        poll_fn(|context| {
            loop {
                if let Poll::Ready(event) = self.poll_next(context, may_read) {
                    return Poll::Ready(event);
                }
                let Some(wake_at) = self.wake_at() else { return Poll::Pending };
                ready!(alarm.poll_by(context, wake_at));
            }
        })
        .await
    }

    /// The next thing; whoever asks has a clock, and asks again at [`Self::wake_at`].
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<Event> {
        let is_stuck = self.wake_at().is_some_and(|until| Instant::now() >= until);
        let event = match &mut self.stage {
            Stage::Connecting(coming, _, outbox) => {
                let outcome = ready!(Pin::new(coming).poll(context));
                match outcome.unwrap_or_else(|_| Err("the connection was lost".to_owned())) {
                    Ok(socket) => {
                        let outbox = mem::replace(outbox, Outbox::new());
                        self.stage = Stage::Open(Box::new(Line::new(socket, outbox)));
                        Event::Open
                    }
                    Err(reason) => lost(&reason),
                }
            }
            Stage::Open(_) if is_stuck => lost("it took nothing for too long"),
            Stage::Open(line) => ready!(poll_line(line, may_read, context)),
            Stage::Over(_) => return Poll::Ready(lost("the connection was lost")),
        };
        if let Event::Closed(_) = event {
            if let Stage::Open(line) = &mut self.stage {
                line.outbox_mut().clear();
            }
            self.part();
        }
        Poll::Ready(event)
    }

    /// When there is something to do although nothing comes.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.line().and_then(|line| line.stuck_until(UNTAKEN))
    }

    /// Whether something waits for the socket to take it.
    pub(crate) fn has_unsent(&self) -> bool {
        self.line().is_some_and(Line::has_unsent)
    }

    /// Whether so little is unsent that more may be made.
    pub(crate) fn has_room(&self) -> bool {
        self.unsent() <= FULL
    }

    /// Frames that wait.
    pub(crate) fn unsent(&self) -> usize {
        match &self.stage {
            Stage::Connecting(_, _, outbox) => outbox.len(),
            Stage::Open(line) => line.outbox().len(),
            Stage::Over(_) => 0,
        }
    }

    /// Bytes of frames that came, and of those that the socket took, since this was asked last.
    pub(crate) const fn take_traffic(&mut self) -> (u64, u64) {
        match &mut self.stage {
            Stage::Open(line) => (line.take_read(), line.take_written()),
            Stage::Connecting(..) | Stage::Over(_) => (0, 0),
        }
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// More is unsent than one thing can lead to: how the link counts as closed.
    pub(crate) fn send(&mut self, said: impl Into<Said>) -> Result<(), Closed> {
        self.send_with(said.into(), false)
    }

    /// Sends a frame, where `has_next` with what is sent next: at the latest when the link is asked for something.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub(crate) fn send_with(&mut self, said: Said, has_next: bool) -> Result<(), Closed> {
        if self.unsent() >= MOST_WAITING {
            return Err(Closed { code: 1006, reason: "it took nothing for too long".to_owned() });
        }
        match &mut self.stage {
            Stage::Connecting(_, _, outbox) => outbox.push(said),
            Stage::Open(line) => line.send_with(said, has_next),
            // Why it is over was said.
            Stage::Over(_) => {}
        }
        Ok(())
    }

    /// Whether more came than was read, if not a whole frame.
    pub(crate) fn has_more(&self) -> bool {
        self.line().is_some_and(Line::has_more)
    }

    fn line(&self) -> Option<&Line<Stream, Said>> {
        if let Stage::Open(line) = &self.stage { Some(line) } else { None }
    }

    /// Says goodbye after everything that waits; the task ends when the other side knows.
    pub(crate) fn close(mut self) -> JoinHandle<()> {
        self.part();
        match mem::replace(&mut self.stage, Stage::Over(None)) {
            Stage::Over(Some(farewell)) => farewell,
            _ => tokio::spawn(async {}),
        }
    }

    fn part(&mut self) {
        let farewell = match mem::replace(&mut self.stage, Stage::Over(None)) {
            // Its task hears that nobody waits any more.
            Stage::Connecting(_, task, _) => Some(task),
            Stage::Open(line) => Some(tokio::spawn(say_goodbye(line))),
            Stage::Over(farewell) => farewell,
        };
        self.stage = Stage::Over(farewell);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.part();
    }
}

/// Writes what can be written, then reads if it may.
fn poll_line(line: &mut Line<Stream, Said>, may_read: bool, context: &mut Context<'_>) -> Poll<Event> {
    let was_crowded = line.outbox().len() > FULL;
    let _ = line.poll_write(context);
    if was_crowded && line.outbox().len() <= FULL {
        return Poll::Ready(Event::Room);
    }
    if !may_read {
        return Poll::Pending;
    }
    loop {
        if let Some(event) = event(ready!(line.poll_read(context))) {
            return Poll::Ready(event);
        }
    }
}

/// Connects, and reports the socket or why there is none; hangs up where nobody waits for it any more.
async fn connect(address: &Address, mut report: oneshot::Sender<Result<Outgoing, String>>) {
    let outcome = tokio::select! {
        outcome = timeout(CONNECT_DEADLINE, address.connect()) => outcome,
        () = report.closed() => return,
    };
    let outcome = match outcome {
        Ok(Ok(socket)) => {
            keep_alive(&socket);
            Ok(socket)
        }
        Ok(Err(reason)) => Err(reason),
        Err(_elapsed) => Err(format!("no connection within {} s", CONNECT_DEADLINE.as_secs())),
    };
    if let Err(Ok(socket)) = report.send(outcome) {
        say_goodbye(Box::new(Line::new(socket, Outbox::new()))).await;
    }
}

/// Says what waits, then goodbye, and reads to the end, so that both sides' are said.
async fn say_goodbye(mut line: Box<Line<Stream, Said>>) {
    line.send(Message::Close(None).into());
    let _ = timeout(LAST_WORDS, poll_fn(|context| line.poll_write(context))).await;
    let farewell = poll_fn(|context| {
        while ready!(line.poll_read(context)).is_ok() {}
        Poll::Ready(())
    });
    let _ = timeout(GOODBYE, farewell).await;
}

/// Has the system notice a peer that is gone although nothing is sent to it.
fn keep_alive(socket: &Outgoing) {
    let rhythm = socket2::TcpKeepalive::new().with_time(ALIVE_EVERY).with_interval(ALIVE_EVERY);
    if let Err(error) = socket2::SockRef::from(socket.get_ref().tcp()).set_tcp_keepalive(&rhythm) {
        tracing::debug!(%error, "a socket option was refused");
    }
}

/// What a frame means; none for those that only show that somebody is there.
fn event(message: Result<Message, Gone>) -> Option<Event> {
    match message {
        Ok(Message::Text(text)) => Some(Event::Text(text)),
        Ok(Message::Binary(bytes)) => Some(Event::Binary(bytes)),
        Ok(Message::Voice(pcm)) => Some(Event::Voice(pcm)),
        Ok(Message::Ping(_) | Message::Pong(_)) => None,
        Ok(Message::Close(Some((code, reason)))) => Some(Event::Closed(Closed { code, reason })),
        Ok(Message::Close(None)) => Some(Event::Closed(Closed { code: 1005, reason: String::new() })),
        Err(Gone::Lost(Some(error))) => Some(lost(&error.to_string())),
        Err(Gone::Lost(None)) => Some(lost("the connection was lost")),
        Err(Gone::Broken(broken)) => Some(lost(&broken.to_string())),
    }
}

fn lost(reason: &str) -> Event {
    Event::Closed(Closed { code: 1006, reason: reason.to_owned() })
}

/// More than [`FULL`] and all that one thing can lead to: half a minute of early sound, its ends and its texts.
const MOST_WAITING: usize = 8_192;

/// With more unsent than this, no more is made: some 2,000 frames of 20 ms, or 40 s.
const FULL: usize = 2_000;

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
