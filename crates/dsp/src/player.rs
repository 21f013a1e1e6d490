//! The road of the model's voice from the network to the loudspeaker: a jitter buffer that can be cut off.

mod ear;
mod extension;
mod gate;
mod ring;
mod turns;

use crate::level::{Level, Loudness};
use crate::{RateError, Resampler, pcm};
use ear::Ear;
use extension::Extension;
use gate::Gate;
use ring::Ring;
use turns::{Place, Turns};

/// Rate of the model's voice in Hz. Every count of samples here is at this rate.
pub const MODEL_HZ: u32 = 24_000;

/// Room for a minute of the model's voice.
pub const MINUTE_SAMPLES: usize = 60 * MODEL_HZ as usize;

/// Plays turns of the model's voice, one after the other, at a device's rate.
///
/// A turn starts when enough of it has come, or all; when it runs dry too early it fades out, waits, and fades
/// in again. Nothing is dropped, however much waits: only [`flush`](Self::flush) throws away. Turns are
/// numbered by epochs that only grow; what belongs to an epoch that is over is refused.
///
/// All zeros after [`new`](Self::new) and mute until [`design`](Self::design). With room for `RING` samples
/// it is big: keep it in a static or a box.
pub struct Player<const RING: usize> {
    ring: Ring<RING>,
    turns: Turns,
    resampler: Resampler,
    gate: Gate,
    extension: Extension,
    /// What sounds while the gate closes on a flushed turn.
    dying: [f32; DYING_SAMPLES],
    ear: Ear,
    level: Level,
    stage: Stage,
    /// Samples of `dying` used, or of silence still to drain.
    step: usize,
    /// Epoch of what sounds, while something does.
    epoch: u32,
    /// The turn in front ran dry and has to fill up again.
    stalled: bool,
    /// Frames waited for the rest of a turn that is said to have ended.
    missed_frames: u32,
    thresholds: Thresholds,
    rate_hz: u32,
    tally: Tally,
}

/// What the player does with each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Silent until there is enough to play.
    Waiting,
    /// Samples of the turn in front go to the loudspeaker.
    Playing,
    /// Nothing is left: the last sound is repeated while it fades.
    Extending,
    /// Silence pushes what is left through the resampler.
    Draining,
    /// Cut off: the gate closes.
    Dying,
}

/// How much has to wait before a turn sounds, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// At its start.
    pub start_samples: u32,
    /// After it ran dry.
    pub restart_samples: u32,
}

/// How far the listener is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The turn heard last; 0 before any.
    pub epoch: u32,
    /// Position in that turn up to which it has become audible.
    pub heard_samples: u64,
    /// Samples that wait to be played, of all turns.
    pub buffered_samples: u64,
    /// Times that a turn ran dry before its end.
    pub underruns: u32,
    /// Samples made up while it was dry.
    pub concealed_samples: u64,
    /// Whether something sounds at the loudspeaker.
    pub sounding: bool,
}

/// What became of all samples: taken + filled = played + flushed + waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken in to be played.
    pub taken: u64,
    /// Silence put into gaps between positions.
    pub filled: u64,
    /// Handed to the resampler.
    pub played: u64,
    /// Thrown away by a flush.
    pub flushed: u64,
    /// Refused: of a turn that is over.
    pub refused: u64,
    /// Left out: taken before at the same position.
    pub trimmed: u64,
}

impl<const RING: usize> Player<RING> {
    /// A player without a rate, all zeros.
    pub const fn new() -> Self {
        Self {
            ring: Ring::new(),
            turns: Turns::new(),
            resampler: Resampler::new(),
            gate: Gate::new(),
            extension: Extension::new(),
            dying: [0.0; DYING_SAMPLES],
            ear: Ear::new(),
            level: Level::new(),
            stage: Stage::Waiting,
            step: 0,
            epoch: 0,
            stalled: false,
            missed_frames: 0,
            thresholds: Thresholds { start_samples: 0, restart_samples: 0 },
            rate_hz: 0,
            tally: Tally { taken: 0, filled: 0, played: 0, flushed: 0, refused: 0, trimmed: 0 },
        }
    }

    /// Forgets all turns and settings, and plays to a device of `rate_hz` from here.
    ///
    /// # Errors
    /// As [`Resampler::design`].
    pub fn design(&mut self, rate_hz: u32) -> Result<(), RateError> {
        self.resampler.design(MODEL_HZ, rate_hz)?;
        self.ring.clear();
        self.turns = Turns::new();
        self.gate = Gate::new();
        self.ear.design(rate_hz, self.resampler.delay_samples());
        self.level = Level::new();
        self.stage = Stage::Waiting;
        self.stalled = false;
        self.missed_frames = 0;
        self.thresholds = Thresholds::default();
        self.rate_hz = rate_hz;
        self.tally = Tally::default();
        Ok(())
    }

