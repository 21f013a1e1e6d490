//! A pretend player: sounds one turn after the other in real time, and notes what became audible.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use vivavoce_dsp::player::{Thresholds, Yielding};
use vivavoce_session::PlayerReport;

/// What a client's audio goes to.
#[derive(Default)]
pub(crate) struct Player {
    /// Samples that wait: their turn, their value, and how many are alike.
    waiting: VecDeque<(u32, i16, u64)>,
    /// Samples that became audible, by turn and value.
    pub(crate) heard: BTreeMap<(u32, i16), u64>,
    /// What it was told to flush, and when.
    pub(crate) flushes: Vec<(Duration, u32)>,
    /// How it was told to give way, and when.
    pub(crate) yields: Vec<(Duration, Yielding)>,
    /// What it was told to wait for.
    pub(crate) thresholds: Vec<Thresholds>,
    held: bool,
    /// The length that it was told of each turn.
    pub(crate) ends: BTreeMap<u32, u64>,
    /// Whether its clock stands still.
    pub(crate) is_frozen: bool,
    taken: BTreeMap<u32, u64>,
    dead: u32,
    epoch: u32,
    heard_samples: u64,
    sounding: bool,
    /// Times that it fell silent before the end of a turn.
    pub(crate) underruns: u32,
    ticks: u32,
    /// A report is due out of turn.
    due: bool,
}

impl Player {
    pub(super) fn play(&mut self, epoch: u32, position: u64, pcm: &[u8]) {
        assert!(epoch > self.dead, "turn {epoch} is played though {} was flushed", self.dead);
        assert!(!pcm.is_empty() && pcm.len().is_multiple_of(2));
        let taken = self.taken.entry(epoch).or_default();
        assert_eq!(position, *taken, "a gap or an overlap in turn {epoch}");
        *taken += pcm.len() as u64 / 2;
        let samples = pcm.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        for sample in samples {
            match self.waiting.back_mut() {
                Some((of, alike, count)) if (*of, *alike) == (epoch, sample) => *count += 1,
                _ => self.waiting.push_back((epoch, sample, 1)),
            }
        }
    }

    pub(super) fn end(&mut self, epoch: u32, samples: u64) {
        assert!(epoch > self.dead, "turn {epoch} ends though it was flushed");
        assert_eq!(self.taken.get(&epoch), Some(&samples), "turn {epoch}'s length");
        self.ends.insert(epoch, samples);
        self.due = true;
    }

    pub(super) fn flush(&mut self, epoch: u32, now: Duration) {
        self.flushes.push((now, epoch));
        self.dead = self.dead.max(epoch);
        self.held = false;
        self.waiting.retain(|(of, ..)| *of > epoch);
        self.due = true;
    }

    pub(super) fn give_way(&mut self, how: Yielding, now: Duration) {
        self.yields.push((now, how));
        self.held = how == Yielding::Hold;
        self.due = true;
    }

    /// Ten milliseconds become audible.
    pub(super) fn tick(&mut self) -> Option<PlayerReport> {
        if self.is_frozen {
            return None;
        }
        let was_sounding = self.sounding;
        self.sounding = !self.waiting.is_empty() && !self.held;
        let mut room = if self.held { 0 } else { SAMPLES };
        while room > 0 {
            let Some((epoch, sample, count)) = self.waiting.front_mut() else { break };
            let taken = room.min(*count);
            let of = (*epoch, *sample);
            *count -= taken;
            if *count == 0 {
                self.waiting.pop_front();
            }
            room -= taken;
            self.sound(of, taken);
        }
        if was_sounding
            && !self.sounding
            && !self.held
            && self.ends.get(&self.epoch) != Some(&self.heard_samples)
        {
            self.underruns += 1;
        }
        self.ticks += 1;
        let due =
            core::mem::take(&mut self.due) || was_sounding != self.sounding || self.ticks.is_multiple_of(10);
        due.then(|| self.report())
    }

    fn sound(&mut self, (epoch, sample): (u32, i16), samples: u64) {
        assert!(epoch >= self.epoch, "turn {epoch} sounds after {}", self.epoch);
        if epoch > self.epoch {
            (self.epoch, self.heard_samples) = (epoch, 0);
        }
        self.heard_samples += samples;
        *self.heard.entry((epoch, sample)).or_default() += samples;
    }

    /// Samples of a turn that became audible.
    pub(crate) fn heard_of(&self, epoch: u32) -> u64 {
        self.heard.iter().filter(|((of, _), _)| *of == epoch).map(|(_, samples)| samples).sum()
    }

    /// Whether anything sounds or waits.
    pub(crate) fn is_silent(&self) -> bool {
        self.waiting.is_empty() && !self.sounding
    }

    fn report(&self) -> PlayerReport {
        PlayerReport {
            epoch: self.epoch,
            heard_samples: self.heard_samples,
            buffered_samples: self.waiting.iter().map(|(_, _, count)| count).sum(),
            underruns: self.underruns,
            sounding: self.sounding,
            ..PlayerReport::default()
        }
    }
}

/// How often it plays.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// What it plays then, at 24 kHz.
const SAMPLES: u64 = 240;
