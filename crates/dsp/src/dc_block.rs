//! Takes a constant offset out of the microphone's signal.

/// A first-order high-pass at [`CORNER_HZ`] for a 16 kHz signal: one zero at 0 Hz, one pole beside it.
pub struct DcBlock {
    before: f64,
    passed: f64,
}

impl DcBlock {
    /// A block that has heard silence.
    pub const fn new() -> Self {
        Self { before: 0.0, passed: 0.0 }
    }

    /// The sample without its constant part.
    #[inline]
    pub fn pass(&mut self, sample: f32) -> f32 {
        let sample = f64::from(sample);
        self.passed = (sample - self.before) * GAIN + POLE * self.passed;
        self.before = sample;
        self.passed as f32
    }
}

impl Default for DcBlock {
    fn default() -> Self {
        Self::new()
    }
}

/// Where it is 3 dB down. Half of the 20 Hz that voices leave free: 0.04 dB down at 100 Hz.
pub const CORNER_HZ: f64 = 10.0;

/// exp(−2π · corner / 16 kHz) to second order, exact enough for a corner.
const POLE: f64 = {
    let angle = core::f64::consts::TAU * CORNER_HZ / 16_000.0;
    1.0 - angle + angle * angle / 2.0
};

/// Makes it 1 at the top.
const GAIN: f64 = (1.0 + POLE) / 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_dies_away() {
        let mut block = DcBlock::new();
        let last = (0..16_000).map(|_| block.pass(0.3)).last().unwrap();
        assert!(last.abs() < 1e-6, "{last}");
    }

    #[test]
    fn is_3_db_down_at_its_corner_and_flat_from_100_hz() {
        for (hz, low, high) in [(10.0, -3.1, -2.9), (100.0, -0.06, 0.0), (1_000.0, -0.01, 0.01)] {
            let mut block = DcBlock::new();
            let angle = core::f64::consts::TAU * hz / 16_000.0;
            let power: f64 = (0..32_000)
                .map(|index| f64::from(block.pass((angle * f64::from(index)).sin() as f32)))
                .skip(16_000)
                .map(|sample| sample * sample)
                .sum();
            let gain_db = 10.0 * (power / 8_000.0).log10();
            assert!((low..=high).contains(&gain_db), "{gain_db} dB at {hz} Hz");
        }
    }
}
