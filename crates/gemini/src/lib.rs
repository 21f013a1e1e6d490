//! The words between proxy and Gemini Live.

#![forbid(unsafe_code)]
#![allow(missing_docs)]

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {}
#[derive(Clone, Debug, PartialEq)]
pub enum ClientMessage {}
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerMessage {}
