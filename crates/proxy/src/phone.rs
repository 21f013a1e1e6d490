//! The guard of a phone's socket.

use crate::alarm::Alarm;
use crate::outbox::{Frame, LONGEST_REASON_BYTES, Outbox};
use crate::upgrade::{Raw, Socket};
use bytes::Bytes;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use vivavoce_wire::{AudioFrame, Code, FromProxy, Trouble};

/// A phone at the other end of a socket. What is sent goes at once where the socket takes it, and else while [`Self::next`]
/// is waited for.
#[derive(Debug)]
pub(crate) struct Phone {
    line: Line,
    alarm: Alarm,
    ping_at: Instant,
    /// How long it may leave everything unread.
    patience: Duration,
}

/// The socket, and what waits for it.
#[derive(Debug)]
struct Line {
    socket: Socket,
    outbox: Outbox,
    /// Whether a frame is on its way that the socket has not taken whole.
    in_flight: bool,
    /// Bytes of frames that it took.
    written: u64,
}

/// What came of listening to a phone.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Bytes),
    /// A ping or a pong: somebody is there.
    Alive,
    /// It broke the rules in a way that ends the conversation; it can still be told so.
    Fault(Trouble),
    /// It hung up, or the network did.
    Gone,
}

impl Phone {
    /// Takes over a fresh socket; `patience` is how long the phone may leave everything unread.
    pub(crate) fn open(socket: Socket, patience: Duration) -> Self {
        let line = Line { socket, outbox: Outbox::default(), in_flight: false, written: 0 };
        Self { line, alarm: Alarm::default(), ping_at: Instant::now() + PING_EVERY, patience }
    }

    /// How a phone's socket is to be set up.
    pub(crate) fn socket_config(max_frame_bytes: u32) -> WebSocketConfig {
        let most = Some(max_frame_bytes as usize);
        WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(most)
            .max_frame_size(most)
    }

    /// Waits for the next thing from the phone, or, where nothing may be read, for its patience to end; may be dropped
    /// and called again without a loss.
    pub(crate) async fn next(&mut self, may_read: bool) -> Heard {
        loop {
            // First, or one who only ever talks would never be told.
            let (now, stuck_until) = (Instant::now(), self.line.outbox.stuck_until(self.patience));
            if stuck_until.is_some_and(|until| now >= until) || self.line.outbox.is_overfull() {
                return Heard::Fault(self.too_slow());
            }
            if now >= self.ping_at {
                self.line.send(Frame::Ping);
                self.ping_at = now + PING_EVERY;
            }
            let wake_at = stuck_until.map_or(self.ping_at, |until| until.min(self.ping_at));
            tokio::select! {
                biased;
                message = poll_fn(|context| self.line.poll(may_read, context)) => return understand(message),
                () = self.alarm.by(wake_at) => {}
            }
        }
    }

    /// Bytes that wait for it, or so.
    pub(crate) const fn unsent_bytes(&self) -> usize {
        self.line.outbox.bytes()
    }

    /// Bytes of frames that its socket took since this was asked last.
    pub(crate) const fn take_written(&mut self) -> u64 {
        core::mem::replace(&mut self.line.written, 0)
    }

    /// Drops the sound of turn `epoch` and older ones that waits to be sent: what follows overtakes it.
    pub(crate) fn drop_audio(&mut self, epoch: u32) {
        self.line.outbox.drop_stale(epoch);
    }

    /// Sends a message, which may bear a number.
    pub(crate) fn send(&mut self, message: &FromProxy, sequence: Option<u32>) {
        let text = sequence.map_or_else(|| message.encode(), |sequence| message.encode_numbered(sequence));
        self.send_text(text);
    }

    /// Sends an encoded message.
    pub(crate) fn send_text(&mut self, text: String) {
        self.line.send(Frame::Text(text));
    }

    /// Sends an encoded audio frame.
    pub(crate) fn send_audio(&mut self, bytes: Bytes) {
        let epoch = AudioFrame::decode(&bytes).map_or(u32::MAX, |frame| frame.epoch);
        self.line.send(Frame::Audio { epoch, bytes });
    }

    /// Says goodbye after everything that waits.
    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        let end = reason.floor_char_boundary(LONGEST_REASON_BYTES);
        self.line.send(Frame::Close { code, reason: reason[..end].to_owned() });
    }

    /// Tells what went wrong and says goodbye.
    pub(crate) fn send_trouble(&mut self, trouble: Trouble) {
        let (code, reason) = (trouble.code.close_code(), trouble.message.clone());
        self.send(&FromProxy::Error { error: trouble }, None);
        self.send_close(code, &reason);
    }

    /// Sends what waits, within reason, answers a goodbye of the phone's, and lets it go.
    pub(crate) async fn close(mut self) {
        self.line.outbox.close();
        if timeout(LAST_WORDS, poll_fn(|context| self.line.poll_write(context))).await.is_err() {
            return;
        }
        // The answer to a close frame was made when that was read; here it is written.
        let _ = timeout(LAST_WORDS, self.line.socket.flush()).await;
        let _ = timeout(LINGER, hear_out(self.line.socket.into_inner())).await;
    }

    /// What a phone that reads nothing is told, in place of what it has not read.
    fn too_slow(&mut self) -> Trouble {
        self.line.outbox.clear();
        let sentence = "The call was ended because this device read nothing of it for too long: check its network \
                        and call again.";
        Trouble::new(Code::TooSlow, sentence)
    }
}

