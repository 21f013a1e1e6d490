//! A faithful simulator of Gemini Live.

#![forbid(unsafe_code)]

pub mod answer;
pub mod dice;
pub mod ear;
pub mod model;
pub mod refusal;
pub mod script;
pub mod sound;
pub mod vad;
pub mod wav;
