//! How long the person waits for the model's voice.

use core::time::Duration;
use tokio::time::Instant;
use vivavoce_wire::AudioFrame;

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

    /// They go on speaking.
    pub(crate) fn speech_begins(&mut self) {
        self.since = None;
    }

    /// A frame of the model's voice leaves: how long it was waited for, if it begins an answer.
    pub(crate) fn sounds(&mut self, frame: &bytes::Bytes) -> Option<Duration> {
        let since = self.since?;
        let is_answer = AudioFrame::decode(frame).is_ok_and(|frame| frame.epoch > self.turn);
        is_answer.then(|| {
            self.since = None;
            since.elapsed()
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
mod tests {
    use super::*;
    use vivavoce_wire::{Codec, Kind};

    fn frame(epoch: u32) -> bytes::Bytes {
        let payload = vec![0; 2].into();
        AudioFrame { kind: Kind::Model, codec: Codec::Pcm, epoch, sequence: 0, position: 0, payload }.encode()
    }

    #[tokio::test(start_paused = true)]
    async fn counts_from_the_end_of_speech_to_the_first_sound_of_a_newer_turn() {
        let mut awaited = Awaited::default();
        assert_eq!(awaited.sounds(&frame(1)), None, "nobody said anything");
        awaited.speech_ends(1);
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(awaited.sounds(&frame(1)), None, "the rest of what was said before");
        assert_eq!(awaited.sounds(&frame(2)), Some(Duration::from_millis(300)));
        assert_eq!(awaited.sounds(&frame(2)), None, "once an answer");
        awaited.speech_ends(2);
        awaited.speech_begins();
        assert_eq!(awaited.sounds(&frame(3)), None, "it was no end");
    }
}
