//! How long the person waits for the model's voice.

use core::time::Duration;
use tokio::time::Instant;

/// Since when an answer is waited for, if one is.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    since: Option<Instant>,
    /// The newest turn that there was then.
    turn: u32,
}

impl Awaited {
    /// The person has said what they wanted to say, when this turn was the model's newest.
    pub(crate) fn speech_ends(&mut self, turn: u32) {
        (self.since, self.turn) = (Some(Instant::now()), turn);
    }

    /// They typed: an answer to that is none to what they said.
    pub(crate) fn types(&mut self) {
        self.since = None;
    }

    /// They go on speaking.
    pub(crate) fn speech_begins(&mut self) {
        self.since = None;
    }

    /// The model's voice sounds in this turn: how long it was waited for, if that is an answer.
    pub(crate) fn sounds(&mut self, turn: u32) -> Option<Duration> {
        let since = self.since.filter(|_| turn > self.turn)?;
        self.since = None;
        Some(since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counts_from_the_end_of_speech_to_the_first_sound_of_a_newer_turn() {
        let mut awaited = Awaited::default();
        assert_eq!(awaited.sounds(1), None, "nobody said anything");
        awaited.speech_ends(1);
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(awaited.sounds(1), None, "the rest of what was said before");
        assert_eq!(awaited.sounds(2), Some(Duration::from_millis(300)));
        assert_eq!(awaited.sounds(2), None, "once an answer");
        awaited.speech_ends(2);
        awaited.speech_begins();
        assert_eq!(awaited.sounds(3), None, "it was no end");
        awaited.speech_ends(2);
        awaited.types();
        assert_eq!(awaited.sounds(3), None, "whoever is muted and types has not spoken");
    }
}
