//! Which samples in the ring belong to which turn.

/// The turns that wait or play, oldest first. A turn is one piece, or more if its positions jump.
pub(super) struct Turns {
    pieces: [Piece; PIECES],
    first: usize,
    count: usize,
    /// The newest epoch ever seen, and the newest flushed, plus one; 0 is none.
    newest: u64,
    flushed: u64,
    /// Times that a turn ran dry.
    pub(super) underruns: u32,
}

/// A stretch of one turn without a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) epoch: u32,
    /// Position in the turn of the next sample to play.
    pub(super) position: u64,
    /// Samples of it in the ring.
    pub(super) waiting: u64,
    /// Whether all of it is said to have been sent; `total` is then the position where it stops.
    pub(super) ended: bool,
    total: u64,
    /// Whether its first position is known.
    anchored: bool,
}

/// Where samples belong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: their turn is over.
    Over,
    /// In a turn that there is no room to remember.
    Full,
    /// At the end of the newest piece, but so many of them are there already.
    Overlap(u64),
    /// So many samples after the end of the newest piece.
    Gap(u64),
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self { pieces: [Piece::NONE; PIECES], first: 0, count: 0, newest: 0, flushed: 0, underruns: 0 }
    }

    /// Finds the place of samples at `position`, beginning a new piece where one is needed.
    pub(super) fn place(&mut self, epoch: u32, position: u64) -> Place {
        if !self.accepts(epoch) {
            return Place::Over;
        }
        if self
            .last_of(epoch)
            .is_none_or(|piece| piece.anchored && position.saturating_sub(piece.written()) > GAP)
            && !self.begin(epoch)
        {
            return Place::Full;
        }
        let Some(piece) = self.last_mut() else { return Place::Full };
        if !piece.anchored {
            (piece.anchored, piece.position) = (true, position);
        }
        let written = piece.written();
        if position > written { Place::Gap(position - written) } else { Place::Overlap(written - position) }
    }

    /// Adds `count` samples to the newest piece.
    pub(super) fn extend(&mut self, count: u64) {
        if let Some(piece) = self.last_mut() {
            piece.waiting += count;
        }
    }

    /// The turn has `samples` samples.
    pub(super) fn end(&mut self, epoch: u32, samples: u64) {
        if !self.accepts(epoch) || (self.last_of(epoch).is_none() && !self.begin(epoch)) {
            return;
        }
        if let Some(piece) = self.last_mut() {
            (piece.ended, piece.total) = (true, samples);
        }
    }

    /// Forgets every turn up to `epoch`; returns how many samples in the ring were theirs.
    pub(super) fn flush(&mut self, epoch: u32) -> u64 {
        self.flushed = self.flushed.max(u64::from(epoch) + 1);
        let mut dropped = 0;
        while let Some(front) = self.front()
            && front.epoch <= epoch
        {
            dropped += front.waiting;
            self.pop();
        }
        dropped
    }

    /// The piece that plays or will play first.
    pub(super) fn front(&self) -> Option<Piece> {
        (self.count > 0).then(|| self.pieces[self.first % PIECES])
    }

    /// So many samples of the piece in front are played.
    pub(super) fn play(&mut self, samples: u64) {
        let front = &mut self.pieces[self.first % PIECES];
        front.waiting = front.waiting.saturating_sub(samples);
        front.position = front.position.saturating_add(samples);
    }

    /// Takes the piece in front away if all of it is played; returns its epoch and where it stopped.
    pub(super) fn pop_complete(&mut self) -> Option<(u32, u64)> {
        let front = self.front()?;
        let complete = front.ended && front.waiting == 0 && front.written() >= front.total;
        complete.then(|| {
            self.pop();
            (front.epoch, front.position)
        })
    }

    /// What was said to come of the turn in front, and did not, is not waited for any longer.
    pub(super) fn give_up(&mut self) {
        if self.count > 0 {
            let front = &mut self.pieces[self.first % PIECES];
            front.total = front.written();
        }
    }

    /// Whether samples of a turn may still come: it is the newest and not over, or newer.
    fn accepts(&self, epoch: u32) -> bool {
        let number = u64::from(epoch) + 1;
        let open = number > self.newest || (number == self.newest && self.last_of(epoch).is_some());
        open && number > self.flushed
    }

    /// Begins a piece behind all others; nothing more comes for those. False if there is no room.
    fn begin(&mut self, epoch: u32) -> bool {
        if self.count >= PIECES {
            return false;
        }
        if let Some(piece) = self.last_mut() {
            (piece.ended, piece.total) = (true, piece.written());
        }
        self.count += 1;
        self.newest = u64::from(epoch) + 1;
        if let Some(piece) = self.last_mut() {
            *piece = Piece { epoch, ..Piece::NONE };
        }
        true
    }

    fn pop(&mut self) {
        self.first = (self.first + 1) % PIECES;
        self.count -= 1;
    }

    fn last_of(&self, epoch: u32) -> Option<Piece> {
        let last = (self.count > 0).then(|| self.pieces[(self.first + self.count - 1) % PIECES])?;
        (last.epoch == epoch).then_some(last)
    }

    fn last_mut(&mut self) -> Option<&mut Piece> {
        (self.count > 0).then(|| &mut self.pieces[(self.first + self.count - 1) % PIECES])
    }
}

