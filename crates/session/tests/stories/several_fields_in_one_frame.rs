//! One message of the service may hold anything together.

use crate::pair::{Pair, ms};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use vivavoce_session::client::Who;
use vivavoce_wire::message::{FromProxy, TurnState};

fn audio(bytes: &[u8]) -> serde_json::Value {
    json!({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": STANDARD.encode(bytes)}})
}

#[test]
fn each_field_is_taken_and_in_an_order_that_makes_sense() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({
        "serverContent": {
            "turnComplete": true,
            "generationComplete": true,
            "modelTurn": {"parts": [audio(&[1, 0].repeat(480)), audio(&[1, 0].repeat(20))]},
            "outputTranscription": {"text": "Yes."},
            "inputTranscription": {"text": "Is it?"},
        },
        "voiceActivity": {"type": "ACTIVITY_END"},
        "usageMetadata": {"totalTokenCount": 3},
        "sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true},
        "goAway": {"timeLeft": "50s"},
        "somethingNew": {"of": "tomorrow"},
    }));
    pair.pass(ms(500));
    let is_said = |message: &FromProxy| {
        !matches!(message, FromProxy::Ready(_) | FromProxy::Received { .. } | FromProxy::Committed { .. })
    };
    let told: Vec<FromProxy> = pair.told.iter().map(|(_, message)| message.clone()).filter(is_said).collect();
    let turn = |state, samples| FromProxy::Turn { epoch: 1, state, samples, reason: None };
    assert_eq!(
        told,
        [
            FromProxy::Activity { speaking: false },
            FromProxy::UserTranscript { text: "Is it?".into(), done: false },
            turn(TurnState::Started, 0),
            FromProxy::ModelTranscript { epoch: 1, text: "Yes.".into() },
            turn(TurnState::Generated, 500),
            turn(TurnState::Complete, 500),
        ]
    );
    assert_eq!(pair.player.heard[&(1, 1)], 500);
    assert_eq!(pair.caption(Who::User, 0), "Is it?");
    let relay = pair.relay.as_ref().unwrap();
    assert_eq!(relay.resumption_handle(), Some("h-1"));
    assert!(relay.service_leaves_at().is_some());
}

#[test]
fn a_handle_that_is_not_resumable_does_not_replace_one_that_is() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": true}}));
    pair.service_says(&json!({"sessionResumptionUpdate": {}}));
    pair.service_says(&json!({"sessionResumptionUpdate": {"newHandle": "h-2"}}));
    pair.service_says(&json!({}));
    pair.pass(ms(100));
    assert_eq!(pair.relay.as_ref().unwrap().resumption_handle(), Some("h-1"));
}

#[test]
fn samples_that_are_cut_in_half_between_messages_are_whole_again() {
    let mut pair = Pair::talking();
    let pcm = 0x0102_i16.to_le_bytes().repeat(600);
    for (from, to) in [(0, 3), (3, 4), (4, 501), (501, 502), (502, 1_200)] {
        pair.service_says(&json!({"serverContent": {"modelTurn": {"parts": [audio(&pcm[from..to])]}}}));
    }
    pair.service_says(&json!({"serverContent": {"generationComplete": true}}));
    pair.pass(ms(500));
    assert_eq!(pair.player.heard[&(1, 0x0102)], 600);
    assert_eq!(pair.player.heard_of(1), 600);
}

#[test]
fn a_huge_message_reaches_the_phone_in_frames_of_a_second() {
    let mut pair = Pair::talking();
    pair.service_says(&crate::pair::speech(9, 100_000));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(ms(6_000));
    assert_eq!(pair.player.heard[&(1, 9)], 100_000);
    assert_eq!(pair.player.ends[&1], 100_000);
}

#[test]
fn thoughts_and_pictures_are_not_spoken() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"serverContent": {"modelTurn": {"parts": [
        {"text": "Hm, hm.", "thought": true},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    ]}}}));
    pair.pass(ms(500));
    let is_said = |(_, message): &&(_, FromProxy)| !matches!(message, FromProxy::Received { .. });
    assert_eq!(pair.told.iter().filter(is_said).count(), 1, "{:?}", pair.told);
}
