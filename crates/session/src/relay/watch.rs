//! Whether the service still answers: sessions have been seen that hear everything and never say a word.

use crate::Moment;
use core::time::Duration;

/// What the service owes.
#[derive(Debug)]
pub(super) struct Watch {
    /// How long it may owe an answer; it is never hurried, if there is none.
    patience: Option<Duration>,
    /// Since when it owes an answer to what it says it heard.
    owes_since: Option<Moment>,
    /// Whether it has something to answer, heard or not.
    is_asked: bool,
    /// Whether it hears somebody speak.
    hears_speech: bool,
    /// Whether the model said anything since the newest handle.
    is_younger: bool,
    /// Until then, what it writes down may be of what it has answered.
    late_until: Moment,
    /// Sessions that owed an answer for too long, since the last one that gave one.
    mute: u32,
}

/// What becomes of a mute session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// It is taken up again by its handle.
    Resume,
    /// The handle may carry the trouble: another begins.
    Fresh,
}

impl Watch {
    /// An answer may take so long.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience: Some(patience).filter(|patience| !patience.is_zero()),
            owes_since: None,
            is_asked: false,
            hears_speech: false,
            is_younger: false,
            late_until: Moment::ORIGIN,
            mute: 0,
        }
    }

    /// It was asked something in writing, or told what a function gave.
    pub(super) fn asked(&mut self) {
        self.is_asked = true;
    }

    /// It heard the person, or fell silent for them.
    pub(super) fn heard(&mut self, now: Moment) {
        // Transcripts keep no order with the answers: this one may be of what was answered just now.
        if now >= self.late_until {
            self.is_asked = true;
            self.owes_since = Some(now);
        }
    }

    /// It notices that somebody speaks, or no longer.
    pub(super) fn speech(&mut self, speaking: bool) {
        self.hears_speech = speaking;
    }

    /// The model says something.
    pub(super) fn answers(&mut self) {
        self.is_younger = true;
        self.mute = 0;
        self.is_asked = false;
        self.owes_since = None;
    }

    /// Its turn is over, and was not cut off by what it is to answer next.
    pub(super) fn settled(&mut self, was_cut: bool, now: Moment) {
        self.is_asked = false;
        self.owes_since = None;
        self.late_until = if was_cut { now } else { now + LATE };
    }

    /// It calls a function, which was refused: it does answer.
    pub(super) fn called(&mut self) {
        self.is_asked = true;
        self.owes_since = None;
    }

    /// It gave a handle that covers all.
    pub(super) fn is_safe(&mut self) {
        self.is_younger = false;
    }

    /// Another session is asked what this one was; it owes an answer if this one did, or was cut.
    pub(super) fn begins_anew(&mut self, is_asked_again: bool, now: Moment) {
        let owes = is_asked_again || self.owes_since.is_some();
        *self = Self {
            patience: self.patience,
            owes_since: owes.then_some(now),
            is_asked: owes,
            hears_speech: false,
            is_younger: false,
            late_until: Moment::ORIGIN,
            mute: self.mute,
        };
    }

    /// Somebody still speaks: that is not to be answered yet.
    pub(super) fn waits(&mut self, now: Moment) {
        if self.owes_since.is_some() {
            self.owes_since = Some(now);
        }
    }

    /// What to do by `now` if no answer came; asking settles it. A third session in a row is left alone: perhaps the
    /// model has nothing to say.
    pub(super) fn look(&mut self, has_handle: bool, now: Moment) -> Option<Cure> {
        if self.due_at().is_none_or(|due| now < due) {
            return None;
        }
        self.mute = if has_handle { self.mute + 1 } else { MOST_MUTE };
        Some(if self.mute < MOST_MUTE { Cure::Resume } else { Cure::Fresh })
    }

    /// When that is to be looked at.
    pub(super) fn due_at(&self) -> Option<Moment> {
        let patience = self.patience.filter(|_| self.mute < MOST_MUTE)?;
        self.owes_since.map(|since| since + patience)
    }

    /// Whether the service has nothing to do and hears nobody.
    pub(super) const fn is_quiet(&self) -> bool {
        !self.is_asked && !self.hears_speech
    }

    /// Whether it hears somebody speak.
    pub(super) const fn hears_speech(&self) -> bool {
        self.hears_speech
    }

    /// Whether the model said something that goes with the session.
    pub(super) const fn is_younger(&self) -> bool {
        self.is_younger
    }
}

/// Once with the handle, once without.
const MOST_MUTE: u32 = 2;
/// Words that come so long after the answer were not said after it: hearing, waiting for the end and writing take longer.
const LATE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    #[test]
    fn cures_a_mute_session_twice_and_then_lets_it_be() {
        let mut watch = Watch::new(Duration::from_secs(8));
        watch.heard(at(1_000));
        assert_eq!(watch.look(true, at(8_999)), None);
        assert_eq!(watch.look(true, at(9_000)), Some(Cure::Resume));
        watch.begins_anew(false, at(9_100));
        assert_eq!(watch.look(true, at(17_100)), Some(Cure::Fresh));
        watch.begins_anew(false, at(17_200));
        assert_eq!((watch.look(true, at(99_000)), watch.due_at()), (None, None));
        watch.answers();
        watch.heard(at(100_000));
        assert_eq!(watch.due_at(), Some(at(108_000)));
    }

    #[test]
    fn an_answer_or_a_turn_without_one_is_enough() {
        let mut watch = Watch::new(Duration::from_secs(8));
        watch.heard(at(0));
        assert!(!watch.is_quiet());
        watch.settled(false, at(10));
        watch.heard(at(900));
        assert_eq!((watch.due_at(), watch.is_quiet(), watch.is_younger()), (None, true, false));
        watch.answers();
        assert!(watch.is_younger());
    }

    #[test]
    fn without_patience_there_is_no_watch() {
        let mut watch = Watch::new(Duration::ZERO);
        watch.heard(at(0));
        assert_eq!(watch.due_at(), None);
    }
}