impl Piece {
    const NONE: Self = Self { epoch: 0, position: 0, waiting: 0, ended: false, total: 0, anchored: false };

    /// Position after the last sample taken.
    fn written(&self) -> u64 {
        self.position.saturating_add(self.waiting)
    }
}

/// Turns that can wait at a time; a person never lets more pile up.
const PIECES: usize = 32;

/// A gap up to this long (1 s) is filled with silence; a longer one is skipped.
const GAP: u64 = 24_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_turn_closes_the_older_one() {
        let mut turns = Turns::new();
        assert_eq!(turns.place(3, 0), Place::Overlap(0));
        turns.extend(10);
        assert_eq!(turns.place(4, 0), Place::Overlap(0));
        assert_eq!(turns.place(3, 10), Place::Over);
        assert!(turns.front().unwrap().ended);
        turns.play(10);
        assert_eq!(turns.pop_complete(), Some((3, 10)));
        assert_eq!(turns.pop_complete(), None);
    }

    #[test]
    fn a_turn_that_was_played_to_its_end_takes_nothing_more() {
        let mut turns = Turns::new();
        turns.place(1, 0);
        turns.end(1, 0);
        assert_eq!(turns.pop_complete(), Some((1, 0)));
        assert_eq!(turns.place(1, 0), Place::Over);
        turns.end(1, 5);
        assert_eq!(turns.front(), None);
    }

    #[test]
    fn positions_overlap_have_gaps_and_jump() {
        let mut turns = Turns::new();
        turns.place(1, 500);
        turns.extend(100);
        assert_eq!(turns.place(1, 550), Place::Overlap(50));
        assert_eq!(turns.place(1, 0), Place::Overlap(600));
        assert_eq!(turns.place(1, 700), Place::Gap(100));
        assert_eq!(turns.place(1, 1_000_000), Place::Overlap(0));
        assert_eq!(turns.count, 2);
        assert_eq!(turns.place(1, u64::MAX), Place::Overlap(0));
        turns.extend(10);
        assert_eq!(turns.flush(1), 110);
    }

    #[test]
    fn remembers_so_many_turns_and_then_has_no_room() {
        let mut turns = Turns::new();
        for epoch in 0..PIECES as u32 {
            assert_eq!(turns.place(epoch, 0), Place::Overlap(0));
        }
        assert_eq!(turns.place(99, 0), Place::Full);
        assert_eq!(turns.flush(0), 0);
        assert_eq!(turns.place(99, 0), Place::Overlap(0));
    }
}
