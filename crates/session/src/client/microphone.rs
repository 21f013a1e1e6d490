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
    kept: VecDeque<Said>,
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

/// What is said of the person: their sound, and in push-to-talk where they begin and stop.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Sound(Piece),
    Mark(bool),
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

    /// Keeps something for a connection to come; the oldest sound gives way.
    pub(super) fn keep(&mut self, said: Said) {
        self.ended = false;
        self.kept_samples += said.samples();
        self.kept.push_back(said);
        while self.kept_samples > self.most_kept_samples || self.kept.len() > MOST_KEPT {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_samples -= oldest.samples();
            self.dropped_samples += oldest.samples();
            // A mark lasts as long as there is sound behind it.
            if let (Said::Mark(true), Some(Said::Sound(next))) = (&oldest, self.kept.front()) {
                self.kept_samples -= next.samples();
                self.dropped_samples += next.samples();
                self.kept[0] = oldest;
            }
        }
        if let Some(Said::Mark(false)) = self.kept.front() {
            self.kept.pop_front();
        }
    }

    /// The oldest that was kept.
    pub(super) fn kept(&mut self) -> Option<Said> {
        let said = self.kept.pop_front()?;
        self.kept_samples -= said.samples();
        Some(said)
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
    pub(super) fn samples(&self) -> u64 {
        self.pcm.len() as u64 / 2
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

impl Said {
    fn samples(&self) -> u64 {
        match self {
            Self::Sound(piece) => piece.samples(),
            Self::Mark(_) => 0,
        }
    }
}

/// Half a minute in frames of 10 ms, and some marks.
const MOST_KEPT: usize = 4_096;

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
                microphone.keep(Said::Sound(piece));
            }
        }
        assert_eq!(microphone.dropped_samples(), 320);
        let Some(Said::Sound(piece)) = microphone.kept() else { panic!("nothing was kept") };
        assert_eq!(piece.position, 320);
    }

    #[test]
    fn keeps_marks_around_what_is_left_of_the_sound() {
        let mut microphone = Microphone::new(16_000, 1_000);
        for _ in 0..3 {
            microphone.keep(Said::Mark(true));
            for piece in [microphone.take(&pcm(320)), microphone.take(&pcm(320))].concat() {
                microphone.keep(Said::Sound(piece));
            }
            microphone.keep(Said::Mark(false));
        }
        let kept: Vec<Said> = core::iter::from_fn(|| microphone.kept()).collect();
        let marks: Vec<bool> = kept
            .iter()
            .filter_map(|said| if let Said::Mark(begins) = said { Some(*begins) } else { None })
            .collect();
        assert_eq!((marks, kept.len()), (vec![true, false, true, false], 7));
        assert_eq!(microphone.dropped_samples(), 3 * 320);
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
