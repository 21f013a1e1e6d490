//! The machines of a call. They decide; they never wait, read a clock or touch the world.
//!
//! - [`moment`]: time, as an argument;
//! - [`client`]: the phone's half of a call;
//! - [`relay`]: the proxy's half;
//! - [`backoff`]: how long to wait before the next try.
//!
//! Each takes in one thing at a time by `handle(input, now)` and is then drained by `poll()` until it says
//! `Timeout`, which carries the moment at which it wants to be woken.

#![forbid(unsafe_code)]

pub mod backoff;
pub mod client;
pub mod moment;
pub mod relay;

pub use backoff::Backoff;
pub use client::{Client, ClientConfig, ClientEvent, ClientInput, ClientOutput, PlayerReport};
pub use moment::Moment;
pub use relay::{Relay, RelayConfig, RelayInput, RelayOutput};
