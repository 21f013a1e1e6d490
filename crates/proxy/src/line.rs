//! A WebSocket and what waits to go over it.

use crate::frames::{Content, Message};
use crate::outbox::Outbox;
use crate::socket::{Gone, Socket};
use core::mem;
use core::task::{Context, Poll, Waker, ready};
use core::time::Duration;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// A socket that is open, with its outbox. What is sent goes at once where the socket takes it, and the rest when it is asked
/// for.
#[derive(Debug)]
pub(crate) struct Line<S, M> {
    socket: Socket<S>,
    outbox: Outbox<M>,
    /// Whether something is on its way that the socket has not taken whole.
    in_flight: bool,
    /// Bytes of messages that it took.
    written: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin, M: Content> Line<S, M> {
    /// A line for which this waits already.
    pub(crate) fn new(socket: Socket<S>, outbox: Outbox<M>) -> Self {
        let mut line = Self { socket, outbox, in_flight: false, written: 0 };
        line.try_to_write();
        line
    }

    /// Sends a message as soon as it can be.
    pub(crate) fn send(&mut self, message: M) {
        self.send_with(message, false);
    }

    /// Sends a message, where `has_next` with what is sent next: at the latest when [`Self::poll_write`] is asked.
    pub(crate) fn send_with(&mut self, message: M, has_next: bool) {
        self.outbox.push(message);
        if !has_next {
            self.try_to_write();
        }
    }

    /// Whether more came than was read, if not a whole message.
    pub(crate) const fn has_more(&self) -> bool {
        self.socket.has_more()
    }

    /// The next message that comes.
    ///
    /// # Errors
    /// Nothing more comes.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Gone>> {
        self.socket.poll_next(context)
    }

    /// Ready when nothing waits, or nothing can be written any more; why not is read.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let outcome = ready!(self.socket.poll_flush(context));
            if mem::take(&mut self.in_flight) || outcome.is_err() {
                self.wrote(&outcome);
            }
            if self.socket.has_said_goodbye() {
                self.give_up();
            }
            if self.outbox.is_empty() {
                return Poll::Ready(());
            }
            let Self { socket, outbox, written, .. } = self;
            let outcome = socket.write(context, || {
                let message = outbox.pop()?;
                *written += message.bytes() as u64;
                Some(message)
            });
            self.in_flight = outcome.is_ok();
            if outcome.is_err() {
                self.wrote(&outcome);
            }
        }
    }

    /// Whoever waits for what comes is woken when the rest can go.
    fn try_to_write(&mut self) {
        let _ = self.poll_write(&mut Context::from_waker(Waker::noop()));
        if self.has_unsent() {
            self.outbox.waits();
        }
    }

    fn wrote(&mut self, outcome: &io::Result<()>) {
        if outcome.is_err() {
            self.give_up();
        }
        self.outbox.written();
    }

    fn give_up(&mut self) {
        self.outbox.close();
        self.outbox.clear();
    }

    /// Whether something waits for the socket to take it.
    pub(crate) fn has_unsent(&self) -> bool {
        self.in_flight || !self.outbox.is_empty()
    }

    /// When patience with one who takes nothing ends; none while nothing waits for them.
    pub(crate) fn stuck_until(&self, patience: Duration) -> Option<Instant> {
        self.outbox.stuck_until(patience)
    }

    /// Bytes of messages that the socket took since this was asked last.
    pub(crate) const fn take_written(&mut self) -> u64 {
        mem::replace(&mut self.written, 0)
    }

    /// Bytes of messages that came since this was asked last.
    pub(crate) const fn take_read(&mut self) -> u64 {
        self.socket.take_read()
    }

    /// What waits.
    pub(crate) const fn outbox(&self) -> &Outbox<M> {
        &self.outbox
    }

    /// What waits, to be sorted out.
    pub(crate) const fn outbox_mut(&mut self) -> &mut Outbox<M> {
        &mut self.outbox
    }

    /// The same over another stream, made of this one's.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn over<T>(self, stream: impl FnOnce(S) -> io::Result<T>) -> io::Result<Line<T, M>> {
        let Self { socket, outbox, in_flight, written } = self;
        Ok(Line { socket: socket.over(stream)?, outbox, in_flight, written })
    }

    /// The stream alone.
    pub(crate) fn into_stream(self) -> S {
        self.socket.into_inner()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use crate::frames::End;
    use core::pin::pin;
    use tokio::io::{AsyncReadExt as _, ReadBuf, duplex};

    #[tokio::test]
    async fn what_is_held_goes_with_what_follows_or_when_the_line_is_asked() {
        let (ours, mut theirs) = duplex(100);
        let mut line = Line::new(Socket::new(ours, &[], End::Server, 100), Outbox::new());
        let context = &mut Context::from_waker(Waker::noop());
        line.send_with(Message::Text("a".into()), true);
        line.send_with(Message::Text("b".into()), true);
        let came = &mut [0; 9];
        assert!(pin!(&mut theirs).poll_read(context, &mut ReadBuf::new(came)).is_pending());
        assert!(line.has_unsent() && line.stuck_until(Duration::ZERO).is_none(), "nobody refused it");
        line.send(Message::Text("c".into()));
        theirs.read_exact(came).await.unwrap();
        assert_eq!(came, b"\x81\x01a\x81\x01b\x81\x01c");
        line.send_with(Message::Text("d".into()), true);
        assert!(line.poll_write(context).is_ready() && !line.has_unsent());
        theirs.read_exact(&mut came[..3]).await.unwrap();
        assert_eq!(&came[..3], b"\x81\x01d");
    }
}
