//! The person's sound as the service hears it: a stream that ends turns by silence, or by marks.

use super::{RelayOutput, service};
use bytes::Bytes;
use core::time::Duration;
use std::collections::VecDeque;

/// What the service was sent of the person's sound.
// Small, for one is kept with every frame that may have to be said again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stream {
    rate_hz: u32,
    /// After this much silence the service takes a turn as finished, in samples.
    turn_end_samples: u32,
    /// Samples of silence that it has yet to hear before it takes the person's turn as finished.
    silence_owed: u32,
    /// Whether it was sent sound since the stream's last end.
    is_open: bool,
    /// Where the client marks speech: what the service was told.
    is_marked: bool,
}

type Queue = VecDeque<RelayOutput>;

impl Stream {
    /// From here on the sound has this rate, and so much silence ends a turn at the service; whether it had another.
    pub(super) fn tune(&mut self, rate_hz: u32, silence: Duration) -> bool {
        let silence = (silence + SILENCE_MARGIN).min(LONGEST_SILENCE);
        self.turn_end_samples = (silence.as_millis() as u64 * u64::from(rate_hz) / 1000) as u32;
        core::mem::replace(&mut self.rate_hz, rate_hz) != rate_hz
    }

    /// Samples a second of the person's sound.
    pub(super) const fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Sound goes on.
    pub(super) fn send(&mut self, pcm: Bytes, queue: &mut Queue) {
        let samples = (pcm.len() / 2) as u32;
        self.silence_owed = if pcm.iter().all(|byte| *byte == 0) {
            self.silence_owed.saturating_sub(samples)
        } else {
            self.turn_end_samples
                .min(self.silence_owed.saturating_add(samples.saturating_mul(SILENCE_PER_SOUND)))
        };
        self.is_open = true;
        queue.push_back(RelayOutput::Uplink { pcm, rate_hz: self.rate_hz });
    }

    /// Speech begins or ends, where the client marks it.
    pub(super) fn mark(&mut self, speaking: bool, queue: &mut Queue) {
        if self.is_marked != speaking {
            self.is_marked = speaking;
            queue.push_back(service::activity(speaking).into());
        }
    }

    /// Closes the person's turn. The stream's end alone closes none on some models, so what silence is owed goes first;
    /// the service counts it in samples, not on a clock, and so it is sent at once.
    pub(super) fn end(&mut self, client_marks_speech: bool, queue: &mut Queue) {
        self.mark(false, queue);
        if !core::mem::take(&mut self.is_open) || client_marks_speech {
            return;
        }
        let rate_hz = self.rate_hz;
        let piece = Bytes::from(vec![0; rate_hz as usize / 10 * 2]);
        let mut left_bytes = core::mem::take(&mut self.silence_owed) as usize * 2;
        while left_bytes > 0 {
            let pcm = piece.slice(..left_bytes.min(piece.len()));
            left_bytes -= pcm.len();
            queue.push_back(RelayOutput::Uplink { pcm, rate_hz });
        }
        queue.push_back(service::stream_end().into());
    }

    /// The same stream for a service that has heard nothing of it; whether it is to be told that somebody speaks.
    pub(super) fn afresh(&self) -> (Self, bool) {
        (Self { is_open: false, silence_owed: 0, is_marked: false, ..*self }, self.is_marked)
    }

    /// Whether the service waits for more of a turn.
    pub(super) const fn is_open(&self) -> bool {
        self.is_open || self.is_marked
    }
}

/// Beyond the service's own silence duration, so that its turn ends for certain.
const SILENCE_MARGIN: Duration = Duration::from_millis(300);
/// Longer than any silence that ends a turn.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// Sound is owed this many times its length in silence, up to what ends a turn: 50 ms, shorter than any word, are
/// owed all of it, and a crumb does not make the proxy send a second.
const SILENCE_PER_SOUND: u32 = 20;
