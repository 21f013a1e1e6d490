//! The audio lines: what stands between a sound card and the network, sample by sample.
//!
//! - [`resampler`]: any sample rate to any other, by a polyphase filter.
//! - [`pcm`]: floating point to 16-bit integers and back.
//!
//! The one rule: a line never allocates, never panics, counts time in samples only, and gives the same
//! bits on every machine and for every block length. So tables come from `libm` in double precision,
//! sums have a fixed order, and every `new` is `const` and all zeros, so that a static line costs
//! no bytes in a module.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod pcm;
pub mod resampler;

mod kernel;

pub use resampler::{RateError, Resampler};
