//! The service's connections end, and the call goes on: with real sockets and the simulator, which ends them.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on ends")]

mod stage;

use core::f32::consts::TAU;
use stage::tape::resumed;
use stage::{Folder, Phone, Proxy, frame, simulator};
use vivavoce_wire::FromProxy;
use vivavoce_wire::message::TurnState;

#[tokio::test]
async fn a_call_survives_that_the_service_leaves() {
    let folder = Folder::new("leaves");
    let proxy = Proxy::to(
        simulator(&format!(
            r#"
            record = "{}"
            [[turn]]
            audio = {{ tone = {{ hz = 330, ms = 300 }} }}
            [[turn]]
            audio = {{ tone = {{ hz = 440, ms = 300 }} }}
            [[fault]]
            connection = 1
            at_ms = 100
            do = {{ go_away = 30 }}
            "#,
            folder.0.display()
        ))
        .await,
    )
    .await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    // Each answer leads to another connection at the latest; the phone is told of turns and of nothing else.
    for epoch in 1..=2 {
        speaks(&mut phone).await;
        assert_eq!(turn(&mut phone).await, (epoch, TurnState::Complete));
    }
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    assert_eq!(resumed(&folder), [false, true]);
}

#[tokio::test]
async fn a_call_survives_a_failure_in_the_middle_of_an_answer_and_asks_again() {
    let folder = Folder::new("fails");
    let proxy = Proxy::to(
        simulator(&format!(
            r#"
            record = "{}"
            [[turn]]
            audio = {{ tone = {{ hz = 330, ms = 2000 }} }}
            [[turn.fault]]
            connection = 1
            at_ms = 100
            do = {{ close = {{ code = 1011, reason = "Internal error encountered." }} }}
            "#,
            folder.0.display()
        ))
        .await,
    )
    .await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    let spoken = speaks(&mut phone).await;
    assert_eq!(turn(&mut phone).await, (1, TurnState::Interrupted), "when the next begins");
    assert_eq!(turn(&mut phone).await, (2, TurnState::Complete));
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    assert_eq!(resumed(&folder), [false, true]);
    let heard = heard(&folder, 2);
    assert!(heard.starts_with(&spoken), "each sample of {} once, of {} heard", spoken.len(), heard.len());
    assert!(heard[spoken.len()..].iter().all(|sample| *sample == 0));
}

#[tokio::test]
async fn a_call_survives_that_its_session_is_forgotten() {
    let folder = Folder::new("forgets");
    let proxy = Proxy::to(
        simulator(&format!(
            r#"
            record = "{}"
            connection.refuse_handles = {{ code = 1008, reason = "BidiGenerateContent session not found" }}
            [[turn]]
            audio = {{ tone = {{ hz = 330, ms = 300 }} }}
            [[fault]]
            connection = 1
            at_ms = 100
            do = {{ go_away = 30 }}
            "#,
            folder.0.display()
        ))
        .await,
    )
    .await;
    let mut phone = Phone::introduced(&proxy).await;
    phone.wait_ready().await;
    for epoch in 1..=2 {
        speaks(&mut phone).await;
        assert_eq!(turn(&mut phone).await, (epoch, TurnState::Complete));
    }
    phone.say(r#"{"type":"bye"}"#).await;
    phone.wait_close().await;
    assert_eq!(resumed(&folder), [false, false], "one was refused in between");
}

#[tokio::test]
async fn the_next_model_answers_where_one_was_taken_away() {
    let upstream = simulator("").await;
    let proxy = Proxy::with(
        |config| {
            config.upstream_url = Some(format!("ws://{upstream}"));
            config.gemini.model = "gemini-1.0-live".to_owned();
            config.gemini.other_models = vec!["gemini-3.8-live".to_owned()];
        },
        None,
    )
    .await;
    let mut phone = Phone::introduced(&proxy).await;
    let model = |message| match message {
        FromProxy::Ready(ready) => Some(ready.model),
        _ => None,
    };
    assert_eq!(phone.wait(model).await, "models/gemini-3.8-live");
}

/// Waits for the next end of a turn, good or bad.
async fn turn(phone: &mut Phone) -> (u32, TurnState) {
    phone
        .wait(|message| {
            assert!(!matches!(message, FromProxy::Ready(_)), "the phone hears nothing of it");
            match message {
                FromProxy::Turn { epoch, state, .. }
                    if matches!(state, TurnState::Interrupted | TurnState::Complete) =>
                {
                    Some((epoch, state))
                }
                _ => None,
            }
        })
        .await
}

/// Says something for a second, and is silent for one; what was said.
async fn speaks(phone: &mut Phone) -> Vec<i16> {
    let voice = (0..16_000_u32).map(|index| {
        let at = index as f32 / 16_000.0;
        let buzz: f32 =
            (1..12).map(|harmonic| (TAU * 140.0 * harmonic as f32 * at).sin() / harmonic as f32).sum();
        (buzz * (0.2 + 0.1 * (TAU * 4.0 * at).sin()) * 20_000.0) as i16
    });
    let spoken: Vec<i16> = voice.collect();
    let silence = [0; 16_000];
    for samples in spoken.chunks(320).chain(silence.chunks(320)) {
        phone.send(frame(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect())).await;
    }
    spoken
}

/// What the service heard over its connection number so.
fn heard(folder: &Folder, number: u32) -> Vec<i16> {
    let mut wav = hound::WavReader::open(folder.0.join(format!("session-{number}-in.wav"))).unwrap();
    wav.samples::<i16>().map(Result::unwrap).collect()
}
