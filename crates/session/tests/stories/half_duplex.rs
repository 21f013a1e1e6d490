//! The microphone is silenced while the loudspeaker sounds.

use crate::pair::{Pair, ms, speech};
use serde_json::json;
use vivavoce_session::ClientInput;
use vivavoce_wire::message::Mode;

/// The echo of the model at the microphone, and a voice: samples, all alike.
const ECHO: i16 = 2_000;
const ROOM: i16 = 20;
const VOICE: i16 = 3_000;

/// A call in which the model has begun to speak for a second, with its echo at the microphone.
fn speaking() -> Pair {
    let mut pair = Pair::in_mode(Mode::HalfDuplex);
    pair.opens_the_microphone(ROOM);
    pair.does(ClientInput::Start);
    pair.until("ready", Pair::is_ready);
    pair.pass(ms(1_000));
    pair.service_says(&speech(7, 24_000));
    pair.service_says(&json!({"serverContent": {"generationComplete": true, "turnComplete": true}}));
    pair.until("speaking", |pair| !pair.player.is_silent());
    pair.pass(ms(20));
    pair.opens_the_microphone(ECHO);
    pair.until("silent", |pair| pair.player.is_silent());
    pair
}

/// Samples of the stream so far.
fn length(pair: &Pair) -> usize {
    [0, ROOM, ECHO, VOICE].iter().map(|sample| pair.service.samples_of(*sample)).sum()
}

#[test]
fn the_model_does_not_hear_itself_and_the_stream_goes_on() {
    let mut pair = speaking();
    pair.pass(ms(80));
    pair.opens_the_microphone(ROOM);
    pair.pass(ms(1_000));
    assert_eq!(pair.service.samples_of(ECHO), 0);
    let silent = pair.service.samples_of(0);
    assert!((1_000 * 16..1_400 * 16).contains(&silent), "{silent}");
    let before = length(&pair);
    pair.pass(ms(1_000));
    assert_eq!(length(&pair) - before, 16_000);
}

#[test]
fn words_that_begin_as_the_model_ends_are_not_lost() {
    for after_ms in [60, 120, 200, 240, 300] {
        let mut pair = speaking();
        pair.opens_the_microphone(ROOM);
        pair.pass(ms(after_ms));
        pair.opens_the_microphone(VOICE);
        pair.pass(ms(600));
        pair.opens_the_microphone(ROOM);
        pair.pass(ms(1_000));
        let heard = pair.service.samples_of(VOICE);
        assert!(heard.abs_diff(600 * 16) <= 320, "{after_ms} ms after the end: {heard}");
        // Words that begin in the echo bring a little of it.
        let echo = pair.service.samples_of(ECHO);
        assert!(echo <= if after_ms <= 60 { 250 * 16 } else { 0 }, "{after_ms} ms: {echo}");
    }
}

#[test]
fn a_hand_silences_the_model_where_a_voice_cannot() {
    let mut pair = Pair::talking_in(Mode::HalfDuplex);
    pair.service_says(&speech(7, 240_000));
    pair.until("speaking", |pair| !pair.player.is_silent());
    pair.pass(ms(500));
    pair.does(ClientInput::Interrupt);
    pair.opens_the_microphone(VOICE);
    pair.pass(ms(1_000));
    assert!(pair.player.is_silent());
    assert!(pair.service.samples_of(VOICE) > 700 * 16);
}
