//! A service far ahead of the ear, through a whole proxy.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use core::time::Duration;
use futures_util::{SinkExt, StreamExt};
use stage::{Phone, Proxy, service, simulator};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use vivavoce_wire::FromProxy;
use vivavoce_wire::message::TurnState;

/// Twenty seconds.
const AHEAD: u64 = 480_000;
const SECOND: u64 = 24_000;

#[tokio::test]
async fn a_listener_who_is_slow_is_never_sent_more_than_the_credit_and_gets_all_of_a_long_turn() {
    let (_proxy, mut phone) = asked_for_a_story(LONG).await;
    let (mut came, mut heard, mut most_ahead) = (0, 0, 0);
    let told = loop {
        match phone.wait_anything().await {
            Ok(frame) => {
                assert_eq!((frame.epoch, frame.position), (1, came));
                came += frame.samples();
                most_ahead = most_ahead.max(came - heard);
            }
            Err(FromProxy::Turn { state: TurnState::Complete, samples, .. }) => break samples,
            Err(_) => {}
        }
        if came - heard >= AHEAD {
            heard += 3 * SECOND;
            phone.say(&format!(r#"{{"type":"heard","epoch":1,"samples":{heard}}}"#)).await;
        }
    };
    println!("most ahead of the ear: {most_ahead} samples of {told}");
    assert_eq!((came, told), (45 * SECOND, 45 * SECOND));
    assert!((AHEAD..AHEAD + SECOND).contains(&most_ahead), "{most_ahead}");
}

#[tokio::test]
async fn a_listener_who_never_says_what_was_heard_gets_all_of_it_in_real_time() {
    let (_proxy, mut phone) = asked_for_a_story(SHORT).await;
    let (began, mut came) = (Instant::now(), 0);
    loop {
        match phone.wait_anything().await {
            Ok(frame) => {
                came += frame.samples();
                let played = began.elapsed().as_secs_f64() * 24_000.0;
                let ahead = came as f64 - played;
                // The proxy's clock began when it sent the first, up to some moments before it came here.
                assert!(ahead < (AHEAD + SECOND * 2) as f64, "{ahead} samples ahead");
            }
            Err(FromProxy::Turn { state: TurnState::Complete, .. }) => break,
            Err(_) => {}
        }
    }
    assert_eq!(came, 25 * SECOND);
    assert!(began.elapsed() > Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_service_that_is_too_far_ahead_is_read_no_further_until_there_is_room() {
    let (spoken, mut speeches) = watch::channel(0);
    let upstream = service(move |mut socket| {
        let spoken = spoken.clone();
        async move {
            socket.next().await.unwrap().unwrap();
            socket.send(Message::text(r#"{"setupComplete":{}}"#)).await.unwrap();
            for _ in 0..SPEECHES {
                socket.send(Message::text(one_second())).await.unwrap();
                spoken.send_modify(|count| *count += 1);
            }
            let end = r#"{"serverContent":{"generationComplete":true,"turnComplete":true}}"#;
            socket.send(Message::text(end)).await.unwrap();
            while socket.next().await.is_some() {}
        }
    })
    .await;
    let proxy = Proxy::with(
        |config| {
            config.upstream_url = Some(format!("ws://{upstream}"));
            config.limits.kept = Duration::from_secs(30);
        },
        None,
    )
    .await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    let mut came = 0;
    while came < AHEAD {
        came += phone.wait_audio().await.samples();
        phone.say(r#"{"type":"heard","epoch":1,"samples":0}"#).await;
    }

    // Nothing of it is dropped and nothing more of it is read: the service can't say it.
    let all_said = speeches.wait_for(|count| *count == SPEECHES);
    assert!(timeout(Duration::from_secs(3), all_said).await.is_err(), "all of it was read");
    println!("seconds read, or on the network: {}", *speeches.borrow());
    phone.say(r#"{"type":"ping","id":5}"#).await;
    let pong = |message| matches!(message, FromProxy::Pong { id: 5 }).then_some(());
    phone.wait(pong).await;

    // The listener has cut it off: the rest is read, and goes nowhere.
    phone.say(r#"{"type":"silenced","epoch":1}"#).await;
    let complete = |message| match message {
        FromProxy::Turn { epoch: 1, state: TurnState::Complete, samples, .. } => Some(samples),
        _ => None,
    };
    let samples = phone.wait(complete).await;
    assert_eq!(*speeches.borrow(), SPEECHES);
    assert!(samples < SPEECHES as u64 * SECOND);
}

/// A phone that typed the word for which a script has a long answer, and its proxy.
async fn asked_for_a_story(script: &str) -> (Proxy, Phone) {
    let proxy = Proxy::to(simulator(script).await).await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    phone.say(r#"{"type":"text","text":"A story!"}"#).await;
    (proxy, phone)
}

/// Of silence: 48 000 bytes of zeros in base64.
fn one_second() -> String {
    let blob = format!(r#"{{"mimeType":"audio/pcm;rate=24000","data":"{}"}}"#, "A".repeat(64_000));
    format!(r#"{{"serverContent":{{"modelTurn":{{"parts":[{{"inlineData":{blob}}}]}}}}}}"#)
}

/// More than the proxy keeps and the network holds of it.
const SPEECHES: usize = 600;

const LONG: &str = r#"
[[turn]]
when = "story"
audio = { tone = { hz = 330, ms = 45000 } }
pace = { speed = [100.0, 100.0] }
early_turn_complete = true
"#;

const SHORT: &str = r#"
[[turn]]
when = "story"
audio = { tone = { hz = 330, ms = 25000 } }
pace = { speed = [100.0, 100.0] }
early_turn_complete = true
"#;
