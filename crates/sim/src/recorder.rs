//! Writes a session down: what was heard, what was said, what happened.

use crate::outbox::Tape;
use crate::sound;
use crate::vad;
use hound::{SampleFormat, WavSpec, WavWriter};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// The files of one session. They are whole after every turn and at the end, also while the session goes on.
pub(crate) struct Recorder {
    heard: WavWriter<BufWriter<File>>,
    spoken: WavWriter<BufWriter<File>>,
    /// Half a sample that waits for its other half.
    odd_byte: Option<u8>,
    events: Vec<Value>,
    events_path: PathBuf,
    connection: u64,
}

impl Recorder {
    /// Files `session-N-in.wav`, `session-N-out.wav` and `session-N.json` in a directory that is there.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub(crate) fn create(directory: &Path, connection: u64) -> io::Result<Self> {
        let wav = |side: &str, rate_hz| {
            let path = directory.join(format!("session-{connection}-{side}.wav"));
            let spec = WavSpec {
                channels: 1,
                sample_rate: rate_hz,
                bits_per_sample: 16,
                sample_format: SampleFormat::Int,
            };
            WavWriter::create(path, spec).map_err(io::Error::other)
        };
        Ok(Self {
            heard: wav("in", vad::RATE_HZ)?,
            spoken: wav("out", sound::RATE_HZ)?,
            odd_byte: None,
            events: Vec::new(),
            events_path: directory.join(format!("session-{connection}.json")),
            connection,
        })
    }

    /// Writes something down.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn write(&mut self, tape: Tape) -> io::Result<()> {
        match tape {
            Tape::Heard(samples) => write_samples(&mut self.heard, samples.into_iter()),
            Tape::Spoken(bytes) => self.write_spoken(&bytes),
            Tape::Event(event) => {
                let closes = event["event"].as_str().is_some_and(|name| CLOSING_EVENTS.contains(&name));
                if self.events.len() < MOST_EVENTS {
                    self.events.push(event);
                }
                if closes { self.flush() } else { Ok(()) }
            }
        }
    }

    /// Makes the files whole.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.heard.flush().map_err(io::Error::other)?;
        self.spoken.flush().map_err(io::Error::other)?;
        let all = json!({"connection": self.connection, "events": self.events});
        let draft = self.events_path.with_extension("json.part");
        fs::write(&draft, all.to_string())?;
        fs::rename(draft, &self.events_path)
    }

    fn write_spoken(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = self.odd_byte.take().into_iter().chain(bytes.iter().copied());
        while let Some(low) = bytes.next() {
            match bytes.next() {
                Some(high) => {
                    let sample = i16::from_le_bytes([low, high]);
                    self.spoken.write_sample(sample).map_err(io::Error::other)?;
                }
                None => self.odd_byte = Some(low),
            }
        }
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.flush();
    }
}

fn write_samples(wav: &mut WavWriter<BufWriter<File>>, samples: impl Iterator<Item = i16>) -> io::Result<()> {
    for sample in samples {
        wav.write_sample(sample).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Events after which somebody may want to look.
const CLOSING_EVENTS: [&str; 6] =
    ["turn_complete", "close", "gone", "speech_end", "setup_complete", "interrupted"];
/// Some hours of a call.
const MOST_EVENTS: usize = 200_000;
