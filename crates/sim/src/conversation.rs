//! The conversation after the setup: hears, thinks, answers, is interrupted, calls functions.

mod model;
mod user;

use crate::dice::Dice;
use crate::ear::{Ear, Utterance};
use crate::errand::{self, Errand};
use crate::house::House;
use crate::memory::Memory;
use crate::model::Family;
use crate::mouth::Mouth;
use crate::outbox::Outbox;
use crate::refusal;
use crate::reply::Stimulus;
use crate::said::Said;
use crate::script::{After, Close, Fault, Pace, Turn};
use crate::terms::Terms;
use crate::words;
use core::time::Duration;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;

/// One conversation.
#[derive(Debug)]
pub struct Conversation {
    house: Arc<House>,
    connection: u64,
    terms: Terms,
    memory: Memory,
    ear: Ear,
    dice: Dice,
    began: Duration,
    /// The session's age when this connection began.
    age: Duration,
    thought: Option<Thought>,
    mouth: Option<Mouth>,
    /// What waits for its answer.
    waiting: VecDeque<(Stimulus, Turn)>,
    /// What was said before the model could answer; goes with what is said next.
    unanswered: Option<(Utterance, Turn)>,
    errands: Vec<Errand>,
    /// Ids that need no answer any more, the newest last.
    settled: VecDeque<String>,
    faults: VecDeque<Fault>,
    /// Pieces of the scripted transcript that were sent of the utterance that goes on.
    transcribed: usize,
    /// Samples of the stream that the context has no tokens for yet.
    uncounted_samples: u64,
    /// Whether client content is still silent history.
    seeding: bool,
}

#[derive(Debug)]
struct Thought {
    due: Duration,
    stimulus: Stimulus,
    rule: Turn,
}

impl Conversation {
    /// A conversation that begins, or goes on from what is remembered.
    pub fn new(house: Arc<House>, connection: u64, terms: Terms, memory: Memory, now: Duration) -> Self {
        let script = house.script();
        let ear = memory.ear.as_ref().map_or_else(
            || Ear::new(terms.tuning, terms.manual, terms.padding_ms),
            |ear| ear.resumed(terms.tuning, terms.manual, terms.padding_ms),
        );
        let mut faults: Vec<Fault> = script.faults.clone();
        faults.retain(|fault| fault.connection.is_none_or(|only| only == connection));
        faults.sort_by_key(|fault| fault.at_ms);
        let dice = Dice::new(script.seed.wrapping_mul(1_000_003).wrapping_add(connection));
        Self {
            ear,
            dice,
            connection,
            began: now,
            age: memory.age,
            seeding: terms.initial_history,
            terms,
            memory,
            house,
            thought: None,
            mouth: None,
            waiting: VecDeque::new(),
            unanswered: None,
            errands: Vec::new(),
            settled: VecDeque::new(),
            faults: faults.into(),
            transcribed: 0,
            uncounted_samples: 0,
        }
    }

    /// Says that the setup is complete, and gives the first handle.
    pub fn greet(&mut self, now: Duration, out: &mut Outbox) {
        out.send(words::setup_complete());
        let handle = &self.terms.handle;
        let detail = json!({
            "connection": self.connection, "model": self.terms.model, "resumed": handle.is_some(),
            "turns": self.memory.turns, "history": self.memory.history,
        });
        out.tape(now, "setup_complete", detail);
        self.give_handle(now, out);
    }

    /// Takes in one thing that the client says.
    ///
    /// # Errors
    /// The close with which the service answers it.
    pub fn hear(&mut self, said: Said, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        match said {
            Said::Audio { bytes, rate_hz } => self.hear_audio(&bytes, rate_hz, now, out),
            Said::Video => Ok(()),
            Said::Text(text) => {
                self.hear_text(&text, now, out);
                Ok(())
            }
            Said::StreamEnd => self.hear_stream_end(now, out),
            Said::ActivityStart | Said::ActivityEnd if !self.terms.manual => {
                Err(refusal::explicit_activity())
            }
            Said::ActivityStart => {
                if !self.ear.is_open() {
                    let start = self.ear.mark_start();
                    self.heard(start, now, out);
                }
                Ok(())
            }
            Said::ActivityEnd => {
                if let Some(end) = self.ear.mark_end() {
                    self.heard(end, now, out);
                }
                Ok(())
            }
            Said::Content { turns, complete } => {
                self.hear_content(&turns, complete, now, out);
                Ok(())
            }
            Said::Responses(responses) => {
                responses.into_iter().try_for_each(|response| self.hear_response(response, now, out))
            }
        }
    }

