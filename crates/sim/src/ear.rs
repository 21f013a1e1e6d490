//! Everything between a frame of audio and an utterance: bytes, rates, voice activity.

use crate::vad::{self, Vad, VadEvent, VadTuning};
use std::collections::VecDeque;
use vivavoce_dsp::Resampler;

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody began to speak.
    Start {
        /// Where, in 16 kHz samples of the stream.
        at_samples: u64,
    },
    /// Somebody stopped.
    End {
        /// Where.
        at_samples: u64,
        /// What they said.
        utterance: Utterance,
    },
}

/// Something that somebody said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Utterance {
    /// 16 kHz, with a little before and after; the first minute of it.
    pub pcm: Vec<i16>,
    /// How long they spoke, in 16 kHz samples.
    pub speech_samples: u64,
}

/// The listener.
#[derive(Debug)]
pub struct Ear {
    vad: Vad,
    manual: bool,
    line: Option<Line>,
    odd_byte: Option<u8>,
    padding_samples: usize,
    /// The newest samples, for the beginning of the next utterance.
    preroll: VecDeque<i16>,
    /// The utterance that is going on.
    open: Option<Open>,
}

struct Line {
    rate_hz: u32,
    resampler: Box<Resampler>,
}

#[derive(Clone, Debug)]
struct Open {
    /// Where speech began.
    start_samples: u64,
    /// Where `pcm` begins.
    from_samples: u64,
    pcm: Vec<i16>,
}

/// Why bytes cannot be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unheard;

impl Ear {
    /// An ear for a stream that begins.
    pub fn new(tuning: VadTuning, manual: bool, padding_ms: u32) -> Self {
        let padding_samples = samples_of_ms(padding_ms.min(MOST_PADDING_MS));
        Self {
            vad: Vad::new(tuning),
            manual,
            line: None,
            odd_byte: None,
            padding_samples,
            preroll: VecDeque::new(),
            open: None,
        }
    }

    /// The same ear with what it knows, for a connection with other settings.
    #[must_use]
    pub fn resumed(&self, tuning: VadTuning, manual: bool, padding_ms: u32) -> Self {
        let mut ear = Self::new(tuning, manual, padding_ms);
        ear.vad = self.vad.clone();
        ear.vad.retune(tuning);
        ear.preroll.clone_from(&self.preroll);
        ear.open.clone_from(&self.open);
        ear
    }

    /// Takes in s16le of a rate; gives the samples of 16 kHz and tells `tell` what was heard.
    ///
    /// # Errors
    /// The rate cannot be had.
    pub fn hear(
        &mut self,
        bytes: &[u8],
        rate_hz: u32,
        sounding: bool,
        tell: &mut impl FnMut(Heard),
    ) -> Result<Vec<i16>, Unheard> {
        let samples = self.samples(bytes);
        let samples = self.at_16_khz(samples, rate_hz)?;
        for sample in &samples {
            self.take(*sample, sounding, tell);
        }
        Ok(samples)
    }

    /// Somebody says that speech begins here.
    pub fn mark_start(&mut self) -> Heard {
        let at_samples = self.vad.position_samples();
        self.open = Some(Open { start_samples: at_samples, from_samples: at_samples, pcm: Vec::new() });
        Heard::Start { at_samples }
    }

    /// Somebody says that speech ends here.
    pub fn mark_end(&mut self) -> Option<Heard> {
        let at_samples = self.vad.position_samples();
        self.close(at_samples, at_samples)
    }

    /// The stream pauses: half a sample that it ended in belongs to nothing that follows.
    pub fn pause(&mut self) {
        self.odd_byte = None;
    }

    /// What is going on ends with the stream.
    pub fn finish(&mut self) -> Option<Heard> {
        let VadEvent::End { at_samples } = self.vad.finish()? else { return None };
        self.close(at_samples, self.vad.position_samples())
    }

