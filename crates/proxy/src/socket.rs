//! The guard of a WebSocket over any stream of bytes.

use crate::frames::{self, Broken, End, Message, Reader};
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

    /// The next message. A ping was answered, and a goodbye too, when it is given.
    ///
    /// # Errors
    /// Nothing more comes.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Gone>> {
        if self.heard_goodbye {
            return Poll::Ready(Err(Gone::Lost(None)));
        }
        let mut message = self.reader.next();
        while let Ok(None) = message {
            message = ready!(self.poll_read(context)).map_err(Gone::Lost)?;
        }
        let message = message.map_err(Gone::Broken)?.ok_or(Gone::Lost(None))?;
        self.heard(&message, context);
        Poll::Ready(Ok(message))
    }

    /// Reads what there is into a room that all sockets of a thread share, for a message that comes whole needs no other.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Result<Option<Message>, Broken>, Option<io::Error>>> {
        CAME.with_borrow_mut(|room| {
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut room)).map_err(Some)?;
            if room.filled().is_empty() {
                return Poll::Ready(Err(None));
            }
            Poll::Ready(Ok(self.reader.read(room.filled_mut())))
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
            Message::Text(_) | Message::Binary(_) | Message::Pong(_) => return,
        }
        // Whoever reads on, or closes, tries again.
        let _ = self.poll_flush(context);
    }

    /// Writes what comes next as far as the stream takes it, some messages at a time; only when [`Self::poll_flush`] was ready.
    /// Nothing follows a goodbye.
    ///
    /// # Errors
    /// The connection takes nothing any more.
    pub(crate) fn write(
        &mut self,
        context: &mut Context<'_>,
        mut next: impl FnMut() -> Option<Message>,
    ) -> io::Result<()> {
        GOES.with_borrow_mut(|out| {
            out.clear();
            while out.len() < BATCH_BYTES
                && !self.said_goodbye
                && let Some(message) = next()
            {
                frames::write(&message, self.end, out);
                self.said_goodbye = matches!(message, Message::Close(_));
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
