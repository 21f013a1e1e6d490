//! How much a phone may send: frames and bytes, each a leaking bucket (ITU-T I.371, the generic cell rate algorithm).

use core::time::Duration;
use vivavoce_session::Moment;

/// What one call has sent, as far as that still counts.
#[derive(Debug)]
pub(crate) struct Meter {
    frames: Bucket,
    bytes: Bucket,
    /// What is no sound: texts, and the pings of the WebSocket's own.
    words: Bucket,
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
        let [frames, bytes, words] = [frames_per_s, bytes_per_s, WORDS_PER_S].map(Bucket::new);
        Self { frames, bytes, words }
    }

    /// A frame of so many bytes came; whether that is not too much.
    pub(crate) fn take(&mut self, bytes: usize, is_sound: bool, now: Moment) -> bool {
        if !is_sound {
            self.words.take(1.0, now);
        }
        let (frames, bytes) = (self.frames.take(1.0, now), self.bytes.take(bytes as f64, now));
        frames && bytes
    }

    /// Whether the phone sends faster than a call goes: it catches up, or floods.
    pub(crate) fn is_ahead(&self, now: Moment) -> bool {
        self.frames.holds(AHEAD, now) || self.bytes.holds(AHEAD, now) || self.words.holds(WORDS_AHEAD, now)
    }
}

impl Bucket {
    fn new(per_s: u32) -> Self {
        Self { per_s: per_s.into(), level: 0.0, at: Moment::ORIGIN }
    }

    fn take(&mut self, amount: f64, now: Moment) -> bool {
        self.level = self.level_at(now) + amount;
        self.at = self.at.max(now);
        !self.holds(BURST, now)
    }

    /// Whether more is in it than runs out within so long.
    fn holds(&self, time: Duration, now: Moment) -> bool {
        self.level_at(now) > self.per_s * time.as_secs_f64()
    }

    fn level_at(&self, now: Moment) -> f64 {
        (self.level - now.since(self.at).as_secs_f64() * self.per_s).max(0.0)
    }
}

/// A phone whose network was away for a moment sends at once what it could not send then.
pub(crate) const BURST: Duration = Duration::from_secs(10);

/// Of a voice, half a second with the frames that there may be by default, and more than networks hold up in good times.
const AHEAD: Duration = Duration::from_millis(100);

/// Our page says some ten a second while something plays; a client that says so with each frame, as many.
const WORDS_PER_S: u32 = 50;
/// And more at once when a call begins or goes on.
const WORDS_AHEAD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    #[test]
    fn a_steady_stream_within_the_rate_is_never_too_much() {
        let mut meter = Meter::new(100, 64_000);
        assert!((0..100_000).all(|frame| meter.take(640, true, at(frame * 10))));
    }

    #[test]
    fn ten_seconds_at_once_are_not_too_much_and_one_frame_more_is() {
        let mut meter = Meter::new(100, 1_000_000);
        assert!((0..1_000).all(|_| meter.take(640, true, at(5_000))));
        assert!(!meter.take(640, true, at(5_000)));
        assert!(!meter.take(640, true, at(5_009)));
        assert!(meter.take(640, true, at(5_100)), "it empties");
    }

    #[test]
    fn who_sends_more_at_once_than_a_voice_is_ahead_until_that_is_over() {
        let mut meter = Meter::new(300, 1_000_000);
        for frame in 0..1_000 {
            meter.take(660, true, at(frame * 20));
            assert!(!meter.is_ahead(at(frame * 20)), "a voice");
        }
        assert!(
            (0..30).all(|_| meter.take(660, true, at(20_000))) && !meter.is_ahead(at(20_000)),
            "half a second of it"
        );
        assert!(meter.take(660, true, at(20_000)) && meter.is_ahead(at(20_000)));
        assert!(!meter.is_ahead(at(20_100)), "though nothing came since");
        assert!(meter.take(200_000, true, at(21_000)) && meter.is_ahead(at(21_000)), "bytes count too");
    }

    #[test]
    fn who_talks_at_the_proxy_all_the_time_is_ahead_but_never_too_much() {
        let mut meter = Meter::new(300, 500_000);
        for word in 0..100 {
            assert!(
                meter.take(100, false, at(word * 100)) && !meter.is_ahead(at(word * 100)),
                "ten a second"
            );
        }
        assert!((0..1_000).all(|word| meter.take(20, false, at(10_000 + word * 10))), "a hundred");
        assert!(meter.is_ahead(at(20_000)) && !meter.is_ahead(at(70_000)));
    }

    #[test]
    fn few_large_frames_are_too_much_too() {
        let mut meter = Meter::new(100, 64_000);
        assert!((0..9).all(|_| meter.take(65_536, true, at(0))));
        assert!(!meter.take(65_536, true, at(0)));
    }
}
