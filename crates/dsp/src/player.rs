//! The road of the model's voice from the network to the loudspeaker: a jitter buffer that can be cut off.

mod ear;
mod extension;
mod figures;
mod gate;
mod ring;
mod stretch;
mod turns;

use crate::jitter::{SLOW_ABOVE_SAMPLES, SLOW_BELOW_SAMPLES};
use crate::level::{Level, Loudness};
use crate::{RateError, Resampler, pcm};
use ear::Ear;
use extension::Extension;
use gate::Gate;
use ring::Ring;
use stretch::Stretch;
use turns::{Piece, Place, Turns};

pub use figures::{Report, Tally, Thresholds, Yielding};

/// Rate of the model's voice in Hz. Every count of samples here is at this rate.
pub const MODEL_HZ: u32 = 24_000;

/// Room for a minute of the model's voice.
pub const MINUTE_SAMPLES: usize = 60 * MODEL_HZ as usize;

/// Plays turns of the model's voice, one after the other, at a device's rate.
///
/// A turn starts when enough of it has come, or all. While little of it waits and more is to come it plays at
/// 0.9 ×; when it runs dry too early its last period goes on while it fades for 60 ms, and it waits, and fades in
/// again. Nothing is dropped, however much waits: only [`flush`](Self::flush) throws away. Turns are
/// numbered by epochs that only grow; what belongs to an epoch that is over is refused.
///
/// All zeros after [`new`](Self::new) and mute until [`design`](Self::design). With room for `RING` samples
/// it is big: keep it in a static or a box.
pub struct Player<const RING: usize> {
    ring: Ring<RING>,
    turns: Turns,
    resampler: Resampler,
    gate: Gate,
    /// What the voice gives way by: 0 is nothing, 1 would be silence.
    yielded: Gate,
    yielding: Yielding,
    extension: Extension,
    /// Samples for which the extension still fades under a voice that came back.
    blend: u32,
    stretch: Stretch,
    slows: bool,
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
    /// It was held and goes on with what is there.
    resumes: bool,
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
    /// Cut off or held: the gate closes.
    Dying,
}

impl<const RING: usize> Player<RING> {
    /// A player without a rate, all zeros.
    pub const fn new() -> Self {
        Self {
            ring: Ring::new(),
            turns: Turns::new(),
            resampler: Resampler::new(),
            gate: Gate::new(),
            yielded: Gate::new(),
            yielding: Yielding::Not,
            extension: Extension::new(),
            blend: 0,
            stretch: Stretch::new(),
            slows: false,
            dying: [0.0; DYING_SAMPLES],
            ear: Ear::new(),
            level: Level::new(),
            stage: Stage::Waiting,
            step: 0,
            epoch: 0,
            stalled: false,
            resumes: false,
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
        (self.yielded, self.yielding) = (Gate::new(), Yielding::Not);
        (self.extension, self.stretch) = (Extension::new(), Stretch::new());
        (self.blend, self.slows, self.resumes) = (0, true, false);
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
            self.stretch.stop();
            self.ring.skip(flushed.saturating_sub(rest as u64) as usize);
            self.gate.glide(0.0, frames(self.rate_hz, FLUSH_MS));
            (self.stage, self.step) = (Stage::Dying, 0);
        } else {
            self.ring.skip(flushed as usize);
        }
        if flushed > 0 || sounds {
            (self.stalled, self.resumes) = (false, false);
        }
        self.give_way(Yielding::Not);
        self.ear.cut(epoch);
    }

    /// Makes the voice give way, or come back: within [`DUCK_MS`], and where it was held within [`START_MS`]. A flush
    /// ends it: what comes after that is for the person to hear.
    pub fn give_way(&mut self, yielding: Yielding) {
        let before = core::mem::replace(&mut self.yielding, yielding);
        if yielding == Yielding::Hold && matches!(self.stage, Stage::Playing | Stage::Extending) {
            let waiting = self.turns.front().map_or(0, |front| front.waiting);
            let used = self.rest_of_the_voice(waiting);
            self.ring.rewind(used);
            self.stretch.stop();
            self.resumes = self.stage == Stage::Playing;
            self.gate.glide(0.0, frames(self.rate_hz, FLUSH_MS));
            (self.stage, self.step) = (Stage::Dying, 0);
        }
        if yielding != before && self.stage != Stage::Dying {
            self.yielded.glide(depth(yielding), frames(self.rate_hz, DUCK_MS));
        }
    }

