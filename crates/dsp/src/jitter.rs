//! How long a turn waits before it sounds, learnt from how the turns before it came.
//!
//! A turn's start may wait until some of it is there, and so may its return after it ran dry: two thresholds.
//! [`Jitter`] remembers when the chunks of recent turns came, plays them again in its head with each of
//! a few pairs of thresholds, and takes the pair that would have been the cheapest so far: *follow the
//! leader* (Kalai and Vempala, 2005, without the perturbation). All of it is arithmetic on whole
//! numbers, in 24 kHz samples of time and of sound.

use crate::player::Thresholds;

/// The voice slows down while less than this waits behind it and more is to come: 155 ms.
pub const SLOW_BELOW_SAMPLES: u32 = 155 * PER_MS;

/// … unless too little is there to find a period in: 20 ms.
pub const SLOW_ABOVE_SAMPLES: u32 = 20 * PER_MS;

/// A slow voice uses so many samples …
pub const SLOW_USES: u32 = 9;

/// … in the time of so many: 0.9 ×.
pub const SLOW_LASTS: u32 = 10;

/// A chunk of the voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it came, since the turn's first chunk, in samples of 24 kHz.
    pub at_samples: u32,
    /// How much came.
    pub samples: u32,
}

/// What a turn was like for the listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Time from the first chunk to the first sound.
    pub start_samples: u64,
    /// Times that the voice ran dry before its end.
    pub stalls: u32,
    /// Time it waited then.
    pub stall_samples: u64,
    /// Time that it played slowly.
    pub slow_samples: u64,
}

impl Outcome {
    /// What that is worth, in samples: the start's delay, twice the stalls', and 100 ms for each stall.
    pub const fn cost_samples(&self) -> u64 {
        self.start_samples + 2 * self.stall_samples + (100 * PER_MS) as u64 * self.stalls as u64
    }
}

/// Plays a turn that came like `arrivals` in the head.
pub fn replay(arrivals: &[Arrival], thresholds: Thresholds, slows: bool) -> Outcome {
    let mut player = Replay { slows, ..Replay::default() };
    let mut now = 0;
    for (index, arrival) in arrivals.iter().enumerate() {
        player.pass(arrival.at_samples.saturating_sub(now));
        now = now.max(arrival.at_samples);
        player.waiting = player.waiting.saturating_add(arrival.samples);
        let threshold = if player.begun { thresholds.restart_samples } else { thresholds.start_samples };
        if index + 1 == arrivals.len() || player.waiting >= threshold.max(1) {
            (player.begun, player.sounds) = (true, true);
        }
    }
    player.outcome
}

/// A player in the head: of the sound it knows only how much there is.
#[derive(Default)]
struct Replay {
    waiting: u32,
    begun: bool,
    sounds: bool,
    slows: bool,
    outcome: Outcome,
}

impl Replay {
    /// Lets some time go by in which nothing comes.
    fn pass(&mut self, samples: u32) {
        let mut left = samples;
        if self.sounds {
            let brisk =
                if self.slows { self.waiting.saturating_sub(SLOW_BELOW_SAMPLES) } else { self.waiting };
            left -= self.play(brisk.min(left));
            let slow = self.waiting.saturating_sub(SLOW_ABOVE_SAMPLES).saturating_mul(SLOW_LASTS) / SLOW_USES;
            left -= self.play_slowly(slow.min(left));
            left -= self.play(self.waiting.min(left));
            if left == 0 {
                return;
            }
            self.sounds = false;
            self.outcome.stalls += 1;
        }
        let waited =
            if self.begun { &mut self.outcome.stall_samples } else { &mut self.outcome.start_samples };
        *waited += u64::from(left);
    }

    fn play(&mut self, samples: u32) -> u32 {
        self.waiting -= samples;
        samples
    }

    fn play_slowly(&mut self, samples: u32) -> u32 {
        if !self.slows {
            return 0;
        }
        self.waiting -= (samples.saturating_mul(SLOW_USES) / SLOW_LASTS).min(self.waiting);
        self.outcome.slow_samples += u64::from(samples);
        samples
    }
}

/// Learns the thresholds of a call.
///
/// A few dozen kilobytes, all zeros when new: it lives in a box or a static.
#[derive(Debug)]
pub struct Jitter {
    /// The turn that comes, and behind it the newest ones, in a ring.
    turns: [Turn; TURNS + 1],
    /// Index of the turn that comes.
    current: usize,
    /// Time of its first chunk.
    first_samples: u64,
}

