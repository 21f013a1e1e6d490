//! Who said what, for the page: one caption for each of the model's turns, and one for what the user said after it.
//! The user's words appear as they come, the model's as they are heard.

use super::transcript::{Transcript, USUAL_PACE};
use super::{ClientEvent, ClientOutput, Who};
use crate::Moment;
use core::time::Duration;

/// The captions of a session.
#[derive(Debug, Default)]
pub(super) struct Captions {
    /// The turn that the user's words answer.
    answered: u32,
    /// Whether the user's caption is open.
    user_open: bool,
    /// A turn that began: from then on, the user's words answer it.
    settles: Option<(Moment, u32)>,
    /// The model's newest captions, oldest first.
    model: Vec<ModelCaption>,
    /// Samples a letter of the voice, once a turn told.
    pace: Option<f64>,
}

#[derive(Debug, Default)]
struct ModelCaption {
    epoch: u32,
    words: Transcript,
    /// Samples of the turn, once all came.
    length: Option<u64>,
    /// Nothing more is promised.
    over: Option<Over>,
    /// Whether the page was told of its end.
    closed: bool,
}

/// How a turn came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Complete,
    BrokeOff,
}

type Queue = Vec<ClientOutput>;

impl Captions {
    /// The user said this.
    pub(super) fn user(&mut self, text: String, done: bool, queue: &mut Queue) {
        if !text.is_empty() {
            self.user_open = true;
            say(queue, ClientEvent::Caption { who: Who::User, epoch: self.answered, text });
        }
        if done {
            self.close_user(queue);
        }
    }

    /// The service noticed that the user began or stopped to speak.
    pub(super) fn activity(&mut self, speaking: bool, queue: &mut Queue) {
        if speaking {
            self.settle(queue);
        }
    }

    /// A turn of the model begins; words that the service heard before it may still be on their way.
    pub(super) fn model_begins(&mut self, epoch: u32, now: Moment, queue: &mut Queue) {
        self.settle(queue);
        self.settles = Some((now + LATE_WORDS, epoch));
        self.of(epoch);
    }

    /// The model says this, when `received` samples of its turn were there.
    pub(super) fn model(&mut self, epoch: u32, text: &str, received: u64) {
        self.of(epoch).words.push(text, received);
    }

    /// All sound of a turn came; if it is `over`, so did its words, but for late ones, or it broke off.
    pub(super) fn ended(&mut self, epoch: u32, samples: u64, over: Option<Over>) {
        let Some(caption) = self.model.iter_mut().find(|caption| caption.epoch == epoch) else { return };
        caption.length = Some(samples);
        caption.over = caption.over.or(over);
    }

    /// The line is lost: what came of each turn is all there will be.
    pub(super) fn break_off(&mut self, received: impl Fn(u32) -> u64, queue: &mut Queue) {
        self.settle(queue);
        self.close_user(queue);
        for caption in &mut self.model {
            caption.length = Some(received(caption.epoch));
            caption.over.get_or_insert(Over::BrokeOff);
        }
    }

    /// The model's turns were `heard` so far.
    pub(super) fn advance(&mut self, heard: impl Fn(u32) -> u64, queue: &mut Queue) {
        for caption in &mut self.model {
            let heard = heard(caption.epoch);
            let is_all_heard = caption.advance(heard, self.pace, queue);
            let Some(over) = caption.over.filter(|_| is_all_heard) else { continue };
            let pace = caption.length.and_then(|length| caption.words.pace(length));
            if !caption.closed
                && let Some(pace) = pace
            {
                self.pace = Some(self.pace.map_or(pace, |usual| f64::midpoint(usual, pace)));
            }
            caption.close(over == Over::BrokeOff, queue);
        }
    }

    /// A turn and all older ones were cut off, `heard` so far; those heard to their end were not.
    pub(super) fn cut(&mut self, epoch: u32, heard: impl Fn(u32) -> u64, queue: &mut Queue) {
        for caption in self.model.iter_mut().filter(|caption| caption.epoch <= epoch) {
            let is_all_heard = caption.advance(heard(caption.epoch), self.pace, queue);
            caption.close(!is_all_heard || caption.over == Some(Over::BrokeOff), queue);
        }
        self.model.retain(|caption| caption.epoch > epoch);
        self.settle(queue);
    }

    /// Nothing more will be heard: closes all.
    pub(super) fn close(&mut self, heard: impl Fn(u32) -> u64, queue: &mut Queue) {
        self.cut(u32::MAX, heard, queue);
        self.close_user(queue);
    }

    /// Closes what is due.
    pub(super) fn tick(&mut self, now: Moment, queue: &mut Queue) {
        if self.due_at().is_some_and(|due| now >= due) {
            self.settle(queue);
        }
    }

    /// When something is due.
    pub(super) fn due_at(&self) -> Option<Moment> {
        self.settles.map(|(at, _)| at)
    }

    /// The caption of a turn.
    fn of(&mut self, epoch: u32) -> &mut ModelCaption {
        if self.model.len() > REMEMBERED {
            self.model.remove(0);
        }
        let place = self.model.partition_point(|caption| caption.epoch < epoch);
        if self.model.get(place).is_none_or(|caption| caption.epoch != epoch) {
            self.model.insert(place, ModelCaption { epoch, ..ModelCaption::default() });
        }
        &mut self.model[place]
    }

    /// From here on, the user's words answer the turn that began last.
    fn settle(&mut self, queue: &mut Queue) {
        if let Some((_, epoch)) = self.settles.take() {
            self.close_user(queue);
            self.answered = epoch;
        }
    }

    fn close_user(&mut self, queue: &mut Queue) {
        if core::mem::take(&mut self.user_open) {
            say(queue, ClientEvent::CaptionEnd { who: Who::User, epoch: self.answered, cut: false });
        }
    }
}

impl ModelCaption {
    /// Shows what was heard; says whether that was all of the turn.
    fn advance(&mut self, heard: u64, pace: Option<f64>, queue: &mut Queue) -> bool {
        let text = self.words.take(heard, self.length, pace.unwrap_or(USUAL_PACE));
        if !text.is_empty() {
            say(queue, ClientEvent::Caption { who: Who::Model, epoch: self.epoch, text });
        }
        self.length.is_some_and(|length| heard >= length)
    }

    /// Ends it, once; a turn without a word has no caption.
    fn close(&mut self, cut: bool, queue: &mut Queue) {
        if !self.closed && self.words.has_any() {
            self.closed = true;
            say(queue, ClientEvent::CaptionEnd { who: Who::Model, epoch: self.epoch, cut });
        }
    }
}

fn say(queue: &mut Queue, event: ClientEvent) {
    queue.push(ClientOutput::Event(event));
}

/// The service promises no order between what it heard and what it says; the last words come within this.
const LATE_WORDS: Duration = Duration::from_secs(1);
/// More turns than ever wait to be played at once.
const REMEMBERED: usize = 16;
