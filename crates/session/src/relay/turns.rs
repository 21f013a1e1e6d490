//! The model's turns as the phone is told of them: numbered by epochs, counted in samples.

use crate::Moment;
use bytes::{Bytes, BytesMut};
use core::time::Duration;
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
    /// Cut off by the phone; the service may not know of it and say all.
    Silenced,
    /// Its connection is gone, and its question is asked again: what came of it is heard until the next turn begins.
    /// `whole` if the phone was told that nothing more comes of it.
    GivesWay { whole: bool },
    /// The service forgot a turn that the phone has whole, and says it once more to nobody, until it is over or
    /// interrupted, and a little longer.
    Repeats { begun: bool, until: Option<Moment> },
}

/// What becomes of the newest turn when its connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The next session knows it, or need not.
    Over,
    /// Its question is asked again, and the next answer takes its place.
    GivesWay,
    /// Its question is asked again, and the phone has the answer.
    Repeats,
}

/// Something for the phone.
#[derive(Debug, PartialEq)]
pub(super) enum Word {
    /// A message.
    Text(FromProxy),
    /// An audio frame, which gets its number when it is told.
    Audio(AudioFrame),
}

impl Turns {
    /// The turns that follow number `epoch`, of a conversation that goes on.
    pub(super) fn after(epoch: u32) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// The newest turn; 0 before any.
    pub(super) const fn newest(&self) -> u32 {
        self.epoch
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
    pub(super) fn audio(&mut self, parts: &mut [Bytes], now: Moment) -> Vec<Word> {
        if parts.iter().all(Bytes::is_empty) || self.is_stale(now) {
            return Vec::new();
        }
        let mut words = self.begin();
        let mut pcm = self.join(parts);
        while !pcm.is_empty() {
            let piece = pcm.split_to(pcm.len().min(MOST_BYTES));
            words.push(self.frame(piece));
        }
        words
    }

    /// The service has said all of this turn.
    pub(super) fn generated(&mut self) -> Vec<Word> {
        if self.state != State::Speaking {
            return Vec::new();
        }
        self.state = State::Generated;
        vec![self.word(TurnState::Generated, None)]
    }

    /// The service takes the turn as over. One in which it said nothing is told of too.
    pub(super) fn complete(&mut self, reason: Option<String>) -> Vec<Word> {
        let is_told =
            matches!(self.state, State::Hushed | State::GivesWay { whole: true } | State::Repeats { .. });
        let mut words = match self.state {
            State::Idle => self.begin(),
            State::GivesWay { whole: false } => {
                self.state = State::Speaking;
                Vec::new()
            }
            _ => Vec::new(),
        };
        words.extend(self.generated());
        if !is_told {
            words.push(self.word(TurnState::Complete, reason));
        }
        self.state = State::Idle;
        self.odd = None;
        words
    }

    /// The user spoke over the model, or over what the phone still plays, if some of it `is_unheard`.
    pub(super) fn interrupted(&mut self, is_unheard: bool, now: Moment) -> Option<Word> {
        self.odd = None;
        let is_going_on =
            matches!(self.state, State::Speaking | State::Generated | State::GivesWay { whole: false });
        self.state = match self.state {
            State::Speaking | State::Generated | State::Silenced => State::Cut { until: now + STALE },
            State::GivesWay { whole: false } => State::Cut { until: now },
            State::Idle | State::Hushed | State::GivesWay { whole: true } => State::Hushed,
            State::Cut { until } => State::Cut { until },
            State::Repeats { begun, until } => {
                State::Repeats { begun, until: Some(until.unwrap_or(now + STALE)) }
            }
        };
        (is_unheard || is_going_on).then(|| self.word(TurnState::Interrupted, None))
    }

    /// The connection that the newest turn came over is gone: what comes over the next one begins another.
    pub(super) fn orphaned(&mut self, fate: Fate) -> Vec<Word> {
        let state = self.state;
        if fate == Fate::GivesWay && matches!(state, State::Speaking | State::GivesWay { whole: false }) {
            self.odd = None;
            self.state = State::GivesWay { whole: false };
            return Vec::new();
        }
        let words = if state == State::Idle { Vec::new() } else { self.complete(None) };
        self.state = match fate {
            Fate::GivesWay if !matches!(state, State::Hushed | State::Cut { .. } | State::Silenced) => {
                State::GivesWay { whole: true }
            }
            Fate::Over | Fate::GivesWay => State::Idle,
            Fate::Repeats => State::Repeats { begun: false, until: None },
        };
        words
    }

    /// Whether the phone has the whole newest turn, and nobody spoke over it, or the service was saying it once more.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.state, State::Idle | State::Generated | State::Repeats { until: None, .. })
    }

