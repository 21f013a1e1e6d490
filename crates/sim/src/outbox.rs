//! What a session wants done.

use crate::script::Close;
use core::time::Duration;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// One thing that a session wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a frame.
    Send(Value),
    /// Send this text as a frame, JSON or not.
    SendRaw(String),
    /// Close the connection.
    Close(Close),
    /// Cut the connection without a word.
    Drop,
    /// Write something down; only where the script records.
    Tape(Tape),
    /// Nothing more; wake me then.
    Timeout(Option<Duration>),
}

/// What is written down of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Tape {
    /// 16 kHz as heard.
    Heard(Vec<i16>),
    /// 24 kHz s16le as sent; may end in the middle of a sample.
    Spoken(bytes::Bytes),
    /// Something that happened.
    Event(Value),
}

/// The queue of it.
#[derive(Debug)]
pub struct Outbox {
    queue: VecDeque<Output>,
    taping: bool,
}

impl Outbox {
    /// An empty one; `taping` says whether anything is written down.
    pub const fn new(taping: bool) -> Self {
        Self { queue: VecDeque::new(), taping }
    }

    /// Asks for one thing.
    pub fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    /// Asks for a frame to be sent.
    pub fn send(&mut self, frame: Value) {
        self.queue.push_back(Output::Send(frame));
    }

    /// The next thing.
    pub fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// Writes down samples as heard.
    pub fn tape_heard(&mut self, samples: Vec<i16>) {
        if self.taping {
            self.queue.push_back(Output::Tape(Tape::Heard(samples)));
        }
    }

    /// Writes down bytes as spoken.
    pub fn tape_spoken(&mut self, bytes: &bytes::Bytes) {
        if self.taping {
            self.queue.push_back(Output::Tape(Tape::Spoken(bytes.clone())));
        }
    }

    /// Writes down an event: `{"at_s": …, "event": …}` and the fields of `detail`.
    pub fn tape(&mut self, now: Duration, event: &str, detail: Value) {
        if !self.taping {
            return;
        }
        let mut entry = json!({"at_s": (now.as_secs_f64() * 1e6).round() / 1e6, "event": event});
        if let (Some(entry), Value::Object(detail)) = (entry.as_object_mut(), detail) {
            entry.extend(detail);
        }
        self.queue.push_back(Output::Tape(Tape::Event(entry)));
    }
}
