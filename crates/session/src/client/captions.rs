//! Who said what, for the page: one caption for each of the model's turns, and one for what the user said after it.

use super::{ClientEvent, ClientOutput, Who};
use crate::Moment;
use core::time::Duration;
use std::collections::VecDeque;

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
    model: VecDeque<ModelCaption>,
}

#[derive(Debug)]
struct ModelCaption {
    epoch: u32,
    open: bool,
}

type Queue = VecDeque<ClientOutput>;

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
    }

    /// The model says this.
    pub(super) fn model(&mut self, epoch: u32, text: String, queue: &mut Queue) {
        if text.is_empty() {
            return;
        }
        match self.model.iter_mut().find(|caption| caption.epoch == epoch) {
            Some(caption) => caption.open = true,
            None => self.model.push_back(ModelCaption { epoch, open: true }),
        }
        if self.model.len() > REMEMBERED {
            self.model.pop_front();
        }
        say(queue, ClientEvent::Caption { who: Who::Model, epoch, text });
    }

    /// A turn is over.
    pub(super) fn complete(&mut self, epoch: u32, queue: &mut Queue) {
        for caption in self.model.iter_mut().filter(|caption| caption.epoch == epoch && caption.open) {
            caption.open = false;
            say(queue, ClientEvent::CaptionEnd { who: Who::Model, epoch, cut: false });
        }
    }

    /// A turn and all older ones were cut off; those complete and heard to their end were not.
    pub(super) fn cut(&mut self, epoch: u32, is_unheard: impl Fn(u32) -> bool, queue: &mut Queue) {
        for caption in self.model.iter_mut().filter(|caption| caption.epoch <= epoch) {
            if caption.open || is_unheard(caption.epoch) {
                say(queue, ClientEvent::CaptionEnd { who: Who::Model, epoch: caption.epoch, cut: true });
            }
        }
        self.model.retain(|caption| caption.epoch > epoch);
        self.settle(queue);
    }

    /// Nothing more comes: closes all; what the model had not finished counts as cut.
    pub(super) fn close(&mut self, queue: &mut Queue) {
        self.settle(queue);
        self.close_user(queue);
        for caption in self.model.iter_mut().filter(|caption| caption.open) {
            caption.open = false;
            say(queue, ClientEvent::CaptionEnd { who: Who::Model, epoch: caption.epoch, cut: true });
        }
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

fn say(queue: &mut Queue, event: ClientEvent) {
    queue.push_back(ClientOutput::Event(event));
}

/// The service promises no order between what it heard and what it says; the last words come within this.
const LATE_WORDS: Duration = Duration::from_secs(1);
/// More turns than ever wait to be played at once.
const REMEMBERED: usize = 16;
