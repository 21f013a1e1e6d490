//! A pretend Gemini Live: it notes all that it is sent, and says what the story tells it to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
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
        }
    }
}

impl Service {
    pub(super) fn open(&mut self) {
        self.connection += 1;
        self.closed_at = None;
    }

    pub(super) fn closed(&mut self, now: Duration) {
        self.connection += 1;
        self.closed_at = Some(now);
    }

    pub(super) fn hears(&mut self, now: Duration, message: Value) {
        self.heard.push((now, Said::Message(message)));
    }

    pub(super) fn hears_audio(&mut self, now: Duration, pcm: &[u8], rate_hz: u32) {
        assert!(pcm.len().is_multiple_of(2) && !pcm.is_empty() && rate_hz > 0);
        let first = i16::from_le_bytes([pcm[0], pcm[1]]);
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