    /// Whether somebody is speaking.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How long the speech that is going on has lasted, in samples.
    pub fn open_samples(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| self.vad.position_samples().saturating_sub(open.start_samples))
    }

    /// Length of the stream so far, in 16 kHz samples.
    pub fn position_samples(&self) -> u64 {
        self.vad.position_samples()
    }

    /// Whole samples; half a one waits for its other half.
    fn samples(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut bytes = self.odd_byte.take().into_iter().chain(bytes.iter().copied());
        let mut samples = Vec::with_capacity(bytes.size_hint().0 / 2 + 1);
        while let Some(low) = bytes.next() {
            match bytes.next() {
                Some(high) => samples.push(i16::from_le_bytes([low, high])),
                None => self.odd_byte = Some(low),
            }
        }
        samples
    }

    fn at_16_khz(&mut self, samples: Vec<i16>, rate_hz: u32) -> Result<Vec<i16>, Unheard> {
        if rate_hz == vad::RATE_HZ {
            self.line = None;
            return Ok(samples);
        }
        if self.line.as_ref().is_none_or(|line| line.rate_hz != rate_hz) {
            let mut resampler = Box::new(Resampler::new());
            resampler.design(rate_hz, vad::RATE_HZ).map_err(|_| Unheard)?;
            self.line = Some(Line { rate_hz, resampler });
        }
        let Some(line) = &mut self.line else { return Ok(samples) };
        let input: Vec<f32> = samples.iter().map(|sample| vivavoce_dsp::pcm::to_f32(*sample)).collect();
        let mut out = Vec::with_capacity(samples.len() * 2);
        line.resampler.push(&input, &mut |sample| out.push(vivavoce_dsp::pcm::from_f32(sample)));
        Ok(out)
    }

    fn take(&mut self, sample: i16, sounding: bool, tell: &mut impl FnMut(Heard)) {
        self.preroll.push_back(sample);
        if self.preroll.len() > self.padding_samples + ONSET_SAMPLES {
            self.preroll.pop_front();
        }
        if let Some(open) = &mut self.open
            && open.pcm.len() < MOST_SAMPLES
        {
            open.pcm.push(sample);
        }
        let event = self.vad.push(sample, sounding);
        if self.manual {
            return;
        }
        match event {
            Some(VadEvent::Start { at_samples }) => tell(self.begin(at_samples)),
            Some(VadEvent::End { at_samples }) => {
                let tail = at_samples + TAIL_SAMPLES;
                self.close(at_samples, tail).into_iter().for_each(tell);
            }
            None => {}
        }
    }

    fn begin(&mut self, at_samples: u64) -> Heard {
        let now = self.vad.position_samples();
        let wanted = (now - at_samples) as usize + self.padding_samples;
        let kept = wanted.min(self.preroll.len());
        let pcm: Vec<i16> = self.preroll.range(self.preroll.len() - kept..).copied().collect();
        self.open = Some(Open { start_samples: at_samples, from_samples: now - kept as u64, pcm });
        Heard::Start { at_samples }
    }

    fn close(&mut self, at_samples: u64, tail_samples: u64) -> Option<Heard> {
        let mut open = self.open.take()?;
        open.pcm.truncate(tail_samples.saturating_sub(open.from_samples) as usize);
        let speech_samples = at_samples.saturating_sub(open.start_samples);
        Some(Heard::End { at_samples, utterance: Utterance { pcm: open.pcm, speech_samples } })
    }
}

impl Utterance {
    /// How long they spoke, in seconds.
    pub fn speech_s(&self) -> f64 {
        self.speech_samples as f64 / f64::from(vad::RATE_HZ)
    }

    /// This and what was said next, as one.
    pub fn append(&mut self, next: Self) {
        let room = MOST_SAMPLES.saturating_sub(self.pcm.len());
        self.pcm.extend(next.pcm.into_iter().take(room));
        self.speech_samples += next.speech_samples;
    }
}

impl core::fmt::Debug for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Line").field("rate_hz", &self.rate_hz).finish_non_exhaustive()
    }
}

const fn samples_of_ms(ms: u32) -> usize {
    ms as usize * (vad::RATE_HZ as usize / 1000)
}

/// One minute: what a session keeps of an utterance.
const MOST_SAMPLES: usize = samples_of_ms(60_000);
/// How far back the detector may place an onset.
const ONSET_SAMPLES: usize = samples_of_ms(300);
/// Kept after the last loud block, for the end of a fricative.
const TAIL_SAMPLES: u64 = samples_of_ms(120) as u64;
/// More padding than this makes no sense.
const MOST_PADDING_MS: u32 = 2_000;

#[cfg(test)]
mod tests {
    use super::{Ear, Heard, Utterance};
    use crate::vad::VadTuning;

