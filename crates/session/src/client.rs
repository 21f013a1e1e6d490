//! The phone's half of a call.
//!
//! [`Client`] decides; what it takes in and wants done is in `exchange`; its organs are `microphone` (what is sent and what is kept), `turns` (which of the
//! model's turns live), `barge_in` (what the person's voice does to the model's), `ear` (what was heard of them),
//! `pulse` (whether the sound keeps time), `captions` with `transcript` (which words were heard), `talk` (who may be
//! heard when), and `closing` (what the end of a socket means). `writing` puts its events into JSON.

mod barge_in;
mod captions;
mod closing;
mod ear;
mod exchange;
mod microphone;
mod pulse;
mod talk;
mod transcript;
mod turns;
mod writing;

use crate::{Backoff, Moment};
use barge_in::{Interruption, Verdict};
use bytes::Bytes;
use captions::Captions;
use closing::Closing;
use core::time::Duration;
use ear::Ear;
use microphone::{Microphone, Said};
use pulse::Pulse;
use std::collections::VecDeque;
use talk::Talk;
use turns::Turns;
use vivavoce_dsp::MODEL_HZ;
use vivavoce_dsp::jitter::Jitter;
pub use vivavoce_dsp::player::Thresholds;
use vivavoce_wire::audio::{AudioFrame, Kind};
use vivavoce_wire::message::{FromClient, FromProxy, Hello, Mode, Ready, TurnState, Uplink};
use vivavoce_wire::trouble::{Code, Trouble};

pub use exchange::{
    BargeIn, BargeInStyle, ClientConfig, ClientEvent, ClientInput, ClientOutput, ClientState, PlayerReport,
    Who,
};
pub use pulse::Beat;
pub use vivavoce_dsp::player::Yielding;

/// The phone's half of a call.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    queue: VecDeque<ClientOutput>,
    phase: Phase,
    /// The state that the page was told last.
    shown: ClientState,
    microphone: Microphone,
    talk: Talk,
    turns: Turns,
    ear: Ear,
    interruption: Interruption,
    /// How turns come, and what the player waits for since it learnt that; the turn that comes.
    jitter: Box<Jitter>,
    thresholds: Thresholds,
    coming: u32,
    /// When the newest turn began.
    started_at: Moment,
    pulse: Pulse,
    captions: Captions,
    /// What was typed while there was nobody to send it to.
    typed: Vec<String>,
    /// Whether a socket ever opened: tells an unreachable proxy from a lost network.
    reached: bool,
    /// The call that `ready` named last.
    call: Option<String>,
    /// What the proxy complained of on this connection.
    trouble: Option<Trouble>,
    /// The complaint that the page was told last, so that it is told once.
    told: Option<Trouble>,
    max_frame_bytes: usize,
    backoff: Backoff,
    /// When the present row of failures began.
    lost_at: Option<Moment>,
    /// When the proxy last said anything, and the pings since.
    quiet_since: Moment,
    pings: u32,
    ping_id: u64,
}

/// Where a call stands, with what only that place needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A socket was asked for.
    Opening {
        give_up_at: Moment,
    },
    /// Hello was said.
    Open {
        ready_by: Moment,
        ready_at: Option<Moment>,
    },
    /// Waits before the next socket.
    Waiting {
        until: Moment,
    },
    /// Said goodbye; the proxy may say it too.
    Leaving {
        until: Moment,
    },
    Over,
}