    /// Takes samples of a turn, the first of them at `position` of the turn, and returns how many of them are
    /// dealt with; fewer than given if there is no room now: bring the rest again later.
    ///
    /// Samples of a turn that is flushed, complete, or older than the newest one are refused: counted, and dealt
    /// with. What was taken before is left out. A gap is filled with silence, up to a second; what lies further on
    /// is played right after what is there.
    pub fn push(&mut self, epoch: u32, position: u64, samples: &[i16]) -> usize {
        let (skip, gap) = match self.turns.place(epoch, position) {
            Place::Over => {
                self.tally.refused += samples.len() as u64;
                return samples.len();
            }
            Place::Full => return 0,
            Place::Overlap(overlap) => (overlap.min(samples.len() as u64) as usize, 0),
            Place::Gap(gap) => (0, gap as usize),
        };
        let filled = gap.min(self.ring.room());
        (0..filled).for_each(|_| self.ring.push(0));
        let count = if filled < gap { 0 } else { (samples.len() - skip).min(self.ring.room()) };
        samples.iter().skip(skip).take(count).for_each(|&sample| self.ring.push(sample));
        self.turns.extend((filled + count) as u64);
        self.tally.filled += filled as u64;
        self.tally.trimmed += skip as u64;
        self.tally.taken += count as u64;
        skip + count
    }

    /// Says that a turn has `samples` samples in all: what is there of it plays at once. If some never come,
    /// it is over a second after the last of what came.
    pub fn end(&mut self, epoch: u32, samples: u64) {
        self.turns.end(epoch, samples);
    }

    /// Cuts off every turn up to and including `epoch`, with a fade of [`FLUSH_MS`] if it sounds. Newer ones
    /// stay, and sound as soon as it is silent.
    pub fn flush(&mut self, epoch: u32) {
        let flushed = self.turns.flush(epoch);
        self.tally.flushed += flushed;
        let sounds = !matches!(self.stage, Stage::Waiting | Stage::Dying) && self.epoch <= epoch;
        if sounds {
            let rest = self.rest_of_the_voice(flushed);
            self.ring.skip(flushed.saturating_sub(rest as u64) as usize);
            self.gate.glide(0.0, frames(self.rate_hz, FLUSH_MS));
            (self.stage, self.step) = (Stage::Dying, 0);
        } else {
            self.ring.skip(flushed as usize);
        }
        if flushed > 0 || sounds {
            self.stalled = false;
        }
        self.ear.cut(epoch);
    }

    /// Fills `output` with what the loudspeaker plays next.
    pub fn pull(&mut self, output: &mut [f32]) {
        for slot in output {
            let sample = self.frame();
            self.level.push(sample);
            self.ear.tick();
            *slot = sample;
        }
    }

