//! What was typed and comes back as if it had been heard.
//!
//! Some models echo `realtimeInput.text` as an input transcription (3.1 was seen to). The person
//! who typed it has it on the screen already, and nobody said the greeting's nudge.

use crate::Moment;
use core::time::Duration;
use std::collections::VecDeque;

/// Texts that may be echoed yet.
#[derive(Debug, Default)]
pub(super) struct Echo {
    awaited: VecDeque<Awaited>,
}

#[derive(Debug)]
struct Awaited {
    /// What has not come back yet.
    rest: String,
    /// What came back, as it came: said by somebody after all if the rest does not follow.
    held: String,
    until: Moment,
}

impl Echo {
    /// The service was sent this.
    pub(super) fn expect(&mut self, text: &str, now: Moment) {
        self.expect_until(text, now, now + PATIENCE);
    }

    /// The service will hear again what it heard before, by then.
    pub(super) fn expect_until(&mut self, text: &str, now: Moment, until: Moment) {
        self.awaited.retain(|awaited| awaited.until > now || !awaited.held.is_empty());
        if text.trim().is_empty() || text.len() > LONGEST_BYTES || self.awaited.len() >= MOST {
            return;
        }
        let rest = text.trim().to_owned();
        self.awaited.push_back(Awaited { rest, held: String::new(), until });
    }

    /// The service heard this: what of it, and of what was held back, somebody said.
    pub(super) fn hear(&mut self, piece: &str, now: Moment) -> String {
        let mut said = self.release(|awaited| awaited.until <= now);
        let words = piece.trim();
        let echoed = self.awaited.iter().position(|awaited| awaited.rest.starts_with(words));
        let Some(at) = echoed.filter(|_| !words.is_empty()) else {
            said += &self.release(|awaited| !awaited.held.is_empty());
            return said + piece;
        };
        let awaited = &mut self.awaited[at];
        awaited.rest = awaited.rest[words.len()..].trim_start().to_owned();
        awaited.held += piece;
        if awaited.rest.is_empty() {
            self.awaited.remove(at);
        }
        said
    }

    /// The answer is over and no echo comes any more: what was held back, somebody said.
    pub(super) fn forget(&mut self) -> String {
        self.release(|_| true)
    }

    /// No longer awaits those: what was held back for them.
    fn release(&mut self, is_vain: impl Fn(&Awaited) -> bool) -> String {
        let mut held = String::new();
        self.awaited.retain(|awaited| {
            let is_vain = is_vain(awaited);
            if is_vain {
                held += &awaited.held;
            }
            !is_vain
        });
        held
    }
}

/// More is not typed within one turn.
const MOST: usize = 8;
/// A longer text is pasted, and may be echoed.
const LONGEST_BYTES: usize = 4 * 1024;
/// An echo needs no ear and no thought; words that come later were spoken.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::after_origin(Duration::from_millis(ms))
    }

    #[test]
    fn swallows_what_was_typed_in_any_pieces() {
        let mut echo = Echo::default();
        echo.expect("Say hello, please. ", at(0));
        assert_eq!(echo.hear("Good morning", at(0)), "Good morning");
        for piece in ["Say", " hello, ", "please."] {
            assert_eq!(echo.hear(piece, at(10)), "");
        }
        assert_eq!(echo.hear("Say", at(20)), "Say");
    }

    #[test]
    fn gives_back_what_was_said_and_only_began_like_it() {
        let mut echo = Echo::default();
        echo.expect("Yes, please.", at(0));
        assert_eq!(echo.hear(" Yes", at(10)), "");
        assert_eq!(echo.hear(" but later", at(20)), " Yes but later");
        echo.expect("Yes, please.", at(1_000));
        assert_eq!(echo.hear("Yes,", at(1_010)), "");
        assert_eq!(echo.forget(), "Yes,");
    }

    #[test]
    fn expects_nothing_after_a_while_or_the_answer() {
        let mut echo = Echo::default();
        echo.expect("Yes", at(0));
        assert_eq!(echo.hear("Yes", at(3_000)), "Yes");
        echo.expect("Yes", at(3_000));
        assert_eq!(echo.forget(), "");
        assert_eq!(echo.hear("Yes", at(3_010)), "Yes");
        assert_eq!(echo.hear("", at(3_020)), "");
    }
}
