//! A call outlives the phone's connection: nothing that either side said is lost, and nothing is said twice.

use crate::pair::{Pair, ms, speech};
use crate::talk::{answers, is_done};
use serde_json::json;
use std::time::Duration;
use vivavoce_session::client::{ClientState, Who};
use vivavoce_session::{ClientInput, RelayInput};
use vivavoce_wire::message::{FromClient, FromProxy};
use vivavoce_wire::{Code, Trouble};

#[test]
fn not_a_sample_of_either_side_is_lost_in_a_cut_of_three_seconds() {
    for silent_ms in [0, 200, 3_000] {
        let mut pair = Pair::talking();
        pair.opens_the_microphone(1_000);
        answers(&mut pair, 2_000, 24_000);
        pair.pass(ms(300));
        pair.service_says(&speech(2_001, 96_000));
        pair.network.is_reachable = silent_ms == 0;
        pair.cut();
        pair.service_says(&speech(2_002, 24_000));
        is_done(&mut pair);
        pair.pass(ms(silent_ms));
        pair.network.is_reachable = true;
        pair.does(ClientInput::Awake);
        pair.until("there again", |pair| pair.seats == 2);
        pair.pass(ms(8_000));
        pair.closes_the_microphone();
        pair.pass(ms(200));
        let spoken = (pair.now - Duration::from_secs(100)).as_millis() as usize * 16;
        let heard = pair.service.samples_of(1_000) + pair.service.samples_of(0);
        assert!(spoken.abs_diff(heard) <= 16 * 300, "{heard} of {spoken}");
        for (sample, samples) in [(2_000, 24_000), (2_001, 96_000), (2_002, 24_000)] {
            assert_eq!(pair.player.heard[&(1, sample)], samples, "after {silent_ms} ms");
        }
        assert_eq!(pair.player.ends[&1], 144_000);
        assert_eq!(pair.caption_ends(Who::Model), [(1, false)]);
        assert_eq!((pair.relays, pair.errors().len(), pair.client.dropped_samples()), (1, 0, 0));
    }
}

#[test]
fn the_microphone_s_samples_arrive_once_each_and_in_order() {
    let mut pair = Pair::talking();
    for sample in 1..200 {
        pair.opens_the_microphone(sample);
        pair.pass(ms(20));
        if sample % 40 == 0 {
            pair.cut();
        }
    }
    pair.closes_the_microphone();
    pair.pass(ms(5_000));
    let mut heard = pair.service.sounds();
    heard.retain(|sample| *sample > 1);
    assert_eq!(heard, Vec::from_iter(2..200));
    assert!((2..200).all(|sample| pair.service.samples_of(sample) == 320));
}

#[test]
fn what_was_spoken_meanwhile_comes_at_twice_its_pace() {
    let mut pair = Pair::talking();
    pair.network.is_reachable = false;
    pair.opens_the_microphone(7);
    pair.cut();
    pair.pass(ms(4_000));
    pair.network.is_reachable = true;
    pair.does(ClientInput::Awake);
    pair.until("there again", |pair| pair.seats == 2);
    let before = pair.service.samples_of(7);
    pair.pass(ms(1_000));
    let sent = pair.service.samples_of(7) - before;
    assert!((26_000..=34_000).contains(&sent), "{sent} samples in a second");
}

#[test]
fn a_sentence_of_the_user_s_and_a_text_are_shown_and_said_once() {
    let mut pair = Pair::talking();
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": "One,"}}}));
    pair.pass(ms(200));
    pair.cut();
    pair.service_says(&json!({"serverContent": {"inputTranscription": {"text": " two,"}}}));
    pair.does(ClientInput::Text("Three.".into()));
    pair.until("there again", |pair| pair.seats == 2);
    pair.pass(ms(500));
    assert_eq!(pair.caption(Who::User, 0), "One, two,");
    let texts =
        pair.service.messages().iter().filter(|message| message["realtimeInput"]["text"] == "Three.").count();
    assert_eq!(texts, 1);
}

#[test]
fn an_interruption_while_the_phone_is_away_reaches_it_before_anything_else() {
    let mut pair = Pair::talking();
    answers(&mut pair, 2_000, 240_000);
    pair.pass(ms(500));
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(ms(300));
    pair.service_says(&json!({"serverContent": {"interrupted": true}}));
    pair.service_says(&json!({"serverContent": {"turnComplete": true}}));
    pair.service_says(&speech(3_000, 24_000));
    is_done(&mut pair);
    pair.pass(ms(300));
    pair.network.is_reachable = true;
    pair.does(ClientInput::Awake);
    pair.until("there again", |pair| pair.seats == 2);
    pair.pass(ms(50));
    let heard = pair.player.heard_of(1);
    pair.pass(ms(3_000));
    assert_eq!(pair.player.heard_of(1), heard, "it was cut as soon as the phone was back");
    assert_eq!(pair.player.heard[&(2, 3_000)], 24_000);
    assert_eq!(pair.caption_ends(Who::Model), [(1, true)]);
}