    /// Sets how much has to wait before a turn sounds, from the next start on. What the ring can't hold
    /// is not waited for.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        let most = (RING / 2) as u32;
        self.thresholds = Thresholds {
            start_samples: thresholds.start_samples.min(most),
            restart_samples: thresholds.restart_samples.min(most),
        };
    }

    /// Sets how much later than [`pull`](Self::pull) a frame becomes audible, in frames of the device.
    pub fn set_latency(&mut self, frames: u32) {
        self.ear.set_latency(frames);
    }

    /// How far the listener is.
    pub fn report(&self) -> Report {
        let (epoch, heard_samples) = self.ear.heard();
        self.report_of(epoch, heard_samples)
    }

    /// A report for each turn whose start or end became audible since the last time; ask until there is none.
    pub fn next_notice(&mut self) -> Option<Report> {
        let (epoch, heard_samples) = self.ear.next_notice()?;
        Some(self.report_of(epoch, heard_samples))
    }

    /// How loud the loudspeaker was since the last time.
    pub fn take_loudness(&mut self) -> Loudness {
        self.level.take()
    }

    /// What became of all samples.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn report_of(&self, epoch: u32, heard_samples: u64) -> Report {
        Report {
            epoch,
            heard_samples,
            buffered_samples: self.ring.len() as u64,
            underruns: self.turns.underruns,
            concealed_samples: self.extension.concealed_samples,
            sounding: self.stage != Stage::Waiting,
        }
    }

    fn frame(&mut self) -> f32 {
        if self.stage == Stage::Waiting && !self.start() {
            return 0.0;
        }
        while !self.resampler.ready() {
            let sample = self.source();
            self.resampler.feed(sample);
        }
        let sample = limit(self.resampler.take() * self.gate.next());
        let drained = self.stage == Stage::Draining && self.step == 0;
        let dead = self.stage == Stage::Dying && self.gate.arrived();
        if drained || dead {
            self.rest();
        }
        sample
    }

    /// Starts the turn in front if enough of it is there; false if there is nothing to play.
    fn start(&mut self) -> bool {
        while let Some((epoch, position)) = self.turns.pop_complete() {
            self.ear.finish(epoch, position);
            self.stalled = false;
        }
        let Some(front) = self.turns.front() else { return false };
        if front.ended && front.waiting == 0 {
            self.miss();
        }
        let threshold =
            if self.stalled { self.thresholds.restart_samples } else { self.thresholds.start_samples };
        if front.waiting == 0 || !(front.ended || front.waiting >= u64::from(threshold)) {
            return false;
        }
        self.epoch = front.epoch;
        self.ear.open(front.epoch, front.position);
        (self.stalled, self.missed_frames) = (false, 0);
        self.gate.glide(1.0, frames(self.rate_hz, START_MS));
        self.stage = Stage::Playing;
        true
    }

    /// The turn in front has ended, and some of it has not come: that is not waited for without end.
    fn miss(&mut self) {
        self.missed_frames += 1;
        if self.missed_frames > frames(self.rate_hz, PATIENCE_MS) {
            self.missed_frames = 0;
            self.turns.give_up();
        }
    }

    /// Silent at last: the resampler has nothing left of what sounded.
    fn rest(&mut self) {
        self.resampler.reset();
        self.gate = Gate::new();
        self.stage = Stage::Waiting;
    }

    /// The next sample for the resampler.
    fn source(&mut self) -> f32 {
        match self.stage {
            Stage::Waiting => 0.0,
            Stage::Playing => self.next_of_the_turn(),
            Stage::Extending => self.next_of_the_extension(),
            Stage::Draining => {
                self.step = self.step.saturating_sub(1);
                0.0
            }
            Stage::Dying => {
                self.step += 1;
                self.dying.get(self.step - 1).copied().unwrap_or(0.0)
            }
        }
    }

    fn next_of_the_turn(&mut self) -> f32 {
        if self.turns.front().is_none_or(|front| front.waiting == 0) && !self.next_piece() {
            return self.next_of_the_extension();
        }
        self.turns.play();
        self.ear.hear();
        self.tally.played += 1;
        pcm::to_f32(self.ring.pop())
    }

    /// The piece in front is used up: goes on with the same turn's next piece if there is one, or else
    /// lets the voice fade, be it at its end or in a stall.
    fn next_piece(&mut self) -> bool {
        let Some((epoch, position)) = self.turns.pop_complete() else {
            self.turns.underruns = self.turns.underruns.saturating_add(1);
            self.stalled = true;
            self.extend(true);
            return false;
        };
        if let Some(front) = self.turns.front()
            && front.epoch == epoch
            && front.waiting > 0
        {
            self.ear.open(front.epoch, front.position);
            return true;
        }
        self.ear.finish(epoch, position);
        self.extend(false);
        false
    }

    fn extend(&mut self, concealing: bool) {
        self.extension.begin(&self.ring, concealing);
        self.stage = Stage::Extending;
    }

    fn next_of_the_extension(&mut self) -> f32 {
        if let Some(sample) = self.extension.next(&self.ring) {
            return sample;
        }
        (self.stage, self.step) = (Stage::Draining, self.resampler.length_samples());
        self.source()
    }

    /// Puts what the turn would have gone on with aside for the fade, `flushed` samples of it being in the ring.
    /// Returns how many it took from there.
    fn rest_of_the_voice(&mut self, flushed: u64) -> usize {
        let real = if self.stage == Stage::Playing { (flushed as usize).min(DYING_SAMPLES) } else { 0 };
        for slot in self.dying.iter_mut().take(real) {
            *slot = pcm::to_f32(self.ring.pop());
        }
        if self.stage == Stage::Playing {
            self.extension.begin(&self.ring, false);
        }
        let fading = matches!(self.stage, Stage::Playing | Stage::Extending);
        for slot in self.dying.iter_mut().skip(real) {
            let next = if fading { self.extension.next(&self.ring) } else { None };
            *slot = next.unwrap_or(0.0);
        }
        real
    }
}

impl<const RING: usize> Default for Player<RING> {
    fn default() -> Self {
        Self::new()
    }
}

impl Thresholds {
    /// So many milliseconds at the start and after a stall.
    pub const fn of_ms(start_ms: u32, restart_ms: u32) -> Self {
        Self {
            start_samples: start_ms * (MODEL_HZ / 1_000),
            restart_samples: restart_ms * (MODEL_HZ / 1_000),
        }
    }
}

impl Default for Thresholds {
    /// 80 ms at the start and 120 ms after a stall.
    fn default() -> Self {
        Self::of_ms(80, 120)
    }
}

/// Leaves what is below [`KNEE`] alone and bends the rest below full scale: overshoots of the filter
/// never wrap or clip. A smooth curve: slope 1 at the knee.
fn limit(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    if over <= 0.0 {
        return sample;
    }
    let room = 1.0 - KNEE;
    (KNEE + room * over / (over + room)).copysign(sample)
}

/// Frames in `ms` milliseconds at `rate_hz`.
fn frames(rate_hz: u32, ms: u32) -> u32 {
    (rate_hz * ms / 1_000).max(1)
}

/// Length of the fade when a turn is cut off: shorter ones click.
pub const FLUSH_MS: u32 = 5;

/// Length of the fade at a start.
pub const START_MS: u32 = 3;

/// How long the rest of an ended turn is waited for.
const PATIENCE_MS: u32 = 1_000;

/// Where the limiter begins.
const KNEE: f32 = 0.95;

/// What the resampler eats during a flush's fade, and some for the step of a slow device.
const DYING_SAMPLES: usize = FLUSH_MS as usize * MODEL_HZ as usize / 1_000 + 16;
