//! In what order a call asks for the things that can happen.
//!
//! A task that is woken does not know by whom, so it asks all; and what it asked in vain will wake it. So after a thing happened,
//! those that were asked before it in the same round need not be asked again, unless something about the asking changed.

/// One of those that things come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Phone,
    Service,
    /// Where phones enter.
    Door,
    Errands,
    Registry,
    /// Whether the process goes down.
    House,
    Clock,
}

/// A round, from the first to the last of them.
#[derive(Debug, Default)]
pub(crate) struct Round {
    next: usize,
    /// Things that happened, over all rounds.
    happened: u32,
    /// Whether somebody was left who may have more.
    again: bool,
    /// How the sockets were asked.
    manner: (bool, bool),
}

impl Round {
    /// The next one to ask; none when all were, and then another round begins.
    pub(crate) fn next(&mut self) -> Option<Asked> {
        if self.next == ORDER.len() && core::mem::take(&mut self.again) {
            self.next = 0;
        }
        let asked = ORDER.get(self.next).copied();
        self.next = if asked.is_some() { self.next + 1 } else { 0 };
        asked
    }

    /// Something came from the one that was asked last, who may have more; now and then the others come first.
    pub(crate) const fn happened(&mut self) {
        self.happened = self.happened.wrapping_add(1);
        if self.happened.is_multiple_of(MOST_OF_ONE) {
            self.again = true;
        } else {
            self.next = self.next.saturating_sub(1);
        }
    }

    /// Goes on with the round where `manner` is how the sockets were asked before and nothing waits for one to take it.
    pub(crate) fn goes_on(&mut self, manner: (bool, bool), has_unsent: bool) {
        if self.manner != manner || has_unsent {
            self.begin();
        }
        self.manner = manner;
    }

    /// Begins a round: there is somebody new to ask.
    pub(crate) const fn begin(&mut self) {
        self.next = 0;
    }
}

const ORDER: [Asked; 7] =
    [Asked::Phone, Asked::Service, Asked::Door, Asked::Errands, Asked::Registry, Asked::House, Asked::Clock];

/// So many things may come before others are asked, too.
const MOST_OF_ONE: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that are asked until the end of the round, each in vain.
    fn rest(round: &mut Round) -> Vec<Asked> {
        core::iter::from_fn(|| round.next()).collect()
    }

    #[test]
    fn who_had_something_is_asked_again_and_those_before_are_not() {
        let mut round = Round::default();
        assert_eq!(rest(&mut round), ORDER);
        assert_eq!((round.next(), round.next()), (Some(Asked::Phone), Some(Asked::Service)));
        round.happened();
        round.goes_on((false, false), false);
        assert_eq!(rest(&mut round), ORDER[1..]);
        assert_eq!(rest(&mut round), ORDER, "whoever is woken asks all");
    }

    #[test]
    fn all_are_asked_again_where_the_asking_changed() {
        for (manner, has_unsent) in [((true, false), false), ((false, true), false), ((false, false), true)] {
            let mut round = Round::default();
            let _ = (round.next(), round.next());
            round.happened();
            round.goes_on(manner, has_unsent);
            assert_eq!(rest(&mut round), ORDER, "{manner:?} {has_unsent}");
        }
    }

    #[test]
    fn who_always_has_something_keeps_nobody_waiting_and_is_not_forgotten() {
        let mut round = Round::default();
        let asked: Vec<_> = (0..1_000)
            .map(|_| {
                let asked = round.next();
                if asked == Some(Asked::Phone) {
                    round.happened();
                }
                asked
            })
            .collect();
        let turns = asked.iter().filter(|asked| **asked == Some(Asked::Clock)).count();
        assert!(turns > 20, "{turns}");
        assert!(!asked.contains(&None), "it may have more");
    }
}
