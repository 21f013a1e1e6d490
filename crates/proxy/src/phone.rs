//! The guard of a phone's socket.

use crate::addresses::Connected;
use crate::ahead::hear_out;
use crate::alarm::Alarm;
use crate::frames::{Broken, Message};
use crate::line::Line;
use crate::outbox::{Frame, LONGEST_REASON_BYTES, Outbox};
use crate::socket::Gone;
use crate::upgrade::Incoming;
use bytes::Bytes;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use vivavoce_wire::audio::AudioFrame;
use vivavoce_wire::{Code, FromProxy, Trouble};

/// A phone at the other end of a socket. What is sent goes at once where the socket takes it, and else while [`Self::next`]
/// is waited for.
#[derive(Debug)]
pub(crate) struct Phone {
    line: Line<TcpStream, Frame>,
    ping_at: Instant,
    /// How long it may leave everything unread.
    patience: Duration,
    /// Its place among the connections of its address.
    _connected: Option<Arc<Connected>>,
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
    /// Takes over a fresh socket, and its place among those of its address if it has one; `patience` is how long the phone may
    /// leave everything unread.
    pub(crate) fn open(socket: Incoming, patience: Duration, connected: Option<Arc<Connected>>) -> Self {
        let line = Line::new(socket, Outbox::new());
        Self { line, ping_at: Instant::now() + PING_EVERY, patience, _connected: connected }
    }

    /// The same phone, heard from now on by the thread that this runs on.
    ///
    /// # Errors
    /// The system cannot do that; the phone is gone.
    pub(crate) fn come_here(self) -> io::Result<Self> {
        let Self { line, ping_at, patience, _connected } = self;
        let line = line.over(|stream| TcpStream::from_std(stream.into_std()?))?;
        Ok(Self { line, ping_at, patience, _connected })
    }

    /// Waits for the next thing from the phone, or, where nothing may be read, for its patience to end; may be dropped
    /// and called again without a loss.
    pub(crate) async fn next(&mut self, may_read: bool) -> Heard {
        let mut alarm = Alarm::default();
        poll_fn(|context| {
            loop {
                if let Poll::Ready(heard) = self.poll_next(context, may_read, Instant::now()) {
                    return Poll::Ready(heard);
                }
                ready!(alarm.poll_by(context, self.wake_at()));
            }
        })
        .await
    }

    /// The next thing from the phone; whoever asks has a clock, and asks again at [`Self::wake_at`].
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        may_read: bool,
        now: Instant,
    ) -> Poll<Heard> {
        // First, or one who only ever talks would never be told.
        let is_stuck = self.line.stuck_until(self.patience).is_some_and(|until| now >= until);
        if is_stuck || self.line.outbox().is_overfull() {
            return Poll::Ready(Heard::Fault(self.too_slow()));
        }
        if now >= self.ping_at {
            self.line.send(Message::Ping(Bytes::new()).into());
            self.ping_at = now + PING_EVERY;
        }
        let _ = self.line.poll_write(context);
        if may_read { self.line.poll_read(context).map(understand) } else { Poll::Pending }
    }

    /// When there is something to do although nothing comes.
    pub(crate) fn wake_at(&self) -> Instant {
        let stuck_until = self.line.stuck_until(self.patience);
        stuck_until.map_or(self.ping_at, |until| until.min(self.ping_at))
    }

    /// Whether something waits for the socket to take it.
    pub(crate) fn has_unsent(&self) -> bool {
        self.line.has_unsent()
    }

    /// Bytes that wait for it, or so.
    pub(crate) const fn unsent_bytes(&self) -> usize {
        self.line.outbox().bytes()
    }

    /// Bytes of frames that its socket took since this was asked last.
    pub(crate) const fn take_written(&mut self) -> u64 {
        self.line.take_written()
    }

    /// Drops the sound of turn `epoch` and older ones that waits to be sent: what follows overtakes it.
    pub(crate) fn drop_audio(&mut self, epoch: u32) {
        self.line.outbox_mut().drop_stale(epoch);
    }

    /// Sends a message, which may bear a number.
    pub(crate) fn send(&mut self, message: &FromProxy, sequence: Option<u32>) {
        let text = sequence.map_or_else(|| message.encode(), |sequence| message.encode_numbered(sequence));
        self.send_text(text);
    }

    /// Sends an encoded message.
    pub(crate) fn send_text(&mut self, text: String) {
        self.line.send(Message::Text(text).into());
    }

    /// Sends a piece of the model's voice, with the next one where that is known to be there.
    pub(crate) fn send_audio(&mut self, frame: AudioFrame, has_next: bool) {
        self.line.send_with(Frame::Audio(frame), has_next);
    }

    /// Whether more came from it than was heard.
    pub(crate) const fn has_more(&self) -> bool {
        self.line.has_more()
    }

    /// Says goodbye after everything that waits.
    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        let end = reason.floor_char_boundary(LONGEST_REASON_BYTES);
        self.line.send(Message::Close(Some((code, reason[..end].to_owned()))).into());
    }

    /// Tells what went wrong and says goodbye.
    pub(crate) fn send_trouble(&mut self, trouble: Trouble) {
        let (code, reason) = (trouble.code.close_code(), trouble.message.clone());
        self.send(&FromProxy::Error { error: trouble }, None);
        self.send_close(code, &reason);
    }

    /// Sends what waits, within reason, answers a goodbye of the phone's, and lets it go.
    pub(crate) async fn close(mut self) {
        self.line.outbox_mut().close();
        if timeout(LAST_WORDS, poll_fn(|context| self.line.poll_write(context))).await.is_err() {
            return;
        }
        let _ = timeout(LINGER, hear_out(self.line.into_stream())).await;
    }

    /// What a phone that reads nothing is told, in place of what it has not read.
    fn too_slow(&mut self) -> Trouble {
        self.line.outbox_mut().clear();
        let sentence = "The call was ended because this device read nothing of it for too long: check its network \
                        and call again.";
        Trouble::new(Code::TooSlow, sentence)
    }
}

/// What a frame means for the call.
fn understand(message: Result<Message, Gone>) -> Heard {
    match message {
        Ok(Message::Text(text)) => Heard::Text(text),
        Ok(Message::Binary(bytes)) => Heard::Binary(bytes),
        // Its reader was not told to look for a voice.
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Voice(_)) => Heard::Alive,
        Err(Gone::Broken(broken)) => Heard::Fault(trouble(broken)),
        Ok(Message::Close(_)) | Err(Gone::Lost(_)) => Heard::Gone,
    }
}

/// What to tell a phone that broke the rules of WebSockets.
fn trouble(broken: Broken) -> Trouble {
    match broken {
        Broken::TooLarge { found, most } => {
            let sentence =
                format!("Frames may hold up to {most} bytes; found one of {found}: send less at a time.");
            Trouble::new(Code::TooLarge, sentence)
        }
        Broken::NotText => {
            let detail = "text frames hold JSON in UTF-8; found bytes that are none";
            Trouble::misunderstood(Code::BadMessage, detail)
        }
        Broken::Rule(rule) => {
            let detail = format!("expected frames as RFC 6455 has them; found that they break it: {rule}");
            Trouble::misunderstood(Code::BadMessage, detail)
        }
    }
}

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
            assert!(matches!(understand(Ok(message)), Heard::Alive));
        }
        assert!(matches!(understand(Ok(Message::Close(None))), Heard::Gone));
        assert!(matches!(understand(Err(Gone::Lost(None))), Heard::Gone));
    }
}