    fn tone(rate_hz: u32, seconds: f64) -> Vec<u8> {
        let step = 440.0 * core::f64::consts::TAU / f64::from(rate_hz);
        let count = (seconds * f64::from(rate_hz)) as usize;
        (0..count).flat_map(|n| ((8_000.0 * (n as f64 * step).sin()) as i16).to_le_bytes()).collect()
    }

    fn silence(rate_hz: u32, seconds: f64) -> Vec<u8> {
        vec![0; (seconds * f64::from(rate_hz)) as usize * 2]
    }

    fn hear(ear: &mut Ear, bytes: &[u8], rate_hz: u32) -> Vec<Heard> {
        let mut heard = Vec::new();
        ear.hear(bytes, rate_hz, false, &mut |word| heard.push(word)).unwrap();
        heard
    }

    fn utterance(heard: &[Heard]) -> &Utterance {
        let ended = heard.iter().find_map(|word| match word {
            Heard::End { utterance, .. } => Some(utterance),
            Heard::Start { .. } => None,
        });
        ended.expect("somebody spoke")
    }

    #[test]
    fn hears_the_same_at_every_rate() {
        for rate_hz in [8_000, 16_000, 22_050, 24_000, 44_100, 48_000] {
            let mut ear = Ear::new(VadTuning::USUAL, false, 100);
            let mut stream = silence(rate_hz, 0.5);
            stream.extend(tone(rate_hz, 1.0));
            stream.extend(silence(rate_hz, 1.2));
            let heard = hear(&mut ear, &stream, rate_hz);
            let seconds = utterance(&heard).speech_s();
            assert!((seconds - 1.0).abs() < 0.04, "{rate_hz} Hz: {seconds} s");
        }
    }

    #[test]
    fn hears_the_same_however_the_bytes_are_cut() {
        let mut stream = silence(16_000, 0.3);
        stream.extend(tone(16_000, 0.7));
        stream.extend(silence(16_000, 1.0));
        let whole = hear(&mut Ear::new(VadTuning::USUAL, false, 0), &stream, 16_000);
        for cut in [1, 3, 641] {
            let mut ear = Ear::new(VadTuning::USUAL, false, 0);
            let pieces: Vec<Heard> =
                stream.chunks(cut).flat_map(|bytes| hear(&mut ear, bytes, 16_000)).collect();
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }

    #[test]
    fn keeps_the_padding_before_the_first_sound() {
        for padding_ms in [0, 200, 500] {
            let mut ear = Ear::new(VadTuning::USUAL, false, padding_ms);
            let mut stream = silence(16_000, 1.0);
            stream.extend(tone(16_000, 1.0));
            stream.extend(silence(16_000, 1.0));
            let heard = hear(&mut ear, &stream, 16_000);
            let quiet = utterance(&heard).pcm.iter().take_while(|sample| sample.abs() < 100).count();
            assert!(quiet.abs_diff(padding_ms as usize * 16) < 200, "{padding_ms} ms: {quiet} samples");
        }
    }

    #[test]
    fn keeps_a_minute_of_a_long_speech_and_its_whole_length() {
        let mut ear = Ear::new(VadTuning::USUAL, true, 0);
        ear.mark_start();
        hear(&mut ear, &tone(16_000, 70.0), 16_000);
        let Some(Heard::End { utterance, .. }) = ear.mark_end() else { panic!("it was open") };
        assert_eq!(utterance.pcm.len(), 960_000);
        assert!((utterance.speech_s() - 70.0).abs() < 0.01);
    }

    #[test]
    fn refuses_rates_that_cannot_be() {
        let mut ear = Ear::new(VadTuning::USUAL, false, 0);
        for rate_hz in [0, 1_000_000_000] {
            assert!(ear.hear(&[0, 0], rate_hz, false, &mut |_| {}).is_err(), "{rate_hz} Hz");
        }
    }

    #[test]
    fn listens_to_markers_alone_where_it_is_told_so() {
        let mut ear = Ear::new(VadTuning::USUAL, true, 0);
        let mut stream = tone(16_000, 1.0);
        stream.extend(silence(16_000, 2.0));
        assert_eq!(hear(&mut ear, &stream, 16_000), []);
        assert_eq!(ear.mark_end(), None);
        assert!(matches!(ear.mark_start(), Heard::Start { at_samples: 48_000 }));
    }
}
