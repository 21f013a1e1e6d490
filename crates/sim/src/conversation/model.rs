//! The model's side: thinks, calls functions, speaks, is cut off.

use super::{Conversation, Thought, ms};
use crate::answer;
use crate::errand::{self, Errand};
use crate::model::Family;
use crate::mouth::{Mouth, TOKENS_PER_S, Utter};
use crate::outbox::{Outbox, Output};
use crate::reply::{self, Stimulus};
use crate::said::Scheduling;
use crate::script::{Close, Mishap, Turn};
use crate::vad;
use crate::words::{self, Usage};
use core::time::Duration;
use serde_json::json;

impl Conversation {
    /// Thinks of an answer, now or when what is going on is over.
    pub(super) fn consider(&mut self, stimulus: Stimulus, rule: Turn, now: Duration) {
        self.wait_in_line(stimulus, rule);
        self.go_on(now);
    }

    /// A line too long forgets who waits longest.
    pub(super) fn wait_in_line(&mut self, stimulus: Stimulus, rule: Turn) {
        self.waiting.push_back((stimulus, rule));
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
        }
    }

    pub(super) fn go_on(&mut self, now: Duration) {
        if self.mouth.is_some() || self.thought.is_some() || self.is_blocked() {
            return;
        }
        let is_tool = self.waiting.front().is_some_and(|(stimulus, _)| matches!(stimulus, Stimulus::Tool(_)));
        if is_tool && self.ear.is_open() {
            return;
        }
        let Some((stimulus, rule)) = self.waiting.pop_front() else { return };
        let [least, most] = self.pace(&rule).think_ms;
        let wait = self.dice.between(f64::from(least), f64::from(most));
        let due = now + Duration::from_secs_f64(wait / 1000.0);
        self.thought = Some(Thought { due, stimulus, rule });
    }

    /// Calls the functions of a turn, or answers.
    pub(super) fn act(&mut self, thought: Thought, now: Duration, out: &mut Outbox) {
        let Thought { stimulus, mut rule, .. } = thought;
        if rule.ignore {
            out.tape(now, "ignored", json!({}));
            return self.go_on(now);
        }
        if rule.tools.is_empty() {
            return self.speak(&stimulus, rule, now, out);
        }
        let tools = core::mem::take(&mut rule.tools);
        let calls = errand::calls(&tools, &mut self.dice);
        let blocking = calls.iter().any(|call| self.terms.blocks(&call.name));
        let status = self.thinks_in_background().then_some("IN_PROGRESS");
        self.say_not_resumable(out);
        out.send(words::tool_call(&calls, status));
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        out.tape(now, "tool_call", json!({"ids": ids, "blocking": blocking}));
        let cancel_at = rule.cancel_tools_ms.map(|after| now + ms(after));
        self.errands.push(Errand::new(calls, rule.clone(), blocking, cancel_at));
        if self.errands.len() > MOST_ERRANDS {
            let oldest = self.errands.remove(0);
            self.cancel(&[oldest], now, out);
        }
        self.fill_in(&rule, blocking, now, out);
    }

    /// What is said while functions run.
    pub(super) fn fill_in(&mut self, rule: &Turn, blocking: bool, now: Duration, out: &mut Outbox) {
        if rule.complete_after_call {
            out.send(words::generation_complete());
            self.say_turn_complete(&Turn::default(), 0, now, out);
        }
        if let Some(filler) = rule.filler.clone()
            && !blocking
        {
            let rule = Turn { says: Some(filler.says), audio: filler.audio, ..Turn::default() };
            self.speak(&Stimulus::Tool(String::new()), rule, now, out);
        }
    }

    pub(super) fn speak(&mut self, stimulus: &Stimulus, rule: Turn, now: Duration, out: &mut Outbox) {
        let (pcm, words) = reply::compose(&rule, stimulus);
        let pace = self.pace(&rule);
        let odd_bytes = self.house.script().frames.odd_bytes;
        let mut pieces = answer::pieces(&pcm, &words, &pace, odd_bytes, &mut self.dice);
        if rule.silent {
            pieces.clear();
        }
        self.say_not_resumable(out);
        let detail = json!({"turn": self.memory.turns, "says": words.text(), "samples": pcm.len()});
        out.tape(now, "answer", detail);
        self.mouth = Some(Mouth::new(rule, pieces, now, self.connection));
    }

    pub(super) fn utter(&mut self, utter: Utter, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        match utter {
            Utter::Piece(piece) => {
                self.say_piece(&piece, now, out);
                Ok(())
            }
            Utter::GenerationComplete => {
                out.tape(now, "generation_complete", json!({"turn": self.memory.turns}));
                out.send(words::generation_complete());
                Ok(())
            }
            Utter::TurnComplete => self.complete(now, out),
            Utter::Mishap(mishap) => self.befall(mishap, now, out),
        }
    }

    pub(super) fn say_piece(&mut self, piece: &answer::Piece, now: Duration, out: &mut Outbox) {
        let frames = &self.house.script().frames;
        let bundled = frames.bundled.unwrap_or(self.terms.family.bundles());
        let empty = self.dice.falls(frames.empty_share);
        let text = if self.terms.transcribes_output { piece.text.as_str() } else { "" };
        if bundled && !(piece.audio.is_empty() && text.is_empty()) {
            // Now and then in two parts: a client that looks at the first alone must notice it here.
            let is_split = (piece.audio.len() / 2).is_multiple_of(SPLIT_EVERY);
            let (one, two) = piece.audio.split_at(if is_split { piece.audio.len() / 4 * 2 } else { 0 });
            out.send(words::speech_in_parts(&[one, two], text));
        } else {
            for (audio, text) in [(&[][..], text), (&piece.audio[..], "")] {
                if !(audio.is_empty() && text.is_empty()) {
                    out.send(words::speech(audio, text));
                }
            }
        }
        out.tape(
            now,
            "audio",
            json!({"turn": self.memory.turns, "bytes": piece.audio.len(), "text": piece.text}),
        );
        out.tape_spoken(&piece.audio);
        if empty {
            out.send(words::nothing());
        }
    }

    pub(super) fn complete(&mut self, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        let Some(mouth) = self.mouth.take() else { return Ok(()) };
        self.memory.note("model", mouth.said.clone());
        self.say_turn_complete(&mouth.rule, mouth.tokens(), now, out);
        self.check_context()?;
        self.give_handle(now, out);
        self.go_on(now);
        Ok(())
    }

    pub(super) fn say_turn_complete(&mut self, rule: &Turn, response: u64, now: Duration, out: &mut Outbox) {
        self.memory.audio_tokens += self.uncounted_samples * TOKENS_PER_S / u64::from(vad::RATE_HZ);
        self.uncounted_samples %= u64::from(vad::RATE_HZ) / TOKENS_PER_S;
        let text = self.memory.text_tokens + self.terms.instruction_tokens;
        let usage = Usage { text, audio: self.memory.audio_tokens, response };
        self.memory.audio_tokens += response;
        let status = self.thinks_in_background().then(|| self.status());
        out.tape(now, "turn_complete", json!({"turn": self.memory.turns}));
        out.send(words::turn_complete(usage, rule.reason.as_deref(), rule.waiting_for_input, status));
        self.memory.turns += 1;
    }

    /// The user, or somebody else, takes the word.
    pub(super) fn interrupt(&mut self, now: Duration, out: &mut Outbox) {
        let mouth = self.mouth.take();
        let thought = self.thought.take();
        if mouth.is_none() && thought.is_none() && !self.is_blocked() {
            return;
        }
        let turn = self.memory.turns;
        let mut tokens = 0;
        if let Some(mut mouth) = mouth {
            let stale = mouth.rest(mouth.rule.stale_audio_ms);
            out.tape(now, "interrupted", json!({"turn": turn, "sent_samples": mouth.sent_bytes / 2}));
            out.tape_spoken(&stale);
            out.send(words::interrupted(&stale));
            let late = mouth.rest(mouth.rule.late_audio_ms);
            if !late.is_empty() {
                out.tape_spoken(&late);
                out.send(words::speech(&late, ""));
            }
            self.memory.note("model", mouth.said.clone());
            tokens = mouth.tokens();
        } else {
            out.tape(now, "interrupted", json!({"turn": turn, "sent_samples": 0}));
            out.send(words::interrupted(&[]));
        }
        self.say_turn_complete(&Turn::default(), tokens, now, out);
        self.cancel_blocking(now, out);
        self.keep_thought(thought);
        self.give_handle(now, out);
    }

    /// What the model was about to answer is answered together with what comes, or after it.
    pub(super) fn keep_thought(&mut self, thought: Option<Thought>) {
        let Some(Thought { stimulus, rule, .. }) = thought else { return };
        match stimulus {
            Stimulus::Speech(utterance) => self.unanswered = Some((utterance, rule)),
            // It was first in line, and stays so.
            Stimulus::Text { .. } | Stimulus::Tool(_) => self.waiting.push_front((stimulus, rule)),
        }
    }

    pub(super) fn deliver(&mut self, errand: Errand, now: Duration, out: &mut Outbox) {
        let report = errand.report();
        self.memory.note("user", report.clone());
        let scheduling = match (errand.blocking, self.terms.family) {
            (true, _) => Scheduling::Interrupt,
            // It has no say in when it hears of results.
            (false, Family::Thinking38) => Scheduling::WhenIdle,
            (false, _) => errand.scheduling(),
        };
        let stimulus = Stimulus::Tool(report);
        match scheduling {
            Scheduling::Silent => self.give_handle(now, out),
            Scheduling::WhenIdle => self.consider(stimulus, errand.rule, now),
            Scheduling::Interrupt => {
                if !errand.blocking && !self.ear.is_open() {
                    self.interrupt(now, out);
                }
                self.waiting.push_front((stimulus, errand.rule));
                self.go_on(now);
            }
        }
    }

    pub(super) fn cancel_blocking(&mut self, now: Duration, out: &mut Outbox) {
        let (cancelled, kept) =
            core::mem::take(&mut self.errands).into_iter().partition(|errand| errand.blocking);
        self.errands = kept;
        self.cancel(&cancelled, now, out);
    }

    pub(super) fn cancel_scripted(&mut self, now: Duration, out: &mut Outbox) {
        let is_due = |errand: &Errand| errand.cancel_at.is_some_and(|at| at <= now);
        if !self.errands.iter().any(is_due) {
            return;
        }
        let (cancelled, kept): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.errands).into_iter().partition(is_due);
        self.errands = kept;
        self.cancel(&cancelled, now, out);
        if self.mouth.is_none() {
            self.say_turn_complete(&Turn::default(), 0, now, out);
            self.give_handle(now, out);
        }
        self.go_on(now);
    }

    pub(super) fn cancel(&mut self, errands: &[Errand], now: Duration, out: &mut Outbox) {
        let ids: Vec<String> = errands.iter().flat_map(Errand::open_ids).cloned().collect();
        if ids.is_empty() {
            return;
        }
        out.tape(now, "tool_call_cancellation", json!({"ids": ids}));
        out.send(words::tool_call_cancellation(&ids));
        ids.iter().for_each(|id| self.settle(id));
    }

    pub(super) fn settle(&mut self, id: &str) {
        self.settled.push_back(id.to_owned());
        if self.settled.len() > MOST_SETTLED {
            self.settled.pop_front();
        }
    }

    pub(super) fn befall(&mut self, mishap: Mishap, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        match mishap {
            Mishap::Close(close) => return Err(close),
            Mishap::Drop => out.push(Output::Drop),
            Mishap::Interrupted if self.mouth.is_some() => {
                self.interrupt(now, out);
                self.go_on(now);
            }
            Mishap::Interrupted => out.send(words::interrupted(&[])),
            Mishap::GoAway(left_s) => {
                let left = Duration::try_from_secs_f64(left_s).unwrap_or_default();
                out.send(words::go_away(left));
            }
            Mishap::EmptyFrame => out.send(words::nothing()),
            Mishap::Error(error) => out.send(words::error(error.code, &error.message)),
            Mishap::Raw(text) => out.push(Output::SendRaw(text)),
        }
        Ok(())
    }
}

/// A piece of so many samples, or a multiple of it, comes in two parts.
const SPLIT_EVERY: usize = 5;
/// Answers that wait for their turn.
const MOST_WAITING: usize = 16;
/// Turns whose functions run at the same time.
const MOST_ERRANDS: usize = 32;
/// Ids remembered for responses that cross a cancellation.
const MOST_SETTLED: usize = 64;
