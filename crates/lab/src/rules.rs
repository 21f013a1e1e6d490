//! Rules that say how much of a turn must be there before it sounds: ours, and those of others.

use crate::trace::{Chunk, Turn};
use vivavoce_dsp::MODEL_HZ;
use vivavoce_dsp::jitter::{Arrival, Jitter, Outcome, replay};
use vivavoce_dsp::player::Thresholds;

/// A rule of playout.
pub trait Rule {
    /// What the next turn waits for.
    fn thresholds(&self) -> Thresholds;

    /// Whether the voice slows down while little of it waits.
    fn slows(&self) -> bool {
        false
    }

    /// A turn has come to its end; the rule may learn from it.
    fn learn(&mut self, _turn: &Turn) {}
}

/// Thresholds that stay: 0 is *play the first chunk at once*, as the plainest players do.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// What is waited for.
    pub thresholds: Thresholds,
    /// Whether the voice slows down.
    pub slows: bool,
}

impl Fixed {
    /// The same threshold at the start and after a stall, and no slow play.
    pub const fn of_ms(ms: u32) -> Self {
        Self { thresholds: Thresholds::of_ms(ms, ms), slows: false }
    }
}

impl Rule for Fixed {
    fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    fn slows(&self) -> bool {
        self.slows
    }
}

/// The product's own rule.
#[derive(Debug, Default)]
pub struct Learned {
    jitter: Box<Jitter>,
    thresholds: Thresholds,
}

impl Rule for Learned {
    fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    fn slows(&self) -> bool {
        true
    }

    fn learn(&mut self, turn: &Turn) {
        for chunk in &turn.chunks {
            self.jitter.arrive(samples(chunk.arrival_ms), chunk.samples);
        }
        self.thresholds = self.jitter.end();
    }
}

/// The rule of WebRTC's NetEQ, from its published description: for each packet the delay relative to the fastest one
/// of the last 2 s goes into a histogram of 20 ms buckets that forgets with 0.983 a packet; what is waited for is its
/// 95th percentile, at most 500 ms, and 80 ms before the first packet.
#[derive(Clone, Debug)]
pub struct NetEq {
    buckets: [f64; BUCKETS],
    target_ms: u32,
}

impl Default for NetEq {
    fn default() -> Self {
        Self { buckets: [0.0; BUCKETS], target_ms: 80 }
    }
}

impl Rule for NetEq {
    fn thresholds(&self) -> Thresholds {
        Thresholds::of_ms(self.target_ms, self.target_ms)
    }

    fn learn(&mut self, turn: &Turn) {
        let mut media_ms = 0.0;
        let mut recent: Vec<(f64, f64)> = Vec::new();
        for Chunk { arrival_ms, samples } in &turn.chunks {
            let transit_ms = arrival_ms - media_ms;
            recent.retain(|(arrived_ms, _)| arrival_ms - arrived_ms <= 2_000.0);
            recent.push((*arrival_ms, transit_ms));
            let fastest_ms = recent.iter().map(|(_, transit_ms)| *transit_ms).fold(f64::INFINITY, f64::min);
            self.count(transit_ms - fastest_ms);
            media_ms += f64::from(*samples) * 1_000.0 / f64::from(MODEL_HZ);
        }
        self.target_ms = self.quantile_ms();
    }
}

impl NetEq {
    fn count(&mut self, delay_ms: f64) {
        let bucket = ((delay_ms / 20.0) as usize).min(BUCKETS - 1);
        self.buckets.iter_mut().for_each(|share| *share *= 0.983);
        self.buckets[bucket] += 1.0 - 0.983;
    }

    fn quantile_ms(&self) -> u32 {
        let all: f64 = self.buckets.iter().sum();
        let mut sum = 0.0;
        for (index, share) in self.buckets.iter().enumerate() {
            sum += share;
            if sum >= 0.95 * all {
                return ((index as u32 + 1) * 20).min(500);
            }
        }
        500
    }
}

/// What each turn of a trace is like under a rule.
pub fn listen(trace: &[Turn], rule: &mut dyn Rule) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for turn in trace {
        let arrivals = arrivals(turn);
        outcomes.push(replay(&arrivals, rule.thresholds(), rule.slows()));
        rule.learn(turn);
    }
    outcomes
}

/// The mean cost of a turn in milliseconds: start delay + 2 · time in stalls + 100 · stalls.
pub fn cost_ms(outcomes: &[Outcome]) -> f64 {
    let sum: u64 = outcomes.iter().map(Outcome::cost_samples).sum();
    sum as f64 / outcomes.len().max(1) as f64 * 1_000.0 / f64::from(MODEL_HZ)
}

/// A turn's chunks as the line's arithmetic takes them.
pub fn arrivals(turn: &Turn) -> Vec<Arrival> {
    let first = samples(turn.first_ms());
    let arrival = |chunk: &Chunk| Arrival {
        at_samples: (samples(chunk.arrival_ms) - first) as u32,
        samples: chunk.samples,
    };
    turn.chunks.iter().map(arrival).collect()
}

fn samples(ms: f64) -> u64 {
    (ms * f64::from(MODEL_HZ) / 1_000.0) as u64
}

const BUCKETS: usize = 26;