    /// Switches slow play off or on; it is on at first.
    pub fn set_slow_play(&mut self, slows: bool) {
        self.slows = slows;
    }

    /// Fills `output` with what the loudspeaker plays next.
    pub fn pull(&mut self, output: &mut [f32]) {
        let mut done = 0;
        while done < output.len() {
            let Some(rest) = output.get_mut(done..) else { return };
            done += self.play_on(rest);
            if let Some(slot) = output.get_mut(done) {
                *slot = self.frame();
                self.level.push(*slot);
                self.ear.tick(1);
                done += 1;
            }
        }
    }

    /// Fills `output` as far as nothing but the voice itself goes on, which is nearly always, and says how far: what
    /// [`Self::frame`] would do, without asking every time.
    fn play_on(&mut self, output: &mut [f32]) -> usize {
        let most = self.undisturbed_samples();
        let gain = self.gate.gain() * (1.0 - self.yielded.gain());
        let (mut used, mut made) = (0, 0);
        for slot in output {
            while used < most && !self.resampler.ready() {
                self.resampler.feed(pcm::to_f32(self.ring.pop()));
                used += 1;
            }
            if most == 0 || !self.resampler.ready() {
                break;
            }
            *slot = limit(self.resampler.take() * gain);
            self.level.push(*slot);
            made += 1;
        }
        self.turns.play(used);
        self.ear.hear(used);
        self.ear.tick(made as u64);
        self.tally.played += used;
        made
    }

