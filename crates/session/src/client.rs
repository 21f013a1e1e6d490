//! The phone's half of a call.
//!
//! [`Client`] decides; what it takes in and wants done is in `exchange`. Its organs are `line` (the connection: opened,
//! lost and sought again), `ticket` (what lets a call begin), `microphone` (what it gives), `talk` (who may be heard when),
//! `outgoing` (what was said and may have to be said again), `turns` (which of the model's turns live),
//! `barge_in` (what the person's voice does to them), `ear` (what was heard of them), `captions` with `transcript` (which
//! words that were), `pulse` (whether the sound keeps time), and `closing` (what the end of a socket means). `writing`
//! puts its events into JSON.

mod barge_in;
mod captions;
mod closing;
mod ear;
mod exchange;
mod line;
mod microphone;
mod outgoing;
mod pulse;
mod talk;
mod ticket;
mod transcript;
mod turns;
mod writing;

use crate::Moment;
use crate::arrived::Arrived;
use barge_in::{Interruption, Verdict};
use bytes::Bytes;
use captions::{Captions, Over};
use closing::Closing;
use core::time::Duration;
use ear::Ear;
use line::{Due, Line, Phase};
use microphone::Microphone;
use outgoing::{Loss, Outgoing, Said};
use pulse::Pulse;
use talk::Talk;
use ticket::Ticket;
use turns::Turns;
use vivavoce_dsp::MODEL_HZ;
use vivavoce_dsp::jitter::Jitter;
pub use vivavoce_dsp::player::Thresholds;
use vivavoce_wire::Json;
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};
use vivavoce_wire::message::{FromClient, FromProxy, Hello, Mode, Ready, Resume, TurnState, Uplink};
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
    queue: Vec<ClientOutput>,
    line: Line,
    ticket: Ticket,
    /// The state that the page was told last.
    shown: ClientState,
    microphone: Microphone,
    talk: Talk,
    outgoing: Outgoing,
    incoming: Arrived,
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
    /// The call that `ready` named last, and what opens it again.
    call: Option<String>,
    secret: Option<String>,
    /// What the proxy complained of on this connection.
    trouble: Option<Trouble>,
    /// The complaint that the page was told last, so that it is told once.
    told: Option<Trouble>,
    /// What the page knows to be lost.
    told_loss: Loss,
    max_frame_bytes: usize,
}

impl Client {
    /// A call that has not started.
    pub fn new(mut config: ClientConfig) -> Self {
        let kept_samples = config.kept_audio.as_secs_f64() * f64::from(config.uplink_rate_hz);
        Self {
            queue: Vec::new(),
            line: Line::new(config.seed),
            ticket: Ticket::new(config.ticket.take(), config.gets_tickets),
            shown: ClientState::Idle,
            microphone: Microphone::new(config.uplink_rate_hz),
            talk: Talk::new(config.mode, config.uplink_rate_hz),
            outgoing: Outgoing::new(config.uplink_rate_hz, kept_samples as u64),
            incoming: Arrived::default(),
            turns: Turns::default(),
            ear: Ear::default(),
            interruption: Interruption::new(config.barge_in),
            jitter: Box::new(Jitter::new()),
            thresholds: Thresholds::default(),
            coming: 0,
            started_at: Moment::default(),
            pulse: Pulse::default(),
            captions: Captions::default(),
            call: None,
            secret: None,
            trouble: None,
            told: None,
            told_loss: Loss::default(),
            max_frame_bytes: DEFAULT_FRAME_BYTES,
            config,
        }
    }

