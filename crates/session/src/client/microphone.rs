//! What the microphone gives: placed in the call, in pieces that any proxy takes.

use crate::Moment;
use bytes::Bytes;

/// The microphone's place in the call.
#[derive(Debug)]
pub(super) struct Microphone {
    rate_hz: u32,
    /// Samples captured so far, those while muted included.
    position: u64,
    muted: Option<MutedSince>,
}

/// Some sound and where in the call it was captured.
#[derive(Clone, Debug, PartialEq)]
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
    /// A microphone at `rate_hz`.
    pub(super) const fn new(rate_hz: u32) -> Self {
        Self { rate_hz, position: 0, muted: None }
    }

    /// Takes a frame in: what of it is to be sent.
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
}

impl Piece {
    pub(super) fn samples(&self) -> u64 {
        self.pcm.len() as u64 / 2
    }

    /// Where in the call its first sample was captured.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Its samples, 16 bit, little-endian.
    pub(super) fn pcm(&self) -> Bytes {
        self.pcm.clone()
    }

    /// The mean of its samples' squares.
    pub(super) fn power(&self) -> u64 {
        let square = |pair: &[u8]| i64::from(i16::from_le_bytes([pair[0], pair[1]])).pow(2) as u64;
        self.pcm.chunks_exact(2).map(square).sum::<u64>() / self.samples().max(1)
    }

    /// As much silence in its place.
    pub(super) fn silenced(self) -> Self {
        Self { pcm: vec![0; self.pcm.len()].into(), ..self }
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
    fn counts_on_while_muted() {
        let mut microphone = Microphone::new(16_000);
        assert!(microphone.mute(true, at(0)));
        assert!(!microphone.mute(true, at(1)));
        assert!(microphone.take(&pcm(320)).is_empty());
        assert!(microphone.mute(false, at(500)));
        assert_eq!(microphone.take(&pcm(320))[0].position, 320);
    }

    #[test]
    fn is_placed_by_the_clock_if_nothing_came_while_muted() {
        let mut microphone = Microphone::new(16_000);
        microphone.mute(true, at(0));
        microphone.mute(false, at(500));
        assert_eq!(microphone.take(&pcm(320))[0].position, 8_000);
    }

    #[test]
    fn cuts_long_frames_and_half_samples() {
        let mut microphone = Microphone::new(16_000);
        let pieces = microphone.take(&Bytes::from(vec![0; 40_001]));
        let sizes: Vec<_> = pieces.iter().map(|piece| (piece.position, piece.pcm.len())).collect();
        assert_eq!(sizes, [(0, 16_000), (8_000, 16_000), (16_000, 8_000)]);
    }
}
