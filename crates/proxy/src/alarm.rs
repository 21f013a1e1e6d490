//! A clock that is asked to ring far more often than it rings.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// Rings by a time that changes with every frame. It is set anew only to ring earlier, or once it has woken whoever asks.
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether it must be asked to ring at `by`.
    pub(crate) fn is_late_for(&self, by: Instant) -> bool {
        self.0.as_ref().is_none_or(|sleep| by < sleep.deadline() || sleep.is_elapsed())
    }

    /// Ready at `by`. An earlier time that was asked for before may wake the task in vain, or be taken for this one.
    pub(crate) fn poll_by(&mut self, context: &mut Context<'_>, by: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(by)));
        if by < sleep.deadline() || sleep.is_elapsed() {
            sleep.as_mut().reset(by);
        }
        sleep.as_mut().poll(context)
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
    use core::future::poll_fn;
    use core::time::Duration;

    async fn by(alarm: &mut Alarm, by: Instant) {
        poll_fn(|context| alarm.poll_by(context, by)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn rings_at_the_time_that_was_asked_for_last() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        let mut alarm = Alarm::default();
        for (asked_for, rings_at) in [(3, 3), (5, 5)] {
            by(&mut alarm, began + asked_for * second).await;
            assert_eq!(Instant::now(), began + rings_at * second);
        }
        for asked_for in [9, 7, 8] {
            assert!(
                tokio::time::timeout(second / 10, by(&mut alarm, began + asked_for * second)).await.is_err()
            );
        }
        by(&mut alarm, began + 8 * second).await;
        assert_eq!(Instant::now(), began + 8 * second);
    }
}
