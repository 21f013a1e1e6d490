//! How many calls there are at one time.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// Rooms for calls. How many there may be is said by whoever takes one, for a reload may change it.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    taken: AtomicU32,
}

/// One of them, until this is dropped.
#[derive(Debug)]
pub(crate) struct Room(Arc<Rooms>);

impl Rooms {
    /// Takes one more, if fewer than `most` are taken.
    pub(crate) fn take(self: &Arc<Self>, most: u32) -> Option<Room> {
        let more = |taken: u32| (taken < most).then(|| taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok().then(|| Room(Arc::clone(self)))
    }

    /// Whether as many as that are taken.
    pub(crate) fn are_full(&self, most: u32) -> bool {
        self.taken.load(Ordering::Relaxed) >= most
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_whoever_comes_is_told() {
        let rooms = Arc::new(Rooms::default());
        let first = rooms.take(2);
        let second = rooms.take(2);
        assert!(first.is_some() && second.is_some() && rooms.take(2).is_none());
        assert!(rooms.are_full(2) && !rooms.are_full(3));
        assert!(rooms.take(3).is_some(), "a reload allows more");
        drop(first);
        assert!(rooms.take(1).is_none(), "or fewer");
        assert!(rooms.take(2).is_some());
    }
}
