//! Any sample rate to any other, by a polyphase Kaiser-windowed sinc with an exact integer phase.

use crate::kernel::Kernel;
use core::fmt;

/// Turns samples at one rate into samples at another.
///
/// The ratio is kept as a fraction in lowest terms and the phase as an integer, so that drift is exactly
/// zero, and the output does not depend on how the input is cut into blocks. Infinite and
/// not-a-number samples are taken for silence.
///
/// All zeros after [`new`](Self::new), and then deaf: [`design`](Self::design) gives it its rates. It is
/// big (about 150 KB): keep it in a static or a box.
pub struct Resampler {
    /// Rows of taps, one row a phase, oldest sample first; every row sums to one.
    table: [f32; TABLE],
    /// What came in, oldest first; the last `taps` before `end` are under the filter.
    history: [f32; HISTORY],
    end: usize,
    taps: usize,
    /// Rows between which coefficients are interpolated; 0: one row for each phase.
    rows: u32,
    /// Output samples in `divisor` input samples.
    multiplier: u32,
    divisor: u32,
    /// `divisor` / `multiplier`, and what is left.
    whole: u32,
    part: u32,
    /// Where the next output lies between two inputs, in 1/`multiplier`.
    phase: u32,
    /// Input samples to come before the next output.
    owed: u32,
}

/// A pair of rates that no resampler can be designed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateError {
    /// Rate of the input asked for, in Hz.
    pub from_hz: u32,
    /// Rate of the output asked for, in Hz.
    pub to_hz: u32,
}

impl Resampler {
    /// A resampler without rates, all zeros: it swallows what it gets.
    pub const fn new() -> Self {
        Self {
            table: [0.0; TABLE],
            history: [0.0; HISTORY],
            end: 0,
            taps: 0,
            rows: 0,
            multiplier: 0,
            divisor: 0,
            whole: 0,
            part: 0,
            phase: 0,
            owed: 0,
        }
    }

    /// Gives it its rates and forgets what it heard. Takes some milliseconds.
    ///
    /// # Errors
    /// [`RateError`] unless both rates are within [`RATES_HZ`] and the input's is at most
    /// [`MAX_DECIMATION`] times the output's; then it is left as it was.
    pub fn design(&mut self, from_hz: u32, to_hz: u32) -> Result<(), RateError> {
        let allowed = RATES_HZ.contains(&from_hz)
            && RATES_HZ.contains(&to_hz)
            && u64::from(from_hz) <= u64::from(to_hz) * u64::from(MAX_DECIMATION);
        if !allowed {
            return Err(RateError { from_hz, to_hz });
        }
        let common = gcd(from_hz, to_hz).max(1);
        self.multiplier = to_hz / common;
        self.divisor = from_hz / common;
        self.whole = from_hz / to_hz;
        self.part = from_hz % to_hz / common;
        if from_hz == to_hz {
            self.design_copy();
        } else {
            self.design_rows(&Shape::between(from_hz, to_hz));
        }
        self.reset();
        Ok(())
    }

    /// Takes `input` and hands every sample that it completes to `emit`.
    pub fn push(&mut self, input: &[f32], emit: &mut impl FnMut(f32)) {
        let mut rest = input;
        while !rest.is_empty() {
            // Up to the next output, and no further than there is room.
            self.make_room();
            let count = rest.len().min(self.owed.max(1) as usize).min(HISTORY - self.end);
            let (now, later) = rest.split_at(count);
            for (slot, &sample) in self.history.iter_mut().skip(self.end).zip(now) {
                *slot = if sample.is_finite() { sample } else { 0.0 };
            }
            self.end += count;
            self.owed = self.owed.saturating_sub(count as u32);
            while self.ready() {
                emit(self.take());
            }
            rest = later;
        }
    }

    /// Emits what is still under the filter, as if silence followed, and forgets it: the next sample
    /// begins a new signal.
    pub fn drain(&mut self, emit: &mut impl FnMut(f32)) {
        for _ in 0..self.taps {
            self.push(&[0.0], emit);
        }
        self.reset();
    }

    /// Forgets what it heard: the next sample begins a new signal.
    pub fn reset(&mut self) {
        self.end = self.taps.min(MAX_TAPS);
        self.history[..self.end].fill(0.0);
        self.phase = 0;
        self.owed = 1;
    }

    /// Takes one input sample. Call it only while the output is not [`ready`](Self::ready), or the
    /// output in between is lost.
    #[inline(never)]
    pub fn feed(&mut self, sample: f32) {
        self.make_room();
        if let Some(slot) = self.history.get_mut(self.end) {
            *slot = if sample.is_finite() { sample } else { 0.0 };
            self.end += 1;
        }
        self.owed = self.owed.saturating_sub(1);
    }

