//! Stories of sessions, told in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod answers;
mod faults;
mod interruption;
mod limits;
mod order;
mod questions;
mod resumption;
mod stage;
mod strictness;
mod tools;