    /// Takes in one thing that happened at `now`.
    pub fn handle(&mut self, input: ClientInput, now: Moment) {
        if self.line.phase == Phase::Over {
            return;
        }
        match input {
            ClientInput::Start => self.start(now),
            ClientInput::Ticket(ticket) => self.ticket_came(ticket, now),
            ClientInput::SocketOpen => self.socket_open(now),
            ClientInput::SocketText(text) => self.socket_text(&text, now),
            ClientInput::SocketBinary(bytes) => self.socket_binary(&bytes, now),
            ClientInput::SocketClosed { code, reason: _ } => self.socket_closed(code, now),
            ClientInput::Microphone(pcm) => {
                self.pulse.recorded();
                self.talk.take(self.microphone.take(&pcm), now);
            }
            ClientInput::Unsent(bytes) => self.outgoing.clog(bytes, now),
            ClientInput::Awake => self.wake_up(now),
            ClientInput::MicrophoneEnd => self.microphone_end(),
            ClientInput::Mute(muted) => self.mute(muted, now),
            ClientInput::Press(pressed) => self.press(pressed, now),
            ClientInput::Interrupt => self.interrupt(now),
            ClientInput::Text(text) if text.trim().is_empty() => {}
            ClientInput::Text(text) => self.word(FromClient::Text { text }.encode()),
            ClientInput::Word(json) => self.word(json),
            ClientInput::Speech(speaks) => self.speech(speaks, now),
            ClientInput::NewPlayer => self.pulse.start(now),
            ClientInput::Player(report) => self.player(report, now),
            ClientInput::HangUp => self.hang_up(now),
            ClientInput::Timeout => {}
        }
        self.tick(now);
        self.show_state();
        self.show_loss();
    }

    /// The next thing to do; `Timeout` comes last, so drain until then.
    pub fn poll(&mut self) -> ClientOutput {
        if self.queue.is_empty() { ClientOutput::Timeout(self.wake_at()) } else { self.queue.remove(0) }
    }

    /// Samples of the microphone that were dropped because nobody could be sent them for too long.
    pub const fn dropped_samples(&self) -> u64 {
        self.outgoing.loss().sound
    }

    // ---- What the person does.

    fn start(&mut self, now: Moment) {
        if self.line.phase == Phase::Idle {
            self.open(now);
        }
    }

    fn open(&mut self, now: Moment) {
        self.line.open(now);
        if self.ticket.is_spent(self.secret.is_none()) {
            return self.tell(ClientEvent::Ticket);
        }
        self.queue.push(ClientOutput::Open { url: self.config.url.clone() });
    }

    /// A ticket that was waited for came, or could not be had now.
    fn ticket_came(&mut self, ticket: Option<String>, now: Moment) {
        if !self.awaits_ticket() {
            return;
        }
        let Some(ticket) = ticket else { return self.lost(now) };
        self.ticket.renew(ticket);
        self.open(now);
    }

    /// Whether no socket is opened before another ticket comes.
    fn awaits_ticket(&self) -> bool {
        matches!(self.line.phase, Phase::Opening { .. }) && self.ticket.is_spent(self.secret.is_none())
    }

    /// Keeps what the mode lets through, and sends what may go.
    fn pass_on(&mut self, now: Moment) {
        for said in self.talk.said() {
            self.outgoing.push(said);
        }
        while let Some((number, said)) = self.outgoing.next(now) {
            self.send_said(number, said);
        }
    }

    fn send_said(&mut self, number: u32, said: Said) {
        let piece = match said {
            Said::Sound(piece) => piece,
            Said::Mark(speaking) => return self.send(&FromClient::Activity { speaking }),
            Said::End => return self.send(&FromClient::AudioEnd),
            Said::Mute(muted) => return self.send(&FromClient::Mute { muted }),
            Said::Word(json) => return self.queue.push(ClientOutput::SendText(json)),
        };
        let frame = AudioFrame {
            kind: Kind::Microphone,
            codec: Codec::Pcm,
            epoch: self.turns.on_the_wire(self.ear.epoch()),
            sequence: number,
            position: piece.position(),
            payload: piece.pcm(),
        };
        self.queue.push(ClientOutput::SendBinary(frame.encode()));
    }

    /// The connection may be dead, or may be had again.
    fn wake_up(&mut self, now: Moment) {
        self.line.hurry(now);
        self.line.doubt(now);
    }

