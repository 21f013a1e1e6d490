//! The real player, fed by a trace: what a listener gets, sample by sample.

use crate::rules::Rule;
use crate::trace::Turn;
use std::sync::{Mutex, PoisonError};
use vivavoce_dsp::player::MINUTE_SAMPLES;
use vivavoce_dsp::{MODEL_HZ, Player, RateError};

/// What a trace was like for the listener.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listening {
    /// From each turn's first chunk (or the end of the turn before, if that still played) to its first sound.
    pub start_ms: Vec<f64>,
    /// Times that a voice ran dry before its end.
    pub stalls: u32,
    /// Time it waited then, concealed or not.
    pub stall_ms: f64,
    /// Time for which sound was made up.
    pub concealed_ms: f64,
    /// Time by which slow play lengthened the voices.
    pub stretched_ms: f64,
    /// Length of the voices.
    pub speech_ms: f64,
}

impl Listening {
    /// The mean cost of a turn: start delay + 2 · time in stalls + 100 ms · stalls.
    pub fn cost_ms(&self) -> f64 {
        let starts: f64 = self.start_ms.iter().sum();
        (starts + 2.0 * self.stall_ms + 100.0 * f64::from(self.stalls)) / self.start_ms.len().max(1) as f64
    }

    /// The mean delay at a start.
    pub fn start_mean_ms(&self) -> f64 {
        self.start_ms.iter().sum::<f64>() / self.start_ms.len().max(1) as f64
    }

    /// The delay that 95 % of the starts don't exceed.
    pub fn start_p95_ms(&self) -> f64 {
        let mut sorted = self.start_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (sorted.len() as f64 * 0.95).ceil() as usize;
        sorted.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
    }

    /// Minutes of speech.
    pub fn speech_min(&self) -> f64 {
        self.speech_ms / 60_000.0
    }
}

/// Plays a trace to a device of `rate_hz`; the voice is `speech`, over and over. `hear` gets every frame.
///
/// # Errors
/// If no line is made for that rate.
pub fn play(
    trace: &[Turn],
    speech: &[i16],
    rate_hz: u32,
    rule: &mut dyn Rule,
    hear: &mut dyn FnMut(f32),
) -> Result<Listening, RateError> {
    let mut player = PLAYER.lock().unwrap_or_else(PoisonError::into_inner);
    player.design(rate_hz)?;
    let mut studio = Studio { player: &mut player, rate_hz, frame: 0, found: Listening::default(), hear };
    let (mut told, mut voice) = (Told::default(), speech.iter().copied().cycle());
    for (index, turn) in trace.iter().enumerate() {
        let epoch = index as u32 + 1;
        let mut position = 0;
        for (number, chunk) in turn.chunks.iter().enumerate() {
            studio.run_until(chunk.arrival_ms, &mut told);
            if number == 0 {
                studio.player.set_thresholds(rule.thresholds());
                studio.player.set_slow_play(rule.slows());
                told.starts.push((chunk.arrival_ms, told.samples));
            }
            let samples: Vec<i16> = voice.by_ref().take(chunk.samples as usize).collect();
            let mut done = 0;
            while done < samples.len() {
                done += studio.player.push(epoch, position + done as u64, &samples[done..]);
                if done < samples.len() {
                    studio.step(&mut told);
                }
            }
            position += samples.len() as u64;
        }
        studio.player.end(epoch, position);
        told.samples += position;
        rule.learn(turn);
    }
    while studio.player.report().buffered_samples > 0 || studio.player.report().sounding {
        studio.step(&mut told);
    }
    let report = studio.player.report();
    let ms = |samples: u64| samples as f64 * 1_000.0 / f64::from(MODEL_HZ);
    let mut found = studio.found;
    found.stalls = report.underruns;
    found.concealed_ms = ms(report.concealed_samples);
    found.stretched_ms = ms(report.stretched_samples);
    found.speech_ms = ms(told.samples);
    Ok(found)
}

