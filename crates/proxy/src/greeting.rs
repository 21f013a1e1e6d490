//! The way of a phone from its socket into a call.

use crate::admission::ticket::Ticket;
use crate::admission::{Caller, Pass, Refusal, User, now};
use crate::budget::Budget;
use crate::call::{Call, Terms, call_id};
use crate::calls::{Entrance, Place};
use crate::depth;
use crate::entry::{Entry, enter as take_place, hash, opens};
use crate::house::{House, going_down};
use crate::node::pass_on;
use crate::phone::{Heard, Phone};
use crate::rules::Rules;
use crate::store::{Away, Checkpoint, Record, Store, spend};
use crate::tools::Visitor;
use crate::tools::notes::{Written, written};
use core::future::pending;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;
use vivavoce_session::{Door, DoorInput, DoorOutput, Earlier, Moment, RelayConfig};
use vivavoce_wire::message::{Hello, Resume};
use vivavoce_wire::{Code, Trouble};

/// Takes a phone that has just connected into a new call, or into the one that it takes up again.
pub(crate) async fn receive(house: Arc<House>, caller: Caller, mut phone: Phone) {
    let admit = |hello: &Hello| house.rules().admission.admit(hello, &caller, now());
    let mut shutdown = house.shutdown.subscribe();
    match greet(&house, admit, &mut phone, going_down(&mut shutdown)).await {
        Greeted::Enters(hello, pass) if hello.resume.is_some() => take_up(house, phone, hello, pass).await,
        Greeted::Enters(hello, pass) => begin(house, phone, hello, pass).await,
        Greeted::SentAway(why) => send_away(&house, phone, why).await,
        Greeted::Gone => phone.close().await,
    }
}

/// Takes a phone that came to another process into its call here, which is to move there.
pub(crate) async fn receive_from_elsewhere(house: Arc<House>, mut phone: Phone) {
    // Who that is was judged there; and calls that are still here when the process goes down are to be reached.
    let greeted = greet(&house, |_| Ok(Pass::Secret), &mut phone, pending()).await;
    let Greeted::Enters(hello, _) = greeted else { return phone.close().await };
    match hello.resume.as_ref().and_then(|resume| house.calls.find(resume)) {
        Some(place) => enter(&house, &place, phone, hello, true).await,
        None => send_away(&house, phone, no_such_call()).await,
    }
}

/// Why somebody is sent away.
pub(crate) struct SendOff {
    /// By which it is counted.
    reason: &'static str,
    trouble: Trouble,
}

impl From<Refusal> for SendOff {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.reason(), trouble: refusal.trouble() }
    }
}

impl From<Trouble> for SendOff {
    fn from(trouble: Trouble) -> Self {
        Self { reason: trouble.code.name(), trouble }
    }
}

/// Counts what went wrong, says it and hangs up.
pub(crate) async fn send_away(house: &House, mut phone: Phone, why: impl Into<SendOff>) {
    let SendOff { reason, trouble } = why.into();
    house.metrics.refuse(reason);
    tracing::info!(reason, "sent a caller away");
    phone.send_trouble(trouble);
    phone.close().await;
}

/// What became of a phone at the door.
enum Greeted {
    Enters(Box<Hello>, Pass),
    SentAway(SendOff),
    Gone,
}

/// Hears a phone's hello, unless the house `closes` before.
async fn greet(
    house: &House,
    admit: impl Fn(&Hello) -> Result<Pass, Refusal>,
    phone: &mut Phone,
    closes: impl Future<Output = ()>,
) -> Greeted {
    let (most, deadline, most_deep) = {
        let rules = house.rules();
        (rules.limits().unintroduced, rules.limits().hello_deadline, rules.limits().json_depth)
    };
    let Some(_place) = house.hall.take(most) else {
        return Greeted::SentAway(busy().into());
    };
    let mut closes = pin!(closes);
    let (mut pass, mut refusal) = (Pass::Secret, None);
    let began = Instant::now();
    let now = || Moment::after_origin(began.elapsed());
    let mut door = Door::new(deadline, now());
    loop {
        let input = match door.poll() {
            DoorOutput::Admit(hello) => {
                tracing::info!(client = hello.client.as_deref(), "hello");
                DoorInput::Verdict(match admit(&hello) {
                    Ok(shown) => {
                        pass = shown;
                        Ok(())
                    }
                    Err(why) => Err(refusal.insert(why).trouble()),
                })
            }
            DoorOutput::Enter(hello) => return Greeted::Enters(hello, pass),
            DoorOutput::SendAway(trouble) => {
                return Greeted::SentAway(refusal.map_or_else(|| trouble.into(), Into::into));
            }
            DoorOutput::Timeout(wake) => {
                let wake_at = began + wake.map_or(deadline, Moment::since_origin);
                tokio::select! {
                    heard = phone.next(true) => match heard {
                        Heard::Text(text) => match depth::objection(text.as_bytes(), most_deep) {
                            Some(trouble) => return Greeted::SentAway(trouble.into()),
                            None => DoorInput::Text(text),
                        },
                        Heard::Binary(_) => DoorInput::Binary,
                        Heard::Alive => continue,
                        Heard::Fault(trouble) => return Greeted::SentAway(trouble.into()),
                        Heard::Gone => return Greeted::Gone,
                    },
                    () = sleep_until(wake_at) => DoorInput::Timeout,
                    () = &mut closes => {
                        let sentence = "The proxy is going down; the call is tried again.";
                        let trouble = Trouble::new(Code::GoingAway, sentence).retry_after_ms(1_000);
                        return Greeted::SentAway(trouble.into());
                    }
                }
            }
        };
        door.handle(input, now());
    }
}

