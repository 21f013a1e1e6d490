//! The stream of the microphone, hop by hop.

use earshot::Detector;
use vivavoce_dsp::speech::{Change, Hop, SpeechDetector};

/// Samples in a hop: 16 ms at 16 kHz.
pub const HOP_SAMPLES: usize = 256;

/// Cuts a 16 kHz stream into hops and hears in each whether a person speaks.
///
/// All zeros after [`new`](Self::new).
pub struct Listener {
    network: Detector,
    detector: SpeechDetector,
    samples: [i16; HOP_SAMPLES],
    filled: usize,
    last: Hop,
}

impl Listener {
    /// A listener that has heard nothing.
    pub const fn new() -> Self {
        Self {
            network: Detector::const_default(),
            detector: SpeechDetector::new(),
            samples: [0; HOP_SAMPLES],
            filled: 0,
            last: Hop { probability: 0.0, power: 0.0, sounding: false },
        }
    }

    /// Takes samples that came while the model sounded at the loudspeaker, or did not; each change of the
    /// person's speech goes to `emit`.
    pub fn push(&mut self, mut samples: &[i16], sounding: bool, emit: &mut impl FnMut(Change)) {
        while let Some(space) = self.samples.get_mut(self.filled..).filter(|_| !samples.is_empty()) {
            let taken = space.len().min(samples.len());
            let (now, later) = samples.split_at(taken);
            space[..taken].copy_from_slice(now);
            samples = later;
            self.filled += taken;
            if self.filled == HOP_SAMPLES {
                self.filled = 0;
                self.hear(sounding).into_iter().for_each(&mut *emit);
            }
        }
    }

    /// What the last whole hop was.
    pub const fn last(&self) -> Hop {
        self.last
    }

    /// Whether the person speaks.
    pub const fn speaks(&self) -> bool {
        self.detector.speaks()
    }

    fn hear(&mut self, sounding: bool) -> Option<Change> {
        let probability = self.network.predict_i16(&self.samples);
        self.last = Hop { probability, power: power(&self.samples), sounding };
        self.detector.push(self.last)
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self::new()
    }
}

/// The mean square, 1.0 being full scale. Summed in whole numbers, so that it is exact.
fn power(samples: &[i16; HOP_SAMPLES]) -> f32 {
    let sum: u64 = samples.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    sum as f32 / (HOP_SAMPLES as f32 * 32_768.0 * 32_768.0)
}
