//! What a phone said between its hello and the service's readiness, within bounds.

use bytes::Bytes;
use std::collections::VecDeque;

/// Sound, its ends and text, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Early {
    items: VecDeque<Kept>,
    audio_bytes: usize,
    most_audio_bytes: usize,
    text_bytes: usize,
    dropped_bytes: u64,
}

/// One thing that was kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// PCM.
    Audio(Bytes),
    /// Something typed.
    Text(String),
    /// No more sound for the time being.
    End,
}

impl Early {
    /// Keeps sound of this rate.
    pub(super) fn for_rate(rate_hz: u32) -> Self {
        Self { most_audio_bytes: rate_hz as usize * 2 * MOST_SECONDS, ..Self::default() }
    }

    /// Keeps sound; the oldest gives way.
    pub(super) fn keep_audio(&mut self, pcm: Bytes) {
        self.audio_bytes += pcm.len();
        self.items.push_back(Kept::Audio(pcm));
        self.trim();
    }

    /// Keeps the end of the sound so far; of too many, the oldest gives way.
    pub(super) fn keep_end(&mut self) {
        if self.items.back() == Some(&Kept::End) {
            return;
        }
        if self.items.iter().filter(|kept| **kept == Kept::End).count() >= MOST_ENDS {
            self.items.iter().position(|kept| *kept == Kept::End).map(|oldest| self.items.remove(oldest));
        }
        self.items.push_back(Kept::End);
        self.trim();
    }

    /// Keeps text; says whether there was room.
    pub(super) fn keep_text(&mut self, text: String) -> bool {
        self.text_bytes += text.len() + TEXT_OVERHEAD_BYTES;
        if self.text_bytes > MOST_TEXT_BYTES {
            return false;
        }
        self.items.push_back(Kept::Text(text));
        true
    }

    /// All that was kept, oldest first.
    pub(super) fn take(&mut self) -> VecDeque<Kept> {
        self.audio_bytes = 0;
        core::mem::take(&mut self.items)
    }

    /// Bytes of sound that gave way.
    pub(super) const fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    fn trim(&mut self) {
        while self.audio_bytes > self.most_audio_bytes || self.items.len() > MOST_ITEMS {
            let oldest = self.items.iter().position(|kept| !matches!(kept, Kept::Text(_)));
            let Some(Some(kept)) = oldest.map(|at| self.items.remove(at)) else { return };
            if let Kept::Audio(pcm) = kept {
                self.audio_bytes -= pcm.len();
                self.dropped_bytes += pcm.len() as u64;
            }
        }
    }
}

/// Longer than all deadlines on the way to readiness together.
const MOST_SECONDS: usize = 30;
/// Half a minute in frames of 10 ms, and some text.
const MOST_ITEMS: usize = 4_096;
/// More is not said and ended again within the time to readiness.
const MOST_ENDS: usize = 16;
/// As much as one frame may hold.
const MOST_TEXT_BYTES: usize = 64 * 1024;
/// Makes short texts count for the room that they take.
const TEXT_OVERHEAD_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_the_oldest_sound_and_counts_it() {
        let mut early = Early::for_rate(8_000);
        let second = Bytes::from(vec![0; 16_000]);
        assert!(early.keep_text("Hello?".into()));
        for _ in 0..31 {
            early.keep_audio(second.clone());
        }
        assert_eq!(early.dropped_bytes(), 16_000);
        let items = early.take();
        assert_eq!(items.len(), 31);
        assert_eq!(items[0], Kept::Text("Hello?".into()));
    }

    #[test]
    fn bounds_tiny_frames_and_short_texts() {
        let mut early = Early::for_rate(48_000);
        for _ in 0..10_000 {
            early.keep_audio(Bytes::from_static(&[0, 0]));
            early.keep_end();
        }
        assert!(early.items.len() <= MOST_ITEMS);
        assert_eq!(early.items.iter().filter(|kept| **kept == Kept::End).count(), MOST_ENDS);
        let texts = (0..10_000).take_while(|_| early.keep_text("a".into())).count();
        assert!(texts < 1_100, "{texts}");
    }
}
