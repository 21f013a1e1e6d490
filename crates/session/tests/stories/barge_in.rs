//! The user speaks over the model.

use crate::pair::{Pair, frame_of, ms, speech};
use crate::talk::{answers, is_done};
use serde_json::json;
use vivavoce_session::client::Who;
use vivavoce_session::{ClientEvent, ClientInput, ClientOutput, Moment};
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};
use vivavoce_wire::message::{FromClient, FromProxy, TurnState};

fn interrupted() -> serde_json::Value {
    json!({"serverContent": {"interrupted": true}})
}

#[test]
fn silences_the_model_as_soon_as_the_word_is_there() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    pair.pass(ms(500));
    let said_at = pair.now;
    pair.service_says(&interrupted());
    pair.pass(ms(300));
    // 30 ms from the service, 40 to the phone.
    assert_eq!(pair.player.flushes, [(said_at + ms(70), 1)]);
    assert!(pair.player.is_silent());
    let heard = pair.player.heard_of(1);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard_of(1), heard);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true)]);
    assert!(!pair.player.ends.contains_key(&1));
}

#[test]
fn tells_how_much_of_the_cut_turn_was_heard() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    pair.pass(ms(500));
    pair.service_says(&interrupted());
    pair.pass(ms(500));
    let heard = pair.player.heard_of(1);
    let last = pair.asked.iter().rev().find_map(|(_, message)| match message {
        FromClient::Heard { epoch, samples, .. } => Some((*epoch, *samples)),
        _ => None,
    });
    assert_eq!(last, Some((1, heard)));
    assert_eq!(pair.relay.as_ref().unwrap().heard(), (1, heard));
}

#[test]
fn what_comes_late_of_the_dead_turn_never_sounds_and_the_next_turn_does() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    pair.service_says(&interrupted());
    pair.service_says(&speech(2_001, 4_800));
    pair.service_says(&json!({"serverContent": {"outputTranscription": {"text": "and another thing"}}}));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Stop."}}}));
    pair.pass(ms(600));
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert!(!pair.player.heard.keys().any(|(_, sample)| *sample == 2_001));
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
    assert!(!pair.caption(Who::Model, 1).contains("another"));
    assert_eq!(pair.caption(Who::User, 1), "Stop.");
    assert_eq!(pair.caption_ends(Who::Model), [(1, true), (2, false)]);
}

#[test]
fn works_though_the_service_thinks_that_its_turn_is_over() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 120_000);
    is_done(&mut pair);
    pair.pass(ms(500));
    pair.service_says(&interrupted());
    pair.pass(ms(200));
    assert!(pair.player.is_silent());
    assert!(pair.player.heard_of(1) < 60_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true)]);
}

#[test]
fn cuts_nothing_once_all_was_heard() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(3_000));
    pair.service_says(&interrupted());
    // The service calls the turn that was not there complete, and that means nothing either.
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(ms(200));
    assert_eq!(pair.player.flushes, []);
    assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
}

#[test]
fn a_new_answer_without_the_end_of_the_old_is_heard() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 48_000);
    pair.service_says(&interrupted());
    pair.pass(ms(1_500));
    answers(&mut pair, 3_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
}

#[test]
fn the_service_s_word_that_speech_began_reaches_the_phone() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.320s"}}));
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_END"}, "serverContent": {}}));
    pair.pass(ms(100));
    let told = format!("{:?}", pair.told);
    assert!(told.contains("Activity { speaking: true }") && told.contains("Activity { speaking: false }"));
}

#[test]
fn silence_goes_before_all_that_waits_to_be_done() {
    let mut pair = Pair::talking();
    let now = Moment::after_origin(pair.now);
    for epoch in [1, 2] {
        let (kind, codec, payload) = (Kind::Model, Codec::Pcm, frame_of(1, 10));
        let frame = AudioFrame { kind, codec, epoch, sequence: epoch, position: 0, payload };
        pair.client.handle(ClientInput::SocketBinary(frame.encode()), now);
    }
    let cut = FromProxy::Turn { epoch: 1, state: TurnState::Interrupted, samples: 10, reason: None };
    pair.client.handle(ClientInput::SocketText(cut.encode()), now);
    assert_eq!(pair.client.poll(), ClientOutput::Flush { epoch: 1 });
    let next = core::iter::repeat_with(|| pair.client.poll())
        .find(|output| !matches!(output, ClientOutput::SendText(_)));
    assert!(matches!(next, Some(ClientOutput::Play { epoch: 2, .. })));
}

#[test]
fn is_told_once_however_often_the_service_says_it() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 120_000);
    is_done(&mut pair);
    pair.service_says(&interrupted());
    pair.service_says(&interrupted());
    pair.pass(ms(200));
    let is_cut = |(_, message): &&(_, FromProxy)| {
        matches!(message, FromProxy::Turn { state: TurnState::Interrupted, .. })
    };
    assert_eq!(pair.told.iter().filter(is_cut).count(), 1);
}

#[test]
fn the_user_s_first_words_are_not_taken_for_late_ones_if_speech_was_noticed() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Tell me."}}}));
    answers(&mut pair, 2_000, 9_600);
    pair.service_says(&json!({"voiceActivity": {"type": "ACTIVITY_START"}}));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "No, wait."}}}));
    pair.pass(ms(200));
    assert_eq!(pair.caption(Who::User, 0), "Tell me.");
    assert_eq!(pair.caption(Who::User, 1), "No, wait.");
    assert_eq!(pair.caption_ends(Who::User), [(0, false)]);
}

#[test]
fn hanging_up_silences_too() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    pair.pass(ms(500));
    pair.does(ClientInput::HangUp);
    pair.pass(ms(20));
    assert!(pair.player.is_silent());
    pair.until("ended", |pair| pair.ended().is_some());
    assert!(matches!(pair.events.last(), Some((_, ClientEvent::Ended { reason })) if reason.is_empty()));
}