/// What was handed to the player, and what of it was seen to play.
#[derive(Default)]
struct Told {
    samples: u64,
    /// Of each turn, when it came and how many samples came before it.
    starts: Vec<(f64, u64)>,
    started: usize,
    /// Since when, and after how many samples, the voice has been dry.
    dry: Option<(f64, u64)>,
    underruns: u32,
    played: u64,
    played_at_ms: f64,
}

/// Three megabytes, which no stack takes: a minute of the voice waits in it.
static PLAYER: Mutex<Player<MINUTE_SAMPLES>> = Mutex::new(Player::new());

struct Studio<'a> {
    player: &'a mut Player<MINUTE_SAMPLES>,
    rate_hz: u32,
    frame: u64,
    found: Listening,
    hear: &'a mut dyn FnMut(f32),
}

impl Studio<'_> {
    fn now_ms(&self) -> f64 {
        self.frame as f64 * 1_000.0 / f64::from(self.rate_hz)
    }

    fn run_until(&mut self, ms: f64, told: &mut Told) {
        while self.now_ms() < ms {
            self.step(told);
        }
    }

    /// Plays one frame and sees what that did.
    fn step(&mut self, told: &mut Told) {
        let mut output = [0.0];
        self.player.pull(&mut output);
        let [sample] = output;
        (self.hear)(sample);
        let now_ms = self.now_ms();
        self.frame += 1;
        let (played, underruns) = (self.player.tally().played, self.player.report().underruns);
        if underruns > told.underruns {
            (told.underruns, told.dry) = (underruns, Some((now_ms, played)));
        }
        if played == told.played {
            return;
        }
        if let Some((since_ms, after)) = told.dry
            && played > after
        {
            self.found.stall_ms += now_ms - since_ms;
            told.dry = None;
        }
        while let Some((came_ms, before)) = told.starts.get(told.started)
            && played > *before
        {
            let free_ms = if told.started == 0 { 0.0 } else { told.played_at_ms };
            self.found.start_ms.push((now_ms - came_ms.max(free_ms)).max(0.0));
            told.started += 1;
        }
        (told.played, told.played_at_ms) = (played, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::{Link, Source, trace};
    use crate::rules::{Fixed, Learned, cost_ms, listen};

    #[test]
    fn the_player_does_what_the_arithmetic_says() {
        let trace = trace(Source::Slow, Link::Lte, 5, 12);
        let speech: Vec<i16> =
            (0..24_000).map(|index| (8_000.0 * (f64::from(index) * 0.03).sin()) as i16).collect();
        for slows in [false, true] {
            let thresholds = vivavoce_dsp::player::Thresholds::of_ms(80, 120);
            let rule = Fixed { thresholds, slows };
            let heard = play(&trace, &speech, 48_000, &mut rule.clone(), &mut |_| {}).unwrap();
            let thought = cost_ms(&listen(&trace, &mut rule.clone()));
            let ratio = heard.cost_ms() / thought;
            assert!((0.9..1.1).contains(&ratio), "slow {slows}: heard {} for {thought}", heard.cost_ms());
        }
        let learned = play(&trace, &speech, 48_000, &mut Learned::default(), &mut |_| {}).unwrap();
        assert_eq!(learned.start_ms.len(), 12);
        assert!(learned.stretched_ms > 100.0 && learned.stretched_ms < 0.1 * learned.speech_ms);
    }

    #[test]
    fn what_came_is_played_to_the_last_sample() {
        let trace = trace(Source::Fast, Link::Poor, 9, 4);
        let mut loud = 0u64;
        let mut hear = |sample: f32| loud += u64::from(sample.abs() > 0.1);
        let heard = play(&trace, &[8_000], 24_000, &mut Fixed::of_ms(0), &mut hear).unwrap();
        let samples: u64 = trace.iter().map(Turn::samples).sum();
        assert!(loud >= samples && loud < samples + 8 * 3_000, "{loud} of {samples}");
        assert!((heard.speech_ms - samples as f64 / 24.0).abs() < 0.01);
    }
}
