//! A phone's socket until it has said who it is: one hello, in time, and judged.
//!
//! Whoever keeps the door reads nothing more of the socket between the hello and the verdict on it: what follows waits
//! in the network, and belongs to the call.

use crate::Moment;
use core::time::Duration;
use std::collections::VecDeque;
use vivavoce_wire::UPLINK_RATES_HZ;
use vivavoce_wire::message::{FromClient, Hello};
use vivavoce_wire::trouble::{Code, Trouble};

/// The door of one socket.
#[derive(Debug)]
pub struct Door {
    state: State,
    queue: VecDeque<DoorOutput>,
}

/// Where somebody at the door stands.
#[derive(Debug)]
enum State {
    /// Has yet to say hello.
    Waiting { by: Moment },
    /// The guard has yet to judge the hello.
    Judging { by: Moment, hello: Box<Hello> },
    /// Was let in, or sent away.
    Passed,
}

/// One thing that happened at the door.
#[derive(Clone, Debug)]
pub enum DoorInput {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary,
    /// The guard's verdict on the hello that was put to it by [`DoorOutput::Admit`].
    Verdict(Result<(), Trouble>),
    /// The moment asked for has come.
    Timeout,
}

/// One thing that the door wants done.
#[derive(Clone, Debug)]
pub enum DoorOutput {
    /// Judge this hello and answer by [`DoorInput::Verdict`].
    Admit(Box<Hello>),
    /// Let it in; the door is of no more use.
    Enter(Box<Hello>),
    /// Say this, and close the socket; the door is of no more use.
    SendAway(Trouble),
    /// Nothing more; wake me then.
    Timeout(Option<Moment>),
}

impl Door {
    /// A socket that has just opened, with `patience` for its hello.
    pub fn new(patience: Duration, now: Moment) -> Self {
        Self { state: State::Waiting { by: now + patience }, queue: VecDeque::new() }
    }

    /// Takes in one thing that happened at `now`.
    pub fn handle(&mut self, input: DoorInput, now: Moment) {
        match (core::mem::replace(&mut self.state, State::Passed), input) {
            (State::Waiting { .. }, DoorInput::Text(text)) => self.greet(&text, now),
            (State::Waiting { .. }, DoorInput::Binary) => {
                self.out_of_order("The first message must be hello; audio may follow it at once.");
            }
            (State::Judging { hello, .. }, DoorInput::Verdict(Ok(()))) => {
                self.queue.push_back(DoorOutput::Enter(hello));
            }
            (State::Judging { .. }, DoorInput::Verdict(Err(trouble))) => self.send_away(trouble),
            (State::Waiting { by }, _) if now >= by => self.send_away(Trouble::new(
                Code::HelloTimeout,
                "No hello came in time: it is the first message of every connection.",
            )),
            (State::Judging { by, .. }, _) if now >= by => {
                self.send_away(Trouble::new(Code::Internal, "The proxy could not check this call in time."));
            }
            (state, _) => self.state = state,
        }
    }

    /// The next thing to do; `Timeout` comes last, so drain until then.
    pub fn poll(&mut self) -> DoorOutput {
        let due = match self.state {
            State::Waiting { by } | State::Judging { by, .. } => Some(by),
            State::Passed => None,
        };
        self.queue.pop_front().unwrap_or(DoorOutput::Timeout(due))
    }

    fn greet(&mut self, text: &str, now: Moment) {
        if text.len() > MOST_HELLO_BYTES {
            return self.send_away(too_large(text.len(), MOST_HELLO_BYTES));
        }
        match FromClient::decode(text) {
            Ok(FromClient::Hello(hello)) => self.judge(hello, now),
            Ok(_) => self.out_of_order("The first message must be hello."),
            Err(error) => self.send_away(Trouble::misunderstood(Code::BadMessage, error)),
        }
    }

    fn judge(&mut self, hello: Hello, now: Moment) {
        let rate_hz = hello.audio.rate_hz;
        if !UPLINK_RATES_HZ.contains(&rate_hz) {
            let (least, most) = (UPLINK_RATES_HZ.start(), UPLINK_RATES_HZ.end());
            let message = format!("audio.rate_hz must be {least} to {most}; found {rate_hz}");
            return self.send_away(Trouble::misunderstood(Code::BadMessage, message));
        }
        self.queue.push_back(DoorOutput::Admit(Box::new(hello.clone())));
        self.state = State::Judging { by: now + VERDICT_PATIENCE, hello: Box::new(hello) };
    }

    fn out_of_order(&mut self, message: &str) {
        self.send_away(Trouble::misunderstood(Code::OutOfOrder, message));
    }

    fn send_away(&mut self, trouble: Trouble) {
        self.queue.push_back(DoorOutput::SendAway(trouble));
    }
}

/// A frame over a limit.
pub(crate) fn too_large(found_bytes: usize, most_bytes: usize) -> Trouble {
    let message = format!("A frame holds at most {most_bytes} bytes here; found {found_bytes}.");
    Trouble::new(Code::TooLarge, message)
}

/// A ticket, some 400 characters, and some words.
const MOST_HELLO_BYTES: usize = 4 * 1024;
/// Who is let in is looked up in a store that may be slow, not in one that is gone.
const VERDICT_PATIENCE: Duration = Duration::from_secs(10);