#[test]
fn a_sentence_that_breaks_off_with_the_connection_is_closed_after_five_seconds() {
    let mut pair = Pair::talking();
    pair.opens_the_microphone(1_000);
    pair.pass(ms(500));
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(ms(4_900));
    assert_eq!(pair.service.stream_ends(), 0);
    let silent_before = pair.service.samples_of(0);
    pair.pass(ms(200));
    assert_eq!(pair.service.stream_ends(), 1);
    assert_eq!(pair.service.samples_of(0) - silent_before, 16_000);
}

#[test]
fn is_waited_for_so_long_and_no_longer() {
    let mut pair = Pair::talking();
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(ms(44_900));
    assert_eq!(pair.service.closed_at, None);
    pair.pass(ms(200));
    assert!(pair.service.closed_at.is_some());
    assert!(pair.relay.as_ref().unwrap().is_over());
    pair.network.is_reachable = true;
    pair.does(ClientInput::Awake);
    pair.until("another call", |pair| pair.relays == 2);
    pair.pass(ms(500));
    assert_eq!(pair.states().last(), Some(&ClientState::Listening));
    let codes: Vec<String> = pair.errors().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["words_lost"], "45 s are more than is kept");
}

#[test]
fn a_microphone_that_is_away_for_too_long_loses_the_oldest_and_says_so() {
    let mut pair = Pair::talking();
    pair.network.is_reachable = false;
    pair.cut();
    pair.pass(ms(20_000));
    assert!(pair.errors().is_empty());
    pair.network.is_reachable = true;
    pair.does(ClientInput::Awake);
    pair.until("there again", |pair| pair.seats == 2);
    pair.pass(ms(1_000));
    let lost_ms = pair.client.dropped_samples() / 16;
    assert!((9_000..11_500).contains(&lost_ms), "{lost_ms} ms of 20 s, of which 10 s are kept");
    let codes: Vec<String> = pair.errors().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["words_lost"]);
}

#[test]
fn a_second_connection_takes_the_call_over() {
    let mut pair = Pair::talking();
    let hello = pair.hello_of_another();
    pair.relay_hears(RelayInput::PhoneEnters { hello, secret: Some("another".into()) });
    let Some((_, FromProxy::Error { error })) =
        pair.told.iter().rev().find(|(_, message)| matches!(message, FromProxy::Error { .. }))
    else {
        panic!("the first is told nothing")
    };
    assert_eq!(error.code.name(), "taken_over");
    let Some((_, FromProxy::Ready(ready))) = pair.told.last() else { panic!("{:?}", pair.told.last()) };
    assert!(ready.next.is_some() && ready.secret.as_deref() == Some("another"));
}

#[test]
fn one_that_was_too_slow_is_waited_for_and_one_that_broke_the_rules_is_not() {
    for (code, is_over) in [(Code::TooSlow, false), (Code::TooLarge, true), (Code::BadMessage, true)] {
        let mut pair = Pair::talking();
        pair.relay_hears(RelayInput::PhoneFault(Trouble::new(code, "Why.")));
        let errors =
            pair.told.iter().filter(|(_, message)| matches!(message, FromProxy::Error { .. })).count();
        assert_eq!((pair.relay.as_ref().unwrap().is_over(), errors), (is_over, 1), "{code:?}");
        assert_eq!(pair.service.closed_at.is_some(), is_over, "{code:?}");
    }
}

#[test]
fn each_connection_has_a_secret_of_its_own_and_the_old_one_lives_until_the_new_one_came() {
    let mut pair = Pair::talking();
    pair.pass(ms(500));
    assert_eq!(pair.secrets(), ["secret-1"]);
    pair.cut();
    pair.until("there again", |pair| pair.seats == 2);
    // `ready` is lost on its way, and with it the second secret: the first still opens the call.
    pair.cut();
    assert_eq!(pair.secrets(), ["secret-1", "secret-2"]);
    pair.until("there again", |pair| pair.seats == 3);
    pair.pass(ms(500));
    assert_eq!((pair.secrets(), pair.relays), (vec![String::from("secret-3")], 1));
}

#[test]
fn absurd_numbers_of_a_client_s_lose_nothing() {
    let mut pair = Pair::talking();
    for next in [7_000, u32::MAX] {
        pair.relay_hears(RelayInput::PhoneText(FromClient::Received { next }.encode()));
    }
    answers(&mut pair, 2_000, 24_000);
    is_done(&mut pair);
    pair.pass(ms(2_000));
    assert_eq!(pair.player.heard_of(1), 24_000);
}
