//! One connection to the service follows the other, and the phone hears nothing of it.
//!
//! The service ends each after some minutes, and some end by themselves. The old one is closed before the next is
//! opened, for no session is taken up twice. What the phone says between them is held by `early`, and what the next one
//! has forgotten is said again before that.

use super::early::Kept;
use super::recap::Side;
use super::turns::{Fate, Word};
use super::upstream::Due;
use super::verdict::{self, End, Policy};
use super::watch::Cure;
use super::{Phase, Relay, RelayOutput};
use crate::Moment;
use core::time::Duration;
use vivavoce_gemini::{ServerContent, Setup};
use vivavoce_wire::message::FromProxy;
use vivavoce_wire::trouble::Code;

impl Relay {
    // ---- A connection begins.

    pub(super) fn open_service(&mut self, now: Moment) {
        if self.upstream.handle().is_none() {
            self.recap.brief();
        }
        self.upstream.open(now);
        self.queue.push_back(RelayOutput::OpenService);
    }

    pub(super) fn service_open(&mut self, now: Moment) {
        if self.upstream.opened(now) {
            self.queue.push_back(RelayOutput::ToService(Box::new(self.setup().into())));
        }
    }

    /// As the first one, but for what tells the service what was before.
    fn setup(&self) -> Setup {
        let mut setup = self.config.setup.clone();
        if let Some(handle) = self.upstream.handle() {
            setup.session_resumption.get_or_insert_default().handle = Some(handle.into());
        }
        self.recap.add_to(&mut setup);
        self.ledger.declare(&mut setup);
        setup
    }

    /// The service accepted the setup.
    pub(super) fn service_listens(&mut self, now: Moment) {
        if self.phase == Phase::Beginning {
            self.begin_to_talk(now);
        } else {
            self.go_on_talking(now);
        }
    }

    /// The first connection listens, and is told what the phone said meanwhile.
    fn begin_to_talk(&mut self, now: Moment) {
        self.phase = Phase::Talking;
        self.bounds.begin(now);
        let greets = self.greeting && !self.early.has_text();
        self.early.begin(now);
        self.catch_up(now);
        self.say_ready(self.next_of_the_phone());
        self.ledger.show_ends();
        self.carry_out();
        if let Some(greeting) = self.config.greeting.clone().filter(|_| greets) {
            self.deliver(self.number(), Kept::Text(greeting), now);
        }
    }

    /// Another connection listens: it is told what it has forgotten, and then what the phone said meanwhile.
    fn go_on_talking(&mut self, now: Moment) {
        let remembers = self.upstream.handle().is_some();
        let is_answered = self.is_answered();
        let mut again = if remembers { self.uplog.take(now) } else { self.uplog.take_unanswered(now) };
        if !self.sees_words() {
            again.wordless = 0;
        }
        if again.wordless < again.items.len() {
            self.uplog.hears_words(now);
        }
        let is_lost = if remembers { self.watch.is_younger() } else { self.turns.is_speaking() };
        let asks = again.wordless < again.items.len();
        let fate = match (is_lost, remembers && is_answered && asks) {
            (true, true) => Fate::Repeats,
            (true, false) => Fate::GivesWay,
            (false, _) => Fate::Over,
        };
        let words = self.turns.orphaned(fate);
        self.credit.keep(words);
        let before = again.before.unwrap_or(self.stream);
        if remembers {
            self.stream = before;
        } else {
            let (stream, is_marked) = before.afresh();
            self.stream = stream;
            if is_marked {
                let number = again.items.first().map_or_else(|| self.number(), |(number, _)| *number);
                again.items.insert(0, (number, Kept::Mark(true)));
                again.wordless = 0;
            }
        }
        self.expect_words(remembers, &again.items, now);
        self.watch.begins_anew(is_lost && !again.items.is_empty(), now);
        self.early.rewind(again.items, again.wordless);
        self.early.begin(now);
        self.send_due(now);
        self.catch_up(now);
    }

    /// Whether the phone has all of an answer, after which the person said nothing more.
    fn is_answered(&self) -> bool {
        self.turns.is_whole() && self.uplog.is_answered() && !self.phone_hears_speech
    }

