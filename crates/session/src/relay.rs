//! The proxy's half of a call.
//!
//! [`Relay`] decides; what it takes in and wants done is in `exchange`; its organs are `early` (what the phone sent
//! before anyone listened, and while that is caught up with), `turns` (the model's turns as the phone is told of them),
//! `credit` (how much of them it is sent ahead of what it has heard), `ledger` (function calls), `echo` (what was typed
//! is not heard), and `verdict` (what the end of the service's socket means).

mod credit;
mod early;
mod echo;
mod exchange;
mod ledger;
mod service;
mod turns;
mod verdict;

use crate::Moment;
use bytes::Bytes;
use core::time::Duration;
use credit::Credit;
use early::{Early, Kept};
use echo::Echo;
use ledger::{Call, Ledger};
use std::collections::VecDeque;
use turns::{Turns, Word};
use vivavoce_gemini::{ClientMessage, ServerContent, ServerMessage, Transcription};
use vivavoce_wire::audio::{AudioFrame, Kind};
use vivavoce_wire::message::{FromClient, FromProxy, Hello, Mode, Ready, ToolState};
use vivavoce_wire::trouble::{Code, Trouble};
use vivavoce_wire::{MODEL_RATE_HZ, UPLINK_RATES_HZ};

pub use exchange::{RelayConfig, RelayInput, RelayOutput};

/// The proxy's half of a call.
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
    queue: VecDeque<RelayOutput>,
    phase: Phase,
    /// Rate of the phone's microphone.
    rate_hz: u32,
    /// Whether the phone lets the model be nudged.
    greeting: bool,
    early: Early,
    muted: bool,
    /// Whether the service was sent audio since the stream's last end.
    is_streaming: bool,
    /// Samples of silence that the service has yet to hear before it takes the user's turn as finished.
    silence_owed: usize,
    /// Whether a socket to the service was asked for and not closed since.
    has_service: bool,
    turns: Turns,
    credit: Credit,
    ledger: Ledger,
    echo: Echo,
    /// The newest handle by which the conversation could be taken up again.
    handle: Option<String>,
    /// When the service will end the connection, if it said so.
    service_leaves_at: Option<Moment>,
    /// What the phone's own ear, or the person's button, said last.
    phone_hears_speech: bool,
    /// What the service was told of it, where the client marks speech.
    is_marked: bool,
    /// When the phone last said anything, and the pings since.
    quiet_since: Moment,
    pings: u32,
    ping_id: u64,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No phone yet.
    Fresh,
    /// The phone has yet to say hello.
    Hello {
        by: Moment,
    },
    /// The guard has yet to judge the hello.
    Admitting {
        by: Moment,
    },
    /// The service's socket is on its way.
    Opening {
        by: Moment,
    },
    /// The service has yet to answer the setup.
    SettingUp {
        by: Moment,
    },
    Talking,
    Over,
}

impl Relay {
    /// A relay for one socket of one phone.
    pub fn new(config: RelayConfig) -> Self {
        Self {
            credit: Credit::new(config.most_ahead, config.most_kept),
            config,
            queue: VecDeque::new(),
            phase: Phase::Fresh,
            rate_hz: vivavoce_wire::SPEECH_RATE_HZ,
            greeting: false,
            early: Early::default(),
            muted: false,
            is_streaming: false,
            silence_owed: 0,
            has_service: false,
            turns: Turns::default(),
            ledger: Ledger::default(),
            echo: Echo::default(),
            handle: None,
            service_leaves_at: None,
            phone_hears_speech: false,
            is_marked: false,
            quiet_since: Moment::default(),
            pings: 0,
            ping_id: 0,
        }
    }

    /// Takes in one thing that happened at `now`.
    pub fn handle(&mut self, input: RelayInput, now: Moment) {
        match input {
            _ if self.phase == Phase::Over => return,
            RelayInput::PhoneOpen => self.phone_open(now),
            RelayInput::PhoneText(text) => self.phone_text(&text, now),
            RelayInput::PhoneBinary(bytes) => self.phone_binary(&bytes, now),
            RelayInput::PhoneAlive => self.sign_of_life(now),
            RelayInput::PhoneClosed => self.phone_closed(),
            RelayInput::Admission(verdict) => self.admission(verdict, now),
            RelayInput::ServiceOpen => self.service_open(now),
            RelayInput::Service(message) => self.service(&message, now),
            RelayInput::ServiceClosed { code, reason } => self.service_closed(code, &reason),
            RelayInput::Shutdown => self.shut_down(),
            RelayInput::Timeout => {}
        }
        self.tick(now);
    }

