//! Cuts a stream of 16-bit samples into frames of 20 ms.

/// Samples in a frame: 20 ms at 16 kHz.
pub const FRAME_SAMPLES: usize = 320;

/// Samples of one frame.
pub type Frame = [i16; FRAME_SAMPLES];

/// Collects samples until a frame is full, and counts them.
pub struct Framer {
    samples: Frame,
    filled: usize,
    position: u64,
}

impl Framer {
    /// A framer at position 0.
    pub const fn new() -> Self {
        Self { samples: [0; FRAME_SAMPLES], filled: 0, position: 0 }
    }

    /// Adds one sample; when it completes a frame, hands the frame and the position in the stream of
    /// its first sample to `emit`.
    #[inline]
    pub fn push(&mut self, sample: i16, emit: &mut impl FnMut(&Frame, u64)) {
        if let Some(slot) = self.samples.get_mut(self.filled) {
            *slot = sample;
        }
        self.filled += 1;
        if self.filled >= FRAME_SAMPLES {
            emit(&self.samples, self.position);
            self.position += FRAME_SAMPLES as u64;
            self.filled = 0;
        }
    }

    /// Position of the next sample in the stream.
    pub fn position_samples(&self) -> u64 {
        self.position + self.filled as u64
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_whole_and_say_where_they_belong() {
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        for sample in 0..1_000 {
            framer.push(sample, &mut |frame, position| frames.push((frame[0], frame[319], position)));
        }
        assert_eq!(frames, [(0, 319, 0), (320, 639, 320), (640, 959, 640)]);
        assert_eq!(framer.position_samples(), 1_000);
    }
}
