//! The guard of a WebSocket over any stream of bytes.

use crate::frames::{self, Broken, Content, Ear, End, Kind, Message, Reader};
use bytes::Bytes;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::cell::RefCell;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A WebSocket that is open. It keeps no room but for what came or went in part.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    end: End,
    reader: Reader,
    /// What the stream has not taken yet begins at `sent`.
    unsent: Vec<u8>,
    sent: usize,
    /// Whether the stream may hold back what it took.
    is_dirty: bool,
    /// A ping that is to be answered when there is room again; the newest is answer enough.
    echo: Option<Bytes>,
    /// Whether goodbye was said here, and there.
    said_goodbye: bool,
    heard_goodbye: bool,
}

/// Why nothing more comes.
#[derive(Debug)]
pub(crate) enum Gone {
    /// The connection ended, with or without a reason.
    Lost(Option<io::Error>),
    /// The other side broke the rules.
    Broken(Broken),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A WebSocket over `stream`, of which `came` was read already; messages that come may hold `most_bytes`.
    pub(crate) fn new(stream: S, came: &[u8], end: End, most_bytes: usize) -> Self {
        let mut socket = Self {
            stream,
            end,
            reader: Reader::new(end, most_bytes),
            unsent: Vec::new(),
            sent: 0,
            is_dirty: false,
            echo: None,
            said_goodbye: false,
            heard_goodbye: false,
        };
        socket.reader.keep(came);
        socket
    }

    /// The same, which looks for a voice by this.
    pub(crate) const fn listening(mut self, ear: Option<Ear>) -> Self {
        if let Some(ear) = ear {
            self.reader.listen(ear);
        }
        self
    }

    /// Bytes of messages that came since this was asked last.
    pub(crate) const fn take_read(&mut self) -> u64 {
        self.reader.take_read()
    }

    /// Whether more came than was read, if not a whole message.
    pub(crate) const fn has_more(&self) -> bool {
        self.reader.has_more()
    }

    /// The next message. A ping was answered, and a goodbye too, when it is given.
    ///
    /// # Errors
    /// Nothing more comes.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Gone>> {
        if self.heard_goodbye {
            return Poll::Ready(Err(Gone::Lost(None)));
        }
        let mut message = self.reader.next().map_err(Gone::Broken)?;
        let message = loop {
            match message {
                Some(message) => break message,
                None => message = ready!(self.poll_read(context))?,
            }
        };
        self.heard(&message, context);
        Poll::Ready(Ok(message))
    }

    /// Reads what there is into a room that all sockets of a thread share, for a message that comes whole needs no other.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Message>, Gone>> {
        CAME.with_borrow_mut(|room| {
            let mut room = ReadBuf::new(room);
            let outcome = ready!(Pin::new(&mut self.stream).poll_read(context, &mut room));
            outcome.map_err(|error| Gone::Lost(Some(error)))?;
            if room.filled().is_empty() {
                return Poll::Ready(Err(Gone::Lost(None)));
            }
            Poll::Ready(self.reader.read(room.filled_mut()).map_err(Gone::Broken))
        })
    }

    fn heard(&mut self, message: &Message, context: &mut Context<'_>) {
        match message {
            Message::Ping(echo) => self.echo = Some(echo.clone()),
            Message::Close(said) => {
                self.heard_goodbye = true;
                let code = said.as_ref().map(|(code, _)| (*code, String::new()));
                if !self.said_goodbye {
                    frames::write(&Message::Close(code), self.end, &mut self.unsent);
                    self.said_goodbye = true;
                }
            }
            Message::Text(_) | Message::Binary(_) | Message::Voice(_) | Message::Pong(_) => return,
        }
        // Whoever reads on, or closes, tries again.
        let _ = self.poll_flush(context);
    }

    /// Writes what comes next as far as the stream takes it, some messages at a time; only when [`Self::poll_flush`] was ready.
    /// Nothing follows a goodbye: what comes next is left where it is.
    ///
    /// # Errors
    /// The connection takes nothing any more.
    pub(crate) fn write<M: Content>(
        &mut self,
        context: &mut Context<'_>,
        mut next: impl FnMut() -> Option<M>,
    ) -> io::Result<()> {
        GOES.with_borrow_mut(|out| {
            out.clear();
            while out.len() < BATCH_BYTES
                && !self.said_goodbye
                && let Some(message) = next()
            {
                frames::write(&message, self.end, out);
                self.said_goodbye = message.kind() == Kind::Close;
            }
            let mut sent = 0;
            while sent < out.len() {
                match Pin::new(&mut self.stream).poll_write(context, &out[sent..]) {
                    Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(count)) => sent += count,
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => {
                        self.unsent.extend_from_slice(&out[sent..]);
                        break;
                    }
                }
            }
            self.is_dirty = true;
            if out.capacity() > MOST_KEPT {
                *out = Vec::new();
            }
            Ok(())
        })
    }

    /// Ready when the stream has all that was written.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.sent < self.unsent.len() {
                match ready!(Pin::new(&mut self.stream).poll_write(context, &self.unsent[self.sent..]))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => self.sent += count,
                }
                self.is_dirty = true;
            }
            if !self.unsent.is_empty() {
                (self.unsent, self.sent) = (Vec::new(), 0);
            }
            let Some(echo) = self.echo.take() else { break };
            let mut pong = Some(Message::Pong(echo));
            self.write(context, || pong.take())?;
        }
        if self.is_dirty {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.is_dirty = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether goodbye was said here.
    pub(crate) const fn has_said_goodbye(&self) -> bool {
        self.said_goodbye
    }

    /// The same over another stream, made of this one's.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn over<T>(self, stream: impl FnOnce(S) -> io::Result<T>) -> io::Result<Socket<T>> {
        let Self { stream: former, end, reader, unsent, sent, is_dirty, echo, said_goodbye, heard_goodbye } =
            self;
        let stream = stream(former)?;
        Ok(Socket { stream, end, reader, unsent, sent, is_dirty, echo, said_goodbye, heard_goodbye })
    }

    pub(crate) const fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

