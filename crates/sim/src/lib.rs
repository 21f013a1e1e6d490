//! A faithful simulator of Gemini Live.
#![forbid(unsafe_code)]

pub mod answer;
pub mod caller;
pub mod certificate;
pub mod conversation;
pub mod dice;
pub mod ear;
pub mod errand;
pub mod house;
pub mod judge;
pub mod memory;
pub mod model;
pub mod mouth;
pub mod outbox;
pub mod refusal;
pub mod reply;
pub mod said;
pub mod script;
pub mod session;
pub mod sound;
pub mod terms;
pub mod vad;
pub mod wav;
pub mod words;

mod clock;
mod mint;
mod recorder;
mod serve;
mod socket;

pub use certificate::{Certificate, CertificateError};
pub use script::{Script, ScriptError};
pub use serve::{Options, serve};
