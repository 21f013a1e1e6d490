//! What is counted in a call from the terminal.

use serde::Serialize;
use tokio::time::Instant;
use vivavoce_wire::message::TurnState;
use vivavoce_wire::{AudioFrame, FromProxy};

/// What was seen on the wire since something was said.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    turns: Vec<Turn>,
    user_transcript: String,
    /// When the last sample of the file was sent.
    spoken_at: Option<Instant>,
    /// When the proxy last said anything of weight.
    pub(crate) heard_at: Option<Instant>,
}

/// What was seen of one turn.
#[derive(Debug)]
pub(crate) struct Turn {
    epoch: u32,
    transcript: String,
    pub(crate) pcm: Vec<u8>,
    first_audio_at: Option<Instant>,
    was_interrupted: bool,
    complete_at: Option<Instant>,
}

/// The figures of one thing that was said and its answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// What was said.
    pub file: String,
    /// From the end of the file, its last sample sent, to the first sample of the reply; negative if the model was
    /// faster than the file's last silence.
    pub first_audio_ms: Option<f64>,
    /// From the end of the file to the end of the turn.
    pub turn_ms: f64,
    /// What the service heard.
    pub user_transcript: String,
    /// What it answered.
    pub model_transcript: String,
    /// How long the answer is, in samples of 24 kHz.
    pub reply_samples: u64,
    /// Whether it was cut off.
    pub interrupted: bool,
}

impl Tally {
    /// Looks at a message.
    pub(crate) fn message(&mut self, message: &FromProxy, now: Instant) {
        match message {
            FromProxy::UserTranscript { text, .. } => self.user_transcript.push_str(text),
            FromProxy::ModelTranscript { epoch, text } => self.turn(*epoch).transcript.push_str(text),
            FromProxy::Turn { epoch, state, .. } => {
                let turn = self.turn(*epoch);
                match state {
                    TurnState::Started | TurnState::Generated => {}
                    TurnState::Interrupted => turn.was_interrupted = true,
                    TurnState::Complete => turn.complete_at = Some(now),
                }
            }
            FromProxy::Ready(ready) if ready.next.is_some() => {}
            FromProxy::Ready(_) => self.begin_connection(),
            FromProxy::Activity { .. }
            | FromProxy::Tool { .. }
            | FromProxy::Error { .. }
            | FromProxy::Bye { .. } => {}
            FromProxy::Received { .. }
            | FromProxy::Committed { .. }
            | FromProxy::Ping { .. }
            | FromProxy::Pong { .. } => return,
        }
        self.heard_at = Some(now);
    }

    /// Looks at an audio frame.
    pub(crate) fn audio(&mut self, frame: &AudioFrame, now: Instant) {
        let turn = self.turn(frame.epoch);
        turn.first_audio_at.get_or_insert(now);
        turn.pcm.extend_from_slice(&frame.payload);
        self.heard_at = Some(now);
    }

    /// The last sample of the file was sent.
    pub(crate) fn spoken(&mut self, now: Instant) {
        self.spoken_at = Some(now);
        self.heard_at = Some(now);
    }

    /// The first turn with sound that was completed after the file's end.
    pub(crate) fn answer(&self) -> Option<&Turn> {
        self.completed().find(|turn| !turn.pcm.is_empty())
    }

    /// Whether a turn was completed after the file's end, though without a sound.
    pub(crate) fn has_soundless_answer(&self) -> bool {
        self.completed().next().is_some()
    }

    fn completed(&self) -> impl Iterator<Item = &Turn> {
        let is_answer = |turn: &&Turn| self.spoken_at.is_some_and(|end| turn.complete_at >= Some(end));
        self.turns.iter().filter(is_answer)
    }

    /// A connection begins, whose turns are counted anew: what was said on the one before it is no part of them.
    fn begin_connection(&mut self) {
        self.turns.clear();
    }

    /// The figures of that turn.
    pub(crate) fn figures(&self, file: String) -> Option<Figures> {
        let (spoken_at, turn) = (self.spoken_at?, self.answer()?);
        Some(Figures {
            file,
            first_audio_ms: turn.first_audio_at.map(|at| milliseconds(spoken_at, at)),
            turn_ms: milliseconds(spoken_at, turn.complete_at?),
            user_transcript: self.user_transcript.trim().to_owned(),
            model_transcript: turn.transcript.trim().to_owned(),
            reply_samples: turn.pcm.len() as u64 / 2,
            interrupted: turn.was_interrupted,
        })
    }