impl Client {
    /// A call that has not started.
    pub fn new(config: ClientConfig) -> Self {
        let kept_samples = config.early_audio.as_secs_f64() * f64::from(config.uplink_rate_hz);
        Self {
            queue: VecDeque::new(),
            phase: Phase::Idle,
            shown: ClientState::Idle,
            microphone: Microphone::new(config.uplink_rate_hz, kept_samples as u64),
            talk: Talk::new(config.mode, config.uplink_rate_hz),
            turns: Turns::default(),
            ear: Ear::default(),
            interruption: Interruption::new(config.barge_in),
            jitter: Box::new(Jitter::new()),
            thresholds: Thresholds::default(),
            coming: 0,
            started_at: Moment::default(),
            pulse: Pulse::default(),
            captions: Captions::default(),
            typed: Vec::new(),
            reached: false,
            call: None,
            trouble: None,
            told: None,
            max_frame_bytes: DEFAULT_FRAME_BYTES,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, config.seed),
            lost_at: None,
            quiet_since: Moment::default(),
            pings: 0,
            ping_id: 0,
            config,
        }
    }

    /// Takes in one thing that happened at `now`.
    pub fn handle(&mut self, input: ClientInput, now: Moment) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            ClientInput::Start => self.start(now),
            ClientInput::SocketOpen => self.socket_open(now),
            ClientInput::SocketText(text) => self.socket_text(&text, now),
            ClientInput::SocketBinary(bytes) => self.socket_binary(&bytes, now),
            ClientInput::SocketClosed { code, reason: _ } => self.socket_closed(code, now),
            ClientInput::Microphone(pcm) => {
                self.pulse.recorded();
                self.microphone_frame(&pcm, now);
            }
            ClientInput::MicrophoneEnd => self.microphone_end(),
            ClientInput::Mute(muted) => self.mute(muted, now),
            ClientInput::Press(pressed) => self.press(pressed, now),
            ClientInput::Interrupt => self.interrupt(now),
            ClientInput::Text(text) => self.text(text),
            ClientInput::Speech(speaks) => self.speech(speaks, now),
            ClientInput::NewPlayer => self.pulse.start(now),
            ClientInput::Player(report) => self.player(report, now),
            ClientInput::HangUp => self.hang_up(now),
            ClientInput::Timeout => {}
        }
        self.tick(now);
        self.show_state();
    }

    /// The next thing to do; `Timeout` comes last, so drain until then.
    pub fn poll(&mut self) -> ClientOutput {
        self.queue.pop_front().unwrap_or(ClientOutput::Timeout(self.wake_at()))
    }

    /// Samples of the microphone that were dropped because nobody could be sent them for too long.
    pub const fn dropped_samples(&self) -> u64 {
        self.microphone.dropped_samples()
    }

    // ---- What the person does.

    fn start(&mut self, now: Moment) {
        if self.phase == Phase::Idle {
            self.open(now);
        }
    }

    fn open(&mut self, now: Moment) {
        self.phase = Phase::Opening { give_up_at: now + OPEN_PATIENCE };
        self.queue.push_back(ClientOutput::Open { url: self.config.url.clone() });
    }

    fn microphone_frame(&mut self, pcm: &Bytes, now: Moment) {
        self.talk.take(self.microphone.take(pcm), now);
        self.pass_on();
    }

    /// Sends or keeps what the mode lets through.
    fn pass_on(&mut self) {
        while let Some(said) = self.talk.next() {
            match self.phase {
                Phase::Open { .. } => self.send_said(said),
                Phase::Idle | Phase::Opening { .. } | Phase::Waiting { .. } => self.microphone.keep(said),
                Phase::Leaving { .. } | Phase::Over => {}
            }
        }
    }

    fn send_said(&mut self, said: Said) {
        let piece = match said {
            Said::Sound(piece) => piece,
            Said::Mark(speaking) => return self.send(&FromClient::Activity { speaking }),
        };
        let epoch = self.turns.on_the_wire(self.ear.epoch());
        self.queue.push_back(ClientOutput::SendBinary(self.microphone.frame(piece, epoch)));
    }

    fn press(&mut self, pressed: bool, now: Moment) {
        // What is pressed while the microphone is off would say nothing.
        if self.talk.press(pressed && !self.microphone.is_muted(), now) {
            self.interrupt(now);
        }
        self.pass_on();
    }

    /// Silences all that plays, as if the service had heard the person speak over it.
    fn interrupt(&mut self, now: Moment) {
        self.commit(self.turns.newest(), now);
    }

    fn microphone_end(&mut self) {
        self.talk.stop();
        self.pass_on();
        match self.phase {
            Phase::Open { .. } => self.send(&FromClient::AudioEnd),
            Phase::Idle | Phase::Opening { .. } | Phase::Waiting { .. } => self.microphone.end(),
            Phase::Leaving { .. } | Phase::Over => {}
        }
    }

    fn mute(&mut self, muted: bool, now: Moment) {
        if !self.microphone.mute(muted, now) {
            return;
        }
        self.talk.stop();
        self.pass_on();
        if matches!(self.phase, Phase::Open { .. }) {
            self.send(&FromClient::Mute { muted });
        }
        self.tell(ClientEvent::Muted { muted });
    }

    fn text(&mut self, text: String) {
        if text.trim().is_empty() {
            return;
        }
        let message = FromClient::Text { text };
        if message.encode().len() > self.max_frame_bytes {
            return self.complain(Code::TooLarge, TEXT_TOO_LONG);
        }
        let FromClient::Text { text } = message else { return };
        match self.phase {
            Phase::Open { .. } => self.send(&FromClient::Text { text }),
            Phase::Idle | Phase::Opening { .. } | Phase::Waiting { .. } => self.keep_text(text),
            Phase::Leaving { .. } | Phase::Over => {}
        }
    }

    fn keep_text(&mut self, text: String) {
        let bytes: usize = self.typed.iter().map(String::len).sum();
        if self.typed.len() >= KEPT_TEXTS || bytes + text.len() > DEFAULT_FRAME_BYTES {
            return self.complain(Code::Limited, TEXT_TOO_SOON);
        }
        self.typed.push(text);
    }

    fn hang_up(&mut self, now: Moment) {
        self.pulse.stop();
        self.flush_all();
        self.talk.stop();
        self.pass_on();
        match self.phase {
            Phase::Open { .. } => {
                self.report_heard(now);
                self.send(&FromClient::Bye);
                self.phase = Phase::Leaving { until: now + BYE_PATIENCE };
            }
            Phase::Opening { .. } | Phase::Leaving { .. } => {
                self.close_socket(1000, "");
                self.finish(String::new());
            }
            Phase::Idle | Phase::Waiting { .. } => self.finish(String::new()),
            Phase::Over => {}
        }
    }

    // ---- What the player does.

    fn player(&mut self, report: PlayerReport, now: Moment) {
        self.pulse.played(&report, now);
        self.ear.take(report, now);
        self.talk.hear(report, now);
        self.advance_captions();
    }

    /// Shows the words that were heard since.
    fn advance_captions(&mut self) {
        self.captions.advance(|epoch| self.ear.reported(epoch), &mut self.queue);
    }

    // ---- What the person's voice does to the model's.

    fn speech(&mut self, speaks: bool, now: Moment) {
        // In the other modes the service does not hear the person now.
        let speaks = speaks && self.config.mode == Mode::Open && !self.microphone.is_muted();
        let verdict = self.interruption.speech(speaks, self.ear.sounds(), self.turns.newest(), now);
        self.judge(verdict, now);
    }

    fn judge(&mut self, verdict: Option<Verdict>, now: Moment) {
        match verdict {
            Some(Verdict::Yield(how)) => self.queue.push_front(ClientOutput::Yield(how)),
            Some(Verdict::Commit(epoch)) => self.commit(epoch, now),
            None => {}
        }
    }

    /// The person means it: the turn falls silent, and the proxy need not send what is left of it.
    fn commit(&mut self, epoch: u32, now: Moment) {
        let is_new = self.silence(epoch, now);
        let epoch = self.turns.on_the_wire(epoch);
        if is_new && epoch > 0 && matches!(self.phase, Phase::Open { .. }) {
            self.send(&FromClient::Silenced { epoch });
        }
    }

    /// Whether the service can't say that the person speaks over what sounds.
    fn is_alone(&self) -> bool {
        self.turns.is_left_alone(self.ear.epoch())
    }

    fn report_heard(&mut self, now: Moment) {
        let Some((epoch, samples)) = self.ear.report(now) else { return };
        let epoch = self.turns.on_the_wire(epoch);
        if epoch > 0 {
            self.send(&FromClient::Heard { epoch, samples });
        }
    }

    /// Silences everything that there is.
    fn flush_all(&mut self) {
        if let Some(epoch) = self.turns.kill_all() {
            self.flush(epoch);
        }
    }

    /// Silence comes before all else that waits to be done, and what waits of dead turns is undone.
    fn flush(&mut self, epoch: u32) {
        self.queue.retain(|output| !output.plays_up_to(epoch) && !matches!(output, ClientOutput::Yield(_)));
        self.queue.push_front(ClientOutput::Flush { epoch });
    }

    // ---- What the socket does.

    fn socket_open(&mut self, now: Moment) {
        if !matches!(self.phase, Phase::Opening { .. }) {
            return;
        }
        self.phase = Phase::Open { ready_by: now + READY_PATIENCE, ready_at: None };
        self.reached = true;
        self.trouble = None;
        self.word_came(now);
        self.send(&FromClient::Hello(self.hello()));
        self.send_kept();
    }

    fn hello(&self) -> Hello {
        Hello {
            audio: Uplink { rate_hz: self.config.uplink_rate_hz, ..Uplink::default() },
            ticket: self.config.ticket.clone(),
            client: self.config.client.clone(),
            greeting: self.config.greeting && self.call.is_none(),
            mode: self.talk.mode(),
        }
    }

    /// Sends what waited for a socket: sound, then its end or the mute, then text.
    fn send_kept(&mut self) {
        self.microphone.restart();
        while let Some(said) = self.microphone.kept() {
            self.send_said(said);
        }
        if self.microphone.take_end() {
            self.send(&FromClient::AudioEnd);
        }
        if self.microphone.is_muted() {
            self.send(&FromClient::Mute { muted: true });
        }
        for text in core::mem::take(&mut self.typed) {
            self.send(&FromClient::Text { text });
        }
    }

    fn socket_text(&mut self, text: &str, now: Moment) {
        if !self.word_came(now) {
            return;
        }
        // What a newer proxy says beyond this is skipped.
        let Ok(message) = FromProxy::decode(text) else { return };
        if matches!(self.phase, Phase::Leaving { .. }) {
            if matches!(message, FromProxy::Bye { .. }) {
                self.close_socket(1000, "");
                self.finish(String::new());
            }
            return;
        }
        match message {
            FromProxy::Ready(ready) => self.ready(ready, now),
            FromProxy::UserTranscript { text, done } => {
                // Soon after the model began, words may still be those that it answers.
                if now.since(self.started_at) >= WORDS_LAG {
                    self.confirm(now);
                }
                self.captions.user(text, done, &mut self.queue);
            }
            FromProxy::ModelTranscript { epoch, text } => self.model_transcript(epoch, &text),
            FromProxy::Turn { epoch, state, samples: _, reason: _ } => self.turn(epoch, state, now),
            FromProxy::Activity { speaking } => {
                if speaking {
                    self.confirm(now);
                }
                self.captions.activity(speaking, &mut self.queue);
            }
            FromProxy::Tool { id, name, state, arguments: _ } => {
                self.tell(ClientEvent::Tool { id, name, state });
            }
            FromProxy::Error { error } => self.proxy_complains(error),
            FromProxy::Ping { id } => self.send(&FromClient::Pong { id }),
            FromProxy::Pong { id: _ } => {}
            FromProxy::Bye { reason } => self.proxy_leaves(reason),
        }
    }

    fn ready(&mut self, ready: Ready, now: Moment) {
        let Phase::Open { ready_by, ready_at: None } = self.phase else { return };
        self.phase = Phase::Open { ready_by, ready_at: Some(now) };
        if self.call.as_ref() != Some(&ready.call) {
            self.turns.start_call();
        }
        self.call = Some(ready.call.clone());
        self.max_frame_bytes = ready.max_frame_bytes as usize;
        self.tell(ClientEvent::Ready { call: ready.call, upstream: ready.upstream, model: ready.model });
    }

    fn model_transcript(&mut self, epoch: u32, text: &str) {
        let Some(epoch) = self.turns.here(epoch) else { return };
        if self.turns.is_alive(epoch) {
            self.captions.model(epoch, text, self.turns.received(epoch));
            self.advance_captions();
        }
    }

    fn turn(&mut self, epoch: u32, state: TurnState, now: Moment) {
        let Some(epoch) = self.turns.here(epoch) else { return };
        match state {
            TurnState::Started => self.turn_started(epoch, now),
            TurnState::Generated => self.turn_ended(epoch, false),
            TurnState::Interrupted => {
                self.silence(epoch, now);
            }
            TurnState::Complete => self.turn_ended(epoch, true),
        }
    }

    fn turn_started(&mut self, epoch: u32, now: Moment) {
        if !self.turns.start(epoch) {
            return;
        }
        self.started_at = now;
        if self.talk.is_pressed() {
            // The service answers a turn when it is over, so this one answers something older.
            self.interrupt(now);
        } else {
            self.captions.model_begins(epoch, now, &mut self.queue);
        }
    }

    fn turn_ended(&mut self, epoch: u32, complete: bool) {
        if let Some(samples) = self.turns.end(epoch) {
            self.queue.push_back(ClientOutput::EndTurn { epoch, samples });
            self.learn();
        }
        if complete {
            self.turns.complete(epoch);
        }
        self.captions.ended(epoch, self.turns.received(epoch), complete);
        self.advance_captions();
    }

    /// A turn has come, as far as it will: the player waits for the next as this and those before it came.
    fn learn(&mut self) {
        let thresholds = self.jitter.end();
        if thresholds != self.thresholds {
            self.thresholds = thresholds;
            self.queue.push_back(ClientOutput::Thresholds(thresholds));
        }
    }

    /// The service noticed that the person speaks.
    fn confirm(&mut self, now: Moment) {
        let verdict = self.interruption.confirm();
        self.judge(verdict, now);
    }

    /// A turn and all before it fall silent, and what was not heard of them is not shown as said. False if they had.
    fn silence(&mut self, epoch: u32, now: Moment) -> bool {
        if !self.turns.kill(epoch) {
            return false;
        }
        self.interruption.silenced(epoch);
        self.flush(epoch);
        self.captions.cut(epoch, |epoch| self.ear.heard(epoch, now), &mut self.queue);
        true
    }

    fn socket_binary(&mut self, bytes: &Bytes, now: Moment) {
        if !self.word_came(now) || !matches!(self.phase, Phase::Open { .. }) {
            return;
        }
        let Ok(frame) = AudioFrame::decode(bytes) else { return };
        if frame.kind != Kind::Model || frame.payload.is_empty() {
            return;
        }
        let Some(epoch) = self.turns.here(frame.epoch) else { return };
        self.turn_started(epoch, now);
        if self.turns.receive(epoch, frame.position, frame.samples()) {
            self.arrived(epoch, frame.samples(), now);
            let position = frame.position;
            self.queue.push_back(ClientOutput::Play { epoch, position, pcm: frame.payload });
        }
    }

    /// Remembers when some of a turn came.
    fn arrived(&mut self, epoch: u32, samples: u64, now: Moment) {
        if epoch != self.coming {
            self.coming = epoch;
            self.learn();
        }
        let now_samples = now.since_origin().as_micros() as u64 * u64::from(MODEL_HZ) / 1_000_000;
        self.jitter.arrive(now_samples, samples as u32);
    }

    fn proxy_complains(&mut self, trouble: Trouble) {
        if self.told.as_ref().is_none_or(|told| told.message != trouble.message) {
            self.complain(trouble.code, &trouble.message);
            self.told = Some(trouble.clone());
        }
        self.trouble = Some(trouble);
    }

    fn proxy_leaves(&mut self, reason: String) {
        self.close_socket(1000, "");
        self.finish(if reason.is_empty() { String::from(PROXY_ENDED) } else { reason });
    }

    fn socket_closed(&mut self, code: u16, now: Moment) {
        match self.phase {
            Phase::Opening { .. } if !self.reached => self.unreachable(),
            Phase::Opening { .. } => self.lost(now),
            Phase::Open { .. } => match closing::judge(code, self.trouble.as_ref()) {
                Closing::Retry => self.lost(now),
                Closing::End(sentence) => self.finish(sentence),
                Closing::Fail(trouble) => self.fail(trouble),
            },
            Phase::Leaving { .. } => self.finish(String::new()),
            Phase::Idle | Phase::Waiting { .. } | Phase::Over => {}
        }
    }

    /// The proxy spoke; says whether there is a connection that it could speak on.
    fn word_came(&mut self, now: Moment) -> bool {
        self.quiet_since = now;
        self.pings = 0;
        matches!(self.phase, Phase::Open { .. } | Phase::Leaving { .. })
    }

    // ---- Losing the proxy and finding it again.

    /// The socket is gone and may be had again.
    fn lost(&mut self, now: Moment) {
        for (epoch, samples) in self.turns.end_all() {
            self.queue.push_back(ClientOutput::EndTurn { epoch, samples });
        }
        self.captions.break_off(|epoch| self.turns.received(epoch), &mut self.queue);
        self.advance_captions();
        if matches!(self.phase, Phase::Open { .. }) && self.talk.lose() {
            self.microphone.keep(Said::Mark(true));
        }
        if let Phase::Open { ready_at: Some(at), .. } = self.phase
            && now.since(at) >= STEADY
        {
            self.lost_at = None;
            self.told = None;
            self.backoff.reset();
        }
        let lost_at = *self.lost_at.get_or_insert(now);
        if self.backoff.tries() >= MOST_TRIES || now.since(lost_at) >= LONGEST_SEARCH {
            let trouble = self.trouble.take();
            return self.fail(trouble.unwrap_or_else(closing::connection_lost));
        }
        let asked = self.trouble.as_ref().and_then(|trouble| trouble.retry_after_ms).unwrap_or(0);
        let wait = self.backoff.wait().max(Duration::from_millis(asked).min(LONGEST_WAIT));
        self.trouble = None;
        self.phase = Phase::Waiting { until: now + wait };
    }

    fn unreachable(&mut self) {
        let url = self.config.url.split(['?', '#']).next().unwrap_or_default();
        let message = closing::unreachable(url);
        self.tell(ClientEvent::Error { code: String::from("proxy_unreachable"), message: message.clone() });
        self.finish(message);
    }

    /// Ends the call with trouble that the page may have been told already.
    fn fail(&mut self, trouble: Trouble) {
        if self.told.as_ref().is_none_or(|told| told.message != trouble.message) {
            self.complain(trouble.code, &trouble.message);
        }
        self.finish(trouble.message);
    }

    fn finish(&mut self, reason: String) {
        self.captions.close(|epoch| self.ear.reported(epoch), &mut self.queue);
        self.phase = Phase::Over;
        self.show_state();
        self.tell(ClientEvent::Ended { reason });
    }

    // ---- Time.

    fn tick(&mut self, now: Moment) {
        if let Some(beat) = self.pulse.look(now) {
            self.tell(ClientEvent::Pulse { beat });
        }
        self.captions.tick(now, &mut self.queue);
        let verdict = self.interruption.tick(self.is_alone(), now);
        self.judge(verdict, now);
        self.talk.tick(now);
        self.pass_on();
        match self.phase {
            Phase::Opening { give_up_at } if now >= give_up_at => {
                self.close_socket(GAVE_UP, "not opened in time");
                if self.reached { self.lost(now) } else { self.unreachable() }
            }
            Phase::Open { ready_by, ready_at: None } if now >= ready_by => self.silent(now),
            Phase::Open { ready_at, .. } => {
                if ready_at.is_some() && self.ear.due_at().is_some_and(|due| now >= due) {
                    self.report_heard(now);
                }
                self.keep_alive(now);
            }
            Phase::Waiting { until } if now >= until => self.open(now),
            Phase::Leaving { until } if now >= until => {
                self.close_socket(1000, "");
                self.finish(String::new());
            }
            Phase::Idle
            | Phase::Opening { .. }
            | Phase::Waiting { .. }
            | Phase::Leaving { .. }
            | Phase::Over => {}
        }
    }

    fn keep_alive(&mut self, now: Moment) {
        if now < self.next_sign_at() {
            return;
        }
        if self.pings >= MISSED_PINGS {
            return self.silent(now);
        }
        // After a long sleep one ping is asked, not all that were missed.
        self.quiet_since = now - (PING_AFTER + PONG_PATIENCE * self.pings);
        self.pings += 1;
        self.ping_id += 1;
        self.send(&FromClient::Ping { id: self.ping_id });
    }

    /// When the next ping is due, or the connection is given up.
    fn next_sign_at(&self) -> Moment {
        self.quiet_since + PING_AFTER + PONG_PATIENCE * self.pings
    }

    /// The proxy no longer answers.
    fn silent(&mut self, now: Moment) {
        self.close_socket(GAVE_UP, "no answer");
        self.lost(now);
    }

    fn wake_at(&self) -> Option<Moment> {
        let phase = match self.phase {
            Phase::Idle => None,
            Phase::Opening { give_up_at } => Some(give_up_at),
            Phase::Open { ready_by, ready_at: None } => Some(ready_by.min(self.next_sign_at())),
            Phase::Open { ready_at: Some(_), .. } => {
                [self.ear.due_at(), Some(self.next_sign_at())].into_iter().flatten().min()
            }
            Phase::Waiting { until } | Phase::Leaving { until } => Some(until),
            Phase::Over => return None,
        };
        let interruption = self.interruption.due_at(self.is_alone());
        [phase, self.captions.due_at(), self.pulse.due_at(), self.talk.due_at(), interruption]
            .into_iter()
            .flatten()
            .min()
    }

    // ---- Words.

    fn send(&mut self, message: &FromClient) {
        self.queue.push_back(ClientOutput::SendText(message.encode()));
    }

    fn close_socket(&mut self, code: u16, reason: &str) {
        self.queue.push_back(ClientOutput::CloseSocket { code, reason: String::from(reason) });
    }

    fn tell(&mut self, event: ClientEvent) {
        self.queue.push_back(ClientOutput::Event(event));
    }

    fn complain(&mut self, code: Code, message: &str) {
        self.tell(ClientEvent::Error { code: code.name().into(), message: message.into() });
    }

    fn show_state(&mut self) {
        let state = match self.phase {
            Phase::Idle | Phase::Leaving { .. } | Phase::Over => ClientState::Idle,
            Phase::Waiting { .. } => ClientState::Reconnecting,
            Phase::Opening { .. } | Phase::Open { ready_at: None, .. } => {
                if self.lost_at.is_some() {
                    ClientState::Reconnecting
                } else {
                    ClientState::Connecting
                }
            }
            Phase::Open { ready_at: Some(_), .. } => {
                if self.ear.sounds() {
                    ClientState::Speaking
                } else {
                    ClientState::Listening
                }
            }
        };
        if state != self.shown {
            self.shown = state;
            self.tell(ClientEvent::State { state });
        }
    }
}

