//! Hears when somebody begins and stops speaking, by energy, on the stream's own time.
//!
//! Levels of 10 ms blocks are compared with a noise floor that follows the quietest block of the last
//! seconds (minimum statistics after Martin 2001, without the bias correction); rumble is filtered off before,
//! since its level moves like a voice's. While the model's answer is
//! thought to sound, only what comes near the speaker's own level counts: the rest is residue of an echo
//! canceller.

use std::collections::VecDeque;

/// How eagerly speech is taken to begin and to end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VadTuning {
    /// How far above the floor speech must be to begin, in decibels.
    pub start_margin_db: f32,
    /// How far above the floor it must be to go on, in decibels.
    pub hold_margin_db: f32,
    /// How much of it there must be within [`VadTuning::commit_window_ms`] to begin.
    pub commit_ms: u32,
    /// The window for `commit_ms`.
    pub commit_window_ms: u32,
    /// How long it must be quiet for speech to end.
    pub silence_ms: u32,
}

/// What happened in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VadEvent {
    /// Speech began at this sample; it is reported a little later.
    Start {
        /// Index of its first sample in the stream.
        at_samples: u64,
    },
    /// Speech ended after this sample; it is reported `silence_ms` later.
    End {
        /// Index after its last sample in the stream.
        at_samples: u64,
    },
}

/// The detector. Samples of 16 kHz go in, events come out; time is the count of samples.
#[derive(Clone, Debug)]
pub struct Vad {
    tuning: VadTuning,
    high_pass: HighPass,
    block: Vec<f32>,
    /// Powers of the newest three blocks.
    powers: [f32; SMOOTH_BLOCKS],
    /// Blocks taken in so far.
    blocks: u64,
    /// Blocks that the floor has learned from.
    learned_blocks: u64,
    /// Blocks that sounded like a room in which nobody speaks.
    room_blocks: u32,
    /// Lowest level of each half second, the newest last.
    lows_db: VecDeque<f32>,
    /// Levels of the newest blocks, the newest last.
    recent_db: VecDeque<f32>,
    /// Mean level of speech so far.
    voice_db: Option<f32>,
    speaking: bool,
    onset_block: u64,
    last_loud_block: u64,
}

impl VadTuning {
    /// The usual settings: START_SENSITIVITY_HIGH and END_SENSITIVITY unspecified.
    pub const USUAL: Self = Self {
        start_margin_db: 9.0,
        hold_margin_db: 6.0,
        commit_ms: 60,
        commit_window_ms: 100,
        silence_ms: 800,
    };
}

impl Vad {
    /// A detector that has heard nothing.
    pub fn new(tuning: VadTuning) -> Self {
        Self {
            tuning,
            high_pass: HighPass::default(),
            powers: [0.0; SMOOTH_BLOCKS],
            block: Vec::with_capacity(BLOCK_SAMPLES),
            blocks: 0,
            learned_blocks: 0,
            room_blocks: 0,
            lows_db: VecDeque::from([FIRST_FLOOR_DB]),
            recent_db: VecDeque::new(),
            voice_db: None,
            speaking: false,
            onset_block: 0,
            last_loud_block: 0,
        }
    }

    /// Other settings from here on.
    pub fn retune(&mut self, tuning: VadTuning) {
        self.tuning = tuning;
    }

    /// Takes in one sample of 16 kHz; `sounding` says whether the model's answer is thought to be heard.
    pub fn push(&mut self, sample: i16, sounding: bool) -> Option<VadEvent> {
        self.block.push(self.high_pass.pull(f32::from(sample) / 32_768.0));
        if self.block.len() < BLOCK_SAMPLES {
            return None;
        }
        let power = self.block.iter().map(|sample| sample * sample).sum::<f32>() / BLOCK_SAMPLES as f32;
        self.block.clear();
        self.listen(power, sounding)
    }

    /// Ends speech at once, as at the end of a stream.
    pub fn finish(&mut self) -> Option<VadEvent> {
        // What was just said does not begin the next utterance.
        self.recent_db.clear();
        self.speaking.then(|| self.end())
    }

    /// Whether somebody speaks.
    pub const fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Samples taken in so far.
    pub fn position_samples(&self) -> u64 {
        self.blocks * BLOCK_SAMPLES as u64 + self.block.len() as u64
    }