    fn press(&mut self, pressed: bool, now: Moment) {
        // What is pressed while the microphone is off would say nothing.
        if self.talk.press(pressed && !self.microphone.is_muted(), now) {
            self.interrupt(now);
        }
    }

    /// Silences all that plays, as if the service had heard the person speak over it.
    fn interrupt(&mut self, now: Moment) {
        self.commit(self.turns.newest(), now);
    }

    fn microphone_end(&mut self) {
        self.talk.stop();
        self.say(Said::End);
    }

    fn mute(&mut self, muted: bool, now: Moment) {
        if !self.microphone.mute(muted, now) {
            return;
        }
        self.talk.stop();
        self.say(Said::Mute(muted));
        self.tell(ClientEvent::Muted { muted });
    }

    fn word(&mut self, json: String) {
        if matches!(self.line.phase, Phase::Leaving { .. }) {
            return;
        }
        if json.len() > self.max_frame_bytes {
            return self.complain(Code::TooLarge, TEXT_TOO_LONG);
        }
        let (words, bytes) = self.outgoing.waiting_words();
        if words >= KEPT_TEXTS || bytes + json.len() > DEFAULT_FRAME_BYTES {
            return self.complain(Code::Limited, TEXT_TOO_SOON);
        }
        self.say(Said::Word(json));
    }

    /// Says something after all sound so far.
    fn say(&mut self, said: Said) {
        for before in self.talk.said() {
            self.outgoing.push(before);
        }
        self.outgoing.push(said);
    }

