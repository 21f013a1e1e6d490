//! The audio lines: what stands between a sound card and the network, sample by sample.
//!
//! - [`recorder`]: microphone at any rate → frames of 16 kHz; made of
//!   [`mixdown`], [`resampler`], [`dc_block`], [`level`], [`framer`].
//! - [`player`]: turns of 24 kHz → loudspeaker at any rate, interruptible.
//! - [`jitter`]: how much of a turn waits before it sounds, learnt from how turns come.
//! - [`pcm`]: floating point to 16-bit integers and back.
//!
//! The one rule: a line never allocates, never panics, counts time in samples only, and gives the same
//! bits on every machine and for every block length. So tables come from `libm` in double precision,
//! sums have a fixed order, and every `new` is `const` and all zeros, so that a static line costs
//! no bytes in a module.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod dc_block;
pub mod framer;
pub mod jitter;
pub mod level;
pub mod mixdown;
pub mod pcm;
pub mod player;
pub mod recorder;
pub mod resampler;
pub mod speech;

mod kernel;

pub use framer::{FRAME_SAMPLES, Frame};
pub use level::Loudness;
pub use player::{MINUTE_SAMPLES, MODEL_HZ, Player};
pub use recorder::{MICROPHONE_HZ, Recorder};
pub use resampler::{RateError, Resampler};