    fn listen(&mut self, power: f32, sounding: bool) -> Option<VadEvent> {
        self.powers.rotate_left(1);
        self.powers[SMOOTH_BLOCKS - 1] = power;
        let known = SMOOTH_BLOCKS.min(self.blocks as usize + 1);
        let smooth_db = level_db(self.powers.iter().sum::<f32>() / known as f32);
        self.recent_db.push_back(level_db(power));
        if self.recent_db.len() > RECENT_BLOCKS {
            self.recent_db.pop_front();
        }
        let event = if self.speaking { self.hold(smooth_db) } else { self.begin(sounding) };
        self.learn_floor();
        self.blocks += 1;
        event
    }

    fn begin(&mut self, sounding: bool) -> Option<VadEvent> {
        let threshold_db = self.start_threshold_db(sounding);
        let factor = if sounding { 2 } else { 1 };
        let window = (self.tuning.commit_window_ms * factor / BLOCK_MS) as usize;
        let needed = (self.tuning.commit_ms * factor / BLOCK_MS) as usize;
        let from = self.recent_db.len().saturating_sub(window);
        let loud = self.recent_db.range(from..).filter(|level| **level > threshold_db).count();
        if loud < needed || self.is_steady_since_the_beginning() {
            return None;
        }
        self.speaking = true;
        self.onset_block = self.onset(threshold_db);
        self.last_loud_block = self.blocks;
        Some(VadEvent::Start { at_samples: self.onset_block * BLOCK_SAMPLES as u64 })
    }

    fn hold(&mut self, smooth_db: f32) -> Option<VadEvent> {
        if smooth_db > self.hold_threshold_db() {
            // The mean of three blocks falls two blocks after the last loud one.
            self.last_loud_block =
                self.last_loud_block.max(self.blocks.saturating_sub(SMOOTH_BLOCKS as u64 - 1));
            self.learn_voice(smooth_db);
            return None;
        }
        let quiet_ms = (self.blocks - self.last_loud_block) * u64::from(BLOCK_MS);
        (quiet_ms >= u64::from(self.tuning.silence_ms)).then(|| self.end())
    }

    fn end(&mut self) -> VadEvent {
        self.speaking = false;
        VadEvent::End { at_samples: (self.last_loud_block + 1) * BLOCK_SAMPLES as u64 }
    }

    fn start_threshold_db(&self, sounding: bool) -> f32 {
        let usual_db = (self.floor_db() + self.tuning.start_margin_db).max(QUIETEST_SPEECH_DB);
        if !sounding {
            return usual_db;
        }
        let over_echo_db =
            self.voice_db.map_or(UNKNOWN_VOICE_OVER_ECHO_DB, |voice| voice - VOICE_OVER_ECHO_DB);
        usual_db.max(over_echo_db.min(LOUDEST_THRESHOLD_DB))
    }

    fn hold_threshold_db(&self) -> f32 {
        (self.floor_db() + self.tuning.hold_margin_db).max(QUIETEST_SPEECH_DB - 2.0)
    }

    /// The block in which the loudness that led to a start began: small dips do not interrupt it.
    fn onset(&self, threshold_db: f32) -> u64 {
        let mut onset = self.blocks;
        let mut dip = 0;
        for (back, level_db) in self.recent_db.iter().rev().enumerate() {
            dip = if *level_db > threshold_db { 0 } else { dip + 1 };
            if dip > ONSET_DIP_BLOCKS {
                break;
            }
            if dip == 0 {
                onset = self.blocks.saturating_sub(back as u64);
            }
        }
        onset
    }

    /// A noise that was there from the first sample on and does not move is a room, not a voice, unless it
    /// is loud.
    fn is_steady_since_the_beginning(&self) -> bool {
        self.blocks < RECENT_BLOCKS as u64 && self.is_steady()
    }

    /// The floor is as loud as the loudest of 50 ms: what falls off is no floor yet.
    fn learn_floor(&mut self) {
        let from = self.recent_db.len().saturating_sub(FLOOR_BLOCKS);
        let level_db = self.recent_db.range(from..).copied().fold(SILENCE_DB, f32::max);
        if self.blocks == 0 {
            self.lows_db[0] = level_db.clamp(LOWEST_FLOOR_DB, FIRST_FLOOR_DB);
        }
        self.room_blocks += u32::from(ROOM_DB.contains(&level_db));
        let is_muted = self.recent_db.back().is_some_and(|newest_db| *newest_db < ROOM_DB.start);
        if is_muted && self.room_blocks > KNOWN_ROOM_BLOCKS {
            return;
        }
        self.learned_blocks += 1;
        if self.learned_blocks.is_multiple_of(LOW_BLOCKS) {
            self.lows_db.push_back(level_db);
        }
        if self.lows_db.len() > LOWS_KEPT {
            self.lows_db.pop_front();
        }
        if self.blocks + 1 == RECENT_BLOCKS as u64 && self.is_steady() {
            self.lows_db[0] = level_db;
        }
        if let Some(low) = self.lows_db.back_mut() {
            *low = low.min(level_db);
        }
    }

