//! Sound files in and out.

use std::path::Path;

/// A sound, channel after channel, full scale being 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// Frames a second.
    pub rate_hz: u32,
    /// The samples of each channel; all channels are equally long.
    pub channels: Vec<Vec<f32>>,
}

impl Sound {
    /// Its length in frames.
    pub fn frames(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// The mean of its channels.
    pub fn mono(&self) -> Vec<f32> {
        let share = 1.0 / self.channels.len().max(1) as f32;
        let mean = |frame: usize| self.channels.iter().map(|channel| channel[frame]).sum::<f32>() * share;
        (0..self.frames()).map(mean).collect()
    }
}

/// Reads a WAV file of whole numbers (8 to 32 bits) or floating point.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn read(path: &Path) -> Result<Sound, String> {
    let about = |error: hound::Error| format!("{} can't be read as a WAV file: {error}", path.display());
    let mut reader = hound::WavReader::open(path).map_err(about)?;
    let spec = reader.spec();
    let samples: Result<Vec<f32>, _> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let scale = (1u64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|sample| sample.map(|value| value as f32 / scale)).collect()
        }
    };
    let samples = samples.map_err(about)?;
    let count = usize::from(spec.channels.max(1));
    let channels =
        (0..count).map(|channel| samples.iter().skip(channel).step_by(count).copied().collect()).collect();
    Ok(Sound { rate_hz: spec.sample_rate, channels })
}

/// Writes a mono WAV file of 16 bits.
///
/// # Errors
/// A sentence that says why the file can't be written.
pub fn write(path: &Path, rate_hz: u32, samples: impl IntoIterator<Item = i16>) -> Result<(), String> {
    let about = |error: hound::Error| format!("{} can't be written: {error}", path.display());
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).map_err(about)?;
    for sample in samples {
        writer.write_sample(sample).map_err(about)?;
    }
    writer.finalize().map_err(about)
}