    fn hang_up(&mut self, now: Moment) {
        self.pulse.stop();
        self.flush_all();
        self.talk.stop();
        self.pass_on(now);
        match self.line.phase {
            Phase::Open { .. } => {
                self.report_heard(now);
                self.send(&FromClient::Bye);
                self.outgoing.close();
                self.line.leave(now);
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
            Some(Verdict::Yield(how)) => self.queue.insert(0, ClientOutput::Yield(how)),
            Some(Verdict::Commit(epoch)) => self.commit(epoch, now),
            None => {}
        }
    }

    /// The person means it: the turn falls silent, and the proxy need not send what is left of it.
    fn commit(&mut self, epoch: u32, now: Moment) {
        let is_new = self.silence(epoch, now);
        let epoch = self.turns.on_the_wire(epoch);
        if is_new && epoch > 0 && self.line.is_open() {
            self.send(&FromClient::Silenced { epoch });
        }
    }

    /// Whether the service can't say that the person speaks over what sounds.
    fn is_alone(&self) -> bool {
        self.turns.is_left_alone(self.ear.epoch())
    }

    fn report_heard(&mut self, now: Moment) {
        let Some(mut report) = self.ear.report(now) else { return };
        if let FromClient::Heard { epoch, .. } = &mut report {
            *epoch = self.turns.on_the_wire(*epoch);
            if *epoch > 0 {
                self.send(&report);
            }
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
        self.queue.insert(0, ClientOutput::Flush { epoch });
    }

    // ---- What the socket does.

    fn socket_open(&mut self, now: Moment) {
        if self.awaits_ticket() || !self.line.opened(now) {
            return;
        }
        self.trouble = None;
        let hello = self.hello();
        // What is left to be said to a call that goes on, its proxy says when it is ready.
        if hello.resume.is_none() {
            self.outgoing.begin();
        }
        self.send(&FromClient::Hello(hello));
    }

    fn hello(&mut self) -> Hello {
        let mut resume = None;
        if let (Some(call), Some(secret)) = (&self.call, &self.secret) {
            resume = Some(Resume { call: call.clone(), secret: secret.clone(), next: self.incoming.next() });
        }
        Hello {
            audio: Uplink { rate_hz: self.config.uplink_rate_hz, ..Uplink::default() },
            ticket: self.ticket.show(),
            client: self.config.client.clone(),
            greeting: self.config.greeting && self.call.is_none(),
            mode: self.talk.mode(),
            resumable: true,
            continues: self.config.continues && self.call.is_none(),
            functions: self.config.functions.clone(),
            resume,
        }
    }

    fn socket_text(&mut self, text: &str, now: Moment) {
        if !self.line.word_came(now) {
            return;
        }
        // What a newer proxy says beyond this is skipped.
        let Ok((message, sequence)) = FromProxy::decode_but_tools(text) else { return };
        if matches!(self.line.phase, Phase::Leaving { .. }) {
            if matches!(message, Some(FromProxy::Bye { .. })) {
                self.close_socket(1000, "");
                self.finish(String::new());
            }
            return;
        }
        if sequence.is_some_and(|sequence| !self.incoming.take(sequence)) {
            return;
        }
        let Some(message) = message else { return self.tell(ClientEvent::Tool(Json::raw(text))) };
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
            // It came as none of these.
            FromProxy::Tool { .. } => {}
            FromProxy::Error { error } => self.proxy_complains(error),
            FromProxy::Received { next } => self.outgoing.received(next),
            FromProxy::Committed { next } => self.outgoing.committed(next),
            FromProxy::Ping { id } => self.send(&FromClient::Pong { id }),
            FromProxy::Pong { id: _ } => {}
            FromProxy::Bye { reason } => self.proxy_leaves(reason),
        }
    }

    fn ready(&mut self, ready: Ready, now: Moment) {
        if !self.line.ready(now) {
            return;
        }
        if self.call.as_ref() != Some(&ready.call) {
            self.part_from_the_call();
            self.incoming = Arrived::default();
            self.turns.start_call();
        }
        if !self.outgoing.is_open() {
            match ready.next {
                Some(next) => self.outgoing.go_on(next),
                None => self.outgoing.begin(),
            }
            self.tell_what_was_silenced(now);
        }
        self.ticket.accept();
        self.call = Some(ready.call.clone());
        self.secret = ready.secret;
        if self.secret.is_some() {
            // So the proxy knows that the new secret is here.
            self.send(&FromClient::Received { next: self.incoming.next() });
        }
        self.max_frame_bytes = ready.max_frame_bytes as usize;
        self.tell(ClientEvent::Ready { call: ready.call, upstream: ready.upstream, model: ready.model });
    }

    /// What was said of the turns while the connection was away did not arrive.
    fn tell_what_was_silenced(&mut self, now: Moment) {
        self.ear.forget(now);
        let epoch = self.turns.on_the_wire(self.turns.dead());
        if epoch > 0 {
            self.send(&FromClient::Silenced { epoch });
        }
    }

    /// Nothing more comes of the call that there was.
    fn part_from_the_call(&mut self) {
        self.end_turns();
        self.captions.break_off(|epoch| self.turns.received(epoch), &mut self.queue);
        self.advance_captions();
        self.secret = None;
    }

    fn end_turns(&mut self) {
        for (epoch, samples) in self.turns.end_all() {
            self.queue.push(ClientOutput::EndTurn { epoch, samples });
            self.captions.ended(epoch, samples, Some(Over::BrokeOff));
        }
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
        // A proxy that died could not say that the turn before it was over.
        self.end_turns();
        if self.talk.is_pressed() {
            // The service answers a turn when it is over, so this one answers something older.
            self.interrupt(now);
        } else {
            self.captions.model_begins(epoch, now, &mut self.queue);
        }
    }

    fn turn_ended(&mut self, epoch: u32, complete: bool) {
        if let Some(samples) = self.turns.end(epoch) {
            self.queue.push(ClientOutput::EndTurn { epoch, samples });
            self.learn();
        }
        if complete {
            self.turns.complete(epoch);
        }
        self.captions.ended(epoch, self.turns.received(epoch), complete.then_some(Over::Complete));
        self.advance_captions();
    }

    /// A turn has come, as far as it will: the player waits for the next as this and those before it came.
    fn learn(&mut self) {
        let thresholds = self.jitter.end();
        if thresholds != self.thresholds {
            self.thresholds = thresholds;
            self.queue.push(ClientOutput::Thresholds(thresholds));
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
        self.ear.gives_way(self.interruption.silenced(epoch));
        self.flush(epoch);
        self.captions.cut(epoch, |epoch| self.ear.heard(epoch, now), &mut self.queue);
        true
    }

    fn socket_binary(&mut self, bytes: &Bytes, now: Moment) {
        if !self.line.word_came(now) || !self.line.is_open() {
            return;
        }
        let Ok(frame) = AudioFrame::decode(bytes.clone()) else { return };
        if frame.kind != Kind::Model || frame.payload.is_empty() {
            return;
        }
        // Others number the frames of each connection.
        if self.secret.is_some() && !self.incoming.take(frame.sequence) {
            return;
        }
        let Some(epoch) = self.turns.here(frame.epoch) else { return };
        self.turn_started(epoch, now);
        if self.turns.receive(epoch, frame.position, frame.samples()) {
            self.arrived(epoch, frame.samples(), now);
            let position = frame.position;
            self.queue.push(ClientOutput::Play { epoch, position, pcm: frame.payload });
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
        // Nothing to be told of: the call is gone, for another one begins; it goes on with another proxy; another ticket is had.
        let passes = match trouble.code {
            Code::NoSuchCall => true,
            Code::GoingAway => self.secret.is_some(),
            Code::NotAdmitted => self.ticket.has_successor(),
            _ => false,
        };
        if !passes && self.told.as_ref().is_none_or(|told| told.message != trouble.message) {
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
        match self.line.phase {
            Phase::Opening { .. } if !self.line.was_reached() => self.unreachable(),
            Phase::Opening { .. } => self.lost(now),
            Phase::Open { .. } => match closing::judge(code, self.trouble.as_ref()) {
                Closing::Retry => self.lost(now),
                Closing::Anew => {
                    self.trouble = None;
                    self.part_from_the_call();
                    self.lost(now);
                    self.line.hurry(now);
                }
                Closing::End(sentence) => self.finish(sentence),
                Closing::Fail(trouble)
                    if trouble.code == Code::NotAdmitted && self.ticket.has_successor() =>
                {
                    self.trouble = None;
                    self.ticket.refuse();
                    self.lost(now);
                }
                Closing::Fail(trouble) => self.fail(trouble),
            },
            Phase::Leaving { .. } => self.finish(String::new()),
            Phase::Idle | Phase::Waiting { .. } | Phase::Over => {}
        }
    }

    // ---- Losing the proxy and finding it again.

    /// The socket is gone and may be had again; with most troubles the call is gone as well.
    fn lost(&mut self, now: Moment) {
        self.outgoing.close();
        let code = self.trouble.as_ref().map(|trouble| trouble.code);
        if !matches!(code, None | Some(Code::TooSlow | Code::GoingAway | Code::Unavailable))
            || self.secret.is_none()
        {
            self.part_from_the_call();
            if self.line.is_open() && self.talk.lose() {
                self.outgoing.push(Said::Mark(true));
            }
        }
        if self.line.was_steady(now) {
            self.told = None;
        }
        let trouble = self.trouble.take();
        let asked_ms = trouble.as_ref().and_then(|trouble| trouble.retry_after_ms).unwrap_or(0);
        if !self.line.lose(asked_ms, trouble.is_some(), now)
            && let Some(trouble) = trouble
        {
            self.fail(trouble);
        }
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
        self.line.phase = Phase::Over;
        self.outgoing.close();
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
        self.pass_on(now);
        if self.line.is_ready() {
            if self.ear.due_at().is_some_and(|due| now >= due) {
                self.report_heard(now);
            }
            if let Some(next) = self.incoming.report(now).filter(|_| self.secret.is_some()) {
                self.send(&FromClient::Received { next });
            }
        }
        match self.line.look(now) {
            Some(Due::Open) => self.open(now),
            Some(Due::Ping(id)) => self.send(&FromClient::Ping { id }),
            Some(Due::Silent) => {
                self.close_socket(GAVE_UP, "no answer");
                self.lost(now);
            }
            Some(Due::NeverOpened) => {
                self.close_socket(GAVE_UP, "not opened in time");
                if self.line.was_reached() { self.lost(now) } else { self.unreachable() }
            }
            Some(Due::Left) => {
                self.close_socket(1000, "");
                self.finish(String::new());
            }
            None => {}
        }
    }

    fn wake_at(&self) -> Option<Moment> {
        if self.line.phase == Phase::Over {
            return None;
        }
        let is_ready = self.line.is_ready();
        let is_resumable = is_ready && self.secret.is_some();
        [
            self.line.due_at(),
            self.outgoing.due_at(),
            self.captions.due_at(),
            self.pulse.due_at(),
            self.talk.due_at(),
            self.interruption.due_at(self.is_alone()),
            self.ear.due_at().filter(|_| is_ready),
            self.incoming.due_at().filter(|_| is_resumable),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    // ---- Words.

    fn send(&mut self, message: &FromClient) {
        self.queue.push(ClientOutput::SendText(message.encode()));
    }

    fn close_socket(&mut self, code: u16, reason: &str) {
        self.queue.push(ClientOutput::CloseSocket { code, reason: String::from(reason) });
    }

    fn tell(&mut self, event: ClientEvent) {
        self.queue.push(ClientOutput::Event(event));
    }

    fn complain(&mut self, code: Code, message: &str) {
        self.tell(ClientEvent::Error { code: code.name().into(), message: message.into() });
    }

    fn show_state(&mut self) {
        let state = match self.line.phase {
            Phase::Idle | Phase::Leaving { .. } | Phase::Over => ClientState::Idle,
            Phase::Open { ready_at: Some(_), .. } if self.ear.sounds() => ClientState::Speaking,
            Phase::Open { ready_at: Some(_), .. } => ClientState::Listening,
            Phase::Opening { .. } | Phase::Open { ready_at: None, .. } if !self.line.is_lost() => {
                ClientState::Connecting
            }
            Phase::Waiting { .. } | Phase::Opening { .. } | Phase::Open { .. } => ClientState::Reconnecting,
        };
        if state != self.shown {
            self.shown = state;
            self.tell(ClientEvent::State { state });
        }
    }

    /// Says that something of the person's is lost, once an outage: when it is over.
    fn show_loss(&mut self) {
        let loss = self.outgoing.loss();
        if !self.line.is_ready() || loss == self.told_loss {
            return;
        }
        let is_heard = loss.sound == self.told_loss.sound;
        // Pauses are shortened all the time on a slow network: that is said once a call.
        if !is_heard || self.told_loss.silence == 0 {
            let (code, message) = if is_heard { PAUSES_LOST } else { WORDS_LOST };
            self.tell(ClientEvent::Error { code: code.into(), message: message.into() });
        }
        self.told_loss = loss;
    }
}

/// Until a proxy says otherwise, it takes frames of this size: its own default.
const DEFAULT_FRAME_BYTES: usize = 64 * 1024;
/// Transcripts come up to this much later than what they transcribe.
const WORDS_LAG: Duration = Duration::from_secs(1);
/// Typed lines that wait for a connection.
const KEPT_TEXTS: usize = 16;
/// Close code of a connection that shows no sign of life; browsers let pages use 3000 to 4999.
const GAVE_UP: u16 = 4000;

const TEXT_TOO_LONG: &str = "This text is too long to be sent: shorten it.";
const TEXT_TOO_SOON: &str = "Too much text is waiting for the connection: send it again once the call is up.";
const WORDS_LOST: (&str, &str) =
    ("words_lost", "The connection was away for so long that some of what you said was lost: say it again.");
const PAUSES_LOST: (&str, &str) =
    ("slow_network", "The network is too slow for your voice: answers come late. A better connection helps.");
const PROXY_ENDED: &str = "The call has ended.";
