//! How loud the model's echo is in the microphone.

/// Learns the level that the echo rarely exceeds, from hops in which the model sounds. Levels are in dB over
/// the detector's bottom.
///
/// It is a histogram that forgets. What came right before the person began is not the echo's and never gets
/// in; what comes while the person speaks gets in with little weight, so that an echo mistaken for a person
/// is found out within a minute.
pub(super) struct EchoFloor {
    /// Weight of the hops in each step of 1 dB.
    weights: [f32; STEPS],
    /// Steps of hops that wait until it is sure that nobody began to speak in them.
    latest: [u8; LATEST],
    /// Where in `latest` the next goes, and how many wait.
    next: u8,
    waiting: u8,
}

impl EchoFloor {
    pub(super) const fn new() -> Self {
        Self { weights: [0.0; STEPS], latest: [0; LATEST], next: 0, waiting: 0 }
    }

    /// Takes in the level of a hop in which the model sounded, and whether the person is thought to speak.
    pub(super) fn hear(&mut self, level: f32, speaks: bool) {
        // A cast saturates, and takes NaN for 0.
        let step = (level as u8).min(STEPS as u8 - 1);
        if speaks {
            return self.learn(step, WHILE_SPEAKING);
        }
        let Some(place) = self.latest.get_mut(usize::from(self.next)) else { return };
        let oldest = core::mem::replace(place, step);
        self.next = (self.next + 1) % LATEST as u8;
        if usize::from(self.waiting) < LATEST {
            self.waiting += 1;
        } else {
            self.learn(oldest, 1.0);
        }
    }

    /// The person began to speak: what waits is not to be learnt.
    pub(super) fn forget_the_latest(&mut self) {
        self.waiting = 0;
    }

    /// The level that the echo rarely exceeds: a cautious one until enough was heard, and higher the less was.
    pub(super) fn level(&self) -> f32 {
        let total: f32 = self.weights.iter().sum();
        if total < ENOUGH_HOPS {
            return UNKNOWN;
        }
        self.quantile(total * RARE) + DOUBT * (1.0 - total / MEMORY_HOPS)
    }

    /// The level above which hops of this weight lie.
    fn quantile(&self, rare: f32) -> f32 {
        let mut above = 0.0;
        for (step, weight) in self.weights.iter().enumerate().rev() {
            above += weight;
            if above > rare {
                return (step + 1) as f32;
            }
        }
        0.0
    }

    fn learn(&mut self, step: u8, weight: f32) {
        for known in &mut self.weights {
            *known -= *known * (weight / MEMORY_HOPS);
        }
        if let Some(known) = self.weights.get_mut(usize::from(step)) {
            *known += weight;
        }
    }
}

/// From −75 to −11 dBFS: an echo louder than that is beyond help.
const STEPS: usize = 64;

/// Half a second: a quiet voice takes that long to be noticed.
const LATEST: usize = 32;

/// A person speaks for a second or two before the model falls silent, an echo for as long as the model.
const WHILE_SPEAKING: f32 = 0.03;

/// 20 s: louder and softer sentences, but the volume that was set just now.
const MEMORY_HOPS: f32 = 1_250.0;

/// One and a half seconds.
const ENOUGH_HOPS: f32 = 94.0;

/// dB on top as long as nearly nothing was heard: a first sentence may be a soft one.
const DOUBT: f32 = 6.0;

/// The part of the hops that may be louder.
const RARE: f32 = 0.05;

/// With the margin −28 dBFS: 3 dB above the peaks of a loud voice that comes back 20 dB weaker.
const UNKNOWN: f32 = 43.0;
