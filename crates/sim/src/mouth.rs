//! One answer while it is being given: piece by piece, then silent until it is thought to be heard.

use crate::answer::{self, Piece};
use crate::script::{Fault, Mishap, Turn};
use bytes::Bytes;
use core::time::Duration;
use std::collections::VecDeque;

/// One answer.
#[derive(Debug)]
pub struct Mouth {
    /// What the script says of it.
    pub rule: Turn,
    /// What has been said so far.
    pub said: String,
    /// Bytes of audio sent so far.
    pub sent_bytes: usize,
    pieces: VecDeque<Piece>,
    began: Duration,
    /// When playback is thought to be over.
    ends: Duration,
    generated: bool,
    /// The newest first.
    faults: VecDeque<Fault>,
}

/// What the mouth does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Utter {
    /// Send a piece.
    Piece(Piece),
    /// Say that everything is generated.
    GenerationComplete,
    /// Say that the turn is over.
    TurnComplete,
    /// Something goes wrong.
    Mishap(Mishap),
}

impl Mouth {
    /// An answer that begins at `now`.
    pub fn new(rule: Turn, pieces: Vec<Piece>, now: Duration, connection: u64) -> Self {
        let ends = if rule.early_turn_complete { now } else { now + playback(&pieces) };
        let mut faults: Vec<Fault> = rule.faults.clone();
        faults.retain(|fault| fault.connection.is_none_or(|only| only == connection));
        faults.sort_by_key(|fault| fault.at_ms);
        let generated = rule.silent || rule.skip_generation_complete;
        let (said, sent_bytes) = (String::new(), 0);
        Self {
            rule,
            said,
            sent_bytes,
            pieces: pieces.into(),
            began: now,
            ends,
            generated,
            faults: faults.into(),
        }
    }

    /// When it does something next.
    pub fn due(&self) -> Duration {
        let own = match self.pieces.front() {
            Some(piece) => self.began + piece.after,
            None if !self.generated => self.began,
            None => self.ends,
        };
        self.fault_due().map_or(own, |fault| fault.min(own))
    }

    /// What is due by `now`.
    pub fn next(&mut self, now: Duration) -> Option<Utter> {
        if self.due() > now {
            return None;
        }
        if self.fault_due().is_some_and(|fault| fault <= now && fault <= self.due()) {
            return self.faults.pop_front().map(|fault| Utter::Mishap(fault.mishap));
        }
        if let Some(piece) = self.pieces.pop_front() {
            self.said.push_str(&piece.text);
            self.sent_bytes += piece.audio.len();
            return Some(Utter::Piece(piece));
        }
        if !self.generated {
            self.generated = true;
            return Some(Utter::GenerationComplete);
        }
        Some(Utter::TurnComplete)
    }

    /// Cut off: up to so many milliseconds of what was not sent.
    pub fn rest(&mut self, ms: u32) -> Bytes {
        let wanted = crate::sound::samples_of_ms(ms) * 2;
        let mut rest = Vec::new();
        while rest.len() < wanted {
            let Some(piece) = self.pieces.pop_front() else { break };
            rest.extend_from_slice(&piece.audio);
        }
        rest.truncate(wanted);
        self.sent_bytes += rest.len();
        rest.into()
    }

    /// Tokens of the audio sent so far.
    pub const fn tokens(&self) -> u64 {
        (self.sent_bytes as u64 * TOKENS_PER_S).div_ceil(2 * crate::sound::RATE_HZ as u64)
    }

    fn fault_due(&self) -> Option<Duration> {
        self.faults.front().map(|fault| self.began + Duration::from_millis(u64::from(fault.at_ms)))
    }
}

/// How long a listener needs who starts with the first piece and waits where the next is late.
fn playback(pieces: &[Piece]) -> Duration {
    pieces.iter().fold(Duration::ZERO, |played, piece| {
        played.max(piece.after) + answer::duration_of(piece.audio.len() / 2)
    })
}

/// Of audio, either way.
pub const TOKENS_PER_S: u64 = 25;

#[cfg(test)]
mod tests {
    use super::{Mouth, Utter};
    use crate::answer;
    use crate::dice::Dice;
    use crate::script::{Fault, Mishap, Pace, Turn, Words};
    use core::time::Duration;

    fn mouth(rule: Turn) -> Mouth {
        let pace = Pace { chunk_ms: [100, 100], speed: [4.0, 4.0], ..Pace::default() };
        let pieces = answer::pieces(&[0; 24_000], &Words::of("a b c"), &pace, false, &mut Dice::new(1));
        Mouth::new(rule, pieces, Duration::from_secs(5), 1)
    }

    fn story(mouth: &mut Mouth) -> Vec<(u128, String)> {
        let mut story = Vec::new();
        loop {
            let now = mouth.due();
            let word = match mouth.next(now) {
                Some(Utter::Piece(_)) => "piece".to_owned(),
                Some(other) => format!("{other:?}"),
                None => panic!("nothing was due at its own time"),
            };
            story.push((now.as_millis(), word.clone()));
            if word == "TurnComplete" {
                return story;
            }
        }
    }

    #[test]
    fn is_generated_early_and_complete_when_it_has_been_heard() {
        let mut mouth = mouth(Turn::default());
        let story = story(&mut mouth);
        assert_eq!(story.iter().filter(|(_, word)| word == "piece").count(), 10);
        assert!(story[10].0 <= 5_225 && story[10].1 == "GenerationComplete", "{story:?}");
        assert_eq!(story[11], (6_000, "TurnComplete".to_owned()));
        assert_eq!((mouth.tokens(), mouth.said.as_str()), (25, "a b c"));
    }

    #[test]
    fn faults_happen_at_their_time() {
        let fault = |at_ms, mishap| Fault { at_ms, connection: None, mishap };
        let faults = vec![fault(500, Mishap::Drop), fault(60, Mishap::EmptyFrame)];
        let story = story(&mut mouth(Turn { faults, ..Turn::default() }));
        let mishaps: Vec<_> =
            story.iter().filter(|(_, word)| word.starts_with("Mishap")).map(|m| m.0).collect();
        assert_eq!(mishaps, [5_060, 5_500]);
    }

    #[test]
    fn hands_out_what_it_did_not_send() {
        let mut mouth = mouth(Turn::default());
        mouth.next(Duration::from_secs(5));
        assert_eq!(mouth.rest(150).len(), 7_200);
    }
}
