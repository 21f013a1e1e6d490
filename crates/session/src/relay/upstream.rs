//! The connections to the service, one after the other: which is open, when it ends, and how the next one comes.

use crate::{Backoff, Moment};
use core::time::Duration;

/// What a relay knows of its connection to the service.
#[derive(Debug)]
pub(super) struct Upstream {
    state: State,
    /// How long the service may take to open a socket, and then to answer the setup.
    patience: Duration,
    backoff: Backoff,
    /// When the trouble began that is being waited out.
    trouble_since: Option<Moment>,
    /// When the connection that is open, or was last, became of use.
    up_at: Moment,
    /// The newest handle by which the conversation can be taken up again.
    handle: Option<String>,
    /// Connections that ended over a setup with that handle.
    handle_failures: u32,
    round_trip: Duration,
    leaves: Option<Leave>,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is none, and none is wanted.
    Closed,
    /// There is none until then.
    Waiting { until: Moment },
    /// Its socket is on its way.
    Opening { by: Moment },
    /// It has yet to answer the setup.
    SettingUp { since: Moment, by: Moment },
    /// It listens.
    Up,
}

/// The service said that it ends the connection.
#[derive(Clone, Copy, Debug)]
struct Leave {
    /// Then it does.
    at: Moment,
    /// Nobody waits for longer.
    by: Moment,
    /// But the model, if it is in the midst of an answer: that comes several times as fast as it is heard, and if it comes
    /// whole yet, nobody hears the change.
    answered_by: Moment,
}

/// What is due of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Open the next socket.
    Open,
    /// The socket did not open in time.
    NeverOpened,
    /// The setup was not answered in time.
    NeverReady,
    /// Leave it at the first quiet moment.
    LeaveWhenQuiet,
    /// Leave it, quiet or not.
    Leave,
}

