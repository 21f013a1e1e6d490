//! The proxy's half of a call.
//!
//! [`Relay`] decides; what it takes in and wants done is in `exchange`. Its organs towards the phone are `seat` (who is
//! there), `bounds` (how long the call may last), `told` (what they were told and may not have) and `credit` (how much they are
//! sent ahead of what they have heard); towards the service `upstream` (its connections), `early` (what was said while
//! none listened, and while that is caught up with), `stream` (the person's sound as it hears it), `uplog` (what it was
//! sent and may forget), `recap` (what was said, in words), `watch` (whether it answers), `ledger` (function calls, of the
//! functions that are in `tools`),
//! `echo` (what was typed is not heard) and `verdict` (what the end of its socket means); between both, `turns` (the
//! model's, as they are counted). In `rotation` one connection to the service follows the other.

mod bounds;
mod credit;
mod early;
mod echo;
mod exchange;
mod ledger;
mod recap;
mod rotation;
mod seat;
mod service;
mod spool;
mod stream;
mod told;
mod tools;
mod turns;
mod uplog;
mod upstream;
mod verdict;
mod watch;

use crate::Moment;
use crate::arrived::Arrived;
use crate::door::too_large;
use bounds::Bounds;
use bytes::Bytes;
use core::time::Duration;
use credit::Credit;
use early::{Early, Kept};
use echo::Echo;
use ledger::{Ledger, Wish};
use recap::{Recap, Side};
use seat::{Due, Seat};
use std::collections::VecDeque;
use stream::Stream;
use told::{Line, Told};
use turns::{Turns, Word};
use uplog::Uplog;
use upstream::Upstream;
use vivavoce_gemini::{ServerContent, ServerMessage, ToolResponse, Transcription};
use vivavoce_wire::MODEL_RATE_HZ;
use vivavoce_wire::audio::{AudioFrame, Kind};
use vivavoce_wire::message::{FromClient, FromProxy, Hello, Mode, Ready};
use vivavoce_wire::trouble::{Code, Trouble};
use watch::Watch;

pub use exchange::{Earlier, RelayConfig, RelayInput, RelayOutput};
pub use ledger::{Begun, Job, Shown, TOOL_MEMORY, ToolEnd, ToolOutcome};
pub use rotation::LOST;
pub use tools::{Tool, Tools, is_name};

/// The proxy's half of a call.
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
    queue: VecDeque<RelayOutput>,
    phase: Phase,
    seat: Seat,
    bounds: Bounds,
    taken: Arrived,
    told: Told,
    credit: Credit,
    turns: Turns,
    upstream: Upstream,
    early: Early,
    stream: Stream,
    uplog: Uplog,
    recap: Recap,
    watch: Watch,
    ledger: Ledger,
    echo: Echo,
    /// Whether the phone lets the model be nudged.
    greeting: bool,
    muted: bool,
    /// The number of the phone's first word that the service was not sent.
    passed: u32,
    /// What the phone's own ear, or the person's button, said last.
    phone_hears_speech: bool,
    /// When the person's sound last went on.
    sound_at: Moment,
    /// Whether another process is to go on with the call.
    moves: bool,
    /// Whether the phone that talks takes the call up again.
    resumes: bool,
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No phone yet.
    Fresh,
    /// The first connection to the service is on its way.
    Beginning,
    /// The phone was told that somebody listens, whatever connections come and go.
    Talking,
    Over,
}

impl Relay {
    /// A relay for one call.
    pub fn new(mut config: RelayConfig) -> Self {
        let earlier = config.earlier.take().unwrap_or_default();
        let keys = format!("{}-{:016x}", config.call, config.seed);
        Self {
            credit: Credit::new(config.most_ahead, config.most_kept),
            seat: Seat::new(config.grace),
            bounds: Bounds::new(config.longest, config.idle, earlier.lasted),
            upstream: Upstream::new(config.setup_deadline, config.seed, earlier.handle),
            watch: Watch::new(config.answer_deadline),
            queue: VecDeque::new(),
            phase: Phase::Fresh,
            taken: Arrived::from(earlier.next),
            told: Told::default(),
            turns: Turns::after(earlier.epoch),
            early: Early::default(),
            stream: Stream::default(),
            uplog: Uplog::default(),
            recap: Recap::default(),
            ledger: Ledger::new(core::mem::take(&mut config.tools), keys, earlier.begun, earlier.shown),
            echo: Echo::default(),
            greeting: false,
            muted: false,
            passed: earlier.next,
            phone_hears_speech: false,
            sound_at: Moment::ORIGIN,
            moves: false,
            resumes: false,
            config,
        }
    }

