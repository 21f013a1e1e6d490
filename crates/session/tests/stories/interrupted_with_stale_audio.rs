//! A message that says `interrupted` and still holds sound of the turn that was cut.

use crate::pair::{Pair, ms, speech};
use crate::talk::{answers, is_done};
use serde_json::json;
use vivavoce_session::client::Who;

#[test]
fn the_sound_beside_the_word_is_dropped_and_the_rest_is_not() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 120_000);
    let mut message = speech(2_001, 2_400);
    message["serverContent"]["interrupted"] = json!(true);
    message["serverContent"]["inputTranscription"] = json!({"text": "Wait."});
    message["serverContent"]["outputTranscription"] = json!({"text": "stale"});
    message["serverContent"]["turnComplete"] = json!(true);
    pair.service_says(&message);
    pair.pass(ms(500));
    assert!(pair.player.is_silent());
    assert!(!pair.player.heard.keys().any(|(_, sample)| *sample == 2_001));
    assert_eq!(pair.caption(Who::User, 1), "Wait.");
    assert!(!pair.caption(Who::Model, 1).contains("stale"));
    assert!(!pair.caption(Who::Model, 2).contains("stale"));

    // The turn is over by the same message: what comes next is new, however soon.
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
}

#[test]
fn half_a_sample_of_the_dead_turn_does_not_reach_into_the_next() {
    let mut pair = Pair::talking();
    let odd = json!({"serverContent": {"modelTurn": {"parts": [
        {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AQAB"}}
    ]}}});
    pair.service_says(&odd);
    pair.service_says(&json!({"serverContent": {"interrupted": true, "turnComplete": true}}));
    pair.service_says(&speech(3_000, 480));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(ms(500));
    assert_eq!(pair.player.heard[&(2, 3_000)], 480);
    assert_eq!(pair.player.heard_of(2), 480);
}

#[test]
fn interrupted_before_anything_was_said_cuts_nothing() {
    let mut pair = Pair::talking();
    let mut message = speech(2_001, 2_400);
    message["serverContent"]["interrupted"] = json!(true);
    pair.service_says(&message);
    pair.pass(ms(300));
    assert!(pair.player.heard.is_empty());
    assert!(pair.player.flushes.is_empty());
}
