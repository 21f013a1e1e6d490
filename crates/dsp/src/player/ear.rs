//! What the listener has heard: a clock of frames, and which samples went out when.

use super::MODEL_HZ;

/// Keeps account of the stretches that went to the loudspeaker.
pub(super) struct Ear {
    stretches: [Stretch; STRETCHES],
    /// Stretches so far.
    count: usize,
    /// Frames handed to the device so far.
    frame: u64,
    latency_frames: u64,
    delay_frames: u64,
    rate_hz: u64,
}

/// Samples of one turn that went out in a row.
#[derive(Clone, Copy)]
struct Stretch {
    epoch: u32,
    /// Frame in which its first sample leaves the resampler.
    frame: u64,
    /// Position of its first sample in the turn.
    position: u64,
    samples: u64,
    /// It begins a turn, and nobody was told.
    starts: bool,
    /// It is the last of its turn, …
    last: bool,
    /// … and that was told.
    told: bool,
}

impl Ear {
    pub(super) const fn new() -> Self {
        Self {
            stretches: [Stretch::NONE; STRETCHES],
            count: 0,
            frame: 0,
            latency_frames: 0,
            delay_frames: 0,
            rate_hz: 0,
        }
    }

    /// Begins at frame 0 of a device of `rate_hz`, behind a resampler that is late by `delay_samples` of its input.
    pub(super) fn design(&mut self, rate_hz: u32, delay_samples: f64) {
        *self = Self::new();
        self.rate_hz = u64::from(rate_hz);
        self.delay_frames = libm::round(delay_samples * f64::from(rate_hz) / f64::from(MODEL_HZ)) as u64;
    }

    pub(super) fn set_latency(&mut self, frames: u32) {
        self.latency_frames = u64::from(frames);
    }

    /// So many frames went out.
    pub(super) fn tick(&mut self, frames: u64) {
        self.frame += frames;
    }

    /// A stretch of a turn begins in this frame.
    pub(super) fn open(&mut self, epoch: u32, position: u64) {
        let starts = self.newest().is_none_or(|newest| newest.epoch != epoch);
        let frame = self.frame + self.delay_frames;
        self.stretches[self.count % STRETCHES] = Stretch { epoch, frame, position, starts, ..Stretch::NONE };
        self.count += 1;
    }

    /// So many more samples of the stretch go out.
    pub(super) fn hear(&mut self, samples: u64) {
        if let Some(newest) = self.newest_mut() {
            newest.samples += samples;
        }
    }

    /// The turn is over at `position`, be it that nothing of it was ever heard.
    pub(super) fn finish(&mut self, epoch: u32, position: u64) {
        if self.newest().is_none_or(|newest| newest.epoch != epoch) {
            self.open(epoch, position);
        }
        if let Some(newest) = self.newest_mut() {
            newest.last = true;
        }
    }

    /// Whatever sounds of turns up to `epoch` was its last.
    pub(super) fn cut(&mut self, epoch: u32) {
        if let Some(newest) = self.newest_mut()
            && newest.epoch <= epoch
        {
            newest.last = true;
        }
    }

    /// The turn heard last and how far.
    pub(super) fn heard(&self) -> (u32, u64) {
        let now = self.now();
        self.known()
            .rev()
            .map(|index| self.stretches[index % STRETCHES])
            .find(|stretch| stretch.frame <= now)
            .map_or((0, 0), |stretch| (stretch.epoch, stretch.heard(now, self.rate_hz)))
    }

    /// The next turn whose start or end was heard, and how far.
    pub(super) fn next_notice(&mut self) -> Option<(u32, u64)> {
        let (now, rate_hz) = (self.now(), self.rate_hz);
        for index in self.known() {
            let stretch = &mut self.stretches[index % STRETCHES];
            if now < stretch.frame || (stretch.told && !stretch.starts) {
                continue;
            }
            let heard = stretch.heard(now, rate_hz);
            let ends = stretch.last && !stretch.told && heard == stretch.position + stretch.samples;
            if stretch.starts || ends {
                stretch.starts = false;
                stretch.told = ends;
                return Some((stretch.epoch, heard));
            }
        }
        None
    }

    /// The frame that becomes audible as the newest is handed out.
    fn now(&self) -> u64 {
        self.frame.saturating_sub(self.latency_frames)
    }

    /// Numbers of the stretches that are still known.
    fn known(&self) -> core::ops::Range<usize> {
        self.count.saturating_sub(STRETCHES)..self.count
    }

    fn newest(&self) -> Option<&Stretch> {
        self.stretches.get(self.count.checked_sub(1)? % STRETCHES)
    }

    fn newest_mut(&mut self) -> Option<&mut Stretch> {
        self.stretches.get_mut(self.count.checked_sub(1)? % STRETCHES)
    }
}

impl Stretch {
    const NONE: Self =
        Self { epoch: 0, frame: 0, position: 0, samples: 0, starts: false, last: false, told: false };

    /// Position reached in the turn at frame `now`.
    fn heard(&self, now: u64, rate_hz: u64) -> u64 {
        let elapsed = now.saturating_sub(self.frame).saturating_mul(u64::from(MODEL_HZ)) / rate_hz.max(1);
        self.position.saturating_add(elapsed.min(self.samples))
    }
}

/// Stretches remembered: more than begin within the longest output latency.
const STRETCHES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_later_than_is_played() {
        let mut ear = listening(480);
        ear.open(7, 100);
        play(&mut ear, 240, 480);
        assert_eq!(ear.heard(), (0, 0), "still on its way");
        play(&mut ear, 240, 480);
        assert_eq!(ear.heard(), (7, 340 - 10));
        ear.finish(7, 580);
        play(&mut ear, 0, 480);
        assert_eq!(ear.heard(), (7, 580 - 10));
        play(&mut ear, 0, 480);
        assert_eq!(ear.heard(), (7, 580));
    }

    #[test]
    fn tells_of_each_start_and_end_once() {
        let mut ear = listening(0);
        ear.open(1, 0);
        play(&mut ear, 100, 220);
        ear.open(1, 100);
        play(&mut ear, 100, 220);
        ear.finish(1, 200);
        ear.finish(2, 0);
        play(&mut ear, 0, 50);
        let mut told = Vec::new();
        while let Some(notice) = ear.next_notice() {
            told.push(notice);
        }
        assert_eq!(told, [(1, 100), (1, 200), (2, 0)]);
        play(&mut ear, 0, 50);
        assert_eq!(ear.next_notice(), None);
    }

    fn listening(latency_frames: u32) -> Ear {
        let mut ear = Ear::new();
        ear.design(48_000, 10.0);
        ear.set_latency(latency_frames);
        ear
    }

    fn play(ear: &mut Ear, samples: u64, frames: u64) {
        ear.hear(samples);
        ear.tick(frames);
    }
}