/// Begins a new call.
async fn begin(house: Arc<House>, phone: Phone, hello: Box<Hello>, pass: Pass) {
    let (user, id) = match &pass {
        Pass::Ticket(ticket) => (ticket.user.clone(), ticket.call.clone()),
        Pass::Local => (User::local(), call_id()),
        Pass::Secret => return send_away(&house, phone, no_such_call()).await,
    };
    let rules = house.rules();
    let Some(room) = house.rooms.take(rules.limits().calls) else {
        return send_away(&house, phone, busy()).await;
    };
    // First of all: whoever finds no place keeps their last conversation, and their ticket, for when they do.
    let name = hash(&user.name());
    match find_places(&house, &rules, &id, &name).await {
        Ok(None) => {}
        Ok(Some(trouble)) => return send_away(&house, phone, trouble).await,
        Err(away) => return send_away(&house, phone, unavailable(&house, &away)).await,
    }
    let attempt = call_id();
    if let Pass::Ticket(ticket) = &pass {
        match use_up(&*house.store, ticket, &attempt, now()).await {
            Ok(true) => {}
            // Its places are those of the call that the ticket opened.
            Ok(false) => return send_away(&house, phone, Refusal::Used).await,
            Err(away) => return send_away(&house, phone, unavailable(&house, &away)).await,
        }
    }
    let earlier = match house.store.begin(&name, &id).await {
        Ok(checkpoint) => checkpoint.filter(|_| hello.continues),
        Err(away) => return send_away(&house, phone, unavailable(&house, &away)).await,
    };
    // Words are numbered anew in each call.
    let checkpoint = earlier.map(|earlier| Checkpoint { next: 0, ..earlier });
    let (owner, began_s) = (house.node.clone(), now());
    let record = Record { owner, generation: 1, user: name, checkpoint, began_s, ..Record::default() };
    let ticket = if let Pass::Ticket(ticket) = pass { Some((ticket, attempt)) } else { None };
    let past = Past { record, tools: Written::default() };
    lead(house, id, past, phone, hello, user, Stay { rules, room, ticket }).await;
}

/// Finds a place for a call wherever it is counted, and asks whether its user may use more today; what stands against it.
async fn find_places(house: &House, rules: &Rules, call: &str, user: &str) -> Result<Option<Trouble>, Away> {
    if let Some(budget) = budget(house, rules, user)
        && let Some(trouble) = budget.settle(SystemTime::now()).await?
    {
        return Ok(Some(trouble));
    }
    let rooms = rooms(rules, user);
    for (at, room) in rooms.iter().enumerate() {
        if !take_place(&*house.store, &room.name, call, room.most).await? {
            for room in rooms.iter().take(at) {
                house.store.leave(&room.name, call).await?;
            }
            return Ok(Some((room.crowded)()));
        }
    }
    Ok(None)
}

/// Where a call is counted over all proxies.
struct Room {
    name: String,
    most: u32,
    /// What one more is told.
    crowded: fn() -> Trouble,
}

/// All rooms of a user's call. Who calls from this machine is no user among others.
fn rooms(rules: &Rules, user: &str) -> Vec<Room> {
    let limits = rules.limits();
    let in_all = limits.calls_in_all.map(|most| Room { name: "calls".to_owned(), most, crowded: busy });
    let of_user = Room { name: format!("calls:{user}"), most: limits.calls_per_user, crowded: too_many };
    in_all.into_iter().chain((!is_local(user)).then_some(of_user)).collect()
}

fn budget(house: &House, rules: &Rules, user: &str) -> Option<Budget> {
    Some(user)
        .filter(|user| !is_local(user))
        .and_then(|user| Budget::of(&house.store, user, rules.limits().daily))
}

fn is_local(user: &str) -> bool {
    user == hash(&User::local().name())
}

