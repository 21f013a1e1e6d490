//! The machines of a call. They decide; they never wait, read a clock or touch the world.
//!
//! - [`moment`]: time, as an argument;
//! - [`client`]: the phone's half of a call;
//! - [`door`]: a phone's socket until it has said who it is;
//! - [`relay`]: the proxy's half;
//! - [`backoff`]: how long to wait before the next try.
//!
//! Each takes in one thing at a time by `handle(input, now)` and is then drained by `poll()` until it says
//! `Timeout`, which carries the moment at which it wants to be woken.

#![forbid(unsafe_code)]

mod arrived;
pub mod backoff;
pub mod client;
pub mod door;
pub mod moment;
pub mod relay;

pub use backoff::Backoff;
pub use client::{Client, ClientConfig, ClientEvent, ClientInput, ClientOutput, PlayerReport};
pub use door::{Door, DoorInput, DoorOutput};
pub use moment::Moment;
pub use relay::{
    Begun, Earlier, Job, LOST, Relay, RelayConfig, RelayInput, RelayOutput, Shown, TOOL_MEMORY, Tool,
    ToolEnd, ToolOutcome, Tools, is_name,
};