    /// Takes in one thing that happened at `now`.
    pub fn handle(&mut self, input: RelayInput, now: Moment) {
        match input {
            _ if self.phase == Phase::Over => return,
            RelayInput::PhoneEnters { hello, secret } => self.phone_enters(&hello, secret, now),
            RelayInput::PhoneText(text) => self.phone_text(&text, now),
            RelayInput::PhoneBinary(bytes) => self.phone_binary(bytes, now),
            RelayInput::PhoneAlive => self.seat.sign_of_life(now),
            RelayInput::PhoneClosed => self.phone_closed(now),
            RelayInput::PhoneFault(trouble) => self.phone_faults(trouble, now),
            RelayInput::ServiceOpen => self.service_open(now),
            RelayInput::Service(message) => self.service(&message, now),
            RelayInput::Voice(pcm) => self.voice(pcm, now),
            RelayInput::ServiceClosed { code, reason } => self.service_closed(code, &reason, now),
            RelayInput::CheckpointKept { next } => self.say_committed(next),
            RelayInput::ToolChecked { key, problem } => self.ledger.checked(&key, problem, now),
            RelayInput::ToolDone { key, outcome } => self.ledger.done(&key, outcome, now),
            RelayInput::Move { within } => self.move_away(within, now),
            RelayInput::Shutdown => self.shut_down(),
            RelayInput::Timeout => {}
        }
        self.tick(now);
        if self.phase == Phase::Over {
            self.ledger.hang_up();
            self.carry_out();
        }
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
        self.upstream.handle()
    }

    /// When the service will end its connection, if it said so.
    pub fn service_leaves_at(&self) -> Option<Moment> {
        self.upstream.leaves_at()
    }

    /// The model's turn that the phone plays or played last, and the 24 kHz samples of it that were heard.
    pub const fn heard(&self) -> (u32, u64) {
        self.credit.heard_position()
    }

    /// The model's newest turn; 0 before any.
    pub const fn newest_turn(&self) -> u32 {
        self.turns.newest()
    }

    /// Whether the phone is away and the call waits for it.
    pub const fn is_parked(&self) -> bool {
        self.seat.is_parked()
    }

    /// The model it talks with, as the service names it.
    pub fn model(&self) -> &str {
        &self.config.setup.model
    }