/// How one turn came.
#[derive(Clone, Copy, Debug)]
struct Turn {
    arrivals: [Arrival; ARRIVALS],
    count: usize,
    /// Samples that came before the last place used.
    before_samples: u64,
}

impl Jitter {
    /// Knows nothing yet.
    pub const fn new() -> Self {
        Self { turns: [Turn::NONE; TURNS + 1], current: 0, first_samples: 0 }
    }

    /// Some of the turn under way came, at a time in 24 kHz samples since any fixed moment.
    pub fn arrive(&mut self, now_samples: u64, samples: u32) {
        if self.turns[self.current].count == 0 {
            self.first_samples = now_samples;
        }
        let at = now_samples.saturating_sub(self.first_samples);
        let at_samples = u32::try_from(at).unwrap_or(u32::MAX);
        self.turns[self.current].push(Arrival { at_samples, samples });
    }

    /// The turn under way is over, or cut off: it counts from now on, and the oldest may be forgotten. Says what
    /// the next one shall wait for.
    pub fn end(&mut self) -> Thresholds {
        if self.turns[self.current].count > 0 {
            self.current = (self.current + 1) % self.turns.len();
            self.turns[self.current].count = 0;
        }
        self.leader()
    }

    /// The pair that would have cost the least.
    fn leader(&self) -> Thresholds {
        let mut best = (u64::MAX, Thresholds::default());
        for (start_ms, restart_ms) in CANDIDATES {
            let thresholds = Thresholds::of_ms(start_ms, restart_ms);
            let apart_ms = start_ms.abs_diff(PRIOR_MS.0) + restart_ms.abs_diff(PRIOR_MS.1);
            let mut cost = u64::from(apart_ms * PER_MS) / PRIOR_SHARE;
            for turn in &self.turns {
                cost += replay(turn.known(), thresholds, true).cost_samples();
            }
            if cost < best.0 {
                best = (cost, thresholds);
            }
        }
        best.1
    }
}

impl Default for Jitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Turn {
    const NONE: Self =
        Self { arrivals: [Arrival { at_samples: 0, samples: 0 }; ARRIVALS], count: 0, before_samples: 0 };

    fn known(&self) -> &[Arrival] {
        self.arrivals.get(..self.count).unwrap_or_default()
    }

    /// Keeps an arrival. Far ahead of what any listener has reached it makes no difference when exactly
    /// something came: there, chunks are counted as one. So a minute of speech takes a few places.
    fn push(&mut self, arrival: Arrival) {
        if self.count == 0 {
            self.before_samples = 0;
        }
        let is_ahead = self.before_samples > u64::from(arrival.at_samples) + u64::from(AHEAD_SAMPLES);
        if self.count > 1 && is_ahead {
            if let Some(last) = self.arrivals.get_mut(self.count - 1) {
                last.at_samples = arrival.at_samples;
                last.samples = last.samples.saturating_add(arrival.samples);
            }
            return;
        }
        let Some(place) = self.arrivals.get_mut(self.count) else { return };
        *place = arrival;
        if let Some(before) = self.count.checked_sub(1) {
            self.before_samples += u64::from(self.arrivals[before].samples);
        }
        self.count += 1;
    }
}

const PER_MS: u32 = crate::MODEL_HZ / 1_000;

/// Pairs in milliseconds: at the start, and after running dry.
pub const CANDIDATES: [(u32, u32); 10] = [
    (0, 0),
    (40, 80),
    (80, 120),
    (120, 160),
    (160, 200),
    (200, 250),
    (260, 300),
    (320, 400),
    (400, 400),
    (600, 600),
];

/// What is taken before anything is known, and what draws a little afterwards, …
const PRIOR_MS: (u32, u32) = (80, 120);

/// … by one millisecond for so many that a pair is away from it.
const PRIOR_SHARE: u64 = 4;

/// Turns remembered.
const TURNS: usize = 12;

/// Chunks remembered of each.
const ARRIVALS: usize = 256;