    /// Samples of the turn in front that sound before anything may change.
    fn undisturbed_samples(&self) -> u64 {
        let is_steady = self.stage == Stage::Playing
            && self.gate.arrived()
            && self.yielded.arrived()
            && self.stretch.is_idle()
            && self.blend == 0;
        let Some(front) = self.turns.front().filter(|_| is_steady) else { return 0 };
        let slow_below = if self.slows && !front.ended { u64::from(SLOW_BELOW_SAMPLES) - 1 } else { 0 };
        front.waiting.saturating_sub(slow_below)
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
            stretched_samples: self.stretch.stretched_samples,
            sounding: self.stage != Stage::Waiting,
        }
    }

    #[inline(never)]
    fn frame(&mut self) -> f32 {
        if self.stage == Stage::Waiting && !self.start() {
            return 0.0;
        }
        while !self.resampler.ready() {
            let sample = self.source();
            self.resampler.feed(sample);
        }
        let gain = self.gate.next() * (1.0 - self.yielded.next());
        let sample = limit(self.resampler.take() * gain);
        let drained = self.stage == Stage::Draining && self.step == 0;
        let dead = self.stage == Stage::Dying && self.gate.arrived();
        if drained || dead {
            self.rest();
        }
        sample
    }

    /// Starts the turn in front if enough of it is there; false if there is nothing to play.
    #[inline(never)]
    fn start(&mut self) -> bool {
        if self.yielding == Yielding::Hold {
            return false;
        }
        while let Some((epoch, position)) = self.turns.pop_complete() {
            self.ear.finish(epoch, position);
            (self.stalled, self.resumes) = (false, false);
        }
        let Some(front) = self.turns.front() else { return false };
        if front.ended && front.waiting == 0 {
            self.miss();
        }
        if front.waiting == 0 || !(front.ended || front.waiting >= self.threshold()) {
            return false;
        }
        self.epoch = front.epoch;
        self.ear.open(front.epoch, front.position);
        (self.stalled, self.resumes, self.missed_frames) = (false, false, 0);
        self.gate.glide(1.0, frames(self.rate_hz, START_MS));
        self.stage = Stage::Playing;
        true
    }

    /// What the turn in front has to wait for.
    fn threshold(&self) -> u64 {
        let Thresholds { start_samples, restart_samples } = self.thresholds;
        u64::from(match (self.resumes, self.stalled) {
            (true, _) => 0,
            (false, true) => restart_samples,
            (false, false) => start_samples,
        })
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
        self.blend = 0;
        self.yielded.glide(depth(self.yielding), 0);
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
        let Some(front) = self.turns.front() else { return 0.0 };
        if let Some(sample) = self.stretch.next(&self.ring) {
            return sample;
        }
        if self.stretch.take_end() {
            self.ear.open(front.epoch, front.position);
        }
        self.turns.play(1);
        self.ear.hear(1);
        self.tally.played += 1;
        let sample = pcm::to_f32(self.ring.pop());
        let sample = self.blended(sample);
        if self.is_short(front) {
            self.stretch.count(&self.ring);
        }
        sample
    }

    /// Whether the voice had better slow down: little waits, and more is to come.
    fn is_short(&self, front: Piece) -> bool {
        let room = u64::from(SLOW_ABOVE_SAMPLES)..u64::from(SLOW_BELOW_SAMPLES);
        self.slows && !front.ended && room.contains(&front.waiting)
    }

    /// A voice that comes back while its concealment fades comes in over that.
    fn blended(&mut self, sample: f32) -> f32 {
        if self.blend == 0 {
            return sample;
        }
        self.blend -= 1;
        self.extension.move_on();
        let Some(made_up) = self.extension.next(&self.ring) else { return sample };
        made_up + (sample - made_up) * gate::raised_cosine(BLEND_SAMPLES - self.blend, BLEND_SAMPLES)
    }

    /// The piece in front is used up: goes on with the same turn's next piece if there is one, or else
    /// lets the voice fade, be it at its end or in a stall.
    fn next_piece(&mut self) -> bool {
        self.stretch.stop();
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

    #[inline(never)]
    fn next_of_the_extension(&mut self) -> f32 {
        if self.extension.concealing && self.start() {
            self.blend = BLEND_SAMPLES;
            return self.next_of_the_turn();
        }
        if let Some(sample) = self.extension.next(&self.ring) {
            return sample;
        }
        (self.stage, self.step) = (Stage::Draining, self.resampler.length_samples());
        self.source()
    }

    /// Puts what the turn would have gone on with aside for the fade, `flushed` samples of it being in the ring.
    /// Returns how many it took from there.
    #[inline(never)]
    fn rest_of_the_voice(&mut self, flushed: u64) -> usize {
        let real = if self.stage == Stage::Playing { (flushed as usize).min(DYING_SAMPLES) } else { 0 };
        let mut used = 0;
        for index in 0..DYING_SAMPLES {
            let repeated = if self.stage == Stage::Playing { self.stretch.next(&self.ring) } else { None };
            let Some(slot) = self.dying.get_mut(index) else { break };
            *slot = match repeated {
                Some(sample) => sample,
                None if used < real => {
                    used += 1;
                    pcm::to_f32(self.ring.pop())
                }
                None => {
                    self.fade_out(index);
                    break;
                }
            };
        }
        used
    }

    /// Fills what is put aside from `index` on with what goes on after the voice.
    fn fade_out(&mut self, index: usize) {
        if self.stage == Stage::Playing {
            self.extension.begin(&self.ring, false);
        }
        let fading = matches!(self.stage, Stage::Playing | Stage::Extending);
        for slot in self.dying.iter_mut().skip(index) {
            let next = if fading { self.extension.next(&self.ring) } else { None };
            *slot = next.unwrap_or(0.0);
        }
    }
}

impl<const RING: usize> Default for Player<RING> {
    fn default() -> Self {
        Self::new()
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

/// By how much of itself the voice gives way.
fn depth(yielding: Yielding) -> f32 {
    if yielding == Yielding::Duck { 1.0 - DUCKED } else { 0.0 }
}

/// Frames in `ms` milliseconds at `rate_hz`.
fn frames(rate_hz: u32, ms: u32) -> u32 {
    (rate_hz * ms / 1_000).max(1)
}

/// Length of the fade when a turn is cut off: shorter ones click.
pub const FLUSH_MS: u32 = 5;

/// Length of the fade at a start.
pub const START_MS: u32 = 3;

/// Length of the fade to a softer voice, and back.
pub const DUCK_MS: u32 = 20;

/// Gain of a voice that gives way: −12 dB.
const DUCKED: f32 = 0.251_188_64;

/// How long a voice that comes back takes to replace its concealment: 5 ms.
const BLEND_SAMPLES: u32 = 120;

/// How long the rest of an ended turn is waited for.
const PATIENCE_MS: u32 = 1_000;

/// Where the limiter begins.
const KNEE: f32 = 0.95;

/// What the resampler eats during a flush's fade, and some for the step of a slow device.
const DYING_SAMPLES: usize = FLUSH_MS as usize * MODEL_HZ as usize / 1_000 + 16;
