//! What of the other side's has arrived: numbered, and told back to it.

use crate::Moment;
use core::time::Duration;

/// The count of what has arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// The number of what is expected next.
    next: u32,
    /// What the other side was told of it, and when.
    told: u32,
    told_at: Moment,
}

impl Arrived {
    /// All before `next` came to somebody else, who made it safe.
    pub(crate) fn from(next: u32) -> Self {
        Self { next, told: next, told_at: Moment::ORIGIN }
    }

    /// Something without a number of its own came.
    pub(crate) fn count(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// Something with this number came; false if it had come before. What is left out was dropped on purpose.
    pub(crate) fn take(&mut self, sequence: u32) -> bool {
        let is_new = sequence >= self.next;
        if is_new {
            self.next = sequence.saturating_add(1);
        }
        is_new
    }

    /// The number of what is expected next.
    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    /// What the other side is to be told by `now`; asking settles it.
    pub(crate) fn report(&mut self, now: Moment) -> Option<u32> {
        if self.due_at().is_none_or(|due| now < due) {
            return None;
        }
        (self.told, self.told_at) = (self.next, now);
        Some(self.next)
    }

    /// When it is to be told.
    pub(crate) fn due_at(&self) -> Option<Moment> {
        (self.next > self.told).then(|| self.told_at + PACE)
    }
}

/// Who is told this often keeps little in vain.
const PACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    #[test]
    fn tells_once_a_second_what_came() {
        let mut arrived = Arrived::default();
        assert_eq!(arrived.report(at(5_000)), None);
        assert!(arrived.take(0) && arrived.take(1) && !arrived.take(1));
        arrived.count();
        assert_eq!(arrived.report(at(5_000)), Some(3));
        assert!(arrived.take(7), "what was dropped on purpose is not waited for");
        assert_eq!((arrived.report(at(5_999)), arrived.due_at()), (None, Some(at(6_000))));
        assert_eq!(arrived.report(at(6_000)), Some(8));
        assert_eq!(arrived.due_at(), None);
    }
}
