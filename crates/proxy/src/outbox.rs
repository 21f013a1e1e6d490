//! What waits to be sent: in order, bounded, and without what an interruption made stale.

use crate::frames::{Content, Kind, Message};
use core::time::Duration;
use std::collections::VecDeque;
use tokio::time::Instant;
use vivavoce_wire::audio::AudioFrame;

/// The queue between a call and a socket.
#[derive(Debug)]
pub(crate) struct Outbox<M> {
    frames: VecDeque<M>,
    bytes: usize,
    /// Since when the other side has taken nothing although something waits.
    stuck_since: Option<Instant>,
    /// Nothing more comes, or nothing more can be written.
    closed: bool,
}

/// One frame on its way to a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Message(Message),
    /// A piece of the model's voice.
    Audio(AudioFrame),
}

impl From<Message> for Frame {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl<M: Content> Outbox<M> {
    /// Nothing waits.
    pub(crate) const fn new() -> Self {
        Self { frames: VecDeque::new(), bytes: 0, stuck_since: None, closed: false }
    }

    /// Queues a frame; nothing follows a goodbye.
    pub(crate) fn push(&mut self, frame: M) {
        if self.closed {
            return;
        }
        self.closed = frame.kind() == Kind::Close;
        self.bytes += room_bytes(&frame);
        self.frames.push_back(frame);
    }

    /// Notes that the other side has not taken all.
    pub(crate) fn waits(&mut self) {
        self.stuck_since.get_or_insert_with(Instant::now);
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        self.retain(|_| false);
    }

    /// Takes nothing more; what is in it may still be sent.
    pub(crate) const fn close(&mut self) {
        self.closed = true;
    }

    /// The next frame to send, if one waits.
    pub(crate) fn pop(&mut self) -> Option<M> {
        let frame = self.frames.pop_front()?;
        self.bytes -= room_bytes(&frame);
        if self.frames.is_empty() && self.frames.capacity() > MOST_SPARE {
            self.frames = VecDeque::new();
        }
        Some(frame)
    }

    /// Notes that the frame last taken was written.
    pub(crate) fn written(&mut self) {
        self.stuck_since = (!self.frames.is_empty()).then(Instant::now);
    }

    /// When patience with one who takes nothing ends; none while nothing waits for it.
    pub(crate) fn stuck_until(&self, patience: Duration) -> Option<Instant> {
        self.stuck_since.map(|since| since + patience)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that wait.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Bytes that wait, with what it takes to keep them.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn retain(&mut self, keep: impl Fn(&M) -> bool) {
        self.frames.retain(keep);
        self.bytes = self.frames.iter().map(room_bytes).sum();
    }
}

impl Outbox<Frame> {
    /// Drops audio of `epoch` and older turns: nobody wants to hear it any more.
    pub(crate) fn drop_stale(&mut self, epoch: u32) {
        self.retain(|frame| !matches!(frame, Frame::Audio(frame) if frame.epoch <= epoch));
    }

    /// Whether more waits than any phone that reads can have left over.
    pub(crate) const fn is_overfull(&self) -> bool {
        self.bytes > MOST_BYTES
    }
}

impl Content for Frame {
    fn kind(&self) -> Kind {
        match self {
            Self::Message(message) => message.kind(),
            Self::Audio(_) => Kind::Binary,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.bytes(),
            Self::Audio(frame) => frame.bytes(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) => message.write(out),
            Self::Audio(frame) => frame.write(out),
        }
    }
}

/// The room that a frame takes here.
fn room_bytes<M: Content>(frame: &M) -> usize {
    frame.bytes() + size_of::<M>()
}

/// Seventeen minutes of the model's voice: more than a relay ever keeps, for when the service is gone it sends all of
/// it at once. A phone that takes nothing is let go long before, by the clock: this only bounds what one that takes
/// a little can hold.
const MOST_BYTES: usize = 48 << 20;

/// Room for so many frames stays, for those that come while one is written.
const MOST_SPARE: usize = 16;

/// WebSocket control frames hold 125 bytes, of which the code takes two.
pub(crate) const LONGEST_REASON_BYTES: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use vivavoce_wire::audio::{Codec, Kind as AudioKind};

    #[test]
    fn keeps_the_order_and_ends_after_the_last() {
        let mut outbox = Outbox::new();
        outbox.push(text("a"));
        outbox.push(audio(1));
        outbox.push(close());
        outbox.push(text("too late"));
        assert_eq!(drain(&mut outbox), [text("a"), audio(1), close()]);
    }

    #[test]
    fn drops_what_an_interruption_made_stale() {
        let mut outbox = Outbox::new();
        for frame in [audio(1), text("a"), audio(2), audio(3), close()] {
            outbox.push(frame);
        }
        outbox.drop_stale(2);
        assert_eq!(drain(&mut outbox), [text("a"), audio(3), close()]);
    }

    #[test]
    fn overflows_only_when_nobody_takes_anything() {
        let mut outbox = Outbox::new();
        for _ in 0..MOST_BYTES / room_bytes(&audio(1)) {
            outbox.push(audio(1));
        }
        assert!(!outbox.is_overfull());
        outbox.push(audio(1));
        assert!(outbox.is_overfull());
        outbox.clear();
        assert!(!outbox.is_overfull());
    }

    #[tokio::test(start_paused = true)]
    async fn counts_the_time_without_progress() {
        let mut outbox = Outbox::new();
        let patience = Duration::from_secs(30);
        assert_eq!(outbox.stuck_until(patience), None);
        outbox.push(audio(1));
        outbox.push(audio(1));
        outbox.waits();
        assert_eq!(outbox.stuck_until(patience), Some(Instant::now() + patience));
        tokio::time::advance(Duration::from_secs(20)).await;
        outbox.pop();
        outbox.written();
        assert_eq!(outbox.stuck_until(patience), Some(Instant::now() + patience));
        outbox.pop();
        outbox.written();
        assert_eq!(outbox.stuck_until(patience), None);
    }

    fn drain(outbox: &mut Outbox<Frame>) -> Vec<Frame> {
        core::iter::from_fn(|| outbox.pop()).collect()
    }

    fn text(text: &str) -> Frame {
        Message::Text(text.to_owned()).into()
    }

    fn audio(epoch: u32) -> Frame {
        Frame::Audio(AudioFrame {
            kind: AudioKind::Model,
            codec: Codec::Pcm,
            epoch,
            sequence: 0,
            position: 0,
            payload: Bytes::from_static(&[0; 1000]),
        })
    }

    fn close() -> Frame {
        Message::Close(Some((1000, String::new()))).into()
    }
}
