//! The phone's place in a call: who sits there, whether they live, and how long it is kept for one who is away.

use crate::Moment;
use core::time::Duration;
use vivavoce_wire::message::Hello;

/// The place of a phone.
#[derive(Debug)]
pub(super) struct Seat {
    /// How long it is kept.
    grace: Duration,
    state: State,
    /// Whether the call waits for a phone that is away.
    resumable: bool,
    /// Opens the call to the next connection; said with `ready`.
    secret: Option<String>,
    /// When the phone last said anything, and the pings since.
    quiet_since: Moment,
    pings: u32,
    ping_id: u64,
}

/// Who sits there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody yet.
    Empty,
    Taken,
    /// Nobody since then.
    Left(Moment),
}

/// What is due of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask for a sign of life, with this number.
    Ping(u64),
    /// None came: the phone is gone.
    Lost,
    /// It was away for too long.
    Over,
}

impl Seat {
    /// A place that is kept so long for one who leaves it.
    pub(super) const fn new(grace: Duration) -> Self {
        Self {
            grace,
            state: State::Empty,
            resumable: false,
            secret: None,
            quiet_since: Moment::ORIGIN,
            pings: 0,
            ping_id: 0,
        }
    }

    /// A phone sits down; whether another has to get up for it.
    pub(super) fn take(&mut self, hello: &Hello, secret: Option<String>, now: Moment) -> bool {
        let was_taken = self.is_taken();
        self.state = State::Taken;
        self.secret = secret.filter(|_| hello.resumable);
        self.resumable = self.secret.is_some();
        self.sign_of_life(now);
        was_taken
    }

    /// The phone is gone.
    pub(super) fn leave(&mut self, now: Moment) {
        self.state = State::Left(now);
    }

    /// Whether a phone is there to be told something.
    pub(super) fn is_taken(&self) -> bool {
        self.state == State::Taken
    }

    /// Whether it is kept for one who leaves it.
    pub(super) const fn is_kept(&self) -> bool {
        self.resumable
    }

    /// Whether it is kept for one who is away.
    pub(super) const fn is_parked(&self) -> bool {
        matches!(self.state, State::Left(_))
    }

    /// What opens the call to the next connection.
    pub(super) fn secret(&self) -> Option<String> {
        self.secret.clone()
    }

    /// The phone said something.
    pub(super) fn sign_of_life(&mut self, now: Moment) {
        self.quiet_since = now;
        self.pings = 0;
    }

    /// What is due by `now`; asking settles it.
    pub(super) fn look(&mut self, now: Moment) -> Option<Due> {
        if self.due_at().is_none_or(|due| now < due) {
            return None;
        }
        if self.is_parked() {
            return Some(Due::Over);
        }
        if self.pings >= MISSED_PINGS {
            return Some(Due::Lost);
        }
        // A process that slept asks once, not for all the pings that it missed.
        self.quiet_since = now - (QUIET + PONG_PATIENCE * self.pings);
        self.pings += 1;
        self.ping_id += 1;
        Some(Due::Ping(self.ping_id))
    }

    /// When something is due.
    pub(super) fn due_at(&self) -> Option<Moment> {
        match self.state {
            State::Empty => None,
            State::Taken => Some(self.quiet_since + QUIET + PONG_PATIENCE * self.pings),
            State::Left(since) => Some(since + self.grace),
        }
    }
}

/// Twice what a client waits before it asks by itself.
const QUIET: Duration = Duration::from_secs(10);
/// Longer than any round trip that one could hold a conversation over.
const PONG_PATIENCE: Duration = Duration::from_secs(5);
/// Pings without any sign of life until a phone counts as gone.
const MISSED_PINGS: u32 = 2;
