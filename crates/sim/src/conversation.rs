//! The conversation after the setup: hears, thinks, answers, is interrupted, calls functions.

use crate::answer;
use crate::dice::Dice;
use crate::ear::{Ear, Heard, Utterance};
use crate::errand::{self, Errand};
use crate::house::House;
use crate::memory::Memory;
use crate::model::Family;
use crate::mouth::{Mouth, TOKENS_PER_S, Utter};
use crate::outbox::{Outbox, Output};
use crate::refusal;
use crate::reply::{self, Stimulus};
use crate::said::{Response, Said, Scheduling};
use crate::script::{After, Close, Fault, Mishap, Pace, Turn, Words};
use crate::terms::Terms;
use crate::vad;
use crate::words::{self, Usage};
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
                self.hear_content(turns, complete, now, out);
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

/// The user's side.
impl Conversation {
    fn hear_audio(
        &mut self,
        bytes: &[u8],
        rate_hz: u32,
        now: Duration,
        out: &mut Outbox,
    ) -> Result<(), Close> {
        let mut heard = Vec::new();
        let sounding = self.mouth.is_some();
        let samples = self.ear.hear(bytes, rate_hz, sounding, &mut |word| heard.push(word));
        let samples = samples.map_err(|_| refusal::invalid_argument())?;
        if self.terms.family.is_38() || self.ear.is_open() {
            self.uncounted_samples += samples.len() as u64;
        }
        out.tape_heard(samples);
        for word in heard {
            self.heard(word, now, out);
        }
        self.transcribe_on_the_way(out);
        Ok(())
    }

    fn heard(&mut self, word: Heard, now: Duration, out: &mut Outbox) {
        match word {
            Heard::Start { at_samples } => {
                out.tape(now, "speech_start", json!({"at_samples": at_samples}));
                if self.tells_activity() {
                    out.send(words::activity_start(offset(at_samples)));
                }
                self.transcribed = 0;
                if self.terms.interrupts {
                    self.interrupt(now, out);
                }
            }
            Heard::End { at_samples, utterance } => {
                let detail = json!({"at_samples": at_samples, "speech_samples": utterance.speech_samples});
                out.tape(now, "speech_end", detail);
                if self.tells_activity() {
                    out.send(words::activity_end(offset(at_samples)));
                }
                self.hear_utterance(utterance, now, out);
            }
        }
    }

    fn hear_utterance(&mut self, utterance: Utterance, now: Duration, out: &mut Outbox) {
        let before = self.unanswered.take();
        let rule = match &before {
            Some((_, rule)) => rule.clone(),
            None => self.next_rule(),
        };
        let heard = match &rule.heard {
            Some(_) if before.is_some() => Words::default(),
            Some(words) => words.clone(),
            None => reply::heard(&utterance),
        };
        let rest = if rule.heard.is_some() { self.transcribed } else { 0 };
        self.transcribe(heard.0.iter().skip(rest).map(|word| word.text.as_str()), out);
        self.memory.note("user", heard.text());
        let all = match before {
            Some((mut all, _)) => {
                all.append(utterance);
                all
            }
            None => utterance,
        };
        self.consider(Stimulus::Speech(all), rule, now);
    }

    /// A scripted transcript with times appears while the words are being spoken.
    fn transcribe_on_the_way(&mut self, out: &mut Outbox) {
        if !self.ear.is_open() || self.unanswered.is_some() {
            return;
        }
        let Some(heard) = self.peek_rule().and_then(|rule| rule.heard) else { return };
        let spoken_ms = self.ear.open_samples() * 1000 / u64::from(vad::RATE_HZ);
        let is_due =
            |word: &&crate::script::Word| word.at_ms.is_some_and(|at_ms| u64::from(at_ms) <= spoken_ms);
        let due = heard.0.iter().take_while(is_due).count();
        let words = heard.0.iter().take(due).skip(self.transcribed).map(|word| word.text.as_str());
        self.transcribe(words, out);
        self.transcribed = self.transcribed.max(due);
    }

