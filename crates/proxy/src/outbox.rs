//! What waits to be sent to a phone: in order, bounded, and without what an interruption made stale.

use bytes::Bytes;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The queue between a call and the task that writes to its phone.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

/// One frame on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A message.
    Text(String),
    /// A piece of the model's turn `epoch`.
    Audio {
        /// The turn.
        epoch: u32,
        /// The encoded frame.
        bytes: Bytes,
    },
    /// Are you there?
    Ping,
    /// The last one.
    Close {
        /// The close code.
        code: u16,
        /// The close reason, at most [`LONGEST_REASON_BYTES`].
        reason: String,
    },
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Since when the phone has taken nothing although something waits.
    stuck_since: Option<Instant>,
    /// Nothing more comes, or nothing more can be written.
    closed: bool,
}

impl Outbox {
    /// Queues a frame; nothing follows a [`Frame::Close`].
    pub(crate) fn push(&self, frame: Frame) {
        let mut waiting = self.waiting();
        if waiting.closed {
            return;
        }
        waiting.closed = matches!(frame, Frame::Close { .. });
        waiting.bytes += frame.bytes();
        waiting.frames.push_back(frame);
        waiting.stuck_since.get_or_insert_with(Instant::now);
        drop(waiting);
        self.filled.notify_one();
    }

    /// Drops audio of `epoch` and older turns: nobody wants to hear it any more.
    pub(crate) fn drop_stale(&self, epoch: u32) {
        self.waiting().retain(|frame| !matches!(frame, Frame::Audio { epoch: of, .. } if *of <= epoch));
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&self) {
        self.waiting().retain(|_| false);
    }

    /// Ends the queue when what is in it was sent; for the task that writes, at once when a write failed.
    pub(crate) fn close(&self) {
        self.waiting().closed = true;
        self.filled.notify_one();
    }

    /// The next frame to send; none when the queue has ended.
    pub(crate) async fn next(&self) -> Option<Frame> {
        loop {
            {
                let mut waiting = self.waiting();
                if let Some(frame) = waiting.frames.pop_front() {
                    waiting.bytes -= frame.bytes();
                    return Some(frame);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }

    /// Notes that the frame last taken was written.
    pub(crate) fn written(&self) {
        let mut waiting = self.waiting();
        waiting.stuck_since = (!waiting.frames.is_empty()).then(Instant::now);
    }

    /// When patience with a phone that takes nothing ends; none while nothing waits for it.
    pub(crate) fn stuck_until(&self, patience: Duration) -> Option<Instant> {
        self.waiting().stuck_since.map(|since| since + patience)
    }

    /// Whether more waits than any phone that reads can have left over.
    pub(crate) fn is_overfull(&self) -> bool {
        self.waiting().bytes > MOST_BYTES
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn retain(&mut self, keep: impl Fn(&Frame) -> bool) {
        self.frames.retain(keep);
        self.bytes = self.frames.iter().map(Frame::bytes).sum();
    }
}

impl Frame {
    /// The room that it takes here.
    fn bytes(&self) -> usize {
        let content = match self {
            Self::Text(text) => text.len(),
            Self::Audio { bytes, .. } => bytes.len(),
            Self::Ping => 0,
            Self::Close { reason, .. } => reason.len(),
        };
        content + size_of::<Self>()
    }
}

/// Seventeen minutes of the model's voice: more than a relay ever keeps, for when the service is gone it sends all of
/// it at once. A phone that takes nothing is let go long before, by the clock: this only bounds what one that takes
/// a little can hold.
const MOST_BYTES: usize = 48 << 20;

/// WebSocket control frames hold 125 bytes, of which the code takes two.
pub(crate) const LONGEST_REASON_BYTES: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_order_and_ends_after_the_last() {
        let outbox = Outbox::default();
        outbox.push(text("a"));
        outbox.push(audio(1));
        outbox.push(close());
        outbox.push(text("too late"));
        assert_eq!(drain(&outbox).await, [text("a"), audio(1), close()]);
    }

    #[tokio::test]
    async fn drops_what_an_interruption_made_stale() {
        let outbox = Outbox::default();
        for frame in [audio(1), text("a"), audio(2), audio(3), close()] {
            outbox.push(frame);
        }
        outbox.drop_stale(2);
        assert_eq!(drain(&outbox).await, [text("a"), audio(3), close()]);
    }

    #[tokio::test]
    async fn overflows_only_when_nobody_takes_anything() {
        let outbox = Outbox::default();
        for _ in 0..MOST_BYTES / audio(1).bytes() {
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
        let outbox = Outbox::default();
        let patience = Duration::from_secs(30);
        assert_eq!(outbox.stuck_until(patience), None);
        outbox.push(audio(1));
        outbox.push(audio(1));
        assert_eq!(outbox.stuck_until(patience), Some(Instant::now() + patience));
        tokio::time::advance(Duration::from_secs(20)).await;
        outbox.next().await;
        outbox.written();
        assert_eq!(outbox.stuck_until(patience), Some(Instant::now() + patience));
        outbox.next().await;
        outbox.written();
        assert_eq!(outbox.stuck_until(patience), None);
    }

    async fn drain(outbox: &Outbox) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = outbox.next().await {
            frames.push(frame);
        }
        frames
    }

    fn text(text: &str) -> Frame {
        Frame::Text(text.to_owned())
    }

    fn audio(epoch: u32) -> Frame {
        Frame::Audio { epoch, bytes: Bytes::from_static(&[0; 1000]) }
    }

    fn close() -> Frame {
        Frame::Close { code: 1000, reason: String::new() }
    }
}
