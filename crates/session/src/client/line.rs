//! The connection to the proxy: opened, kept alive, lost and sought again.

use crate::{Backoff, Moment};
use core::time::Duration;

/// Where a call stands with its connections.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) phase: Phase,
    backoff: Backoff,
    /// Whether a socket ever opened: tells an unreachable proxy from a lost network.
    reached: bool,
    /// When the present row of failures began.
    lost_at: Option<Moment>,
    /// When the proxy last said anything, and the pings since.
    quiet_since: Moment,
    pings: u32,
    ping_id: u64,
}

/// Where a call stands, with what only that place needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    /// A socket was asked for.
    Opening {
        give_up_at: Moment,
    },
    /// Hello was said.
    Open {
        ready_by: Moment,
        ready_at: Option<Moment>,
    },
    /// Waits before the next socket.
    Waiting {
        until: Moment,
    },
    /// Said goodbye; the proxy may say it too.
    Leaving {
        until: Moment,
    },
    Over,
}

/// What time brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Another socket is to be opened.
    Open,
    /// The socket does not open in time.
    NeverOpened,
    /// The proxy shows no sign of life.
    Silent,
    /// Ask it for one, with this number.
    Ping(u64),
    /// It does not answer the goodbye.
    Left,
}

impl Line {
    /// No connection so far; `seed` decides the jitter of the waits.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            phase: Phase::Idle,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, seed),
            reached: false,
            lost_at: None,
            quiet_since: Moment::ORIGIN,
            pings: 0,
            ping_id: 0,
        }
    }

    /// A socket is asked for.
    pub(super) fn open(&mut self, now: Moment) {
        self.phase = Phase::Opening { give_up_at: now + OPEN_PATIENCE };
    }

    /// The socket is open; says whether it was awaited.
    pub(super) fn opened(&mut self, now: Moment) -> bool {
        if !matches!(self.phase, Phase::Opening { .. }) {
            return false;
        }
        self.phase = Phase::Open { ready_by: now + READY_PATIENCE, ready_at: None };
        self.reached = true;
        self.word_came(now)
    }

    /// The proxy is ready; says whether it was not yet.
    pub(super) fn ready(&mut self, now: Moment) -> bool {
        let Phase::Open { ready_by, ready_at: None } = self.phase else { return false };
        self.phase = Phase::Open { ready_by, ready_at: Some(now) };
        true
    }

    /// The proxy spoke; says whether there is a connection that it could speak on.
    pub(super) fn word_came(&mut self, now: Moment) -> bool {
        self.quiet_since = now;
        self.pings = 0;
        matches!(self.phase, Phase::Open { .. } | Phase::Leaving { .. })
    }

    /// The socket is gone and is to be had again, not before so long; whether there is any hope left. A network that is
    /// away is waited for as long as the person wants; a proxy that `complains` again and again is not.
    pub(super) fn lose(&mut self, least_ms: u64, complains: bool, now: Moment) -> bool {
        if self.lasted(if complains { STEADY } else { OF_USE }, now) {
            self.lost_at = None;
            self.backoff.reset();
        }
        let lost_at = *self.lost_at.get_or_insert(now);
        if complains && (self.backoff.tries() >= MOST_TRIES || now.since(lost_at) >= LONGEST_SEARCH) {
            return false;
        }
        let mut wait = self.backoff.wait();
        if !complains && now.since(lost_at) < HURRY {
            wait = wait.min(HURRIED_WAIT);
        }
        let wait = wait.max(Duration::from_millis(least_ms).min(LONGEST_WAIT));
        self.phase = Phase::Waiting { until: now + wait };
        true
    }

    /// There is reason to believe that the next try succeeds: it is made now. One that has been under way for long was made
    /// over a network that is gone.
    pub(super) fn hurry(&mut self, now: Moment) {
        match &mut self.phase {
            Phase::Waiting { until } => *until = now,
            Phase::Opening { give_up_at } if self.lost_at.is_some() && *give_up_at <= now + HOPE => {
                *give_up_at = now;
            }
            _ => {}
        }
    }

    /// There is reason to doubt that the connection lives: it is asked now.
    pub(super) fn doubt(&mut self, now: Moment) {
        if self.pings == 0 {
            self.quiet_since = now - PING_AFTER;
        }
    }

    /// Said goodbye.
    pub(super) fn leave(&mut self, now: Moment) {
        self.phase = Phase::Leaving { until: now + BYE_PATIENCE };
    }

    /// What is due by `now`; asking settles it.
    pub(super) fn look(&mut self, now: Moment) -> Option<Due> {
        if self.due_at().is_none_or(|due| now < due) {
            return None;
        }
        match self.phase {
            Phase::Opening { .. } => Some(Due::NeverOpened),
            Phase::Open { ready_by, ready_at: None } if now >= ready_by => Some(Due::Silent),
            Phase::Open { .. } if self.pings >= MISSED_PINGS => Some(Due::Silent),
            Phase::Open { .. } => {
                // After a long sleep one ping is asked, not all that were missed.
                self.quiet_since = now - (PING_AFTER + PONG_PATIENCE * self.pings);
                self.pings += 1;
                self.ping_id += 1;
                Some(Due::Ping(self.ping_id))
            }
            Phase::Waiting { .. } => Some(Due::Open),
            Phase::Leaving { .. } => Some(Due::Left),
            Phase::Idle | Phase::Over => None,
        }
    }

    /// When something is due.
    pub(super) fn due_at(&self) -> Option<Moment> {
        let sign = self.quiet_since + PING_AFTER + PONG_PATIENCE * self.pings;
        match self.phase {
            Phase::Idle | Phase::Over => None,
            Phase::Opening { give_up_at } => Some(give_up_at),
            Phase::Open { ready_by, ready_at: None } => Some(ready_by.min(sign)),
            Phase::Open { ready_at: Some(_), .. } => Some(sign),
            Phase::Waiting { until } | Phase::Leaving { until } => Some(until),
        }
    }

    /// Whether hello was said and the socket is open.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// Whether somebody listens.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Open { ready_at: Some(_), .. })
    }

    /// Whether a socket ever opened.
    pub(super) const fn was_reached(&self) -> bool {
        self.reached
    }

    /// Whether a connection is sought that there was before.
    pub(super) const fn is_lost(&self) -> bool {
        self.lost_at.is_some()
    }

    /// Whether the connection lasted long enough for its end to be another matter than the end before.
    pub(super) fn was_steady(&self, now: Moment) -> bool {
        self.lasted(STEADY, now)
    }

    fn lasted(&self, time: Duration, now: Moment) -> bool {
        matches!(self.phase, Phase::Open { ready_at: Some(at), .. } if now.since(at) >= time)
    }
}

