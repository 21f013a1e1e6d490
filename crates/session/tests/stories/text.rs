//! Typing instead of talking.

use crate::pair::{Pair, ms};
use crate::talk::{answers, is_done};
use serde_json::json;
use vivavoce_session::ClientInput;
use vivavoce_session::client::Who;

#[test]
fn is_answered_by_voice() {
    let mut pair = Pair::talking();
    pair.closes_the_microphone();
    pair.does(ClientInput::Text("Hello?".into()));
    pair.pass(ms(200));
    assert_eq!(pair.service.messages().last().unwrap()["realtimeInput"]["text"], "Hello?");
    answers(&mut pair, 2_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard[&(1, 2_000)], 24_000);
}

#[test]
fn is_not_shown_a_second_time_when_the_service_echoes_it() {
    let mut pair = Pair::talking();
    pair.pass(ms(1_000));
    pair.does(ClientInput::Text("Hello there?".into()));
    pair.pass(ms(100));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Hello there?"}}}));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Hello!"}}}));
    pair.pass(ms(300));
    assert_eq!(pair.caption(Who::User, 0), "Hello!");
}

#[test]
fn nothing_is_sent_of_nothing() {
    let mut pair = Pair::talking();
    let before = pair.asked.len();
    pair.does(ClientInput::Text(" \n".into()));
    assert_eq!(pair.asked.len(), before);
}

#[test]
fn too_long_a_text_is_an_error_and_the_call_goes_on() {
    let mut pair = Pair::talking();
    pair.does(ClientInput::Text("x".repeat(70_000)));
    pair.pass(ms(500));
    assert_eq!(pair.errors()[0].0, "too_large");
    assert!(pair.ended().is_none());
    pair.does(ClientInput::Text("x".into()));
    pair.pass(ms(500));
    assert_eq!(pair.service.messages().last().unwrap()["realtimeInput"]["text"], "x");
}

#[test]
fn too_much_before_the_call_is_up_is_an_error() {
    let mut pair = Pair::new();
    for _ in 0..20 {
        pair.does(ClientInput::Text("Hello?".into()));
    }
    assert_eq!(pair.errors().len(), 4);
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    assert_eq!(pair.service.messages().len(), 1 + 16);
}

#[test]
fn what_was_typed_may_be_said_in_the_next_turn() {
    let mut pair = Pair::talking();
    pair.does(ClientInput::Text("Yes".into()));
    pair.pass(ms(100));
    answers(&mut pair, 2_000, 4_800);
    is_done(&mut pair);
    pair.pass(ms(1_200));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Yes"}}}));
    pair.pass(ms(100));
    assert_eq!(pair.caption(Who::User, 1), "Yes");
}