impl Line {
    /// Sends a frame as soon as it can be.
    fn send(&mut self, frame: Frame) {
        self.outbox.push(frame);
        // Whoever waits for the next thing is woken when the rest can go.
        let _ = self.poll_write(&mut Context::from_waker(Waker::noop()));
    }

    /// Writes what can be written, then reads if it may.
    fn poll(&mut self, may_read: bool, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let _ = self.poll_write(context);
        if may_read { self.socket.poll_next_unpin(context) } else { Poll::Pending }
    }

    /// Ready when nothing waits, or nothing can be written any more.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.in_flight {
                let outcome = ready!(self.socket.poll_flush_unpin(context));
                self.in_flight = false;
                self.wrote(&outcome);
            }
            let Some(frame) = self.outbox.pop() else { return Poll::Ready(()) };
            let message = message(frame);
            self.written += message.len() as u64;
            let outcome = self.socket.start_send_unpin(message);
            self.in_flight = outcome.is_ok();
            if outcome.is_err() {
                self.wrote(&outcome);
            }
        }
    }

    fn wrote(&mut self, outcome: &Result<(), Error>) {
        if outcome.is_err() {
            self.outbox.close();
            self.outbox.clear();
        }
        self.outbox.written();
    }
}

/// What a frame means for the call.
fn understand(message: Option<Result<Message, Error>>) -> Heard {
    match message {
        Some(Ok(Message::Text(text))) => Heard::Text(text.as_str().to_owned()),
        Some(Ok(Message::Binary(bytes))) => Heard::Binary(bytes),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Alive,
        Some(Err(error)) => trouble(&error).map_or(Heard::Gone, Heard::Fault),
        Some(Ok(Message::Close(_))) | None => Heard::Gone,
    }
}

/// What to tell a phone that broke the rules of WebSockets; none if it is gone.
fn trouble(error: &Error) -> Option<Trouble> {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let sentence =
                format!("Frames may hold up to {max_size} bytes; found one of {size}: send less at a time.");
            Some(Trouble::new(Code::TooLarge, sentence))
        }
        Error::Utf8(_) => {
            let detail = "text frames hold JSON in UTF-8; found bytes that are none";
            Some(Trouble::misunderstood(Code::BadMessage, detail))
        }
        Error::Protocol(broken) if !is_hang_up(error) => {
            let detail = format!("expected frames as RFC 6455 has them; found that they break it: {broken}");
            Some(Trouble::misunderstood(Code::BadMessage, detail))
        }
        _ => None,
    }
}

fn is_hang_up(error: &Error) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError as Broken;
    matches!(error, Error::Protocol(Broken::ResetWithoutClosingHandshake | Broken::SendAfterClosing))
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Audio { bytes, .. } => Message::Binary(bytes),
        Frame::Ping => Message::Ping(Bytes::new()),
        Frame::Close { code, reason } => {
            Message::Close(Some(CloseFrame { code: code.into(), reason: Utf8Bytes::from(reason) }))
        }
    }
}

/// Sends the connection's end and reads until the phone's: closing with something unread would reset the connection,
/// and the phone might never see our last words.
async fn hear_out(mut raw: Raw) {
    let _ = raw.shutdown().await;
    let mut unread = [0; 4096];
    while raw.read(&mut unread).await.is_ok_and(|count| count > 0) {}
}

/// Some frames of a microphone. The socket fills so much with zeros for each read; what is larger gets its own room.
const READ_BYTES: usize = 4 * 1024;

/// Often enough for the shortest idle timeouts of mobile networks and of load balancers.
const PING_EVERY: Duration = Duration::from_secs(15);

/// A phone that reads takes its last words within this.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A client that behaves answers our goodbye within a round trip.
const LINGER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_socket_s_own_frames_as_signs_of_life() {
        for message in [Message::Ping(Bytes::new()), Message::Pong(Bytes::from_static(b"mine"))] {
            assert!(matches!(understand(Some(Ok(message))), Heard::Alive));
        }
        assert!(matches!(understand(Some(Ok(Message::Close(None)))), Heard::Gone));
        assert!(matches!(understand(None), Heard::Gone));
    }
}
