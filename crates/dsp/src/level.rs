//! How loud a signal is.

/// Sums a signal up until someone asks.
pub struct Level {
    power: f64,
    peak: f32,
    count: u32,
}

/// How loud a stretch of signal was, 1.0 being full scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loudness {
    /// Root of the mean square.
    pub rms: f32,
    /// The greatest magnitude.
    pub peak: f32,
}

impl Level {
    /// A meter that has heard nothing.
    pub const fn new() -> Self {
        Self { power: 0.0, peak: 0.0, count: 0 }
    }

    /// Adds one sample.
    #[inline]
    pub fn push(&mut self, sample: f32) {
        self.power += f64::from(sample) * f64::from(sample);
        self.peak = self.peak.max(sample.abs());
        self.count = self.count.saturating_add(1);
    }

    /// How loud it was since the last time; silence if nothing came.
    pub fn take(&mut self) -> Loudness {
        let rms = libm::sqrt(self.power / f64::from(self.count.max(1))) as f32;
        let loudness = Loudness { rms, peak: self.peak };
        *self = Self::new();
        loudness
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_what_came_since_it_was_asked_last() {
        let mut level = Level::new();
        for sample in [0.5, -0.5, 0.5, -0.5] {
            level.push(sample);
        }
        assert_eq!(level.take(), Loudness { rms: 0.5, peak: 0.5 });
        assert_eq!(level.take(), Loudness::default());
        level.push(-1.0);
        level.push(0.0);
        assert_eq!(level.take().peak, 1.0);
    }
}