/// Until a proxy says otherwise, it takes frames of this size: its own default.
const DEFAULT_FRAME_BYTES: usize = 64 * 1024;
/// Transcripts come up to this much later than what they transcribe.
const WORDS_LAG: Duration = Duration::from_secs(1);
/// A phone on a poor network needs several seconds for TCP and TLS; browsers themselves wait minutes.
const OPEN_PATIENCE: Duration = Duration::from_secs(15);
/// The proxy gives the service ten seconds to open and ten to be set up, and then says so; this is for one that
/// does not.
const READY_PATIENCE: Duration = Duration::from_secs(30);
/// A proxy that is there answers a goodbye within a round trip or two.
const BYE_PATIENCE: Duration = Duration::from_secs(2);
/// Phones and NATs drop silent connections after half a minute and more.
const PING_AFTER: Duration = Duration::from_secs(15);
/// Longer than any round trip that one could hold a conversation over.
const PONG_PATIENCE: Duration = Duration::from_secs(5);
/// Pings without any sign of life until the connection counts as dead.
const MISSED_PINGS: u32 = 2;
/// A network that flickers is back within this.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The last waits, half of it on average, spread the tries over about a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Tries until the call is given up.
const MOST_TRIES: u32 = 8;
/// Time until the call is given up.
const LONGEST_SEARCH: Duration = Duration::from_secs(60);
/// A connection that lasted this long begins a new row of tries when it is lost.
const STEADY: Duration = Duration::from_secs(10);
/// Typed lines that wait for a connection.
const KEPT_TEXTS: usize = 16;
/// Close code of a connection that shows no sign of life; browsers let pages use 3000 to 4999.
const GAVE_UP: u16 = 4000;

const TEXT_TOO_LONG: &str = "This text is too long to be sent: shorten it.";
const TEXT_TOO_SOON: &str = "Too much text is waiting for the connection: send it again once the call is up.";
const PROXY_ENDED: &str = "The call has ended.";
