//! One connection, from its first frame to its close. Holds no clock and no socket.

use crate::caller::Caller;
use crate::conversation::Conversation;
use crate::dice::Dice;
use crate::house::House;
use crate::judge::{self, Frame};
use crate::memory::Memory;
use crate::outbox::{Outbox, Output};
use crate::refusal;
use crate::script::Close;
use crate::terms::Terms;
use crate::words;
use bytes::Bytes;
use core::time::Duration;
use serde_json::{Value, json};
use std::sync::Arc;

/// One thing that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A frame came, text or binary.
    Frame(Bytes),
    /// The client closed, or is gone (1006).
    Gone {
        /// The close code.
        code: u16,
    },
    /// The moment asked for has come.
    Timeout,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    house: Arc<House>,
    caller: Caller,
    connection: u64,
    opened: Duration,
    dice: Dice,
    out: Outbox,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was said.
    Fresh,
    /// The setup is being judged.
    SettingUp(Box<SettingUp>),
    /// The conversation goes on.
    Open(Box<Open>),
    /// Closed.
    Over,
}

#[derive(Debug)]
struct SettingUp {
    due: Duration,
    verdict: Result<(Terms, Memory), Close>,
    /// Frames that came too early.
    early: Vec<Bytes>,
    early_bytes: usize,
}

#[derive(Debug)]
struct Open {
    conversation: Conversation,
    ends: Duration,
    end: Close,
    go_away: Option<(Duration, Duration)>,
}

impl Session {
    /// A connection that was opened at `now`. Time counts from the same origin for all sessions of a house.
    pub fn new(house: Arc<House>, caller: Caller, now: Duration) -> Self {
        let connection = house.enter();
        let script = house.script();
        let dice = Dice::new(script.seed.wrapping_mul(31).wrapping_add(connection));
        let mut out = Outbox::new(script.record.is_some());
        out.tape(now, "connected", json!({"connection": connection, "version": caller.version.name()}));
        Self { house, caller, connection, opened: now, dice, out, stage: Stage::Fresh }
    }

    /// Number of the connection, from 1.
    pub const fn connection(&self) -> u64 {
        self.connection
    }

    /// Takes in one thing that happened at `now`.
    pub fn handle(&mut self, input: Input, now: Duration) {
        let done = match input {
            Input::Frame(bytes) => self.take(bytes, now),
            Input::Timeout => Ok(()),
            Input::Gone { code } => {
                self.out.tape(now, "gone", json!({"code": code}));
                self.leave(now);
                return;
            }
        };
        if let Err(close) = done.and_then(|()| self.tick(now)) {
            self.close(close, now);
        }
    }

    /// The next thing to do; [`Output::Timeout`] comes last, so drain until then.
    pub fn poll(&mut self) -> Output {
        match self.out.pop() {
            Some(Output::Drop) => {
                self.stage = Stage::Over;
                Output::Drop
            }
            Some(output) => output,
            None => Output::Timeout(self.due()),
        }
    }

    /// Whether nothing more will happen.
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    fn take(&mut self, bytes: Bytes, now: Duration) -> Result<(), Close> {
        match &mut self.stage {
            Stage::Fresh => {
                let Frame::Setup(setup) = judge::read(&bytes)? else { return Err(refusal::setup_order()) };
                self.set_up(&setup, now);
                Ok(())
            }
            Stage::SettingUp(setting) => setting.hold(bytes),
            Stage::Open(open) => match judge::read(&bytes)? {
                Frame::Setup(_) => Err(refusal::setup_order()),
                Frame::Word(word) => match judge::said(word)? {
                    Some(said) => open.conversation.hear(said, now, &mut self.out),
                    None => Ok(()),
                },
            },
            Stage::Over => Ok(()),
        }
    }

    fn set_up(&mut self, setup: &Value, now: Duration) {
        let [least, most] = self.house.script().connection.setup_ms;
        let delay = self.dice.between(f64::from(least), f64::from(most));
        let verdict = self.judge(setup, now);
        let due = now + Duration::from_secs_f64(delay / 1000.0);
        self.stage =
            Stage::SettingUp(Box::new(SettingUp { due, verdict, early: Vec::new(), early_bytes: 0 }));
    }

