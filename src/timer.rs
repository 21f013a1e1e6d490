//! The one alarm that a call sets.

use gloo_timers::callback::Timeout;
use vivavoce_session::Moment;

/// Wakes once, at the moment set last. Dropping it cancels it.
#[derive(Debug, Default)]
pub struct Timer {
    set: Option<(Moment, Timeout)>,
}

impl Timer {
    /// A timer that wakes nobody.
    pub const fn new() -> Self {
        Self { set: None }
    }

    /// Calls `wake` at `due`, at once if that is past, and never if there is none; what was set before is
    /// cancelled. Setting the same moment again costs nothing.
    pub fn set(&mut self, due: Option<Moment>, now: Moment, wake: impl FnOnce() + 'static) {
        let Some(due) = due else {
            self.set = None;
            return;
        };
        if self.due() == Some(due) {
            return;
        }
        // To 64 bits first: a division of 128 weighs a kilobyte.
        let wait_us = due.since(now).as_micros().min(LONGEST_WAIT_MS * 1000) as u64;
        self.set = Some((due, Timeout::new(wait_us.div_ceil(1000) as u32, wake)));
    }

    /// The alarm rang: the next one may be set for the same moment.
    pub fn rang(&mut self) {
        self.set = None;
    }

    /// The moment set, if any.
    pub fn due(&self) -> Option<Moment> {
        self.set.as_ref().map(|(due, _)| *due)
    }
}

/// The longest that browsers wait; a longer timeout would fire at once.
const LONGEST_WAIT_MS: u128 = i32::MAX as u128;
