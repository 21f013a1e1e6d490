//! The way of a phone from its socket into a call.

use crate::admission::Caller;
use crate::call::{Call, call_id};
use crate::calls::Entrance;
use crate::house::{House, going_down};
use crate::phone::{Heard, Phone};
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;
use vivavoce_session::{Door, DoorInput, DoorOutput, Moment};
use vivavoce_wire::message::Hello;
use vivavoce_wire::{Code, Trouble};

/// Takes a phone that has just connected into a new call, or into the one that it takes up again.
pub(crate) async fn receive(house: Arc<House>, caller: Caller, mut phone: Phone) {
    let Ok(place) = Arc::clone(&house.hall).try_acquire_owned() else {
        return send_away(phone, busy()).await;
    };
    let greeted = greet(&house, &caller, &mut phone).await;
    drop(place);
    match greeted {
        Greeted::Enters(hello) if hello.resume.is_some() => take_up(&house, phone, hello).await,
        Greeted::Enters(hello) => begin(house, phone, hello).await,
        Greeted::SentAway(trouble) => send_away(phone, trouble).await,
        Greeted::Gone => phone.close().await,
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
    Enters(Box<Hello>),
    SentAway(Trouble),
    Gone,
}

async fn greet(house: &House, caller: &Caller, phone: &mut Phone) -> Greeted {
    let began = Instant::now();
    let now = || Moment::after_origin(began.elapsed());
    let mut door = Door::new(house.config.limits.hello_deadline, now());
    let mut shutdown = house.shutdown.subscribe();
    loop {
        let input = match door.poll() {
            DoorOutput::Admit(hello) => {
                tracing::info!(client = hello.client.as_deref(), "hello");
                DoorInput::Verdict(house.admission.admit(&hello, caller))
            }
            DoorOutput::Enter(hello) => return Greeted::Enters(hello),
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

async fn begin(house: Arc<House>, phone: Phone, hello: Box<Hello>) {
    let Ok(room) = Arc::clone(&house.rooms).try_acquire_owned() else {
        return send_away(phone, busy()).await;
    };
    let id = call_id();
    let span = tracing::info_span!("call", id);
    span.in_scope(|| tracing::info!("call begins"));
    let phones = house.calls.begin(&id);
    let secret = secret(&house, &id, &hello);
    let call = Call::new(id, house, phones);
    call.run(Entrance { phone, hello, secret }).instrument(span).await;
    drop(room);
}

async fn take_up(house: &House, phone: Phone, hello: Box<Hello>) {
    let resume = hello.resume.as_ref();
    let Some((id, door)) = resume.and_then(|resume| Some((resume.call.clone(), house.calls.find(resume)?)))
    else {
        return send_away(phone, no_such_call()).await;
    };
    let secret = secret(house, &id, &hello);
    if let Err(error) = door.try_send(Entrance { phone, hello, secret }) {
        send_away(error.into_inner().phone, no_such_call()).await;
    }
}

/// What will open the call again, for one who wants that.
fn secret(house: &House, id: &str, hello: &Hello) -> Option<String> {
    let is_kept = hello.resumable && !house.config.limits.grace.is_zero();
    is_kept.then(|| house.calls.secret(id)).flatten()
}

fn busy() -> Trouble {
    Trouble::new(Code::Limited, "All lines are busy: try again in a moment.").retry_after_ms(10_000)
}

/// The same for one that never was, one that is over, and one that is somebody else's.
fn no_such_call() -> Trouble {
    Trouble::new(Code::NoSuchCall, "This call is over, or was never here: begin a new one.")
}