/// Takes a phone into the call that it takes up again, wherever that is.
async fn take_up(house: Arc<House>, phone: Phone, hello: Box<Hello>, pass: Pass) {
    let Some(resume) = hello.resume.clone() else { return phone.close().await };
    let caller = match &pass {
        Pass::Ticket(ticket) => {
            // A fresh one opens no call besides.
            let _ = use_up(&*house.store, ticket, &call_id(), now()).await;
            ticket.user.clone()
        }
        Pass::Local => User::local(),
        Pass::Secret => return send_away(&house, phone, no_such_call()).await,
    };
    let user = hash(&caller.name());
    if let Some(place) = house.calls.find(&resume) {
        if !place.entry.is_of(&user) {
            return send_away(&house, phone, Refusal::OtherUser).await;
        }
        return enter(&house, &place, phone, hello, false).await;
    }
    // Before the call is taken: one that finds no room here waits for another proxy, or for this one.
    let rules = house.rules();
    let Some(room) = house.rooms.take(rules.limits().calls) else {
        return send_away(&house, phone, crowded()).await;
    };
    match find_elsewhere(&house, &resume, &hello, &user, phone).await {
        Ok(Some((record, phone))) => {
            let tools = written(&*house.store, &resume.call).await;
            let (past, stay) = (Past { record, tools }, Stay { rules, room, ticket: None });
            lead(house, resume.call, past, phone, hello, caller, stay).await;
        }
        Ok(None) => {}
        Err((phone, trouble)) => send_away(&house, phone, trouble).await,
    }
}

/// Takes a call over from another process, or passes the phone on to that while it lives: then nothing is left to do.
async fn find_elsewhere(
    house: &House,
    resume: &Resume,
    hello: &Hello,
    user: &str,
    mut phone: Phone,
) -> Result<Option<(Record, Phone)>, (Phone, SendOff)> {
    let until = Instant::now() + MOST_SEARCH;
    while Instant::now() < until {
        let found = match house.store.find(&resume.call).await {
            Ok(found) => found,
            Err(away) => return Err((phone, unavailable(house, &away).into())),
        };
        let Some(found) = found.filter(|found| opens(&found.record.locks, &resume.secret)) else {
            return Err((phone, no_such_call().into()));
        };
        if user != found.record.user {
            return Err((phone, Refusal::OtherUser.into()));
        }
        if !found.is_held {
            let generation = found.record.generation;
            match house.store.take(&resume.call, generation, &house.node).await {
                Ok(true) => {
                    tracing::info!(call = resume.call, "taking a call over from another proxy");
                    house.metrics.taken_over.inc();
                    let record =
                        Record { owner: house.node.clone(), generation: generation + 1, ..found.record };
                    return Ok(Some((record, phone)));
                }
                Ok(false) => {}
                Err(away) => return Err((phone, unavailable(house, &away).into())),
            }
        } else if found.record.owner != house.node {
            match pass_on(house, &found.record.owner, hello, phone).await {
                Ok(()) => return Ok(None),
                Err(back) => phone = back,
            }
        }
        sleep(SEARCH_EVERY).await;
    }
    let sentence = "The proxy that had this call does not answer; it is tried again.";
    Err((phone, Trouble::new(Code::GoingAway, sentence).into()))
}

/// What a call has of the house until its end.
struct Stay {
    rules: Arc<Rules>,
    room: crate::rooms::Room,
    /// The ticket that opened it, and the attempt by which that was used.
    ticket: Option<(Ticket, String)>,
}

impl Stay {
    /// The call is over; whether it ended before it began, and is worth another try.
    async fn ends(self, house: &House, came_to_nothing: bool) {
        drop(self.room);
        if let Some((ticket, attempt)) = self.ticket.filter(|_| came_to_nothing) {
            give_back(&*house.store, &ticket, &attempt).await;
        }
    }
}

/// Has a call led from here on.
async fn lead(
    house: Arc<House>,
    id: String,
    past: Past,
    phone: Phone,
    hello: Box<Hello>,
    user: User,
    stay: Stay,
) {
    let span = tracing::error_span!("call", id);
    let rules = Arc::clone(&stay.rules);
    let Past { record, tools } = past;
    let relay = relay_config(&rules, &id, &record, tools, &hello);
    let rooms = rooms(&rules, &record.user).into_iter().map(|room| room.name).collect();
    let budget = budget(&house, &rules, &record.user).map(Arc::new);
    let (entry, reports) = Entry::new(id.clone(), Arc::clone(&house.store), record, rooms);
    let secret = new_secret(&house, &entry, &hello);
    if let Err(away) = entry.keep().await {
        send_away(&house, phone, unavailable(&house, &away)).await;
        return stay.ends(&house, true).await;
    }
    span.in_scope(|| tracing::info!("call begins"));
    let phones = house.calls.begin(&id, Arc::clone(&entry));
    let visitor = Visitor { user, call: id };
    let terms = Terms { rules, relay, budget };
    // In a box, or its task would hold it three times: before it runs, on its way there, and while it does.
    let call = Box::new(Call::new(visitor, Arc::clone(&house), terms, entry, reports, phones));
    let desk = Arc::clone(&house);
    let led = async move {
        let came_to_nothing =
            call.run(Box::new(Entrance { phone, hello, secret, is_elsewhere: false })).await;
        stay.ends(&house, came_to_nothing).await;
    };
    desk.desks.spawn(led.instrument(span));
}

