//! The laboratory: where the playout is tried on networks that can be repeated, beside the rules of others.
//!
//! - [`arrivals`]: model networks, seeded.
//! - [`playout`]: the real player, fed by a trace.
//! - [`rules`]: when to begin to play: the product's rule and those of others.
//! - [`command`]: what the examples have in common.
//! - [`trace`]: arrivals as a file.
//! - [`random`]: the chance behind them.
//! - [`wav`]: sound as a file.
//!
//! Nothing here is part of the product.

#![forbid(unsafe_code)]

pub mod arrivals;
pub mod command;
pub mod playout;
pub mod random;
pub mod rules;
pub mod trace;
pub mod wav;
