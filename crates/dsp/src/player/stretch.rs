//! Slow play: a voice of which little waits lasts longer, at the same pitch.

use super::gate::raised_cosine;
use super::ring::Ring;
use crate::jitter::{SLOW_LASTS, SLOW_USES};
use crate::pcm;

/// Repeats a short stretch of the voice now and then, where it is most like what comes next: WSOLA (Verhelst and
/// Roelands, 1993) with the step turned round, so that between two repetitions every sample is as it came.
pub(super) struct Stretch {
    /// Samples played slowly that no repetition has paid for yet; negative after a long one.
    owed: i32,
    /// Length of the repetition under way, and how much of it has sounded.
    lag: usize,
    step: usize,
    /// Samples by which voices were lengthened so far.
    pub(super) stretched_samples: u64,
}

impl Stretch {
    pub(super) const fn new() -> Self {
        Self { owed: 0, lag: 0, step: 0, stretched_samples: 0 }
    }

    /// A sample was played slowly. Begins a repetition if it is time and the voice goes on like it went.
    pub(super) fn count<const N: usize>(&mut self, ring: &Ring<N>) {
        self.owed += 1;
        if self.owed < LEAST_OWED || self.owed % RETRY != 0 {
            return;
        }
        let (likeness, lag) = likest(ring);
        if lag > 0 && (likeness >= ALIKE || self.owed >= MOST_OWED) {
            (self.lag, self.step) = (lag, 0);
            self.owed -= lag as i32 * SLOW_USES as i32 / (SLOW_LASTS - SLOW_USES) as i32;
        }
    }

    /// The next sample of the repetition; `None` if there is none under way.
    pub(super) fn next<const N: usize>(&mut self, ring: &Ring<N>) -> Option<f32> {
        if self.step >= self.lag {
            return None;
        }
        let old = pcm::to_f32(ring.behind(self.lag - 1 - self.step));
        let new = pcm::to_f32(ring.ahead(self.step));
        self.step += 1;
        self.stretched_samples += 1;
        if self.step > FADE {
            return Some(old);
        }
        Some(new + (old - new) * raised_cosine(self.step as u32, FADE as u32 + 1))
    }

    /// Whether the repetition has just been played to its end; asking settles it.
    pub(super) fn take_end(&mut self) -> bool {
        let ends = self.lag > 0 && self.step >= self.lag;
        if ends {
            self.lag = 0;
        }
        ends
    }

    /// Whether there is no repetition, not even one whose end is to be settled.
    pub(super) const fn is_idle(&self) -> bool {
        self.lag == 0
    }

    /// Drops a repetition under way, and what is owed.
    pub(super) fn stop(&mut self) {
        (self.owed, self.lag, self.step) = (0, 0, 0);
    }
}

/// How much the 10 ms that come are like those that came some time ago, at best, and how long ago: 0 if too little is
/// known.
#[inline(never)]
fn likest<const N: usize>(ring: &Ring<N>) -> (f64, usize) {
    let mut best = (0.0, 0);
    let mut energy = 1.0;
    for index in (0..WINDOW).step_by(STRIDE) {
        let sample = f64::from(ring.ahead(index));
        energy += sample * sample;
    }
    if ring.past() < LONGEST || ring.len() < WINDOW {
        return best;
    }
    if energy < f64::from(QUIET) * f64::from(QUIET) * (WINDOW / STRIDE) as f64 {
        return (1.0, LONGEST);
    }
    for lag in SHORTEST..=LONGEST {
        let (mut product, mut old_energy) = (0.0, 1.0);
        for index in (0..WINDOW).step_by(STRIDE) {
            let new = f64::from(ring.ahead(index));
            // Beyond the lag what was is what comes.
            let old = if index < lag { ring.behind(lag - 1 - index) } else { ring.ahead(index - lag) };
            let old = f64::from(old);
            product += new * old;
            old_energy += old * old;
        }
        let likeness = product.max(0.0) * product / (energy * old_energy);
        if likeness > best.0 {
            best = (likeness, lag);
        }
    }
    best
}

/// Repetitions last 5 ms …
const SHORTEST: usize = 120;

/// … to 20 ms: a period of any voice, or several.
const LONGEST: usize = 480;

/// The stretch compared, 10 ms, …
const WINDOW: usize = 240;

/// … of which every other sample says enough.
const STRIDE: usize = 2;

/// What sounds turns into its repetition within 5 ms.
const FADE: usize = SHORTEST;

/// Softer than this (−60 dBFS) everything is alike.
const QUIET: i16 = 32;

/// How like the repetition must be (the square of a correlation), …
const ALIKE: f64 = 0.5;

/// … looked for as often as this (5 ms) …
const RETRY: i32 = 120;

/// … from the moment on that the shortest is owed …
const LEAST_OWED: i32 = SHORTEST as i32 * 9;

/// … until a long one is overdue.
const MOST_OWED: i32 = 2 * LONGEST as i32 * 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengthens_a_voice_by_a_tenth_and_keeps_its_pitch() {
        let period_samples = 171.3;
        let voice = |index: usize| {
            let angle = core::f64::consts::TAU * index as f64 / period_samples;
            (8_000.0 * angle.sin() + 4_000.0 * (3.0 * angle + 1.0).sin()) as i16
        };
        let heard = slowly(48_000, voice);
        let ratio = heard.len() as f64 / 48_000.0;
        assert!((1.10..=1.12).contains(&ratio), "{ratio}");
        let crossings = heard.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        let expected = heard.len() as f64 / period_samples;
        assert!((crossings as f64 / expected - 1.0).abs() < 0.01, "{crossings} for {expected}");
        let steepest = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.025, "{steepest}");
    }

    #[test]
    fn noise_and_silence_last_longer_as_well() {
        let noise = |index: usize| ((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50) as i16;
        for voice in [noise, |_| 0] {
            let ratio = slowly(48_000, voice).len() as f64 / 48_000.0;
            assert!((1.09..=1.12).contains(&ratio), "{ratio}");
        }
    }

    fn slowly(samples: usize, voice: impl Fn(usize) -> i16) -> Vec<f32> {
        let (mut ring, mut stretch, mut heard) =
            (Box::new(Ring::<65_536>::new()), Stretch::new(), Vec::new());
        (0..samples).for_each(|index| ring.push(voice(index)));
        while ring.len() > 0 {
            if let Some(sample) = stretch.next(&ring) {
                heard.push(sample);
                continue;
            }
            heard.push(pcm::to_f32(ring.pop()));
            stretch.count(&ring);
        }
        heard
    }
}
