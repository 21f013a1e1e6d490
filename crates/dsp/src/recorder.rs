//! The road of a voice from the microphone to the network.

use crate::dc_block::DcBlock;
use crate::framer::{Frame, Framer};
use crate::level::{Level, Loudness};
use crate::mixdown::Mixdown;
use crate::{RateError, Resampler, pcm};

/// Rate of the frames in Hz: what the service listens at.
pub const MICROPHONE_HZ: u32 = 16_000;

/// Mixes channels down, resamples to 16 kHz, takes the constant offset out, measures, and cuts 16-bit
/// frames of 20 ms.
///
/// All zeros after [`new`](Self::new) and deaf until [`design`](Self::design). Keep it in a static or a box.
pub struct Recorder {
    mixdown: Mixdown,
    resampler: Resampler,
    tail: Tail,
}

/// What follows the resampler, apart from it so that both can be borrowed at once.
struct Tail {
    dc_block: DcBlock,
    level: Level,
    framer: Framer,
}

impl Recorder {
    /// A recorder without a rate.
    pub const fn new() -> Self {
        Self { mixdown: Mixdown::new(), resampler: Resampler::new(), tail: Tail::new() }
    }

    /// Begins a new stream, at position 0, from a device of `rate_hz`.
    ///
    /// # Errors
    /// As [`Resampler::design`].
    pub fn design(&mut self, rate_hz: u32) -> Result<(), RateError> {
        self.resampler.design(rate_hz, MICROPHONE_HZ)?;
        self.mixdown.design(rate_hz);
        self.tail = Tail::new();
        Ok(())
    }

    /// Takes `frames` samples of every channel; each frame completed goes to `emit` with the position
    /// of its first sample. Without channels it records silence, so that its position keeps pace with
    /// the device; a channel that is too short is silent at its end.
    pub fn push<C: AsRef<[f32]>>(
        &mut self,
        channels: &[C],
        frames: usize,
        emit: &mut impl FnMut(&Frame, u64),
    ) {
        let Self { mixdown, resampler, tail } = self;
        let mut mixed = [0.0; QUANTUM];
        for begin in (0..frames).step_by(QUANTUM) {
            let block = mixed.iter_mut().take(frames - begin);
            for (index, slot) in (begin..).zip(block) {
                *slot = mixdown
                    .mix(channels.iter().map(|channel| channel.as_ref().get(index).copied().unwrap_or(0.0)));
            }
            let count = QUANTUM.min(frames - begin);
            resampler.push(mixed.get(..count).unwrap_or_default(), &mut |sample| tail.push(sample, emit));
        }
    }

    /// How loud the microphone was since the last time.
    pub fn take_loudness(&mut self) -> Loudness {
        self.tail.level.take()
    }

    /// Samples recorded so far, at 16 kHz.
    pub fn position_samples(&self) -> u64 {
        self.tail.framer.position_samples()
    }
}

/// Samples that a browser gives at a time.
const QUANTUM: usize = 128;

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Tail {
    const fn new() -> Self {
        Self { dc_block: DcBlock::new(), level: Level::new(), framer: Framer::new() }
    }

    fn push(&mut self, sample: f32, emit: &mut impl FnMut(&Frame, u64)) {
        let sample = self.dc_block.pass(sample);
        self.level.push(sample);
        self.framer.push(pcm::from_f32(sample), emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_a_tone_at_its_level_and_pace() {
        for rate in [8_000, 44_100, 48_000, 192_000] {
            let mut recorder = designed(rate);
            let tone = tone(rate, rate as usize);
            let mut frames = Vec::new();
            recorder.push(&[&tone], tone.len(), &mut |frame, position| {
                frames.push((*frame, position));
            });
            assert_eq!(frames.len(), 50, "{rate} Hz");
            assert_eq!(frames[49].1, 49 * 320, "{rate} Hz");
            let peak = frames[10..].iter().flat_map(|(frame, _)| frame).max().unwrap();
            assert!((16_200..16_500).contains(peak), "{rate} Hz: peak {peak}");
            assert!((recorder.take_loudness().rms - 0.353).abs() < 0.01);
        }
    }

    #[test]
    fn the_whole_line_is_flat() {
        for rate in [16_000, 44_100, 48_000, 192_000] {
            for hz in [100.0, 1_000.0, 6_900.0] {
                let mut recorder = designed(rate);
                let angle = core::f64::consts::TAU * hz / f64::from(rate);
                let tone: Vec<f32> =
                    (0..rate).map(|index| (0.5 * (angle * f64::from(index)).sin()) as f32).collect();
                let mut power = 0.0;
                recorder.push(&[&tone], tone.len(), &mut |frame, position| {
                    if position >= 8_000 {
                        power +=
                            frame.iter().map(|&sample| f64::from(pcm::to_f32(sample)).powi(2)).sum::<f64>();
                    }
                });
                let gain_db = 10.0 * (power / 8_000.0 / 0.125).log10();
                assert!(gain_db.abs() <= 0.1, "{rate} Hz: {gain_db} dB at {hz} Hz");
            }
        }
    }

    #[test]
    fn without_a_microphone_it_records_silence_in_time() {
        let mut recorder = designed(48_000);
        let mut count = 0;
        recorder.push(&[[0.0; 0]; 0], 96_000, &mut |frame, _| {
            assert_eq!(frame, &[0; 320]);
            count += 1;
        });
        assert_eq!(count, 100);
        assert_eq!(recorder.position_samples(), 32_000);
    }

    #[test]
    fn a_dead_channel_does_not_make_silence() {
        let mut recorder = designed(48_000);
        let (dead, tone) = (vec![0.0; 48_000], tone(48_000, 48_000));
        let mut peak = 0;
        recorder.push(&[&dead, &tone], tone.len(), &mut |frame, position| {
            if position > 8_000 {
                peak = peak.max(*frame.iter().max().unwrap());
            }
        });
        assert!(peak > 16_000, "{peak}");
    }

    #[test]
    fn begins_anew_when_designed_again() {
        let mut recorder = designed(48_000);
        recorder.push(&[[0.5; 999]], 999, &mut |_, _| ());
        recorder.design(44_100).unwrap();
        assert_eq!(recorder.position_samples(), 0);
        assert!(recorder.design(0).is_err());
    }

    fn designed(rate: u32) -> Box<Recorder> {
        let mut recorder = Box::new(Recorder::new());
        recorder.design(rate).unwrap();
        recorder
    }

    fn tone(rate: u32, count: usize) -> Vec<f32> {
        (0..count).map(|index| 0.5 * (index as f32 * 2_764.6 / rate as f32).sin()).collect()
    }
}
