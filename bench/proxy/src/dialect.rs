//! What is said in a call: our wire, the service's own, the handbook's.

use crate::mark;
use crate::socket::{BINARY, Mouth, TEXT};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::time::Instant;

/// A way to talk with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Vivavoce,
    Gemini,
    Handbook,
}

/// The microphone: the same noise in every frame, but for the mark.
pub struct Microphone {
    dialect: Dialect,
    sound: Vec<u8>,
    letters: String,
    sent: u32,
}

impl Dialect {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "vivavoce" => Some(Self::Vivavoce),
            "gemini" => Some(Self::Gemini),
            "handbook" => Some(Self::Handbook),
            _ => None,
        }
    }

    pub const fn path(self) -> &'static str {
        match self {
            Self::Gemini => "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            Self::Vivavoce | Self::Handbook => "/ws",
        }
    }

    pub const fn protocol(self) -> Option<&'static str> {
        match self {
            Self::Vivavoce => Some("vivavoce.v1"),
            Self::Gemini | Self::Handbook => None,
        }
    }

    /// What a caller says first.
    pub const fn hello(self) -> Option<&'static str> {
        match self {
            Self::Vivavoce => Some(r#"{"type":"hello","audio":{"rate_hz":16000},"greeting":false}"#),
            Self::Gemini => Some(SETUP),
            Self::Handbook => None,
        }
    }

    /// Whether this tells a caller that somebody listens.
    pub fn is_ready(self, payload: &[u8]) -> bool {
        let word: &[u8] = match self {
            Self::Vivavoce => br#""ready""#,
            Self::Gemini | Self::Handbook => b"setupComplete",
        };
        payload.windows(word.len()).any(|found| found == word)
    }

    /// What switches the microphone off.
    pub const fn mute(self) -> Option<&'static str> {
        match self {
            Self::Vivavoce => Some(r#"{"type":"mute","muted":true}"#),
            Self::Gemini | Self::Handbook => None,
        }
    }

    /// How old the mark is in what came, if it is sound.
    pub fn age_us(self, payload: &[u8], origin: Instant) -> Option<u64> {
        match self {
            Self::Vivavoce => mark::age_us(payload.get(HEADER_BYTES..)?, origin),
            Self::Gemini | Self::Handbook => mark::age_in_json_us(payload, origin),
        }
    }
}

impl Microphone {
    pub fn new(dialect: Dialect) -> Self {
        let sound = noise(UP_BYTES);
        let letters = STANDARD.encode(&sound[mark::BYTES..]);
        Self { dialect, sound, letters, sent: 0 }
    }

    /// Says the next 20 ms, marked.
    pub async fn say(&mut self, mouth: &mut Mouth, origin: Instant) -> io::Result<()> {
        let mark = mark::of(origin);
        let sequence = self.sent;
        self.sent += 1;
        if self.dialect == Dialect::Vivavoce {
            let mut header = [0; HEADER_BYTES];
            header[0] = 1;
            header[8..12].copy_from_slice(&sequence.to_le_bytes());
            header[12..].copy_from_slice(&(u64::from(sequence) * 320).to_le_bytes());
            return mouth.say(BINARY, &[&header, &mark, &self.sound[mark::BYTES..]]).await;
        }
        let mut letters = [0; mark::LETTERS];
        STANDARD.encode_slice(mark, &mut letters).map_err(io::Error::other)?;
        let (before, after) = match self.dialect {
            Dialect::Handbook => (r#"{"type":"audio","audio":""#, r#""}"#),
            Dialect::Vivavoce | Dialect::Gemini => {
                (r#"{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":""#, r#""}}}"#)
            }
        };
        let parts = [before.as_bytes(), &letters, self.letters.as_bytes(), after.as_bytes()];
        mouth.say(TEXT, &parts).await
    }
}

/// Bytes that no codec makes small, the same every time.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(length).collect()
}

const SETUP: &str = r#"{"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]},"sessionResumption":{}}}"#;

/// 20 ms at 16 kHz.
const UP_BYTES: usize = 640;
/// Before the samples of our own frames.
const HEADER_BYTES: usize = 20;
