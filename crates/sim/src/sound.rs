//! What answers sound like: 24 kHz PCM made of the speaker's own words, of notes, of a sine, of a file.

use crate::script::Tone;
use core::f32::consts::{PI, TAU};
use vivavoce_dsp::Resampler;

/// The utterance, played faster by a fifth: higher and shorter, at a pleasant level, without clicks.
pub fn parrot(utterance: &[i16]) -> Vec<i16> {
    let gain = parrot_gain(utterance);
    let samples: Vec<f32> = utterance.iter().map(|sample| f32::from(*sample) / FULL_SCALE * gain).collect();
    let mut voice = resample(&samples, PARROT_RATE_HZ, RATE_HZ);
    fade_edges(&mut voice);
    to_pcm(&voice)
}

/// Soft notes of a pentatonic scale, one for each of `words` within reason.
pub fn chime(words: usize) -> Vec<i16> {
    let notes = words.clamp(3, MOST_NOTES);
    let length = NOTE_SAMPLES * notes + RING_SAMPLES;
    let mut melody = vec![0.0_f32; length];
    for note in 0..notes {
        let step = SCALE[MELODY[note % MELODY.len()]];
        let rest = &mut melody[note * NOTE_SAMPLES..];
        let end = rest.len().min(NOTE_SAMPLES + RING_SAMPLES);
        ring(&mut rest[..end], BASE_HZ * 2_f32.powf(step / 12.0));
    }
    fade_edges(&mut melody);
    to_pcm(&melody)
}

/// A sine with faded edges.
pub fn tone(tone: Tone) -> Vec<i16> {
    let peak = 10_f32.powf(tone.level_db / 20.0) * core::f32::consts::SQRT_2;
    let step = f64::from(tone.hz) * core::f64::consts::TAU / f64::from(RATE_HZ);
    let wave = |n: usize| peak * (n as f64 * step).sin() as f32;
    let mut samples: Vec<f32> = (0..samples_of_ms(tone.ms)).map(wave).collect();
    fade_edges(&mut samples);
    to_pcm(&samples)
}

/// All of `samples` at another rate, neither late nor longer: the filter's delay is taken off.
pub fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    let mut line = Box::new(Resampler::new());
    if from_hz == to_hz || line.design(from_hz, to_hz).is_err() {
        return samples.to_vec();
    }
    let mut out = Vec::with_capacity(samples.len() * to_hz as usize / from_hz.max(1) as usize + 64);
    line.push(samples, &mut |sample| out.push(sample));
    line.drain(&mut |sample| out.push(sample));
    let at_output = |count: f64| (count * f64::from(to_hz) / f64::from(from_hz)).round() as usize;
    out.drain(..at_output(line.delay_samples()).min(out.len()));
    out.truncate(at_output(samples.len() as f64));
    out
}

/// Samples as 16 bit integers: rounded, saturated.
pub fn to_pcm(samples: &[f32]) -> Vec<i16> {
    samples.iter().map(|sample| vivavoce_dsp::pcm::from_f32(*sample)).collect()
}

/// Samples of 24 kHz in so many milliseconds.
pub const fn samples_of_ms(ms: u32) -> usize {
    ms as usize * (RATE_HZ as usize / 1000)
}

/// Brings the loud parts to [`VOICE_DB`], but no peak above [`PEAK`] and no whisper up to its noise.
fn parrot_gain(utterance: &[i16]) -> f32 {
    let power = |block: &[i16]| {
        block.iter().map(|sample| (f32::from(*sample) / FULL_SCALE).powi(2)).sum::<f32>() / block.len() as f32
    };
    let powers: Vec<f32> = utterance.chunks(GATE_SAMPLES).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let loud: Vec<f32> = powers.into_iter().filter(|power| *power > loudest * GATE_SHARE).collect();
    if loud.is_empty() {
        return 1.0;
    }
    let rms = (loud.iter().sum::<f32>() / loud.len() as f32).sqrt();
    let peak = utterance.iter().map(|sample| f32::from(*sample).abs() / FULL_SCALE).fold(0.0, f32::max);
    (10_f32.powf(VOICE_DB / 20.0) / rms).min(PEAK / peak).min(MOST_GAIN)
}

/// A struck note: quick rise, slow fall, an octave and a twelfth above it softly.
fn ring(samples: &mut [f32], hz: f32) {
    for (n, sample) in samples.iter_mut().enumerate() {
        let t = n as f32 / RATE_HZ as f32;
        let rise = (t / 0.012).min(1.0);
        let fall = (-t / 0.22).exp();
        let phase = TAU * hz * t;
        let wave = phase.sin() + 0.25 * (2.0 * phase).sin() + 0.1 * (3.0 * phase).sin();
        *sample += NOTE_PEAK * rise * fall * wave;
    }
}

