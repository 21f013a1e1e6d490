//! The simulator's time: the wall's, faster or slower.

use core::time::Duration;
use tokio::time::Instant;

/// A clock that began with the simulator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
    scale: f64,
}

impl Clock {
    /// A clock that begins now; `scale` seconds of the simulator pass in one of the wall's.
    pub(crate) fn start(scale: f64) -> Self {
        Self { began: Instant::now(), scale: if scale.is_finite() && scale > 0.0 { scale } else { 1.0 } }
    }

    /// The simulator's time.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed().mul_f64(self.scale)
    }

    /// When the wall's clock shows a time of the simulator.
    pub(crate) fn wall(&self, at: Duration) -> Instant {
        let elapsed = Duration::try_from_secs_f64(at.as_secs_f64() / self.scale).unwrap_or(Duration::MAX);
        // Rounded up: who is woken must find that the time has come.
        let elapsed = elapsed.saturating_add(Duration::from_micros(1));
        self.began.checked_add(elapsed).unwrap_or(self.began + FAR)
    }
}

/// A year.
const FAR: Duration = Duration::from_secs(31_557_600);
