//! How much a phone may send: frames and bytes, each a leaking bucket (ITU-T I.371, the generic cell rate algorithm).

use core::time::Duration;
use vivavoce_session::Moment;

/// What one call has sent, as far as that still counts.
#[derive(Debug)]
pub(crate) struct Meter {
    frames: Bucket,
    bytes: Bucket,
}

/// Is filled by what comes, and empties at a steady rate.
#[derive(Debug)]
struct Bucket {
    per_s: f64,
    level: f64,
    at: Moment,
}

impl Meter {
    /// So many frames and bytes a second, and [`BURST`] of that at once.
    pub(crate) fn new(frames_per_s: u32, bytes_per_s: u32) -> Self {
        Self { frames: Bucket::new(frames_per_s), bytes: Bucket::new(bytes_per_s) }
    }

    /// A frame of so many bytes came; whether that is not too much.
    pub(crate) fn take(&mut self, bytes: usize, now: Moment) -> bool {
        let (frames, bytes) = (self.frames.take(1.0, now), self.bytes.take(bytes as f64, now));
        frames && bytes
    }
}

impl Bucket {
    fn new(per_s: u32) -> Self {
        Self { per_s: per_s.into(), level: 0.0, at: Moment::ORIGIN }
    }

    fn take(&mut self, amount: f64, now: Moment) -> bool {
        let passed = now.since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level - passed * self.per_s).max(0.0) + amount;
        self.level <= self.per_s * BURST.as_secs_f64()
    }
}

/// A phone whose network was away for a moment sends at once what it could not send then.
pub(crate) const BURST: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    #[test]
    fn a_steady_stream_within_the_rate_is_never_too_much() {
        let mut meter = Meter::new(100, 64_000);
        assert!((0..100_000).all(|frame| meter.take(640, at(frame * 10))));
    }

    #[test]
    fn ten_seconds_at_once_are_not_too_much_and_one_frame_more_is() {
        let mut meter = Meter::new(100, 1_000_000);
        assert!((0..1_000).all(|_| meter.take(640, at(5_000))));
        assert!(!meter.take(640, at(5_000)));
        assert!(!meter.take(640, at(5_009)));
        assert!(meter.take(640, at(5_100)), "it empties");
    }

    #[test]
    fn few_large_frames_are_too_much_too() {
        let mut meter = Meter::new(100, 64_000);
        assert!((0..9).all(|_| meter.take(65_536, at(0))));
        assert!(!meter.take(65_536, at(0)));
    }
}
