//! Words spoken before anyone listens.

use crate::pair::{Pair, Said, frame_of, hello, ms, relay_config};
use std::time::Duration;
use vivavoce_session::{ClientInput, Moment, Relay, RelayInput, RelayOutput};
use vivavoce_wire::audio::{AudioFrame, Codec, Kind};
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

#[test]
fn what_waits_is_said_at_the_rate_it_was_recorded_at_whoever_takes_the_call_over() {
    let (mut relay, mut now) = (Relay::new(relay_config()), Moment::default());
    let mut heard: Vec<(u32, usize)> = Vec::new();
    let mut tell = |relay: &mut Relay, input, now| {
        relay.handle(input, now);
        loop {
            match relay.poll() {
                RelayOutput::Uplink { pcm, rate_hz } => heard.push((rate_hz, pcm.len() / 2)),
                RelayOutput::Timeout(wakes) => return wakes,
                _ => {}
            }
        }
    };
    let rates_hz = [16_000, 48_000, 8_000];
    for rate_hz in rates_hz {
        let mut hello = hello();
        hello.audio.rate_hz = rate_hz;
        tell(&mut relay, RelayInput::PhoneEnters { hello: Box::new(hello), secret: None }, now);
        for sequence in 0..10 {
            let payload = frame_of(5, rate_hz as usize / 50);
            let frame = AudioFrame {
                kind: Kind::Microphone,
                codec: Codec::Pcm,
                epoch: 0,
                sequence,
                position: 0,
                payload,
            };
            tell(&mut relay, RelayInput::PhoneBinary(frame.encode()), now);
        }
    }
    tell(&mut relay, RelayInput::ServiceOpen, now);
    let ready = RelayInput::of_service(br#"{"setupComplete":{}}"#).unwrap();
    let mut wakes = tell(&mut relay, ready, now);
    let end = now + ms(400);
    while let Some(at) = wakes.filter(|at| *at <= end) {
        now = at;
        wakes = tell(&mut relay, RelayInput::Timeout, now);
    }
    let expected: Vec<_> =
        rates_hz.iter().flat_map(|rate_hz| vec![(*rate_hz, *rate_hz as usize / 50); 10]).collect();
    assert_eq!(heard, expected, "600 ms, at twice the pace of speech");
}