    fn judge(&self, setup: &Value, now: Duration) -> Result<(Terms, Memory), Close> {
        let token = self.caller.admit(&self.house, now)?;
        let setup = judge::locked(setup, token.as_ref());
        self.caller.spend(&self.house, judge::names_a_handle(&setup), now)?;
        let terms = judge::setup(&setup, self.caller.version, self.house.script())?;
        let memory = match &terms.handle {
            Some(handle) => self.house.resume(handle, &terms.model, self.connection, now)?,
            None => Memory::default(),
        };
        let limit = seconds(self.house.script().connection.session_s);
        if terms.compression.is_none() && memory.age >= limit {
            return Err(refusal::expired_session());
        }
        Ok((terms, memory))
    }

    fn tick(&mut self, now: Duration) -> Result<(), Close> {
        if matches!(&self.stage, Stage::SettingUp(setting) if setting.due <= now)
            && let Stage::SettingUp(setting) = core::mem::replace(&mut self.stage, Stage::Over)
        {
            let SettingUp { verdict, early, .. } = *setting;
            let (terms, memory) = verdict?;
            self.open(terms, memory, now);
            for bytes in early {
                self.take(bytes, now)?;
            }
        }
        if matches!(self.stage, Stage::Fresh) && self.ends() <= now {
            return Err(self.house.script().connection.end.clone());
        }
        let Stage::Open(open) = &mut self.stage else { return Ok(()) };
        open.conversation.tick(now, &mut self.out)?;
        if let Some((at, left)) = open.go_away
            && at <= now
        {
            open.go_away = None;
            self.out.tape(now, "go_away", json!({"left_s": left.as_secs_f64()}));
            self.out.send(words::go_away(left));
        }
        if open.ends <= now { Err(open.end.clone()) } else { Ok(()) }
    }

    fn open(&mut self, terms: Terms, memory: Memory, now: Duration) {
        let mut conversation =
            Conversation::new(Arc::clone(&self.house), self.connection, terms, memory, now);
        conversation.greet(now, &mut self.out);
        let rules = &self.house.script().connection;
        let (mut ends, mut end) = (self.ends(), rules.end.clone());
        let oldest = now + seconds(rules.session_s).saturating_sub(conversation.age(now));
        if !conversation.is_compressed() && oldest < ends {
            (ends, end) = (oldest, refusal::aborted());
        }
        let left = seconds(rules.go_away_lead_s);
        let go_away =
            (left > Duration::ZERO).then(|| (ends.saturating_sub(left), left.min(ends.saturating_sub(now))));
        self.stage = Stage::Open(Box::new(Open { conversation, ends, end, go_away }));
    }

    /// When this connection ends, whatever is said on it.
    fn ends(&self) -> Duration {
        self.opened.saturating_add(seconds(self.house.script().connection.length_s))
    }

    fn due(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Fresh => Some(self.ends()),
            Stage::Over => None,
            Stage::SettingUp(setting) => Some(setting.due),
            Stage::Open(open) => {
                let go_away = open.go_away.map(|(at, _)| at);
                [Some(open.ends), go_away, open.conversation.due()].into_iter().flatten().min()
            }
        }
    }

    fn close(&mut self, close: Close, now: Duration) {
        self.out.tape(now, "close", json!({"code": close.code, "reason": close.cut_reason()}));
        self.out.push(Output::Close(close));
        self.leave(now);
    }

    fn leave(&mut self, now: Duration) {
        self.stage = Stage::Over;
        self.house.leave(self.connection, now);
    }
}

impl SettingUp {
    /// Clients shall wait for the answer to their setup; those that do not are heard afterwards.
    fn hold(&mut self, bytes: Bytes) -> Result<(), Close> {
        self.early_bytes += bytes.len();
        if self.early_bytes > MOST_EARLY_BYTES {
            return Err(refusal::invalid_argument());
        }
        self.early.push(bytes);
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.house.leave(self.connection, self.opened);
    }
}

/// The script checks its seconds; what is too long for a `Duration` never comes.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER)
}

/// Frames before the answer to the setup: some ten seconds of audio.
const MOST_EARLY_BYTES: usize = 1 << 20;
/// A century.
const FOREVER: Duration = Duration::from_secs(3_155_760_000);