    /// Does what is due by `now`.
    ///
    /// # Errors
    /// The close that a fault or a limit asks for.
    pub fn tick(&mut self, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        while let Some(fault) = self.faults.front()
            && self.began + ms(fault.at_ms) <= now
        {
            let mishap = fault.mishap.clone();
            self.faults.pop_front();
            self.befall(mishap, now, out)?;
        }
        self.cancel_scripted(now, out);
        if self.thought.as_ref().is_some_and(|thought| thought.due <= now)
            && let Some(thought) = self.thought.take()
        {
            self.act(thought, now, out);
        }
        while let Some(utter) = self.mouth.as_mut().and_then(|mouth| mouth.next(now)) {
            self.utter(utter, now, out)?;
        }
        Ok(())
    }

    /// When something is due next.
    pub fn due(&self) -> Option<Duration> {
        let fault = self.faults.front().map(|fault| self.began + ms(fault.at_ms));
        let thought = self.thought.as_ref().map(|thought| thought.due);
        let mouth = self.mouth.as_ref().map(Mouth::due);
        let cancels = self.errands.iter().filter_map(|errand| errand.cancel_at);
        cancels.chain([fault, thought, mouth].into_iter().flatten()).min()
    }

    /// How old the session is.
    pub fn age(&self, now: Duration) -> Duration {
        self.age + now.saturating_sub(self.began)
    }

    /// Whether the session may grow old.
    pub const fn is_compressed(&self) -> bool {
        self.terms.compression.is_some()
    }
}

/// What is behind both.
impl Conversation {
    fn is_blocked(&self) -> bool {
        self.errands.iter().any(|errand| errand.blocking)
    }

    const fn thinks_in_background(&self) -> bool {
        matches!(self.terms.family, Family::Thinking38)
    }

    const fn status(&self) -> &'static str {
        if self.errands.is_empty() { "IDLE" } else { "IN_PROGRESS" }
    }

    fn pace(&self, rule: &Turn) -> Pace {
        rule.pace.clone().unwrap_or_else(|| self.house.script().pace.clone())
    }

    /// The rule of the next turn, without using it up.
    fn peek_rule(&self) -> Option<Turn> {
        let script = self.house.script();
        let mut ordered = script.turns.iter().filter(|turn| turn.when.is_none());
        let count = ordered.clone().count();
        let index = match script.after {
            After::Repeat if count > 0 => self.memory.scripted % count,
            After::Repeat | After::Parrot | After::Silent => self.memory.scripted,
        };
        ordered.nth(index).cloned()
    }

    fn next_rule(&mut self) -> Turn {
        let rule = self.peek_rule();
        self.memory.scripted += usize::from(rule.is_some());
        rule.unwrap_or_else(|| Turn { silent: self.house.script().after == After::Silent, ..Turn::default() })
    }

    fn rule_for_text(&mut self, text: &str) -> Turn {
        let low = text.to_lowercase();
        let fits = |turn: &&Turn| turn.when.as_ref().is_some_and(|when| low.contains(&when.to_lowercase()));
        if let Some(turn) = self.house.script().turns.iter().find(fits) {
            return turn.clone();
        }
        let asked =
            errand::requested(text).filter(|tool| self.terms.tools.iter().any(|has| has.name == tool.name));
        match asked {
            Some(tool) => Turn { tools: vec![tool], ..Turn::default() },
            None => self.next_rule(),
        }
    }

    fn gives_handles(&self) -> bool {
        self.terms.resumption && self.house.script().connection.handles
    }

    fn say_not_resumable(&self, out: &mut Outbox) {
        if self.gives_handles() {
            out.send(words::resumption(None));
        }
    }

    /// A handle for what is known by now, unless functions are running or the model speaks.
    fn give_handle(&mut self, now: Duration, out: &mut Outbox) {
        if !self.gives_handles() || !self.errands.is_empty() || self.mouth.is_some() {
            return;
        }
        let mut memory = self.memory.clone();
        memory.age = self.age(now);
        let ear = self.ear.resumed(self.terms.tuning, self.terms.manual, self.terms.padding_ms);
        memory.ear = Some(Arc::new(ear));
        let handle = self.house.keep(self.connection, &self.terms.model, memory);
        out.tape(now, "handle", json!({"handle": handle}));
        out.send(words::resumption(Some(&handle)));
    }

    fn check_context(&mut self) -> Result<(), Close> {
        match self.terms.compression {
            Some((trigger, target)) if self.memory.tokens() > trigger => {
                self.memory.compress(target);
                Ok(())
            }
            Some(_) => Ok(()),
            None if self.memory.tokens() > WINDOW_TOKENS => Err(refusal::invalid_argument()),
            None => Ok(()),
        }
    }
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

/// The context of the models of 2026.
pub const WINDOW_TOKENS: u64 = 131_072;
