//! The way of a phone from its socket into a call.

use crate::admission::{Caller, User};
use crate::call::{Call, call_id};
use crate::calls::{Entrance, Place};
use crate::entry::{Entry, enter as take_place, hash, opens};
use crate::house::{House, going_down};
use crate::node::pass_on;
use crate::phone::{Heard, Phone};
use crate::store::{Away, Checkpoint, Record};
use core::time::Duration;
use std::sync::Arc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument;
use vivavoce_session::{Door, DoorInput, DoorOutput, Earlier, Moment, RelayConfig};
use vivavoce_wire::message::{Hello, Resume};
use vivavoce_wire::{Code, Trouble};

/// Takes a phone that has just connected into a new call, or into the one that it takes up again.
pub(crate) async fn receive(house: Arc<House>, caller: Caller, mut phone: Phone) {
    let admit = |hello: &Hello| house.admission.admit(hello, &caller);
    match greet(&house, admit, &mut phone).await {
        Greeted::Enters(hello, user) if hello.resume.is_some() => take_up(house, phone, hello, user).await,
        Greeted::Enters(hello, user) => begin(house, phone, hello, user).await,
        Greeted::SentAway(trouble) => send_away(phone, trouble).await,
        Greeted::Gone => phone.close().await,
    }
}

/// Takes a phone that came to another process into its call here, which is to move there.
pub(crate) async fn receive_from_elsewhere(house: Arc<House>, mut phone: Phone) {
    let greeted = greet(&house, |_| Ok(User(String::new())), &mut phone).await;
    let Greeted::Enters(hello, _) = greeted else { return phone.close().await };
    match hello.resume.as_ref().and_then(|resume| house.calls.find(resume)) {
        Some(place) => enter(&house, &place, phone, hello, true).await,
        None => send_away(phone, no_such_call()).await,
    }
}

/// Says what went wrong and hangs up.
pub(crate) async fn send_away(phone: Phone, trouble: Trouble) {
    tracing::info!(code = ?trouble.code, "sent a caller away");
    phone.send_trouble(trouble);
    phone.close().await;
}

/// What became of a phone at the door.
enum Greeted {
    Enters(Box<Hello>, User),
    SentAway(Trouble),
    Gone,
}

async fn greet(house: &House, admit: impl Fn(&Hello) -> Result<User, Trouble>, phone: &mut Phone) -> Greeted {
    let Ok(_place) = Arc::clone(&house.hall).try_acquire_owned() else { return Greeted::SentAway(busy()) };
    let mut user = User(String::new());
    let began = Instant::now();
    let now = || Moment::after_origin(began.elapsed());
    let mut door = Door::new(house.config.limits.hello_deadline, now());
    let mut shutdown = house.shutdown.subscribe();
    loop {
        let input = match door.poll() {
            DoorOutput::Admit(hello) => {
                tracing::info!(client = hello.client.as_deref(), "hello");
                DoorInput::Verdict(admit(&hello).map(|admitted| user = admitted))
            }
            DoorOutput::Enter(hello) => return Greeted::Enters(hello, user),
            DoorOutput::SendAway(trouble) => return Greeted::SentAway(trouble),
            DoorOutput::Timeout(wake) => {
                let wake_at = began + wake.map_or(house.config.limits.hello_deadline, Moment::since_origin);
                tokio::select! {
                    heard = phone.next(true) => match heard {
                        Heard::Text(text) => DoorInput::Text(text),
                        Heard::Binary(_) => DoorInput::Binary,
                        Heard::Alive => continue,
                        Heard::Fault(trouble) => return Greeted::SentAway(trouble),
                        Heard::Gone => return Greeted::Gone,
                    },
                    () = sleep_until(wake_at) => DoorInput::Timeout,
                    () = going_down(&mut shutdown) => {
                        let sentence = "The proxy is going down; the call is tried again.";
                        return Greeted::SentAway(Trouble::new(Code::GoingAway, sentence).retry_after_ms(1_000));
                    }
                }
            }
        };
        door.handle(input, now());
    }
}

/// Begins a new call.
async fn begin(house: Arc<House>, phone: Phone, hello: Box<Hello>, user: User) {
    let Ok(_room) = Arc::clone(&house.rooms).try_acquire_owned() else {
        return send_away(phone, busy()).await;
    };
    let id = call_id();
    // First of all: whoever finds no place keeps their last conversation for when they do.
    if let Some(most) = house.config.limits.calls_in_all {
        match take_place(&*house.store, &id, most).await {
            Ok(true) => {}
            Ok(false) => return send_away(phone, busy()).await,
            Err(away) => return send_away(phone, unavailable(&house, &away)).await,
        }
    }
    let hashed = hash(&user.0);
    let earlier = match house.store.begin(&hashed, &id).await {
        Ok(checkpoint) => checkpoint.filter(|_| hello.continues),
        Err(away) => return send_away(phone, unavailable(&house, &away)).await,
    };
    // Words are numbered anew in each call.
    let checkpoint = earlier.map(|earlier| Checkpoint { next: 0, ..earlier });
    let record =
        Record { owner: house.node.clone(), generation: 1, user: hashed, checkpoint, ..Record::default() };
    lead(house, id, record, phone, hello, user).await;
}

