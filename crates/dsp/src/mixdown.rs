//! Several channels of a microphone to one, where dead channels do not count.

/// Channels that are listened to; a device's further channels are not.
pub const MAX_CHANNELS: usize = 32;

/// The mean of the channels that carry a signal.
///
/// Many devices show two channels and speak on one: a plain mean would halve the voice. A channel counts
/// while its envelope is above [`FLOOR`] and not far below the loudest one's. Shares move slowly enough not
/// to click. While nothing is heard at all they stay where they are.
pub struct Mixdown {
    channels: [Channel; MAX_CHANNELS],
    started: bool,
    /// There never was but one channel, all of which counts.
    is_alone: bool,
    /// Channels that ever had a share.
    used: usize,
    /// Part of its way that a share goes in one sample.
    glide: f32,
    /// What is left of an envelope after one sample.
    decay: f32,
}

#[derive(Clone, Copy)]
struct Channel {
    envelope: f32,
    share: f32,
}

impl Mixdown {
    /// A mixdown without a rate, all zeros.
    pub const fn new() -> Self {
        Self {
            channels: [Channel { envelope: 0.0, share: 0.0 }; MAX_CHANNELS],
            started: false,
            is_alone: false,
            used: 0,
            glide: 0.0,
            decay: 0.0,
        }
    }

    /// Forgets what it heard, and works at `rate_hz` from here.
    pub fn design(&mut self, rate_hz: u32) {
        *self = Self::new();
        self.glide = (1.0 / (GLIDE_S * f64::from(rate_hz.max(1)))) as f32;
        self.decay = (1.0 - 1.0 / (MEMORY_S * f64::from(rate_hz.max(1)))) as f32;
    }

    /// One sample from one of each channel. What is no finite number is silence.
    #[inline]
    pub fn mix(&mut self, samples: impl ExactSizeIterator<Item = f32>) -> f32 {
        if !self.started {
            self.start(samples.len());
        }
        if self.is_alone && samples.len() <= 1 {
            return samples.map(finite).next().unwrap_or(0.0);
        }
        self.is_alone = false;
        let mut loudest = 0.0f32;
        let mut mixed = 0.0f32;
        let mut count = 0;
        for (channel, sample) in self.channels.iter_mut().zip(samples) {
            let sample = finite(sample);
            channel.envelope = (channel.envelope * self.decay).max(sample.abs());
            loudest = loudest.max(channel.envelope);
            mixed += sample * channel.share;
            count += 1;
        }
        self.glide(count, loudest);
        mixed
    }

    /// Moves every share a part of its way, so that their sum stays one. Channels that are gone have none.
    #[inline]
    fn glide(&mut self, count: usize, loudest: f32) {
        if loudest < FLOOR {
            return;
        }
        let threshold = (loudest * DISTANCE).max(FLOOR);
        let heard = |channel: &Channel| channel.envelope >= threshold;
        let alive = self.channels.iter().take(count).filter(|channel| heard(channel)).count();
        let goal = 1.0 / alive.max(1) as f32;
        self.used = self.used.max(count);
        for (index, channel) in self.channels.iter_mut().take(self.used).enumerate() {
            let goal = if index < count && heard(channel) { goal } else { 0.0 };
            let way = goal - channel.share;
            channel.share = if way.abs() < ARRIVED { goal } else { channel.share + way * self.glide };
        }
    }

    /// Before anything is known all channels count alike.
    fn start(&mut self, count: usize) {
        let count = count.min(MAX_CHANNELS);
        for channel in self.channels.iter_mut().take(count) {
            channel.share = 1.0 / count as f32;
        }
        self.started = count > 0;
        self.is_alone = count == 1;
        self.used = count;
    }
}

impl Default for Mixdown {
    fn default() -> Self {
        Self::new()
    }
}

fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

/// Below this (−80 dBFS) a channel is dead.
pub const FLOOR: f32 = 1e-4;

/// A channel that far (−36 dB) below the loudest carries its noise only.
const DISTANCE: f32 = 1.0 / 64.0;

/// A share goes 63 % of its way in this time.
const GLIDE_S: f64 = 0.01;

/// So near (−100 dB) a share may jump.
const ARRIVED: f32 = 1e-5;

/// An envelope falls to 1/e in this time: longer than pauses between words.
const MEMORY_S: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_passes_bit_for_bit() {
        let mut mixdown = designed();
        for index in 0..10_000 {
            let sample = (index as f32 * 0.1).sin() * 0.3;
            assert_eq!(mixdown.mix([sample].into_iter()), sample);
        }
    }

    #[test]
    fn channels_alike_keep_their_level() {
        let mut mixdown = designed();
        for index in 0..10_000 {
            let sample = (index as f32 * 0.1).sin() * 0.3;
            assert_eq!(mixdown.mix([sample, sample].into_iter()), sample);
        }
    }

    #[test]
    fn a_dead_channel_does_not_count() {
        for noise in [0.0, 5e-5] {
            let mut mixdown = designed();
            let mut last = 0.0;
            for index in 0..4_800 {
                last = mixdown.mix([noise, if index % 2 == 0 { 0.5 } else { -0.5 }].into_iter());
            }
            assert!((last + 0.5).abs() < 1e-4, "{last}");
        }
    }

    #[test]
    fn a_channel_that_dies_or_returns_makes_no_step() {
        let mut mixdown = designed();
        let mut before = 0.5;
        for index in 0..240_000 {
            let right =
                if (48_000..160_000).contains(&index) { 0.5 * 0.999f32.powi(index - 48_000) } else { 0.5 };
            let mixed = mixdown.mix([0.5, right].into_iter());
            assert!(
                (mixed - before).abs() < 0.3 * 0.01 || index == 160_000,
                "at {index}: {before} to {mixed}"
            );
            before = mixed;
        }
        assert_eq!(before, 0.5);
    }

    #[test]
    fn channels_may_come_and_go() {
        let mut mixdown = designed();
        let mut last = 0.0;
        for count in [1, 2, 6, 40, 2, 1] {
            for _ in 0..4_800 {
                last = mixdown.mix(core::iter::repeat_n(0.5, count));
                assert!(last.is_finite() && last.abs() <= 0.501, "{last} with {count} channels");
            }
            assert!((last - 0.5).abs() < 1e-3, "{last} with {count} channels");
        }
        assert_eq!(mixdown.mix(core::iter::empty()), 0.0);
    }

    #[test]
    fn what_is_no_number_is_silence() {
        let mut mixdown = designed();
        assert_eq!(mixdown.mix([f32::NAN].into_iter()), 0.0);
        assert_eq!(mixdown.mix([f32::INFINITY].into_iter()), 0.0);
        assert_eq!(mixdown.mix([0.5].into_iter()), 0.5);
    }

    fn designed() -> Mixdown {
        let mut mixdown = Mixdown::new();
        mixdown.design(48_000);
        mixdown
    }
}
