//! When a person begins and stops to speak, though the model's own voice comes back into the microphone.

mod echo;

use echo::EchoFloor;

/// What is known of a hop of the microphone's signal, 16 ms long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hop {
    /// How probable it is that it is speech, 0 to 1.
    pub probability: f32,
    /// Its mean square, 1.0 being full scale.
    pub power: f32,
    /// Whether the model sounds at the loudspeaker.
    pub sounding: bool,
}

/// What a hop changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The person began to speak.
    Begins,
    /// The person stopped.
    Ends,
}

/// Decides from hops whether the person speaks.
///
/// Speech begins when three of four hops are probable and loud. While the model sounds, and a little longer,
/// that means more probable, and louder than the model's echo has been in this call.
///
/// All zeros after [`new`](Self::new).
pub struct SpeechDetector {
    speaks: bool,
    /// The last hops, the newest in the lowest bit: 1 where one was probable.
    probable: u8,
    /// Their levels in dB over [`BOTTOM_DBFS`], the newest first.
    levels: [f32; WINDOW],
    /// Hops in a row in which a speaking person was not heard.
    quiet_hops: u8,
    /// Hops for which the echo may still be there.
    guard_hops: u8,
    echo: EchoFloor,
}

impl SpeechDetector {
    /// A detector that has heard nothing.
    pub const fn new() -> Self {
        Self {
            speaks: false,
            probable: 0,
            levels: [0.0; WINDOW],
            quiet_hops: 0,
            guard_hops: 0,
            echo: EchoFloor::new(),
        }
    }

    /// Takes in the next hop, and says what it changed.
    pub fn push(&mut self, hop: Hop) -> Option<Change> {
        self.guard_hops = if hop.sounding { GUARD_HOPS } else { self.guard_hops.saturating_sub(1) };
        let level = level(hop.power);
        self.levels.rotate_right(1);
        self.levels[0] = level;
        let change = if self.speaks { self.go_on(hop, level) } else { self.wait(hop, level) };
        if hop.sounding {
            self.echo.hear(third(self.levels), self.speaks);
        }
        change
    }

    /// Whether the person speaks.
    pub const fn speaks(&self) -> bool {
        self.speaks
    }

    /// The level in dBFS above which speech would be heard as the person's.
    pub fn bar_dbfs(&self) -> f32 {
        self.bar() + BOTTOM_DBFS
    }

    fn wait(&mut self, hop: Hop, level: f32) -> Option<Change> {
        let least = if self.guard_hops > 0 { PROBABLE_OVER_ECHO } else { PROBABLE };
        let is_probable = hop.probability > least;
        self.probable = (self.probable << 1 | u8::from(is_probable)) & WINDOW_MASK;
        let is_loud = level > LEAST_LEVEL && third(self.levels) > self.bar();
        if !is_probable || !is_loud || self.probable.count_ones() < ENOUGH {
            return None;
        }
        self.speaks = true;
        self.quiet_hops = 0;
        self.echo.forget_the_latest();
        Some(Change::Begins)
    }

    fn go_on(&mut self, hop: Hop, level: f32) -> Option<Change> {
        if hop.probability > STILL_PROBABLE && level > self.bar() - SLACK {
            self.quiet_hops = 0;
            return None;
        }
        self.quiet_hops += 1;
        if self.quiet_hops < END_HOPS {
            return None;
        }
        self.speaks = false;
        self.probable = 0;
        Some(Change::Ends)
    }

    fn bar(&self) -> f32 {
        if self.guard_hops > 0 { LEAST_LEVEL.max(self.echo.level() + MARGIN) } else { LEAST_LEVEL }
    }
}

impl Default for SpeechDetector {
    fn default() -> Self {
        Self::new()
    }
}

/// dB over [`BOTTOM_DBFS`], from 0 up.
fn level(power: f32) -> f32 {
    (10.0 * core::f32::consts::LOG10_E * libm::logf(power.max(LEAST_POWER)) - BOTTOM_DBFS).max(0.0)
}

/// The level that three of four hops reach.
fn third(mut levels: [f32; WINDOW]) -> f32 {
    // A network of five exchanges sorts four; the least goes to the front.
    for (one, other) in [(0, 1), (2, 3), (0, 2), (1, 3), (1, 2)] {
        if levels[one] > levels[other] {
            levels.swap(one, other);
        }
    }
    levels[1]
}

/// The level at which levels begin: below any microphone's noise.
pub const BOTTOM_DBFS: f32 = -75.0;

/// Below [`BOTTOM_DBFS`], and has a logarithm.
const LEAST_POWER: f32 = 1e-9;

/// Hops that are looked at together: 64 ms.
const WINDOW: usize = 4;

const WINDOW_MASK: u8 = (1 << WINDOW) - 1;

/// Of these so many must be probable: one click, or one hop of doubt, decides nothing. So long before it is said
/// to begin speech has begun.
pub const ENOUGH: u32 = 3;

/// The network's own middle is 0.5; noise comes over it now and then.
const PROBABLE: f32 = 0.6;

/// An echo is speech, and the network says so: most of the guard is the level. More than this costs the person
/// 20 ms and more (0.8: 30 ms at the median, 60 at the 95th percentile).
const PROBABLE_OVER_ECHO: f32 = 0.65;

/// Who speaks goes on speaking.
const STILL_PROBABLE: f32 = 0.5;

/// −55 dBFS: a person at their own microphone is louder.
const LEAST_LEVEL: f32 = -55.0 - BOTTOM_DBFS;

/// dB above the echo's usual peaks: they scatter by so much.
const MARGIN: f32 = 4.0;

/// dB by which a person who speaks may fall below what it takes to begin.
const SLACK: f32 = 2.0;

