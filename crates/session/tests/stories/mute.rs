//! Switching the microphone off and on.

use crate::pair::{Pair, frame_of, ms};
use vivavoce_gemini::{AutomaticActivityDetection, RealtimeInputConfig};
use vivavoce_session::{ClientEvent, ClientInput, ClientOutput, Moment, RelayInput, RelayOutput};
use vivavoce_wire::audio::AudioFrame;
use vivavoce_wire::message::FromClient;

#[test]
fn closes_the_turn_with_silence_once() {
    let mut pair = Pair::talking();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    let silent_before = pair.service.samples_of(0);
    pair.does(ClientInput::Mute(true));
    pair.does(ClientInput::Mute(true));
    pair.pass(ms(3_000));
    assert_eq!(pair.service.samples_of(0) - silent_before, 16_000);
    assert_eq!(pair.service.stream_ends(), 1);
    let heard = pair.service.samples_of(1_000);
    assert!(heard.abs_diff(8_000) <= 320, "{heard}");

    pair.does(ClientInput::Mute(false));
    pair.pass(ms(500));
    assert!(pair.service.samples_of(1_000) > heard + 6_000);
    assert_eq!(pair.service.stream_ends(), 1);
    pair.does(ClientInput::HangUp);
    pair.pass(ms(500));
    assert_eq!(pair.service.stream_ends(), 2);
    let muted = |(_, event): &&(_, ClientEvent)| matches!(event, ClientEvent::Muted { .. });
    assert_eq!(pair.events.iter().filter(muted).count(), 2);
}

#[test]
fn ends_no_stream_that_has_not_begun() {
    let mut pair = Pair::new();
    pair.does(ClientInput::Mute(true));
    pair.opens_the_microphone(1_000);
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    pair.pass(ms(500));
    assert_eq!(pair.service.stream_ends(), 0);
    assert_eq!(pair.service.samples_of(1_000), 0);
    assert!(pair.asked.iter().any(|(_, message)| *message == FromClient::Mute { muted: true }));
}

#[test]
fn what_was_said_before_a_mute_without_a_connection_is_still_sent() {
    let mut pair = Pair::new();
    pair.opens_the_microphone(1_000);
    pair.does(ClientInput::Start);
    pair.pass(ms(60));
    pair.does(ClientInput::Mute(true));
    pair.until("ready", Pair::is_ready);
    assert!(pair.service.samples_of(1_000) >= 960, "{}", pair.service.samples_of(1_000));
    assert_eq!(pair.service.stream_ends(), 1);
}

#[test]
fn the_position_goes_on_while_muted() {
    let mut pair = Pair::talking();
    pair.closes_the_microphone();
    let now = Moment::after_origin(pair.now);
    pair.client.handle(ClientInput::Mute(true), now);
    pair.client.handle(ClientInput::Microphone(frame_of(1, 4_800)), now + ms(300));
    pair.client.handle(ClientInput::Mute(false), now + ms(300));
    let before = last_position(&mut pair);
    assert_eq!(before, None);
    pair.client.handle(ClientInput::Microphone(frame_of(1, 320)), now + ms(300));
    let position = last_position(&mut pair).unwrap();
    pair.client.handle(ClientInput::Mute(true), now + ms(400));
    pair.client.handle(ClientInput::Mute(false), now + ms(1_400));
    pair.client.handle(ClientInput::Microphone(frame_of(1, 320)), now + ms(1_400));
    assert_eq!(last_position(&mut pair), Some(position + 320 + 16_000));
}

#[test]
fn audio_that_comes_though_muted_is_dropped() {
    let mut pair = Pair::talking();
    pair.does(ClientInput::Mute(true));
    pair.pass(ms(200));
    let frame = AudioFrame {
        kind: vivavoce_wire::Kind::Microphone,
        codec: vivavoce_wire::Codec::Pcm,
        epoch: 0,
        sequence: 9,
        position: 0,
        payload: frame_of(77, 320),
    };
    pair.relay_hears(RelayInput::PhoneBinary(frame.encode()));
    assert_eq!(pair.service.samples_of(77), 0);
    assert!(!pair.relay.as_ref().unwrap().is_over());
    assert!(matches!(pair.relay.as_mut().unwrap().poll(), RelayOutput::Timeout(Some(_))));
}

