//! The words between browser and proxy, subprotocol [`SUBPROTOCOL`]; `docs/PROTOCOL.md` tells
//! them to people who write clients of their own.
//!
//! - [`audio`]: binary frames, either way;
//! - [`message`]: typed JSON, for all the rest;
//! - [`trouble`]: what went wrong, as a code, a sentence and a close code.
//!
//! Decoding never panics and never guesses: a value, or an error that says what was expected.

#![forbid(unsafe_code)]

pub mod audio;
mod json;
pub mod message;
mod reading;
pub mod trouble;
mod writing;

pub use audio::{AudioFrame, Codec, Kind};
pub use json::{Json, Writer, digits, joined};
pub use message::{FromClient, FromProxy};
pub use trouble::{Code, Trouble};

/// The WebSocket subprotocol that both sides name when they connect.
pub const SUBPROTOCOL: &str = "vivavoce.v1";

/// Rate of the model's voice, either in the service's words or in ours.
pub const MODEL_RATE_HZ: u32 = 24_000;

/// Rate at which the service listens; a client that speaks at another is resampled by the proxy.
pub const SPEECH_RATE_HZ: u32 = 16_000;

/// Lowest and highest rate that a client may declare for its microphone.
pub const UPLINK_RATES_HZ: core::ops::RangeInclusive<u32> = 8_000..=48_000;
