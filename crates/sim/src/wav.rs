//! A scripted answer from a file.

use crate::sound;
use hound::{SampleFormat, WavReader};
use serde::Deserialize;
use std::sync::Arc;

/// A WAV file, read and brought to 24 kHz mono when the script is parsed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct WavFile {
    /// Where it was found.
    pub path: String,
    /// 24 kHz.
    pub pcm: Arc<Vec<i16>>,
}

impl TryFrom<String> for WavFile {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        let samples = read(&path).map_err(|error| format!("expected a WAV file, found {path}: {error}"))?;
        Ok(Self { path, pcm: Arc::new(samples) })
    }
}

fn read(path: &str) -> Result<Vec<i16>, hound::Error> {
    let reader = WavReader::open(path)?;
    let spec = reader.spec();
    if !RATES_HZ.contains(&spec.sample_rate) || spec.channels == 0 {
        return Err(hound::Error::Unsupported);
    }
    let samples = first_channel(reader)?;
    Ok(sound::to_pcm(&sound::resample(&samples, spec.sample_rate, sound::RATE_HZ)))
}

fn first_channel(mut reader: WavReader<impl std::io::Read>) -> Result<Vec<f32>, hound::Error> {
    let spec = reader.spec();
    let step = usize::from(spec.channels);
    match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().step_by(step).collect(),
        SampleFormat::Int => {
            let scale = (1_i64 << (u32::from(spec.bits_per_sample).clamp(1, 32) - 1)) as f32;
            let samples = reader.samples::<i32>().step_by(step);
            samples.map(|sample| sample.map(|sample| sample as f32 / scale)).collect()
        }
    }
}

/// Rates that files come in.
const RATES_HZ: core::ops::RangeInclusive<u32> = 8_000..=192_000;

#[cfg(test)]
mod tests {
    use super::WavFile;
    use hound::{SampleFormat, WavSpec, WavWriter};

    #[test]
    fn reads_any_rate_width_and_count_of_channels() {
        let path = std::env::temp_dir().join(format!("vivavoce-sim-{}.wav", std::process::id()));
        for (rate_hz, bits, format) in [
            (8_000, 8, SampleFormat::Int),
            (44_100, 24, SampleFormat::Int),
            (96_000, 32, SampleFormat::Float),
        ] {
            let spec =
                WavSpec { channels: 2, sample_rate: rate_hz, bits_per_sample: bits, sample_format: format };
            let mut file = WavWriter::create(&path, spec).unwrap();
            for n in 0..rate_hz {
                let wave = 0.5 * (n as f32 * 300.0 * core::f32::consts::TAU / rate_hz as f32).sin();
                for sample in [wave, 0.0] {
                    match format {
                        SampleFormat::Float => file.write_sample(sample),
                        SampleFormat::Int => file.write_sample((sample * (1 << (bits - 1)) as f32) as i32),
                    }
                    .unwrap();
                }
            }
            file.finalize().unwrap();
            let wav = WavFile::try_from(path.to_str().unwrap().to_owned()).unwrap();
            assert_eq!(wav.pcm.len(), 24_000, "{rate_hz} Hz");
            let peak = wav.pcm[1_000..20_000].iter().max().copied().unwrap();
            assert!((16_000..17_000).contains(&peak), "{rate_hz} Hz: peak {peak}");
        }
        std::fs::write(&path, "no sound at all").unwrap();
        assert!(
            WavFile::try_from(path.to_str().unwrap().to_owned()).unwrap_err().contains("expected a WAV file")
        );
        std::fs::remove_file(path).unwrap();
    }
}
