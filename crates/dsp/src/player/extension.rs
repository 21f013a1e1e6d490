//! Lets a voice that ends too early die away instead of stopping dead.

use super::gate::raised_cosine;
use super::ring::{MEMORY, Ring};
use crate::pcm;

/// Repeats the last period of what sounded, fading it out.
pub(super) struct Extension {
    /// Length of the period repeated.
    lag: usize,
    /// What each repetition is moved by, so that it joins what came before it.
    lift: f32,
    step: usize,
    steps: usize,
    /// What it begins with counts as concealed.
    concealing: bool,
    /// Samples made up in stalls so far.
    pub(super) concealed_samples: u64,
}

impl Extension {
    pub(super) const fn new() -> Self {
        Self { lag: 0, lift: 0.0, step: 0, steps: 0, concealing: false, concealed_samples: 0 }
    }

    /// Begins to go on with what `ring` gave out last. What ended in silence needs no more.
    pub(super) fn begin<const N: usize>(&mut self, ring: &Ring<N>, concealing: bool) {
        let last = ring.behind(0);
        let silent = (0..QUIET).all(|index| ring.behind(index).unsigned_abs() <= SILENT);
        self.steps = if silent { 0 } else { STEPS };
        self.step = 0;
        self.concealing = concealing;
        self.lag = period(ring);
        self.lift = if self.lag > 1 { pcm::to_f32(last) - pcm::to_f32(ring.behind(self.lag)) } else { 0.0 };
    }

    /// The next sample; `None` when it has died away.
    #[inline(never)]
    pub(super) fn next<const N: usize>(&mut self, ring: &Ring<N>) -> Option<f32> {
        if self.step >= self.steps {
            return None;
        }
        let lag = self.lag.max(1);
        let (round, place) = (self.step / lag, self.step % lag);
        let voice = pcm::to_f32(ring.behind(lag - 1 - place)) + self.lift * (round + 1) as f32;
        self.step += 1;
        self.concealed_samples += u64::from(self.concealing);
        Some(voice * (1.0 - raised_cosine(self.step as u32, self.steps as u32)))
    }
}

/// The lag at which the last 10 ms are most like what came before; 1 if too little is known.
fn period<const N: usize>(ring: &Ring<N>) -> usize {
    let longest = ring.past().saturating_sub(WINDOW + 1).min(LONGEST);
    let mut best = (0.0, 1);
    for lag in SHORTEST..=longest {
        let (mut product, mut energy) = (0.0, 1.0);
        for index in (0..WINDOW).step_by(STRIDE) {
            let (new, old) = (f64::from(ring.behind(index)), f64::from(ring.behind(index + lag)));
            product += new * old;
            energy += old * old;
        }
        let likeness = product.max(0.0) * product / energy;
        if likeness > best.0 {
            best = (likeness, lag);
        }
    }
    best.1
}

/// Length of an extension: 5 ms.
const STEPS: usize = 120;

/// A voice makes no click if its last samples are no louder than this (−66 dBFS), …
const SILENT: u16 = 16;

/// … half a millisecond of them: a steep slope through zero clicks as well.
const QUIET: usize = 12;

/// Periods looked for: 400 Hz …
const SHORTEST: usize = 60;

/// … to 50 Hz.
const LONGEST: usize = 480;

/// The stretch compared, 10 ms, …
const WINDOW: usize = 240;

/// … of which every other sample says enough.
const STRIDE: usize = 2;

const _: () = assert!(LONGEST + WINDOW < MEMORY);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_period_of_a_voice() {
        for period_samples in [70usize, 113, 240, 400] {
            let mut ring = Ring::<4_096>::new();
            play(&mut ring, 1_000, |index| {
                let angle = core::f32::consts::TAU * index as f32 / period_samples as f32;
                8_000.0 * (angle.sin() + 0.5 * (2.0 * angle).cos())
            });
            let found = period(&ring);
            assert!(
                found.abs_diff(period_samples) <= 1 || found % period_samples <= 1,
                "{found} for {period_samples}"
            );
        }
    }

    #[test]
    fn joins_what_came_before_and_dies_away() {
        let mut ring = Ring::<4_096>::new();
        play(&mut ring, 1_000, |index| 12_000.0 * (index as f32 * 0.05 + 0.7).sin());
        let mut extension = Extension::new();
        extension.begin(&ring, true);
        let mut before = pcm::to_f32(ring.behind(0));
        let mut count = 0;
        while let Some(sample) = extension.next(&ring) {
            assert!((sample - before).abs() < 0.04, "step {count}: {before} to {sample}");
            before = sample;
            count += 1;
        }
        assert_eq!((count, before), (STEPS, 0.0));
        assert_eq!(extension.concealed_samples, STEPS as u64);
    }

    #[test]
    fn needs_nothing_after_silence_and_manages_with_little() {
        let mut ring = Ring::<4_096>::new();
        let mut extension = Extension::new();
        extension.begin(&ring, true);
        assert_eq!(extension.next(&ring), None);
        play(&mut ring, 1, |_| 8_192.0);
        extension.begin(&ring, false);
        let first = extension.next(&ring).unwrap();
        assert!((first - 0.25).abs() < 0.001, "{first}");
    }

    fn play(ring: &mut Ring<4_096>, count: usize, sample: impl Fn(usize) -> f32) {
        for index in 0..count {
            ring.push(sample(index) as i16);
            ring.pop();
        }
    }
}
