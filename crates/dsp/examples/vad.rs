//! Hears in a WAV file when a person speaks, as a call does.
//!
//! `cargo run --release -p vivavoce-dsp --example vad -- IN.wav [--json]`

use std::path::Path;
use std::process::ExitCode;
use vivavoce_dsp::speech::{Change, END_HOPS, ENOUGH};
use vivavoce_dsp::{MICROPHONE_HZ, Recorder};
use vivavoce_lab::wav;
use vivavoce_vad::{HOP_SAMPLES, Listener};

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "its purpose")]
fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let before = words.len();
    words.retain(|word| word != "--json");
    let [path] = words.as_slice() else {
        eprintln!("usage: vad IN.wav [--json]");
        return ExitCode::from(2);
    };
    match hear(path) {
        Ok(found) if before > words.len() => println!("{}", found.json()),
        Ok(found) => println!("{}", found.list()),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// What was heard in a file.
struct Found {
    hops: usize,
    segments_ms: Vec<[u64; 2]>,
    probabilities: f64,
}

/// Records the file as a microphone is recorded, and listens to what comes of it.
fn hear(path: &str) -> Result<Found, String> {
    let sound = wav::read(Path::new(path))?;
    let mut recorder = Box::new(Recorder::new());
    recorder.design(sound.rate_hz).map_err(|error| format!("{} Hz: {error}.", sound.rate_hz))?;
    let mut samples: Vec<i16> = Vec::new();
    recorder.push(&sound.channels, sound.frames(), &mut |frame, _| samples.extend_from_slice(frame));
    Ok(listen(&samples))
}

/// The detector says of a begin and an end that they were: the segments are where they were.
fn listen(samples: &[i16]) -> Found {
    let mut listener = Listener::new();
    let (mut segments_ms, mut begun, mut probabilities) = (Vec::new(), None, 0.0);
    let hops = samples.chunks_exact(HOP_SAMPLES);
    let count = hops.len();
    for (index, hop) in hops.enumerate() {
        listener.push(hop, false, &mut |change| match change {
            Change::Begins => begun = Some(index + 1 - ENOUGH as usize),
            Change::Ends => segments_ms
                .extend(begun.take().map(|begun| [ms(begun), ms(index + 1 - usize::from(END_HOPS))])),
        });
        probabilities += f64::from(listener.last().probability);
    }
    segments_ms.extend(begun.map(|begun| [ms(begun), ms(count)]));
    Found { hops: count, segments_ms, probabilities }
}

fn ms(hops: usize) -> u64 {
    (hops * HOP_SAMPLES) as u64 * 1_000 / u64::from(MICROPHONE_HZ)
}

impl Found {
    fn share(&self) -> f64 {
        let speech_ms: u64 = self.segments_ms.iter().map(|[begun, ended]| ended - begun).sum();
        speech_ms as f64 / ms(self.hops.max(1)) as f64
    }

    fn mean_probability(&self) -> f64 {
        self.probabilities / self.hops.max(1) as f64
    }

    fn json(&self) -> String {
        serde_json::json!({
            "hops": self.hops,
            "hop_ms": 16,
            "speech_ms": self.segments_ms,
            "speech_share": self.share(),
            "mean_probability": self.mean_probability(),
        })
        .to_string()
    }

    fn list(&self) -> String {
        let segment = |[begun, ended]: &[u64; 2]| format!("{begun:>9} – {ended} ms\n");
        let segments: String = self.segments_ms.iter().map(segment).collect();
        format!(
            "{segments}{} hops of 16 ms, speech in {:.1} % of them, mean probability {:.3}",
            self.hops,
            100.0 * self.share(),
            self.mean_probability()
        )
    }
}
