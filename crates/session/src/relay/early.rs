//! What a phone said before the service listened, and what follows while that is being caught up with.

use crate::Moment;
use bytes::Bytes;
use core::time::Duration;
use std::collections::VecDeque;

/// Sound, its ends and marks, and text, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Early {
    rate_hz: u32,
    items: VecDeque<(u32, Kept)>,
    audio_bytes: usize,
    text_bytes: usize,
    dropped_bytes: u64,
    /// When the next sound may go; none while the service does not listen.
    due_at: Option<Moment>,
    /// Whether the service ever listened.
    began: bool,
    /// So many of the oldest are said again, and in so many of those nobody speaks.
    again: usize,
    wordless: usize,
}

/// One thing that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// PCM.
    Audio(Bytes),
    /// Something typed.
    Text(String),
    /// No more sound for the time being.
    End,
    /// The phone marks where speech begins or ends.
    Mark(bool),
    /// Sound that follows has so many samples a second.
    Rate(u32),
}

impl Kept {
    /// Bytes of it that somebody typed.
    pub(super) fn text_bytes(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }
}

impl Early {
    /// Keeps sound of this rate.
    pub(super) fn for_rate(rate_hz: u32) -> Self {
        Self { rate_hz, ..Self::default() }
    }

    /// Sound that is kept from here on has this rate; whether that is so at once, for nothing waits.
    pub(super) fn tune(&mut self, number: u32, rate_hz: u32) -> bool {
        let rate =
            |(_, kept): &(u32, Kept)| if let Kept::Rate(rate_hz) = kept { Some(*rate_hz) } else { None };
        if self.items.is_empty() {
            self.rate_hz = rate_hz;
        } else if self.items.iter().rev().find_map(rate).unwrap_or(self.rate_hz) != rate_hz {
            self.items.push_back((number, Kept::Rate(rate_hz)));
        }
        self.items.is_empty()
    }

    /// Keeps sound; before the service listens, the oldest gives way.
    pub(super) fn keep_audio(&mut self, number: u32, pcm: Bytes) {
        self.audio_bytes += pcm.len();
        self.items.push_back((number, Kept::Audio(pcm)));
        self.trim();
    }

    /// Keeps the end of the sound so far; of too many, the oldest gives way.
    pub(super) fn keep_end(&mut self, number: u32) {
        if self.items.back().is_some_and(|(_, kept)| *kept == Kept::End) {
            return;
        }
        if self.count(&Kept::End) >= MOST_ENDS {
            self.items
                .iter()
                .position(|(_, kept)| *kept == Kept::End)
                .map(|oldest| self.items.remove(oldest));
        }
        self.items.push_back((number, Kept::End));
        self.trim();
    }

    /// Keeps a mark, which begins or ends in turn; of too many activities, the oldest two become one.
    pub(super) fn keep_mark(&mut self, number: u32, speaking: bool) {
        if speaking && self.count(&Kept::Mark(true)) >= MOST_ENDS {
            let is_end = |(_, kept): &(u32, Kept)| *kept == Kept::Mark(false);
            let end = self.items.iter().position(is_end).unwrap_or_default();
            let is_next = |(_, kept): &(u32, Kept)| *kept == Kept::Mark(true);
            if let Some(next) = self.items.range(end..).position(is_next) {
                self.items.remove(end + next);
                self.items.remove(end);
            }
        }
        self.items.push_back((number, Kept::Mark(speaking)));
    }

    /// Keeps text; says whether there was room.
    pub(super) fn keep_text(&mut self, number: u32, text: String) -> bool {
        let text_bytes = self.text_bytes + text.len() + TEXT_OVERHEAD_BYTES;
        if text_bytes > MOST_TEXT_BYTES {
            return false;
        }
        self.text_bytes = text_bytes;
        self.items.push_back((number, Kept::Text(text)));
        true
    }

    /// What the service has forgotten goes first, once more; in so many of the first of it nobody speaks.
    pub(super) fn rewind(&mut self, items: Vec<(u32, Kept)>, wordless: usize) {
        self.wordless = if wordless == items.len() { self.wordless + wordless } else { wordless };
        self.again += items.len();
        for (number, kept) in items.into_iter().rev() {
            match &kept {
                Kept::Audio(pcm) => self.audio_bytes += pcm.len(),
                Kept::Text(text) => self.text_bytes += text.len() + TEXT_OVERHEAD_BYTES,
                Kept::End | Kept::Mark(_) | Kept::Rate(_) => {}
            }
            self.items.push_front((number, kept));
        }
    }

    /// The service listens no longer: what comes is kept.
    pub(super) fn hold(&mut self) {
        self.due_at = None;
    }