    fn is_steady(&self) -> bool {
        let highest = self.recent_db.iter().copied().fold(SILENCE_DB, f32::max);
        let lowest = self.recent_db.iter().copied().fold(0.0, f32::min);
        highest < LOUD_DB && highest - lowest < STEADY_RANGE_DB
    }

    fn learn_voice(&mut self, level_db: f32) {
        let voice = self.voice_db.get_or_insert(level_db);
        *voice += (level_db - *voice) * VOICE_PACE;
    }

    fn floor_db(&self) -> f32 {
        let low = self.lows_db.iter().copied().fold(0.0, f32::min);
        low.max(LOWEST_FLOOR_DB)
    }
}

/// A power in decibels of full scale (a full-scale square wave is 0).
fn level_db(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(SILENCE_DB)
}

/// One pole at [`RUMBLE_HZ`].
#[derive(Clone, Debug, Default)]
struct HighPass {
    input: f32,
    output: f32,
}

impl HighPass {
    fn pull(&mut self, input: f32) -> f32 {
        const SHARE: f32 = 1.0 / (1.0 + core::f32::consts::TAU * RUMBLE_HZ / RATE_HZ as f32);
        self.output = SHARE * (self.output + input - self.input);
        self.input = input;
        self.output
    }
}

/// Rate of the stream.
pub const RATE_HZ: u32 = 16_000;
/// Ten milliseconds: short enough for a stop consonant, long enough for a pitch period.
const BLOCK_MS: u32 = 10;
const BLOCK_SAMPLES: usize = (RATE_HZ * BLOCK_MS / 1000) as usize;
/// Below this there is more of rooms, fans and hands than of voices.
const RUMBLE_HZ: f32 = 200.0;
/// The floor and the hold look at the mean of so many blocks: 30 ms, a few pitch periods.
const SMOOTH_BLOCKS: usize = 3;
/// Blocks of which the loudest counts for the floor.
const FLOOR_BLOCKS: usize = 5;
/// Blocks kept for the onset and for the look at steadiness.
const RECENT_BLOCKS: usize = 30;
/// Blocks that share one low: half a second.
const LOW_BLOCKS: u64 = 50;
/// Lows kept, ten seconds: longer than any vowel, so that speech and test tones do not become the floor.
const LOWS_KEPT: usize = 20;
/// Dips of up to 50 ms (a closed mouth before a plosive) belong to the onset.
const ONSET_DIP_BLOCKS: u32 = 5;
/// Level of a block of zeros.
const SILENCE_DB: f32 = -120.0;
/// The floor of a stream before anything is known of it: a poor microphone in a quiet room.
const FIRST_FLOOR_DB: f32 = -60.0;
/// Below this a floor says nothing: digital silence would make every whisper of dither a voice.
const LOWEST_FLOOR_DB: f32 = -75.0;
/// Levels of a room in which nobody speaks; below them a microphone is muted.
const ROOM_DB: core::ops::Range<f32> = -85.0..-40.0;
/// After a second of a room, a mute says nothing of it: it will be as loud when the mute ends.
const KNOWN_ROOM_BLOCKS: u32 = 100;
/// Speech over the poorest microphone worth hearing: 16 bit hold 30 dB below it.
const QUIETEST_SPEECH_DB: f32 = -62.0;
/// Nothing steady is this loud but a test tone.
const LOUD_DB: f32 = -30.0;
/// Blocks of a stationary noise differ by two or three decibels; those of an onset by far more.
const STEADY_RANGE_DB: f32 = 8.0;
/// While the model sounds: residue of an echo canceller lies more than this below the near voice.
const VOICE_OVER_ECHO_DB: f32 = 18.0;
/// The same before the near voice has been heard.
const UNKNOWN_VOICE_OVER_ECHO_DB: f32 = -48.0;
/// However loud the voice was before, this is loud enough to interrupt.
const LOUDEST_THRESHOLD_DB: f32 = -36.0;
/// The mean of the voice follows within about half a second of speech.
const VOICE_PACE: f32 = 0.02;

