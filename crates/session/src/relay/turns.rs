//! The model's turns as the phone is told of them: numbered by epochs, counted in samples.

use crate::Moment;
use bytes::{Bytes, BytesMut};
use core::time::Duration;
use std::collections::VecDeque;
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};
use vivavoce_wire::message::{FromProxy, TurnState};

/// The turns of one call.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The newest turn; 0 before any.
    epoch: u32,
    state: State,
    /// Samples sent of the newest turn.
    samples: u64,
    /// First half of a sample that a chunk was cut through.
    odd: Option<u8>,
    /// Number of the next frame of this connection.
    sequence: u32,
    /// Turns with sound that the phone may still play, oldest first.
    sent: VecDeque<Sent>,
    /// How far the phone is: a turn and its samples heard.
    heard: (u32, u64),
    /// The phone was told to silence this turn and all older ones.
    silenced: u32,
}

/// Where the newest turn stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Over, or there is none: what comes next begins a turn.
    #[default]
    Idle,
    /// An interruption found nothing going on; the service's word that it is over means nothing.
    Hushed,
    /// The service speaks.
    Speaking,
    /// The service has said all.
    Generated,
    /// Cut off; what still comes of it until then, or until it is over, is dropped.
    Cut { until: Moment },
}

/// How much of a turn the phone was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    epoch: u32,
    samples: u64,
}

/// Something for the phone.
#[derive(Debug, PartialEq)]
pub(super) enum Word {
    /// A message.
    Text(FromProxy),
    /// An audio frame.
    Audio(Bytes),
}

impl Turns {
    /// The phone has heard so much; a count that falls, or that was never sent, is not believed.
    pub(super) fn heard(&mut self, epoch: u32, samples: u64) {
        let Some(sent) = self.sent.iter().find(|sent| sent.epoch == epoch) else { return };
        self.heard = self.heard.max((epoch, samples.min(sent.samples)));
        self.sent.retain(|sent| sent.epoch >= epoch);
    }

    /// How far the phone is: a turn and its samples heard.
    pub(super) const fn heard_position(&self) -> (u32, u64) {
        self.heard
    }

    /// Words of the model came.
    pub(super) fn transcript(&mut self, text: &str, now: Moment) -> Vec<Word> {
        if text.is_empty() || self.is_stale(now) {
            return Vec::new();
        }
        let mut words = self.begin();
        words.push(Word::Text(FromProxy::ModelTranscript { epoch: self.epoch, text: text.into() }));
        words
    }

    /// Sound of the model came, all that one message holds.
    pub(super) fn audio(&mut self, parts: &[&Bytes], now: Moment) -> Vec<Word> {
        if parts.iter().all(|part| part.is_empty()) || self.is_stale(now) {
            return Vec::new();
        }
        let mut words = self.begin();
        let mut pcm = self.join(parts);
        while !pcm.is_empty() {
            let piece = pcm.split_to(pcm.len().min(MOST_BYTES));
            words.push(Word::Audio(self.frame(piece)));
        }
        words
    }

    /// The service has said all of this turn.
    pub(super) fn generated(&mut self) -> Vec<Word> {
        match self.state {
            State::Speaking => {
                self.state = State::Generated;
                vec![self.word(TurnState::Generated, None)]
            }
            State::Idle | State::Hushed | State::Generated | State::Cut { .. } => Vec::new(),
        }
    }

    /// The service takes the turn as over. One in which it said nothing is told of too.
    pub(super) fn complete(&mut self, reason: Option<String>) -> Vec<Word> {
        let mut words = match self.state {
            State::Idle => self.begin(),
            State::Hushed | State::Speaking | State::Generated | State::Cut { .. } => Vec::new(),
        };
        words.extend(self.generated());
        if self.state != State::Hushed {
            words.push(self.word(TurnState::Complete, reason));
        }
        self.state = State::Idle;
        self.odd = None;
        words
    }

    /// The user spoke over the model, or over what the phone still plays.
    pub(super) fn interrupted(&mut self, now: Moment) -> Vec<Word> {
        self.odd = None;
        let is_audible = match self.state {
            State::Speaking | State::Generated => true,
            State::Idle | State::Hushed | State::Cut { .. } => self.is_unheard(),
        };
        self.state = match self.state {
            State::Speaking | State::Generated => State::Cut { until: now + STALE },
            State::Idle | State::Hushed => State::Hushed,
            State::Cut { until } => State::Cut { until },
        };
        self.silenced = self.epoch;
        if is_audible { vec![self.word(TurnState::Interrupted, None)] } else { Vec::new() }
    }

    /// Begins the next turn, unless one is going on.
    fn begin(&mut self) -> Vec<Word> {
        match self.state {
            State::Speaking => Vec::new(),
            // More came after all; its end will be told again.
            State::Generated => {
                self.state = State::Speaking;
                Vec::new()
            }
            State::Idle | State::Hushed | State::Cut { .. } => {
                self.epoch = self.epoch.saturating_add(1);
                self.state = State::Speaking;
                self.samples = 0;
                self.odd = None;
                vec![self.word(TurnState::Started, None)]
            }
        }
    }

    /// Whether what comes is left over from a turn that was cut off.
    fn is_stale(&self, now: Moment) -> bool {
        matches!(self.state, State::Cut { until } if now < until)
    }

    /// Whether the phone has yet to play some of what it was sent.
    fn is_unheard(&self) -> bool {
        let unheard = |sent: &Sent| sent.epoch > self.silenced && (sent.epoch, sent.samples) > self.heard;
        self.sent.iter().any(unheard)
    }

    /// Whole samples, with the half that was carried over.
    fn join(&mut self, parts: &[&Bytes]) -> Bytes {
        let bytes = parts.iter().map(|part| part.len()).sum::<usize>() + usize::from(self.odd.is_some());
        if let ([part], None, true) = (parts, self.odd, bytes.is_multiple_of(2)) {
            return (*part).clone();
        }
        let mut joined = BytesMut::with_capacity(bytes);
        joined.extend(self.odd.take());
        for part in parts {
            joined.extend_from_slice(part);
        }
        if joined.len() % 2 == 1 {
            self.odd = joined.last().copied();
            joined.truncate(joined.len() - 1);
        }
        joined.freeze()
    }

    fn frame(&mut self, payload: Bytes) -> Bytes {
        let frame = AudioFrame {
            kind: Kind::Model,
            codec: Codec::Pcm,
            epoch: self.epoch,
            sequence: self.sequence,
            position: self.samples,
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.samples += frame.samples();
        self.note_sent();
        frame.encode()
    }

    fn note_sent(&mut self) {
        let sent = Sent { epoch: self.epoch, samples: self.samples };
        match self.sent.back_mut() {
            Some(newest) if newest.epoch == self.epoch => *newest = sent,
            Some(_) | None => self.sent.push_back(sent),
        }
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
        }
    }

    fn word(&self, state: TurnState, reason: Option<String>) -> Word {
        Word::Text(FromProxy::Turn { epoch: self.epoch, state, samples: self.samples, reason })
    }
}

/// One second of sound: what a frame for a phone holds at most.
const MOST_BYTES: usize = 48_000;
/// What was on its way when a turn was cut off has come by then. A new answer needs the user's words, the
/// silence after them and the model's thought first, which is longer.
const STALE: Duration = Duration::from_secs(1);
/// More turns than ever wait to be played at once.
const REMEMBERED: usize = 16;