/// So far ahead nothing is slow and no threshold waits: 800 ms.
const AHEAD_SAMPLES: u32 = 800 * PER_MS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_that_comes_early_costs_what_its_start_costs() {
        let arrivals = steady(20, 40, 13);
        assert_eq!(replay(&arrivals, Thresholds::of_ms(0, 0), true).cost_samples(), 0);
        let patient = replay(&arrivals, Thresholds::of_ms(120, 120), true);
        assert_eq!((patient.start_samples, patient.stalls), (2 * 13 * 24, 0));
    }

    #[test]
    fn a_gap_is_one_stall_as_long_as_the_sound_is_missing() {
        let mut arrivals = steady(10, 40, 40);
        arrivals.iter_mut().skip(5).for_each(|arrival| arrival.at_samples += 300 * 24);
        let brisk = replay(&arrivals, Thresholds::of_ms(0, 0), false);
        assert_eq!((brisk.stalls, brisk.stall_samples), (1, 300 * 24));
        let patient = replay(&arrivals, Thresholds::of_ms(160, 0), false);
        assert_eq!((patient.start_samples, patient.stall_samples), (120 * 24, 180 * 24));
    }

    #[test]
    fn slow_play_shortens_a_stall() {
        let mut arrivals = steady(30, 40, 40);
        arrivals.iter_mut().skip(20).for_each(|arrival| arrival.at_samples += 200 * 24);
        let thresholds = Thresholds::of_ms(80, 0);
        let (brisk, slow) = (replay(&arrivals, thresholds, false), replay(&arrivals, thresholds, true));
        let won = brisk.stall_samples - slow.stall_samples;
        assert!(won > 60 * 24 && won <= slow.slow_samples / 10, "{won} of {}", slow.slow_samples);
    }

    #[test]
    fn the_end_of_a_turn_plays_at_once() {
        let arrivals = [Arrival { at_samples: 0, samples: 10 }];
        assert_eq!(replay(&arrivals, Thresholds::of_ms(600, 600), true), Outcome::default());
        assert_eq!(replay(&[], Thresholds::default(), true), Outcome::default());
    }

    #[test]
    fn waits_longer_once_turns_came_in_fits_and_no_longer_once_they_do_not() {
        let mut jitter = Box::new(Jitter::new());
        assert_eq!(jitter.end(), Thresholds::default());
        for _ in 0..TURNS {
            say(&mut jitter, |index| index * 40 + index / 8 * 250);
        }
        let patient = say(&mut jitter, |index| index * 40 + index / 8 * 250);
        assert!(patient.start_samples > Thresholds::default().start_samples, "{patient:?}");
        let mut brisk = patient;
        for _ in 0..TURNS {
            brisk = say(&mut jitter, |index| index * 13);
        }
        assert!(brisk.start_samples < Thresholds::default().start_samples, "{brisk:?}");
    }

    #[test]
    fn a_long_turn_takes_few_places_and_costs_the_same() {
        let mut turn = Turn::NONE;
        let mut all = Vec::new();
        for index in 0..5_000 {
            let late = if index > 100 { 40_000 } else { 0 };
            let arrival = Arrival { at_samples: index * 13 * 24 + late, samples: 40 * 24 };
            turn.push(arrival);
            all.push(arrival);
        }
        assert!(turn.count < ARRIVALS, "{}", turn.count);
        for (start_ms, restart_ms) in CANDIDATES {
            let thresholds = Thresholds::of_ms(start_ms, restart_ms);
            assert_eq!(replay(turn.known(), thresholds, true), replay(&all, thresholds, true));
        }
    }

    #[test]
    fn endless_turns_and_absurd_times_are_borne() {
        let mut jitter = Box::new(Jitter::new());
        for index in 0..10_000 {
            jitter.arrive(index * 5_000, u32::MAX);
        }
        jitter.arrive(0, 0);
        jitter.arrive(u64::MAX, 1);
        jitter.end();
        jitter.arrive(u64::MAX, 0);
        jitter.end();
    }

    fn steady(count: u32, chunk_ms: u32, every_ms: u32) -> Vec<Arrival> {
        (0..count)
            .map(|index| Arrival { at_samples: index * every_ms * 24, samples: chunk_ms * 24 })
            .collect()
    }

    fn say(jitter: &mut Jitter, at_ms: impl Fn(u64) -> u64) -> Thresholds {
        (0..40).for_each(|index| jitter.arrive(1_000 + at_ms(index) * 24, 40 * 24));
        jitter.end()
    }
}