#[cfg(test)]
mod tests {
    use super::{RATE_HZ, Vad, VadEvent, VadTuning};
    use crate::dice::Dice;

    fn noise(dice: &mut Dice, seconds: f64, level_db: f32) -> Vec<i16> {
        let peak = f64::from(10_f32.powf(level_db / 20.0)) * 32_768.0 * 3_f64.sqrt();
        (0..(seconds * f64::from(RATE_HZ)) as usize)
            .map(|_| dice.between(-peak, peak).round() as i16)
            .collect()
    }

    /// Syllables of a buzz, four a second, that fall to the noise between them.
    fn speech(dice: &mut Dice, seconds: f64, level_db: f32, noise_db: f32) -> Vec<i16> {
        let peak = 10_f32.powf(level_db / 20.0) * 32_768.0 * 2.0;
        let mut samples = noise(dice, seconds, noise_db);
        for (index, sample) in samples.iter_mut().enumerate() {
            let t = index as f32 / RATE_HZ as f32;
            let syllable = (core::f32::consts::PI * (t * 4.0).fract()).sin().powi(2);
            let buzz: f32 =
                (1..8).map(|h| (t * 130.0 * h as f32 * core::f32::consts::TAU).sin() / h as f32).sum();
            *sample = (f32::from(*sample) + peak * syllable * buzz * 0.5).clamp(-32_768.0, 32_767.0) as i16;
        }
        samples
    }

    fn tone(seconds: f64, level_db: f32) -> Vec<i16> {
        let peak = f64::from(10_f32.powf(level_db / 20.0)) * 32_768.0 * 2_f64.sqrt();
        let step = 440.0 * core::f64::consts::TAU / f64::from(RATE_HZ);
        (0..(seconds * f64::from(RATE_HZ)) as usize)
            .map(|n| (peak * (n as f64 * step).sin()) as i16)
            .collect()
    }

    fn events(vad: &mut Vad, samples: &[i16], sounding: bool) -> Vec<VadEvent> {
        samples.iter().filter_map(|sample| vad.push(*sample, sounding)).collect()
    }

    fn seconds(event: VadEvent) -> f64 {
        let (VadEvent::Start { at_samples } | VadEvent::End { at_samples }) = event;
        at_samples as f64 / f64::from(RATE_HZ)
    }

    #[test]
    fn hears_one_utterance_at_any_level_of_microphone() {
        for (voice_db, noise_db) in
            [(-12.0, -50.0), (-25.0, -60.0), (-40.0, -70.0), (-48.0, -75.0), (-20.0, -200.0)]
        {
            let mut dice = Dice::new(1);
            let mut vad = Vad::new(VadTuning::USUAL);
            let mut stream = noise(&mut dice, 1.0, noise_db);
            stream.extend(speech(&mut dice, 2.0, voice_db, noise_db));
            stream.extend(noise(&mut dice, 1.5, noise_db));
            let events = events(&mut vad, &stream, false);
            assert_eq!(events.len(), 2, "{voice_db} dB over {noise_db} dB: {events:?}");
            let (start, end) = (seconds(events[0]), seconds(events[1]));
            assert!((0.95..1.15).contains(&start), "{voice_db} dB: began at {start}");
            assert!((2.8..3.05).contains(&end), "{voice_db} dB: ended at {end}");
        }
    }

    #[test]
    fn hears_a_file_that_begins_with_speech() {
        let mut dice = Dice::new(2);
        let mut vad = Vad::new(VadTuning::USUAL);
        let mut stream = speech(&mut dice, 1.5, -20.0, -60.0);
        stream.extend(vec![0; 16_000]);
        let events = events(&mut vad, &stream, false);
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(seconds(events[0]) < 0.1);
    }

    #[test]
    fn hears_a_test_tone_as_one_utterance() {
        for length in [0.3, 2.0, 5.0, 9.0] {
            let mut vad = Vad::new(VadTuning::USUAL);
            let mut stream = tone(length, -12.0);
            stream.extend(vec![0; 20_000]);
            let events = events(&mut vad, &stream, false);
            assert_eq!(events.len(), 2, "{length} s: {events:?}");
            assert!((seconds(events[1]) - length).abs() < 0.03);
        }
    }

    #[test]
    fn never_hears_silence_or_a_steady_room() {
        for level_db in [-200.0, -90.0, -70.0, -60.0, -50.0, -42.0, -35.0] {
            let mut dice = Dice::new(3);
            let mut vad = Vad::new(VadTuning::USUAL);
            let stream = noise(&mut dice, 30.0, level_db);
            assert_eq!(events(&mut vad, &stream, false), [], "noise of {level_db} dB");
        }
    }