    /// What is said again is written down again: it stands on the phone's screen already.
    fn expect_words(&mut self, remembers: bool, again: &[(u32, Kept)], now: Moment) {
        let since_handle = self.recap.take_since_handle();
        let words = if remembers { since_handle } else { self.recap.last_of_person().to_owned() };
        let sound = again.iter().map(|(_, kept)| match kept {
            Kept::Audio(pcm) => self.early.length(pcm),
            Kept::Text(_) | Kept::End | Kept::Mark(_) | Kept::Rate(_) => Duration::ZERO,
        });
        let sound: Duration = sound.sum();
        if !sound.is_zero() {
            self.echo.expect_until(&words, now, now + sound + TRANSCRIPTION);
        }
    }

    // ---- It goes on.

    /// The service gave a handle: what it had been sent when it did is safe. The handle was one way on its way, and what
    /// was sent a way before it left had not come.
    pub(super) fn checkpoint(&mut self, handle: &str, now: Moment) {
        self.upstream.keep_handle(handle);
        self.watch.is_safe();
        self.recap.handed_over();
        let speaks = self.phone_hears_speech || self.watch.hears_speech();
        let forgotten = self.uplog.cover(now - self.upstream.round_trip(), speaks);
        let next = forgotten.unwrap_or(self.passed);
        self.queue.push_back(RelayOutput::Checkpoint { handle: handle.into(), next });
    }

    /// Notes what a message means for whether the service still answers.
    pub(super) fn watch_content(&mut self, content: &ServerContent, now: Moment) {
        if content.turn_complete {
            self.watch.settled(content.interrupted || self.turns.is_cut(), now);
        }
        let words = content.input_transcription.as_ref().is_some_and(|piece| !piece.text.trim().is_empty());
        if content.interrupted && !content.turn_complete || words && self.turns.is_over() {
            self.watch.heard(now);
        }
        if words {
            self.uplog.hears_words(now);
        }
        if content.interrupted || content.generation_complete || content.turn_complete {
            self.uplog.answer_ends();
        }
    }

    /// Notes that the model begins an answer that the phone has.
    pub(super) fn repeats(&mut self, now: Moment) {
        self.uplog.answer_begins(now);
        self.watch.answers();
    }

    /// Whether there is a sign of it in time whenever somebody speaks.
    fn sees_words(&self) -> bool {
        self.config.setup.input_audio_transcription.is_some()
    }

    /// The service notices that somebody speaks, or no longer.
    pub(super) fn service_hears_speech(&mut self, speaking: bool, now: Moment) {
        self.bounds.somebody_speaks(now);
        self.watch.speech(speaking);
        self.uplog.hears_words(now);
        self.tell(FromProxy::Activity { speaking });
    }

    /// Notes that the model spoke.
    pub(super) fn note_answer(&mut self, words: &[Word], said: &str, now: Moment) {
        let Some(first) = words.first() else { return };
        if first.begins_a_turn() {
            self.uplog.answer_begins(now);
        }
        self.recap.note(Side::Model, said);
        self.watch.answers();
    }

    /// Does what is due of the connection.
    pub(super) fn look_at_the_service(&mut self, now: Moment) {
        match self.upstream.due(self.turns.is_speaking(), now) {
            Some(Due::Open) => self.open_service(now),
            Some(Due::NeverOpened) => self.service_never(verdict::never_opened(), now),
            Some(Due::NeverReady) => self.service_never(verdict::never_ready(), now),
            Some(Due::LeaveWhenQuiet) if !self.is_quiet() => {}
            Some(Due::LeaveWhenQuiet | Due::Leave) if self.moves => return self.let_go(),
            Some(Due::LeaveWhenQuiet | Due::Leave) => self.rotate(AGE, now),
            None => {}
        }
        if self.is_being_told() {
            self.watch.waits(now);
        } else if let Some(cure) = self.watch.look(self.upstream.handle().is_some(), now) {
            if cure == Cure::Fresh {
                self.upstream.drop_handle();
            }
            self.rotate(MUTE, now);
        }
    }

    /// When the session counts as mute.
    pub(super) fn mute_at(&self) -> Option<Moment> {
        self.watch.due_at().filter(|_| !self.is_being_told())
    }

    /// Whether the service has yet to hear all of what it is to answer.
    fn is_being_told(&self) -> bool {
        !self.passes() || self.phone_hears_speech || !self.ledger.is_empty()
    }

