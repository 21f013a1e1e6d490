//! What is said in a call from the terminal: a WAV file of any rate and depth, as 16-bit mono.

use core::fmt;
use hound::{SampleFormat, WavReader};
use std::io::Read;
use std::path::{Path, PathBuf};
use vivavoce_dsp::{Resampler, pcm};
use vivavoce_wire::UPLINK_RATES_HZ;

/// Something to say.
#[derive(Clone, PartialEq)]
pub(crate) struct Speech {
    pub(crate) rate_hz: u32,
    pub(crate) samples: Vec<i16>,
}

/// Why a file says nothing.
#[derive(Debug)]
pub struct WavError {
    file: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unreadable(String),
    NoWav(String),
    Rate(u32),
    Empty,
}

impl Speech {
    /// Reads a file: all channels mixed to one, at its own rate where a microphone may have that, else at the
    /// nearest that one may have.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn read(path: &Path) -> Result<Self, WavError> {
        let fail = |kind| WavError { file: path.to_owned(), kind };
        let file = std::fs::File::open(path).map_err(|error| fail(Kind::Unreadable(error.to_string())))?;
        let reader = WavReader::new(std::io::BufReader::new(file)).map_err(|error| fail(no_wav(&error)))?;
        let rate_hz = reader.spec().sample_rate;
        let voice = mono(reader).map_err(|error| fail(no_wav(&error)))?;
        if voice.is_empty() {
            return Err(fail(Kind::Empty));
        }
        if UPLINK_RATES_HZ.contains(&rate_hz) {
            return Ok(Self { rate_hz, samples: pcm::integers(voice).collect() });
        }
        let speech = Self { rate_hz, samples: Vec::new() };
        speech.resampled(&voice, nearest(rate_hz)).ok_or_else(|| fail(Kind::Rate(rate_hz)))
    }

    /// The same words at another rate.
    pub(crate) fn at(self, rate_hz: u32) -> Option<Self> {
        if rate_hz == self.rate_hz {
            return Some(self);
        }
        let voice: Vec<f32> = pcm::floats(self.samples.iter().copied()).collect();
        self.resampled(&voice, rate_hz)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate_hz)
    }

    fn resampled(&self, voice: &[f32], rate_hz: u32) -> Option<Self> {
        let mut resampler = Box::new(Resampler::new());
        resampler.design(self.rate_hz, rate_hz).ok()?;
        let mut samples = Vec::new();
        let mut emit = |sample| samples.push(pcm::from_f32(sample));
        resampler.push(voice, &mut emit);
        resampler.drain(&mut emit);
        Some(Self { rate_hz, samples })
    }
}

/// All samples of a file, mixed to one channel; a file that was cut short says what is there.
fn mono<R: Read>(mut reader: WavReader<R>) -> Result<Vec<f32>, hound::Error> {
    let spec = reader.spec();
    let full_scale = (1_u64 << (spec.bits_per_sample.max(1) - 1)) as f32;
    let samples: Box<dyn Iterator<Item = Result<f32, hound::Error>>> = match spec.sample_format {
        SampleFormat::Float => Box::new(reader.samples::<f32>()),
        SampleFormat::Int => {
            Box::new(reader.samples::<i32>().map(move |sample| sample.map(|value| value as f32 / full_scale)))
        }
    };
    let mut all = Vec::new();
    for sample in samples {
        match sample {
            Ok(sample) => all.push(sample),
            Err(hound::Error::IoError(_)) => break,
            Err(error) => return Err(error),
        }
    }
    let channels = usize::from(spec.channels.max(1));
    Ok(all.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect())
}

/// A rate that a microphone may have, for a file whose rate none has.
fn nearest(rate_hz: u32) -> u32 {
    if rate_hz > *UPLINK_RATES_HZ.end() { *UPLINK_RATES_HZ.end() } else { *UPLINK_RATES_HZ.start() }
}

fn no_wav(error: &hound::Error) -> Kind {
    Kind::NoWav(match error {
        hound::Error::Unsupported => "it is packed in a way other than plain 8 to 32 bit samples".to_owned(),
        hound::Error::FormatError(what) => (*what).to_owned(),
        hound::Error::IoError(_) => "it ends within its header".to_owned(),
        other => other.to_string(),
    })
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.kind {
            Kind::Unreadable(why) => write!(f, "cannot read \"{file}\": {why}"),
            Kind::NoWav(why) => write!(f, "\"{file}\" is no WAV file that can be spoken: {why}"),
            Kind::Rate(found) => write!(
                f,
                "\"{file}\" says it has {found} samples a second; expected {} to {}",
                vivavoce_dsp::resampler::RATES_HZ.start(),
                vivavoce_dsp::resampler::RATES_HZ.end()
            ),
            Kind::Empty => write!(f, "\"{file}\" holds no sound"),
        }
    }
}

impl std::error::Error for WavError {}
