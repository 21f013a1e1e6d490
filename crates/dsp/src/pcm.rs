//! Floating point samples (±1.0) to signed 16-bit integers and back.
//!
//! Rounding, not truncation: truncation costs 6 dB and adds harmonics of the signal. No dither: a
//! microphone's noise already dithers, and a machine listens.

/// One sample as a 16-bit integer: times 32768, rounded to the nearest (ties to even), saturated.
/// Not-a-number is silence.
#[inline]
pub fn from_f32(sample: f32) -> i16 {
    libm::rintf(sample * FULL_SCALE) as i16
}

/// One sample as floating point: divided by 32768, exact, in −1.0 ≤ x < 1.0.
#[inline]
pub fn to_f32(sample: i16) -> f32 {
    f32::from(sample) * (1.0 / FULL_SCALE)
}

/// Samples as 16-bit integers; see [`from_f32`].
pub fn integers(samples: impl IntoIterator<Item = f32>) -> impl Iterator<Item = i16> {
    samples.into_iter().map(from_f32)
}

/// Samples as floating point; see [`to_f32`].
pub fn floats(samples: impl IntoIterator<Item = i16>) -> impl Iterator<Item = f32> {
    samples.into_iter().map(to_f32)
}

/// The samples in little-endian bytes, as they cross wires; an odd last byte is left out.
pub fn from_le_bytes(bytes: &[u8]) -> impl Iterator<Item = i16> + '_ {
    bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair))
}

/// Full scale of 16 bits. A power of two, so that scaling is exact both ways.
const FULL_SCALE: f32 = 32768.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_the_nearest_and_ties_to_even() {
        for (sample, expected) in [
            (0.0, 0),
            (0.4 / 32768.0, 0),
            (0.5 / 32768.0, 0),
            (0.6 / 32768.0, 1),
            (1.5 / 32768.0, 2),
            (-0.6 / 32768.0, -1),
            (-1.0, -32768),
            (0.5, 16384),
        ] {
            assert_eq!(from_f32(sample), expected, "sample {sample}");
        }
    }

    #[test]
    fn saturates_and_takes_what_is_no_number_for_silence() {
        for (sample, expected) in [
            (1.0, 32767),
            (7.5, 32767),
            (-7.5, -32768),
            (f32::MAX, 32767),
            (f32::INFINITY, 32767),
            (f32::NEG_INFINITY, -32768),
            (f32::NAN, 0),
        ] {
            assert_eq!(from_f32(sample), expected, "sample {sample}");
        }
    }

    #[test]
    fn every_integer_survives_the_way_there_and_back() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(from_f32(to_f32(sample)), sample);
        }
    }

    #[test]
    fn slices_and_bytes_are_read_in_order() {
        assert!(integers([0.5, -0.5]).eq([16384, -16384]));
        assert!(floats([16384, -32768]).eq([0.5, -1.0]));
        assert!(from_le_bytes(&[1, 0, 0, 128, 9]).eq([1, -32768]));
    }
}
