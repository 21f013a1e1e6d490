//! What the phone was told, until it says that it has it: whoever takes the call up again is told the rest once more.

use super::turns::Word;
use std::collections::VecDeque;
use vivavoce_wire::audio::AudioFrame;
use vivavoce_wire::message::FromProxy;

/// All that was told and is not known to have arrived.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The number of what is told next.
    next: u32,
    /// Whether the phone ever takes a call up again; nothing is kept for others.
    keeps: bool,
    kept: VecDeque<(u32, Line)>,
    bytes: usize,
}

/// One thing that is told.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// A message.
    Text(FromProxy),
    /// An audio frame, which bears its number.
    Audio(AudioFrame),
}

impl Told {
    /// From here on lines are kept, or not.
    pub(super) fn keep(&mut self, keeps: bool) {
        self.keeps = keeps;
        if !keeps {
            self.kept.clear();
            self.bytes = 0;
        }
    }

    /// Another relay told all before this.
    pub(super) const fn go_on(&mut self, next: u32) {
        self.next = next;
    }

    /// Room that is taken.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Numbers a word, and keeps what the phone may have to be told again.
    pub(super) fn tell(&mut self, word: Word) -> (u32, Line) {
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        let line = match word {
            Word::Text(message) => Line::Text(message),
            Word::Audio(frame) => Line::Audio(AudioFrame { sequence, ..frame }),
        };
        if self.keeps {
            self.bytes += line.bytes();
            self.kept.push_back((sequence, line.clone()));
            while self.bytes > MOST_BYTES {
                self.forget_oldest();
            }
        }
        (sequence, line)
    }

    /// The phone has all before `next`; a number that was never told is not believed.
    pub(super) fn received(&mut self, next: u32) {
        if next > self.next {
            return;
        }
        while self.kept.front().is_some_and(|(sequence, _)| *sequence < next) {
            self.forget_oldest();
        }
    }

    /// Nobody hears any more of a turn and all older ones.
    pub(super) fn silence(&mut self, epoch: u32) {
        self.kept.retain(|(_, line)| !matches!(line, Line::Audio(frame) if frame.epoch <= epoch));
        self.bytes = self.kept.iter().map(|(_, line)| line.bytes()).sum();
    }

    /// All that has yet to arrive, oldest first.
    pub(super) fn rest(&self) -> impl Iterator<Item = (u32, Line)> + '_ {
        self.kept.iter().cloned()
    }

    fn forget_oldest(&mut self) {
        if let Some((_, line)) = self.kept.pop_front() {
            self.bytes -= line.bytes();
        }
    }
}

impl Line {
    fn bytes(&self) -> usize {
        let content = match self {
            Self::Audio(frame) => frame.payload.len(),
            Self::Text(FromProxy::ModelTranscript { text, .. } | FromProxy::UserTranscript { text, .. }) => {
                text.len()
            }
            Self::Text(_) => 0,
        };
        content + size_of::<(u32, Self)>()
    }
}

/// Three times the credit of sound that is usual, which a phone that says what it has never comes near.
const MOST_BYTES: usize = 3 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use vivavoce_wire::audio::{Codec, Kind};

    fn sound(epoch: u32, samples: usize) -> Word {
        let payload = Bytes::from(vec![1; samples * 2]);
        Word::Audio(AudioFrame {
            kind: Kind::Model,
            codec: Codec::Pcm,
            epoch,
            sequence: 0,
            position: 0,
            payload,
        })
    }

    fn numbers(told: &Told) -> Vec<u32> {
        told.rest().map(|(sequence, _)| sequence).collect()
    }

    fn keeping() -> Told {
        let mut told = Told::default();
        told.keep(true);
        told
    }

    #[test]
    fn keeps_what_has_not_arrived_and_stamps_its_number() {
        let mut told = keeping();
        for _ in 0..4 {
            told.tell(sound(1, 10));
        }
        told.received(2);
        told.received(1);
        told.received(9);
        assert_eq!(numbers(&told), [2, 3]);
        let Some((3, Line::Audio(frame))) = told.rest().last() else { panic!("no sound") };
        assert_eq!(frame.sequence, 3);
    }

    #[test]
    fn forgets_the_sound_of_silenced_turns() {
        let mut told = keeping();
        told.tell(sound(1, 10));
        told.tell(Word::Text(FromProxy::Activity { speaking: true }));
        told.tell(sound(2, 10));
        told.silence(1);
        assert_eq!(numbers(&told), [1, 2]);
    }

    #[test]
    fn keeps_nothing_for_those_who_never_come_back_and_little_for_those_who_say_nothing() {
        let mut told = Told::default();
        told.tell(sound(1, 10));
        assert!(numbers(&told).is_empty());
        told.keep(true);
        for _ in 0..1_000 {
            told.tell(sound(1, 24_000));
        }
        assert!(told.bytes <= MOST_BYTES && told.kept.len() > 50, "{}", told.bytes);
    }
}
