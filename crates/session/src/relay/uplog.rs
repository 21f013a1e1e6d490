//! What the service was sent and may forget: all since the newest handle, which is a checkpoint.

use super::early::Kept;
use super::stream::Stream;
use crate::Moment;
use core::time::Duration;
use std::collections::VecDeque;

/// What was sent, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Uplog {
    sent: VecDeque<Sent>,
    audio: Duration,
    /// Entries below this count, over all that ever were, have been answered.
    answered: u64,
    /// Those that the model had when it began to speak.
    asked: u64,
    /// Entries that left by the front.
    gone: u64,
}

/// One thing that was sent.
#[derive(Debug)]
struct Sent {
    at: Moment,
    number: u32,
    what: Kept,
    length: Duration,
    /// What the service had heard of the stream before.
    before: Stream,
}

/// What is to be said again, and to whom.
#[derive(Debug, Default)]
pub(super) struct Again {
    pub(super) items: Vec<(u32, Kept)>,
    /// What the service had heard of the stream before, if anything is to be said at all.
    pub(super) before: Option<Stream>,
}

impl Uplog {
    /// The service is sent this, of this length if it is sound; it has heard the stream as far as `before`.
    pub(super) fn note(&mut self, number: u32, what: Kept, length: Duration, before: Stream, now: Moment) {
        self.audio += length;
        self.sent.push_back(Sent { at: now, number, what, length, before });
        while self.audio > MOST_AUDIO || self.sent.len() > MOST_ENTRIES {
            self.forget_oldest();
        }
    }

    /// The service keeps what it was sent until then; the number of the first thing that it may forget.
    pub(super) fn cover(&mut self, until: Moment) -> Option<u32> {
        while self.sent.front().is_some_and(|sent| sent.at <= until) {
            self.forget_oldest();
        }
        self.sent.front().map(|sent| sent.number)
    }

    /// The model begins to answer what it was sent.
    pub(super) fn answer_begins(&mut self) {
        self.asked = self.gone + self.sent.len() as u64;
    }

    /// It has answered.
    pub(super) fn answer_ends(&mut self) {
        self.answered = self.asked;
    }

    /// Takes all that the service has forgotten if it goes on from the newest handle.
    pub(super) fn take(&mut self) -> Again {
        let before = self.sent.front().map(|sent| sent.before.clone());
        let items = self.sent.drain(..).map(|sent| (sent.number, sent.what)).collect();
        self.begin_anew();
        Again { items, before }
    }

    /// Takes what a session that knows nothing still has to answer.
    pub(super) fn take_unanswered(&mut self) -> Again {
        while self.gone < self.answered && !self.sent.is_empty() {
            self.forget_oldest();
        }
        self.take()
    }

    /// None of it is ever said again.
    pub(super) fn clear(&mut self) {
        self.sent.clear();
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        *self = Self::default();
    }

    fn forget_oldest(&mut self) {
        if let Some(sent) = self.sent.pop_front() {
            self.audio -= sent.length;
            self.gone += 1;
        }
    }
}

/// More than anybody says without an answer, after which the service gives a handle.
const MOST_AUDIO: Duration = Duration::from_secs(60);
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
        let (what, length) = (Kept::Audio(Bytes::from_static(&[1, 0])), Duration::from_millis(20));
        log.note(number, what, length, Stream::default(), at(u64::from(number) * 20));
    }

    fn numbers(again: Again) -> Vec<u32> {
        again.items.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_handle_covers_what_was_sent_one_round_trip_before_it_came() {
        let mut log = log(10);
        assert_eq!(log.cover(at(99)), Some(5));
        assert_eq!(numbers(log.take()), [5, 6, 7, 8, 9]);
        assert_eq!(log.cover(at(999)), None);
    }

    #[test]
    fn keeps_a_minute() {
        let mut log = log(3_500);
        assert_eq!(log.cover(at(0)), Some(500));
        assert_eq!(log.take().items.len(), 3_000);
        for number in 0..20_000 {
            log.note(number, Kept::End, Duration::ZERO, Stream::default(), at(0));
        }
        assert_eq!(log.take().items.len(), MOST_ENTRIES);
    }

    #[test]
    fn who_knows_nothing_is_asked_only_what_was_not_answered() {
        let mut log = log(10);
        log.answer_begins();
        note(&mut log, 10);
        log.answer_ends();
        note(&mut log, 11);
        log.answer_begins();
        note(&mut log, 12);
        log.cover(at(99));
        assert_eq!(numbers(log.take_unanswered()), [10, 11, 12]);
        assert!(numbers(log.take_unanswered()).is_empty());
    }
}