    fn transcribe<'a>(&self, words: impl Iterator<Item = &'a str>, out: &mut Outbox) {
        if self.terms.transcribes_input {
            words.for_each(|word| out.send(words::heard(word)));
        }
    }

    fn hear_text(&mut self, text: &str, now: Duration, out: &mut Outbox) {
        out.tape(now, "text", json!({"text": text}));
        if self.terms.family == Family::Flash31 && self.terms.transcribes_input {
            out.send(words::heard(text));
        }
        if self.terms.interrupts {
            self.interrupt(now, out);
        }
        self.answer_text(text, now);
    }

    fn answer_text(&mut self, text: &str, now: Duration) {
        let is_first = self.memory.turns == 0 && self.memory.history.is_empty();
        let is_nudge = is_first && now.saturating_sub(self.began) < NUDGE_WITHIN;
        self.memory.note("user", text);
        if !self.ear.is_open()
            && let Some((utterance, rule)) = self.unanswered.take()
        {
            self.waiting.push_back((Stimulus::Speech(utterance), rule));
        }
        let rule = self.rule_for_text(text);
        let stimulus = Stimulus::Text { text: text.to_owned(), is_nudge };
        self.consider(stimulus, rule, now);
    }

    fn hear_stream_end(&mut self, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        out.tape(now, "audio_stream_end", json!({}));
        if self.terms.manual {
            return Err(refusal::invalid_argument());
        }
        let ends = self.house.script().hearing.audio_stream_end_ends_turn;
        if ends.unwrap_or(!self.terms.family.is_38())
            && let Some(end) = self.ear.finish()
        {
            self.heard(end, now, out);
        }
        Ok(())
    }

    fn hear_content(&mut self, turns: Vec<(bool, String)>, complete: bool, now: Duration, out: &mut Outbox) {
        out.tape(now, "client_content", json!({"turns": turns.len(), "complete": complete}));
        if self.seeding {
            self.seeding = !complete;
            self.remember(&turns);
            return;
        }
        self.interrupt(now, out);
        let asked = turns.iter().rev().find(|(by_model, _)| !by_model).map(|(_, text)| text.clone());
        if !complete {
            self.remember(&turns);
            return;
        }
        let before = turns.len().saturating_sub(1);
        self.remember(&turns[..before]);
        let last =
            self.memory.history.iter().rev().find(|line| line.role == "user").map(|line| line.text.clone());
        self.answer_text(&asked.or(last).unwrap_or_default(), now);
    }

    fn remember(&mut self, turns: &[(bool, String)]) {
        for (by_model, text) in turns {
            self.memory.note(if *by_model { "model" } else { "user" }, text.clone());
        }
    }

    fn hear_response(&mut self, response: Response, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        out.tape(now, "tool_response", json!({"id": response.id, "response": response.result}));
        let Some(index) = self.errands.iter().position(|errand| errand.awaits(&response.id)) else {
            let strict = self.house.script().strict.unknown_tool_response_fails;
            let settled = self.settled.contains(&response.id);
            return if strict && !settled { Err(refusal::invalid_argument()) } else { Ok(()) };
        };
        self.settle(&response.id);
        if self.errands[index].answer(response) {
            let errand = self.errands.remove(index);
            self.deliver(errand, now, out);
        }
        Ok(())
    }

    fn tells_activity(&self) -> bool {
        self.house.script().hearing.voice_activity.unwrap_or(self.terms.family.is_38())
    }
}

/// The model's side.
impl Conversation {
    /// Thinks of an answer, now or when what is going on is over.
    fn consider(&mut self, stimulus: Stimulus, rule: Turn, now: Duration) {
        self.waiting.push_back((stimulus, rule));
        self.go_on(now);
    }

