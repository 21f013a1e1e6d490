//! The low-pass that every resampler samples: a sinc under a Kaiser window, in double precision.

/// A continuous, even low-pass of finite length.
pub(crate) struct Kernel {
    /// The −6 dB point, in cycles per input sample.
    pub(crate) cutoff: f64,
    /// Half of its length, in input samples; zero outside.
    pub(crate) reach: f64,
    /// Shape of the window: more is deeper and wider.
    pub(crate) beta: f64,
}

impl Kernel {
    /// Its value `at` input samples from the middle, not normalised.
    pub(crate) fn value(&self, at: f64) -> f64 {
        let along = at / self.reach;
        let inside = 1.0 - along * along;
        if inside < 0.0 {
            return 0.0;
        }
        sinc(2.0 * self.cutoff * at) * bessel(self.beta * libm::sqrt(inside))
    }
}

/// sin(πx)/(πx).
fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { sine_of_turns(x / 2.0) / (core::f64::consts::PI * x) }
}

/// sin(2πx) by its Taylor series, to 15 digits. A library's sine would reduce any angle, and weigh as much as the
/// rest of the lines together; turns are reduced exactly by a subtraction.
#[inline(never)]
pub(crate) fn sine_of_turns(x: f64) -> f64 {
    let part = x - libm::round(x);
    let folded = if part > 0.25 {
        0.5 - part
    } else if part < -0.25 {
        -0.5 - part
    } else {
        part
    };
    let angle = core::f64::consts::TAU * folded;
    let square = angle * angle;
    let (mut sum, mut term) = (angle, angle);
    for k in 1..=SINE_TERMS {
        let k = f64::from(2 * k);
        term *= -square / (k * (k + 1.0));
        sum += term;
    }
    sum
}

/// The modified Bessel function I₀ by its power series, for 0 ≤ x < 12 to 15 digits.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..=TERMS {
        let k = f64::from(k);
        term *= quarter / (k * k);
        sum += term;
    }
    sum
}

/// Enough terms of a sine up to π/2: the next is under 10⁻¹⁷.
const SINE_TERMS: u32 = 9;

/// Enough terms of I₀ for arguments below 12: the last is under 10⁻¹⁷ of the sum.
const TERMS: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_bessel_function() {
        // Abramowitz and Stegun, table 9.8 (I₀(x) = e^x times the entry).
        for (x, expected) in [(0.0, 1.0), (1.0, 1.266_065_877_752_008), (5.0, 27.239_871_823_604_44)] {
            assert!((bessel(x) / expected - 1.0).abs() < 1e-14, "at {x}");
        }
    }

    #[test]
    fn knows_the_sine() {
        for step in -4_000..4_000 {
            let turns = f64::from(step) / 317.0;
            let expected = libm::sin(core::f64::consts::TAU * turns);
            assert!((sine_of_turns(turns) - expected).abs() < 2e-14, "at {turns} turns");
        }
        assert_eq!(sine_of_turns(0.25), 1.0);
        assert_eq!(sine_of_turns(-3.0), 0.0);
    }

    #[test]
    fn is_even_and_ends() {
        let kernel = Kernel { cutoff: 0.15, reach: 20.0, beta: 7.0 };
        assert_eq!(kernel.value(3.3), kernel.value(-3.3));
        assert_eq!(kernel.value(20.1), 0.0);
        assert_eq!(kernel.value(-21.0), 0.0);
    }
}
