//! One call: the relay decides, this carries out.
//!
//! - here: what happens, and who is asked for it;
//! - `orders`: what the relay wants done.

mod orders;

use crate::ahead::Turn;
use crate::alarm::Alarm;
use crate::awaited::Awaited;
use crate::bells::{Asked, Bells, List};
use crate::budget::Budget;
use crate::calls::Entrance;
use crate::depth;
use crate::entry::{Entry, Keeper, Report, Reports};
use crate::house::{House, going_down};
use crate::meter::Meter;
use crate::metrics::Counted;
use crate::phone::{Heard, Phone};
use crate::rules::Rules;
use crate::service::Service;
use crate::tools::{Errands, Visitor};
use crate::uplink::Uplink;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout};
use vivavoce_session::{Moment, Relay, RelayConfig, RelayInput};
use vivavoce_wire::{Code, Trouble};

/// Everything that one call holds of the world.
pub(crate) struct Call {
    id: String,
    house: Arc<House>,
    rules: Arc<Rules>,
    relay: Relay,
    /// The phone that talks, if one does.
    phone: Option<Phone>,
    /// One that was let in and has yet to be seated.
    entering: Option<Phone>,
    /// What opens the call to the next phone.
    secret: Option<String>,
    /// What outlives this process, and what comes of keeping it.
    entry: Arc<Entry>,
    reports: Reports,
    /// Where the next phones come from.
    phones: mpsc::Receiver<Box<Entrance>>,
    shutdown: watch::Receiver<bool>,
    /// Ready when the process goes down.
    down: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether the relay knows that the process goes down.
    going_down: bool,
    service: Option<Service>,
    /// A connection to the service that is still saying goodbye.
    former: Option<JoinHandle<()>>,
    uplink: Uplink,
    /// What the phone may send.
    meter: Meter,
    /// Its turn, while the phone sends more than a voice.
    turn: Option<Turn>,
    /// What is being done for the model.
    errands: Errands,
    counted: Counted,
    /// Since when the model's answer is waited for.
    awaited: Awaited,
    /// The time when it was looked at last: when something rang, or had been carried out.
    clock: Instant,
    /// Whether sound went from one socket to the other since something was last waited for.
    has_relayed: bool,
    /// Their account, if it is bounded.
    budget: Option<Arc<Budget>>,
    /// Until when this call's time is on it.
    paid_until: Instant,
    began: Instant,
    /// Whether a phone was told that somebody listens, and whether it was told of trouble that is worth another try.
    was_up: bool,
    is_excused: bool,
    alarm: Alarm,
    /// Who is to be asked what has happened.
    list: List,
    /// How the sockets were asked: whether the phone, and the service, may be read.
    manner: (bool, bool),
}

/// What a call is led by, to its end.
pub(crate) struct Terms {
    pub(crate) rules: Arc<Rules>,
    pub(crate) relay: RelayConfig,
    /// The user's account, if it is bounded.
    pub(crate) budget: Option<Arc<Budget>>,
}

impl Call {
    /// The call of a visitor, to which `phones` come.
    pub(crate) fn new(
        visitor: Visitor,
        house: Arc<House>,
        terms: Terms,
        entry: Arc<Entry>,
        reports: Reports,
        phones: mpsc::Receiver<Box<Entrance>>,
    ) -> Self {
        let Terms { rules, relay, budget } = terms;
        let relay = Relay::new(relay);
        let shutdown = house.shutdown.subscribe();
        let counted = house.metrics.count();
        let meter = Meter::new(rules.limits().frames_per_s, rules.limits().bytes_per_s);
        let id = visitor.call.clone();
        let errands = {
            let (toolbox, store) = (Arc::clone(&rules.toolbox), Arc::clone(&house.store));
            Errands::new(toolbox, visitor, store, shutdown.clone())
        };
        Self {
            id,
            house,
            rules,
            relay,
            phone: None,
            entering: None,
            secret: None,
            entry,
            reports,
            phones,
            down: Box::pin(down(shutdown.clone())),
            shutdown,
            going_down: false,
            service: None,
            former: None,
            uplink: Uplink::new(),
            meter,
            turn: None,
            errands,
            counted,
            awaited: Awaited::default(),
            clock: Instant::now(),
            has_relayed: false,
            budget,
            paid_until: Instant::now(),
            began: Instant::now(),
            was_up: false,
            is_excused: false,
            alarm: Alarm::default(),
            list: List::new(),
            manner: (false, false),
        }
    }