/// 304 ms: longer than the gaps between words and the closure of any plosive. So long before it is said to end
/// speech has ended.
pub const END_HOPS: u8 = 19;

/// 400 ms after the model: the echo's longest delay (250 ms), and the tail of a room.
const GUARD_HOPS: u8 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_after_three_probable_hops_and_ends_after_300_ms_without() {
        let mut detector = SpeechDetector::new();
        assert_eq!(push(&mut detector, &[speech(-20.0); 2]), []);
        assert_eq!(push(&mut detector, &[speech(-20.0)]), [Change::Begins]);
        assert!(detector.speaks());
        assert_eq!(push(&mut detector, &[silence(); 18]), []);
        assert_eq!(push(&mut detector, &[silence()]), [Change::Ends]);
        assert!(!detector.speaks());
    }

    #[test]
    fn a_click_is_no_speech() {
        let mut detector = SpeechDetector::new();
        for _ in 0..100 {
            assert_eq!(push(&mut detector, &[speech(-10.0), speech(-10.0), silence(), silence()]), []);
        }
    }

    #[test]
    fn a_pause_between_words_ends_nothing() {
        let mut detector = SpeechDetector::new();
        push(&mut detector, &[speech(-20.0); 3]);
        for _ in 0..50 {
            push(&mut detector, &[silence(); 18]);
            assert_eq!(push(&mut detector, &[speech(-20.0)]), []);
        }
    }

    #[test]
    fn what_is_too_faint_for_a_person_is_none() {
        let mut detector = SpeechDetector::new();
        assert_eq!(push(&mut detector, &[speech(-58.0); 100]), []);
    }

    #[test]
    fn before_the_echo_is_known_only_a_loud_voice_passes() {
        for (dbfs, expected) in [(-30.0, [].as_slice()), (-20.0, &[Change::Begins])] {
            assert_eq!(push(&mut SpeechDetector::new(), &[over(speech(dbfs)); 10]), expected, "{dbfs} dBFS");
        }
    }

    #[test]
    fn the_bar_lies_above_the_echo_that_was_heard() {
        for (echo_dbfs, least, most) in [(-40.0, -36.0, -34.0), (-50.0, -46.0, -44.0), (-90.0, -56.0, -54.0)]
        {
            let mut detector = SpeechDetector::new();
            assert_eq!(push(&mut detector, &[over(speech(echo_dbfs)); 3_750]), []);
            let bar = detector.bar_dbfs();
            assert!((least..=most).contains(&bar), "{bar} dBFS for an echo of {echo_dbfs}");
            assert_eq!(push(&mut detector, &[over(speech(bar + 2.0)); 4]), [Change::Begins]);
        }
    }

    #[test]
    fn a_person_who_speaks_over_the_model_does_not_raise_the_bar() {
        let mut detector = SpeechDetector::new();
        push(&mut detector, &[over(speech(-50.0)); 300]);
        let bar = detector.bar_dbfs();
        for _ in 0..20 {
            push(&mut detector, &[over(speech(-25.0)); 30]);
            push(&mut detector, &[over(speech(-50.0)); 150]);
        }
        assert!(detector.bar_dbfs() <= bar, "{} dBFS and {bar} before", detector.bar_dbfs());
    }

    #[test]
    fn an_echo_louder_than_thought_is_found_out_within_a_minute() {
        let mut detector = SpeechDetector::new();
        let minute = [over(speech(-15.0)); 3_750];
        assert_eq!(push(&mut detector, &minute), [Change::Begins, Change::Ends]);
        assert_eq!(push(&mut detector, &minute), []);
    }

    #[test]
    fn the_first_seconds_of_an_echo_are_not_trusted() {
        let mut detector = SpeechDetector::new();
        push(&mut detector, &[over(speech(-50.0)); 200]);
        let early = detector.bar_dbfs();
        push(&mut detector, &[over(speech(-50.0)); 3_750]);
        assert!(early - detector.bar_dbfs() > 4.0, "{early} dBFS at first");
    }

    #[test]
    fn the_guard_outlasts_the_model_by_the_echo() {
        let mut detector = SpeechDetector::new();
        push(&mut detector, &[over(speech(-40.0)); 300]);
        assert_eq!(push(&mut detector, &[speech(-40.0); 20]), []);
        push(&mut detector, &[silence(); 10]);
        assert_eq!(push(&mut detector, &[speech(-40.0); 3]), [Change::Begins]);
    }

    #[test]
    fn whatever_numbers_come_it_goes_on() {
        let mut detector = SpeechDetector::new();
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0, 1e38] {
            for sounding in [true, false] {
                push(&mut detector, &[Hop { probability: number, power: number, sounding }; 300]);
            }
        }
        push(&mut detector, &[silence(); 100]);
        assert_eq!(push(&mut detector, &[speech(-20.0); 3]), [Change::Begins]);
    }

    #[test]
    fn the_third_of_four_is_what_three_reach() {
        for levels in [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [2.0, 4.0, 1.0, 3.0], [3.0, 1.0, 4.0, 2.0]]
        {
            assert_eq!(third(levels), 2.0, "{levels:?}");
        }
    }

    fn push(detector: &mut SpeechDetector, hops: &[Hop]) -> Vec<Change> {
        hops.iter().filter_map(|&hop| detector.push(hop)).collect()
    }

    fn speech(dbfs: f32) -> Hop {
        Hop { probability: 0.9, power: 10_f32.powf(dbfs / 10.0), sounding: false }
    }

    fn silence() -> Hop {
        Hop { probability: 0.05, power: 0.0, sounding: false }
    }

    fn over(hop: Hop) -> Hop {
        Hop { sounding: true, ..hop }
    }
}
