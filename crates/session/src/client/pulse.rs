//! Whether the sound of a call keeps time, by the Worker's clock.

use super::PlayerReport;
use crate::Moment;
use core::time::Duration;
use serde::Serialize;

/// How the clock of the audio device goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Beat {
    /// As it should, as far as one knows.
    Steady,
    /// It stands still, or goes at less than half its speed.
    Still,
    /// It errs by more than a hundredth, always by as much: the device has another rate than it says.
    Astray,
}

/// Counts the frames that the audio thread plays and records. It says how they come [`LOOK_EVERY`], from when a player
/// took its place.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    look_at: Option<Moment>,
    looked_at: Moment,
    /// Until then a device may be starting.
    patient_until: Moment,
    played: u64,
    rate_hz: u32,
    /// What was played when it was looked at last.
    seen: u64,
    /// Whether a recorder is heard, and whether it was since the last look.
    records: bool,
    recorded: bool,
    /// Bad looks in a row.
    misses: u32,
    span: Span,
    /// Errors of the spans before, as long as they are alike, and how many those are.
    error: f64,
    alike: u32,
    /// The error that was told, which a new device did not mend if it is found again.
    told: f64,
}

/// Frames over some seconds.
#[derive(Debug, Default)]
struct Span {
    from: Option<Moment>,
    played: u64,
}

impl Pulse {
    /// A player took its place; it counts from 0, at a device that may still have to start.
    pub(super) fn start(&mut self, now: Moment) {
        *self = Self {
            look_at: Some(now + LOOK_EVERY),
            looked_at: now,
            patient_until: now + STARTS_WITHIN,
            told: self.told,
            ..Self::default()
        };
    }

    /// Nothing sounds any more.
    pub(super) fn stop(&mut self) {
        self.look_at = None;
    }

    /// The player tells what it played.
    pub(super) fn played(&mut self, report: &PlayerReport, now: Moment) {
        if report.rate_hz == 0 || report.played_frames < self.played {
            return;
        }
        (self.played, self.rate_hz) = (report.played_frames, report.rate_hz);
        match self.span.from {
            None => self.begin_span(now),
            Some(from) if now.since(from) >= SPAN => self.end_span(now.since(from), now),
            Some(_) => {}
        }
    }

    /// The recorder gave a frame.
    pub(super) fn recorded(&mut self) {
        (self.records, self.recorded) = (true, true);
    }

    /// When it is to be looked at.
    pub(super) const fn due_at(&self) -> Option<Moment> {
        self.look_at
    }

    /// How it goes, if it is time to look.
    pub(super) fn look(&mut self, now: Moment) -> Option<Beat> {
        if self.look_at.is_none_or(|due| now < due) {
            return None;
        }
        let passed = now.since(self.looked_at);
        let frames = self.played - self.seen;
        let is_silent = self.records && !self.recorded;
        (self.look_at, self.looked_at) = (Some(now + LOOK_EVERY), now);
        (self.seen, self.recorded) = (self.played, false);
        if passed > SLEEP {
            // Whoever slept cannot tell who else did.
            self.misses = 0;
            self.begin_span(now);
        } else if self.played == 0 && now < self.patient_until {
            self.misses = 0;
        } else if is_silent
            || (frames as f64) < SLOWEST * passed.as_secs_f64() * f64::from(self.rate_hz.max(1))
        {
            self.misses += 1;
        } else {
            self.misses = 0;
        }
        Some(self.beat(now))
    }

    fn beat(&mut self, now: Moment) -> Beat {
        if self.misses >= MISSES {
            self.begin_span(now);
            return Beat::Still;
        }
        if self.alike >= ALIKE && !is_like(self.error, self.told) {
            self.told = self.error;
            return Beat::Astray;
        }
        Beat::Steady
    }

    fn begin_span(&mut self, now: Moment) {
        self.alike = 0;
        self.span = Span { from: Some(now), played: self.played };
    }

    fn end_span(&mut self, passed: Duration, now: Moment) {
        let frames = (self.played - self.span.played) as f64;
        let error = frames / (passed.as_secs_f64() * f64::from(self.rate_hz)) - 1.0;
        let alike = if self.alike > 0 && is_like(error, self.error) { self.alike } else { 0 };
        self.begin_span(now);
        if error.abs() > MOST_ERROR {
            (self.error, self.alike) = (error, alike + 1);
        }
    }
}

