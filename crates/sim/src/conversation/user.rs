//! The user's side: what is heard, typed, answered.

use super::Conversation;
use crate::ear::{Heard, Utterance};
use crate::model::Family;
use crate::outbox::Outbox;
use crate::refusal;
use crate::reply::{self, Stimulus};
use crate::said::Response;
use crate::script::{Close, Word, Words};
use crate::vad;
use crate::words;
use core::time::Duration;
use serde_json::json;

impl Conversation {
    pub(super) fn hear_audio(
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

    pub(super) fn heard(&mut self, word: Heard, now: Duration, out: &mut Outbox) {
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

    pub(super) fn hear_utterance(&mut self, utterance: Utterance, now: Duration, out: &mut Outbox) {
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
    pub(super) fn transcribe_on_the_way(&mut self, out: &mut Outbox) {
        if !self.ear.is_open() || self.unanswered.is_some() {
            return;
        }
        let Some(heard) = self.peek_rule().and_then(|rule| rule.heard) else { return };
        let spoken_ms = self.ear.open_samples() * 1000 / u64::from(vad::RATE_HZ);
        let is_due = |word: &&Word| word.at_ms.is_some_and(|at_ms| u64::from(at_ms) <= spoken_ms);
        let due = heard.0.iter().take_while(is_due).count();
        let words = heard.0.iter().take(due).skip(self.transcribed).map(|word| word.text.as_str());
        self.transcribe(words, out);
        self.transcribed = self.transcribed.max(due);
    }

    pub(super) fn transcribe<'a>(&self, words: impl Iterator<Item = &'a str>, out: &mut Outbox) {
        if self.terms.transcribes_input {
            words.for_each(|word| out.send(words::heard(word)));
        }
    }

    pub(super) fn hear_text(&mut self, text: &str, now: Duration, out: &mut Outbox) {
        out.tape(now, "text", json!({"text": text}));
        if self.terms.family == Family::Flash31 && self.terms.transcribes_input {
            out.send(words::heard(text));
        }
        if self.terms.interrupts {
            self.interrupt(now, out);
        }
        let is_first = self.is_first();
        self.memory.note("user", text);
        self.answer_text(text, is_first, now);
    }

    /// Whether nothing was said before.
    pub(super) fn is_first(&self) -> bool {
        self.memory.turns == 0 && self.memory.history.is_empty()
    }

    /// Answers a text that is remembered already.
    pub(super) fn answer_text(&mut self, text: &str, is_first: bool, now: Duration) {
        let is_nudge = is_first && now.saturating_sub(self.began) < NUDGE_WITHIN;
        if !self.ear.is_open()
            && let Some((utterance, rule)) = self.unanswered.take()
        {
            self.wait_in_line(Stimulus::Speech(utterance), rule);
        }
        let rule = self.rule_for_text(text);
        let stimulus = Stimulus::Text { text: text.chars().take(MOST_LETTERS).collect(), is_nudge };
        self.consider(stimulus, rule, now);
    }

    pub(super) fn hear_stream_end(&mut self, now: Duration, out: &mut Outbox) -> Result<(), Close> {
        out.tape(now, "audio_stream_end", json!({}));
        if self.terms.manual {
            return Err(refusal::invalid_argument());
        }
        self.ear.pause();
        let ends = self.house.script().hearing.audio_stream_end_ends_turn;
        if ends.unwrap_or(!self.terms.family.is_38())
            && let Some(end) = self.ear.finish()
        {
            self.heard(end, now, out);
        }
        Ok(())
    }

    pub(super) fn hear_content(
        &mut self,
        turns: &[(bool, String)],
        complete: bool,
        now: Duration,
        out: &mut Outbox,
    ) {
        out.tape(now, "client_content", json!({"turns": turns.len(), "complete": complete}));
        if self.seeding {
            self.seeding = !complete;
            self.remember(turns);
            return;
        }
        self.interrupt(now, out);
        let is_first = self.is_first();
        self.remember(turns);
        if !complete {
            self.go_on(now);
            return;
        }
        let asked = self.memory.history.iter().rev().find(|line| line.role == "user");
        let asked = asked.map(|line| line.text.clone()).unwrap_or_default();
        self.answer_text(&asked, is_first, now);
    }

    pub(super) fn remember(&mut self, turns: &[(bool, String)]) {
        for (by_model, text) in turns {
            self.memory.note(if *by_model { "model" } else { "user" }, text.clone());
        }
    }

    pub(super) fn hear_response(
        &mut self,
        response: Response,
        now: Duration,
        out: &mut Outbox,
    ) -> Result<(), Close> {
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

    pub(super) fn tells_activity(&self) -> bool {
        self.house.script().hearing.voice_activity.unwrap_or(self.terms.family.is_38())
    }
}

fn offset(at_samples: u64) -> Duration {
    Duration::from_secs_f64(at_samples as f64 / f64::from(vad::RATE_HZ))
}

/// Letters of a text that wait for their answer: more than is quoted.
const MOST_LETTERS: usize = 1_000;
/// A text this soon after the setup is the nudge of a proxy, not of a person's typing.
const NUDGE_WITHIN: Duration = Duration::from_secs(3);
