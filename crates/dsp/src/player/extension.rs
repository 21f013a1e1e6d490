//! Lets a voice that ends too early die away instead of stopping dead.

use super::gate::raised_cosine;
use super::ring::{MEMORY, Ring};
use crate::pcm;

/// Repeats the last period of what sounded, fading it out.
pub(super) struct Extension {
    /// Length of the period repeated.
    lag: usize,
    /// What the first repetition is moved by, so that it joins what came before it.
    lift: f32,
    step: usize,
    steps: usize,
    /// Samples that the ring has given out since it began.
    moved: usize,
    /// It stands in for sound that has not come.
    pub(super) concealing: bool,
    /// Samples made up in stalls so far.
    pub(super) concealed_samples: u64,
}

impl Extension {
    pub(super) const fn new() -> Self {
        Self { lag: 0, lift: 0.0, step: 0, steps: 0, moved: 0, concealing: false, concealed_samples: 0 }
    }

    /// Begins to go on with what `ring` gave out last: for long if it is `concealing` a stall, which may be over
    /// before anybody hears it, or else just long enough for a fade. What ended in silence needs no more.
    pub(super) fn begin<const N: usize>(&mut self, ring: &Ring<N>, concealing: bool) {
        let last = ring.behind(0);
        let silent = (0..QUIET).all(|index| ring.behind(index).unsigned_abs() <= SILENT);
        self.steps = match (silent, concealing) {
            (true, _) => 0,
            (false, true) => CONCEALED,
            (false, false) => FADED,
        };
        (self.step, self.moved) = (0, 0);
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
        let voice = self.period_sample(ring) + self.lift * (1.0 - fade(self.step + 1, FADED));
        self.step += 1;
        self.concealed_samples += u64::from(self.concealing);
        Some(voice * (1.0 - fade(self.step, self.steps)))
    }

    /// The ring gave out a sample while this still fades.
    pub(super) fn move_on(&mut self) {
        self.moved += 1;
    }

    /// The period's sample at this step. Its last quarter turns into what lies a period earlier, which
    /// leads back to its beginning.
    fn period_sample<const N: usize>(&self, ring: &Ring<N>) -> f32 {
        let lag = self.lag.max(1);
        let place = self.step % lag;
        let index = self.moved + lag - 1 - place;
        let here = pcm::to_f32(ring.behind(index));
        let joint = lag / 4;
        let into = (place + joint + 1).saturating_sub(lag);
        if into == 0 || index + lag >= ring.past() {
            return here;
        }
        here + (pcm::to_f32(ring.behind(index + lag)) - here) * fade(into, joint)
    }
}

fn fade(step: usize, steps: usize) -> f32 {
    if step >= steps { 1.0 } else { raised_cosine(step as u32, steps as u32) }
}

/// The lag at which the last 10 ms are most like what came before; 1 if too little is known.
#[inline(never)]
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

/// Length of a fade after the end of a voice, and of the lift's: 5 ms.
const FADED: usize = 120;

/// Length of a concealment: 60 ms.
const CONCEALED: usize = 1_440;

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

const _: () = assert!(2 * LONGEST + WINDOW < MEMORY);

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
        extension.begin(&ring, false);
        let mut before = pcm::to_f32(ring.behind(0));
        let mut count = 0;
        while let Some(sample) = extension.next(&ring) {
            assert!((sample - before).abs() < 0.04, "step {count}: {before} to {sample}");
            before = sample;
            count += 1;
        }
        assert_eq!((count, before, extension.concealed_samples), (FADED, 0.0, 0));
    }

    #[test]
    fn conceals_for_sixty_milliseconds_without_a_jump() {
        for period_samples in [70.0, 113.7, 240.3, 400.0] {
            let mut ring = Ring::<4_096>::new();
            play(&mut ring, 2_000, |index| {
                let angle = core::f32::consts::TAU * index as f32 / period_samples;
                9_000.0 * (angle + 0.4).sin() + 3_000.0 * (2.0 * angle).sin()
            });
            let steepest = core::f32::consts::TAU / period_samples * 15_000.0 / 32_768.0;
            let mut extension = Extension::new();
            extension.begin(&ring, true);
            let mut before = pcm::to_f32(ring.behind(0));
            while let Some(sample) = extension.next(&ring) {
                assert!(
                    (sample - before).abs() < 1.3 * steepest + 0.01,
                    "{period_samples}: {before} to {sample}"
                );
                before = sample;
            }
            assert_eq!((before, extension.concealed_samples), (0.0, CONCEALED as u64));
        }
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