    /// Whether the newest turn is to fall silent when the next one begins.
    pub(super) const fn gives_way(&self) -> bool {
        matches!(self.state, State::GivesWay { .. })
    }

    /// The service says something; whether that begins what it says once more.
    pub(super) fn begins_to_repeat(&mut self) -> bool {
        let State::Repeats { begun, until: None } = &mut self.state else { return false };
        !core::mem::replace(begun, true)
    }

    /// The person has said something more: what the service says next may be the answer to that.
    pub(super) fn is_asked_anew(&mut self) {
        if matches!(self.state, State::Repeats { begun: false, .. }) {
            self.state = State::Idle;
        }
    }

    /// Whether the service speaks.
    pub(super) const fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking)
    }

    /// Whether the newest turn was cut off and the service has yet to say that it is over.
    pub(super) const fn is_cut(&self) -> bool {
        matches!(self.state, State::Cut { .. } | State::Repeats { until: Some(_), .. })
    }

    /// Whether the service takes the newest turn as over.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Idle | State::Hushed | State::GivesWay { .. })
    }

    /// The phone silenced the newest turn by itself.
    pub(super) fn silenced(&mut self) {
        if matches!(self.state, State::Speaking | State::Generated) {
            self.odd = None;
            self.state = State::Silenced;
        }
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
            State::Idle
            | State::Hushed
            | State::Cut { .. }
            | State::Silenced
            | State::GivesWay { .. }
            | State::Repeats { .. } => {
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
        match self.state {
            State::Cut { until } => now < until,
            State::Repeats { until, .. } => until.is_none_or(|until| now < until),
            State::Silenced => true,
            State::Idle | State::Hushed | State::Speaking | State::Generated | State::GivesWay { .. } => {
                false
            }
        }
    }

    /// Whole samples, with the half that was carried over.
    fn join(&mut self, parts: &mut [Bytes]) -> Bytes {
        let bytes = parts.iter().map(Bytes::len).sum::<usize>() + usize::from(self.odd.is_some());
        if let ([part], None, true) = (&mut *parts, self.odd, bytes.is_multiple_of(2)) {
            return core::mem::take(part);
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

    fn frame(&mut self, payload: Bytes) -> Word {
        let frame = AudioFrame {
            kind: Kind::Model,
            codec: Codec::Pcm,
            epoch: self.epoch,
            sequence: 0,
            position: self.samples,
            payload,
        };
        self.samples += frame.samples();
        Word::Audio(frame)
    }

    fn word(&self, state: TurnState, reason: Option<String>) -> Word {
        Word::Text(FromProxy::Turn { epoch: self.epoch, state, samples: self.samples, reason })
    }
}

impl Word {
    /// Whether it is sound.
    pub(super) const fn is_audio(&self) -> bool {
        matches!(self, Self::Audio(_))
    }

    /// The turn that it is of.
    pub(super) const fn epoch(&self) -> u32 {
        match self {
            Self::Audio(AudioFrame { epoch, .. })
            | Self::Text(FromProxy::Turn { epoch, .. } | FromProxy::ModelTranscript { epoch, .. }) => *epoch,
            Self::Text(_) => 0,
        }
    }

    /// Whether it is the first of a turn.
    pub(super) const fn begins_a_turn(&self) -> bool {
        matches!(self.state(), Some(TurnState::Started))
    }

    /// What became of the turn, if it says that.
    pub(super) const fn state(&self) -> Option<TurnState> {
        match self {
            Self::Text(FromProxy::Turn { state, .. }) => Some(*state),
            Self::Text(_) | Self::Audio(_) => None,
        }
    }

    /// The room that it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        let content = match self {
            Self::Audio(frame) => frame.payload.len(),
            Self::Text(FromProxy::ModelTranscript { text, .. }) => text.len(),
            Self::Text(_) => 0,
        };
        content + size_of::<Self>()
    }
}

/// One second of sound: what a frame for a phone holds at most.
const MOST_BYTES: usize = 48_000;
/// What was on its way when a turn was cut off has come by then. A new answer needs the user's words, the
/// silence after them and the model's thought first, which is longer.
const STALE: Duration = Duration::from_secs(1);