/// What was before a call, or before this proxy had it.
struct Past {
    record: Record,
    /// Tools that another proxy ran.
    tools: Written,
}

/// What the relay must know, of what was before it too.
fn relay_config(rules: &Rules, id: &str, record: &Record, tools: Written, hello: &Hello) -> RelayConfig {
    let checkpoint = record.checkpoint.clone();
    let model = checkpoint.as_ref().map(|checkpoint| checkpoint.model.clone());
    let epoch = if hello.resume.is_some() { record.turn.saturating_add(TURNS_UNSEEN) } else { 0 };
    let next = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.next);
    let handle = checkpoint.map(|checkpoint| checkpoint.handle);
    let lasted = Duration::from_secs(now().saturating_sub(record.began_s));
    let earlier = Earlier { handle, next, epoch, lasted, begun: tools.begun, shown: tools.shown };
    rules.relay_config(id.to_owned(), Some(earlier), model)
}

/// Takes a phone into a call that is here.
async fn enter(house: &House, place: &Place, phone: Phone, hello: Box<Hello>, is_elsewhere: bool) {
    let secret = new_secret(house, &place.entry, &hello);
    // Another process has to know the secret before the phone does; but a registry that is away stops no call.
    let _ = timeout(MOST_WRITING, place.entry.keep()).await;
    if let Err(error) = place.door.try_send(Box::new(Entrance { phone, hello, secret, is_elsewhere })) {
        send_away(house, error.into_inner().phone, no_such_call()).await;
    }
}

/// What will open the call again, for one who wants that.
fn new_secret(house: &House, entry: &Entry, hello: &Hello) -> Option<String> {
    let is_kept = hello.resumable && !house.rules().limits().grace.is_zero();
    is_kept.then(|| entry.new_secret()).flatten()
}

/// Uses a ticket; false if it was used before. It is remembered for longer than it is good.
async fn use_up(store: &dyn Store, ticket: &Ticket, attempt: &str, now: u64) -> Result<bool, Away> {
    let stay = Duration::from_secs(ticket.until.saturating_sub(now)) + USED;
    spend(store, &used(ticket), attempt, stay).await
}

/// The call of a ticket came to nothing, as when the service could not be reached: it opens one still.
async fn give_back(store: &dyn Store, ticket: &Ticket, attempt: &str) {
    if let Err(away) = store.leave(&used(ticket), attempt).await {
        tracing::debug!(%away, "the registry is away: a ticket was used in vain");
    }
}

/// Where it is written that a ticket was used.
fn used(ticket: &Ticket) -> String {
    format!("ticket:{}", hash(&ticket.id))
}

fn too_many() -> Trouble {
    Trouble::new(
        Code::Limited,
        "You have as many calls at one time as this proxy allows: end another one first.",
    )
    .retry_after_ms(10_000)
}

fn busy() -> Trouble {
    Trouble::new(Code::Limited, "All lines are busy: try again in a moment.").retry_after_ms(10_000)
}

/// Unlike a new call, one that goes on is not over for that.
fn crowded() -> Trouble {
    let sentence = "All lines of this proxy are busy: the call goes on as soon as one is free.";
    Trouble::new(Code::Unavailable, sentence).retry_after_ms(1_000)
}

/// The same for one that never was, one that is over, and one that is somebody else's.
fn no_such_call() -> Trouble {
    Trouble::new(Code::NoSuchCall, "This call is over, or was never here: begin a new one.")
}

/// Running calls need no registry, new ones do.
fn unavailable(house: &House, away: &Away) -> Trouble {
    house.metrics.registry_failures.inc();
    tracing::warn!(%away, "the registry is away: a call was refused");
    let sentence =
        "The proxy can't take calls at the moment, for it can't reach its registry: try again in a moment.";
    Trouble::new(Code::Unavailable, sentence).retry_after_ms(2_000)
}

/// By so much the clocks of two proxies may differ.
const USED: Duration = Duration::from_secs(60);
/// A lease and some more: by then a call has a new owner, or none.
const MOST_SEARCH: Duration = Duration::from_secs(8);
const SEARCH_EVERY: Duration = Duration::from_millis(150);
/// What the phone waits for on its way into a call that is here.
const MOST_WRITING: Duration = Duration::from_millis(300);
/// More turns than can begin between two writings of an entry.
const TURNS_UNSEEN: u32 = 16;