    /// Whether [`take`](Self::take) has all the input that it needs.
    #[inline]
    pub fn ready(&self) -> bool {
        self.owed == 0 && self.multiplier > 0
    }

    /// The next output sample. Call it only when [`ready`](Self::ready).
    #[inline(never)]
    pub fn take(&mut self) -> f32 {
        let heard = self.history.get(self.end.wrapping_sub(self.taps)..self.end).unwrap_or_default();
        let sample = if self.rows == 0 { dot(self.row(self.phase), heard) } else { self.between_rows(heard) };
        self.advance();
        sample
    }

    /// How much later than the input a sound comes out, in input samples (a half of the filter).
    pub fn delay_samples(&self) -> f64 {
        if self.multiplier == self.divisor {
            return 0.0;
        }
        middle(self.taps, if self.rows == 0 { self.multiplier } else { 0 })
    }

    /// Length of the filter in input samples: after as many zeros nothing of the past is left.
    pub fn length_samples(&self) -> usize {
        self.taps
    }

    fn make_room(&mut self) {
        if self.end >= HISTORY {
            self.end = self.taps.min(MAX_TAPS);
            self.history.copy_within(HISTORY - self.end.., 0);
        }
    }

    fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.taps;
        self.table.get(start..start + self.taps).unwrap_or_default()
    }

    /// The output at a phase between two rows: straight from one to the other.
    fn between_rows(&self, heard: &[f32]) -> f32 {
        let (place, steps) =
            (u64::from(self.phase) * u64::from(self.rows), u64::from(self.multiplier.max(1)));
        let row = (place / steps) as u32;
        let part = (place % steps) as f32 / steps as f32;
        let before = dot(self.row(row), heard);
        let after = dot(self.row(row + 1), heard);
        before + (after - before) * part
    }

    fn advance(&mut self) {
        self.owed = self.whole;
        self.phase += self.part;
        if self.phase >= self.multiplier {
            self.phase -= self.multiplier;
            self.owed += 1;
        }
    }

    /// The same rate: what comes in goes out, bit for bit and at once.
    fn design_copy(&mut self) {
        (self.taps, self.rows) = (LANES, 0);
        self.table[..LANES].fill(0.0);
        self.table[LANES - 1] = 1.0;
    }

    fn design_rows(&mut self, shape: &Shape) {
        self.taps = shape.taps;
        let fits = self.multiplier as usize * shape.taps <= TABLE;
        self.rows = if fits { 0 } else { (TABLE / shape.taps.max(1) - 1) as u32 };
        let kernel = Kernel { cutoff: shape.cutoff, reach: shape.taps as f64 / 2.0, beta: shape.beta };
        let (count, steps) =
            if fits { (self.multiplier, self.multiplier) } else { (self.rows + 1, self.rows) };
        let middle = middle(shape.taps, if fits { self.multiplier } else { 0 });
        for (number, row) in (0..count).zip(self.table.chunks_exact_mut(shape.taps.max(1))) {
            fill_row(row, &kernel, f64::from(number) / f64::from(steps) - middle);
        }
    }
}

impl Default for Resampler {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot resample from {} Hz to {} Hz: expected rates from {} to {} Hz, the first at most {} times the second",
            self.from_hz,
            self.to_hz,
            RATES_HZ.start(),
            RATES_HZ.end(),
            MAX_DECIMATION,
        )
    }
}

impl core::error::Error for RateError {}

/// What a filter between two rates has to be.
struct Shape {
    taps: usize,
    /// The −6 dB point in cycles per input sample.
    cutoff: f64,
    beta: f64,
}

impl Shape {
    /// Downwards the filter keeps what lies above the output's Nyquist frequency out, and its length
    /// grows with the ratio; upwards it keeps the images of the input out.
    fn between(from_hz: u32, to_hz: u32) -> Self {
        if from_hz < to_hz {
            return Self { taps: UP_TAPS, cutoff: 0.5, beta: UP_BETA };
        }
        let ratio = f64::from(from_hz) / f64::from(to_hz);
        let taps = libm::ceil(DOWN_TAPS * ratio) as usize;
        let taps = (taps.div_ceil(LANES) * LANES).min(MAX_TAPS);
        Self { taps, cutoff: DOWN_CUTOFF / ratio, beta: DOWN_BETA }
    }
}

