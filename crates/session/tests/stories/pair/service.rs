//! A pretend Gemini Live: it notes all that it is sent, and says what the story tells it to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a relay talks with.
pub(crate) struct Service {
    /// Time that anything takes, one way.
    pub(crate) latency: Duration,
    /// Time that it takes over a setup.
    pub(crate) setup_time: Duration,
    /// Closes instead of opening.
    pub(crate) refuses_to_open: Option<(u16, String)>,
    /// Closes instead of answering the setup.
    pub(crate) refuses_setup: Option<(u16, String)>,
    /// Never answers the setup.
    pub(crate) is_mute: bool,
    /// What it was sent, over all connections.
    pub(crate) heard: Vec<(Duration, Said)>,
    /// When its socket was closed by the relay.
    pub(crate) closed_at: Option<Duration>,
    /// Number of the connection that is open.
    pub(super) connection: u32,
    /// Whether the relay holds a socket of it.
    pub(super) is_connected: bool,
    took_setup: bool,
    /// Every setup that it was sent, and when.
    pub(crate) setups: Vec<(Duration, Value)>,
    /// What its session knows of what it was sent, and when each came; a handle brings back what it knew when it was given.
    pub(crate) history: Vec<(Duration, Said)>,
    handles: BTreeMap<String, Vec<(Duration, Said)>>,
    /// When each handle reached the relay.
    pub(crate) handed: Vec<Duration>,
    /// Models that it knows; all, if none is named.
    pub(crate) models: Vec<String>,
    /// Whether it takes its own handles.
    pub(crate) forgets_handles: bool,
}

/// One thing that it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// So many samples, and the first.
    Audio { samples: usize, first: i16 },
    /// A message.
    Message(Value),
}

impl Default for Service {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(30),
            setup_time: Duration::from_millis(100),
            refuses_to_open: None,
            refuses_setup: None,
            is_mute: false,
            heard: Vec::new(),
            closed_at: None,
            connection: 0,
            is_connected: false,
            took_setup: false,
            setups: Vec::new(),
            history: Vec::new(),
            handles: BTreeMap::new(),
            handed: Vec::new(),
            models: Vec::new(),
            forgets_handles: false,
        }
    }
}

impl Service {
    pub(super) fn open(&mut self) {
        assert!(!self.is_connected, "a socket is opened before the other was closed");
        self.connection += 1;
        self.closed_at = None;
        self.is_connected = true;
        self.took_setup = false;
    }

    pub(super) fn closed(&mut self, now: Duration) {
        assert!(self.is_connected, "a socket is closed twice");
        self.lost();
        self.closed_at = Some(now);
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self) {
        self.connection += 1;
        self.is_connected = false;
    }

    pub(super) fn hears(&mut self, now: Duration, message: Value) {
        assert!(self.is_connected, "{message} is said to nobody");
        if message.get("setup").is_some() {
            self.setups.push((now, message["setup"].clone()));
        } else {
            self.history.push((now + self.latency, Said::Message(message.clone())));
        }
        self.heard.push((now, Said::Message(message)));
    }

    /// Whether it took a setup over the connection that is open, and may say something.
    pub(crate) fn listens(&self) -> bool {
        self.is_connected && self.took_setup
    }

    /// What it answers to a setup: nothing if it takes it, else how it closes.
    pub(super) fn judges(&mut self, setup: &Value) -> Option<(u16, String)> {
        let model = setup["model"].as_str().unwrap().trim_start_matches("models/").to_owned();
        if !self.models.is_empty() && !self.models.contains(&model) {
            return Some((1008, format!("models/{model} is not found for API version v1beta, or")));
        }
        let handle = setup["sessionResumption"]["handle"].as_str();
        let session = handle.map_or_else(|| Some(Vec::new()), |handle| self.handles.get(handle).cloned());
        match session.filter(|_| handle.is_none() || !self.forgets_handles) {
            Some(history) => self.history = history,
            None => return Some((1008, "Requested entity was not found.".into())),
        }
        self.took_setup = self.refuses_setup.is_none();
        self.refuses_setup.clone()
    }

    /// Gives a handle for all that it knows by `now`.
    pub(super) fn gives_handle(&mut self, now: Duration) -> Value {
        let known = self.history.iter().filter(|(came, _)| *came <= now).cloned().collect();
        let handle = format!("handle-{}", self.handles.len() + 1);
        self.handles.insert(handle.clone(), known);
        self.handed.push(now + self.latency);
        json!({"sessionResumptionUpdate": {"newHandle": handle, "resumable": true}})
    }

    /// Samples of each value that its session knows of, in the order in which they came.
    pub(crate) fn known(&self) -> Vec<(i16, usize)> {
        let mut known: Vec<(i16, usize)> = Vec::new();
        for (_, said) in &self.history {
            let Said::Audio { samples, first } = said else { continue };
            match known.last_mut() {
                Some((value, count)) if value == first => *count += samples,
                Some(_) | None => known.push((*first, *samples)),
            }
        }
        known
    }

    pub(super) fn hears_audio(&mut self, now: Duration, pcm: &[u8], rate_hz: u32) {
        assert!(pcm.len().is_multiple_of(2) && !pcm.is_empty() && rate_hz > 0);
        assert!(self.is_connected, "sound is sent to nobody");
        let first = i16::from_le_bytes([pcm[0], pcm[1]]);
        self.history.push((now + self.latency, Said::Audio { samples: pcm.len() / 2, first }));
        self.heard.push((now, Said::Audio { samples: pcm.len() / 2, first }));
    }

    /// The samples with this value that it was sent.
    pub(crate) fn samples_of(&self, sample: i16) -> usize {
        let count = |(_, said): &(Duration, Said)| match said {
            Said::Audio { samples, first } if *first == sample => *samples,
            Said::Audio { .. } | Said::Message(_) => 0,
        };
        self.heard.iter().map(count).sum()
    }

    /// The first sample of each piece of sound that it was sent.
    pub(crate) fn sounds(&self) -> Vec<i16> {
        let sound = |(_, said): &(Duration, Said)| match said {
            Said::Audio { first, .. } => Some(*first),
            Said::Message(_) => None,
        };
        self.heard.iter().filter_map(sound).collect()
    }

    /// The messages that it was sent.
    pub(crate) fn messages(&self) -> Vec<&Value> {
        let message = |(_, said): &'_ (Duration, Said)| matches!(said, Said::Message(_));
        self.heard
            .iter()
            .filter(|heard| message(heard))
            .map(|(_, said)| match said {
                Said::Message(message) => message,
                Said::Audio { .. } => unreachable!("filtered"),
            })
            .collect()
    }

    /// How many streams were ended.
    pub(crate) fn stream_ends(&self) -> usize {
        let ends = |message: &&Value| message["realtimeInput"]["audioStreamEnd"] == true;
        self.messages().into_iter().filter(ends).count()
    }
}

/// A message with speech of the model: so many samples of this value.
pub(crate) fn speech(sample: i16, samples: usize) -> Value {
    let data = STANDARD.encode(sample.to_le_bytes().repeat(samples));
    json!({"serverContent": {"modelTurn": {"role": "model", "parts": [
        {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
    ]}}})
}
