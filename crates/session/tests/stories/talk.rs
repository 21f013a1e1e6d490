//! A question and its answer.

use crate::pair::{Pair, ms, speech};
use serde_json::json;
use std::time::Duration;
use vivavoce_session::client::{ClientState, Who};
use vivavoce_session::{ClientEvent, RelayInput};
use vivavoce_wire::message::FromClient;

/// The service answers with so many samples of this value, in uneven chunks, faster than they are heard.
pub(crate) fn answers(pair: &mut Pair, sample: i16, mut samples: usize) {
    pair.service_says(&json!({"serverContent": {"outputTranscription": {"text": "Well, "}}}));
    for chunk in [961, 4_560, 3_001].into_iter().cycle() {
        let chunk = chunk.min(samples);
        pair.service_says(&speech(sample, chunk));
        samples -= chunk;
        pair.pass(ms(chunk as u64 / 24 / 4));
        if samples == 0 {
            break;
        }
    }
    pair.service_says(&json!({"serverContent": {"outputTranscription": {"text": "so be it."}}}));
}

pub(crate) fn is_done(pair: &mut Pair) {
    pair.service_says(&json!({"serverContent": {"generationComplete": true}}));
    pair.service_says(
        &json!({"serverContent": {"turnComplete": true}, "usageMetadata": {"totalTokenCount": 7}}),
    );
}

#[test]
fn is_heard_to_the_last_sample_and_shown() {
    let mut pair = Pair::talking();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(1_000));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "What is"}}}));
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " the time?"}}}));
    pair.opens_the_microphone(0);
    pair.pass(ms(700));
    answers(&mut pair, 2_000, 48_000);
    is_done(&mut pair);
    pair.pass(ms(3_000));

    assert_eq!(pair.player.heard[&(1, 2_000)], 48_000);
    assert_eq!(pair.player.ends[&1], 48_000);
    assert_eq!(pair.caption(Who::User, 0), "What is the time?");
    assert_eq!(pair.caption(Who::Model, 1), "Well, so be it.");
    assert_eq!(pair.caption_ends(Who::User), [(0, false)]);
    assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
    let states =
        [ClientState::Connecting, ClientState::Listening, ClientState::Speaking, ClientState::Listening];
    assert_eq!(pair.states(), states);
    assert!(pair.service.samples_of(1_000).abs_diff(16_000) <= 320);
}

#[test]
fn tells_what_was_heard_at_most_ten_times_a_second_and_to_the_end() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 72_000);
    is_done(&mut pair);
    pair.pass(ms(4_000));
    let heard: Vec<(Duration, u64)> = pair
        .asked
        .iter()
        .filter_map(|(at, message)| match message {
            FromClient::Heard { epoch: 1, samples, .. } => Some((*at, *samples)),
            _ => None,
        })
        .collect();
    assert!((25..=32).contains(&heard.len()), "{}", heard.len());
    assert!(heard.is_sorted());
    assert_eq!(heard.last().unwrap().1, 72_000);
    assert_eq!(pair.relay.as_ref().unwrap().heard(), (1, 72_000));
}

#[test]
fn words_that_come_late_go_to_the_sentence_that_they_belong_to() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "What is"}}}));
    answers(&mut pair, 2_000, 4_800);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " the time?"}}}));
    pair.pass(ms(2_000));
    is_done(&mut pair);
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "Thanks."}}}));
    pair.pass(ms(200));
    assert_eq!(pair.caption(Who::User, 0), "What is the time?");
    assert_eq!(pair.caption(Who::User, 1), "Thanks.");
}

#[test]
fn a_sentence_that_the_service_calls_finished_is_finished() {
    let mut pair = Pair::talking();
    pair.service_says(
        &json!({"serverContent": {"inputTranscription": {"text": "Good day.", "finished": true}}}),
    );
    pair.pass(ms(200));
    assert_eq!(pair.caption_ends(Who::User), [(0, false)]);
}

#[test]
fn a_turn_without_sound_is_told_and_played_by_nobody() {
    let mut pair = Pair::talking();
    pair.service_says(
        &json!({"serverContent": {"turnComplete": true, "turnCompleteReason": "RESPONSE_REJECTED"}}),
    );
    pair.pass(ms(500));
    assert!(pair.player.ends.is_empty());
    let told = format!("{:?}", pair.told);
    assert!(told.contains("RESPONSE_REJECTED"), "{told}");
    assert!(!pair.events.iter().any(|(_, event)| matches!(event, ClientEvent::Error { .. })));
}

#[test]
fn nobody_has_heard_more_than_was_sent() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 4_800);
    pair.pass(ms(50));
    for epoch in [0, 1, 7] {
        let absurd = FromClient::Heard { epoch, samples: u64::MAX, underruns: 0, barge_in_ms: 0 };
        pair.relay_hears(RelayInput::PhoneText(absurd.encode()));
    }
    assert_eq!(pair.relay.as_ref().unwrap().heard(), (1, 4_800));
}