impl Upstream {
    /// No connection yet; one may take so long to open, and so long to answer. `seed` spreads the tries; by `handle` a
    /// conversation goes on.
    pub(super) fn new(patience: Duration, seed: u64, handle: Option<String>) -> Self {
        Self {
            state: State::Closed,
            patience,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, seed),
            trouble_since: None,
            up_at: Moment::ORIGIN,
            handle,
            handle_failures: 0,
            round_trip: MOST_ROUND_TRIP,
            leaves: None,
        }
    }

    // ---- The connection that there is.

    /// A socket was asked for.
    pub(super) fn open(&mut self, now: Moment) {
        self.state = State::Opening { by: self.deadline(now) };
    }

    /// The socket is open; whether the setup is to be said.
    pub(super) fn opened(&mut self, now: Moment) -> bool {
        let is_awaited = matches!(self.state, State::Opening { .. });
        if is_awaited {
            self.state = State::SettingUp { since: now, by: self.deadline(now) };
        }
        is_awaited
    }

    /// The setup was accepted; whether that was awaited.
    pub(super) fn set_up(&mut self, now: Moment) -> bool {
        let State::SettingUp { since, .. } = self.state else { return false };
        self.state = State::Up;
        self.round_trip = now.since(since).clamp(LEAST_ROUND_TRIP, MOST_ROUND_TRIP);
        (self.up_at, self.handle_failures) = (now, 0);
        true
    }

    /// The service ends the connection after so long.
    pub(super) fn leaves_in(&mut self, left: Duration, now: Moment) {
        let (by, answered_by) = (left.saturating_sub(LEAVE_MARGIN), left.saturating_sub(LAST_MARGIN));
        self.leaves = Some(Leave { at: now + left, by: now + by, answered_by: now + answered_by });
    }

    /// It is left by then, or as soon as nobody hears it.
    pub(super) fn leaves_by(&mut self, by: Moment) {
        self.leaves = Some(match self.leaves {
            None => Leave { at: by, by, answered_by: by },
            Some(Leave { at, by: sooner, answered_by }) => {
                Leave { at, by: sooner.min(by), answered_by: answered_by.min(by) }
            }
        });
    }

    /// The socket is gone, or is to be closed; whether there was one.
    pub(super) fn close(&mut self) -> bool {
        let was_there = self.has_socket();
        self.state = State::Closed;
        self.leaves = None;
        was_there
    }

    // ---- The next one.

    /// Waits for the next try, unless there were too many; whether there is one.
    pub(super) fn try_again(&mut self, now: Moment) -> bool {
        self.forgive(now);
        self.trouble_since.get_or_insert(now);
        let until = now + self.backoff.wait();
        if self.backoff.tries() > MOST_TRIES || self.trouble_ends().is_some_and(|end| until >= end) {
            return false;
        }
        self.state = State::Waiting { until };
        true
    }

    /// Takes the next one at once if the one before was left after a while; one that is left as soon as it is there
    /// counts as a failure, or connections could follow each other without an end. Says whether there is a next one.
    pub(super) fn move_on(&mut self, now: Moment) -> bool {
        if now.since(self.up_at) < STABLE {
            return self.try_again(now);
        }
        self.forgive(now);
        self.move_on_at_once(now);
        true
    }

    /// Takes the next one at once.
    pub(super) fn move_on_at_once(&mut self, now: Moment) {
        self.state = State::Waiting { until: now };
    }

    // ---- The conversation.

    /// The conversation can be taken up again by this.
    pub(super) fn keep_handle(&mut self, handle: &str) {
        self.handle = Some(handle.into());
        self.handle_failures = 0;
    }

    /// The conversation is lost.
    pub(super) fn drop_handle(&mut self) {
        self.handle = None;
    }

    /// A connection ended over a setup with the handle; whether the handle is to blame. A network may fail at that
    /// moment once, and a service that has not noticed the end of the connection before takes no other.
    pub(super) fn blames_handle(&mut self) -> bool {
        self.handle_failures += 1;
        self.handle_failures > 1
    }

    /// By what the conversation can be taken up again.
    pub(super) fn handle(&self) -> Option<&str> {
        self.handle.as_deref()
    }

    // ---- What there is to know.

    /// Whether it listens.
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether it has yet to answer the setup.
    pub(super) const fn is_setting_up(&self) -> bool {
        matches!(self.state, State::SettingUp { .. })
    }

    /// Whether there is a socket, open or on its way.
    pub(super) const fn has_socket(&self) -> bool {
        matches!(self.state, State::Opening { .. } | State::SettingUp { .. } | State::Up)
    }

    /// When the service will end the connection, if it said so.
    pub(super) fn leaves_at(&self) -> Option<Moment> {
        self.leaves.map(|leave| leave.at)
    }

    /// How long something said takes to be answered at most, as far as the network goes.
    pub(super) const fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// What is due by `now`.
    pub(super) fn due(&self, model_speaks: bool, now: Moment) -> Option<Due> {
        match self.state {
            State::Waiting { until } if now >= until => Some(Due::Open),
            State::Opening { by } if now >= by => Some(Due::NeverOpened),
            State::SettingUp { by, .. } if now >= by => Some(Due::NeverReady),
            State::Up => {
                let leave_by = self.leave_by(model_speaks)?;
                Some(if now >= leave_by { Due::Leave } else { Due::LeaveWhenQuiet })
            }
            State::Closed | State::Waiting { .. } | State::Opening { .. } | State::SettingUp { .. } => None,
        }
    }

    /// When something is due by the mere passing of time.
    pub(super) fn due_at(&self, model_speaks: bool) -> Option<Moment> {
        match self.state {
            State::Closed => None,
            State::Waiting { until } => Some(until),
            State::Opening { by } | State::SettingUp { by, .. } => Some(by),
            State::Up => self.leave_by(model_speaks),
        }
    }

    /// When the connection is left at the latest.
    fn leave_by(&self, model_speaks: bool) -> Option<Moment> {
        self.leaves.map(|leave| if model_speaks { leave.answered_by } else { leave.by })
    }

    fn deadline(&self, now: Moment) -> Moment {
        let by = now + self.patience;
        self.trouble_ends().map_or(by, |end| by.min(end).max(now + LEAST_PATIENCE))
    }

    /// When there was trouble for too long: since it began, or since a connection was of use for a moment.
    fn trouble_ends(&self) -> Option<Moment> {
        self.trouble_since.map(|since| since.max(self.up_at) + LONGEST_TROUBLE)
    }

    /// A connection that lasted ends the trouble before it.
    fn forgive(&mut self, now: Moment) {
        let was_up = self.trouble_since.is_none_or(|since| since <= self.up_at);
        if was_up && now.since(self.up_at) >= STABLE {
            self.backoff.reset();
            self.trouble_since = None;
        }
    }
}

