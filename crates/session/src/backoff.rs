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

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(seed: u64) -> Backoff {
        Backoff::new(Duration::from_millis(500), Duration::from_secs(15), seed)
    }

    #[test]
    fn each_wait_is_below_a_ceiling_that_doubles_up_to_the_most() {
        for seed in 0..200 {
            let mut backoff = backoff(seed);
            for ceiling_ms in [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
                assert!(backoff.wait() < Duration::from_millis(ceiling_ms), "seed {seed}");
            }
            assert_eq!(backoff.tries(), 7);
            backoff.reset();
            assert!(backoff.wait() < Duration::from_millis(500));
        }
    }

    #[test]
    fn spreads_the_phones_of_a_proxy_that_fell() {
        let early = (0..1_000).filter(|seed| {
            let mut backoff = backoff(seed * 7_919);
            for _ in 0..4 {
                backoff.wait();
            }
            backoff.wait() < Duration::from_secs(4)
        });
        let early = early.count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }

    #[test]
    fn waits_for_ever_without_overflowing() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX, 1);
        for _ in 0..100 {
            backoff.wait();
        }
    }
}