    /// Runs the call to its end, on the thread of its desk; says whether that came before anybody listened, and is worth another try.
    pub(crate) async fn run(mut self: Box<Self>, first: Box<Entrance>) -> bool {
        // Here, for what it writes down is told to this thread.
        let keeper = Keeper::of(Arc::clone(&self.entry), self.budget.clone());
        let mut bells = Bells::new();
        let mut input = self.enters(first);
        loop {
            let (is_sound, turn) = (Self::is_sound(&input), self.relay.newest_turn());
            self.has_relayed = false;
            self.handle(input);
            let wake = self.drain().await;
            self.entry.note_turn(self.relay.newest_turn());
            self.pay();
            self.measure(is_sound, turn);
            if self.relay.is_over() {
                break;
            }
            input = self.wait(wake, &mut bells).await;
        }
        // Others of its thread wait for that, and not for a registry.
        self.turn = None;
        tracing::info!(seconds = self.began.elapsed().as_secs(), "call over");
        self.house.calls.end(&self.id);
        self.hang_up();
        self.part();
        drop(keeper);
        if let Some(budget) = &self.budget {
            // A registry that is away is no reason to hold a call that is over.
            let _ = timeout(LAST_BILL, budget.settle(SystemTime::now())).await;
        }
        self.entry.end().await;
        self.is_excused && !self.was_up
    }

    fn handle(&mut self, input: RelayInput) {
        let (spoke, turn) = (self.relay.phone_hears_speech(), self.relay.newest_turn());
        self.relay.handle(input, self.moment());
        match (spoke, self.relay.phone_hears_speech()) {
            (true, false) => self.awaited.speech_ends(turn),
            (false, true) => self.awaited.speech_begins(),
            (true, true) | (false, false) => {}
        }
    }

    /// Whether this is sound, or may hold some.
    fn is_sound(input: &RelayInput) -> bool {
        match input {
            RelayInput::PhoneBinary(_) | RelayInput::Voice(_) => true,
            RelayInput::Service(message) => message.server_content.is_some(),
            _ => false,
        }
    }

    /// Tells operators how it does; `turn` was the model's newest before.
    fn measure(&mut self, was_sound: bool, turn: u32) {
        if self.relay.newest_turn() != turn {
            self.house.metrics.turns.inc_by(self.relay.newest_turn().saturating_sub(turn).into());
        }
        let was_relayed = was_sound && core::mem::take(&mut self.has_relayed);
        let began = core::mem::replace(&mut self.clock, Instant::now());
        if was_relayed && !self.counted.relayed(self.clock - began) {
            return;
        }
        self.counted.park(self.relay.is_parked().then(|| self.relay.kept_bytes()));
        let phone = self.phone.as_ref().map_or(0, Phone::unsent_bytes);
        self.counted.wait(phone, self.service.as_ref().map_or(0, Service::unsent_frames));
        self.count_bytes();
        self.counted.count_traffic();
    }

    fn count_bytes(&mut self) {
        let traffic = self.counted.traffic();
        if let Some(phone) = &mut self.phone {
            traffic.to_phone += phone.take_written();
        }
        if let Some(service) = &mut self.service {
            let (read, written) = service.take_traffic();
            traffic.from_service += read;
            traffic.to_service += written;
        }
    }

    /// Waits for the next thing to happen.
    async fn wait(&mut self, wake: Option<Moment>, bells: &mut Bells) -> RelayInput {
        let wake_at = wake.map(|wake| self.began + wake.since_origin());
        // A phone that talks faster than the service listens is left to wait: its own network slows it down.
        let may_read = self.service.as_ref().is_none_or(Service::has_room);
        // And a service that is too far ahead of the ear: its own network slows that down.
        let may_listen = self.relay.wants_service();
        let manner = (may_read, may_listen);
        if core::mem::replace(&mut self.manner, manner) != manner || self.has_unsent() {
            self.ask_sockets();
        }
        let mut was_asleep = self.let_others_go_first().await;
        poll_fn(|context| {
            if core::mem::replace(&mut was_asleep, true) {
                self.clock = Instant::now();
            }
            bells.answer(context, &mut self.list);
            self.poll_next(bells, wake_at)
        })
        .await
    }