    /// The service listens: what was kept may go.
    pub(super) fn begin(&mut self, now: Moment) {
        self.due_at = Some(now);
        self.began = true;
    }

    /// What may go by `now`, oldest first, with its number. Sound goes at twice the pace of speech, and silence that is
    /// said again faster, for the service counts it in samples and not on a clock; and all goes at once where more waits
    /// than ever should.
    pub(super) fn next(&mut self, now: Moment) -> Option<(u32, Kept)> {
        let due_at = self.due_at?;
        if matches!(self.items.front()?, (_, Kept::Audio(_))) && now < due_at && !self.is_overfull() {
            return None;
        }
        let (number, kept) = self.items.pop_front()?;
        let (is_again, is_wordless) = (self.again > 0, self.wordless > 0);
        self.again = self.again.saturating_sub(1);
        self.wordless = self.wordless.saturating_sub(1);
        match &kept {
            Kept::Audio(pcm) => {
                self.audio_bytes -= pcm.len();
                let pace = if is_wordless || is_again && is_silent(pcm) { SILENT_PACE } else { PACE };
                self.due_at = Some(due_at + self.length(pcm) / pace);
            }
            Kept::Text(text) => self.text_bytes -= text.len() + TEXT_OVERHEAD_BYTES,
            Kept::Rate(rate_hz) => self.rate_hz = *rate_hz,
            Kept::End | Kept::Mark(_) => {}
        }
        Some((number, kept))
    }

    /// Whether everything that was kept is gone, so that what comes need not wait.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether something typed waits.
    pub(super) const fn has_text(&self) -> bool {
        self.text_bytes > 0
    }

    /// When the next sound may go, if one waits and the service listens.
    pub(super) fn due_at(&self) -> Option<Moment> {
        self.due_at.filter(|_| !self.items.is_empty())
    }

    /// Bytes of sound that gave way.
    pub(super) const fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    /// Room that is taken.
    pub(super) const fn bytes(&self) -> usize {
        self.audio_bytes + self.text_bytes
    }

    /// How long sound sounds.
    pub(super) fn length(&self, pcm: &Bytes) -> Duration {
        Duration::from_secs(pcm.len() as u64 / 2) / self.rate_hz.max(1)
    }

    fn count(&self, what: &Kept) -> usize {
        self.items.iter().filter(|(_, kept)| kept == what).count()
    }

    fn is_overfull(&self) -> bool {
        let most_seconds = if self.began { MOST_SECONDS_IN_ALL } else { MOST_SECONDS };
        self.audio_bytes > self.rate_hz as usize * 2 * most_seconds || self.items.len() > MOST_ITEMS
    }

    fn trim(&mut self) {
        while self.due_at.is_none() && self.is_overfull() {
            let oldest = self.items.iter().position(|(_, kept)| matches!(kept, Kept::Audio(_) | Kept::End));
            let Some(oldest) = oldest else { return };
            self.again -= usize::from(oldest < self.again);
            self.wordless -= usize::from(oldest < self.wordless);
            let Some((_, kept)) = self.items.remove(oldest) else { return };
            if let Kept::Audio(pcm) = kept {
                self.audio_bytes -= pcm.len();
                self.dropped_bytes += pcm.len() as u64;
            }
        }
    }
}

/// Whether nobody speaks in it.
fn is_silent(pcm: &Bytes) -> bool {
    pcm.chunks_exact(2)
        .all(|sample| i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() <= LOUDEST_SILENCE)
}