thread_local! {
    /// Where what comes lies while it is read.
    static CAME: RefCell<Box<[u8]>> = RefCell::new(vec![0; ROOM_BYTES].into());
    /// Where what goes lies while it is written.
    static GOES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is read at a time: more than a piece of a voice, less than a processor's fastest memory.
const ROOM_BYTES: usize = 16 * 1024;

/// What is written at a time: what is on its way cannot be taken back when somebody interrupts.
const BATCH_BYTES: usize = 4 * 1024;

/// A rare large message does not make a thread keep its room.
const MOST_KEPT: usize = 64 * 1024;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use core::future::poll_fn;
    use std::collections::VecDeque;
    use tokio::io::{DuplexStream, duplex};

    /// Both ends of a connection that takes `room` bytes at a time.
    fn pair(room: usize) -> (Socket<DuplexStream>, Socket<DuplexStream>) {
        let (ours, theirs) = duplex(room);
        (Socket::new(ours, &[], End::Server, 1 << 20), Socket::new(theirs, &[], End::Client, 1 << 20))
    }

    async fn say(socket: &mut Socket<DuplexStream>, messages: &[Message]) -> io::Result<()> {
        let mut waiting: VecDeque<_> = messages.iter().cloned().collect();
        poll_fn(|context| {
            loop {
                ready!(socket.poll_flush(context))?;
                if waiting.is_empty() || socket.has_said_goodbye() {
                    return Poll::Ready(Ok(()));
                }
                socket.write(context, || waiting.pop_front())?;
            }
        })
        .await
    }

    async fn hear(socket: &mut Socket<DuplexStream>) -> Result<Message, Gone> {
        poll_fn(|context| socket.poll_next(context)).await
    }

    #[tokio::test]
    async fn everything_comes_in_order_however_little_goes_at_a_time() {
        let (mut ours, mut theirs) = pair(7);
        let said: Vec<_> =
            (0..40).map(|size| Message::Binary(vec![size; usize::from(size) * 300].into())).collect();
        let heard = async {
            for message in &said {
                assert_eq!(&hear(&mut theirs).await.unwrap(), message);
            }
        };
        let (outcome, ()) = tokio::join!(say(&mut ours, &said), heard);
        outcome.unwrap();
        assert_eq!((ours.unsent.capacity(), theirs.reader.next()), (0, Ok(None)), "it keeps no room");
    }

    #[tokio::test]
    async fn what_came_with_the_answer_to_the_request_is_heard_first() {
        let (ours, _theirs) = duplex(64);
        let mut socket = Socket::new(ours, &[0x81, 2, b'h', b'i'], End::Client, 100);
        assert_eq!(hear(&mut socket).await.unwrap(), Message::Text("hi".into()));
    }

    #[tokio::test]
    async fn the_newest_of_many_pings_is_answered_by_one_who_cannot_write() {
        let (mut ours, mut theirs) = pair(1000);
        // It takes nothing of this until the other side reads.
        let long = Message::Binary(vec![1; 5000].into());
        poll_fn(|context| Poll::Ready(ours.write(context, || Some(long.clone())))).await.unwrap();
        for echo in 0..50_u8 {
            say(&mut theirs, &[Message::Ping(vec![echo].into())]).await.unwrap();
            assert!(matches!(hear(&mut ours).await.unwrap(), Message::Ping(_)));
        }
        let (flushed, heard) = tokio::join!(say(&mut ours, &[]), async {
            [hear(&mut theirs).await.unwrap(), hear(&mut theirs).await.unwrap()]
        });
        flushed.unwrap();
        assert_eq!(heard, [long, Message::Pong(vec![49].into())]);
    }

    #[tokio::test]
    async fn a_goodbye_is_answered_once_and_ends_both_ways() {
        let (mut ours, mut theirs) = pair(1000);
        let goodbye = Message::Close(Some((1001, "enough".into())));
        say(&mut theirs, &[goodbye.clone(), Message::Text("too late".into())]).await.unwrap();
        assert_eq!(hear(&mut ours).await.unwrap(), goodbye);
        assert!(ours.has_said_goodbye());
        assert!(matches!(hear(&mut ours).await, Err(Gone::Lost(None))));
        assert_eq!(hear(&mut theirs).await.unwrap(), Message::Close(Some((1001, String::new()))));
        drop(ours);
        assert!(matches!(hear(&mut theirs).await, Err(Gone::Lost(None))), "it was not answered again");
    }

    #[tokio::test]
    async fn who_breaks_the_rules_or_goes_without_a_word_is_told_apart() {
        let (mut ours, theirs) = pair(1000);
        drop(theirs);
        assert!(matches!(hear(&mut ours).await, Err(Gone::Lost(_))));
        let (stream, mut theirs) = duplex(1000);
        let mut ours = Socket::new(stream, &[], End::Server, 100);
        tokio::io::AsyncWriteExt::write_all(&mut theirs, &[0xff, 0xff]).await.unwrap();
        assert!(matches!(hear(&mut ours).await, Err(Gone::Broken(Broken::Rule(_)))));
    }
}
