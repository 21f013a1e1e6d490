//! What a session knows and a handle brings back.

use crate::ear::Ear;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a session knows.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Turns of the model so far.
    pub turns: u64,
    /// Scripted turns that were used.
    pub scripted: usize,
    /// Who said what, the newest last.
    pub history: VecDeque<Line>,
    /// Tokens of text in the context.
    pub text_tokens: u64,
    /// Tokens of audio in the context.
    pub audio_tokens: u64,
    /// How old the session was.
    pub age: Duration,
    /// What the ear had heard of the stream.
    pub ear: Option<Arc<Ear>>,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Line {
    /// `user` or `model`.
    pub role: &'static str,
    /// The words, as transcribed.
    pub text: String,
}

impl Memory {
    /// Somebody said something; the oldest lines are forgotten.
    pub fn note(&mut self, role: &'static str, text: impl Into<String>) {
        let mut text: String = text.into();
        self.text_tokens += (text.len() as u64).div_ceil(LETTERS_PER_TOKEN);
        if let Some((end, _)) = text.char_indices().nth(MOST_LETTERS) {
            text.truncate(end);
            text.shrink_to_fit();
        }
        self.history.push_back(Line { role, text });
        if self.history.len() > MOST_LINES {
            self.history.pop_front();
        }
    }

    /// All tokens of the context.
    pub const fn tokens(&self) -> u64 {
        self.text_tokens + self.audio_tokens
    }

    /// Brings the context down to `target` tokens; the oldest go first, and of those the audio.
    pub fn compress(&mut self, target: u64) {
        let over = self.tokens().saturating_sub(target);
        let of_audio = over.min(self.audio_tokens);
        self.audio_tokens -= of_audio;
        self.text_tokens = self.text_tokens.saturating_sub(over - of_audio);
    }
}

/// Words of English have some four letters a token.
const LETTERS_PER_TOKEN: u64 = 4;
/// Letters kept of a line.
const MOST_LETTERS: usize = 2_000;
/// Lines kept: more than a call of ten minutes has.
const MOST_LINES: usize = 256;

#[cfg(test)]
mod tests {
    use super::{MOST_LETTERS, MOST_LINES, Memory};

    #[test]
    fn forgets_the_oldest_lines_and_the_ends_of_long_ones() {
        let mut memory = Memory::default();
        memory.note("user", "ä".repeat(1_000_000));
        assert_eq!(memory.history[0].text.chars().count(), MOST_LETTERS);
        (0..1_000).for_each(|line| memory.note("model", line.to_string()));
        assert_eq!((memory.history.len(), memory.history[0].text.as_str()), (MOST_LINES, "744"));
    }

    #[test]
    fn compresses_down_to_its_target() {
        let mut memory = Memory { text_tokens: 100, audio_tokens: 50, ..Memory::default() };
        memory.compress(120);
        assert_eq!((memory.text_tokens, memory.audio_tokens), (100, 20));
        memory.compress(60);
        assert_eq!((memory.text_tokens, memory.audio_tokens), (60, 0));
    }
}