/// Longer than all deadlines on the way to readiness together.
const MOST_SECONDS: usize = 30;
/// As much once more, and what is said again to a service that forgot it.
const MOST_SECONDS_IN_ALL: usize = 120;
/// That in frames of 10 ms, and some text.
const MOST_ITEMS: usize = 16_384;
/// More is not said and ended again within the time to readiness.
const MOST_ENDS: usize = 16;
/// As much as one frame may hold.
const MOST_TEXT_BYTES: usize = 64 * 1024;
/// Makes short texts count for the room that they take.
const TEXT_OVERHEAD_BYTES: usize = 64;
/// Times the pace of speech: the service wants real time, and whoever waits for an answer less.
const PACE: u32 = 2;
/// A minute of silence costs the person who breaks it a second and a half.
const SILENT_PACE: u32 = 40;
/// Some 45 dB below full scale: a room in which nobody speaks.
const LOUDEST_SILENCE: u16 = 184;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    fn all(early: &mut Early, now: Moment) -> Vec<Kept> {
        core::iter::from_fn(|| early.next(now)).map(|(_, kept)| kept).collect()
    }

    #[test]
    fn a_phone_of_the_same_rate_adds_nothing_however_often_it_comes() {
        let mut early = Early::for_rate(16_000);
        assert!(early.tune(0, 8_000), "nothing waits");
        early.keep_end(1);
        for rate_hz in [8_000, 8_000, 48_000, 48_000, 48_000] {
            assert!(!early.tune(1, rate_hz));
        }
        early.begin(Moment::default());
        assert_eq!(all(&mut early, Moment::default()), [Kept::End, Kept::Rate(48_000)]);
    }

    #[test]
    fn drops_the_oldest_sound_and_counts_it() {
        let mut early = Early::for_rate(8_000);
        let second = Bytes::from(vec![0; 16_000]);
        assert!(early.keep_text(0, "Hello?".into()));
        for _ in 0..31 {
            early.keep_audio(0, second.clone());
        }
        assert_eq!(early.dropped_bytes(), 16_000);
        assert_eq!(all(&mut early, at(0)), []);
        early.begin(at(0));
        let items = all(&mut early, at(60_000));
        assert_eq!(items.len(), 31);
        assert_eq!(items[0], Kept::Text("Hello?".into()));
    }

    #[test]
    fn bounds_tiny_frames_and_short_texts() {
        let mut early = Early::for_rate(48_000);
        for _ in 0..10_000 {
            early.keep_audio(0, Bytes::from_static(&[0, 0]));
            early.keep_end(0);
        }
        assert!(early.items.len() <= MOST_ITEMS);
        assert_eq!(early.count(&Kept::End), MOST_ENDS);
        let texts = (0..10_000).take_while(|_| early.keep_text(0, "a".into())).count();
        assert!(texts < 1_100, "{texts}");
    }

    #[test]
    fn goes_at_twice_the_pace_of_speech() {
        let mut early = Early::for_rate(16_000);
        for _ in 0..50 {
            early.keep_audio(0, Bytes::from(vec![9; 640]));
        }
        early.keep_end(0);
        early.begin(at(1_000));
        let mut gone = 0;
        for ms in 1_000..1_490 {
            gone += all(&mut early, at(ms)).len();
            assert_eq!(gone as u64, (ms - 1_000) / 10 + 1, "{ms}");
        }
        assert_eq!(all(&mut early, at(1_490)).last(), Some(&Kept::End));
        assert_eq!(early.due_at(), None);
    }

    #[test]
    fn drops_nothing_once_the_service_listens() {
        let mut early = Early::for_rate(8_000);
        early.begin(at(0));
        for _ in 0..130 {
            early.keep_audio(0, Bytes::from(vec![9; 16_000]));
        }
        assert_eq!(all(&mut early, at(0)).len(), 10);
        assert_eq!(early.dropped_bytes(), 0);
    }

    #[test]
    fn silence_that_is_said_again_goes_faster() {
        let sound = |value| (0, Kept::Audio(Bytes::from(vec![value; 640])));
        let again = [9, 0].into_iter().flat_map(|value| (0..100).map(move |_| sound(value)));
        let mut early = Early::for_rate(16_000);
        early.rewind(again.collect(), 0);
        (0..50).for_each(|_| early.keep_audio(0, Bytes::from(vec![0; 640])));
        early.begin(at(0));
        assert_eq!(all(&mut early, at(985)).len(), 99);
        assert_eq!(all(&mut early, at(1_055)).len(), 102, "two seconds in a little more than one");
        assert_eq!(all(&mut early, at(1_155)).len(), 10, "what is said for the first time is not hurried");
    }

    #[test]
    fn what_was_forgotten_goes_before_what_was_never_sent() {
        let mut early = Early::for_rate(16_000);
        early.begin(at(0));
        early.hold();
        early.keep_audio(7, Bytes::from(vec![9; 640]));
        early.rewind(vec![(5, Kept::Text("a".into())), (6, Kept::Audio(Bytes::from(vec![9; 640])))], 0);
        assert_eq!(early.next(at(0)), None);
        early.begin(at(0));
        let numbers: Vec<u32> =
            core::iter::from_fn(|| early.next(at(99))).map(|(number, _)| number).collect();
        assert_eq!(numbers, [5, 6, 7]);
        assert!(!early.has_text() && early.audio_bytes == 0);
    }

    #[test]
    fn marks_stay_in_pairs_however_many_there_are() {
        let mut early = Early::for_rate(16_000);
        for _ in 0..1_000 {
            early.keep_mark(0, true);
            early.keep_audio(0, Bytes::from(vec![0; 32_000]));
            early.keep_mark(0, false);
        }
        early.begin(at(0));
        let marks: Vec<bool> = all(&mut early, at(60_000))
            .into_iter()
            .filter_map(|kept| if let Kept::Mark(speaking) = kept { Some(speaking) } else { None })
            .collect();
        assert_eq!(marks, [true, false].repeat(MOST_ENDS));
    }
}
