//! The recorder's line over a file: any rate and number of channels in, 16 kHz in 16 bits out.
//!
//! `cargo run --release -p vivavoce-dsp --example capture -- IN.wav OUT.wav [--block N]`

use lexopt::prelude::*;
use std::path::PathBuf;
use std::process::ExitCode;
use vivavoce_dsp::{MICROPHONE_HZ, Recorder};
use vivavoce_lab::wav;

const USAGE: &str = "usage: capture IN.wav OUT.wav [--block N]
  --block N   frames handed to the line at a time, 1 to 4096; 128 by default (the output is always the same)";

fn main() -> ExitCode {
    vivavoce_lab::command::exit(run(), USAGE)
}

fn run() -> Result<String, String> {
    let (mut paths, mut block) = (Vec::new(), 128);
    let mut words = lexopt::Parser::from_env();
    while let Some(word) = words.next().map_err(|error| error.to_string())? {
        match word {
            Long("block") => {
                block = words.value().and_then(|word| word.parse()).map_err(|error| error.to_string())?;
            }
            Value(path) => paths.push(PathBuf::from(path)),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let [input, output] = paths.as_slice() else { return Err(String::new()) };
    if !(1..=4_096).contains(&block) {
        return Err(format!("--block is 1 to 4096, not {block}."));
    }
    let sound = wav::read(input)?;
    let samples = record(&sound, block)?;
    wav::write(output, MICROPHONE_HZ, samples.iter().copied())?;
    Ok(format!(
        "{} frames of {} Hz in {} channels → {} samples of {MICROPHONE_HZ} Hz",
        sound.frames(),
        sound.rate_hz,
        sound.channels.len(),
        samples.len()
    ))
}

/// As many samples as the file lasts; behind its end the line hears silence until they are all out.
fn record(sound: &wav::Sound, block: usize) -> Result<Vec<i16>, String> {
    let mut line = Box::new(Recorder::new());
    line.design(sound.rate_hz).map_err(|error| format!("{} Hz: {error}.", sound.rate_hz))?;
    let wanted = (sound.frames() as u64 * u64::from(MICROPHONE_HZ) / u64::from(sound.rate_hz)) as usize;
    let mut samples = Vec::with_capacity(wanted + 640);
    let mut take = |frame: &vivavoce_dsp::Frame, _| samples.extend_from_slice(frame);
    for start in (0..sound.frames()).step_by(block) {
        let end = sound.frames().min(start + block);
        let views: Vec<&[f32]> = sound.channels.iter().map(|channel| &channel[start..end]).collect();
        line.push(&views, end - start, &mut take);
    }
    let silence = vec![0.0; sound.rate_hz as usize / 10];
    line.push(&[&silence], silence.len(), &mut take);
    samples.truncate(wanted);
    Ok(samples)
}
