//! What the service was sent and may forget: all since the newest handle, which is a checkpoint.

use super::early::Kept;
use super::spool::Spool;
use super::stream::Stream;
use crate::Moment;
use core::time::Duration;
use std::collections::VecDeque;

/// What was sent, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Uplog {
    sent: VecDeque<Sent>,
    /// The sound of all of them.
    sound: Spool,
    /// What was typed of it.
    texts: VecDeque<String>,
    text_bytes: usize,
    /// Entries below this count, over all that ever were, have been answered.
    answered: u64,
    /// Those that the model had when it began to speak, and when that was.
    asked: u64,
    answers_since: Option<Moment>,
    /// Entries that left by the front.
    gone: u64,
    /// Where somebody may have spoken, if there was a sign of it.
    words: Option<Words>,
}

/// Where somebody may have spoken.
#[derive(Clone, Copy, Debug)]
struct Words {
    since: Moment,
    newest_sign: Moment,
}

/// One thing that was sent. Small, for there are fifty a second.
#[derive(Debug)]
struct Sent {
    at: Moment,
    number: u32,
    /// What the service had heard of the stream before.
    before: Stream,
    what: What,
}

/// What was sent.
#[derive(Debug)]
enum What {
    /// So much of the sound.
    Audio {
        /// Bytes of PCM.
        bytes: u32,
    },
    /// The next of the texts.
    Text,
    End,
    Mark(bool),
}

/// What is to be said again, and to whom.
#[derive(Debug, Default)]
pub(super) struct Again {
    pub(super) items: Vec<(u32, Kept)>,
    /// So many of the first were sent before there was any sign of speech.
    pub(super) wordless: usize,
    /// What the service had heard of the stream before, if anything is to be said at all.
    pub(super) before: Option<Stream>,
}

impl Uplog {
    /// The service is sent this; it has heard the stream as far as `before`.
    pub(super) fn note(&mut self, number: u32, what: &Kept, before: Stream, now: Moment) {
        self.text_bytes += what.text_bytes();
        let what = match what {
            Kept::Audio(pcm) => {
                self.sound.push(pcm);
                What::Audio { bytes: pcm.len() as u32 }
            }
            Kept::Text(text) => {
                self.texts.push_back(text.clone());
                What::Text
            }
            Kept::End => What::End,
            Kept::Mark(speaking) => What::Mark(*speaking),
            // No one is told: it goes with the sound.
            Kept::Rate(_) => return,
        };
        self.sent.push_back(Sent { at: now, number, before, what });
        let most_bytes = before.rate_hz() as usize * 2 * MOST_AUDIO.as_secs() as usize;
        while self.sound.bytes() > most_bytes
            || self.text_bytes > MOST_TEXT_BYTES
            || self.sent.len() > MOST_ENTRIES
        {
            self.forget_oldest();
        }
    }

    /// Room that is taken.
    pub(super) const fn bytes(&self) -> usize {
        self.text_bytes + self.sound.bytes()
    }

    /// There is a sign that somebody speaks, or has just spoken.
    pub(super) fn hears_words(&mut self, now: Moment) {
        let since = self.words.map_or(now - SIGN_DELAY, |words| words.since);
        self.words = Some(Words { since, newest_sign: now });
    }

    /// The service keeps what it was sent until then, while somebody speaks or nobody does; the number of the first thing
    /// that it may forget.
    pub(super) fn cover(&mut self, until: Moment, somebody_speaks: bool) -> Option<u32> {
        self.words = self.words.filter(|words| somebody_speaks || words.newest_sign > until);
        while self.sent.front().is_some_and(|sent| sent.at <= until) {
            self.forget_oldest();
        }
        self.sent.front().map(|sent| sent.number)
    }

    /// The model begins to answer what it was sent.
    pub(super) fn answer_begins(&mut self, now: Moment) {
        self.asked = self.gone + self.sent.len() as u64;
        self.answers_since = Some(now);
    }

    /// Whether the person has said nothing since the model began its newest answer.
    pub(super) fn is_answered(&self) -> bool {
        let Some(since) = self.answers_since else { return false };
        let later = self.sent.iter().skip((self.asked.saturating_sub(self.gone)) as usize);
        let is_silent = self.words.is_none_or(|words| words.newest_sign <= since + LATE_SIGN);
        is_silent && later.into_iter().all(|sent| matches!(sent.what, What::Audio { .. } | What::End))
    }

    /// It has answered.
    pub(super) fn answer_ends(&mut self) {
        self.answered = self.asked;
    }

    /// Takes all that the service has forgotten if it goes on from the newest handle.
    pub(super) fn take(&mut self, now: Moment) -> Again {
        // A sign may be on its way of what was said last.
        let since = self.words.map_or(now - SIGN_DELAY, |words| words.since);
        let wordless = self.sent.iter().take_while(|sent| sent.at < since).count();
        let before = self.sent.front().map(|sent| sent.before);
        let items = core::iter::from_fn(|| self.pop_front()).collect();
        self.clear();
        Again { items, wordless, before }
    }