/// Takes a phone into the call that it takes up again, wherever that is.
async fn take_up(house: Arc<House>, phone: Phone, hello: Box<Hello>, user: User) {
    let Some(resume) = hello.resume.clone() else { return phone.close().await };
    if let Some(place) = house.calls.find(&resume) {
        return enter(&house, &place, phone, hello, false).await;
    }
    // Before the call is taken: one that finds no room here waits for another proxy, or for this one.
    let Ok(_room) = Arc::clone(&house.rooms).try_acquire_owned() else {
        return send_away(phone, crowded()).await;
    };
    match find_elsewhere(&house, &resume, &hello, phone).await {
        Ok(Some((record, phone))) => lead(house, resume.call, record, phone, hello, user).await,
        Ok(None) => {}
        Err((phone, trouble)) => send_away(phone, trouble).await,
    }
}

/// Takes a call over from another process, or passes the phone on to that while it lives: then nothing is left to do.
async fn find_elsewhere(
    house: &House,
    resume: &Resume,
    hello: &Hello,
    mut phone: Phone,
) -> Result<Option<(Record, Phone)>, (Phone, Trouble)> {
    let until = Instant::now() + MOST_SEARCH;
    while Instant::now() < until {
        let found = match house.store.find(&resume.call).await {
            Ok(found) => found,
            Err(away) => return Err((phone, unavailable(house, &away))),
        };
        let Some(found) = found.filter(|found| opens(&found.record.locks, &resume.secret)) else {
            return Err((phone, no_such_call()));
        };
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
                Err(away) => return Err((phone, unavailable(house, &away))),
            }
        } else if found.record.owner != house.node {
            match pass_on(house, &found.record.owner, hello, phone).await {
                Ok(()) => return Ok(None),
                Err(back) => phone = back,
            }
        }
        sleep(SEARCH_EVERY).await;
    }
    Err((
        phone,
        Trouble::new(Code::GoingAway, "The proxy that had this call does not answer; it is tried again."),
    ))
}

/// Leads a call from here on, to its end.
async fn lead(house: Arc<House>, id: String, record: Record, phone: Phone, hello: Box<Hello>, user: User) {
    let span = tracing::info_span!("call", id);
    let config = relay_config(&house, &id, &record, &hello);
    let is_counted = house.config.limits.calls_in_all.is_some();
    let (entry, reports) = Entry::new(id.clone(), Arc::clone(&house.store), record, is_counted);
    let secret = new_secret(&house, &entry, &hello);
    if let Err(away) = entry.keep().await {
        return send_away(phone, unavailable(&house, &away)).await;
    }
    span.in_scope(|| tracing::info!("call begins"));
    let phones = house.calls.begin(&id, Arc::clone(&entry));
    let call = Call::new(id, user, house, config, entry, reports, phones);
    call.run(Entrance { phone, hello, secret, is_elsewhere: false }).instrument(span).await;
}

/// What the relay must know, of what was before it too.
fn relay_config(house: &House, id: &str, record: &Record, hello: &Hello) -> RelayConfig {
    let checkpoint = record.checkpoint.clone();
    let model = checkpoint.as_ref().map(|checkpoint| checkpoint.model.clone());
    let epoch = if hello.resume.is_some() { record.turn.saturating_add(TURNS_UNSEEN) } else { 0 };
    let next = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.next);
    let earlier = Earlier { handle: checkpoint.map(|checkpoint| checkpoint.handle), next, epoch };
    house.relay_config(id.to_owned(), Some(earlier), model)
}

/// Takes a phone into a call that is here.
async fn enter(house: &House, place: &Place, phone: Phone, hello: Box<Hello>, is_elsewhere: bool) {
    let secret = new_secret(house, &place.entry, &hello);
    // Another process has to know the secret before the phone does; but a registry that is away stops no call.
    let _ = timeout(MOST_WRITING, place.entry.keep()).await;
    if let Err(error) = place.door.try_send(Entrance { phone, hello, secret, is_elsewhere }) {
        send_away(error.into_inner().phone, no_such_call()).await;
    }
}

/// What will open the call again, for one who wants that.
fn new_secret(house: &House, entry: &Entry, hello: &Hello) -> Option<String> {
    let is_kept = hello.resumable && !house.config.limits.grace.is_zero();
    is_kept.then(|| entry.new_secret()).flatten()
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

/// A lease and some more: by then a call has a new owner, or none.
const MOST_SEARCH: Duration = Duration::from_secs(8);
const SEARCH_EVERY: Duration = Duration::from_millis(150);
/// What the phone waits for on its way into a call that is here.
const MOST_WRITING: Duration = Duration::from_millis(300);
/// More turns than can begin between two writings of an entry.
const TURNS_UNSEEN: u32 = 16;
