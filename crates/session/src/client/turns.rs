//! Which of the model's turns live, and how much of each has come.
//!
//! A proxy numbers the turns of one call from 1; here the count goes on through every call that one person's
//! session is made of, so that a number never means two turns to a player.

/// The turns of a session.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// What is added to the present call's numbers.
    base: u32,
    /// The newest turn seen.
    newest: u32,
    /// This turn and all older ones are silenced.
    dead: u32,
    /// The newest turns, oldest first.
    recent: Vec<Turn>,
}

/// One turn.
#[derive(Debug)]
struct Turn {
    epoch: u32,
    /// Samples that came, counted by the end of the last piece.
    received: u64,
    /// The length that the player was told.
    ended: Option<u64>,
    /// The service thinks that it is over.
    complete: bool,
}

impl Turns {
    /// A call begins whose turns are numbered from 1.
    pub(super) fn start_call(&mut self) {
        self.base = self.newest;
    }

    /// The session's number of a turn; none for 0, which is no turn.
    pub(super) fn here(&self, epoch: u32) -> Option<u32> {
        (epoch > 0).then(|| self.base.saturating_add(epoch))
    }

    /// The present call's number of a turn; 0 for one of an earlier call.
    pub(super) const fn on_the_wire(&self, epoch: u32) -> u32 {
        epoch.saturating_sub(self.base)
    }

    /// A turn begins; says whether it is new and alive.
    pub(super) fn start(&mut self, epoch: u32) -> bool {
        if epoch <= self.newest {
            return false;
        }
        self.newest = epoch;
        self.recent.push(Turn { epoch, received: 0, ended: None, complete: false });
        if self.recent.len() > REMEMBERED {
            self.recent.remove(0);
        }
        true
    }

    /// Sound came; says whether it may be heard.
    pub(super) fn receive(&mut self, epoch: u32, position: u64, samples: u64) -> bool {
        if let Some(turn) = self.find(epoch) {
            turn.received = turn.received.max(position.saturating_add(samples));
        }
        self.is_alive(epoch)
    }

    /// All of a turn came: its length, if the player must be told.
    pub(super) fn end(&mut self, epoch: u32) -> Option<u64> {
        let alive = self.is_alive(epoch);
        let turn = self.find(epoch)?;
        if !alive || turn.received == 0 || turn.ended == Some(turn.received) {
            return None;
        }
        turn.ended = Some(turn.received);
        turn.ended
    }

    /// The service has done with a turn.
    pub(super) fn complete(&mut self, epoch: u32) {
        if let Some(turn) = self.find(epoch) {
            turn.complete = true;
        }
    }

    /// Whether the service no longer knows that a turn plays: it has done with it, or it was an earlier call's.
    pub(super) fn is_left_alone(&self, epoch: u32) -> bool {
        epoch <= self.base || self.recent.iter().any(|turn| turn.epoch == epoch && turn.complete)
    }

    /// This turn and all older ones are silenced.
    pub(super) const fn dead(&self) -> u32 {
        self.dead
    }

    /// The newest turn seen.
    pub(super) const fn newest(&self) -> u32 {
        self.newest
    }

    /// Nothing more comes of any turn: those that the player must be told.
    pub(super) fn end_all(&mut self) -> Vec<(u32, u64)> {
        let epochs: Vec<u32> = self.recent.iter().map(|turn| turn.epoch).collect();
        epochs.into_iter().filter_map(|epoch| Some((epoch, self.end(epoch)?))).collect()
    }

    /// Silences a turn and all older ones; says whether it was not yet.
    pub(super) fn kill(&mut self, epoch: u32) -> bool {
        let alive = self.is_alive(epoch);
        self.dead = self.dead.max(epoch);
        self.newest = self.newest.max(epoch);
        alive
    }

    /// Silences all there are; the newest of them, if any was alive.
    pub(super) fn kill_all(&mut self) -> Option<u32> {
        let newest = self.newest;
        self.kill(newest).then_some(newest)
    }

    pub(super) const fn is_alive(&self, epoch: u32) -> bool {
        epoch > self.dead
    }

    /// Samples that came of a turn; 0 of one that is forgotten.
    pub(super) fn received(&self, epoch: u32) -> u64 {
        self.recent.iter().find(|turn| turn.epoch == epoch).map_or(0, |turn| turn.received)
    }

    fn find(&mut self, epoch: u32) -> Option<&mut Turn> {
        self.recent.iter_mut().find(|turn| turn.epoch == epoch)
    }
}

/// More turns than ever wait to be played at once.
const REMEMBERED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_of_an_old_turn_spares_the_newer() {
        let mut turns = Turns::default();
        turns.start(1);
        turns.start(2);
        assert!(turns.kill(1));
        assert!(!turns.kill(1));
        assert!(!turns.receive(1, 0, 10));
        assert!(turns.receive(2, 0, 10));
    }

    #[test]
    fn tells_a_length_once() {
        let mut turns = Turns::default();
        turns.start(1);
        assert_eq!(turns.end(1), None);
        turns.receive(1, 0, 480);
        assert_eq!(turns.end(1), Some(480));
        assert_eq!(turns.end(1), None);
        turns.receive(1, 480, 480);
        assert_eq!(turns.end_all(), [(1, 960)]);
    }

    #[test]
    fn numbers_go_on_through_calls() {
        let mut turns = Turns::default();
        turns.start_call();
        turns.start(2);
        turns.start_call();
        assert_eq!(turns.here(1), Some(3));
        assert_eq!(turns.here(0), None);
        assert_eq!(turns.on_the_wire(3), 1);
        assert_eq!(turns.on_the_wire(2), 0);
        assert_eq!(turns.here(u32::MAX), Some(u32::MAX));
    }
}