    /// Takes what a session that knows nothing still has to answer.
    pub(super) fn take_unanswered(&mut self, now: Moment) -> Again {
        while self.gone < self.answered && !self.sent.is_empty() {
            self.forget_oldest();
        }
        self.take(now)
    }

    /// None of it is ever said again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the oldest, with its number.
    fn pop_front(&mut self) -> Option<(u32, Kept)> {
        let Sent { number, what, .. } = self.sent.pop_front()?;
        let kept = match what {
            What::Audio { bytes } => Kept::Audio(self.sound.pop_front(bytes as usize).into()),
            What::Text => Kept::Text(self.texts.pop_front().unwrap_or_default()),
            What::End => Kept::End,
            What::Mark(speaking) => Kept::Mark(speaking),
        };
        Some((number, kept))
    }

    fn forget_oldest(&mut self) {
        if let Some(sent) = self.sent.pop_front() {
            match sent.what {
                What::Audio { bytes } => self.sound.drop_front(bytes as usize),
                What::Text => {
                    self.text_bytes -= self.texts.pop_front().map_or(0, |text| text.len());
                }
                What::End | What::Mark(_) => {}
            }
            self.gone += 1;
        }
        if self.sent.is_empty() {
            self.sent = VecDeque::new();
        }
    }
}

/// More than anybody says without an answer, after which the service gives a handle.
const MOST_AUDIO: Duration = Duration::from_secs(60);
/// The largest text that there may be, and some short ones.
const MOST_TEXT_BYTES: usize = 1 << 20;
/// Words are written down, and a detector makes up its mind, within this.
const SIGN_DELAY: Duration = Duration::from_secs(3);
/// So long after an answer began, there may come signs of what it answers.
const LATE_SIGN: Duration = Duration::from_secs(1);
/// That in frames of 10 ms, and some text.
const MOST_ENTRIES: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    /// A log of frames of 20 ms, each sent when it was spoken.
    fn log(frames: u32) -> Uplog {
        let mut log = Uplog::default();
        for number in 0..frames {
            note(&mut log, number);
        }
        log
    }

    fn note(log: &mut Uplog, number: u32) {
        let pcm = Bytes::from_static(&[1; 640]);
        log.note(number, &Kept::Audio(pcm), stream(), at(u64::from(number) * 20));
    }

    fn stream() -> Stream {
        let mut stream = Stream::default();
        stream.tune(16_000, Duration::from_secs(1));
        stream
    }

    fn numbers(again: Again) -> Vec<u32> {
        again.items.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_handle_covers_what_was_sent_one_round_trip_before_it_came() {
        let mut log = log(10);
        assert_eq!(log.cover(at(99), false), Some(5));
        assert_eq!(numbers(log.take(at(0))), [5, 6, 7, 8, 9]);
        assert_eq!(log.cover(at(999), false), None);
    }

    #[test]
    fn keeps_a_minute() {
        let mut log = log(3_500);
        assert_eq!(log.cover(at(0), false), Some(500));
        assert_eq!(log.take(at(0)).items.len(), 3_000);
        for number in 0..20_000 {
            log.note(number, &Kept::End, stream(), at(0));
        }
        assert_eq!(log.take(at(0)).items.len(), MOST_ENTRIES);
        for number in 0..100 {
            let long = Kept::Text("a".repeat(64 * 1024));
            log.note(number, &long, stream(), at(0));
        }
        assert_eq!(log.take(at(0)).items.len(), 16);
    }

    #[test]
    fn knows_where_nobody_has_spoken() {
        let mut log = log(1_000);
        assert_eq!(log.take(at(20_000)).wordless, 850, "of the newest three seconds a sign may come yet");
        for number in 1_000..2_000 {
            note(&mut log, number);
        }
        log.hears_words(at(28_000));
        log.hears_words(at(36_000));
        log.cover(at(24_000), false);
        assert_eq!(log.take(at(40_000)).wordless, 49, "up to three seconds before the first sign");
        log.hears_words(at(40_000));
        for number in 2_001..3_000 {
            note(&mut log, number);
        }
        log.cover(at(42_000), true);
        assert_eq!(log.take(at(60_000)).wordless, 0, "they speak on");
    }

    #[test]
    fn who_knows_nothing_is_asked_only_what_was_not_answered() {
        let mut log = log(10);
        log.answer_begins(at(0));
        note(&mut log, 10);
        log.answer_ends();
        note(&mut log, 11);
        log.answer_begins(at(0));
        note(&mut log, 12);
        log.cover(at(99), false);
        assert_eq!(numbers(log.take_unanswered(at(0))), [10, 11, 12]);
        assert!(numbers(log.take_unanswered(at(0))).is_empty());
    }
}
