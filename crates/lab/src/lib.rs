//! The laboratory: where the playout is tried on networks that can be repeated, beside the rules of others.
//!
//! - [`arrivals`]: model networks, seeded.
//! - [`rules`]: when to begin to play: the product's rule and those of others.
//! - [`trace`]: arrivals as a file.
//! - [`random`]: the chance behind them.
//!
//! Nothing here is part of the product.

#![forbid(unsafe_code)]

pub mod arrivals;
pub mod random;
pub mod rules;
pub mod trace;
