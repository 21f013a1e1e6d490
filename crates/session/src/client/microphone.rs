//! What the microphone gives: numbered, placed, sent at once or kept for later.

use crate::Moment;
use bytes::Bytes;
use std::collections::VecDeque;
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};

/// The uplink's counters, and the sound that waits for a connection.
#[derive(Debug)]
pub(super) struct Microphone {
    rate_hz: u32,
    /// Samples captured so far, those while muted included.
    position: u64,
    /// Number of the next frame of this connection.
    sequence: u32,
    muted: Option<MutedSince>,
    kept: VecDeque<Piece>,
    kept_samples: u64,
    most_kept_samples: u64,
    dropped_samples: u64,
    /// What is kept is the last for the time being.
    ended: bool,
}

/// Some sound and where in the call it was captured.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    position: u64,
    pcm: Bytes,
}

/// When and where the microphone was switched off.
#[derive(Clone, Copy, Debug)]
struct MutedSince {
    at: Moment,
    position: u64,
}

impl Microphone {
    /// A microphone at `rate_hz` that keeps at most so many samples.
    pub(super) fn new(rate_hz: u32, most_kept_samples: u64) -> Self {
        Self {
            rate_hz,
            position: 0,
            sequence: 0,
            muted: None,
            kept: VecDeque::new(),
            kept_samples: 0,
            most_kept_samples,
            dropped_samples: 0,
            ended: false,
        }
    }

    /// Takes a frame in: what of it is to be sent or kept, in pieces that any proxy takes.
    pub(super) fn take(&mut self, pcm: &Bytes) -> Vec<Piece> {
        let whole = pcm.slice(..pcm.len() & !1);
        let mut pieces = Vec::new();
        for from in (0..whole.len()).step_by(MOST_BYTES) {
            let pcm = whole.slice(from..whole.len().min(from + MOST_BYTES));
            let position = self.position;
            self.position += pcm.len() as u64 / 2;
            pieces.push(Piece { position, pcm });
        }
        if self.muted.is_some() {
            pieces.clear();
        }
        pieces
    }

    /// The frame that carries `piece`.
    pub(super) fn frame(&mut self, piece: Piece, epoch: u32) -> Bytes {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let Piece { position, pcm: payload } = piece;
        AudioFrame { kind: Kind::Microphone, codec: Codec::Pcm, epoch, sequence, position, payload }.encode()
    }

    /// Keeps a piece for a connection to come; the oldest give way.
    pub(super) fn keep(&mut self, piece: Piece) {
        self.ended = false;
        self.kept_samples += piece.samples();
        self.kept.push_back(piece);
        while self.kept_samples > self.most_kept_samples {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_samples -= oldest.samples();
            self.dropped_samples += oldest.samples();
        }
    }

    /// The oldest piece kept.
    pub(super) fn kept(&mut self) -> Option<Piece> {
        let piece = self.kept.pop_front()?;
        self.kept_samples -= piece.samples();
        Some(piece)
    }

    /// A new connection counts its frames from 0.
    pub(super) fn restart(&mut self) {
        self.sequence = 0;
    }

    /// Nothing follows for the time being.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the end is yet to be said; asking settles it.
    pub(super) fn take_end(&mut self) -> bool {
        core::mem::take(&mut self.ended)
    }

    /// Switches it off or on; says whether that changed anything.
    pub(super) fn mute(&mut self, muted: bool, now: Moment) -> bool {
        match (self.muted, muted) {
            (None, true) => self.muted = Some(MutedSince { at: now, position: self.position }),
            (Some(since), false) => {
                self.muted = None;
                self.advance(since, now);
            }
            (None, false) | (Some(_), true) => return false,
        }
        true
    }

    /// A recorder that gave nothing while muted is placed by the clock.
    fn advance(&mut self, since: MutedSince, now: Moment) {
        if self.position == since.position {
            let elapsed_samples = now.since(since.at).as_secs_f64() * f64::from(self.rate_hz);
            self.position = self.position.saturating_add(elapsed_samples as u64);
        }
    }

    pub(super) const fn is_muted(&self) -> bool {
        self.muted.is_some()
    }

    pub(super) const fn dropped_samples(&self) -> u64 {
        self.dropped_samples
    }
}

impl Piece {
    fn samples(&self) -> u64 {
        self.pcm.len() as u64 / 2
    }
}

/// Half a second at 16 kHz: below any sane frame limit, and whole samples.
const MOST_BYTES: usize = 16_000;

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    fn pcm(samples: usize) -> Bytes {
        Bytes::from(vec![1; samples * 2])
    }

    #[test]
    fn drops_the_oldest_and_counts_it() {
        let mut microphone = Microphone::new(16_000, 1_000);
        for _ in 0..4 {
            for piece in microphone.take(&pcm(320)) {
                microphone.keep(piece);
            }
        }
        assert_eq!(microphone.dropped_samples(), 320);
        assert_eq!(microphone.kept().map(|piece| piece.position), Some(320));
    }

    #[test]
    fn counts_on_while_muted() {
        let mut microphone = Microphone::new(16_000, 1_000);
        assert!(microphone.mute(true, at(0)));
        assert!(!microphone.mute(true, at(1)));
        assert!(microphone.take(&pcm(320)).is_empty());
        assert!(microphone.mute(false, at(500)));
        assert_eq!(microphone.take(&pcm(320))[0].position, 320);
    }

    #[test]
    fn is_placed_by_the_clock_if_nothing_came_while_muted() {
        let mut microphone = Microphone::new(16_000, 1_000);
        microphone.mute(true, at(0));
        microphone.mute(false, at(500));
        assert_eq!(microphone.take(&pcm(320))[0].position, 8_000);
    }

    #[test]
    fn cuts_long_frames_and_half_samples() {
        let mut microphone = Microphone::new(16_000, 1_000);
        let pieces = microphone.take(&Bytes::from(vec![0; 40_001]));
        let sizes: Vec<_> = pieces.iter().map(|piece| (piece.position, piece.pcm.len())).collect();
        assert_eq!(sizes, [(0, 16_000), (8_000, 16_000), (16_000, 8_000)]);
    }
}
