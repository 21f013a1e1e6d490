//! Time that comes in as an argument.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment on the caller's monotonic clock, counted from an origin of the caller's choice; the clock lasts 584 years.
// One number, in nanoseconds, compares and adds in half the instructions of a `Duration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The clock's origin.
    pub const ORIGIN: Self = Self(0);

    /// The moment this long after the clock's origin.
    pub const fn after_origin(elapsed: Duration) -> Self {
        Self(nanoseconds(elapsed))
    }

    /// Time since the clock's origin.
    pub const fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time since `earlier`; zero if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

const fn nanoseconds(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos() as u64)
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(wait)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, back: Duration) -> Self {
        Self(self.0.saturating_sub(nanoseconds(back)))
    }
}