    /// The next thing to do; `Timeout` comes last, so drain until then.
    pub fn poll(&mut self) -> RelayOutput {
        self.queue.pop_front().unwrap_or(RelayOutput::Timeout(self.wake_at()))
    }

    /// Whether the call is over and the shell, having drained, may drop everything.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over && self.queue.is_empty()
    }

    /// The newest handle by which the service could take the conversation up again.
    pub fn resumption_handle(&self) -> Option<&str> {
        self.handle.as_deref()
    }

    /// When the service will end its connection, if it said so.
    pub const fn service_leaves_at(&self) -> Option<Moment> {
        self.service_leaves_at
    }

    /// The model's turn that the phone plays or played last, and the 24 kHz samples of it that were heard.
    pub const fn heard(&self) -> (u32, u64) {
        self.credit.heard_position()
    }

    /// Whether the service is to be listened to. What the phone has no credit for is kept, and nothing of it is
    /// dropped; when as much waits as may, the shell stops reading the service's socket until this says so again, and
    /// TCP slows the service down.
    pub const fn wants_service(&self) -> bool {
        self.credit.has_room(self.phone_hears_speech)
    }

    /// Whether the phone's own ear hears speech.
    pub const fn phone_hears_speech(&self) -> bool {
        self.phone_hears_speech
    }

    /// Bytes of microphone audio that were dropped before anyone listened.
    pub const fn dropped_early_bytes(&self) -> u64 {
        self.early.dropped_bytes()
    }

    // ---- The phone.

    fn phone_open(&mut self, now: Moment) {
        if self.phase == Phase::Fresh {
            self.phase = Phase::Hello { by: now + self.config.hello_deadline };
            self.quiet_since = now;
        }
    }

    fn phone_text(&mut self, text: &str, now: Moment) {
        self.sign_of_life(now);
        let most_bytes = match self.phase {
            Phase::Fresh | Phase::Hello { .. } => MOST_HELLO_BYTES,
            _ => self.config.max_frame_bytes as usize,
        };
        if text.len() > most_bytes {
            return self.too_large(text.len(), most_bytes);
        }
        let message = match FromClient::decode(text) {
            Ok(message) => message,
            Err(error) => return self.fail(Trouble::misunderstood(Code::BadMessage, error)),
        };
        match (self.phase, message) {
            (Phase::Fresh | Phase::Hello { .. }, FromClient::Hello(hello)) => self.hello(hello, now),
            (Phase::Fresh | Phase::Hello { .. }, _) => self.out_of_order("The first message must be hello."),
            (_, message) => self.phone_says(message, now),
        }
    }

    fn hello(&mut self, hello: Hello, now: Moment) {
        let rate_hz = hello.audio.rate_hz;
        if !UPLINK_RATES_HZ.contains(&rate_hz) {
            let (least, most) = (UPLINK_RATES_HZ.start(), UPLINK_RATES_HZ.end());
            let message = format!("audio.rate_hz must be {least} to {most}; found {rate_hz}");
            return self.fail(Trouble::misunderstood(Code::BadMessage, message));
        }
        self.rate_hz = rate_hz;
        self.greeting = hello.greeting;
        self.early = Early::for_rate(rate_hz);
        if hello.mode == Mode::PushToTalk {
            service::leave_turns_to_the_client(&mut self.config.setup);
        }
        self.phase = Phase::Admitting { by: now + self.config.setup_deadline };
        self.queue.push_back(RelayOutput::Admit(Box::new(hello)));
    }

    fn phone_says(&mut self, message: FromClient, now: Moment) {
        match message {
            FromClient::Hello(_) => self.out_of_order("hello is said once on a connection."),
            FromClient::Text { text } => self.phone_typed(text, now),
            FromClient::Mute { muted } => self.phone_mutes(muted),
            FromClient::Activity { speaking } => self.phone_marks(speaking),
            FromClient::AudioEnd => self.phone_audio_ends(),
            FromClient::Heard { epoch, samples } => self.credit.heard(epoch, samples),
            FromClient::Silenced { epoch } => self.phone_silences(epoch),
            // No function runs in the page: no such call is open.
            FromClient::ToolResult { id: _, result: _ } => {}
            FromClient::Ping { id } => self.say(FromProxy::Pong { id }),
            FromClient::Pong { id: _ } => {}
            FromClient::Bye => self.phone_leaves(),
        }
    }

    fn phone_typed(&mut self, text: String, now: Moment) {
        if text.trim().is_empty() {
            return;
        }
        if self.passes() {
            self.send_text(text, now);
        } else if !self.early.keep_text(text) {
            let message = "Too much text before the call is ready: wait for ready.";
            self.fail(Trouble::new(Code::Limited, message));
        }
    }

    fn phone_mutes(&mut self, muted: bool) {
        self.muted = muted;
        if muted {
            self.phone_audio_ends();
        }
    }

    /// A hint, unless the service was told to leave it to the client where speech begins and ends.
    fn phone_marks(&mut self, speaking: bool) {
        if self.phone_hears_speech == speaking {
            return;
        }
        self.phone_hears_speech = speaking;
        if !self.client_marks_speech() {
            return;
        }
        if self.passes() {
            self.mark(speaking);
        } else {
            self.early.keep_mark(speaking);
        }
    }

    fn mark(&mut self, speaking: bool) {
        if self.is_marked != speaking {
            self.is_marked = speaking;
            self.send_service(service::activity(speaking));
        }
    }

    /// The phone cut a turn off by itself: nobody hears what still comes of it, whether the service stops or not.
    fn phone_silences(&mut self, epoch: u32) {
        if epoch > self.turns.newest() {
            return;
        }
        if epoch == self.turns.newest() {
            self.turns.silenced();
        }
        self.silence(epoch);
    }

    /// Whether what the phone says goes to the service at once: it listens, and nothing older waits.
    fn passes(&self) -> bool {
        self.phase == Phase::Talking && self.early.is_empty()
    }

    fn client_marks_speech(&self) -> bool {
        let listening = self.config.setup.realtime_input_config.as_ref();
        let detection = listening.and_then(|listening| listening.automatic_activity_detection.as_ref());
        detection.is_some_and(|detection| detection.disabled)
    }

    fn phone_audio_ends(&mut self) {
        if self.client_marks_speech() {
            self.phone_marks(false);
        } else if self.passes() {
            self.end_stream();
        } else {
            self.early.keep_end();
        }
    }

    fn phone_leaves(&mut self) {
        self.leave_service();
        self.say(FromProxy::Bye { reason: "You hung up.".into() });
        self.close_phone(1000, "");
    }

    fn phone_binary(&mut self, bytes: &Bytes, now: Moment) {
        self.sign_of_life(now);
        if matches!(self.phase, Phase::Fresh | Phase::Hello { .. }) {
            return self.out_of_order("The first message must be hello; audio may follow it at once.");
        }
        let most_bytes = self.config.max_frame_bytes as usize;
        if bytes.len() > most_bytes {
            return self.too_large(bytes.len(), most_bytes);
        }
        match AudioFrame::decode(bytes) {
            Ok(AudioFrame { kind: Kind::Microphone, payload, .. }) => self.phone_audio(payload),
            Ok(AudioFrame { kind: Kind::Model, .. }) => self.fail(Trouble::misunderstood(
                Code::BadMessage,
                "byte 0 of an audio frame from a client is 1 (microphone); found 2 (model)",
            )),
            Err(error) => self.fail(Trouble::misunderstood(Code::BadMessage, error)),
        }
    }

    fn phone_audio(&mut self, pcm: Bytes) {
        if self.muted || pcm.is_empty() {
            return;
        }
        if self.passes() {
            self.send_audio(pcm);
        } else {
            self.early.keep_audio(pcm);
        }
    }

    fn phone_closed(&mut self) {
        self.leave_service();
        self.phase = Phase::Over;
    }

    fn admission(&mut self, verdict: Result<(), Trouble>, now: Moment) {
        if !matches!(self.phase, Phase::Admitting { .. }) {
            return;
        }
        if let Err(trouble) = verdict {
            return self.fail(trouble);
        }
        self.phase = Phase::Opening { by: now + self.config.setup_deadline };
        self.has_service = true;
        self.queue.push_back(RelayOutput::OpenService);
    }

    // ---- The service.

    fn service_open(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Opening { .. }) {
            self.phase = Phase::SettingUp { by: now + self.config.setup_deadline };
            self.send_service(self.config.setup.clone().into());
        }
    }

    /// Takes a message of the service. It may hold any number of fields, and each is looked at.
    fn service(&mut self, message: &ServerMessage, now: Moment) {
        if message.setup_complete.is_some() && matches!(self.phase, Phase::SettingUp { .. }) {
            self.begin_to_talk(now);
        }
        if let (Phase::SettingUp { .. }, Some(error)) = (self.phase, &message.error) {
            return self.fail(verdict::judge_error(&error.message));
        }
        if self.phase != Phase::Talking {
            return;
        }
        if let Some(handle) = message.session_resumption_update.as_ref().and_then(|update| update.handle()) {
            self.handle = Some(handle.into());
        }
        if let Some(go_away) = &message.go_away {
            self.service_leaves_at = Some(now + go_away.time_left.unwrap_or_default());
        }
        if let Some(speaking) = service::speaking(message) {
            self.say(FromProxy::Activity { speaking });
        }
        if let Some(content) = &message.server_content {
            self.content(content, now);
        }
        self.tools(message);
    }

    /// The service listens, and is told what the phone said meanwhile.
    fn begin_to_talk(&mut self, now: Moment) {
        self.phase = Phase::Talking;
        let greets = self.greeting && !self.early.has_text();
        self.early.begin(now);
        self.catch_up(now);
        self.say(FromProxy::Ready(Ready {
            call: self.config.call.clone(),
            upstream: self.config.upstream,
            model: self.config.setup.model.clone(),
            rate_hz: MODEL_RATE_HZ,
            max_frame_bytes: self.config.max_frame_bytes,
        }));
        if let Some(greeting) = self.config.greeting.clone().filter(|_| greets) {
            self.send_text(greeting, now);
        }
    }

    /// Passes on what waits and may go.
    fn catch_up(&mut self, now: Moment) {
        while let Some(kept) = self.early.next(now) {
            match kept {
                Kept::Audio(pcm) => self.send_audio(pcm),
                Kept::End => self.end_stream(),
                Kept::Text(text) => self.send_text(text, now),
                Kept::Mark(speaking) => self.mark(speaking),
            }
        }
    }

    /// Takes what a message says of the conversation: first the end of what is stale, last the end of the turn.
    fn content(&mut self, content: &ServerContent, now: Moment) {
        if content.interrupted {
            let word = self.turns.interrupted(self.credit.is_unheard(), now);
            self.silence(self.turns.newest());
            self.queue.extend(word.map(RelayOutput::from));
        }
        if let Some(piece) = &content.input_transcription {
            self.user_spoke(piece, now);
        }
        // What an interrupted message still holds of the model's voice and words is of the turn that was cut.
        if !content.interrupted {
            let words = self.turns.transcript(&service::words(content), now);
            self.credit.keep(words);
            let words = self.turns.audio(&service::audio(content), now);
            self.credit.keep(words);
        }
        if content.generation_complete {
            let words = self.turns.generated();
            self.credit.keep(words);
        }
        if content.turn_complete {
            let reason = content.turn_complete_reason.as_ref().map(|reason| reason.as_str().into());
            let words = self.turns.complete(reason);
            self.credit.keep(words);
        }
        self.send_due(now);
        if content.turn_complete {
            let text = self.echo.forget();
            self.show_user(text, false);
        }
    }

    fn user_spoke(&mut self, piece: &Transcription, now: Moment) {
        let text = self.echo.hear(&piece.text, now);
        let done = piece.finished && (!text.is_empty() || piece.text.is_empty());
        self.show_user(text, done);
    }

    fn show_user(&mut self, text: String, done: bool) {
        if !text.is_empty() || done {
            self.say(FromProxy::UserTranscript { text, done });
        }
    }

    /// Brings every call of a message to an end: taken back if the service says so, refused for want of a tool else.
    fn tools(&mut self, message: &ServerMessage) {
        for call in message.tool_call.iter().flat_map(|calls| &calls.function_calls) {
            let call = Call { id: call.id.clone(), name: call.name.clone() };
            if self.ledger.open(call.clone()) {
                self.show_tool(call, ToolState::Called);
            }
        }
        for id in message.tool_call_cancellation.iter().flat_map(|cancelled| &cancelled.ids) {
            if let Some(call) = self.ledger.cancel(id) {
                self.show_tool(call, ToolState::Cancelled);
            }
        }
        let refused = self.ledger.take_open();
        if !refused.is_empty() {
            self.send_service(service::refusals(&refused));
        }
        for call in refused {
            self.show_tool(call, ToolState::Failed);
        }
    }

    fn show_tool(&mut self, call: Call, state: ToolState) {
        let (id, name) = (call.id.unwrap_or_default(), call.name);
        self.say(FromProxy::Tool { id, name, state, arguments: None });
    }

    // ---- Ends.

    fn service_closed(&mut self, code: u16, reason: &str) {
        self.has_service = false;
        if matches!(self.phase, Phase::Opening { .. } | Phase::SettingUp { .. } | Phase::Talking) {
            self.send_rest();
            self.fail(verdict::judge(code, reason));
        }
    }

    fn shut_down(&mut self) {
        let trouble = Trouble::new(Code::GoingAway, "The proxy is going down; the call is tried again.");
        self.leave_service();
        self.send_rest();
        self.fail(trouble.retry_after_ms(1_000));
    }

    fn out_of_order(&mut self, message: &str) {
        self.fail(Trouble::misunderstood(Code::OutOfOrder, message));
    }

    fn too_large(&mut self, found_bytes: usize, most_bytes: usize) {
        let message = format!("A frame holds at most {most_bytes} bytes here; found {found_bytes}.");
        self.fail(Trouble::new(Code::TooLarge, message));
    }

    /// Ends the call with trouble: the phone is told, and everything is closed.
    fn fail(&mut self, trouble: Trouble) {
        let (code, reason) = (trouble.code.close_code(), close_reason(&trouble.message));
        self.say(FromProxy::Error { error: trouble });
        self.close_service();
        self.close_phone(code, &reason);
    }

    /// Leaves nothing hanging: the user's turn is closed before the socket is.
    fn leave_service(&mut self) {
        self.end_stream();
        self.close_service();
    }

    fn close_service(&mut self) {
        if core::mem::take(&mut self.has_service) {
            self.queue.push_back(RelayOutput::CloseService);
        }
    }

    fn close_phone(&mut self, code: u16, reason: &str) {
        self.queue.push_back(RelayOutput::ClosePhone { code, reason: reason.into() });
        self.phase = Phase::Over;
    }

    // ---- Time.

    fn tick(&mut self, now: Moment) {
        if self.phase == Phase::Talking {
            self.send_due(now);
        }
        match self.phase {
            Phase::Hello { by } if now >= by => self.fail(Trouble::new(
                Code::HelloTimeout,
                "No hello came in time: it is the first message of every connection.",
            )),
            Phase::Admitting { by } if now >= by => {
                self.fail(Trouble::new(Code::Internal, "The proxy could not check this call in time."));
            }
            Phase::Opening { by } if now >= by => self.fail(verdict::never_opened()),
            Phase::SettingUp { by } if now >= by => self.fail(verdict::never_ready()),
            Phase::Talking => {
                self.catch_up(now);
                if now >= self.next_sign_at() {
                    self.ask_for_a_sign(now);
                }
            }
            Phase::Fresh
            | Phase::Hello { .. }
            | Phase::Admitting { .. }
            | Phase::Opening { .. }
            | Phase::SettingUp { .. }
            | Phase::Over => {}
        }
    }

    fn sign_of_life(&mut self, now: Moment) {
        self.quiet_since = now;
        self.pings = 0;
    }

    /// When the next ping is due, or the phone counts as gone.
    fn next_sign_at(&self) -> Moment {
        self.quiet_since + PHONE_QUIET + PONG_PATIENCE * self.pings
    }

    fn ask_for_a_sign(&mut self, now: Moment) {
        if self.pings >= MISSED_PINGS {
            self.leave_service();
            return self.close_phone(1001, "no sign of life");
        }
        // A process that slept asks once, not for all the pings that it missed.
        self.quiet_since = now - (PHONE_QUIET + PONG_PATIENCE * self.pings);
        self.pings += 1;
        self.ping_id += 1;
        self.say(FromProxy::Ping { id: self.ping_id });
    }

    fn wake_at(&self) -> Option<Moment> {
        match self.phase {
            Phase::Fresh | Phase::Over => None,
            Phase::Hello { by }
            | Phase::Admitting { by }
            | Phase::Opening { by }
            | Phase::SettingUp { by } => Some(by),
            Phase::Talking => [Some(self.next_sign_at()), self.credit.due_at(), self.early.due_at()]
                .into_iter()
                .flatten()
                .min(),
        }
    }

    // ---- Words.

    fn send_audio(&mut self, pcm: Bytes) {
        let samples = pcm.len() / 2;
        self.silence_owed = if pcm.iter().all(|byte| *byte == 0) {
            self.silence_owed.saturating_sub(samples)
        } else {
            self.turn_end_samples().min(self.silence_owed + samples * SILENCE_PER_SOUND)
        };
        self.is_streaming = true;
        self.queue.push_back(RelayOutput::Uplink { pcm, rate_hz: self.rate_hz });
    }

    /// The silence that ends a turn for certain.
    fn turn_end_samples(&self) -> usize {
        let silence = (self.config.silence_duration + SILENCE_MARGIN).min(LONGEST_SILENCE);
        silence.as_millis() as usize * self.rate_hz as usize / 1000
    }

    fn send_text(&mut self, text: String, now: Moment) {
        self.echo.expect(&text, now);
        self.send_service(service::text(text));
    }

    /// Closes the user's turn. The stream's end alone closes none on some models, so what silence is owed goes first;
    /// the service counts it in samples, not on a clock, and so it is sent at once.
    fn end_stream(&mut self) {
        self.mark(false);
        if self.client_marks_speech() || !core::mem::take(&mut self.is_streaming) {
            return;
        }
        let piece = Bytes::from(vec![0; self.rate_hz as usize / 10 * 2]);
        let mut left_bytes = core::mem::take(&mut self.silence_owed) * 2;
        while left_bytes > 0 {
            let pcm = piece.slice(..left_bytes.min(piece.len()));
            left_bytes -= pcm.len();
            self.queue.push_back(RelayOutput::Uplink { pcm, rate_hz: self.rate_hz });
        }
        self.send_service(service::stream_end());
    }

    fn send_service(&mut self, message: ClientMessage) {
        self.queue.push_back(RelayOutput::ToService(Box::new(message)));
    }

    fn say(&mut self, message: FromProxy) {
        self.queue.push_back(RelayOutput::ToPhone(message));
    }

    /// Sends of the turns what the phone has credit for.
    fn send_due(&mut self, now: Moment) {
        while let Some(word) = self.credit.release(now) {
            self.queue.push_back(word.into());
        }
    }

    /// Sends all that waits of the turns: nobody is there to send it later.
    fn send_rest(&mut self) {
        while let Some(word) = self.credit.take() {
            self.queue.push_back(word.into());
        }
    }

    /// Nobody hears any more of a turn and all older ones.
    fn silence(&mut self, epoch: u32) {
        let begun = self.credit.silence(epoch);
        self.queue.push_back(RelayOutput::DropAudio { epoch });
        self.queue.extend(begun.into_iter().map(RelayOutput::from));
    }
}

