//! One session, a pretend client, and a clock that is turned by hand.

use core::time::Duration;
use serde_json::{Value, json};
use std::sync::Arc;
use vivavoce_sim::Script;
use vivavoce_sim::caller::{Caller, Credential};
use vivavoce_sim::house::House;
use vivavoce_sim::model::Version;
use vivavoce_sim::outbox::Output;
use vivavoce_sim::session::{Input, Session};

pub(crate) struct Stage {
    session: Session,
    now: Duration,
    /// What the client got, and when.
    pub(crate) frames: Vec<(Duration, Value)>,
    pub(crate) raw: Vec<String>,
    pub(crate) closed: Option<(u16, String)>,
    pub(crate) dropped: bool,
    /// Frames that were looked at already.
    seen: usize,
}

pub(crate) const MODEL_38: &str = "models/gemini-3.8-live";
pub(crate) const MODEL_31: &str = "models/gemini-3.1-flash-live-preview";
pub(crate) const MODEL_25: &str = "models/gemini-2.5-flash-native-audio-preview-12-2025";
pub(crate) const MODEL_THINKING: &str = "models/gemini-3.8-live-extended-thinking";

/// The house of a script.
pub(crate) fn house(script: &str) -> Arc<House> {
    Arc::new(House::new(Script::parse(script).expect("the story's script")))
}

/// The setup of most stories.
pub(crate) fn setup(model: &str) -> Value {
    json!({"model": model, "generationConfig": {"responseModalities": ["AUDIO"]},
        "inputAudioTranscription": {}, "outputAudioTranscription": {}})
}

/// The same with some fields more.
pub(crate) fn setup_with(model: &str, more: &Value) -> Value {
    let mut setup = setup(model);
    for (name, value) in more.as_object().expect("fields") {
        setup[name] = value.clone();
    }
    setup
}

pub(crate) fn caller(version: Version) -> Caller {
    Caller { version, constrained: false, credential: Credential::Key("key".into()) }
}

impl Stage {
    /// A connection before its setup.
    pub(crate) fn connect(house: &Arc<House>, caller: Caller, now: Duration) -> Self {
        let session = Session::new(Arc::clone(house), caller, now);
        let mut stage =
            Self { session, now, frames: vec![], raw: vec![], closed: None, dropped: false, seen: 0 };
        stage.drain();
        stage
    }

    /// A connection after its setup.
    pub(crate) fn open(house: &Arc<House>, setup: &Value, now: Duration) -> Self {
        let mut stage = Self::connect(house, caller(Version::V1beta), now);
        stage.send(&json!({"setup": setup}));
        stage.pass(0.3);
        stage
    }

    /// The usual story: one house, one session.
    pub(crate) fn begin(script: &str, setup: &Value) -> Self {
        let mut stage = Self::open(&house(script), setup, Duration::ZERO);
        assert!(stage.next("setupComplete").is_some(), "{:?}", stage.closed);
        stage
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// The client says something.
    pub(crate) fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.session.handle(Input::Frame(text.to_owned().into()), self.now);
        self.drain();
    }

    /// The client hangs up.
    pub(crate) fn leave(&mut self) {
        self.session.handle(Input::Gone { code: 1000 }, self.now);
        self.drain();
    }

    /// Time passes without a word of the client.
    pub(crate) fn pass(&mut self, seconds: f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        while let Output::Timeout(Some(due)) = self.session.poll()
            && due <= until
        {
            self.now = self.now.max(due);
            self.session.handle(Input::Timeout, self.now);
            self.drain();
        }
        self.now = until;
    }

    /// The client speaks in real time: a buzz that swells and falls.
    pub(crate) fn speak(&mut self, seconds: f64) {
        self.stream(seconds, 6_000.0);
    }

    /// The same some 36 dB below.
    pub(crate) fn whisper(&mut self, seconds: f64) {
        self.stream(seconds, 90.0);
    }