#[test]
fn the_end_of_a_file_is_said_and_more_may_follow() {
    let mut pair = Pair::talking();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(200));
    pair.closes_the_microphone();
    pair.does(ClientInput::MicrophoneEnd);
    pair.pass(ms(200));
    assert_eq!(pair.service.stream_ends(), 1);
    pair.opens_the_microphone(1_000);
    pair.pass(ms(200));
    pair.does(ClientInput::MicrophoneEnd);
    pair.pass(ms(200));
    assert_eq!(pair.service.stream_ends(), 2);
}

#[test]
fn silence_that_was_sent_is_not_sent_again() {
    let mut pair = Pair::talking();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    let before = pair.service.samples_of(0);
    pair.opens_the_microphone(0);
    pair.pass(ms(600));
    pair.closes_the_microphone();
    pair.does(ClientInput::MicrophoneEnd);
    pair.pass(ms(200));
    assert_eq!(pair.service.samples_of(0) - before, 16_000);
    assert_eq!(pair.service.stream_ends(), 1);
}

#[test]
fn a_crumb_of_sound_is_not_worth_a_second_of_silence() {
    let mut pair = Pair::talking();
    pair.closes_the_microphone();
    pair.pass(ms(1_000));
    let before = pair.service.samples_of(0);
    for sequence in 1_000..1_100 {
        let frame = AudioFrame {
            kind: vivavoce_wire::Kind::Microphone,
            codec: vivavoce_wire::Codec::Pcm,
            epoch: 0,
            sequence,
            position: 0,
            payload: frame_of(9, 1),
        };
        pair.relay_hears(RelayInput::PhoneBinary(frame.encode()));
        pair.relay_hears(RelayInput::PhoneText(FromClient::AudioEnd.encode()));
    }
    let silence = pair.service.samples_of(0) - before;
    assert!((1..=16_000 + 100 * 20).contains(&silence), "{silence}");
}

#[test]
fn where_the_client_marks_speech_the_mark_is_set_and_no_stream_is_ended() {
    let mut pair = Pair::new();
    let detection = AutomaticActivityDetection { disabled: true, ..AutomaticActivityDetection::default() };
    pair.relay_config.setup.realtime_input_config = Some(RealtimeInputConfig {
        automatic_activity_detection: Some(detection),
        ..RealtimeInputConfig::default()
    });
    pair.opens_the_microphone(1_000);
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    for speaking in [true, true, false, true] {
        pair.relay_hears(RelayInput::PhoneText(FromClient::Activity { speaking }.encode()));
    }
    pair.does(ClientInput::Mute(true));
    pair.pass(ms(500));
    let marks: Vec<bool> = pair
        .service
        .messages()
        .iter()
        .filter_map(|message| {
            let input = message.get("realtimeInput")?;
            Some(input.get("activityStart").is_some() || input.get("activityEnd").is_none())
        })
        .collect();
    assert_eq!(marks, [true, false, true, false]);
    assert_eq!((pair.service.stream_ends(), pair.service.samples_of(0)), (0, 0));
}

#[test]
fn where_the_service_listens_for_itself_a_client_s_mark_is_a_hint() {
    let mut pair = Pair::talking();
    pair.relay_hears(RelayInput::PhoneText(FromClient::Activity { speaking: true }.encode()));
    assert_eq!(pair.service.messages().len(), 1);
    assert!(pair.relay.as_ref().unwrap().phone_hears_speech());
}

fn last_position(pair: &mut Pair) -> Option<u64> {
    let mut position = None;
    loop {
        match pair.client.poll() {
            ClientOutput::Timeout(_) => return position,
            ClientOutput::SendBinary(bytes) => position = Some(AudioFrame::decode(bytes).unwrap().position),
            _ => {}
        }
    }
}
