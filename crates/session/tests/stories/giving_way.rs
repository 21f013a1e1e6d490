//! The phone itself hears the person speak over the model.

use crate::pair::{Pair, ms};
use crate::talk::{answers, is_done};
use serde_json::json;
use vivavoce_dsp::player::{Thresholds, Yielding};
use vivavoce_session::ClientInput;
use vivavoce_session::client::Who;

/// The model has been speaking for a while, and has more to say.
fn listening() -> Pair {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    pair.pass(ms(1_500));
    pair
}

/// The same, of a model that thinks that it is done.
fn listening_to_the_rest() -> Pair {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    is_done(&mut pair);
    pair.pass(ms(1_500));
    pair
}

#[test]
fn the_model_s_voice_gives_way_at_once_and_comes_back_after_a_cough() {
    let mut pair = listening();
    let coughed_at = pair.now;
    pair.does(ClientInput::Speech(true));
    pair.pass(ms(100));
    pair.does(ClientInput::Speech(false));
    pair.pass(ms(10_000));
    let expected = [(coughed_at, Yielding::Duck), (coughed_at + ms(800), Yielding::Not)];
    assert_eq!(pair.player.yields, expected);
    assert_eq!(
        (pair.player.heard_of(1), pair.player.flushes.len()),
        (240_000, 0),
        "a cough destroys nothing"
    );
}

#[test]
fn the_service_s_word_ends_it() {
    let mut pair = listening();
    pair.does(ClientInput::Speech(true));
    pair.pass(ms(300));
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    pair.pass(ms(5_000));
    assert_eq!(pair.player.yields.len(), 1, "a voice that was cut off does not come back");
    assert!(pair.player.is_silent() && pair.player.heard_of(1) < 120_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true)]);
    // 300 ms until the service noticed, 30 from there and 40 to the phone.
    let took = pair.reported.iter().find_map(|&(_, barge_in)| barge_in);
    assert!(took.is_some_and(|took| took >= ms(370) && took < ms(380)), "{:?}", pair.reported);
}

#[test]
fn the_service_s_word_that_speech_began_is_enough() {
    let mut pair = listening();
    pair.does(ClientInput::Speech(true));
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.320s"}}));
    pair.pass(ms(100));
    assert_eq!(pair.player.flushes.len(), 1);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true)]);
}

#[test]
fn so_are_words_that_the_service_understood() {
    let mut pair = listening();
    pair.does(ClientInput::Speech(true));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "But"}}}));
    pair.pass(ms(100));
    assert_eq!(pair.player.flushes.len(), 1);
}

#[test]
fn but_not_words_that_are_still_those_of_the_question() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 24_000);
    pair.pass(ms(300));
    pair.does(ClientInput::Speech(true));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " Ghana?"}}}));
    pair.pass(ms(300));
    assert_eq!(pair.player.flushes, []);
}

#[test]
fn what_is_heard_while_the_model_is_silent_changes_nothing() {
    let mut pair = Pair::talking();
    pair.does(ClientInput::Speech(true));
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.320s"}}));
    pair.pass(ms(1_000));
    assert!(pair.player.yields.is_empty() && pair.player.flushes.is_empty());
}

#[test]
fn who_goes_on_speaking_is_believed_where_the_service_thinks_that_it_is_done() {
    let mut pair = listening_to_the_rest();
    let spoke_at = pair.now;
    pair.does(ClientInput::Speech(true));
    pair.pass(ms(1_000));
    assert_eq!(pair.player.flushes, [(spoke_at + ms(200), 1)]);
    assert_eq!(pair.caption_ends(Who::Model).last(), Some(&(1, true)));
}

#[test]
fn and_who_coughs_is_not() {
    let mut pair = listening_to_the_rest();
    pair.does(ClientInput::Speech(true));
    pair.pass(ms(150));
    pair.does(ClientInput::Speech(false));
    pair.pass(ms(10_000));
    assert_eq!((pair.player.heard_of(1), pair.player.flushes.len()), (240_000, 0));
}

#[test]
fn who_goes_on_speaking_is_believed_after_the_connection_changed() {
    let mut pair = Pair::talking_once();
    answers(&mut pair, 2_000, 240_000);
    pair.pass(ms(1_500));
    pair.cut();
    pair.pass(ms(3_000));
    assert!(pair.is_ready());
    let spoke_at = pair.now;
    pair.does(ClientInput::Speech(true));
    pair.pass(ms(1_000));
    assert_eq!(pair.player.flushes, [(spoke_at + ms(200), 1)]);
}

#[test]
fn a_newer_turn_never_waits_behind_one_that_was_spoken_over() {
    let mut pair = listening_to_the_rest();
    pair.does(ClientInput::Speech(true));
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(250));
    assert_eq!(pair.player.flushes.len(), 1);
    pair.pass(ms(1_100));
    assert_eq!(pair.player.heard_of(2), 24_000);
}

#[test]
fn late_audio_of_a_turn_that_was_spoken_over_never_sounds() {
    let mut pair = listening();
    pair.does(ClientInput::Speech(true));
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.320s"}}));
    answers(&mut pair, 2_001, 48_000);
    pair.pass(ms(3_000));
    assert!(!pair.player.heard.keys().any(|(_, sample)| *sample == 2_001));
}

#[test]
fn a_microphone_that_is_off_hears_nobody() {
    let mut pair = listening();
    pair.does(ClientInput::Mute(true));
    pair.does(ClientInput::Speech(true));
    pair.pass(ms(1_000));
    assert!(pair.player.yields.is_empty());
}

#[test]
fn the_next_turn_waits_as_the_turns_before_it_came() {
    let mut pair = Pair::talking();
    for value in 0..4 {
        for _ in 0..10 {
            answers(&mut pair, 2_000 + value, 9_600);
            pair.pass(ms(700));
        }
        is_done(&mut pair);
        pair.pass(ms(2_000));
    }
    let learnt = pair.player.thresholds.last().expect("it learns");
    assert_ne!(*learnt, Thresholds::default());
}
