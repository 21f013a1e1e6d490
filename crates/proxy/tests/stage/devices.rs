//! The sound devices of a phone, by the clock: a microphone whose samples can be told apart, and a loudspeaker that
//! remembers what sounded.

use super::Dice;
use core::f32::consts::TAU;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use tokio::time::Instant;
use vivavoce_session::PlayerReport;

/// Hears somebody speak, or a room that is never quite silent: no sample is zero, so that silence which somebody else
/// makes up can be told from it.
pub(crate) struct Microphone {
    /// All that was heard.
    pub(crate) heard: Vec<i16>,
    /// Samples until the person falls silent.
    pub(crate) speech_left: usize,
    pub(crate) is_on: bool,
    began: Instant,
    frames: u32,
    dice: Dice,
}

impl Microphone {
    pub(crate) fn new(seed: u64, now: Instant) -> Self {
        Self { heard: Vec::new(), speech_left: 0, is_on: true, began: now, frames: 0, dice: Dice(seed) }
    }

    /// When the next frame is complete.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.is_on.then(|| self.began + FRAME * (self.frames + 1))
    }

    /// The next 20 ms.
    pub(crate) fn frame(&mut self) -> Vec<u8> {
        self.frames += 1;
        let from = self.heard.len();
        for index in from..from + FRAME_SAMPLES {
            let voice = if self.speech_left > 0 { voice(index, 16_000) } else { 0 };
            self.speech_left = self.speech_left.saturating_sub(1);
            let sample = voice + self.dice.below(61) as i16 - 30;
            self.heard.push(if sample == 0 { 31 } else { sample });
        }
        self.heard[from..].iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }
}

/// Something like a voice.
pub(crate) fn voice(index: usize, rate_hz: u32) -> i16 {
    let at = index as f32 / rate_hz as f32;
    let buzz: f32 =
        (1..12).map(|harmonic| (TAU * 140.0 * harmonic as f32 * at).sin() / harmonic as f32).sum();
    (buzz * (0.2 + 0.1 * (TAU * 4.0 * at).sin()) * 20_000.0) as i16
}

/// Plays turns one after the other, as long as each lasts.
pub(crate) struct Loudspeaker {
    /// What sounded of each turn, in its order.
    pub(crate) rendered: BTreeMap<u32, Vec<i16>>,
    /// When each piece came, with its turn and its place there.
    pub(crate) came: Vec<(Instant, u32, u64)>,
    turns: VecDeque<Turn>,
    began: Instant,
    /// Samples since then, those of silence included, and those of silence in the middle of a turn.
    passed: u64,
    starved: u64,
    last: PlayerReport,
}

struct Turn {
    epoch: u32,
    samples: Vec<i16>,
    is_whole: bool,
}

impl Loudspeaker {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            rendered: BTreeMap::new(),
            came: Vec::new(),
            turns: VecDeque::new(),
            began: now,
            passed: 0,
            starved: 0,
            last: PlayerReport::default(),
        }
    }

    /// Takes samples of a turn, which must be the next.
    pub(crate) fn play(&mut self, epoch: u32, position: u64, pcm: &[u8], now: Instant) {
        self.advance(now);
        self.came.push((now, epoch, position));
        let at = self.turns.iter().position(|turn| turn.epoch == epoch).unwrap_or_else(|| {
            self.turns.push_back(Turn { epoch, samples: Vec::new(), is_whole: false });
            self.turns.len() - 1
        });
        let turn = &mut self.turns[at];
        assert_eq!(position, turn.samples.len() as u64, "turn {epoch} goes on where it was");
        turn.samples.extend(pcm.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
    }

    /// All of a turn has come.
    pub(crate) fn end(&mut self, epoch: u32, samples: u64, now: Instant) {
        self.advance(now);
        if let Some(turn) = self.turns.iter_mut().find(|turn| turn.epoch == epoch) {
            assert_eq!(samples, turn.samples.len() as u64, "all of turn {epoch} is here");
            turn.is_whole = true;
        }
    }

    /// Silences a turn and those before it.
    pub(crate) fn flush(&mut self, epoch: u32, now: Instant) {
        self.advance(now);
        self.turns.retain(|turn| turn.epoch > epoch);
        self.last = PlayerReport { buffered_samples: 0, sounding: false, ..self.last };
    }

    /// How far it is.
    pub(crate) fn report(&mut self, now: Instant) -> PlayerReport {
        self.advance(now);
        self.last
    }

    /// Samples of a turn that sounded.
    pub(crate) fn rendered(&self, epoch: u32) -> &[i16] {
        self.rendered.get(&epoch).map_or(&[], Vec::as_slice)
    }

    /// How long it had nothing to play in the middle of turns.
    pub(crate) fn starved(&self) -> Duration {
        Duration::from_secs_f64(self.starved as f64 / RATE_HZ)
    }

    fn advance(&mut self, now: Instant) {
        let due = (now.saturating_duration_since(self.began).as_secs_f64() * RATE_HZ) as u64;
        let mut left = due.saturating_sub(self.passed) as usize;
        self.passed = self.passed.max(due);
        while let Some(turn) = self.turns.front() {
            let rendered = self.rendered.entry(turn.epoch).or_default();
            let end = turn.samples.len().min(rendered.len() + left);
            left -= end - rendered.len();
            rendered.extend_from_slice(&turn.samples[rendered.len()..end]);
            let waiting = turn.samples.len() - end;
            self.last = PlayerReport {
                epoch: turn.epoch,
                heard_samples: end as u64,
                buffered_samples: waiting as u64,
                sounding: waiting > 0,
                ..PlayerReport::default()
            };
            if waiting > 0 {
                return;
            }
            if !turn.is_whole {
                self.starved += left as u64;
                return;
            }
            self.turns.pop_front();
        }
    }
}

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 320;
/// Of the model's voice.
const RATE_HZ: f64 = 24_000.0;