fn is_like(error: f64, other: f64) -> bool {
    error * other > 0.0 && (error - other).abs() < LIKENESS
}

/// Five reports of the player.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Bad looks until it counts: a second. A busy machine catches up within one.
const MISSES: u32 = 2;
/// A clock this slow stands still; pretend devices were measured at 0.68.
const SLOWEST: f64 = 0.5;
/// Looks further apart than this were held up themselves.
const SLEEP: Duration = Duration::from_millis(1500);
/// Starting a device takes a second or two.
const STARTS_WITHIN: Duration = Duration::from_secs(3);
/// Reports come up to 20 ms late or early, 0.7 % of this.
const SPAN: Duration = Duration::from_secs(3);
/// Spans with the same error until it is steady: a busy machine errs now more, now less.
const ALIKE: u32 = 3;
/// Quartzes err by a ten-thousandth; devices of another rate by 8 % and more.
const MOST_ERROR: f64 = 0.01;
/// How far errors of one cause lie apart.
const LIKENESS: f64 = 0.02;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A player of 48 000 Hz that reports ten times a second, and the Worker that looks.
    struct Life {
        pulse: Pulse,
        now_ms: u64,
        frames: f64,
        beats: Vec<(u64, Beat)>,
    }

    impl Life {
        fn begin() -> Self {
            let mut pulse = Pulse::default();
            pulse.start(at(0));
            Self { pulse, now_ms: 0, frames: 0.0, beats: Vec::new() }
        }

        /// Lets time pass in which the device runs at `speed`; reports come `late_ms(n)` late.
        fn pass(&mut self, ms: u64, speed: f64, late_ms: impl Fn(u64) -> u64) {
            let end = self.now_ms + ms;
            let mut arriving = Vec::new();
            while self.now_ms < end {
                self.now_ms += 1;
                self.frames += 48.0 * speed;
                if self.now_ms.is_multiple_of(100) && speed > 0.0 {
                    arriving.push((self.now_ms + late_ms(self.now_ms / 100), self.frames as u64));
                }
                while let Some(&(_, played_frames)) = arriving.first().filter(|(due, _)| *due <= self.now_ms)
                {
                    arriving.remove(0);
                    self.pulse.played(&report(played_frames), at(self.now_ms));
                }
                if let Some(beat) = self.pulse.look(at(self.now_ms)) {
                    self.beats.push((self.now_ms, beat));
                }
            }
        }

        /// The first look that was not well.
        fn first(&self, beat: Beat) -> Option<u64> {
            self.beats.iter().find(|(_, other)| *other == beat).map(|(ms, _)| *ms)
        }

        fn is_well(&self) -> bool {
            self.beats.iter().all(|(_, beat)| *beat == Beat::Steady)
        }
    }

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    fn report(played_frames: u64) -> PlayerReport {
        PlayerReport { played_frames, rate_hz: 48_000, ..PlayerReport::default() }
    }

    const PUNCTUAL: fn(u64) -> u64 = |_| 0;

    #[test]
    fn looks_twice_a_second_and_not_before_there_is_a_player() {
        assert_eq!(Pulse::default().due_at(), None);
        let mut life = Life::begin();
        life.pass(10_000, 1.0, PUNCTUAL);
        assert_eq!(life.beats.len(), 20);
        assert!(life.is_well());
        life.pulse.stop();
        assert_eq!(life.pulse.look(at(20_000)), None);
    }

    #[test]
    fn tells_a_clock_that_stops_once_a_second_was_slow() {
        let mut life = Life::begin();
        life.pass(4_200, 1.0, PUNCTUAL);
        life.pass(3_000, 0.0, PUNCTUAL);
        assert_eq!(life.first(Beat::Still), Some(5_000), "of which 200 ms were played");
        life.pass(2_000, 1.0, PUNCTUAL);
        assert_eq!(life.beats.last(), Some(&(9_000, Beat::Steady)), "and that it goes again");
    }

    #[test]
    fn less_than_half_its_speed_is_still() {
        for (speed, is_still) in [(0.2, true), (0.45, true), (0.68, false)] {
            let mut life = Life::begin();
            life.pass(2_000, 1.0, PUNCTUAL);
            life.pass(2_500, speed, PUNCTUAL);
            assert_eq!(life.first(Beat::Still).is_some(), is_still, "at {speed}");
        }
    }

    #[test]
    fn a_device_has_three_seconds_to_start() {
        let mut life = Life::begin();
        life.pass(2_900, 0.0, PUNCTUAL);
        assert!(life.is_well());
        life.pass(1_600, 0.0, PUNCTUAL);
        assert_eq!(life.first(Beat::Still), Some(3_500));
    }

    #[test]
    fn tells_a_device_of_another_rate_within_ten_seconds() {
        for speed in [0.5, 44.1 / 48.0, 48.0 / 44.1, 2.0, 1.03] {
            let mut life = Life::begin();
            life.pass(11_000, speed, |n| n % 3 * 8);
            let told = life.first(Beat::Astray).or(life.first(Beat::Still));
            assert!(told.is_some_and(|ms| ms <= 10_000), "{speed}: {told:?}");
        }
    }

    #[test]
    fn an_error_that_a_new_device_has_as_well_is_told_once() {
        let mut life = Life::begin();
        life.pass(30_000, 0.7, PUNCTUAL);
        life.pulse.start(at(life.now_ms));
        life.frames = 0.0;
        life.pass(30_000, 0.7, PUNCTUAL);
        let told = life.beats.iter().filter(|(_, beat)| *beat == Beat::Astray).count();
        assert_eq!(told, 1);
        life.pass(30_000, 1.1, PUNCTUAL);
        assert!(matches!(life.first(Beat::Astray), Some(ms) if ms < 11_000));
        assert_eq!(
            life.beats.iter().filter(|(_, beat)| *beat == Beat::Astray).count(),
            2,
            "another error is told"
        );
    }

    #[test]
    fn errors_that_come_and_go_are_a_busy_machine() {
        let mut life = Life::begin();
        for speed in [0.9, 0.8, 1.0, 0.95, 0.7, 1.0, 0.85, 0.6, 0.9].into_iter().cycle().take(40) {
            life.pass(3_000, speed, PUNCTUAL);
        }
        assert!(life.is_well(), "{:?}", life.beats);
    }

    #[test]
    fn judges_nothing_by_a_clock_that_stood_itself() {
        let mut life = Life::begin();
        life.pass(4_000, 1.0, PUNCTUAL);
        life.now_ms += 60_000;
        life.pass(10_000, 1.0, PUNCTUAL);
        assert!(life.is_well(), "{:?}", life.beats);
    }

    #[test]
    fn a_recorder_that_falls_silent_while_the_player_goes_on_is_still() {
        let mut life = Life::begin();
        life.pass(4_000, 1.0, PUNCTUAL);
        life.pulse.recorded();
        life.pass(2_000, 1.0, PUNCTUAL);
        assert!(matches!(life.first(Beat::Still), Some(5_000..=5_500)), "{:?}", life.beats);
    }

    proptest! {
        #[test]
        fn leaves_alone_what_keeps_time_however_late_its_reports_come(late in prop::collection::vec(0_u64..45, 50)) {
            let mut life = Life::begin();
            life.pass(60_000, 1.0003, |n| late[n as usize % late.len()]);
            prop_assert!(life.is_well(), "{:?}", life.beats);
        }

        #[test]
        fn a_clock_that_stops_is_told_whatever_it_did_before(run_ms in 1_000_u64..20_000, speed in 0.6_f64..1.5) {
            let mut life = Life::begin();
            life.pass(run_ms, speed, PUNCTUAL);
            life.beats.clear();
            life.pass(2_000, 0.0, PUNCTUAL);
            prop_assert!(life.first(Beat::Still).is_some_and(|ms| ms <= run_ms + 1_600), "{:?}", life.beats);
        }

        #[test]
        fn never_fails_on_whatever_a_port_says(words in prop::collection::vec((any::<u64>(), any::<u32>(), 0_u64..5_000), 0..60)) {
            let mut pulse = Pulse::default();
            let mut now_ms = 0;
            pulse.start(at(0));
            for (played_frames, rate_hz, wait_ms) in words {
                now_ms += wait_ms;
                pulse.played(&PlayerReport { played_frames, rate_hz, ..PlayerReport::default() }, at(now_ms));
                pulse.look(at(now_ms));
            }
        }
    }
}
