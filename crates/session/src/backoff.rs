//! How long to wait before the next try.

use core::time::Duration;

/// Exponential backoff with full jitter: each wait is drawn evenly between zero and a ceiling that doubles.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
    /// State of a small generator (xorshift64*); the seed is the caller's.
    random: u64,
}

impl Backoff {
    /// The first wait is below `first`, none above `most`; `seed` decides the jitter.
    pub fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, tries: 0, random: seed | 1 }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let ceiling = self.first.saturating_mul(1 << self.tries.min(20)).min(self.most);
        self.tries = self.tries.saturating_add(1);
        ceiling.mul_f64(self.draw())
    }

    /// A try succeeded: the next wait is short again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// Tries since the last success.
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    fn draw(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}
