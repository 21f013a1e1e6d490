//! A faithful simulator of Gemini Live: same paths, frames, closes and timing; it understands nothing.
//! `docs/SIMULATOR.md` is its manual.
//!
//! The core decides without a clock, a socket or a task; from the outside in:
//! - [`session`]: one connection, from its first frame to its close; [`outbox`] is what it wants done;
//! - [`judge`]: reads frames as strictly as the service, into [`terms`] and what was [`said`]; [`refusal`] has the
//!   words of every close, [`model`] what sets the models apart, [`caller`] who may come in;
//! - [`conversation`]: hears, thinks, answers, is interrupted, calls functions; its [`ear`] holds the [`vad`], its
//!   [`mouth`] an [`answer`] cut into pieces, its [`errand`]s the functions that run; [`reply`] and [`sound`] make
//!   answers up, [`words`] are the frames;
//! - [`house`]: what sessions share; [`memory`] is what a handle brings back;
//! - [`script`]: what to do otherwise; [`wav`] files, [`dice`] for chance that repeats itself.
//!
//! Around it the shell: [`serve()`], with a [`certificate`] for clients that insist on TLS.
//!
//! The one rule: time comes in as an argument, and a peer's bytes never do more than close its own connection.

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
