//! The samples that wait.

/// A ring of samples that remembers a little of what it gave out.
pub(super) struct Ring<const N: usize> {
    samples: [i16; N],
    head: usize,
    len: usize,
    past: usize,
}

impl<const N: usize> Ring<N> {
    pub(super) const fn new() -> Self {
        Self { samples: [0; N], head: 0, len: 0, past: 0 }
    }

    pub(super) fn clear(&mut self) {
        (self.head, self.len, self.past) = (0, 0, 0);
    }

    /// How many samples fit in.
    pub(super) fn room(&self) -> usize {
        N.saturating_sub(MEMORY).saturating_sub(self.len)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a sample; there must be room.
    pub(super) fn push(&mut self, sample: i16) {
        let at = self.wrapped(self.head + self.len);
        if let Some(slot) = self.samples.get_mut(at) {
            *slot = sample;
            self.len += 1;
        }
    }

    /// The oldest sample, or silence.
    pub(super) fn pop(&mut self) -> i16 {
        if self.len == 0 {
            return 0;
        }
        let sample = self.samples.get(self.head).copied().unwrap_or(0);
        self.head = self.wrapped(self.head + 1);
        self.len -= 1;
        self.past = (self.past + 1).min(MEMORY);
        sample
    }

    /// A sample that waits, 0 being the oldest; silence after what is there.
    pub(super) fn ahead(&self, index: usize) -> i16 {
        if index >= self.len {
            return 0;
        }
        self.samples.get(self.wrapped(self.head + index)).copied().unwrap_or(0)
    }

    /// Takes back the `count` samples given out last: they wait again.
    pub(super) fn rewind(&mut self, count: usize) {
        let count = count.min(self.past);
        self.head = self.wrapped(self.head + N - count);
        self.len += count;
        self.past -= count;
    }

    /// Throws the oldest `count` away; what was given out before is forgotten.
    pub(super) fn skip(&mut self, count: usize) {
        let count = count.min(self.len);
        self.head = self.wrapped(self.head + count);
        self.len -= count;
        if count > 0 {
            self.past = 0;
        }
    }

    /// How many samples given out in a row are still known.
    pub(super) fn past(&self) -> usize {
        self.past
    }

    /// A sample given out, 0 being the last; silence before what is known.
    pub(super) fn behind(&self, index: usize) -> i16 {
        if index >= self.past {
            return 0;
        }
        self.samples.get(self.wrapped(self.head + N - 1 - index)).copied().unwrap_or(0)
    }

    fn wrapped(&self, index: usize) -> usize {
        if index >= N { index - N } else { index }
    }
}

/// Samples remembered: two periods of the deepest voice, the stretch that they are compared on, and what is played
/// while one voice fades into the other.
pub(super) const MEMORY: usize = 1_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_out_in_order_and_remembers() {
        let mut ring = Ring::<2_000>::new();
        assert_eq!(ring.room(), 2_000 - MEMORY);
        let mut next = 0;
        for _ in 0..50 {
            (next..next + 400).for_each(|sample| ring.push(sample));
            for sample in next..next + 400 {
                assert_eq!(ring.pop(), sample);
            }
            assert_eq!(ring.behind(0), next + 399);
            assert_eq!(ring.behind(399), next);
            next = (next + 400) % 30_000;
        }
        assert_eq!(ring.past(), MEMORY);
        assert_eq!(ring.behind(MEMORY), 0);
        assert_eq!(ring.pop(), 0);
    }

    #[test]
    fn forgets_what_came_before_a_skip() {
        let mut ring = Ring::<2_000>::new();
        (1..=10).for_each(|sample| ring.push(sample));
        assert_eq!(ring.pop(), 1);
        ring.skip(4);
        assert_eq!((ring.past(), ring.behind(0)), (0, 0));
        assert_eq!(ring.pop(), 6);
        ring.skip(100);
        assert_eq!(ring.len(), 0);
    }
}