    /// The client sends silence in real time.
    pub(crate) fn be_silent(&mut self, seconds: f64) {
        self.stream(seconds, 0.0);
    }

    /// The client says a sentence of so many seconds and waits until it is over.
    pub(crate) fn say(&mut self, seconds: f64) {
        self.speak(seconds);
        self.be_silent(1.0);
    }

    fn stream(&mut self, seconds: f64, peak: f64) {
        for frame in 0..(seconds * 50.0).round() as usize {
            let wave = |n: usize| {
                let t = (frame * 320 + n) as f64 / 16_000.0;
                let syllable = 0.55 - 0.45 * (t * 4.0 * core::f64::consts::TAU).cos();
                (peak * syllable * (t * 220.0 * core::f64::consts::TAU).sin()) as i16
            };
            let pcm: Vec<u8> = (0..320).flat_map(|n| wave(n).to_le_bytes()).collect();
            let data = encode(&pcm);
            self.send(
                &json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": data}}}),
            );
            self.pass(0.02);
        }
    }

    /// The next frame from here on that has a field, skipping all others.
    pub(crate) fn next(&mut self, field: &str) -> Option<Value> {
        let at = self.frames[self.seen..].iter().position(|(_, frame)| has(frame, field))?;
        self.seen += at + 1;
        Some(self.frames[self.seen - 1].1.clone())
    }

    /// When that frame came.
    pub(crate) fn seen_at(&self) -> Duration {
        self.frames[self.seen - 1].0
    }

    /// How many frames have a field.
    pub(crate) fn count(&self, field: &str) -> usize {
        self.frames.iter().filter(|(_, frame)| has(frame, field)).count()
    }

    /// Names of what came, in order, pieces of audio and words told once.
    pub(crate) fn story(&self) -> Vec<&'static str> {
        let mut story = Vec::new();
        for (_, frame) in &self.frames {
            for field in FIELDS {
                if has(frame, field) && story.last() != Some(&field) {
                    story.push(field);
                }
            }
        }
        story
    }

    /// All transcripts of one kind, joined.
    pub(crate) fn transcript(&self, field: &str) -> String {
        self.frames.iter().filter_map(|(_, frame)| frame["serverContent"][field]["text"].as_str()).collect()
    }

    /// All audio, decoded.
    pub(crate) fn audio(&self) -> Vec<u8> {
        let parts = self.frames.iter().flat_map(|(_, frame)| {
            frame["serverContent"]["modelTurn"]["parts"].as_array().cloned().unwrap_or_default()
        });
        parts.flat_map(|part| decode(part["inlineData"]["data"].as_str().unwrap_or_default())).collect()
    }

    /// The newest handle.
    pub(crate) fn handle(&self) -> Option<String> {
        let updates = self.frames.iter().rev();
        let mut handles =
            updates.filter_map(|(_, frame)| frame["sessionResumptionUpdate"]["newHandle"].as_str());
        handles.next().map(str::to_owned)
    }

    fn drain(&mut self) {
        loop {
            match self.session.poll() {
                Output::Send(frame) => self.frames.push((self.now, frame)),
                Output::SendRaw(text) => self.raw.push(text),
                Output::Close(close) => self.closed = Some((close.code, close.cut_reason().to_owned())),
                Output::Drop => self.dropped = true,
                Output::Tape(_) => {}
                Output::Timeout(_) => return,
            }
        }
    }
}

/// Whether a frame has a field, at its top or in its content.
pub(crate) fn has(frame: &Value, field: &str) -> bool {
    frame.get(field).is_some() || frame["serverContent"].get(field).is_some()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("the service writes base64")
}

const FIELDS: [&str; 13] = [
    "setupComplete",
    "voiceActivity",
    "inputTranscription",
    "interrupted",
    "modelTurn",
    "generationComplete",
    "turnComplete",
    "toolCall",
    "toolCallCancellation",
    "sessionResumptionUpdate",
    "goAway",
    "error",
    "interactionStatus",
];
