//! The person holds a button while speaking.

use crate::pair::{Pair, Said, ms, speech};
use serde_json::json;
use std::time::Duration;
use vivavoce_session::ClientInput;
use vivavoce_session::client::Who;
use vivavoce_wire::message::Mode;

#[derive(Debug, PartialEq)]
enum Heard {
    Start,
    /// So many samples.
    Sound(usize),
    End,
}

/// What the service heard, sound summed up.
fn heard(pair: &Pair) -> Vec<Heard> {
    let mut all = Vec::new();
    for (_, said) in &pair.service.heard {
        match said {
            Said::Audio { samples, .. } => match all.last_mut() {
                Some(Heard::Sound(sum)) => *sum += samples,
                _ => all.push(Heard::Sound(*samples)),
            },
            Said::Message(message) if message["realtimeInput"]["activityStart"].is_object() => {
                all.push(Heard::Start);
            }
            Said::Message(message) if message["realtimeInput"]["activityEnd"].is_object() => {
                all.push(Heard::End);
            }
            Said::Message(_) => {}
        }
    }
    all
}

fn talking() -> Pair {
    let mut pair = Pair::talking_in(Mode::PushToTalk);
    pair.pass(ms(1_000));
    pair
}

#[test]
fn the_service_is_told_to_leave_the_turns_to_the_button() {
    let pair = talking();
    let setup = &pair.service.messages()[0]["setup"];
    let detection = &setup["realtimeInputConfig"]["automaticActivityDetection"];
    assert_eq!(detection, &json!({"disabled": true}));
    assert_eq!(heard(&pair), [], "and hears nothing before a press");
}

#[test]
fn a_press_sends_what_was_said_just_before_it_and_a_release_what_is_on_its_way() {
    let mut pair = talking();
    pair.does(ClientInput::Press(true));
    pair.pass(ms(1_000));
    pair.does(ClientInput::Press(false));
    pair.pass(ms(1_000));
    let [Heard::Start, Heard::Sound(samples), Heard::End] = heard(&pair)[..] else {
        panic!("{:?}", heard(&pair))
    };
    assert!(samples.abs_diff((300 + 1_000 + 100) * 16) <= 320, "{samples}");
    assert_eq!((pair.service.stream_ends(), pair.service.samples_of(0)), (0, samples));
}

#[test]
fn a_blip_closes_its_turn() {
    let mut pair = talking();
    for _ in 0..2 {
        pair.does(ClientInput::Press(true));
        pair.does(ClientInput::Press(false));
        pair.pass(ms(1_000));
    }
    let [Heard::Start, Heard::Sound(first), Heard::End, Heard::Start, Heard::Sound(second), Heard::End] =
        heard(&pair)[..]
    else {
        panic!("{:?}", heard(&pair))
    };
    assert!(first >= 4_800 && second >= 4_800, "{first}, {second}");
}

#[test]
fn a_blip_before_any_sound_closes_its_turn() {
    let mut pair = talking();
    pair.closes_the_microphone();
    pair.does(ClientInput::Mute(true));
    pair.does(ClientInput::Mute(false));
    pair.does(ClientInput::Press(true));
    pair.does(ClientInput::Press(false));
    pair.pass(ms(1_000));
    assert_eq!(heard(&pair), [Heard::Start, Heard::End]);
}

#[test]
fn presses_before_anyone_listens_keep_their_order() {
    let mut pair = Pair::in_mode(Mode::PushToTalk);
    pair.service.setup_time = ms(1_500);
    pair.opens_the_microphone(5);
    pair.does(ClientInput::Start);
    for _ in 0..2 {
        pair.pass(ms(200));
        pair.does(ClientInput::Press(true));
        pair.pass(ms(200));
        pair.does(ClientInput::Press(false));
    }
    pair.until("ready", Pair::is_ready);
    pair.pass(ms(2_000));
    let all = heard(&pair);
    let [Heard::Start, Heard::Sound(_), Heard::End, Heard::Start, Heard::Sound(_), Heard::End] = all[..]
    else {
        panic!("{all:?}")
    };
}