impl From<Word> for RelayOutput {
    fn from(word: Word) -> Self {
        match word {
            Word::Text(message) => Self::ToPhone(message),
            Word::Audio { frame, .. } => Self::ToPhoneAudio(frame),
        }
    }
}

/// As much of a sentence as a close frame holds.
fn close_reason(sentence: &str) -> String {
    let mut most = sentence.len().min(MOST_REASON_BYTES);
    while !sentence.is_char_boundary(most) {
        most -= 1;
    }
    sentence[..most].into()
}

/// RFC 6455 §5.5: a control frame holds 125 bytes, two of them the code.
const MOST_REASON_BYTES: usize = 123;
/// A ticket and some words; DESIGN.md §3.
const MOST_HELLO_BYTES: usize = 4 * 1024;
/// Beyond the service's own silence duration, so that its turn ends for certain (`gemini-live-protocol.md` §4.5).
const SILENCE_MARGIN: Duration = Duration::from_millis(300);
/// Longer than any silence that ends a turn.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// Sound is owed this many times its length in silence, up to what ends a turn: 50 ms, shorter than any word, are
/// owed all of it, and a crumb does not make the proxy send a second.
const SILENCE_PER_SOUND: usize = 20;
/// Twice what a client waits before it asks by itself.
const PHONE_QUIET: Duration = Duration::from_secs(30);
/// Longer than a phone takes from one network to the next.
const PONG_PATIENCE: Duration = Duration::from_secs(10);
/// Pings without any sign of life until a phone counts as gone.
const MISSED_PINGS: u32 = 2;
