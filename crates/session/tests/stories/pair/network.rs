//! A pretend network: it takes its time, keeps the order, and may be slow or gone.

use std::time::Duration;

/// The way between phone and proxy.
pub(crate) struct Network {
    /// Time that anything takes, one way.
    pub(crate) latency: Duration,
    /// Room of each direction.
    pub(crate) bytes_per_second: Option<u32>,
    /// Whether a new socket can be opened.
    pub(crate) is_reachable: bool,
    /// Whether everything vanishes without a word.
    pub(crate) is_black_hole: bool,
    /// Number of the socket that is open; what is on its way on another is lost.
    pub(super) connection: u32,
    /// When each direction has sent all that it was given.
    up_free_at: Duration,
    down_free_at: Duration,
    is_down_closed: bool,
    /// Something vanished on this connection: TCP delivers what follows in order or not at all.
    is_doomed: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(40),
            bytes_per_second: None,
            is_reachable: true,
            is_black_hole: false,
            connection: 0,
            up_free_at: Duration::ZERO,
            down_free_at: Duration::ZERO,
            is_down_closed: false,
            is_doomed: false,
        }
    }
}

impl Network {
    /// When something sent by the phone arrives, if it does.
    pub(super) fn up(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        self.is_doomed |= self.is_black_hole;
        self.up_free_at = self.up_free_at.max(now) + self.time_for(bytes);
        (!self.is_doomed).then(|| self.up_free_at + self.latency)
    }

    /// When something sent by the proxy arrives, if it does.
    pub(super) fn down(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        self.is_doomed |= self.is_black_hole;
        self.down_free_at = self.down_free_at.max(now) + self.time_for(bytes);
        (!self.is_doomed && !self.is_down_closed).then(|| self.down_free_at + self.latency)
    }

    /// The phone dropped its socket: nothing reaches it any more.
    pub(super) fn close_down(&mut self) {
        self.is_down_closed = true;
    }

    pub(super) const fn is_down_closed(&self) -> bool {
        self.is_down_closed
    }

    /// A new socket has an empty line.
    pub(super) fn reopen(&mut self) {
        self.is_down_closed = false;
        self.is_doomed = false;
        self.up_free_at = Duration::ZERO;
        self.down_free_at = Duration::ZERO;
    }

    fn time_for(&self, bytes: usize) -> Duration {
        let room = |room| Duration::from_secs_f64(bytes as f64 / f64::from(room));
        self.bytes_per_second.map_or(Duration::ZERO, room)
    }
}
