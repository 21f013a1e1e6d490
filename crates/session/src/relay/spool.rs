//! Bytes that are kept in order, in blocks: what is dropped at the front makes room for other calls, and not only for this one.

use std::collections::VecDeque;

/// Bytes, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// Each of [`BLOCK_BYTES`], full but for the last.
    blocks: VecDeque<Vec<u8>>,
    /// Bytes of the first block that are gone.
    gone: usize,
    bytes: usize,
}

impl Spool {
    /// Keeps these, too.
    pub(super) fn push(&mut self, mut more: &[u8]) {
        self.bytes += more.len();
        while !more.is_empty() {
            let block = match self.blocks.back_mut().filter(|block| block.len() < BLOCK_BYTES) {
                Some(block) => block,
                None => self.blocks.push_back_mut(Vec::with_capacity(BLOCK_BYTES)),
            };
            let (fits, rest) = more.split_at(more.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(fits);
            more = rest;
        }
    }

    /// Drops so many of the oldest; there are as many.
    pub(super) fn drop_front(&mut self, count: usize) {
        self.take(count, |_| ());
    }

    /// Takes so many of the oldest; there are as many.
    pub(super) fn pop_front(&mut self, count: usize) -> Vec<u8> {
        let mut taken = Vec::with_capacity(count);
        self.take(count, |piece| taken.extend_from_slice(piece));
        taken
    }

    /// Bytes that there are.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn take(&mut self, mut count: usize, mut piece: impl FnMut(&[u8])) {
        while count > 0
            && let Some(block) = self.blocks.front()
        {
            let here = block.len().min(self.gone + count);
            piece(&block[self.gone..here]);
            count -= here - self.gone;
            self.bytes -= here - self.gone;
            self.gone = here;
            if self.gone == BLOCK_BYTES || self.bytes == 0 {
                self.blocks.pop_front();
                self.gone = 0;
            }
        }
        if self.bytes == 0 {
            self.blocks = VecDeque::new();
        }
    }
}

/// 32 ms at 16 kHz. The first and the last are half empty, and each costs an allocator some bytes more.
const BLOCK_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_order_whatever_comes_and_goes(steps in proptest::collection::vec((0..3_000_usize, 0..3_000_usize), 0..40)) {
            let (mut spool, mut kept, mut next) = (Spool::default(), VecDeque::new(), 0_u32);
            for (come, go) in steps {
                let more: Vec<u8> = (0..come).map(|_| { next += 1; (next % 251) as u8 }).collect();
                spool.push(&more);
                kept.extend(more);
                let go = go.min(kept.len());
                if go % 2 == 0 {
                    spool.drop_front(go);
                    kept.drain(..go);
                } else {
                    prop_assert_eq!(spool.pop_front(go), kept.drain(..go).collect::<Vec<_>>());
                }
                prop_assert_eq!(spool.bytes(), kept.len());
                prop_assert!(spool.blocks.len() <= kept.len() / BLOCK_BYTES + 2, "it keeps no more room than that");
            }
            prop_assert_eq!(spool.pop_front(kept.len()), Vec::from(kept));
            prop_assert_eq!(spool.blocks.capacity(), 0);
        }
    }
}