    fn turn(&mut self, epoch: u32) -> &mut Turn {
        let index = self.turns.iter().position(|turn| turn.epoch == epoch).unwrap_or_else(|| {
            self.turns.push(Turn {
                epoch,
                transcript: String::new(),
                pcm: Vec::new(),
                first_audio_at: None,
                was_interrupted: false,
                complete_at: None,
            });
            self.turns.len() - 1
        });
        &mut self.turns[index]
    }
}

/// From one moment to another, to a tenth of a millisecond.
pub(crate) fn milliseconds(from: Instant, to: Instant) -> f64 {
    let passed =
        to.saturating_duration_since(from).as_secs_f64() - from.saturating_duration_since(to).as_secs_f64();
    (passed * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use core::time::Duration;
    use vivavoce_wire::{Codec, Kind};

    #[test]
    fn counts_the_first_turn_completed_after_the_end() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut tally = Tally::default();
        turn(&mut tally, 1, at(100), at(200));
        tally.spoken(at(1_000));
        tally.message(&FromProxy::UserTranscript { text: " hi".to_owned(), done: false }, at(1_100));
        turn(&mut tally, 2, at(1_800), at(3_000));
        turn(&mut tally, 3, at(4_000), at(5_000));
        let figures = tally.figures("a.wav".to_owned()).unwrap();
        assert_eq!((figures.first_audio_ms, figures.turn_ms), (Some(800.0), 2_000.0));
        assert_eq!((figures.user_transcript.as_str(), figures.model_transcript.as_str()), ("hi", "turn 2"));
        assert_eq!((figures.reply_samples, figures.interrupted), (480, false));
    }

    #[test]
    fn passes_over_turns_without_a_sound() {
        let start = Instant::now();
        let mut tally = Tally::default();
        tally.spoken(start);
        let state = TurnState::Complete;
        tally.message(&FromProxy::Turn { epoch: 1, state, samples: 0, reason: None }, start);
        assert!(tally.answer().is_none());
        assert!(tally.has_soundless_answer());
        turn(&mut tally, 2, start, start);
        assert_eq!(tally.answer().unwrap().epoch, 2);
    }

    #[test]
    fn mixes_no_turns_of_two_connections() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut tally = Tally::default();
        tally.spoken(start);
        let frame = Bytes::from_static(&[0; 960]);
        let (kind, codec) = (Kind::Model, Codec::Pcm);
        let lost = AudioFrame { kind, codec, epoch: 1, sequence: 0, position: 0, payload: frame };
        tally.audio(&lost, at(100));
        tally.message(&FromProxy::Ready(ready()), at(200));
        turn(&mut tally, 1, at(300), at(400));
        let figures = tally.figures("a.wav".to_owned()).unwrap();
        assert_eq!((figures.reply_samples, figures.first_audio_ms), (480, Some(300.0)));
    }

    #[test]
    fn has_no_answer_before_a_turn_is_complete() {
        let start = Instant::now();
        let mut tally = Tally::default();
        turn(&mut tally, 1, start, start);
        assert!(tally.answer().is_none());
        tally.spoken(start + Duration::from_millis(1));
        assert!(tally.answer().is_none());
    }

    fn ready() -> vivavoce_wire::message::Ready {
        let (call, model) = ("c".to_owned(), "m".to_owned());
        let upstream = vivavoce_wire::message::Upstream::Simulator;
        let (rate_hz, max_frame_bytes, secret, next) = (24_000, 65_536, None, None);
        vivavoce_wire::message::Ready { call, upstream, model, rate_hz, max_frame_bytes, secret, next }
    }

    fn turn(tally: &mut Tally, epoch: u32, first_audio_at: Instant, complete_at: Instant) {
        let payload = Bytes::from_static(&[0; 960]);
        let frame =
            AudioFrame { kind: Kind::Model, codec: Codec::Pcm, epoch, sequence: 0, position: 0, payload };
        tally.audio(&frame, first_audio_at);
        tally.message(&FromProxy::ModelTranscript { epoch, text: format!("turn {epoch}") }, first_audio_at);
        let state = TurnState::Complete;
        tally.message(&FromProxy::Turn { epoch, state, samples: 480, reason: None }, complete_at);
    }
}
