//! The person speaks while the model does: its voice gives way at once, and falls silent for good when it is sure
//! that they mean it.

use super::exchange::{BargeIn, BargeInStyle};
use crate::Moment;
use core::time::Duration;
use vivavoce_dsp::player::Yielding;

/// What the local detector heard, and what is made of it.
#[derive(Debug)]
pub(super) struct Interruption {
    config: BargeIn,
    /// Since when the person speaks.
    speaks_since: Option<Moment>,
    /// The voice that gives way.
    yielded: Option<Yielded>,
}

/// A voice that gives way.
#[derive(Clone, Copy, Debug)]
struct Yielded {
    /// The newest turn that there was when the person began.
    epoch: u32,
    /// Without a sign from the service the voice comes back then.
    until: Moment,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The voice gives way, or comes back.
    Yield(Yielding),
    /// The person means it: everything up to this turn falls silent.
    Commit(u32),
}

impl Interruption {
    pub(super) const fn new(config: BargeIn) -> Self {
        Self { config, speaks_since: None, yielded: None }
    }

    /// The person begins to speak or stops, `newest` being the newest turn, which sounds or not.
    pub(super) fn speech(&mut self, speaks: bool, sounds: bool, newest: u32, now: Moment) -> Option<Verdict> {
        if !speaks || self.speaks_since.is_some() {
            self.speaks_since = self.speaks_since.filter(|_| speaks);
            return None;
        }
        self.speaks_since = Some(now);
        let how = match self.config.style {
            BargeInStyle::Duck => Yielding::Duck,
            BargeInStyle::Hold => Yielding::Hold,
            BargeInStyle::Off => return None,
        };
        if !sounds {
            return None;
        }
        self.yielded = Some(Yielded { epoch: newest, until: now + self.config.patience });
        Some(Verdict::Yield(how))
    }

    /// The service noticed that the person speaks.
    pub(super) fn confirm(&mut self) -> Option<Verdict> {
        Some(Verdict::Commit(self.yielded.take()?.epoch))
    }

    /// Turns up to `epoch` fell silent: what gave way need not come back. Since when the person speaks, if they do.
    pub(super) fn silenced(&mut self, epoch: u32) -> Option<Moment> {
        self.yielded = self.yielded.filter(|yielded| yielded.epoch > epoch);
        self.speaks_since
    }

    /// Looks at the clock. With `is_alone` the service can't tell, as it thinks its turn over or is not the one that
    /// spoke: then who goes on speaking means it.
    pub(super) fn tick(&mut self, is_alone: bool, now: Moment) -> Option<Verdict> {
        let yielded = self.yielded?;
        if is_alone && self.speaks_since.is_some_and(|since| now >= since + SUSTAINED) {
            self.yielded = None;
            return Some(Verdict::Commit(yielded.epoch));
        }
        (now >= yielded.until).then(|| {
            self.yielded = None;
            Verdict::Yield(Yielding::Not)
        })
    }

    /// When to look next.
    pub(super) fn due_at(&self, is_alone: bool) -> Option<Moment> {
        let until = self.yielded?.until;
        let sustained = self.speaks_since.filter(|_| is_alone).map(|since| since + SUSTAINED);
        Some(sustained.map_or(until, |sustained| sustained.min(until)))
    }
}

/// A cough is shorter, and a word that is meant is longer.
const SUSTAINED: Duration = Duration::from_millis(200);
