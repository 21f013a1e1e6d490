//! What the simulator wrote down of its sessions.

use super::{Folder, patiently};
use core::time::Duration;
use serde_json::Value;
use tokio::time::sleep;

/// One session.
pub(crate) struct Tape {
    events: Vec<Value>,
    /// What was heard, 16 kHz.
    pub(crate) heard: Vec<i16>,
}

impl Tape {
    /// Waits until something with this name has happened in a session, and reads what was written down by then.
    pub(crate) async fn with(folder: &Folder, number: u32, event: &str) -> Self {
        patiently(async {
            loop {
                if let Some(tape) = Self::read(folder, number).filter(|tape| tape.count(event) > 0) {
                    return tape;
                }
                sleep(LOOKS_EVERY).await;
            }
        })
        .await
    }

    /// Waits until a session is over, whoever ended it.
    pub(crate) async fn ended(folder: &Folder, number: u32) -> Self {
        patiently(async {
            loop {
                let is_over = |tape: &Self| tape.count("gone") + tape.count("close") > 0;
                if let Some(tape) = Self::read(folder, number).filter(is_over) {
                    return tape;
                }
                sleep(LOOKS_EVERY).await;
            }
        })
        .await
    }

    /// How often something with this name happened.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.events.iter().filter(|event| event["event"] == name).count()
    }

    /// When something with this name happened first, in seconds of the simulator's clock.
    pub(crate) fn at_s(&self, name: &str) -> f64 {
        self.events.iter().find(|event| event["event"] == name).unwrap()["at_s"].as_f64().unwrap()
    }

    /// What a microphone heard of it whose samples are never zero: without the silence that the proxy closes turns with.
    pub(crate) fn spoken(&self) -> Vec<i16> {
        self.heard.iter().copied().filter(|sample| *sample != 0).collect()
    }

    fn read(folder: &Folder, number: u32) -> Option<Self> {
        let file = |ending| folder.0.join(format!("session-{number}{ending}"));
        let tape: Value = serde_json::from_slice(&std::fs::read(file(".json")).ok()?).ok()?;
        // The events are written last.
        let mut wav = hound::WavReader::open(file("-in.wav")).ok()?;
        let heard = wav.samples::<i16>().map_while(Result::ok).collect();
        Some(Self { events: tape["events"].as_array()?.clone(), heard })
    }
}

/// Of each connection whose setup was taken, whether a session was taken up again.
pub(crate) fn resumed(folder: &Folder) -> Vec<bool> {
    let tapes = (1..).map_while(|number| std::fs::read(folder.0.join(format!("session-{number}.json"))).ok());
    let resumed = |tape: Vec<u8>| {
        let tape: Value = serde_json::from_slice(&tape).unwrap();
        let events = tape["events"].as_array().unwrap();
        events
            .iter()
            .find(|event| event["event"] == "setup_complete")
            .map(|event| event["resumed"].as_bool().unwrap())
    };
    tapes.filter_map(resumed).collect()
}

const LOOKS_EVERY: Duration = Duration::from_millis(20);
