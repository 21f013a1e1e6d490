//! The shell of a session: one WebSocket, and the loop that turns it.

use crate::clock::Clock;
use crate::outbox::Output;
use crate::recorder::Recorder;
use crate::script::{Close, Frames};
use crate::session::{Input, Session};
use bytes::Bytes;
use core::time::Duration;
use fastwebsockets::{
    FragmentCollectorRead, Frame, OpCode, Payload, WebSocket, WebSocketError, WebSocketWrite,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::VecDeque;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

type Stream = TokioIo<Upgraded>;

/// One connection's socket.
pub(crate) struct Socket {
    write: WebSocketWrite<WriteHalf<Stream>>,
    frames: mpsc::Receiver<Received>,
    reader: JoinHandle<()>,
    look: Frames,
    pong_delay: Duration,
    pongs: VecDeque<(Instant, Bytes)>,
    recorder: Option<Recorder>,
}

enum Received {
    Message(Bytes),
    Ping(Bytes),
    Close(u16),
}

/// Why the loop is left.
enum End {
    /// The session closed: say so and wait for the client's answer.
    Close(Close),
    /// Cut, or gone.
    Cut,
}

impl Socket {
    /// Takes over a socket whose upgrade is done.
    pub(crate) fn new(mut socket: WebSocket<Stream>, look: Frames, pong_delay: Duration) -> Self {
        socket.set_auto_pong(false);
        socket.set_auto_close(false);
        socket.set_max_message_size(MOST_FRAME_BYTES);
        let (read, write) = socket.split(tokio::io::split);
        let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
        let reader = tokio::spawn(read_frames(FragmentCollectorRead::new(read), sender));
        Self { write, frames, reader, look, pong_delay, pongs: VecDeque::new(), recorder: None }
    }

    /// Writes the session down from here on.
    pub(crate) fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Turns the session until it ends.
    pub(crate) async fn run(mut self, mut session: Session, clock: Clock) {
        let end = loop {
            let wake = match self.drain(&mut session, clock).await {
                Ok(wake) => wake,
                Err(end) => break end,
            };
            let input = match self.wait(wake).await {
                Ok(Some(input)) => input,
                Ok(None) => continue,
                Err(_) => Input::Gone { code: 1006 },
            };
            let gone = matches!(input, Input::Gone { .. });
            let code = if let Input::Gone { code } = input { code } else { 1006 };
            session.handle(input, clock.now());
            if gone {
                while let Output::Tape(tape) = session.poll() {
                    self.write_down(tape);
                }
                break if code == 1006 { End::Cut } else { End::Close(Close::new(1000, "")) };
            }
        };
        drop(session);
        if let End::Close(close) = end {
            self.say_goodbye(&close).await;
        }
    }

    /// Does what the session wants; gives the moment at which it wants to be woken.
    async fn drain(&mut self, session: &mut Session, clock: Clock) -> Result<Option<Instant>, End> {
        loop {
            match session.poll() {
                Output::Send(frame) => {
                    let text = self.text_of(&frame);
                    self.send(text).await.map_err(|_| End::Cut)?;
                }
                Output::SendRaw(text) => self.send(text).await.map_err(|_| End::Cut)?,
                Output::Close(close) => return Err(End::Close(close)),
                Output::Drop => return Err(End::Cut),
                Output::Tape(tape) => self.write_down(tape),
                Output::Timeout(due) => return Ok(due.map(|due| clock.wall(due))),
            }
        }
    }

    /// The next thing that happens; `None` where it concerns the socket alone.
    async fn wait(&mut self, wake: Option<Instant>) -> Result<Option<Input>, WebSocketError> {
        let pong = self.pongs.front().map(|(due, _)| *due);
        tokio::select! {
            frame = self.frames.recv() => match frame {
                Some(Received::Message(bytes)) => Ok(Some(Input::Frame(bytes))),
                Some(Received::Close(code)) => Ok(Some(Input::Gone { code })),
                Some(Received::Ping(payload)) => {
                    self.pongs.push_back((Instant::now() + self.pong_delay, payload));
                    self.pongs.truncate(MOST_PONGS);
                    Ok(None)
                }
                None => Ok(Some(Input::Gone { code: 1006 })),
            },
            () = until(wake) => Ok(Some(Input::Timeout)),
            () = until(pong) => {
                if let Some((_, payload)) = self.pongs.pop_front() {
                    self.write(Frame::pong(Payload::Owned(payload.to_vec()))).await?;
                }
                Ok(None)
            }
        }
    }

    fn text_of(&self, frame: &Value) -> String {
        if self.look.pretty {
            return format!("{frame:#}\n");
        }
        frame.to_string()
    }

    async fn send(&mut self, text: String) -> Result<(), WebSocketError> {
        let payload = Payload::Owned(text.into_bytes());
        let frame = if self.look.text { Frame::text(payload) } else { Frame::binary(payload) };
        self.write(frame).await
    }

    /// A client that reads nothing for half a minute is given up.
    async fn write(&mut self, frame: Frame<'_>) -> Result<(), WebSocketError> {
        match timeout(PATIENCE, self.write.write_frame(frame)).await {
            Ok(done) => done,
            Err(_) => Err(WebSocketError::ConnectionClosed),
        }
    }

    fn write_down(&mut self, tape: crate::outbox::Tape) {
        if let Some(recorder) = &mut self.recorder
            && recorder.write(tape).is_err()
        {
            self.recorder = None;
        }
    }

    async fn say_goodbye(&mut self, close: &Close) {
        let frame = Frame::close(close.code, close.cut_reason().as_bytes());
        if self.write(frame).await.is_err() {
            return;
        }
        let answered =
            async { while !matches!(self.frames.recv().await, Some(Received::Close(_)) | None) {} };
        // An answer that does not come changes nothing.
        let _ = timeout(GOODBYE, answered).await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read_frames(mut read: FragmentCollectorRead<ReadHalf<Stream>>, sender: mpsc::Sender<Received>) {
    loop {
        let frame = read.read_frame::<_, WebSocketError>(&mut |_| core::future::ready(Ok(()))).await;
        let received = match frame {
            Ok(frame) => match frame.opcode {
                OpCode::Text | OpCode::Binary => Received::Message(Bytes::from(Vec::from(frame.payload))),
                OpCode::Ping => Received::Ping(Bytes::from(Vec::from(frame.payload))),
                OpCode::Close => Received::Close(close_code(&frame.payload)),
                OpCode::Pong | OpCode::Continuation => continue,
            },
            Err(_) => return,
        };
        let last = matches!(received, Received::Close(_));
        if sender.send(received).await.is_err() || last {
            return;
        }
    }
}

fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => core::future::pending().await,
    }
}

/// A minute of audio in one frame is still fine.
const MOST_FRAME_BYTES: usize = 16 << 20;
/// Frames read ahead; then the client's TCP waits.
const FRAMES_AHEAD: usize = 64;
const MOST_PONGS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(30);
const GOODBYE: Duration = Duration::from_secs(1);
