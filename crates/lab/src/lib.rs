//! The laboratory: where the playout is tried on networks that can be repeated, beside the rules of others.
//!
//! - [`arrivals`]: model networks, seeded.
//! - [`trace`]: arrivals as a file.
//! - [`random`]: the chance behind them.
//!
//! Nothing here is part of the product.

#![forbid(unsafe_code)]

pub mod arrivals;
pub mod random;
pub mod trace;
