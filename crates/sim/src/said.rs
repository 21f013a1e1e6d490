//! What a client says after its setup, as the conversation takes it.

use bytes::Bytes;
use serde_json::Value;

/// One thing that a client says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Audio.
    Audio {
        /// s16le, mono.
        bytes: Bytes,
        /// Its declared rate.
        rate_hz: u32,
    },
    /// A still picture.
    Video,
    /// Typed text.
    Text(String),
    /// `audioStreamEnd`.
    StreamEnd,
    /// `activityStart`.
    ActivityStart,
    /// `activityEnd`.
    ActivityEnd,
    /// `clientContent`.
    Content {
        /// What it adds to the history: whether the model said it, and its text.
        turns: Vec<(bool, String)>,
        /// Whether an answer is wanted.
        complete: bool,
    },
    /// `toolResponse`.
    Responses(Vec<Response>),
}

/// One response to a function call.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The call's id.
    pub id: String,
    /// What came of it.
    pub result: Value,
    /// When the model shall speak of it.
    pub scheduling: Scheduling,
    /// Whether more follow for the same id.
    pub will_continue: bool,
}

/// When the model speaks of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheduling {
    /// Never.
    Silent,
    /// After what it is saying.
    #[default]
    WhenIdle,
    /// At once.
    Interrupt,
}
