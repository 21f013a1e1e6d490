//! Words spoken before anyone listens.

use crate::pair::{Pair, Said, ms};
use std::time::Duration;
use vivavoce_session::ClientInput;
use vivavoce_wire::message::FromProxy;

#[test]
fn nothing_that_was_said_since_the_tap_is_lost() {
    let mut pair = Pair::new();
    pair.network.latency = ms(300);
    pair.service.setup_time = ms(1_500);
    pair.opens_the_microphone(5);
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    pair.closes_the_microphone();
    pair.pass(ms(3_000));
    // 900 ms until the socket is open, 300 until hello is there, 1 620 for the setup, 300 for ready.
    let spoken = (900 + 300 + 1_620 + 300) * 16;
    let heard = pair.service.samples_of(5);
    assert!(heard.abs_diff(spoken) <= 2 * 320, "{heard} of {spoken}");
    assert_eq!(pair.client.dropped_samples(), 0);
}

#[test]
fn what_was_kept_goes_at_twice_the_pace_of_speech_and_before_what_follows() {
    let mut pair = Pair::new();
    pair.service.setup_time = ms(2_000);
    pair.opens_the_microphone(5);
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    let ready = pair.told_at(|message| matches!(message, FromProxy::Ready(_))).unwrap();
    pair.opens_the_microphone(6);
    pair.pass(ms(5_000));
    let sounds: Vec<_> = pair
        .service
        .heard
        .iter()
        .filter_map(|(at, said)| {
            if let Said::Audio { samples, first } = said { Some((*at, *samples, *first)) } else { None }
        })
        .collect();
    assert!(sounds.iter().all(|(at, ..)| *at >= ready), "sent before the service was ready");
    let mut sent = 0;
    for (at, samples, _) in &sounds {
        sent += samples;
        let most = (*at - ready).as_millis() as usize * 32 + 2 * 320;
        assert!(sent <= most, "{sent} samples after {:?}", *at - ready);
    }
    let follows = sounds.iter().position(|(.., first)| *first == 6).unwrap();
    assert!(sounds[follows..].iter().all(|(.., first)| *first == 6));
    // 40 ms to the proxy and 20 of the frame: the line has caught up.
    assert!(sent.abs_diff(pair.service.samples_of(5) + (5_000 - 40) * 16) <= 3 * 320, "{sent}");
}

#[test]
fn text_and_the_end_of_a_file_wait_too() {
    let mut pair = Pair::new();
    pair.opens_the_microphone(5);
    pair.does(ClientInput::Start);
    pair.pass(ms(60));
    pair.closes_the_microphone();
    pair.does(ClientInput::MicrophoneEnd);
    pair.does(ClientInput::Text("And in writing.".into()));
    pair.until("ready", Pair::is_ready);
    pair.pass(ms(200));
    assert_eq!(pair.service.stream_ends(), 1);
    assert_eq!(pair.service.samples_of(0), 16_000);
    assert_eq!(pair.service.messages().last().unwrap()["realtimeInput"]["text"], "And in writing.");
}

#[test]
fn the_oldest_gives_way_and_is_counted() {
    let mut pair = Pair::new();
    pair.opens_the_microphone(5);
    pair.pass(Duration::from_secs(12));
    let dropped = pair.client.dropped_samples();
    assert!(dropped.abs_diff(2 * 16_000) <= 640, "{dropped}");
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    pair.pass(Duration::from_secs(11));
    assert!(pair.service.samples_of(5) >= 20 * 16_000);
}