    /// Waits for others after so much happened without a pause, and for a turn where the phone sends more than a voice; whether it did.
    async fn let_others_go_first(&mut self) -> bool {
        let had_its_turn = self.list.had_its_turn();
        if !self.meter.is_ahead(self.moment()) {
            self.turn = None;
            if had_its_turn {
                yield_now().await;
            }
            return had_its_turn;
        }
        let waits = had_its_turn || self.turn.is_none();
        if waits {
            self.turn = Some(Turn::go_on(self.turn.take()).await);
        }
        waits
    }

    /// The next thing that happened: whoever rang is asked until they have nothing more.
    fn poll_next(&mut self, bells: &Bells, wake_at: Option<Instant>) -> Poll<RelayInput> {
        let (may_read, may_listen) = self.manner;
        loop {
            let Some(asked) = self.list.next() else {
                if self.wake_at(wake_at).is_some_and(|by| self.alarm.is_late_for(by)) {
                    self.list.add(Asked::Clock);
                    continue;
                }
                self.turn = None;
                return Poll::Pending;
            };
            let context = &mut Context::from_waker(bells.waker(asked));
            let input = match asked {
                Asked::Phone => {
                    let clock = self.clock;
                    poll(&mut self.phone, |phone| phone.poll_next(context, may_read, clock))
                        .map(|heard| self.heard(heard))
                }
                Asked::Service => poll(&mut self.service, |service| service.poll_next(context, may_listen))
                    .map(|input| self.reported(input)),
                Asked::Door => some(self.phones.poll_recv(context)).map(|entrance| self.enters(entrance)),
                Asked::Errands => self
                    .errands
                    .poll_next(context)
                    .map(|(key, outcome)| RelayInput::ToolDone { key, outcome }),
                Asked::Registry => some(self.reports.poll_recv(context)).map(|report| match report {
                    Report::CheckpointKept { next } => RelayInput::CheckpointKept { next },
                    Report::UsedUp(trouble) => RelayInput::PhoneFault(*trouble),
                    Report::Lost => {
                        tracing::warn!(
                            "another proxy took the call while this one could not say that it lives"
                        );
                        RelayInput::Shutdown
                    }
                }),
                Asked::House if self.going_down => Poll::Pending,
                Asked::House => self.down.as_mut().poll(context).map(|()| {
                    self.going_down = true;
                    self.leaves()
                }),
                Asked::Clock => self.poll_clock(context, wake_at).map(|()| {
                    self.ask_sockets();
                    RelayInput::Timeout
                }),
            };
            if input.is_ready() {
                self.list.happened();
                return input;
            }
        }
    }

    /// The sockets may have something to do although they did not ring.
    const fn ask_sockets(&mut self) {
        self.list.add(Asked::Phone);
        self.list.add(Asked::Service);
    }

    /// Ready at `wake_at`, or when one of the sockets wants to be asked although nothing comes.
    fn poll_clock(&mut self, context: &mut Context<'_>, wake_at: Option<Instant>) -> Poll<()> {
        self.wake_at(wake_at).map_or(Poll::Pending, |by| self.alarm.poll_by(context, by))
    }

    fn wake_at(&self, wake_at: Option<Instant>) -> Option<Instant> {
        let phone = self.phone.as_ref().map(Phone::wake_at);
        let service = self.service.as_ref().and_then(Service::wake_at);
        [wake_at, phone, service].into_iter().flatten().min()
    }

    /// Whether a socket has not taken all: it says when it can.
    fn has_unsent(&self) -> bool {
        self.phone.as_ref().is_some_and(Phone::has_unsent)
            || self.service.as_ref().is_some_and(Service::has_unsent)
    }

