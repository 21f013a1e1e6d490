//! A loudspeaker that nobody hears: it plays by the clock, so that a call from the terminal runs as fast as any.

use std::collections::VecDeque;
use tokio::time::Instant;
use vivavoce_session::PlayerReport;
use vivavoce_wire::MODEL_RATE_HZ;

/// Plays turns one after the other, as long as each lasts.
#[derive(Debug)]
pub(crate) struct Player {
    turns: VecDeque<Playing>,
    /// How far the clock has been followed.
    at: Instant,
    last: PlayerReport,
}

#[derive(Debug)]
struct Playing {
    epoch: u32,
    /// Index in the turn of the next sample to sound, and of the one after the last that came.
    next: u64,
    end: u64,
    is_complete: bool,
}

impl Player {
    pub(crate) fn new(now: Instant) -> Self {
        Self { turns: VecDeque::new(), at: now, last: PlayerReport::default() }
    }

    /// Takes samples of a turn.
    pub(crate) fn play(&mut self, epoch: u32, position: u64, samples: u64, now: Instant) {
        self.advance(now);
        let turn = self.turns.iter_mut().find(|turn| turn.epoch == epoch);
        match turn {
            Some(turn) => turn.end = turn.end.max(position + samples),
            None => {
                let turn = Playing { epoch, next: position, end: position + samples, is_complete: false };
                self.turns.push_back(turn);
            }
        }
    }

    /// No more samples of a turn will come.
    pub(crate) fn end(&mut self, epoch: u32, now: Instant) {
        if let Some(turn) = self.turns.iter_mut().find(|turn| turn.epoch == epoch) {
            turn.is_complete = true;
        }
        self.advance(now);
    }

    /// Silences a turn and those before it.
    pub(crate) fn flush(&mut self, epoch: u32, now: Instant) {
        self.advance(now);
        self.turns.retain(|turn| turn.epoch > epoch);
        self.last = PlayerReport { buffered_samples: 0, sounding: false, ..self.last };
    }

    /// How far it is.
    pub(crate) fn report(&mut self, now: Instant) -> PlayerReport {
        self.advance(now);
        self.last
    }

    /// Whether anything sounds now.
    pub(crate) fn is_sounding(&mut self) -> bool {
        self.report(Instant::now()).sounding
    }

    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        self.at = self.at.max(now);
        let mut budget = (passed.as_secs_f64() * f64::from(MODEL_RATE_HZ)) as u64;
        while let Some(turn) = self.turns.front_mut() {
            let played = budget.min(turn.end - turn.next);
            turn.next += played;
            budget -= played;
            let buffered_samples = turn.end - turn.next;
            let (epoch, heard_samples) = (turn.epoch, turn.next);
            let sounding = buffered_samples > 0;
            self.last =
                PlayerReport { epoch, heard_samples, buffered_samples, sounding, ..PlayerReport::default() };
            if sounding || !turn.is_complete {
                return;
            }
            self.turns.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn plays_one_second_in_one_second() {
        let start = Instant::now();
        let mut player = Player::new(start);
        player.play(1, 0, 24_000, start);
        let half = player.report(start + Duration::from_millis(500));
        assert_eq!(
            (half.epoch, half.heard_samples, half.buffered_samples, half.sounding),
            (1, 12_000, 12_000, true)
        );
        player.end(1, start + Duration::from_secs(1));
        let whole = player.report(start + Duration::from_secs(2));
        assert_eq!((whole.epoch, whole.heard_samples, whole.sounding), (1, 24_000, false));
    }

    #[test]
    fn falls_silent_when_flushed_and_plays_the_next_turn() {
        let start = Instant::now();
        let mut player = Player::new(start);
        player.play(1, 0, 24_000, start);
        player.flush(1, start + Duration::from_millis(250));
        player.play(2, 0, 2_400, start + Duration::from_millis(300));
        let report = player.report(start + Duration::from_millis(350));
        assert_eq!((report.epoch, report.heard_samples), (2, 1_200));
    }
}
