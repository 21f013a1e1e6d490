//! How much of the model's voice the phone is sent ahead of what it has heard; the rest waits here.
//!
//! A browser's WebSocket takes whatever comes, and the service is three to four times as fast as the ear. What the
//! phone is told of the turns keeps one order with their sound, so it waits behind it: a turn that is `generated`
//! has been sent whole, and a transcript stands where it was said. Nothing is dropped but what was silenced.

use super::turns::Word;
use crate::Moment;
use core::time::Duration;
use std::collections::VecDeque;
use vivavoce_wire::MODEL_RATE_HZ;
use vivavoce_wire::message::TurnState;

/// What the phone has yet to be sent, and what it has yet to hear.
#[derive(Debug)]
pub(super) struct Credit {
    /// Samples that may be with the phone and unheard when one more frame is sent.
    most_ahead: u64,
    /// Bytes that may wait before no more should come.
    most_bytes: usize,
    waiting: VecDeque<Word>,
    bytes: usize,
    /// The newest turns that were sent sound, oldest first.
    sent: VecDeque<Sent>,
    /// How far the phone says it is: a turn and its samples heard.
    heard: (u32, u64),
    /// Whether it ever said so.
    reports: bool,
    /// How far a phone that never says so must be: it plays in real time.
    assumed: (u32, u64),
    assumed_at: Moment,
    /// This turn and all older ones are silent at the phone.
    silenced: u32,
}

/// How much of a turn the phone was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    epoch: u32,
    samples: u64,
}

impl Credit {
    /// Credit of so much sound ahead of the ear, and room for so much more.
    pub(super) fn new(most_ahead: Duration, most_kept: Duration) -> Self {
        Self {
            most_ahead: samples(most_ahead),
            most_bytes: samples(most_kept) as usize * 2,
            waiting: VecDeque::new(),
            bytes: 0,
            sent: VecDeque::new(),
            heard: (0, 0),
            reports: false,
            assumed: (0, 0),
            assumed_at: Moment::default(),
            silenced: 0,
        }
    }

    /// Takes what is to be told of the turns.
    pub(super) fn keep(&mut self, words: impl IntoIterator<Item = Word>) {
        for word in words {
            self.bytes += word.bytes();
            self.waiting.push_back(word);
        }
    }

    /// The next thing that the phone may be sent.
    pub(super) fn release(&mut self, now: Moment) -> Option<Word> {
        // Every frame of the person's asks this, too.
        if self.waiting.is_empty() {
            return None;
        }
        self.play_on(now);
        if self.must_wait() {
            return None;
        }
        self.take()
    }

    /// The next thing that waits, whether the phone has credit or not.
    pub(super) fn take(&mut self) -> Option<Word> {
        let word = self.waiting.pop_front()?;
        self.bytes -= word.bytes();
        if let Word::Audio(frame) = &word {
            self.note_sent(frame.epoch, frame.samples());
        }
        Some(word)
    }

    /// The phone has heard so much; a count that falls, or that was never sent, is not believed.
    pub(super) fn heard(&mut self, epoch: u32, samples: u64) {
        let Some(sent) = self.sent.iter().find(|sent| sent.epoch == epoch) else { return };
        self.reports = true;
        self.heard = self.heard.max((epoch, samples.min(sent.samples)));
        self.sent.retain(|sent| sent.epoch >= epoch);
    }

    /// How far the phone says it is: a turn and its samples heard.
    pub(super) const fn heard_position(&self) -> (u32, u64) {
        self.heard
    }

    /// Whether the phone has yet to play some of what it was sent; while something waits it always has.
    pub(super) fn is_unheard(&self) -> bool {
        let is_unheard = |sent: &Sent| sent.epoch > self.silenced && (sent.epoch, sent.samples) > self.heard;
        self.sent.back().is_some_and(is_unheard)
    }