    #[test]
    fn gets_used_to_a_fan_that_is_switched_on() {
        let mut dice = Dice::new(4);
        let mut vad = Vad::new(VadTuning::USUAL);
        let mut stream = noise(&mut dice, 1.0, -65.0);
        stream.extend(noise(&mut dice, 14.0, -40.0));
        let first = events(&mut vad, &stream, false);
        assert_eq!(first.len(), 2, "one false alarm at most: {first:?}");
        let mut later = speech(&mut dice, 2.0, -18.0, -40.0);
        later.extend(noise(&mut dice, 1.5, -40.0));
        assert_eq!(events(&mut vad, &later, false).len(), 2);
    }

    #[test]
    fn remembers_the_room_over_a_mute() {
        let mut dice = Dice::new(7);
        let mut vad = Vad::new(VadTuning::USUAL);
        let mut stream = noise(&mut dice, 3.0, -48.0);
        stream.extend(vec![0; 16_000 * 30]);
        stream.extend(noise(&mut dice, 3.0, -48.0));
        assert_eq!(events(&mut vad, &stream, false), []);
        let mut later = speech(&mut dice, 1.5, -22.0, -48.0);
        later.extend(noise(&mut dice, 1.5, -48.0));
        assert_eq!(events(&mut vad, &later, false).len(), 2);
    }

    #[test]
    fn hears_tones_between_silences_for_ever() {
        let mut vad = Vad::new(VadTuning::USUAL);
        for round in 0..12 {
            let mut stream = tone(2.0, -12.0);
            stream.extend(vec![0; 16_000]);
            assert_eq!(events(&mut vad, &stream, false).len(), 2, "round {round}");
        }
    }

    #[test]
    fn takes_a_click_for_no_voice() {
        let mut vad = Vad::new(VadTuning::USUAL);
        let mut stream = vec![0_i16; 16_000];
        stream.extend(tone(0.02, -10.0));
        stream.extend(vec![0; 16_000]);
        assert_eq!(events(&mut vad, &stream, false), []);
    }

    #[test]
    fn hears_through_the_residue_of_an_echo() {
        let mut dice = Dice::new(5);
        let mut vad = Vad::new(VadTuning::USUAL);
        let mut stream = noise(&mut dice, 1.0, -70.0);
        stream.extend(speech(&mut dice, 2.0, -22.0, -70.0));
        stream.extend(noise(&mut dice, 1.5, -70.0));
        assert_eq!(events(&mut vad, &stream, false).len(), 2);
        let residue = speech(&mut dice, 4.0, -48.0, -70.0);
        assert_eq!(events(&mut vad, &residue, true), [], "residue alone");
        let over_it = speech(&mut dice, 1.0, -26.0, -55.0);
        let begun = events(&mut vad, &over_it, true);
        assert!(matches!(begun[..], [VadEvent::Start { .. }]), "the same voice over it: {begun:?}");
    }

    #[test]
    fn bridges_pauses_shorter_than_the_silence() {
        for (pause, utterances) in [(0.4, 1), (1.2, 2)] {
            let mut dice = Dice::new(6);
            let mut vad = Vad::new(VadTuning { silence_ms: 700, ..VadTuning::USUAL });
            let mut stream = noise(&mut dice, 0.5, -70.0);
            for _ in 0..2 {
                stream.extend(speech(&mut dice, 1.0, -20.0, -70.0));
                stream.extend(noise(&mut dice, pause, -70.0));
            }
            stream.extend(noise(&mut dice, 1.0, -70.0));
            assert_eq!(events(&mut vad, &stream, false).len(), 2 * utterances, "pause of {pause} s");
        }
    }

    #[test]
    fn reports_the_end_when_the_silence_is_over() {
        for silence_ms in [200, 700, 2000] {
            let mut vad = Vad::new(VadTuning { silence_ms, ..VadTuning::USUAL });
            events(&mut vad, &tone(1.0, -12.0), false);
            let quiet = vec![0; 48_000];
            let waited = quiet.iter().position(|sample| vad.push(*sample, false).is_some());
            let waited_ms = waited.map(|samples| samples as u32 / 16);
            assert!(waited_ms.is_some_and(|ms| ms.abs_diff(silence_ms) <= 20), "{silence_ms}: {waited_ms:?}");
        }
    }
}
