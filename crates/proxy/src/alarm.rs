//! A clock that is asked to ring far more often than it rings.

use core::fmt;
use core::pin::Pin;
use tokio::time::{Instant, Sleep, sleep_until};

/// Rings by a time that changes with every frame. It is set anew only to ring earlier, or once it rang; whoever was woken too
/// early asks again.
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Waits until `by`, or until an earlier time that was asked for before; may be dropped and called again.
    pub(crate) async fn by(&mut self, by: Instant) {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(by)));
        if by < sleep.deadline() || sleep.is_elapsed() {
            sleep.as_mut().reset(by);
        }
        sleep.await;
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alarm").field(&self.0.as_ref().map(|sleep| sleep.deadline())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn rings_by_the_earliest_time_that_was_asked_for() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        let mut alarm = Alarm::default();
        for (asked_for, rings_at) in [(3, 3), (5, 5)] {
            alarm.by(began + asked_for * second).await;
            assert_eq!(Instant::now(), began + rings_at * second);
        }
        for asked_for in [9, 7, 8] {
            assert!(tokio::time::timeout(second / 10, alarm.by(began + asked_for * second)).await.is_err());
        }
        alarm.by(began + 8 * second).await;
        assert_eq!(Instant::now(), began + 7 * second);
        alarm.by(began + 8 * second).await;
        assert_eq!(Instant::now(), began + 8 * second);
    }
}