    fn go_on(&mut self, now: Duration) {
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
    fn act(&mut self, thought: Thought, now: Duration, out: &mut Outbox) {
        let Thought { stimulus, mut rule, .. } = thought;
        if rule.ignore {
            out.tape(now, "ignored", json!({}));
            return self.go_on(now);
        }
        if rule.tools.is_empty() {
            return self.speak(stimulus, rule, now, out);
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
        self.fill_in(&rule, blocking, now, out);
    }

    /// What is said while functions run.
    fn fill_in(&mut self, rule: &Turn, blocking: bool, now: Duration, out: &mut Outbox) {
        if rule.complete_after_call {
            out.send(words::generation_complete());
            self.say_turn_complete(&Turn::default(), 0, now, out);
        }
        if let Some(filler) = rule.filler.clone()
            && !blocking
        {
            let rule = Turn { says: Some(filler.says), audio: filler.audio, ..Turn::default() };
            self.speak(Stimulus::Tool(String::new()), rule, now, out);
        }
    }

    fn speak(&mut self, stimulus: Stimulus, rule: Turn, now: Duration, out: &mut Outbox) {
        let (pcm, words) = reply::compose(&rule, &stimulus);
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

    fn utter(&mut self, utter: Utter, now: Duration, out: &mut Outbox) -> Result<(), Close> {
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

    fn say_piece(&mut self, piece: &answer::Piece, now: Duration, out: &mut Outbox) {
        let frames = &self.house.script().frames;
        let bundled = frames.bundled.unwrap_or(self.terms.family.bundles());
        let empty = self.dice.falls(frames.empty_share);
        let text = if self.terms.transcribes_output { piece.text.as_str() } else { "" };
        if bundled && !(piece.audio.is_empty() && text.is_empty()) {
            out.send(words::speech(&piece.audio, text));
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

    fn complete(&mut self, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        let Some(mouth) = self.mouth.take() else { return Ok(()) };
        self.memory.note("model", mouth.said.clone());
        self.say_turn_complete(&mouth.rule, mouth.tokens(), now, out);
        self.check_context()?;
        self.give_handle(now, out);
        self.go_on(now);
        Ok(())
    }

    fn say_turn_complete(&mut self, rule: &Turn, response: u64, now: Duration, out: &mut Outbox) {
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
    fn interrupt(&mut self, now: Duration, out: &mut Outbox) {
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
    fn keep_thought(&mut self, thought: Option<Thought>) {
        let Some(Thought { stimulus, rule, .. }) = thought else { return };
        match stimulus {
            Stimulus::Speech(utterance) => self.unanswered = Some((utterance, rule)),
            Stimulus::Text { .. } | Stimulus::Tool(_) => self.waiting.push_back((stimulus, rule)),
        }
    }

    fn deliver(&mut self, errand: Errand, now: Duration, out: &mut Outbox) {
        let report = errand.report();
        self.memory.note("user", report.clone());
        let scheduling = if errand.blocking { Scheduling::Interrupt } else { errand.scheduling() };
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

    fn cancel_blocking(&mut self, now: Duration, out: &mut Outbox) {
        let (cancelled, kept) =
            core::mem::take(&mut self.errands).into_iter().partition(|errand| errand.blocking);
        self.errands = kept;
        self.cancel(cancelled, now, out);
    }

    fn cancel_scripted(&mut self, now: Duration, out: &mut Outbox) {
        let is_due = |errand: &Errand| errand.cancel_at.is_some_and(|at| at <= now);
        if !self.errands.iter().any(is_due) {
            return;
        }
        let (cancelled, kept) = core::mem::take(&mut self.errands).into_iter().partition(is_due);
        self.errands = kept;
        self.cancel(cancelled, now, out);
        if self.mouth.is_none() {
            self.say_turn_complete(&Turn::default(), 0, now, out);
            self.give_handle(now, out);
        }
        self.go_on(now);
    }

    fn cancel(&mut self, errands: Vec<Errand>, now: Duration, out: &mut Outbox) {
        let ids: Vec<String> = errands.iter().flat_map(Errand::open_ids).cloned().collect();
        if ids.is_empty() {
            return;
        }
        out.tape(now, "tool_call_cancellation", json!({"ids": ids}));
        out.send(words::tool_call_cancellation(&ids));
        ids.iter().for_each(|id| self.settle(id));
    }

    fn settle(&mut self, id: &str) {
        self.settled.push_back(id.to_owned());
        if self.settled.len() > MOST_SETTLED {
            self.settled.pop_front();
        }
    }

    fn befall(&mut self, mishap: Mishap, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        match mishap {
            Mishap::Close(close) => return Err(close),
            Mishap::Drop => out.push(Output::Drop),
            Mishap::Interrupted if self.mouth.is_some() => self.interrupt(now, out),
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

    /// A handle for what is known by now, unless functions are running.
    fn give_handle(&mut self, now: Duration, out: &mut Outbox) {
        if !self.gives_handles() || !self.errands.is_empty() {
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

fn offset(at_samples: u64) -> Duration {
    Duration::from_secs_f64(at_samples as f64 / f64::from(vad::RATE_HZ))
}

/// The context of the models of 2026.
pub const WINDOW_TOKENS: u64 = 131_072;
/// A text this soon after the setup is the nudge of a proxy, not of a person's typing.
const NUDGE_WITHIN: Duration = Duration::from_secs(3);
/// Ids remembered for responses that cross a cancellation.
const MOST_SETTLED: usize = 64;
