//! What was typed and comes back as if it had been heard.
//!
//! Some models echo `realtimeInput.text` as an input transcription (`gemini-live-protocol.md` §2.8). The person
//! who typed it has it on the screen already, and nobody said the greeting's nudge.

use std::collections::VecDeque;

/// Texts that may be echoed yet.
#[derive(Debug, Default)]
pub(super) struct Echo {
    awaited: VecDeque<String>,
}

impl Echo {
    /// The service was sent this.
    pub(super) fn expect(&mut self, text: &str) {
        if text.len() > LONGEST_BYTES {
            return;
        }
        self.awaited.push_back(text.trim().into());
        if self.awaited.len() > MOST {
            self.awaited.pop_front();
        }
    }

    /// Whether a transcribed piece is such an echo.
    pub(super) fn swallows(&mut self, piece: &str) -> bool {
        let piece = piece.trim();
        let Some(at) = self.awaited.iter().position(|text| !piece.is_empty() && text.starts_with(piece))
        else {
            return false;
        };
        let rest = self.awaited[at][piece.len()..].trim_start().to_owned();
        if rest.is_empty() {
            self.awaited.remove(at);
        } else {
            self.awaited[at] = rest;
        }
        true
    }

    /// The answer is over: no echo comes any more.
    pub(super) fn forget(&mut self) {
        self.awaited.clear();
    }
}

/// More is not typed within one turn.
const MOST: usize = 8;
/// A longer text is pasted, and may be echoed.
const LONGEST_BYTES: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swallows_what_was_typed_in_any_pieces() {
        let mut echo = Echo::default();
        echo.expect("Say hello, please. ");
        assert!(!echo.swallows("Good morning"));
        assert!(echo.swallows("Say"));
        assert!(echo.swallows(" hello, "));
        assert!(echo.swallows("please."));
        assert!(!echo.swallows("Say"));
    }

    #[test]
    fn expects_nothing_after_the_answer() {
        let mut echo = Echo::default();
        echo.expect("Yes");
        echo.forget();
        assert!(!echo.swallows("Yes"));
        assert!(!echo.swallows(""));
    }
}