    /// Whether nobody would hear that another connection takes over, and nothing would have to be said again.
    fn is_quiet(&self) -> bool {
        let is_safe = self.upstream.handle().is_none() || !self.watch.is_younger();
        let is_silent = self.passes() && !self.phone_hears_speech && self.watch.is_quiet();
        is_silent && is_safe && self.turns.is_over() && self.ledger.is_empty()
    }

    // ---- It ends.

    /// Leaves the connection for the next one.
    fn rotate(&mut self, why: &'static str, now: Moment) {
        if self.moves {
            return self.let_go();
        }
        self.close_service();
        self.lets_go();
        if !self.upstream.move_on(now) {
            return self.gives_up(verdict::judge(1008, "The operation was aborted"));
        }
        self.queue.push_back(RelayOutput::Reconnects(why));
        if self.upstream.due(self.turns.is_speaking(), now).is_some() {
            self.open_service(now);
        }
    }

    pub(super) fn service_closed(&mut self, code: u16, reason: &str, now: Moment) {
        let was_setting_up = self.upstream.is_setting_up();
        if self.upstream.close() {
            self.service_lost(verdict::judge(code, reason), was_setting_up, now);
        }
    }

    /// The service says why it will not talk, in place of closing its socket with it.
    pub(super) fn service_refuses(&mut self, message: &str, now: Moment) {
        if self.upstream.is_setting_up() {
            self.close_service();
            self.service_lost(verdict::judge_error(message), true, now);
        }
    }

    /// The service did not do in time what it was to do.
    fn service_never(&mut self, end: End, now: Moment) {
        let was_setting_up = self.upstream.is_setting_up();
        self.close_service();
        self.service_lost(end, was_setting_up, now);
    }

    fn service_lost(&mut self, end: End, was_setting_up: bool, now: Moment) {
        self.lets_go();
        let goes_on = match self.policy(&end, was_setting_up) {
            Policy::NextModel => self.takes_the_next_model(now),
            Policy::GiveUp => false,
            // An earlier conversation may be to blame; where there is none, nobody fares better.
            Policy::Resume { .. } | Policy::Fresh { .. }
                if self.phase == Phase::Beginning && self.upstream.handle().is_none() =>
            {
                false
            }
            _ if self.moves => return self.let_go(),
            Policy::Resume { again } => self.tries_again(again, now),
            Policy::Fresh { again } => {
                self.upstream.drop_handle();
                self.tries_again(again, now)
            }
        };
        if goes_on {
            self.queue.push_back(RelayOutput::Reconnects(LOST));
        } else {
            self.gives_up(end);
        }
    }

    /// What to do about an end. Over a setup, the handle may be to blame, and without one nobody fares better.
    fn policy(&mut self, end: &End, was_setting_up: bool) -> Policy {
        let has_handle = self.upstream.handle().is_some();
        match end.policy {
            Policy::Resume { again } if was_setting_up && has_handle && self.upstream.blames_handle() => {
                Policy::Fresh { again }
            }
            Policy::GiveUp if was_setting_up && has_handle && end.trouble.code == Code::ServiceSetup => {
                Policy::Fresh { again: false }
            }
            Policy::Fresh { .. } if was_setting_up && !has_handle => Policy::GiveUp,
            policy => policy,
        }
    }

    fn tries_again(&mut self, again: bool, now: Moment) -> bool {
        if !again {
            self.uplog.clear();
        }
        self.upstream.try_again(now)
    }

    /// No handle of one model's opens a session of another's.
    fn takes_the_next_model(&mut self, now: Moment) -> bool {
        if self.config.other_models.is_empty() {
            return false;
        }
        self.config.setup.model = self.config.other_models.remove(0);
        self.upstream.drop_handle();
        self.upstream.move_on_at_once(now);
        true
    }

    /// What hung on the connection ends with it; what the phone says is held.
    fn lets_go(&mut self) {
        self.early.hold();
        if self.watch.hears_speech() {
            self.watch.speech(false);
            self.tell(FromProxy::Activity { speaking: false });
        }
        self.ledger.orphan();
        self.carry_out();
    }

    fn gives_up(&mut self, end: End) {
        self.send_rest();
        self.fail(end.trouble);
    }
}

const AGE: &str = "the service ends the connection soon";
const MUTE: &str = "the service hears but does not answer";
/// Why a connection followed another that nobody left.
pub const LOST: &str = "the connection was lost";

/// What was heard is written down within this.
const TRANSCRIPTION: Duration = Duration::from_secs(5);