/// Raised-cosine fades of 5 ms at both ends.
fn fade_edges(samples: &mut [f32]) {
    let length = FADE_SAMPLES.min(samples.len() / 2);
    let last = samples.len().saturating_sub(1);
    for n in 0..length {
        let share = 0.5 - 0.5 * (PI * n as f32 / length as f32).cos();
        samples[n] *= share;
        samples[last - n] *= share;
    }
}

/// Rate of the model's voice.
pub const RATE_HZ: u32 = 24_000;
/// 16 kHz taken for this is a fifth higher in pitch and shorter by a sixth.
const PARROT_RATE_HZ: u32 = 19_200;
const FULL_SCALE: f32 = 32_768.0;
/// Level of the parrot's loud parts.
const VOICE_DB: f32 = -20.0;
/// No sample of the parrot lies above this.
const PEAK: f32 = 0.7;
/// At most 30 dB: beyond that one hears the room.
const MOST_GAIN: f32 = 31.6;
/// Blocks of 20 ms decide what is loud: within 25 dB of the loudest.
const GATE_SAMPLES: usize = 320;
const GATE_SHARE: f32 = 0.003_16;
/// Five milliseconds: no click, no bite.
const FADE_SAMPLES: usize = 120;
/// A note every 200 ms; the last rings for 400 ms more.
const NOTE_SAMPLES: usize = 4_800;
const RING_SAMPLES: usize = 9_600;
const MOST_NOTES: usize = 16;
const NOTE_PEAK: f32 = 0.16;
/// C5.
const BASE_HZ: f32 = 523.25;
/// C major pentatonic, in semitones.
const SCALE: [f32; 6] = [0.0, 2.0, 4.0, 7.0, 9.0, 12.0];
/// An order of the scale that rises, turns and comes home.
const MELODY: [usize; 8] = [0, 2, 3, 4, 5, 3, 4, 2];

#[cfg(test)]
mod tests {
    use super::{RATE_HZ, chime, parrot, samples_of_ms, tone};
    use crate::script::Tone;

    fn sine(hz: f64, peak: f64, samples: usize) -> Vec<i16> {
        let step = hz * core::f64::consts::TAU / 16_000.0;
        (0..samples).map(|n| (peak * (n as f64 * step).sin()).round() as i16).collect()
    }

    fn rms_db(samples: &[i16]) -> f64 {
        let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * (power / 32_768_f64.powi(2)).log10()
    }

    fn crossings_hz(samples: &[i16]) -> f64 {
        let crossings = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        crossings as f64 / 2.0 / (samples.len() as f64 / f64::from(RATE_HZ))
    }

    #[test]
    fn the_parrot_is_a_fifth_higher_and_a_sixth_shorter() {
        let answer = parrot(&sine(300.0, 8000.0, 32_000));
        let seconds = answer.len() as f64 / f64::from(RATE_HZ);
        assert!((seconds - 2.0 / 1.2).abs() < 0.02, "{seconds} s");
        let pitch = crossings_hz(&answer);
        assert!((pitch - 360.0).abs() < 3.0, "{pitch} Hz");
    }

    #[test]
    fn the_parrot_speaks_at_one_level_whatever_the_microphone() {
        for peak in [150.0, 1_000.0, 8_000.0, 32_000.0] {
            let level = rms_db(&parrot(&sine(300.0, peak, 16_000)));
            assert!((level + 20.0).abs() < 1.0, "peak {peak}: {level} dB");
        }
    }

    #[test]
    fn the_parrot_neither_clips_nor_clicks() {
        let mut spiky = sine(300.0, 300.0, 16_000);
        spiky[8_000] = 32_767;
        spiky[0] = 20_000;
        let answer = parrot(&spiky);
        assert!(answer.iter().all(|sample| sample.unsigned_abs() < 32_000));
        assert!(answer[0].abs() < 10 && answer[answer.len() - 1].abs() < 10);
    }

    #[test]
    fn the_parrot_survives_nothing_and_silence() {
        assert!(parrot(&[]).len() < 100);
        assert!(parrot(&[0; 1600]).iter().all(|sample| *sample == 0));
    }

    #[test]
    fn a_chime_grows_with_its_words_and_stays_soft() {
        let (short, long) = (chime(1), chime(12));
        assert!(short.len() < long.len() && long.len() < chime(1000).len());
        assert!(chime(1000).len() < samples_of_ms(4_000));
        for melody in [short, long] {
            assert!(melody.iter().all(|sample| sample.unsigned_abs() < 16_000));
            assert_eq!((melody[0], melody[melody.len() - 1]), (0, 0));
        }
    }

    #[test]
    fn a_tone_has_its_pitch_length_and_level() {
        let samples = tone(Tone { hz: 440.0, ms: 500, level_db: -20.0 });
        assert_eq!(samples.len(), 12_000);
        assert!((crossings_hz(&samples) - 440.0).abs() < 3.0);
        assert!((rms_db(&samples) + 20.0).abs() < 0.3);
    }
}