/// One phase of the filter, oldest sample first, scaled so that it passes a constant unchanged: that
/// removes the tones at multiples of the input's rate that unequal rows would make.
fn fill_row(row: &mut [f32], kernel: &Kernel, offset: f64) {
    let mut sum = 0.0;
    let mut values = [0.0; MAX_TAPS];
    for (age, value) in values.iter_mut().take(row.len()).enumerate() {
        *value = kernel.value(age as f64 + offset);
        sum += *value;
    }
    for (tap, value) in row.iter_mut().rev().zip(values) {
        *tap = (value / sum) as f32;
    }
}

/// Distance of the filter's middle from the newest sample at phase 0, such that the taps of all
/// phases together lie symmetrically; `multiplier` 0 stands for a continuous phase.
fn middle(taps: usize, multiplier: u32) -> f64 {
    let step = if multiplier == 0 { 0.0 } else { 1.0 / f64::from(multiplier) };
    (taps as f64 - step) / 2.0
}

/// Sum of products in [`LANES`] partial sums, which a compiler may keep in one register, added in a
/// fixed order.
#[inline(never)]
fn dot(taps: &[f32], samples: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (taps, samples) = (taps.as_chunks::<LANES>().0, samples.as_chunks::<LANES>().0);
    for (taps, samples) in taps.iter().zip(samples) {
        for lane in 0..LANES {
            sums[lane] += taps[lane] * samples[lane];
        }
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Rates that a device or a file may have, in Hz.
pub const RATES_HZ: core::ops::RangeInclusive<u32> = 3_000..=384_000;

/// The input's rate may be as many times the output's: 384 kHz to 16 kHz.
pub const MAX_DECIMATION: u32 = 24;

/// Partial sums of a dot product; filters are multiples of it long.
const LANES: usize = 8;

/// Room for the table: the rows of 44.1 kHz to 16 kHz are 160 × 192.
const TABLE: usize = 32_768;

/// Room for input samples: they are moved to the front once in [`HISTORY`] − `taps`.
const HISTORY: usize = 4_096;

/// The longest filter, for [`MAX_DECIMATION`].
const MAX_TAPS: usize = 1_664;

/// Taps upwards: 0.8 ms at 24 kHz.
const UP_TAPS: usize = 40;

/// Upwards, 80 dB: from 0.44 to 0.56 of the input's rate.
const UP_BETA: f64 = 7.857;

/// Taps downwards for each input sample in an output sample: 208 from 48 to 16 kHz (2.2 ms).
const DOWN_TAPS: f64 = 69.14;

/// The −6 dB point downwards, in cycles per output sample: 7.448 of 16 kHz. Together with the window found
/// by measuring: −1 dB above 7.2 kHz, and no alias of 8 kHz and more above −75 dB.
const DOWN_CUTOFF: f64 = 7.448 / 16.0;

/// Downwards, 75 dB: from 6.9 to 8.0 of 16 kHz.
const DOWN_BETA: f64 = 7.38;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_sum_written_out() {
        for (from, to) in
            [(48_000, 16_000), (44_100, 16_000), (24_000, 44_100), (8_000, 16_000), (47_999, 16_000)]
        {
            let input: Vec<f32> = (0..3_000u32).map(|index| ((index * index) as f32 * 0.001).sin()).collect();
            let mut resampler = Box::new(Resampler::new());
            resampler.design(from, to).unwrap();
            let mut output = Vec::new();
            resampler.push(&input, &mut |sample| output.push(sample));
            let worst = output
                .iter()
                .enumerate()
                .map(|(index, &sample)| (f64::from(sample) - written_out(&input, index, from, to)).abs())
                .fold(0.0, f64::max);
            assert!(worst < 2e-5, "{from} to {to}: {worst}");
        }
    }

    /// Output sample `index` in double precision, without rows, phases or history.
    fn written_out(input: &[f32], index: usize, from: u32, to: u32) -> f64 {
        let shape = Shape::between(from, to);
        let kernel = Kernel { cutoff: shape.cutoff, reach: shape.taps as f64 / 2.0, beta: shape.beta };
        let rows = to / gcd(from, to);
        let fits = rows as usize * shape.taps <= TABLE;
        let time = index as f64 * f64::from(from) / f64::from(to);
        let newest = time.floor();
        let offset = time - newest - middle(shape.taps, if fits { rows } else { 0 });
        let (mut sum, mut scale) = (0.0, 0.0);
        for age in 0..shape.taps {
            let weight = kernel.value(age as f64 + offset);
            let place = newest - age as f64;
            sum += weight * if place < 0.0 { 0.0 } else { f64::from(input[place as usize]) };
            scale += weight;
        }
        sum / scale
    }
}