/// A phone on a poor network needs several seconds for TCP and TLS; browsers themselves wait minutes.
const OPEN_PATIENCE: Duration = Duration::from_secs(15);
/// All but 2 s of that.
const HOPE: Duration = Duration::from_secs(13);
/// The proxy gives the service ten seconds to open and ten to be set up, and then says so; this is for one that
/// does not.
const READY_PATIENCE: Duration = Duration::from_secs(30);
/// A proxy that is there answers a goodbye within a round trip or two.
const BYE_PATIENCE: Duration = Duration::from_secs(2);
/// A proxy that is sent sound says once a second that it has it.
const PING_AFTER: Duration = Duration::from_secs(5);
/// Longer than any round trip that one could hold a conversation over.
const PONG_PATIENCE: Duration = Duration::from_secs(3);
/// Pings without any sign of life until the connection counts as dead.
const MISSED_PINGS: u32 = 2;
/// A network that flickers is back within this.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Most networks are back soon, and until then a sentence may stand half said: the proxy closes it after 5 s.
const HURRY: Duration = Duration::from_secs(6);
const HURRIED_WAIT: Duration = Duration::from_millis(700);
/// The last waits, half of it on average, spread the tries over about a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Tries until a proxy that complains is given up.
const MOST_TRIES: u32 = 8;
/// Time until it is given up.
const LONGEST_SEARCH: Duration = Duration::from_secs(60);
/// A network that carried a call for this long is worth quick tries again.
const OF_USE: Duration = Duration::from_secs(2);
/// A connection that lasted this long begins a new row of tries when it is lost, also to a proxy that complains.
const STEADY: Duration = Duration::from_secs(10);