/// The next connection is to be there within a second and a half, and calls that fell together don't rise together.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Who waits in silence does not wait for long.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Tries until the phone is told.
const MOST_TRIES: u32 = 5;
/// As long as anybody holds a silent phone, and as is kept of what they say meanwhile.
const LONGEST_TROUBLE: Duration = Duration::from_secs(30);
/// A try that is made at all gets as much.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
/// A connection that lasted this long did not fail by what it was told at its beginning.
const STABLE: Duration = Duration::from_secs(10);
/// Time to say goodbye before the service does, at the latest.
const LEAVE_MARGIN: Duration = Duration::from_secs(3);
/// And so long before if the model is in the midst of an answer.
const LAST_MARGIN: Duration = Duration::from_millis(500);
/// The answer to a setup takes one round trip and the service's own time, so it errs on the long side: what is said
/// twice to the model harms less than what is lost. But a service that ponders a setup for seconds would have all of
/// them said twice, and no network that carries a conversation needs more than this.
const MOST_ROUND_TRIP: Duration = Duration::from_millis(500);
/// And it is taken once, at the beginning: a way that is short then may have a queue on it later.
const LEAST_ROUND_TRIP: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    fn up(now: Moment) -> Upstream {
        let mut upstream = Upstream::new(Duration::from_secs(10), 7, None);
        upstream.open(now);
        assert!(upstream.opened(now) && upstream.set_up(now + Duration::from_millis(160)));
        upstream
    }

    #[test]
    fn tries_five_times_and_then_no_more() {
        let mut upstream = up(at(0));
        let mut now = at(20_000);
        let mut tries = 0;
        while upstream.try_again(now) {
            now = upstream.due_at(false).unwrap();
            assert_eq!(upstream.due(false, now), Some(Due::Open));
            upstream.open(now);
            upstream.close();
            tries += 1;
        }
        assert_eq!(tries, MOST_TRIES);
    }

    #[test]
    fn waits_for_no_longer_than_half_a_minute() {
        let mut upstream = up(at(0));
        assert!(upstream.try_again(at(20_000)));
        let mut now = upstream.due_at(false).unwrap();
        loop {
            upstream.open(now);
            now = upstream.due_at(false).unwrap();
            assert_eq!(upstream.due(false, now), Some(Due::NeverOpened));
            upstream.close();
            if !upstream.try_again(now) {
                break;
            }
            now = upstream.due_at(false).unwrap();
        }
        assert!(now <= at(51_000), "{now:?}");
    }

    #[test]
    fn a_connection_that_lasted_has_all_its_tries_again() {
        let mut upstream = up(at(0));
        for round in 1..20 {
            let now = at(round * 20_000);
            assert!(upstream.try_again(now), "round {round}");
            upstream.open(now);
            assert!(upstream.opened(now) && upstream.set_up(now));
        }
        let mut deaths = 0;
        while upstream.try_again(at(400_000 + deaths)) {
            upstream.open(at(400_000 + deaths));
            upstream.opened(at(400_000 + deaths));
            upstream.set_up(at(400_000 + deaths));
            deaths += 100;
        }
        assert_eq!(deaths, 500, "who dies as soon as they rise is given up");
    }

    #[test]
    fn leaves_three_seconds_before_it_must() {
        let mut upstream = up(at(0));
        assert_eq!((upstream.due(false, at(1_000)), upstream.due_at(false)), (None, None));
        upstream.leaves_in(Duration::from_secs(10), at(1_000));
        assert_eq!(upstream.due(false, at(7_999)), Some(Due::LeaveWhenQuiet));
        assert_eq!(
            (upstream.due(false, at(8_000)), upstream.due_at(false)),
            (Some(Due::Leave), Some(at(8_000)))
        );
        assert_eq!(upstream.leaves_at(), Some(at(11_000)));
        assert_eq!(upstream.due(true, at(10_499)), Some(Due::LeaveWhenQuiet), "the model speaks");
        assert_eq!(
            (upstream.due(true, at(10_500)), upstream.due_at(true)),
            (Some(Due::Leave), Some(at(10_500)))
        );
        upstream.leaves_in(Duration::from_secs(1), at(2_000));
        assert_eq!(upstream.due(false, at(2_000)), Some(Due::Leave));
    }

    #[test]
    fn the_round_trip_is_what_the_setup_took_up_to_half_a_second() {
        for (took_ms, expected_ms) in [(5, 200), (260, 260), (4_000, 500)] {
            let mut upstream = Upstream::new(Duration::from_secs(10), 7, None);
            upstream.open(at(0));
            assert!(upstream.opened(at(0)) && upstream.set_up(at(took_ms)));
            assert_eq!(upstream.round_trip(), Duration::from_millis(expected_ms));
        }
    }
}