    /// Nobody hears any more of a turn and all older ones. What waits of them is dropped but for the words that each
    /// one began, which go first, and that those are over which had begun: they are kept for the caller to `take`
    /// after its own.
    pub(super) fn silence(&mut self, epoch: u32) -> Vec<Word> {
        self.silenced = self.silenced.max(epoch);
        let (mut begun, mut over) = (Vec::new(), Vec::new());
        let mut rest = VecDeque::new();
        for word in self.waiting.drain(..) {
            match word.state() {
                _ if word.epoch() > epoch => rest.push_back(word),
                Some(TurnState::Started) => begun.push(word),
                Some(TurnState::Complete) => over.push(word),
                Some(TurnState::Generated | TurnState::Interrupted) | None => {}
            }
        }
        self.bytes = 0;
        self.keep(over);
        self.keep(rest);
        begun
    }

    /// Room that is taken.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether more of the model's voice may come: it finds room, or is looked through for the word that it was cut
    /// off, since somebody speaks.
    pub(super) const fn has_room(&self, speech: bool) -> bool {
        let more = if speech { BEHIND_SPEECH_BYTES } else { 0 };
        self.bytes < self.most_bytes.saturating_add(more)
    }

    /// When something may be sent by the mere passing of time.
    pub(super) fn due_at(&self) -> Option<Moment> {
        if self.reports || !self.must_wait() {
            return None;
        }
        let over = self.ahead() + 1 - self.most_ahead;
        Some(self.assumed_at + Duration::from_nanos(over.saturating_mul(NANOS).div_ceil(RATE_HZ)))
    }

    /// Whether what comes next is sound that the phone has no credit for.
    fn must_wait(&self) -> bool {
        self.waiting.front().is_some_and(Word::is_audio) && self.ahead() >= self.most_ahead
    }

    /// Samples that are with the phone and unheard.
    fn ahead(&self) -> u64 {
        let (epoch, samples) = if self.reports { self.heard } else { self.assumed };
        let alive = self.sent.iter().filter(|sent| sent.epoch > self.silenced && sent.epoch >= epoch);
        alive.map(|sent| if sent.epoch == epoch { sent.samples - samples } else { sent.samples }).sum()
    }

    /// A phone that reports nothing plays turn after turn, each from the moment its first sample was sent.
    fn play_on(&mut self, now: Moment) {
        let nanos = u64::try_from(now.since(self.assumed_at).as_nanos()).unwrap_or(u64::MAX);
        let mut left = (u128::from(nanos) * u128::from(RATE_HZ) / u128::from(NANOS)) as u64;
        let passed = Duration::from_nanos((left as u128 * NANOS as u128).div_ceil(RATE_HZ as u128) as u64);
        self.assumed_at = self.assumed_at + passed;
        for sent in self.sent.iter().filter(|sent| sent.epoch > self.silenced) {
            let played = if sent.epoch == self.assumed.0 { self.assumed.1 } else { 0 };
            if sent.epoch < self.assumed.0 || left == 0 {
                continue;
            }
            let step = left.min(sent.samples - played);
            left -= step;
            self.assumed = (sent.epoch, played + step);
        }
    }

    fn note_sent(&mut self, epoch: u32, samples: u64) {
        match self.sent.back_mut() {
            Some(newest) if newest.epoch == epoch => newest.samples += samples,
            Some(_) | None => self.sent.push_back(Sent { epoch, samples }),
        }
        let is_past = |sent: &Sent| sent.epoch < self.assumed.0 || sent.epoch <= self.silenced;
        while self.sent.len() > REMEMBERED && self.sent.front().is_some_and(is_past) {
            self.sent.pop_front();
        }
    }
}

fn samples(time: Duration) -> u64 {
    time.as_millis() as u64 * RATE_HZ / 1000
}

const RATE_HZ: u64 = MODEL_RATE_HZ as u64;
const NANOS: u64 = 1_000_000_000;
/// Two minutes of sound: more than the buffers of sockets on the way hold of it, as base64.
const BEHIND_SPEECH_BYTES: usize = 120 * 2 * MODEL_RATE_HZ as usize;
/// Turns that a phone which is late may still say it hears.
const REMEMBERED: usize = 16;