#[test]
fn mute_and_goodbye_close_the_turn_at_once() {
    for leave in [ClientInput::Mute(true), ClientInput::HangUp, ClientInput::MicrophoneEnd] {
        let mut pair = talking();
        pair.does(ClientInput::Press(true));
        pair.pass(ms(200));
        pair.does(leave);
        pair.pass(ms(1_000));
        assert_eq!(heard(&pair).last(), Some(&Heard::End));
        let ends = heard(&pair).iter().filter(|heard| **heard == Heard::End).count();
        assert_eq!(ends, 1);
    }
}

#[test]
fn a_lost_connection_closes_the_turn_and_the_next_goes_on_while_the_button_is_down() {
    for still_pressed in [true, false] {
        let mut pair = Pair::in_mode(Mode::PushToTalk);
        pair.keeps_calls = false;
        let mut pair = pair.begun();
        pair.pass(ms(1_000));
        pair.does(ClientInput::Press(true));
        pair.pass(ms(200));
        pair.cut();
        let before = heard(&pair);
        assert_eq!(before.last(), Some(&Heard::End), "{before:?}");
        pair.pass(ms(100));
        pair.does(ClientInput::Press(still_pressed));
        pair.until("there again", |pair| pair.relays == 2 && pair.service.messages().len() > 4);
        pair.pass(ms(3_000));
        pair.does(ClientInput::Press(false));
        pair.pass(ms(1_000));
        let after = &heard(&pair)[before.len()..];
        let [Heard::Start, Heard::Sound(samples), Heard::End] = after[..] else { panic!("{after:?}") };
        assert_eq!(samples > 32_000, still_pressed, "{samples}");
    }
}

#[test]
fn a_turn_goes_on_through_a_lost_connection() {
    for still_pressed in [true, false] {
        let mut pair = talking();
        pair.does(ClientInput::Press(true));
        pair.pass(ms(200));
        pair.cut();
        pair.pass(ms(100));
        pair.does(ClientInput::Press(still_pressed));
        pair.until("there again", |pair| pair.seats == 2);
        pair.pass(ms(1_000));
        let spoken = if still_pressed { (pair.now - Duration::from_secs(101)).as_millis() } else { 600 };
        pair.does(ClientInput::Press(false));
        pair.pass(ms(1_000));
        let all = heard(&pair);
        let [Heard::Start, Heard::Sound(samples), Heard::End] = all[..] else { panic!("{all:?}") };
        assert!(samples as u128 + 640 >= 16 * spoken.min(600), "{samples} of {spoken} ms");
    }
}

#[test]
fn a_turn_that_stands_still_for_too_long_is_closed() {
    let mut pair = talking();
    pair.does(ClientInput::Press(true));
    pair.pass(ms(200));
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(ms(5_100));
    assert_eq!(heard(&pair).last(), Some(&Heard::End));
    assert!(!pair.relay.as_ref().unwrap().is_over());
}

#[test]
fn a_press_silences_a_turn_that_is_complete_and_plays() {
    let mut pair = talking();
    pair.service_says(&speech(7, 48_000));
    pair.service_says(&json!({"serverContent": {"outputTranscription": {"text": "A long story"}}}));
    pair.service_says(&json!({"serverContent": {"generationComplete": true}}));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.pass(ms(500));
    assert!(!pair.player.is_silent());
    pair.does(ClientInput::Press(true));
    pair.pass(ms(20));
    assert!(pair.player.is_silent());
    assert_eq!(pair.caption_ends(Who::Model).last(), Some(&(1, true)));
}

#[test]
fn what_was_on_its_way_at_the_press_never_sounds_and_the_answer_does() {
    let mut pair = talking();
    pair.service_says(&speech(7, 24_000));
    pair.does(ClientInput::Press(true));
    pair.pass(ms(500));
    assert_eq!(pair.player.heard_of(1), 0);
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.does(ClientInput::Press(false));
    pair.pass(ms(300));
    pair.service_says(&speech(9, 24_000));
    pair.service_says(&json!({"serverContent": {"generationComplete": true, "turnComplete": true}}));
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard_of(2), 24_000);
}