    fn enters(&mut self, entrance: Box<Entrance>) -> RelayInput {
        let Entrance { phone, hello, secret, is_elsewhere } = *entrance;
        if hello.resume.is_some() {
            tracing::info!("the call is taken up again");
        }
        match phone.come_here() {
            Ok(phone) => self.entering = Some(phone),
            // The relay finds out as of any phone that is gone.
            Err(error) => tracing::warn!(%error, "lost a phone on its way into its call"),
        }
        self.secret.clone_from(&secret);
        if is_elsewhere {
            self.inform(RelayInput::PhoneEnters { hello, secret });
            return RelayInput::Move { within: LONGEST_DETOUR };
        }
        RelayInput::PhoneEnters { hello, secret }
    }

    /// The process goes down: another one is to go on with the call, if there can be one that knows of it.
    fn leaves(&self) -> RelayInput {
        if self.house.store.is_shared() {
            return RelayInput::Move { within: self.rules.limits().drain };
        }
        RelayInput::Shutdown
    }

    fn heard(&mut self, heard: Heard) -> RelayInput {
        let bytes = match &heard {
            Heard::Text(text) => text.len(),
            Heard::Binary(bytes) => bytes.len(),
            Heard::Alive | Heard::Fault(_) | Heard::Gone => 0,
        };
        self.counted.traffic().from_phone += bytes as u64;
        let is_sound = matches!(heard, Heard::Binary(_));
        if !self.meter.take(bytes, is_sound, self.moment()) {
            let sentence = "More came from this phone than a voice is: it must send slower.";
            return RelayInput::PhoneFault(Trouble::new(Code::Limited, sentence));
        }
        match heard {
            Heard::Text(text) => match depth::objection(text.as_bytes(), self.rules.limits().json_depth) {
                Some(trouble) => RelayInput::PhoneFault(trouble),
                None => RelayInput::PhoneText(text),
            },
            Heard::Binary(bytes) => RelayInput::PhoneBinary(bytes),
            Heard::Alive => RelayInput::PhoneAlive,
            Heard::Fault(trouble) => RelayInput::PhoneFault(trouble),
            Heard::Gone => {
                self.part();
                RelayInput::PhoneClosed
            }
        }
    }

    /// Notes the end of the service's socket on its way to the relay.
    fn reported(&mut self, input: RelayInput) -> RelayInput {
        if let Some(budget) = &self.budget {
            budget.hears(&input, &self.rules.config.prices);
        }
        if let RelayInput::ServiceClosed { code, .. } = &input {
            // Its words may hold anything; what they mean is said when the phone is told.
            tracing::info!(code, "the service's socket closed");
            self.hang_up();
        }
        input
    }

    /// Puts the time since it was asked last on the user's account.
    fn pay(&mut self) {
        if let Some(budget) = &self.budget {
            let now = Instant::now();
            budget.lasts(now - core::mem::replace(&mut self.paid_until, now));
        }
    }

    /// Tells the relay what came of something that it wants done.
    fn inform(&mut self, input: RelayInput) {
        self.clock = Instant::now();
        self.relay.handle(input, self.moment());
    }

    /// The time that it was when it was looked at last.
    fn moment(&self) -> Moment {
        Moment::after_origin(self.clock - self.began)
    }
}

/// A name for a call: hardly ever given twice, and of no use to anybody who learns it.
pub(crate) fn call_id() -> String {
    format!("{:012x}", RandomState::new().build_hasher().finish() >> 16)
}

/// How long the end of a call waits until what it used is written down.
const LAST_BILL: Duration = Duration::from_secs(1);

/// As long as a call may go through two proxies before it moves, quiet or not.
const LONGEST_DETOUR: Duration = Duration::from_secs(60);

async fn down(mut shutdown: watch::Receiver<bool>) {
    going_down(&mut shutdown).await;
}

/// Asks what may be there.
fn poll<T, R>(one: &mut Option<T>, how: impl FnOnce(&mut T) -> Poll<R>) -> Poll<R> {
    one.as_mut().map_or(Poll::Pending, how)
}

/// Nothing comes out of what is closed.
fn some<T>(came: Poll<Option<T>>) -> Poll<T> {
    match came {
        Poll::Ready(Some(came)) => Poll::Ready(came),
        Poll::Ready(None) | Poll::Pending => Poll::Pending,
    }
}