    /// Bytes that are kept of both sides' words; they are bounded by [`RelayConfig::most_kept`] and constants.
    pub fn kept_bytes(&self) -> usize {
        self.told.bytes()
            + self.credit.bytes()
            + self.early.bytes()
            + self.uplog.bytes()
            + self.ledger.bytes()
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

    fn phone_enters(&mut self, hello: &Hello, secret: Option<String>, now: Moment) {
        if self.seat.take(hello, secret, now) {
            let error = Trouble::new(
                Code::TakenOver,
                "This call goes on elsewhere: another connection took it over.",
            );
            self.close_phone(error.code.close_code(), &error.message.clone(), Some(error));
        }
        self.resumes = hello.resume.is_some();
        self.ledger.enters(hello);
        self.queue.push_back(RelayOutput::Seat);
        self.told.keep(self.seat.is_kept());
        if self.phase == Phase::Fresh {
            self.begin(hello, now);
        } else {
            self.go_on(hello, now);
        }
    }

    /// The first phone of a call.
    fn begin(&mut self, hello: &Hello, now: Moment) {
        self.greeting = hello.greeting;
        if let Some(resume) = &hello.resume {
            self.told.go_on(resume.next);
            self.ledger.take_over(resume.next, now);
        }
        self.early = Early::for_rate(hello.audio.rate_hz);
        self.tune(hello.audio.rate_hz);
        if hello.mode == Mode::PushToTalk {
            service::leave_turns_to_the_client(&mut self.config.setup);
        }
        self.phase = Phase::Beginning;
        self.open_service(now);
    }

    /// A phone takes the call up again: it is told what it missed, and how much of its own came.
    fn go_on(&mut self, hello: &Hello, now: Moment) {
        // Sound that waits for the service is said at the rate it was recorded at.
        if self.early.tune(self.number(), hello.audio.rate_hz) {
            self.tune(hello.audio.rate_hz);
        }
        self.told.received(hello.resume.as_ref().map_or(u32::MAX, |resume| resume.next));
        if self.phase == Phase::Talking {
            self.say_ready(self.next_of_the_phone());
        }
        let rest: Vec<_> = self.told.rest().collect();
        for (sequence, line) in rest {
            self.pass(sequence, line);
        }
        self.send_due(now);
    }

    fn phone_text(&mut self, text: &str, now: Moment) {
        self.seat.sign_of_life(now);
        let most_bytes = self.config.max_frame_bytes as usize;
        if text.len() > most_bytes {
            return self.fail(too_large(text.len(), most_bytes));
        }
        match FromClient::decode(text) {
            Ok(message) => self.phone_says(message, now),
            Err(error) => self.fail(Trouble::misunderstood(Code::BadMessage, error)),
        }
    }

    fn phone_says(&mut self, message: FromClient, now: Moment) {
        match message {
            FromClient::Hello(_) => {
                self.fail(Trouble::misunderstood(Code::OutOfOrder, "hello is said once on a connection."));
            }
            FromClient::Text { text } => {
                self.taken.count();
                self.phone_typed(text, now);
            }
            FromClient::Mute { muted } => {
                self.taken.count();
                self.phone_mutes(muted, now);
            }
            FromClient::Activity { speaking } => {
                self.taken.count();
                self.sound_at = now;
                self.phone_marks(speaking, now);
            }
            FromClient::AudioEnd => {
                self.taken.count();
                self.phone_audio_ends(now);
            }
            FromClient::Received { next } => self.phone_received(next),
            FromClient::Heard { epoch, samples, underruns, barge_in_ms } => {
                self.credit.heard(epoch, samples);
                self.phone_reports(underruns, barge_in_ms);
            }
            FromClient::Silenced { epoch } => self.phone_silences(epoch),
            FromClient::ToolResult { id, result, will_continue } => {
                self.taken.count();
                self.ledger.page_done(&id, &result, will_continue, now);
            }
            FromClient::ToolConfirm { id, confirmation, approved } => {
                self.taken.count();
                self.ledger.confirm(&id, &confirmation, approved, now);
            }
            FromClient::Ping { id } => self.say(FromProxy::Pong { id }),
            FromClient::Pong { id: _ } => {}
            FromClient::Bye => self.phone_leaves(),
        }
    }

    /// The phone has all that is numbered below `next`, and with it the secret that `ready` held.
    fn phone_received(&mut self, next: u32) {
        self.told.received(next);
        if self.seat.is_kept() {
            self.queue.push_back(RelayOutput::SecretKept);
        }
    }

    /// What the phone says of its sound is for the metrics alone, and nobody is to spoil those.
    fn phone_reports(&mut self, underruns: u32, barge_in_ms: u32) {
        let took = Duration::from_millis(barge_in_ms.into());
        let barge_in = (barge_in_ms > 0 && took <= LONGEST_BARGE_IN).then_some(took);
        let underruns = underruns.min(MOST_UNDERRUNS);
        if underruns > 0 || barge_in.is_some() {
            self.queue.push_back(RelayOutput::Reported { underruns, barge_in });
        }
    }

    /// The number from which on the phone is to say its words, if it has said some.
    fn next_of_the_phone(&self) -> Option<u32> {
        self.resumes.then(|| self.taken.next())
    }

    /// The number of what came last.
    const fn number(&self) -> u32 {
        self.taken.next().saturating_sub(1)
    }

    fn phone_typed(&mut self, text: String, now: Moment) {
        if text.trim().is_empty() {
            return;
        }
        self.bounds.somebody_speaks(now);
        self.recap.note(Side::Person, &text);
        self.turns.is_asked_anew();
        if self.passes() {
            self.deliver(self.number(), Kept::Text(text), now);
        } else if !self.early.keep_text(self.number(), text) {
            let message = "Too much text before the call is ready: wait for ready.";
            self.fail(Trouble::new(Code::Limited, message));
        }
    }

    fn phone_mutes(&mut self, muted: bool, now: Moment) {
        self.muted = muted;
        if muted {
            self.phone_audio_ends(now);
        }
    }

    /// A hint, unless the service was told to leave it to the client where speech begins and ends.
    fn phone_marks(&mut self, speaking: bool, now: Moment) {
        if self.phone_hears_speech == speaking {
            return;
        }
        self.phone_hears_speech = speaking;
        self.uplog.hears_words(now);
        self.bounds.somebody_speaks(now);
        if speaking {
            self.turns.is_asked_anew();
        }
        if !self.client_marks_speech() {
            return;
        }
        if self.passes() {
            self.deliver(self.number(), Kept::Mark(speaking), now);
        } else {
            self.early.keep_mark(self.number(), speaking);
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
        self.upstream.is_up() && self.early.is_empty()
    }

    fn client_marks_speech(&self) -> bool {
        let listening = self.config.setup.realtime_input_config.as_ref();
        let detection = listening.and_then(|listening| listening.automatic_activity_detection.as_ref());
        detection.is_some_and(|detection| detection.disabled)
    }

    fn phone_audio_ends(&mut self, now: Moment) {
        if self.client_marks_speech() {
            self.phone_marks(false, now);
        } else if self.passes() {
            self.deliver(self.number(), Kept::End, now);
        } else {
            self.early.keep_end(self.number());
        }
    }

    fn phone_leaves(&mut self) {
        self.leave_service();
        self.say(FromProxy::Bye { reason: "You hung up.".into() });
        self.end_phone(1000, "");
    }

    fn phone_binary(&mut self, bytes: Bytes, now: Moment) {
        self.seat.sign_of_life(now);
        let most_bytes = self.config.max_frame_bytes as usize;
        if bytes.len() > most_bytes {
            return self.fail(too_large(bytes.len(), most_bytes));
        }
        match AudioFrame::decode(bytes) {
            Ok(frame) if frame.kind == Kind::Microphone => {
                // Who never takes a call up again may number as they like.
                if self.taken.take(frame.sequence) || !self.seat.is_kept() {
                    self.phone_audio(frame.payload, now);
                }
            }
            Ok(_) => self.fail(Trouble::misunderstood(
                Code::BadMessage,
                "byte 0 of an audio frame from a client is 1 (microphone); found 2 (model)",
            )),
            Err(error) => self.fail(Trouble::misunderstood(Code::BadMessage, error)),
        }
    }

    fn phone_audio(&mut self, pcm: Bytes, now: Moment) {
        self.sound_at = now;
        if self.muted || pcm.is_empty() {
            return;
        }
        if self.passes() {
            self.deliver(self.number(), Kept::Audio(pcm), now);
        } else {
            self.early.keep_audio(self.number(), pcm);
        }
    }

    /// One that only was too slow may come back.
    fn phone_faults(&mut self, trouble: Trouble, now: Moment) {
        let may_come_back = trouble.code == Code::TooSlow;
        self.close_phone(trouble.code.close_code(), &trouble.message.clone(), Some(trouble));
        if may_come_back {
            return self.phone_closed(now);
        }
        self.leave_service();
        self.phase = Phase::Over;
    }

    /// Waits for a phone that can come back, and leaves with one that can't.
    fn phone_closed(&mut self, now: Moment) {
        // Who never heard that the call was ready has nothing to come back with, but for an earlier secret.
        if self.seat.is_kept() && (self.phase == Phase::Talking || self.resumes) {
            self.seat.leave(now);
        } else {
            self.leave_service();
            self.phase = Phase::Over;
        }
    }

    // ---- The service.

    /// Takes a message of the service. It may hold any number of fields, and each is looked at.
    fn service(&mut self, message: &ServerMessage, now: Moment) {
        if message.setup_complete.is_some() && self.upstream.set_up(now) {
            self.service_listens(now);
        }
        if let Some(error) = &message.error {
            self.service_refuses(&error.message, now);
        }
        if !self.upstream.is_up() {
            return;
        }
        if let Some(handle) = message.session_resumption_update.as_ref().and_then(|update| update.handle()) {
            self.checkpoint(handle, now);
        }
        if let Some(go_away) = &message.go_away {
            self.upstream.leaves_in(go_away.time_left.unwrap_or_default(), now);
        }
        if let Some(speaking) = service::speaking(message) {
            self.service_hears_speech(speaking, now);
        }
        if let Some(content) = &message.server_content {
            self.content(content, now);
        }
        self.tools(message, now);
    }

    /// The same for a message that holds nothing but a piece of the model's voice.
    fn voice(&mut self, pcm: Bytes, now: Moment) {
        if self.upstream.is_up() {
            self.model_spoke("", &mut [pcm], now);
            self.send_due(now);
        }
    }

    fn say_ready(&mut self, next: Option<u32>) {
        self.say(FromProxy::Ready(Ready {
            call: self.config.call.clone(),
            upstream: self.config.upstream,
            model: self.config.setup.model.clone(),
            rate_hz: MODEL_RATE_HZ,
            max_frame_bytes: self.config.max_frame_bytes,
            secret: self.seat.secret(),
            next,
        }));
    }

    /// Passes on what waits and may go.
    fn catch_up(&mut self, now: Moment) {
        while let Some((number, kept)) = self.early.next(now) {
            if !matches!(kept, Kept::End | Kept::Rate(_)) {
                self.passed = number.saturating_add(1);
            }
            self.deliver(number, kept, now);
        }
        if self.passes() {
            self.passed = self.taken.next();
        }
    }

    /// Sends the service what the phone said, and notes it: it may have to be said again.
    fn deliver(&mut self, number: u32, said: Kept, now: Moment) {
        self.uplog.note(number, &said, self.stream, now);
        match said {
            Kept::Audio(pcm) => self.stream.send(pcm, &mut self.queue),
            Kept::End => self.end_stream(),
            Kept::Text(text) => self.send_text(text, now),
            Kept::Mark(speaking) => self.stream.mark(speaking, &mut self.queue),
            Kept::Rate(rate_hz) => self.tune(rate_hz),
        }
    }

    /// The person's sound has this rate from here on.
    fn tune(&mut self, rate_hz: u32) {
        if self.stream.tune(rate_hz, self.config.silence_duration) {
            // What was said at another rate cannot be said again among what is said at this one.
            self.uplog.clear();
        }
    }

    /// Takes what a message says of the conversation: first the end of what is stale, last the end of the turn.
    fn content(&mut self, content: &ServerContent, now: Moment) {
        self.watch_content(content, now);
        if content.interrupted {
            self.cut_off(now);
        }
        if let Some(piece) = &content.input_transcription {
            self.user_spoke(piece, now);
        }
        // What an interrupted message still holds of the model's voice and words is of the turn that was cut.
        if !content.interrupted {
            self.model_spoke(&service::words(content), &mut service::audio(content), now);
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

    /// The model's newest turn, and all older ones, are not to be heard any further.
    fn cut_off(&mut self, now: Moment) {
        let word = self.turns.interrupted(self.credit.is_unheard(), now);
        self.silence(self.turns.newest());
        word.into_iter().for_each(|word| self.tell_word(word));
    }

    fn model_spoke(&mut self, said: &str, sound: &mut [Bytes], now: Moment) {
        if said.is_empty() && sound.iter().all(Bytes::is_empty) {
            return;
        }
        self.bounds.somebody_speaks(now);
        if self.turns.gives_way() {
            self.cut_off(now);
        }
        if self.turns.begins_to_repeat() {
            self.repeats(now);
        }
        let mut words = self.turns.transcript(said, now);
        words.extend(self.turns.audio(sound, now));
        self.note_answer(&words, said, now);
        self.credit.keep(words);
    }

    fn user_spoke(&mut self, piece: &Transcription, now: Moment) {
        self.bounds.somebody_speaks(now);
        let text = self.echo.hear(&piece.text, now);
        let done = piece.finished && (!text.is_empty() || piece.text.is_empty());
        self.show_user(text, done);
    }

    fn show_user(&mut self, text: String, done: bool) {
        if !text.trim().is_empty() {
            self.turns.is_asked_anew();
        }
        if !text.is_empty() || done {
            self.recap.note(Side::Person, &text);
            self.tell(FromProxy::UserTranscript { text, done });
        }
    }

    /// Notes the calls of a message, and takes back what it takes back, before anything is begun.
    fn tools(&mut self, message: &ServerMessage, now: Moment) {
        for call in message.tool_call.iter().flat_map(|calls| &calls.function_calls) {
            self.ledger.call(call);
        }
        for id in message.tool_call_cancellation.iter().flat_map(|cancelled| &cancelled.ids) {
            self.ledger.cancel(id);
        }
        self.ledger.settle(now);
        self.carry_out();
    }

    /// Does what the ledger wants.
    fn carry_out(&mut self) {
        let mut function_responses = Vec::new();
        while let Some(wish) = self.ledger.poll() {
            match wish {
                Wish::Check(job) => self.queue.push_back(RelayOutput::CheckTool(Box::new(job))),
                Wish::Run(job) => self.queue.push_back(RelayOutput::RunTool(Box::new(job))),
                Wish::Abort { key } => self.queue.push_back(RelayOutput::AbortTool { key }),
                Wish::Answer(answer) => function_responses.push(answer),
                Wish::Show(message) => self.tell(message),
                Wish::Ends { name, how } => self.queue.push_back(RelayOutput::ToolEnds { name, how }),
            }
        }
        if !function_responses.is_empty() {
            self.queue
                .push_back(RelayOutput::ToService(Box::new(ToolResponse { function_responses }.into())));
            self.watch.called();
        }
    }

    // ---- Ends.

    fn shut_down(&mut self) {
        let trouble = Trouble::new(Code::GoingAway, "The proxy is going down; the call is tried again.");
        self.leave_service();
        self.send_rest();
        self.fail(trouble.retry_after_ms(1_000));
    }

    /// Another process is to go on with the call, if one can: it needs a phone that comes to it.
    fn move_away(&mut self, within: Duration, now: Moment) {
        if !self.seat.is_kept() {
            return self.shut_down();
        }
        self.moves = true;
        self.upstream.leaves_by(now + within);
        if self.phase != Phase::Talking || !self.upstream.is_up() {
            self.let_go();
        }
    }

    /// Leaves the call to whoever the phone comes to next.
    fn let_go(&mut self) {
        self.close_service();
        self.send_rest();
        self.queue.push_back(RelayOutput::LetGo);
        self.fail(Trouble::new(Code::GoingAway, "Another proxy goes on with this call."));
    }

    /// Ends the call with trouble: the phone is told, and everything is closed.
    fn fail(&mut self, trouble: Trouble) {
        self.close_service();
        self.close_phone(trouble.code.close_code(), &trouble.message.clone(), Some(trouble));
        self.phase = Phase::Over;
    }

    /// Leaves nothing hanging: the user's turn is closed before the socket is.
    fn leave_service(&mut self) {
        if self.upstream.is_up() {
            self.end_stream();
        }
        self.close_service();
    }

    fn close_service(&mut self) {
        if self.upstream.close() {
            self.queue.push_back(RelayOutput::CloseService);
        }
    }

    /// Says why, if there is trouble, and hangs up on the phone.
    fn close_phone(&mut self, code: u16, reason: &str, trouble: Option<Trouble>) {
        if let Some(error) = trouble {
            self.say(FromProxy::Error { error });
        }
        if self.seat.is_taken() {
            self.queue.push_back(RelayOutput::ClosePhone { code, reason: close_reason(reason) });
        }
    }

    fn end_phone(&mut self, code: u16, reason: &str) {
        self.close_phone(code, reason, None);
        self.phase = Phase::Over;
    }

    // ---- Time.

    fn tick(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Beginning | Phase::Talking) {
            self.ledger.tick(now);
            self.carry_out();
            self.look_at_the_service(now);
        }
        if self.phase != Phase::Talking {
            return;
        }
        self.send_due(now);
        self.catch_up(now);
        if self.stands_still_at().is_some_and(|at| now >= at) {
            // It is none of the phone's words: the last of those may be safe before it.
            self.deliver(self.taken.next(), Kept::End, now);
        }
        if let Some(next) = self.taken.report(now).filter(|_| self.seat.is_kept()) {
            self.say(FromProxy::Received { next });
        }
        self.look_at_the_seat(now);
        self.look_at_the_bounds(now);
    }

    /// Ends a call that lasted for as long as one may.
    fn look_at_the_bounds(&mut self, now: Moment) {
        if self.phase == Phase::Talking
            && let Some(trouble) = self.bounds.look(now)
        {
            self.leave_service();
            self.send_rest();
            self.fail(trouble);
        }
    }

    /// When a turn of the person's has stood still for too long.
    fn stands_still_at(&self) -> Option<Moment> {
        let is_open = self.stream.is_open() && self.passes() && self.seat.is_kept();
        is_open.then(|| self.sound_at + self.config.hold)
    }

    fn look_at_the_seat(&mut self, now: Moment) {
        match self.seat.look(now) {
            Some(Due::Ping(id)) => self.say(FromProxy::Ping { id }),
            Some(Due::Lost) => {
                self.close_phone(1001, "no sign of life", None);
                self.phone_closed(now);
            }
            Some(Due::Over) => {
                self.leave_service();
                self.phase = Phase::Over;
            }
            None => {}
        }
    }

    fn wake_at(&self) -> Option<Moment> {
        match self.phase {
            Phase::Fresh | Phase::Over => None,
            Phase::Beginning => self.upstream.due_at(self.turns.is_speaking()),
            Phase::Talking => {
                let credit = self.credit.due_at().filter(|_| self.seat.is_taken());
                let report = self.taken.due_at().filter(|_| self.seat.is_kept());
                let due = [
                    self.upstream.due_at(self.turns.is_speaking()),
                    self.early.due_at(),
                    self.mute_at(),
                    self.seat.due_at(),
                    credit,
                    self.stands_still_at(),
                    report,
                    self.bounds.due_at(),
                    self.ledger.due_at(),
                ];
                due.into_iter().fold(None, sooner)
            }
        }
    }

    // ---- Words.

    fn send_text(&mut self, text: String, now: Moment) {
        self.echo.expect(&text, now);
        self.watch.asked();
        self.queue.push_back(service::text(text).into());
    }

    /// Closes the person's turn.
    fn end_stream(&mut self) {
        let client_marks_speech = self.client_marks_speech();
        self.stream.end(client_marks_speech, &mut self.queue);
    }

    fn say_committed(&mut self, next: u32) {
        if self.seat.is_kept() {
            self.say(FromProxy::Committed { next });
        }
    }

    /// Says something that concerns this connection only.
    fn say(&mut self, message: FromProxy) {
        if self.seat.is_taken() {
            self.queue.push_back(RelayOutput::ToPhone { message, sequence: None });
        }
    }

    /// Tells the phone, or the one that comes next.
    fn tell(&mut self, message: FromProxy) {
        self.tell_word(Word::Text(message));
    }

    fn tell_word(&mut self, word: Word) {
        let (sequence, line) = self.told.tell(word);
        if self.seat.is_taken() {
            self.pass(sequence, line);
        }
    }

    fn pass(&mut self, sequence: u32, line: Line) {
        let sequence = Some(sequence).filter(|_| self.seat.is_kept());
        self.queue.push_back(match line {
            Line::Text(message) => RelayOutput::ToPhone { message, sequence },
            Line::Audio(frame) => RelayOutput::ToPhoneAudio(frame),
        });
    }

    /// Sends of the turns what the phone has credit for.
    fn send_due(&mut self, now: Moment) {
        while self.seat.is_taken()
            && let Some(word) = self.credit.release(now)
        {
            self.tell_word(word);
        }
    }

    /// Sends all that waits of the turns: nobody is there to send it later.
    fn send_rest(&mut self) {
        while let Some(word) = self.credit.take() {
            self.tell_word(word);
        }
    }

    /// Nobody hears any more of a turn and all older ones.
    fn silence(&mut self, epoch: u32) {
        let begun = self.credit.silence(epoch);
        self.told.silence(epoch);
        self.queue.push_back(RelayOutput::DropAudio { epoch });
        begun.into_iter().for_each(|word| self.tell_word(word));
    }
}

/// The first of two moments, of which there may be one or none.
fn sooner(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (Some(only), None) | (None, Some(only)) => Some(only),
        (None, None) => None,
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

/// More than a player can run dry between two of its reports.
const MOST_UNDERRUNS: u32 = 100;

/// Whoever speaks for longer before the model falls silent does not interrupt it.
const LONGEST_BARGE_IN: Duration = Duration::from_secs(10);
