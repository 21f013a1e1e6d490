//! The proxy: keeps the key, relays calls, serves the page; and `talk`, which calls a proxy from a terminal.
//!
//! - [`command`], [`program`]: the command line, and what each command does;
//! - [`config`], [`environment`], [`section`]: the settings, the secrets, and a TOML table read key by key;
//! - `setup`, `upstream`, `simulator`: what the service is asked for, which service that is, and the built-in one;
//! - [`server`], `routes`, `page`, `upgrade`: the port, the paths on it, the page's files, and how a request becomes
//!   a socket;
//! - `house`, `rules`, [`reload`]: what all calls share, what those that begin now are led by, and how that changes;
//! - `admission`, `addresses`, `rooms`, `meter`, `depth`, `tools`: who may call and who vouches for them, from where, how many
//!   at one time, how much and how deep they may send, and what the model may use;
//! - [`budget`]: what a user may use in a day;
//! - [`decoders`]: those of strangers' words, opened for fuzzers;
//! - `desks`, `priority`, `ahead`: the threads on which calls are led, those that give way to them, and the calls there that do;
//! - `frames`, `socket`, `dial`: WebSockets as they lie in memory, over a stream, and opened by us;
//! - `call`, `phone`, `outbox`, `service`, `link`, `uplink`, `bells`, `alarm`: one call, its two ends, the sound between them, and its
//!   clock;
//! - `metrics`, `histogram`, `awaited`: what operators are told, times among it, and how long an answer was waited for;
//! - [`talk`]: the other side, from a terminal.
//!
//! The one rule: what is decided about a call is decided by `vivavoce_session::Relay`; here it is only carried out.
//! Nothing here logs a key, a ticket, a transcript or sound.

#![forbid(unsafe_code)]

mod addresses;
mod admission;
mod ahead;
mod alarm;
mod awaited;
mod bells;
pub mod budget;
mod call;
mod calls;
pub mod command;
pub mod config;
pub mod decoders;
mod depth;
mod desks;
mod dial;
mod entry;
pub mod environment;
mod files;
mod frames;
mod greeting;
mod histogram;
mod house;
mod line;
mod link;
mod meter;
mod metrics;
mod node;
mod outbox;
mod page;
mod phone;
mod post;
mod priority;
pub mod program;
pub mod reload;
mod rooms;
mod routes;
mod rules;
pub mod section;
pub mod server;
mod service;
mod setup;
mod simulator;
mod socket;
mod store;
mod stream;
pub mod talk;
#[cfg(feature = "otel")]
mod telemetry;
mod tools;
mod upgrade;
mod uplink;
mod upstream;
