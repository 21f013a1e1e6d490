//! The player's line fed by a trace of arrivals: what the listener gets, and what it costs them.
//!
//! `cargo run --release -p vivavoce-dsp --example playout -- TRACE.csv SPEECH.wav OUT.wav [--rate HZ]
//! [--policy learned|first-chunk|fixed:MS|neteq] [--json]`
//!
//! Each line of the trace is `turn,arrival_ms,samples[,end]`, in samples of 24 kHz. The speech is what the turns
//! say, over and over.

use lexopt::prelude::*;
use std::path::PathBuf;
use std::process::ExitCode;
use vivavoce_dsp::{MODEL_HZ, Resampler, pcm};
use vivavoce_lab::playout::{Listening, play};
use vivavoce_lab::rules::{Fixed, Learned, NetEq, Rule};
use vivavoce_lab::{trace, wav};

const USAGE: &str = "usage: playout TRACE.csv SPEECH.wav OUT.wav [--rate HZ] [--policy P] [--json]
  --rate HZ   rate of the loudspeaker; 48000 by default
  --policy P  when to play: learned (the default), first-chunk, fixed:MS or neteq
  --json      print the figures as JSON";

fn main() -> ExitCode {
    vivavoce_lab::command::exit(run(), USAGE)
}

fn run() -> Result<String, String> {
    let (mut paths, mut rate_hz, mut policy, mut json) = (Vec::new(), 48_000, String::from("learned"), false);
    let mut words = lexopt::Parser::from_env();
    while let Some(word) = words.next().map_err(|error| error.to_string())? {
        match word {
            Long("rate") => {
                rate_hz = words.value().and_then(|word| word.parse()).map_err(|error| error.to_string())?;
            }
            Long("policy") => {
                policy = words.value().and_then(|word| word.parse()).map_err(|error| error.to_string())?;
            }
            Long("json") => json = true,
            Value(path) => paths.push(PathBuf::from(path)),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let [arrivals, speech, output] = paths.as_slice() else { return Err(String::new()) };
    let mut rule = rule(&policy)?;
    let text = std::fs::read_to_string(arrivals)
        .map_err(|error| format!("{} can't be read: {error}", arrivals.display()))?;
    let speech = voice(&wav::read(speech)?)?;
    let mut heard = Vec::new();
    let found = play(&trace::read(&text)?, &speech, rate_hz, &mut *rule, &mut |sample| {
        heard.push(pcm::from_f32(sample));
    })
    .map_err(|error| format!("{rate_hz} Hz: {error}."))?;
    wav::write(output, rate_hz, heard)?;
    Ok(if json { in_json(&policy, &found) } else { in_words(&policy, &found) })
}

fn rule(policy: &str) -> Result<Box<dyn Rule>, String> {
    match (policy, policy.strip_prefix("fixed:").map(str::parse)) {
        ("learned", _) => Ok(Box::new(Learned::default())),
        ("first-chunk", _) => Ok(Box::new(Fixed::of_ms(0))),
        ("neteq", _) => Ok(Box::new(NetEq::default())),
        (_, Some(Ok(ms))) if ms <= 60_000 => Ok(Box::new(Fixed::of_ms(ms))),
        _ => Err(format!("--policy is learned, first-chunk, fixed:MS or neteq, not {policy}.")),
    }
}

/// The file as the service would send it: mono, 24 kHz, 16 bits.
fn voice(sound: &wav::Sound) -> Result<Vec<i16>, String> {
    let mono = sound.mono();
    if mono.is_empty() {
        return Err(String::from("The speech is empty."));
    }
    if sound.rate_hz == MODEL_HZ {
        return Ok(mono.iter().map(|&sample| pcm::from_f32(sample)).collect());
    }
    let mut line = Box::new(Resampler::new());
    line.design(sound.rate_hz, MODEL_HZ).map_err(|error| format!("{} Hz: {error}.", sound.rate_hz))?;
    let mut samples = Vec::new();
    line.push(&mono, &mut |sample| samples.push(pcm::from_f32(sample)));
    Ok(samples)
}

fn in_json(policy: &str, found: &Listening) -> String {
    let minutes = found.speech_min().max(f64::MIN_POSITIVE);
    serde_json::json!({
        "policy": policy,
        "turns": found.start_ms.len(),
        "speech_ms": found.speech_ms,
        "start_mean_ms": found.start_mean_ms(),
        "start_p95_ms": found.start_p95_ms(),
        "stalls": found.stalls,
        "stall_ms": found.stall_ms,
        "stalls_per_min": f64::from(found.stalls) / minutes,
        "stall_ms_per_min": found.stall_ms / minutes,
        "concealed_ms": found.concealed_ms,
        "stretched_ms": found.stretched_ms,
        "J": found.cost_ms(),
    })
    .to_string()
}

fn in_words(policy: &str, found: &Listening) -> String {
    format!(
        "{policy}: {} turns, {:.1} min of speech; starts after {:.0} ms (p95 {:.0}); {} stalls of {:.0} ms in all; \
         {:.0} ms concealed, {:.0} ms longer by slow play; J {:.1}",
        found.start_ms.len(),
        found.speech_min(),
        found.start_mean_ms(),
        found.start_p95_ms(),
        found.stalls,
        found.stall_ms,
        found.concealed_ms,
        found.stretched_ms,
        found.cost_ms()
    )
}
