//! What is said in a call from the terminal: a WAV file of any rate and depth, as 16-bit mono.

use core::fmt;
use hound::{SampleFormat, WavReader};
use std::io::Read;
use std::path::{Path, PathBuf};
use vivavoce_dsp::{Resampler, pcm};
use vivavoce_wire::UPLINK_RATES_HZ;

/// Something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech {
    /// One that a microphone may have.
    pub rate_hz: u32,
    /// At least one.
    pub samples: Vec<i16>,
}

/// Why a file says nothing.
#[derive(Debug)]
pub struct WavError {
    file: PathBuf,
    fault: Fault,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The system does not give it.
    Unreadable(String),
    /// Its bytes are no WAV file that can be read.
    NoWav(String),
    /// Nobody records at so many samples a second.
    Rate(u32),
    /// It holds no sound.
    Empty,
}

impl Speech {
    /// Reads a file, as [`Self::decode`] does.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn read(path: &Path) -> Result<Self, WavError> {
        let file = std::fs::read(path).map_err(|error| Fault::Unreadable(error.to_string()));
        file.and_then(Self::decode).map_err(|fault| WavError { file: path.to_owned(), fault })
    }

    /// Reads the bytes of a file: all channels mixed to one, at its own rate where a microphone may have that, else at
    /// the nearest that one may have.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(mut file: Vec<u8>) -> Result<Self, Fault> {
        measure(&mut file);
        let reader = WavReader::new(file.as_slice()).map_err(|error| no_wav(&error))?;
        if !(1..=32).contains(&reader.spec().bits_per_sample) {
            return Err(no_wav(&hound::Error::Unsupported));
        }
        let rate_hz = reader.spec().sample_rate;
        let voice = mono(reader).map_err(|error| no_wav(&error))?;
        if voice.is_empty() {
            return Err(Fault::Empty);
        }
        if UPLINK_RATES_HZ.contains(&rate_hz) {
            return Ok(Self { rate_hz, samples: pcm::integers(voice).collect() });
        }
        let speech = Self { rate_hz, samples: Vec::new() };
        speech.resampled(&voice, nearest(rate_hz)).ok_or(Fault::Rate(rate_hz))
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

/// Writes into a file's header how much sound there is: programs that write into a pipe cannot know it and leave none
/// or the most that the field can hold.
fn measure(file: &mut [u8]) {
    let Some((data_at, block)) = data(file) else { return };
    let present = file.len() - data_at - 8;
    let said = u32_at(file, data_at + 4) as usize;
    // A file whose whole length leaves room for more says that its sound is empty, and means it.
    let is_unsaid = said == 0 && u32_at(file, 4) as usize <= data_at;
    if said <= present && !is_unsaid {
        return;
    }
    let length = u32::try_from(present - present % block).unwrap_or_default();
    file[data_at + 4..data_at + 8].copy_from_slice(&length.to_le_bytes());
}

/// Where the chunk of a file's sound begins, and how many bytes one frame of it has.
fn data(file: &[u8]) -> Option<(usize, usize)> {
    if !file.starts_with(b"RIFF") || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let (mut at, mut block) = (12_usize, 1);
    loop {
        let header = file.get(at..at.checked_add(8)?)?;
        let length = u32_at(header, 4) as usize;
        match &header[..4] {
            b"data" => return Some((at, block)),
            b"fmt " => {
                let align = file.get(at + 20..at + 22)?;
                block = usize::from(u16::from_le_bytes([align[0], align[1]])).max(1);
            }
            _ => {}
        }
        at = at.checked_add(8 + length + length % 2)?;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_le_bytes(*word))
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

fn no_wav(error: &hound::Error) -> Fault {
    Fault::NoWav(match error {
        hound::Error::Unsupported => "it is packed in a way other than plain 8 to 32 bit samples".to_owned(),
        hound::Error::FormatError(what) => (*what).to_owned(),
        hound::Error::IoError(_) => "it ends within its header".to_owned(),
        other => other.to_string(),
    })
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.fault {
            Fault::Unreadable(why) => write!(f, "cannot read \"{file}\": {why}"),
            Fault::NoWav(why) => write!(f, "\"{file}\" is no WAV file that can be spoken: {why}"),
            Fault::Rate(found) => write!(
                f,
                "\"{file}\" says it has {found} samples a second; expected {} to {}",
                vivavoce_dsp::resampler::RATES_HZ.start(),
                vivavoce_dsp::resampler::RATES_HZ.end()
            ),
            Fault::Empty => write!(f, "\"{file}\" holds no sound"),
        }
    }
}

impl std::error::Error for WavError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_files_that_were_written_into_a_pipe() {
        for (riff_bytes, data_bytes, heard) in [
            (36 + 200, 200, Some(50)),
            (u32::MAX, u32::MAX, Some(50)),
            (0, 0, Some(50)),
            (36, 0, Some(50)),
            (0x7FFF_FFFF, 0x7FFF_FFFF - 36, Some(50)),
            (36 + 200, 100, Some(25)),
            (36 + 200, 0, None),
        ] {
            let found = read(&wav(riff_bytes, data_bytes, 16, &[7; 202])).map(|speech| speech.samples.len());
            assert_eq!(found.ok(), heard, "{riff_bytes} {data_bytes}");
        }
    }

    #[test]
    fn refuses_depths_that_are_none() {
        for bits in [33, 100, u16::MAX] {
            let mut file = extensible(bits);
            assert!(read(&file).is_err(), "{bits}");
            file.truncate(61);
            assert!(read(&file).is_err(), "{bits}");
        }
        assert!(read(&extensible(16)).is_ok());
    }

    #[test]
    fn no_cut_of_a_file_is_a_panic() {
        let file = wav(36 + 200, 200, 16, &[7; 200]);
        for end in 0..file.len() {
            let _ = read(&file[..end]);
        }
    }

    fn read(bytes: &[u8]) -> Result<Speech, WavError> {
        let name = format!("vivavoce-wav-{}-{:?}.wav", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        let speech = Speech::read(&path);
        std::fs::remove_file(&path).unwrap();
        speech
    }

    /// Stereo at 16 kHz.
    fn wav(riff_bytes: u32, data_bytes: u32, bits: u16, sound: &[u8]) -> Vec<u8> {
        let mut file = [b"RIFF", &riff_bytes.to_le_bytes()[..], b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
        for word in [1_u16, 2] {
            file.extend(word.to_le_bytes());
        }
        for word in [16_000_u32, 64_000] {
            file.extend(word.to_le_bytes());
        }
        for word in [4_u16, bits] {
            file.extend(word.to_le_bytes());
        }
        file.extend([b"data", &data_bytes.to_le_bytes()[..], sound].concat());
        file
    }

    /// The same with the depth that counts in an extended header.
    fn extensible(valid_bits: u16) -> Vec<u8> {
        let mut file = wav(60 + 200, 200, 16, &[7; 200]);
        file[16] = 40;
        file[20..22].copy_from_slice(&0xFFFE_u16.to_le_bytes());
        let guid = *b"\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
        let more =
            [&22_u16.to_le_bytes()[..], &valid_bits.to_le_bytes(), &3_u32.to_le_bytes(), &guid].concat();
        file.splice(36..36, more);
        file
    }
}
