//! How long a call may last, and how long it may go on without a word.

use crate::Moment;
use core::time::Duration;
use vivavoce_wire::trouble::{Code, Trouble};

/// The bounds of one call.
#[derive(Debug)]
pub(super) struct Bounds {
    longest: Option<Duration>,
    idle: Option<Duration>,
    /// For how long it had gone on before.
    lasted: Duration,
    /// When somebody could talk first.
    began: Option<Moment>,
    /// When either side said something last.
    said_at: Moment,
}

impl Bounds {
    /// Zero means that there is no bound.
    pub(super) fn new(longest: Duration, idle: Duration, lasted: Duration) -> Self {
        let bound = |time: Duration| Some(time).filter(|time| !time.is_zero());
        Self { longest: bound(longest), idle: bound(idle), lasted, began: None, said_at: Moment::ORIGIN }
    }

    /// From here on somebody can talk.
    pub(super) fn begin(&mut self, now: Moment) {
        self.began = Some(now);
        self.said_at = now;
    }

    /// One side said something, or is saying it.
    pub(super) fn somebody_speaks(&mut self, now: Moment) {
        self.said_at = self.said_at.max(now);
    }

    /// Why the call is over by `now`, if it is.
    pub(super) fn look(&self, now: Moment) -> Option<Trouble> {
        let sentence = if self.lasts_until().is_some_and(|end| now >= end) {
            let minutes = minutes(self.longest?);
            format!("This call has lasted {minutes}, the longest that this proxy allows: tap to call again.")
        } else if self.waits_until().is_some_and(|end| now >= end) {
            let minutes = minutes(self.idle?);
            format!("Nobody has said anything for {minutes}, so the call is over: tap to call again.")
        } else {
            return None;
        };
        Some(Trouble::new(Code::Limited, sentence))
    }

    /// When that is to be looked at.
    pub(super) fn due_at(&self) -> Option<Moment> {
        self.lasts_until().into_iter().chain(self.waits_until()).min()
    }

    fn lasts_until(&self) -> Option<Moment> {
        Some(self.began? + self.longest?.saturating_sub(self.lasted))
    }

    fn waits_until(&self) -> Option<Moment> {
        self.began?;
        Some(self.said_at + self.idle?)
    }
}

/// A time in words, in minutes from two on.
fn minutes(time: Duration) -> String {
    match time.as_secs() {
        1 => "1 second".into(),
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn nothing_is_bounded_by_zero_nor_before_somebody_can_talk() {
        let mut bounds = Bounds::new(Duration::ZERO, Duration::ZERO, Duration::ZERO);
        bounds.begin(at(1));
        assert_eq!((bounds.due_at(), bounds.look(at(1_000_000))), (None, None));
        assert_eq!(
            Bounds::new(Duration::from_secs(1), Duration::from_secs(1), Duration::ZERO).due_at(),
            None
        );
    }

    #[test]
    fn says_which_bound_it_was() {
        let mut bounds = Bounds::new(Duration::from_secs(600), Duration::from_secs(90), Duration::ZERO);
        bounds.begin(at(10));
        bounds.somebody_speaks(at(50));
        assert_eq!((bounds.due_at(), bounds.look(at(139))), (Some(at(140)), None));
        assert!(bounds.look(at(140)).unwrap().message.contains("for 90 seconds"));
        bounds.somebody_speaks(at(600));
        assert_eq!(bounds.due_at(), Some(at(610)));
        assert!(bounds.look(at(610)).unwrap().message.contains("10 minutes"));
    }

    #[test]
    fn a_call_lasts_no_longer_for_being_led_by_another() {
        for (lasted_s, ends_s) in [(0, 610), (400, 210), (600, 10), (1_000, 10)] {
            let lasted = Duration::from_secs(lasted_s);
            let mut bounds = Bounds::new(Duration::from_secs(600), Duration::ZERO, lasted);
            bounds.begin(at(10));
            assert_eq!(bounds.due_at(), Some(at(ends_s)));
            assert!(bounds.look(at(ends_s)).unwrap().message.contains("10 minutes"));
        }
    }
}
